"""A batch gives each member a card once, whatever cards are laid down, and goes on where it stopped."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from host_tests.unit.device_kit import ALI, HOST, KEYS, SARA, Desk
from tools.device import report as results
from tools.device.batch import Batch
from tools.device.card_kinds import CardState, Stage
from tools.device.errors import ListUnfit, ReportUnfit
from tools.device.members import Row, read_list
from tools.device.output import Output
from tools.device.report import Report
from tools.sim.cards import make_card
from tools.sim.cards.personal import personalise

REZA = 1003
ROWS = [Row(ALI, "", "ali"), Row(SARA, "ntag213", "sara"), Row(REZA, "classic", "reza")]


def tag(number: int) -> Any:
    return make_card("ntag213", bytes([4, 1, 2, 3, 4, 5, number]))


def classic(number: int) -> Any:
    return make_card("classic", bytes([0x9C, 1, 2, number]))


class Hand:
    """Lays the cards of a pile on the reader one after the other, each for two seconds."""

    def __init__(self, desk: Desk, pile: list[Any]) -> None:
        self._desk, self._pile, self._looks = desk, pile, 0
        desk.on_pause = self.move

    def move(self) -> None:
        self._looks += 1
        if self._looks % 10 == 1:
            self._desk.field.clear()
        elif self._looks % 10 == 2 and self._pile:
            self._desk.field.lay(self._pile.pop(0))


def run(desk: Desk, rows: list[Row], pile: list[Any], **options: bool) -> Batch:
    Hand(desk, pile)
    batch = Batch(desk.desk, rows, Output(False), 20, **options)
    desk.run(batch.run(dry_run=False, agree=lambda plan: True))
    return batch


def members_of(report: Report) -> dict[str, int]:
    return {line["uid"]: line["member"] for line in report.lines if line["result"] in results.DONE}


def test_each_member_gets_the_next_fitting_card() -> None:
    desk = Desk()
    cards = [classic(1), classic(2), tag(3), tag(4), classic(5)]
    batch = run(desk, ROWS, list(cards))
    assert not batch.open_rows
    uids = [card.uid.hex().upper() for card in cards]
    assert members_of(desk.report) == {uids[0]: ALI, uids[2]: SARA, uids[4]: REZA}
    assert cards[1].memory == classic(2).memory and cards[3].memory == tag(4).memory, "not the kind that was asked for"


def test_a_finished_card_laid_down_again_stays_its_members() -> None:
    desk = Desk()
    mine, other = tag(1), personalise(tag(2), KEYS, REZA, host=HOST)
    before = bytes(other.memory)
    batch = run(desk, ROWS[:2], [mine, mine, other, tag(3)])
    assert not batch.open_rows and other.memory == before
    assert members_of(desk.report) == {mine.uid.hex().upper(): ALI, tag(3).uid.hex().upper(): SARA}


def test_a_batch_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "office" / "cards.jsonl"
    first = Desk(report=Report(path, KEYS.version))
    batch = run(first, ROWS, [classic(1)])
    assert [row.member_no for row in batch.open_rows] == [SARA, REZA]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 3])  # the power went while a line was written
    second = Desk(report=Report(path, KEYS.version))
    batch = run(second, ROWS, [classic(1), tag(3), classic(4)])
    assert not batch.open_rows
    assert [line["member"] for line in second.report.lines if line["result"] == results.WRITTEN] == [
        ALI,
        SARA,
        REZA,
    ], "no member a second card"
    third = Report(path, KEYS.version)
    assert all(third.card_of(row.member_no) for row in ROWS)
    assert not Report(path, KEYS.version + 1).card_of(ALI), "new keys, new cards"


def test_a_report_of_something_else_is_not_added_to(tmp_path: Path) -> None:
    path = tmp_path / "cards.jsonl"
    path.write_text("uid,member\n1,2\n")
    with pytest.raises(ReportUnfit) as error:
        Report(path, 3)
    assert "line 1" in str(error.value)
    os.chmod(tmp_path, 0o500)
    try:
        if os.access(tmp_path, os.W_OK):
            return  # root may write everywhere
        with pytest.raises(ReportUnfit):
            run(Desk(report=Report(tmp_path / "new" / "cards.jsonl", 3)), ROWS[:1], [tag(1)])
    finally:
        os.chmod(tmp_path, 0o700)


def test_people_see_the_end_of_a_uid_and_programs_no_more(capsys: pytest.CaptureFixture[str]) -> None:
    desk = Desk()
    Hand(desk, [tag(7)])
    output = Output(True)
    batch = Batch(desk.desk, ROWS[:1], output, 20)
    plans: list[Any] = []

    def agree(plan: Any) -> bool:
        output.plan(plan, KEYS.version)
        plans.append(plan)
        return True

    desk.run(batch.run(dry_run=False, agree=agree))
    batch.summary()
    said = capsys.readouterr()
    uid = tag(7).uid.hex().upper()
    assert uid not in (said.out + said.err).upper() and ".." + uid[-4:] in said.err
    events = [json.loads(line) for line in said.out.splitlines()]
    assert [event["event"] for event in events] == ["plan", "result", "batch"]
    assert len(plans[0].steps) == len(events[0]["steps"]) == 5


LISTS = {
    "no head": "1001\n1002\n",
    "unknown column": "member,points\n1001,5\n",
    "no member": "name\nali\n",
    "zero": "member\n0\n",
    "too large": "member\n4294967296\n",
    "not a number": "member\nali\n",
    "raised digits": "member\n\u00b9\u00b2\n",
    "twice": "member\n1001\n1001\n",
    "family": "member,family\n1001,mifare\n",
    "too many cells": "member,family\n1001,classic,x\n",
    "too few cells": "member,family\n1001\n",
    "open quote": 'member,name\n1001,"ali\n',
}


@pytest.mark.parametrize("text", LISTS.values(), ids=LISTS)
def test_a_list_that_is_not_clear_is_refused_with_its_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "members.csv"
    path.write_text(text)
    with pytest.raises(ListUnfit) as error:
        read_list(path)
    assert "line " in str(error.value) and "[D40]" in str(error.value)


def test_a_list_is_read_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "members.csv"
    path.write_text("\ufeffmember, name, family\n1003, reza, classic\n1001,,\n")
    assert read_list(path) == [Row(1003, "classic", "reza"), Row(1001, "", "")]
    path.write_text("member\n۱۰۰۳\n١٠٠١\n")
    assert [row.member_no for row in read_list(path)] == [1003, 1001]


def test_a_list_that_is_not_there_is_no_line_to_correct(tmp_path: Path) -> None:
    with pytest.raises(ListUnfit) as refused:
        read_list(tmp_path / "none.csv")
    assert "Check its name" in str(refused.value) and "Errno" not in str(refused.value)
    (tmp_path / "old.csv").write_bytes("member,name\n1001,رضا\n".encode("cp1256"))
    with pytest.raises(ListUnfit, match="UTF-8"):
        read_list(tmp_path / "old.csv")


def test_whose_card_went_to_another_member_has_none_any_more() -> None:
    report = Report(None, KEYS.version)
    state = CardState("classic", b"\x9c\x59\x9b\x32", Stage.BLANK)
    report.add(state, results.WRITTEN, ALI, "legacy")
    assert report.card_of(ALI) == state.uid
    report.add(state, results.BEGUN, SARA, "legacy")
    assert report.card_of(ALI) is None
    report.add(state, results.WRITTEN, SARA, "legacy")
    assert (report.card_of(ALI), report.card_of(SARA)) == (None, state.uid)
