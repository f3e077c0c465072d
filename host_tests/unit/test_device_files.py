"""Files onto a terminal: the cable is cut at every call of a copy, and the same command goes on where it stopped."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.device import files as filing
from tools.device import files_on_terminal as there
from tools.device.errors import CableLost, FilesDiffer
from tools.device.files import Filing, Held, digest

LARGE = hashlib.shake_128(b"slot").digest(70_000)
WANTED = {"slot_a.vfu": LARGE, "empty": b"", "main.py": b"print(1)\n"}


class Prompt:
    """The program of the terminal on a folder; what it sends and takes is counted, and the cable may be cut."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls = 0
        self.cut_at = 0
        self.room = 1 << 20
        self.begin()

    def begin(self) -> None:
        """A soft reset: what the program held is gone, and kept as far as it was flushed."""
        self._said: list[str] = []
        self._program = there.Files(self._said.append, str(self.folder))
        self._program.space = lambda: self._program._tell(f"space {1 << 20} {self.room}")  # type: ignore[method-assign]

    def run(self, call: str, heard: Callable[[str], object]) -> None:
        self.calls += 1
        if self.calls == self.cut_at:
            raise CableLost("cut")
        self._said.clear()
        exec(call, {"files": self._program})  # as the prompt does
        for line in self._said:
            heard(line)


def bring(prompt: Prompt) -> int:
    desk = Filing(prompt)
    found = desk.look(list(WANTED))
    return sum(desk.put(name, content, found) for name, content in WANTED.items())


def held(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_copy_cut_at_any_call_is_finished_by_the_next_and_little_is_sent_twice(tmp_path: Path) -> None:
    whole = Prompt(tmp_path)
    total = bring(whole)
    assert held(tmp_path) == WANTED and total == sum(map(len, WANTED.values()))
    for cut in range(1, whole.calls + 1):
        folder = tmp_path / str(cut)
        folder.mkdir()
        prompt = Prompt(folder)
        prompt.cut_at = cut
        with pytest.raises(CableLost):
            bring(prompt)
        for name, content in held(folder).items():
            assert name.endswith(there.PART) or content == WANTED[name], "no half file under its own name"
        already = prompt.calls
        prompt.begin()
        bring(prompt)
        assert held(folder) == WANTED
        again = prompt.calls - already
        # What was kept is not sent again: at most one keeping's worth more than what was missing.
        assert already + again <= whole.calls + there._KEEP // filing.PIECE + 12, cut


def test_nothing_is_sent_when_all_agrees(tmp_path: Path) -> None:
    bring(Prompt(tmp_path))
    assert bring(Prompt(tmp_path)) == 0


def test_a_part_of_something_else_is_not_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "slot_a.vfu.part").write_bytes(bytes(5000))
    (tmp_path / "main.py").write_bytes(b"print(2)\n")
    assert bring(Prompt(tmp_path)) == sum(map(len, WANTED.values()))
    assert held(tmp_path) == WANTED


def test_a_byte_that_changed_on_the_way_is_found_and_nothing_takes_the_name(tmp_path: Path) -> None:
    prompt = Prompt(tmp_path)
    write = prompt._program.write
    prompt._program.write = lambda text: write(filing.base64.b64encode(b"X" + there.a2b_base64(text)[1:]))  # type: ignore[method-assign]
    with pytest.raises(FilesDiffer, match="slot_a.vfu"):
        bring(prompt)
    assert held(tmp_path) == {}


def test_where_two_do_not_fit_the_old_one_goes_first_and_without_room_nothing_is_begun(tmp_path: Path) -> None:
    (tmp_path / "slot_a.vfu").write_bytes(bytes(70_000))
    prompt = Prompt(tmp_path)
    prompt.room = 71_000
    bring(prompt)
    assert held(tmp_path) == WANTED
    (tmp_path / "slot_a.vfu").unlink()
    prompt.room = 60_000
    with pytest.raises(FilesDiffer, match="does not fit"):
        bring(prompt)


def test_a_head_and_what_follows_it_are_read_apart(tmp_path: Path) -> None:
    (tmp_path / "slot_a.vfu").write_bytes(LARGE)
    desk = Filing(Prompt(tmp_path))
    assert desk.head("slot_a.vfu", 2048) == (LARGE[:2048], Held(len(LARGE) - 2048, digest(LARGE[2048:])))
    assert desk.head("slot_b.vfu", 2048) is None
