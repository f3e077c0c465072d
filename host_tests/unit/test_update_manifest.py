"""What a terminal takes as the head of an update, and everything it must refuse."""

from __future__ import annotations

import dataclasses

import pytest

from firmware.core import verify
from firmware.service import manifest
from firmware.service.manifest import HEAD, Here, Manifest, Root, UpdateRefused
from tools.release import development, program

BUNDLE = b"VBN3" + bytes(range(256)) * 4
NOW = 1_795_400_000
FACTS = program.Facts("s3", "0.2.0", 110, 3, 6, 1, NOW - 3600, until_utc=NOW + 86_400)
ONE, TWO, THREE = development.signers()
NEXT = development.next_signers()
BODY = program.root_body(1, [key.modulus for key in (ONE, TWO, THREE)])
ROOT = manifest.root_of(BODY)
SEALS_AT = 7 + len(program.manifest(FACTS, BUNDLE))


def here(**changes: int) -> Here:
    found = Here("s3", 6, 1, 100, 2)
    found.journal, found.now_utc, found.clock_right, found.floor, found.lowest = 3, NOW, True, 1, 100
    for name, value in changes.items():
        setattr(found, name, value)
    return found


def made(signers: tuple[tuple[int, program.SignsAsKey], ...] = ((0, ONE), (1, TWO)), **facts: object) -> bytes:
    return program.signed_program(BUNDLE, dataclasses.replace(FACTS, **facts), signers)  # type: ignore[arg-type]


def code(head: bytes, root: Root = ROOT, place: Here | None = None) -> str:
    """What a terminal says to it, "" when it takes it."""
    try:
        manifest.admit(manifest.opened(head, root), root, place or here())
    except UpdateRefused as refused:
        return refused.code
    return ""


GOOD = made()[:HEAD]


def resealed(content: bytes) -> bytes:
    """A head of any manifest bytes, rightly signed: what an insider with two keys could make."""
    return program.head(content, ((0, ONE), (1, TWO)))


def test_the_right_update_is_taken_with_each_pair_of_keys() -> None:
    for signers in (((0, ONE), (1, TWO)), ((0, ONE), (2, THREE)), ((1, TWO), (2, THREE))):
        assert code(made(signers)[:HEAD]) == ""
    found = manifest.opened(GOOD, ROOT)
    assert (found.build, found.epoch, found.size, found.version) == (110, 3, len(BUNDLE), "0.2.0")


def test_a_head_with_any_bit_turned_is_refused() -> None:
    for bit in [*range(40), *range(40, HEAD * 8, 61)]:
        wrong = bytearray(GOOD)
        wrong[bit // 8] ^= 0x80 >> bit % 8
        assert code(bytes(wrong)) in ("U20", "U21"), bit


def test_a_head_cut_anywhere_or_longer_is_refused() -> None:
    for size in [*range(12), *range(12, HEAD, 37), HEAD - 1]:
        assert code(GOOD[:size]) == "U21"
    assert code(GOOD + b"\0") == "U21"


@pytest.mark.parametrize("which", [0, 1, -1, "n"])
def test_signatures_that_no_key_made_are_refused(which: "int | str") -> None:
    n = int.from_bytes(ONE.modulus, "big")
    s = n if which == "n" else int(which) % n
    wrong = bytearray(GOOD)
    wrong[SEALS_AT + 1 : SEALS_AT + 1 + 384] = s.to_bytes(384, "big")
    assert code(bytes(wrong)) == "U20"


def test_one_key_twice_is_one_key() -> None:
    twice = GOOD[: SEALS_AT + 385] + GOOD[SEALS_AT : SEALS_AT + 385]
    assert code(twice.ljust(HEAD, b"\0")) == "U20"
    content = program.manifest(FACTS, BUNDLE)
    assert code(program.head(content, ((0, ONE), (1, ONE)))) == "U20"  # under the name of another
    assert code(program.head(content, ((1, TWO), (0, ONE)))) == "U20"  # one order only: the same update has one form
    assert code(program.head(content, ((0, ONE), (3, TWO)))) == "U20"
    assert code(program.head(content, ((0, ONE),))) == "U21"
    assert code(program.head(content, ((0, ONE), (1, TWO), (2, THREE)))) == "U21"


def test_one_foreign_key_spoils_it() -> None:
    assert code(made(((0, ONE), (1, NEXT[1])))[:HEAD]) == "U20"
    assert code(made(((0, NEXT[0]), (1, NEXT[1])))[:HEAD]) == "U20"


def test_a_signature_of_another_role_is_none() -> None:
    content = program.manifest(FACTS, BUNDLE)
    seals = b"".join(bytes((i,)) + key.sign(b"vafa-config-1", content) for i, key in ((0, ONE), (1, TWO)))
    raw = b"VFU1" + len(content).to_bytes(2, "big") + b"\2" + content + seals
    assert code(raw.ljust(HEAD, b"\0")) == "U20"


REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "another board": ({"board": "pico"}, "U22"),
    "another interpreter": ({"abi": 5}, "U22"),
    "another channel": ({"channel": "release"}, "U22"),
    "later hardware": ({"hardware": (2, 9)}, "U22"),
    "a later boot stage": ({"stage": 2}, "U22"),
    "a build in between": ({"needs": 101}, "U22"),
    "another role": ({"role": 2}, "U22"),
    "another root": ({"root": 2}, "U20"),
    "the build that runs": ({"build": 100}, "U23"),
    "an older build": ({"build": 99}, "U23"),
    "an older epoch": ({"epoch": 0}, "U23"),
    "an epoch nine ahead": ({"epoch": 11}, "U25"),
    "expired": ({"until_utc": NOW - 1}, "U24"),
    "made the day after tomorrow": ({"made_utc": NOW + 90_000}, "U24"),
    "a journal the old build cannot read": ({"journal": (4, 3)}, "U26"),
    "a journal the new build cannot read": ({"journal": (3, 4)}, "U26"),
    "a path that climbs": ({"path": "../main.py"}, "U21"),
    "an absolute path": ({"path": "/boot.py"}, "U21"),
    "another file": ({"path": "config/release_keys.bin"}, "U21"),
    "no build": ({"build": 0}, "U21"),
    "a board that is no word": ({"board": "S 3"}, "U21"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_rightly_signed_update_that_is_not_for_this_terminal_is_refused(what: str) -> None:
    facts, wanted = REFUSED[what]
    assert code(made(**facts)[:HEAD]) == wanted


def test_limits_are_taken_to_the_last() -> None:
    assert code(made(epoch=10)[:HEAD]) == ""  # eight above what runs
    assert code(made(epoch=3)[:HEAD], place=here(floor=3)) == ""
    assert code(made(epoch=3)[:HEAD], place=here(floor=4)) == "U23"
    assert code(GOOD, place=here(lowest=111)) == "U23"
    assert code(made(build=100)[:HEAD], place=here(again=True)) == ""
    assert code(made(build=99)[:HEAD], place=here(again=True)) == "U23"
    assert code(made(until_utc=NOW - 1)[:HEAD], place=here(now_utc=0, clock_right=False)) == ""


def test_values_out_of_order_twice_missing_or_behind_the_end_are_refused() -> None:
    content = program.manifest(FACTS, BUNDLE)
    rows: list[bytes] = []
    at = 0
    while at < len(content):
        rows.append(content[at : at + 2 + content[at + 1]])
        at += len(rows[-1])
    assert code(resealed(b"".join(rows))) == ""
    for i in range(len(rows)):
        assert code(resealed(b"".join(rows[:i] + rows[i + 1 :]))) == "U21"
        assert code(resealed(b"".join([*rows[: i + 1], *rows[i:]]))) == "U21"
        assert code(resealed(b"".join([*rows[:i], *reversed(rows[i : i + 2]), *rows[i + 2 :]]))) == (
            "U21" if i < len(rows) - 1 else ""
        )
    assert code(resealed(content + rows[-1].replace(b"program.bin", b"app.py"))) == "U21"  # an extra file
    assert code(resealed(content + b"\0")) == "U21"
    assert code(resealed(b"")) == "U21"


def test_a_lie_about_the_size_is_refused() -> None:
    content = program.manifest(FACTS, BUNDLE)
    size = len(BUNDLE).to_bytes(4, "big")
    assert content.count(size) == 2
    for lie in (b"\0\0\0\0", b"\x7f\xff\xff\xff", (len(BUNDLE) + 1).to_bytes(4, "big")):
        assert code(resealed(content.replace(size, lie, 1))) == "U21"
    assert code(resealed(content.replace(size, b"\0\x08\0\1"))) == "U21"  # more than any board has room for
    assert code(resealed(content.replace(size, b"\0\0\0\0"))) == "U21"


def test_nothing_is_read_before_the_signatures() -> None:
    """An attacker without keys never reaches the parser."""
    content = program.manifest(dataclasses.replace(FACTS, path="../x"), BUNDLE)
    raw = b"VFU1" + len(content).to_bytes(2, "big") + b"\2" + content + bytes(2 * 385)
    assert code(raw.ljust(HEAD, b"\0")) == "U20"


# --- root -------------------------------------------------------------------------------------------------------------

BODY_TWO = program.root_body(2, [key.modulus for key in NEXT], epoch=1)


def rotation(
    body: bytes = BODY_TWO,
    old: tuple[tuple[int, program.SignsAsKey], ...] = ((0, ONE), (2, THREE)),
    new: tuple[tuple[int, program.SignsAsKey], ...] = ((1, NEXT[1]), (2, NEXT[2])),
) -> bytes:
    return program.root_file(body, old, new)


def root_code(raw: bytes, root: Root = ROOT) -> str:
    try:
        manifest.next_root(root, raw)
    except UpdateRefused as refused:
        return refused.code
    return ""


def test_keys_roll_over_and_the_old_ones_count_no_more() -> None:
    raw = rotation()
    two = manifest.next_root(ROOT, raw)
    assert (two.version, two.epoch) == (2, 1)
    assert manifest.root_of(raw).keys == two.keys  # as it lies on the terminal from now on
    assert code(made(((0, NEXT[0]), (1, NEXT[1])), root=2)[:HEAD], two) == ""
    assert code(made(root=2)[:HEAD], two) == "U20"
    assert code(GOOD, two) == "U20"


def test_a_root_needs_two_of_the_old_and_two_of_the_new() -> None:
    stranger = development.next_signers()[0]
    assert root_code(rotation(old=((0, ONE), (2, stranger)))) == "U27"
    assert root_code(rotation(new=((1, NEXT[1]), (2, ONE)))) == "U27"
    assert root_code(rotation(old=((0, ONE), (0, ONE)))) == "U27"
    assert root_code(rotation(new=((1, NEXT[1]), (1, NEXT[1])))) == "U27"
    assert root_code(BODY_TWO) == "U27"  # unsigned, as it is provisioned
    raw = rotation()
    for at in [*range(24), *range(24, len(raw), 97)]:
        assert root_code(raw[:at] + bytes((raw[at] ^ 1,)) + raw[at + 1 :]) == "U27", at
        assert root_code(raw[:at]) == "U27"
    assert root_code(raw + b"\0") == "U27"


def test_roots_come_one_after_the_other_and_keep_their_channel() -> None:
    keys = [key.modulus for key in NEXT]
    for version in (1, 3):
        assert root_code(rotation(program.root_body(version, keys))) == "U27"
    assert root_code(rotation(program.root_body(2, keys, channel="release"))) == "U27"


def test_release_keys_that_are_none_are_refused() -> None:
    twice = BODY[: 18 + 384] + BODY[18 : 18 + 384] + BODY[18 + 768 :]
    for raw in (b"", BODY[:-1], BODY + b"\0", b"X" + BODY[1:], twice, BODY[:4] + b"\0\0" + BODY[6:]):
        with pytest.raises(UpdateRefused) as refused:
            manifest.root_of(raw)
        assert refused.value.code == "U27"


def test_the_builder_signs_nothing_that_would_be_refused_for_its_form() -> None:
    with pytest.raises(program.ProgramError):
        made(((0, ONE), (0, TWO)))
    with pytest.raises(program.ProgramError):
        program.signed_program(b"", FACTS, ((0, ONE), (1, TWO)))
    with pytest.raises(program.ProgramError):
        program.root_body(2, [ONE.modulus, ONE.modulus, TWO.modulus])
    assert made() == made()


def test_verify_agrees_with_the_layout_of_the_page() -> None:
    assert (HEAD, manifest.ROOT_BODY, manifest.ROOT_FILE) == (2048, 1170, 2710)
    assert verify.SIGNATURE == 384
    assert isinstance(manifest.parsed(program.manifest(FACTS, BUNDLE)), Manifest)
