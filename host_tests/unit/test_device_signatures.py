"""`verify` names who signed each program on a terminal, and what is wrong with one that nobody answers for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from host_tests.unit.test_device_files import Prompt
from host_tests.unit.test_update_manifest import BODY, FACTS, NEXT, ONE, made
from tools.device import signatures
from tools.device.errors import DeviceError, FilesDiffer
from tools.device.files import Filing
from tools.device.signatures import Verdict, refuse, verdicts
from tools.device.update_errors import UpdateUnfit
from tools.release import program

GOOD = made()
NEXT_BODY = program.root_body(2, [key.modulus for key in NEXT])


class There:
    """A terminal's files; slot a runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "config").mkdir()
        self.put("slot_a.vfu", GOOD)
        self.put("safe.vfu", GOOD)
        self.put("config/release-keys.bin", BODY)

    def put(self, name: str, content: bytes) -> None:
        (self.folder / name).write_bytes(content)

    def judged(self, keys: bytes | None = None) -> dict[str, Verdict]:
        desk = Filing(Prompt(self.folder))
        return verdicts(desk, desk.look(["slot_a.vfu", "safe.vfu"]), "s3", "a", keys)

    def refused(self, keys: bytes | None = None) -> DeviceError:
        with pytest.raises(DeviceError) as caught:
            refuse(self.judged(keys))
        return caught.value


@pytest.fixture
def there(tmp_path: Path) -> There:
    return There(tmp_path)


def altered(content: bytes, at: int) -> bytes:
    return content[:at] + bytes((content[at] ^ 1,)) + content[at + 1 :]


WRONG: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "a head with an altered byte": (lambda: altered(GOOD, 40), "U20", "not signed by two"),
    "a head that is none": (lambda: altered(GOOD, 0), "U21", "no update"),
    "an altered content": (lambda: altered(GOOD, len(GOOD) - 1), "U21", "its content"),
    "a content cut short": (lambda: GOOD[:-1], "U21", "its content"),
    "less than a head": (lambda: GOOD[:100], "U21", "shorter"),
    "one foreign key": (lambda: made(((0, ONE), (1, NEXT[1]))), "U20", "not signed by two"),
    "foreign keys": (lambda: made(((0, NEXT[0]), (1, NEXT[1]))), "U20", "not signed by two"),
    "keys of the root after": (lambda: made(((0, NEXT[0]), (1, NEXT[1])), root=2), "U20", "names root 2"),
    "another board": (lambda: made(board="pico"), "U22", "for pico"),
    "another channel": (lambda: made(channel="release"), "U22", "of release"),
}


def test_a_sound_terminal_names_version_build_and_what_runs(there: There) -> None:
    found = there.judged()
    assert {name: (one.signed, one.runs) for name, one in found.items()} == {
        "slot_a.vfu": (True, True),
        "safe.vfu": (True, False),
    }
    assert found["slot_a.vfu"].text == f"version {FACTS.version}, build {FACTS.build}, by two release keys"
    refuse(found)


@pytest.mark.parametrize("what", WRONG)
def test_a_program_nobody_answers_for_is_named_with_its_code(there: There, what: str) -> None:
    content, code, text = WRONG[what]
    there.put("slot_a.vfu", content())
    error = there.refused()
    assert (error.code, error.exit_code) == (code, 6)
    assert str(error.args[0]).startswith(f"slot_a.vfu (runs): {code} ") and text in str(error)
    assert there.judged()["safe.vfu"].signed


def test_what_runs_is_named_before_what_does_not(there: There) -> None:
    there.put("safe.vfu", altered(GOOD, len(GOOD) - 1))
    assert there.refused().code == "U21"
    there.put("slot_b.vfu", altered(GOOD, len(GOOD) - 1))
    there.put("slot_a.vfu", altered(GOOD, 40))
    error = there.refused()
    assert error.code == "U20" and "slot_b.vfu: U21" in str(error) and "safe.vfu: U21" in str(error)
    (there.folder / "slot_a.vfu").unlink()
    assert str(there.refused().args[0]).startswith("slot_a.vfu (runs): U21")


def test_without_release_keys_nothing_is_said_to_be_signed_and_damaged_ones_are_told(there: There) -> None:
    there.put("config/release-keys.bin", b"VRKX" + BODY[4:])
    assert there.refused().code == "U27"
    (there.folder / "config" / "release-keys.bin").unlink()
    found = there.judged()
    assert not any(one.signed for one in found.values()) and all("K29" in one.text for one in found.values())
    refuse(found)


def test_keys_on_this_computer_settle_it(there: There, tmp_path: Path) -> None:
    (there.folder / "config" / "release-keys.bin").unlink()
    assert all(one.signed for one in there.judged(BODY).values())
    assert there.refused(NEXT_BODY).code == "U20"
    there.put("slot_a.vfu", made(((0, NEXT[0]), (1, NEXT[1])), root=2))
    there.put("config/release-keys.bin", NEXT_BODY)
    with pytest.raises(FilesDiffer, match="release-keys"):
        there.judged(BODY)  # whoever wrote the program wrote the keys beside it
    unfit = tmp_path / "keys"
    unfit.write_bytes(BODY[:-1])
    with pytest.raises(UpdateUnfit):
        signatures.keys_of(unfit)
    unfit.write_bytes(BODY)
    assert signatures.keys_of(unfit) == BODY
