"""What an earlier wipe agreed to lose is no leave to destroy what was sold since, nor anything it did not mean."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from firmware.core import types as core
from firmware.store.journal import Journal
from firmware.store.seal import Sealer
from host_tests.unit import test_device_wipe as wiping
from host_tests.unit.test_device_wipe import (
    NAME,
    TMK,
    Till,
    damaged_keys,
    earlier,
    later,
    no_keys,
    other_keys,
    something_else,
)
from tools.sim.chips.nor import PowerCut, Torn

terminal = wiping.terminal


def nothing_waits(terminal: Till) -> None:
    journal = terminal.journal()
    journal.settle_all([t.seq for t in journal.pending()])
    journal.settle_all([t.seq for t, _rc in journal.dead()])
    for lost in list(journal.unanswered()):
        journal.append_result(core.Result(lost.seq, core.REFUSED, "05", 0, 0, ""))


@pytest.mark.parametrize("spoil", [other_keys, damaged_keys, no_keys, something_else, earlier, later])
@pytest.mark.parametrize("sales", [1, 40])
@pytest.mark.parametrize("parts", [[], ["journal"]])
def test_what_was_agreed_before_it_sold_on_is_no_leave_to_wipe_a_journal_that_does_not_open(
    terminal: Till, spoil: Callable[[Till], str], sales: int, parts: list[str]
) -> None:
    options = [word for part in parts for word in ("--what", part)]
    nothing_waits(terminal)
    terminal.nor.cut_at(2, Torn.NOTHING)  # 1 hardens the newest record
    with pytest.raises(PowerCut):
        terminal.tool("--discard", "0", *options)
    terminal.sessions = 0
    terminal.nor.power_on()
    assert (terminal.folder / "wiping").read_text().startswith("0 0 ")
    terminal.sell(terminal.journal(), sales)
    code = spoil(terminal)
    before = bytes(terminal.nor.image)
    for discard in ([], ["--discard", "0"]):
        result, last = terminal.tool(*discard, *options)
        assert (result.exit_code, last["code"]) == (5, "D62") and code in last["why"]
    assert terminal.nor.image == before
    assert terminal.tool("--discard", "unreadable", "--serial", NAME, *options)[0].exit_code == 0


def test_what_was_agreed_of_a_former_journal_counts_for_no_later_one(terminal: Till) -> None:
    terminal.nor.cut_at(2, Torn.NOTHING)
    with pytest.raises(PowerCut):
        terminal.tool("--what", "journal", "--discard", "13")
    terminal.sessions = 0
    terminal.nor.power_on()
    terminal.nor.image[: 8 * 4096] = b"\xff" * (8 * 4096)
    journal = Journal(terminal.transaction_flash(), Sealer(TMK, NAME.encode()), 6)
    journal.open()
    journal.continue_above(0)
    terminal.sell(journal, 3)
    result, last = terminal.tool("--what", "journal", "--discard", "13")
    assert (result.exit_code, last["code"]) == (5, "D61") and not terminal.blank("txlog")


def test_a_journal_whose_newest_sector_alone_is_left_torn_is_wiped_only_when_the_wipe_was_there(terminal: Till) -> None:
    nothing_waits(terminal)
    terminal.nor.cut_at(2, Torn.NOTHING)
    with pytest.raises(PowerCut):
        terminal.tool("--what", "journal", "--discard", "0")
    terminal.sessions = 0
    terminal.nor.power_on()
    terminal.sell(terminal.journal(), 3)
    terminal.nor.image[:64] = b"\x55" * 64
    result, last = terminal.tool("--what", "journal", "--discard", "0")
    assert (result.exit_code, last["code"]) == (5, "D62") and not terminal.blank("txlog")


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x80" * 9, b"0 0 vault,members,journal,settings", b"0 0 journal -", b"0 x journal 1.2"]
)
def test_a_file_that_no_wipe_of_this_journal_left_allows_nothing_and_blocks_nothing(
    terminal: Till, content: bytes
) -> None:
    (terminal.folder / "wiping").write_bytes(content)
    keys = bytes(terminal.nor.image)
    no_keys(terminal)
    assert terminal.tool()[1]["code"] == "D62" and not terminal.blank("txlog")
    terminal.nor.image[:] = keys
    assert terminal.tool("--discard", "0")[1]["code"] == "D61" and not terminal.blank("txlog")
    assert terminal.tool("--discard", "13")[0].exit_code == 0 and terminal.blank("txlog")
    assert not (terminal.folder / "wiping").exists()


def test_with_nothing_to_lose_no_number_is_needed_and_a_wrong_one_is_refused(terminal: Till) -> None:
    terminal.nor.image[: 8 * 4096] = b"\xff" * (8 * 4096)
    result, last = terminal.tool("--discard", "7")
    assert (result.exit_code, last["code"]) == (5, "D61") and "leave --discard out" in last["next"]
    assert terminal.tool()[0].exit_code == 0 and terminal.blank("txlog")


@pytest.mark.parametrize("name", ["A\nB", "A B", "\udc80", "ä"])
def test_a_name_that_cannot_be_said_leaves_the_chips_number(terminal: Till, name: str) -> None:
    no_keys(terminal)
    terminal.nor.image[18 * 4096 : 20 * 4096] = b"\xff" * 8192
    (terminal.folder / "config" / "settings.json").write_text(json.dumps({"terminal_id": name}))
    assert terminal.tool("--discard", "unreadable", "--serial", "abcd")[0].exit_code == 0
