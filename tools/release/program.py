"""Signed programs (`.vfu`) and root files, written from docs/update.md and not from the terminal's reading of it.

A program is signed by two of three release keys over its manifest, which names the bundle's size and SHA-256. A root
file names three keys and is signed by two of the keys before and two of its own. Knows no terminal and no switch.
Nothing here depends on the clock: the same call gives the same bytes. Times in UTC seconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tools.release import development

HEAD = 2048
MAGIC, ROOT_MAGIC = b"VFU1", b"VRK1"
SIGNED_AS, ROOT_SIGNED_AS = b"vafa-update-1", b"vafa-root-1"
PATH = "program.bin"
NEEDED, KEYS, SIZE = 2, 3, 384
NEW = 0x80
ROOT_BODY = 4 + 2 + 2 + 10 + KEYS * SIZE


class SignsAsKey(Protocol):
    """Who signs, and the modulus by which that is checked."""

    modulus: bytes

    def sign(self, role: bytes, content: bytes) -> bytes: ...


class ProgramError(ValueError):
    """What shall be signed is no update a terminal would take; the text is for a person."""


@dataclass(frozen=True)
class Facts:
    """What a manifest says besides the payload. `needs`: lowest build it may replace; `root`: version of the root file
    whose keys sign; `journal`: format it writes, lowest it reads; `hardware`: from, to."""

    board: str
    version: str
    build: int
    epoch: int
    abi: int
    stage: int
    made_utc: int
    until_utc: int = 0
    needs: int = 0
    root: int = 1
    channel: str = development.CHANNEL
    hardware: tuple[int, int] = (1, 1)
    journal: tuple[int, int] = (3, 3)
    role: int = 1
    path: str = field(default=PATH)


def manifest(facts: Facts, payload: bytes) -> bytes:
    """The manifest: every value once, tags rising."""
    values: list[tuple[int, bytes]] = [
        (0x01, _u(facts.role, 1)),
        (0x02, facts.board.encode("ascii")),
        (0x03, bytes(facts.hardware)),
        (0x04, facts.channel.encode("ascii")),
        (0x05, _u(facts.abi, 2)),
        (0x06, _u(facts.stage, 1)),
        (0x07, facts.version.encode("ascii")),
        (0x08, _u(facts.build, 4)),
        (0x09, _u(facts.epoch, 2)),
        (0x0A, _u(facts.needs, 4)),
        (0x0B, _u(facts.made_utc, 4)),
        (0x0C, _u(facts.until_utc, 4)),
        (0x0D, _u(facts.root, 2)),
        (0x0E, bytes(facts.journal)),
        (0x0F, _u(len(payload), 4)),
        (0x10, _u(len(payload), 4) + hashlib.sha256(payload).digest() + facts.path.encode("ascii")),
    ]
    return b"".join(bytes((tag, len(value))) + value for tag, value in values)


def head(content: bytes, signers: Sequence[tuple[int, SignsAsKey]]) -> bytes:
    """The head of a manifest; signers as (place in the root file, key), places rising."""
    seals = b"".join(bytes((place,)) + signer.sign(SIGNED_AS, content) for place, signer in signers)
    raw = MAGIC + _u(len(content), 2) + _u(len(signers), 1) + content + seals
    if len(raw) > HEAD:
        raise ProgramError(f"a head of {len(raw)} bytes; {HEAD} is the most")
    return raw.ljust(HEAD, b"\0")


def signed_program(payload: bytes, facts: Facts, signers: Sequence[tuple[int, SignsAsKey]]) -> bytes:
    """The whole file: head and bundle."""
    if len(signers) != NEEDED or len({place for place, _ in signers}) != NEEDED:
        raise ProgramError(f"{NEEDED} different keys of {KEYS} sign a program")
    if not payload:
        raise ProgramError("no program")
    return head(manifest(facts, payload), sorted(signers, key=lambda one: one[0])) + payload


def program_file(
    bundle: bytes,
    *,
    board: str,
    version: str,
    build: int,
    epoch: int,
    abi: int,
    stage: int,
    made_utc: int,
    until_utc: int = 0,
    needs: int = 0,
    root: int = 1,
    channel: str = development.CHANNEL,
    signers: Sequence[tuple[int, SignsAsKey]] | None = None,
) -> bytes:
    """A `.vfu` of this bundle, signed with the keys of development unless others are given."""
    first, second, _ = development.signers()
    facts = Facts(board, version, build, epoch, abi, stage, made_utc, until_utc, needs, root, channel)
    return signed_program(bundle, facts, signers or ((0, first), (1, second)))


def root_body(version: int, keys: Sequence[bytes], *, channel: str = development.CHANNEL, epoch: int = 0) -> bytes:
    """What a root file says: as it is put into a terminal that has none yet."""
    if len(keys) != KEYS or len(set(keys)) != KEYS or any(len(key) != SIZE for key in keys):
        raise ProgramError(f"a root file names {KEYS} different keys")
    if not 1 <= version <= 0xFFFF or len(channel) > 10:
        raise ProgramError("version 1 to 65535, a channel of 10 characters at most")
    return ROOT_MAGIC + _u(version, 2) + _u(epoch, 2) + channel.encode("ascii").ljust(10) + b"".join(keys)


def development_root() -> bytes:
    """The root file of terminals that take what the keys of development sign."""
    return root_body(1, [key.modulus for key in development.signers()])


def root_file(body: bytes, old: Sequence[tuple[int, SignsAsKey]], new: Sequence[tuple[int, SignsAsKey]]) -> bytes:
    """A root file that follows another: signed by two keys of that one and two of its own, as (place, key)."""
    if len(old) != NEEDED or len(new) != NEEDED:
        raise ProgramError("two of the old keys and two of the new sign a root file")
    raw = body
    for kind, signers in ((0, old), (NEW, new)):
        for place, signer in sorted(signers, key=lambda one: one[0]):
            raw += bytes((kind | place,)) + signer.sign(ROOT_SIGNED_AS, body)
    return raw


@dataclass(frozen=True)
class Summary:
    """What a signed file says of itself, its signatures not looked at: `version` of the program as people say it, ""
    of a root file, whose `build` is its version."""

    board: str
    version: str
    build: int
    root: int
    made_utc: int


def summary(content: bytes) -> Summary:
    """Of a `.vfu` or a root file, whole by its own size and SHA-256. Raises ProgramError for anything else."""
    if content[:4] == ROOT_MAGIC and len(content) == ROOT_BODY + 2 * NEEDED * (1 + SIZE):
        number = int.from_bytes(content[4:6], "big")
        return Summary("", "", number, number, 0)
    if content[:4] != MAGIC or len(content) <= HEAD:
        raise ProgramError("neither a program nor a signed root file")
    values: dict[int, bytes] = {}
    at, end = 7, 7 + int.from_bytes(content[4:6], "big")
    while at + 2 <= min(end, HEAD):
        values[content[at]] = content[at + 2 : at + 2 + content[at + 1]]
        at += 2 + content[at + 1]
    if not {0x02, 0x07, 0x08, 0x0B, 0x0D, 0x0F, 0x10} <= set(values):
        raise ProgramError("a program whose manifest is not whole")
    if HEAD + int.from_bytes(values[0x0F], "big") != len(content):
        raise ProgramError("a program that is cut short")
    if values[0x10][4:36] != hashlib.sha256(content[HEAD:]).digest():
        raise ProgramError("a program whose content is not what its manifest says")
    build, made, root = (int.from_bytes(values[tag], "big") for tag in (0x08, 0x0B, 0x0D))
    return Summary(values[0x02].decode("ascii"), values[0x07].decode("ascii"), build, root, made)


def _u(value: int, size: int) -> bytes:
    try:
        return value.to_bytes(size, "big")
    except OverflowError as error:
        raise ProgramError(f"{value} does not fit {size} bytes") from error
