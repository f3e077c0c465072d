"""Signing by two people, one after the other, each with one key: a program or a root file gets one signature a call.

The file travels between them; what is missing shows in it. Nothing here holds more than one private key at a time.
"""

from __future__ import annotations

from tools.release.program import (
    HEAD,
    KEYS,
    MAGIC,
    NEEDED,
    NEW,
    ROOT_BODY,
    ROOT_MAGIC,
    ROOT_SIGNED_AS,
    SIGNED_AS,
    SIZE,
    ProgramError,
    SignsAsKey,
    summary,
)

_SEAL = 1 + SIZE
_KEYS_AT = 18
_CHANNEL, _UNTIL, _ROOT = 0x04, 0x0C, 0x0D
_TWICE = "the signature of this key stands in it already; still missing: {}"


def prepared(content: bytes, root: bytes, until_utc: int = 0) -> bytes:
    """A program under another root file, with no signature yet."""
    summary(content)
    values = dict(_values(_manifest(content)))
    values[_CHANNEL] = root[8:_KEYS_AT].rstrip()
    values[_ROOT] = root[4:6]
    values[_UNTIL] = until_utc.to_bytes(4, "big")
    manifest = b"".join(bytes((tag, len(value))) + value for tag, value in sorted(values.items()))
    return _head(manifest, {}) + content[HEAD:]


def signed_program(content: bytes, root: bytes, signer: SignsAsKey) -> tuple[bytes, int]:
    """One signature more, and how many are still missing. Raises ProgramError."""
    summary(content)
    manifest, seals = _manifest(content), _seals(content)
    if dict(_values(manifest))[_ROOT] != root[4:6]:
        raise ProgramError("the program names another root file than the one given")
    place = _place(root, signer)
    if place in seals:
        raise ProgramError(_TWICE.format(NEEDED - len(seals)))
    seals[place] = signer.sign(SIGNED_AS, manifest)
    if len(seals) > NEEDED:
        raise ProgramError(f"{NEEDED} signatures are there already")
    return _head(manifest, seals) + content[HEAD:], NEEDED - len(seals)


def signed_root(content: bytes, before: bytes, signer: SignsAsKey) -> tuple[bytes, int]:
    """One signature more on a root file that follows `before`, by a key of that one or one of its own (a key of both
    signs as both); how many are still missing. Raises ProgramError."""
    body, rest = content[:ROOT_BODY], content[ROOT_BODY:]
    if body[:4] != ROOT_MAGIC or len(body) != ROOT_BODY or len(rest) % _SEAL:
        raise ProgramError("no root file")
    seals = {rest[at]: rest[at + 1 : at + _SEAL] for at in range(0, len(rest), _SEAL)}
    places = [kind | place for kind, keys in ((0, before), (NEW, body)) for place in _places(keys, signer)]
    if not places:
        raise ProgramError("this key stands in neither root file")
    if all(place in seals for place in places):
        raise ProgramError(_TWICE.format(2 * NEEDED - len(seals)))
    for place in places:
        same = [one for one in seals if one & NEW == place & NEW and one != place]
        if len(same) < NEEDED:
            seals[place] = signer.sign(ROOT_SIGNED_AS, body)
    return body + b"".join(bytes((place,)) + seals[place] for place in sorted(seals)), 2 * NEEDED - len(seals)


def _place(root: bytes, signer: SignsAsKey) -> int:
    found = _places(root, signer)
    if not found:
        raise ProgramError("this key does not stand in the root file")
    return found[0]


def _places(root: bytes, signer: SignsAsKey) -> list[int]:
    keys = [root[_KEYS_AT + i * SIZE : _KEYS_AT + (i + 1) * SIZE] for i in range(KEYS)]
    return [place for place, modulus in enumerate(keys) if modulus == signer.modulus]


def _manifest(content: bytes) -> bytes:
    return content[7 : 7 + int.from_bytes(content[4:6], "big")]


def _seals(content: bytes) -> dict[int, bytes]:
    at = 7 + int.from_bytes(content[4:6], "big")
    rows = [content[at + i * _SEAL : at + (i + 1) * _SEAL] for i in range(content[6])]
    return {row[0]: row[1:] for row in rows}


def _values(manifest: bytes) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    at = 0
    while at + 2 <= len(manifest):
        found.append((manifest[at], manifest[at + 2 : at + 2 + manifest[at + 1]]))
        at += 2 + manifest[at + 1]
    return found


def _head(manifest: bytes, seals: dict[int, bytes]) -> bytes:
    rows = b"".join(bytes((place,)) + seals[place] for place in sorted(seals))
    return (MAGIC + len(manifest).to_bytes(2, "big") + bytes((len(seals),)) + manifest + rows).ljust(HEAD, b"\0")
