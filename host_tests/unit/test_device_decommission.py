"""A terminal leaves for good: sent, saved, emptied, in this order; nothing unsent goes unless its number is named."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from host_tests.unit.test_device_backup import Bench
from host_tests.unit.test_device_replace import old
from host_tests.unit.test_device_wipe import NAME, TMK
from tools.device import archive as archives
from tools.device import backup, cli, contact, decommission
from tools.device.erase_on_terminal import Erasing
from tools.device.errors import TerminalProgram
from tools.device.probing import Answers, Found
from tools.sim.chips.nor import Nor, NorPartition, PowerCut

__all__ = ["old"]  # a fixture
_VFS = 4


class Leaving:
    """One terminal at its prompt, its file system as flash of its own, and the line to its switch."""

    def __init__(self, till: Bench) -> None:
        self.till = till
        self.files = Nor(_VFS * 4096, None, seed=5)
        self.files.image[:] = (b"keys.json " + TMK.hex().encode()).ljust(64, b".") * (_VFS * 64)
        self.answers = [{"waiting": 0, "unanswered": 0, "rejected": 0}]
        self.state = Answers.PROMPT
        self.bare = False
        self.yes = ["--yes"]
        self.cut_at = ""
        self.calls: list[str] = []

    def device_of(self, name: str, _start: int, _size: int) -> NorPartition:
        if name == "vfs":
            return NorPartition(self.files, 0, _VFS, False)
        return {
            "txlog": self.till.transaction_flash,
            "members": self.till.member_flash,
            "vault": self.till.vault_flash,
        }[name]()

    def at_prompt(self, _contact: object, *, maintenance: bool, also: str = "") -> Leaving:
        if self.bare:
            raise TerminalProgram("ImportError: no module named 'firmware'")
        return self

    def prompt(self, _port: str, _program: Path, _setup: str, *, maintenance: bool) -> Leaving:
        return self

    def run(self, call: str, heard: Callable[[str], object]) -> None:
        self.calls.append(call)
        if self.cut_at and call.startswith(self.cut_at):
            raise PowerCut
        if call.startswith("erasing"):
            if call.startswith("erasing.files"):
                self.bare = True
            eval(call, {"erasing": Erasing(heard, self.device_of, lambda: None)})
        else:
            self.till.run(call, heard)

    def close(self) -> None:
        pass

    # --- the running terminal

    def ask(self, _method: str) -> dict[str, Any]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    @property
    def line(self) -> Leaving:
        return self

    def wait(self, _seconds: float) -> None:
        pass

    def tool(self, *options: str) -> tuple[Result, dict[str, Any]]:
        result = CliRunner().invoke(
            cli.main, ["decommission", "--json", *self.yes, "--timeout", "0.1", *options], input="n\n"
        )
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result, json.loads(result.stdout.splitlines()[-1])


@pytest.fixture
def leaving(old: Bench, monkeypatch: pytest.MonkeyPatch) -> Leaving:
    made = Leaving(old)

    @contextmanager
    def asked(_contact: object) -> Iterator[Leaving]:
        yield made

    monkeypatch.setattr(decommission, "asked", asked)
    monkeypatch.setattr(decommission, "at_prompt", made.at_prompt)
    monkeypatch.setattr(decommission, "prompt", made.prompt)
    monkeypatch.setattr(contact.Contact, "one", lambda _self, *_wanted: Found(made.state, "P", "s3", "abcd", NAME))
    return made


def blank(leaving: Leaving) -> bool:
    return set(leaving.till.nor.image) <= {0xFF, 0} and set(leaving.files.image) == {0xFF}


def test_it_is_sent_saved_and_emptied_in_this_order(leaving: Leaving, tmp_path: Path) -> None:
    lost = leaving.till.lost
    leaving.state = Answers.APPLICATION
    leaving.answers = [
        {"waiting": 12, "unanswered": 1, "rejected": 0},
        {"waiting": lost, "unanswered": 0, "rejected": 0},
    ]
    before = bytes(leaving.till.nor.image[: 8 * 4096])
    result, last = leaving.tool("--discard", str(lost), "--to", str(tmp_path / "last.zip"))
    assert result.exit_code == 0 and last["erased"], result.output
    assert archives.read(tmp_path / "last.zip").regions["txlog"] == before
    assert blank(leaving)
    order = [call.partition("(")[0] for call in leaving.calls]
    assert order.index("regions.send") < order.index("wiping.wipe") < order.index("erasing.files")
    assert not (leaving.till.folder / "config" / "keys.json").exists()


@pytest.mark.parametrize("discard", ["", "0", "12", "14"])
@pytest.mark.parametrize("state", [Answers.APPLICATION, Answers.PROMPT])
def test_unsent_transactions_stop_it_unless_their_number_is_named(
    leaving: Leaving, tmp_path: Path, discard: str, state: Answers
) -> None:
    leaving.state = state
    leaving.answers = [{"waiting": leaving.till.lost, "unanswered": 0, "rejected": 0}]
    before = bytes(leaving.till.nor.image), bytes(leaving.files.image)
    options = ["--discard", discard] if discard else []
    result, last = leaving.tool("--to", str(tmp_path / "last.zip"), *options)
    assert result.exit_code == 5 and last["code"] == "D61", result.output
    assert bytes(leaving.files.image) == before[1]
    if state is Answers.APPLICATION:
        assert leaving.calls == [] and bytes(leaving.till.nor.image) == before[0], "it sells on"
    assert len(list(leaving.till.journal().pending())) == 11


@pytest.mark.parametrize("state", [Answers.APPLICATION, Answers.PROMPT])
@pytest.mark.parametrize("bare", [False, True])
def test_a_dry_run_is_no_refusal_and_stops_no_till(leaving: Leaving, state: Answers, bare: bool) -> None:
    leaving.state, leaving.bare = state, bare
    before = bytes(leaving.files.image)
    result, last = leaving.tool("--dry-run", "--discard", str(leaving.till.lost))
    assert result.exit_code == 0 and last["dry_run"], result.output
    assert bytes(leaving.files.image) == before
    assert not [call for call in leaving.calls if call.startswith(("wiping.wipe", "erasing"))]
    assert state is Answers.PROMPT or leaving.calls == []


def test_a_till_is_not_stopped_before_somebody_agreed(leaving: Leaving) -> None:
    leaving.state, leaving.yes = Answers.APPLICATION, []
    leaving.answers = []  # not even asked
    result = CliRunner().invoke(cli.main, ["decommission", "--json"], input="n\n")
    assert result.exit_code == 5 and '"D15"' in result.stdout and leaving.calls == []


def anew(leaving: Leaving, sold: int) -> None:
    """Another journal: so many sales, all of them settled."""
    leaving.till.nor.image[: 8 * 4096] = b"\xff" * (8 * 4096)
    journal = leaving.till.journal()
    journal.continue_above(0)
    for _ in range(sold):
        leaving.till.sell(journal, 1)
        journal.settle_all([t.seq for t in journal.pending()])


@pytest.mark.parametrize("sold", [1, 400])
def test_a_journal_whose_sales_are_all_settled_is_saved_and_goes_without_a_number(
    leaving: Leaving, tmp_path: Path, sold: int
) -> None:
    anew(leaving, sold)
    before = bytes(leaving.till.nor.image[: 8 * 4096])
    result, last = leaving.tool("--to", str(tmp_path / "last.zip"))
    assert result.exit_code == 0 and last["erased"] and blank(leaving), result.output
    kept = archives.read(tmp_path / "last.zip")
    assert kept.regions["txlog"] == before and not kept.counts.empty and kept.counts.unsettled == 0


@pytest.mark.parametrize("opened", [False, True])
def test_a_journal_that_never_held_a_record_is_not_saved(leaving: Leaving, tmp_path: Path, opened: bool) -> None:
    leaving.till.nor.image[: 8 * 4096] = b"\xff" * (8 * 4096)
    if opened:
        leaving.till.journal()
        assert not backup.never_held(b"\0" * 4096)
    result, last = leaving.tool("--to", str(tmp_path / "last.zip"))
    assert result.exit_code == 0 and last["erased"] and "never held a record" in result.stderr, result.output
    assert not (tmp_path / "last.zip").exists()


def test_what_it_advises_are_options_it_has(leaving: Leaving, tmp_path: Path) -> None:
    has = {option for parameter in decommission.decommission.params for option in parameter.opts}
    for _ in range(2):
        _, last = leaving.tool("--to", str(tmp_path / "last.zip"))
        assert set(re.findall(r"--[a-z]+", last["next"])) <= has and "--discard" in last["next"]
        (leaving.till.folder / "config" / "keys.json").unlink(missing_ok=True)
        leaving.till.nor.image[16 * 4096 : 22 * 4096] = b"\xff" * (6 * 4096)  # no keys: nobody can count it


def test_a_place_that_takes_no_file_is_told_before_the_till_is_stopped(leaving: Leaving, tmp_path: Path) -> None:
    leaving.state, leaving.yes = Answers.APPLICATION, []
    (tmp_path / "file").write_text("")
    result, last = leaving.tool("--to", str(tmp_path / "file" / "last.zip"))
    assert (result.exit_code, last["code"]) == (9, "D68") and leaving.calls == [] and "Stop it" not in result.output


@pytest.mark.parametrize("cut", ["wiping.wipe", "erasing.files"])
def test_the_same_command_finishes_after_a_pulled_cable(leaving: Leaving, tmp_path: Path, cut: str) -> None:
    leaving.cut_at = cut
    with pytest.raises(PowerCut):
        leaving.tool("--discard", str(leaving.till.lost), "--to", str(tmp_path / "1.zip"))
    leaving.cut_at = ""
    lost = str(leaving.till.lost) if cut == "wiping.wipe" else "0"
    result, _ = leaving.tool("--discard", lost, "--to", str(tmp_path / "2.zip"))
    assert result.exit_code == 0 and blank(leaving), result.output


def test_files_that_were_half_erased_are_finished_and_a_store_that_holds_something_is_never_touched(
    leaving: Leaving, tmp_path: Path
) -> None:
    leaving.bare = True
    before = bytes(leaving.till.nor.image), bytes(leaving.files.image)
    result, last = leaving.tool()
    assert result.exit_code == 5 and last["code"] == "D61"
    assert (bytes(leaving.till.nor.image), bytes(leaving.files.image)) == before
    leaving.till.nor.image[:] = b"\xff" * len(leaving.till.nor.image)
    leaving.yes = []
    assert leaving.tool()[1]["code"] == "D15" and bytes(leaving.files.image) == before[1], "it is somebody's, perhaps"
    leaving.yes = ["--yes"]
    assert leaving.tool()[0].exit_code == 0 and blank(leaving)


def test_what_is_gone_is_told_as_gone(leaving: Leaving, tmp_path: Path) -> None:
    assert leaving.tool("--discard", str(leaving.till.lost), "--to", str(tmp_path / "1.zip"))[0].exit_code == 0
    # A start makes a file system, and the interpreter's note.
    leaving.files.image[: 2 * 4096] = b"superblock".ljust(4096, b"\xff") * 2
    note = b"# This file is executed on every boot (including wake-boot from deepsleep)"
    leaving.files.image[3 * 4096 : 3 * 4096 + len(note)] = note
    leaving.calls, leaving.yes = [], []  # and nobody is asked
    result, last = leaving.tool()
    assert result.exit_code == 0 and last["erased"] and "nothing left to do" in result.stderr, result.output
    assert not [call for call in leaving.calls if call.startswith("erasing.files")]
