"""The scenario language: words, patterns, errors a person can use, and the page that explains it."""

import os
import re
from pathlib import Path

import pytest

from tools.sim import scenario, scenario_verbs
from tools.sim.scenario_act import expand_keys
from tools.sim.scenario_expect import contains, receipt_points
from tools.sim.scenario_parser import ScenarioError, compile_usage, match, parse, split
from tools.sim.scenario_runner import run_file, start_state

ROOT = Path(__file__).resolve().parents[2]
GRAMMAR = scenario_verbs.grammar()


def step(line):
    return GRAMMAR.step(split(line, "a:1"), "a", 1, line)


def test_words_quotes_and_comments():
    words = split('expect screen "a # \\"b\\"" # why', "a:1")
    assert [(w.text, w.quoted) for w in words] == [("expect", False), ("screen", False), ('a # "b"', True)]
    with pytest.raises(ScenarioError, match="a:1"):
        split('note "open', "a:1")


@pytest.mark.parametrize(
    ("line", "usage", "args"),
    [
        ("tap gold-card and silver-card", "tap NAME [and NAME]...", {"NAME": ["gold-card", "silver-card"]}),
        ("remove", "remove [NAME]", {}),
        ("keys 125000 OK", "keys KEYS...", {"KEYS": ["125000", "OK"]}),
        ("wait 500 ms", "wait MS [ms]", {"MS": ["500"]}),
        ("cut power at flash op 7 torn half", "cut power at flash op N [torn KIND]", {"N": ["7"], "KIND": ["half"]}),
        (
            "switch refuse 51 times 2 for 0200",
            "switch refuse RC [times N] [for MTI]",
            {"RC": ["51"], "N": ["2"], "MTI": ["0200"]},
        ),
        ("expect ledger ali 1250", "expect ledger MEMBER POINTS [within MS]", {"MEMBER": ["ali"], "POINTS": ["1250"]}),
        ("expect ledger matches receipts", "expect ledger matches receipts", {}),
        ("expect ledger check", "expect ledger check", {}),
        ('expect no screen "x" within 50', "expect [no] screen TEXT [within MS]", {"TEXT": ["x"], "MS": ["50"]}),
    ],
)
def test_a_line_means_one_step(line, usage, args):
    read = step(line)
    assert read.usage == usage
    assert dict(read.args) == args


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("dance", "no verb 'dance'; verbs are"),
        ("tap", "write: tap NAME"),
        ("expect screen ok", "write: expect"),
        ("wait soon", "write: wait MS"),
        ("switch refuse 5", "write: switch"),
        ("switch wrong-certificate times 2", "; write: switch wrong-certificate"),
        ("switch wrong-certificate for 0200", "; write: switch wrong-certificate"),
    ],
)
def test_an_unreadable_line_says_what_to_write(line, says):
    with pytest.raises(ScenarioError) as failed:
        step(line)
    assert str(failed.value).startswith("a:1: ")
    assert says in failed.value.text


def test_an_error_names_only_the_ways_to_write_what_was_meant():
    with pytest.raises(ScenarioError) as failed:
        step("switch wrong-certificate times 2")
    assert failed.value.text.endswith("write: switch wrong-certificate")


def test_digits_are_typed_one_by_one_and_names_are_keys():
    assert expand_keys(step("keys 1250 ok")) == ["1", "2", "5", "0", "OK"]
    assert expand_keys(step("keys 1 000 OK")) == ["1", "000", "OK"]
    with pytest.raises(ScenarioError, match="no key 'GO'"):
        expand_keys(step("keys 12 GO"))


def test_every_usage_compiles_and_matches_an_example_of_itself():
    example = dict(NAME="gold-card", MEMBER="ali", KIND="half", SETTING="nii", UID="04a1b2c3", FILE="f.png", VALUE="x")
    example |= dict(MS="5", N="3", POINTS="-7", RC="51", MTI="0200", KEY="OK", KEYS="12", TEXT='"t"')
    example |= dict(WANTED="nii=1", NAMED="{big_ready}")
    for verb in scenario_verbs.VERBS:
        line = re.sub(r"\[[^\]]*\]|\.\.\.", "", verb.usage)
        line = " ".join(example.get(word, word.split("|")[0]) for word in line.split())
        assert step(line).usage == verb.usage, line


def test_optional_groups_that_cannot_end_are_refused():
    with pytest.raises(ValueError, match="missing"):
        compile_usage("tap [NAME")
    assert not list(match(compile_usage("power on"), split("power", "a")))


def test_the_page_lists_every_verb_as_the_table_has_it():
    page = (ROOT / "docs" / "scenarios.md").read_text()
    listed = [(u.replace("\\|", "|"), h) for u, h in re.findall(r"^\| `(.+?)` \| (.+?) \|$", page, re.M)]
    assert listed == [(verb.usage, verb.help) for verb in scenario_verbs.VERBS]


def test_start_lines_come_first_and_change_the_demo(tmp_path):
    (tmp_path / "a.txt").write_text(
        "board pico\nmember ali 7\nmember nima 3\n"
        "card my-card ntag213 04010203040506 of nima without key\nset language fa\nwait 1\n"
    )
    start, steps = start_state(parse(tmp_path / "a.txt", GRAMMAR))
    assert (start.board, start.members["ali"].points, start.members["nima"].points) == ("pico", 7, 3)
    assert start.cards["my-card"].member == "nima"
    assert start.cards["my-card"].key is False
    assert start.settings == {"language": "fa"}
    assert len(steps) == 1
    (tmp_path / "b.txt").write_text("wait 1\nboard pico\n")
    with pytest.raises(ScenarioError, match="b.txt:2.*above"):
        start_state(parse(tmp_path / "b.txt", GRAMMAR))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("card a credit 04010203", "no kind 'credit'; kinds are: classic"),
        ("card a ntag213 04010203", "UID of 7 bytes"),
        ("card a classic 0401020304", "no such card"),
        ("card a desfire 04010203040506 of ali", "write `without key`"),
        ("card a classic 04010203 of nobody", "no member 'nobody'"),
    ],
)
def test_a_card_that_cannot_be_is_an_error_of_its_line(tmp_path, line, says):
    (tmp_path / "a.txt").write_text(f"{line}\n")
    with pytest.raises(ScenarioError, match=f"a.txt:1.*{re.escape(says)}"):
        start_state(parse(tmp_path / "a.txt", GRAMMAR))


def test_include_puts_lines_in_place_and_cannot_go_round(tmp_path):
    (tmp_path / "a.txt").write_text("include b.txt\nwait 2\n")
    (tmp_path / "b.txt").write_text("wait 1 # one\n")
    assert [(s.line, s.number("MS"), Path(s.file).name) for s in parse(tmp_path / "a.txt", GRAMMAR)] == [
        (1, 1, "b.txt"),
        (2, 2, "a.txt"),
    ]
    (tmp_path / "b.txt").write_text("include a.txt\n")
    with pytest.raises(ScenarioError, match="without end"):
        parse(tmp_path / "a.txt", GRAMMAR)
    with pytest.raises(ScenarioError, match="cannot be read"):
        parse(tmp_path / "none.txt", GRAMMAR)


def test_text_that_runs_over_lines_is_found():
    assert contains(["Hold card still,", "tap again"], "still, tap")
    assert not contains(["Hold"], "Held")


def test_points_of_receipts_by_member():
    def receipt(ref, points, card, *more):
        return ["ACCRUAL", f"Ref: {ref}", f"Points: {points}", f"Card: ****{card}", *more]

    cards = {"9C599B32": "ali", "04A1B2C3D4E5F6": "sara"}
    receipts = [
        receipt("1", "+125", "32"),
        receipt("2", "about +1,000", "32"),
        receipt("2", "+1,000", "32", "*** REPRINT ***"),
        receipt("3", "-500", "E5F6"),
        receipt("4", "+9", "32", "REFUSED: 51"),
        ["nothing of ours"],
    ]
    assert receipt_points(receipts, cards) == {"ali": 1125, "sara": -500}


class FakeStage:
    """Time passes and one text is on the screen; anything else asked of it is an error of the test."""

    opened = closed = 0

    def __init__(self, start):
        self.start, self.now = start, 0

    def open(self):
        type(self).opened += 1

    def close(self):
        type(self).closed += 1

    def begin(self, step):
        pass

    def run(self, ms):
        self.now += ms

    def run_until(self, holds, timeout_ms):
        if holds():
            return True
        self.now += timeout_ms
        return holds()

    def drawn(self):
        return True

    def screen_lines(self):
        return ["Vafa", "late" if self.now >= 700 else ""]

    def summary(self):
        return {"modelled_ms": self.now}


def test_a_run_stops_at_the_first_step_that_fails_and_says_what_was_there(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text('timeout 500\nwait 100\nexpect screen "Vafa"\nexpect screen "never"\nwait 1\n')
    before = FakeStage.closed
    report = run_file(file, make_stage=FakeStage)
    assert report["passed"] is False
    assert report["steps"] == 2
    assert report["modelled_ms"] == 600
    assert report["failures"] == [
        f'{file}:4: expected screen "never" within 500 ms; it never came; the screen showed: Vafa'
    ]
    assert FakeStage.closed == before + 1
    file.write_text('expect screen "late"\nexpect no screen "never"\n')
    assert run_file(file, make_stage=FakeStage)["passed"] is True


def test_a_file_that_cannot_be_read_is_a_failure_not_a_crash(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("dance\n")
    report = run_file(file, make_stage=FakeStage)
    assert report["passed"] is False
    assert "a.txt:1" in report["failures"][0]


def test_a_narrow_output_gets_the_screen_in_braille_and_a_wide_one_in_half_blocks(monkeypatch):
    columns = [80]

    def size(_fd):
        if columns[0] == 0:
            raise OSError("not a terminal")
        return os.terminal_size((columns[0], 24))

    monkeypatch.setattr(scenario.os, "get_terminal_size", size)
    drawn = {}
    for columns[0] in (0, 80, 131, 132):
        drawn[columns[0]] = scenario.drawing()
    assert drawn == {0: scenario.braille, 80: scenario.braille, 131: scenario.braille, 132: scenario.blocks}


def test_every_pixel_has_its_own_braille_dot():
    pages = bytearray(1024)
    seen = set()
    for y, x in ((y, x) for y in (0, 1, 2, 3, 4, 7, 63) for x in (0, 1, 126, 127)):
        pages[:] = bytes(1024)
        pages[y // 8 * 128 + x] = 1 << y % 8
        rows = scenario.braille(bytes(pages))
        assert (len(rows), {len(row) for row in rows}) == (16, {64})
        assert rows[y // 4][x // 2] != "\u2800"
        assert sum(character != "\u2800" for row in rows for character in row) == 1
        seen.add(tuple(rows))
    assert len(seen) == 28
    assert scenario.braille(b"\xff" * 1024) == ["\u28ff" * 64] * 16
    assert scenario.braille(b"\x01" + bytes(1023))[0][0] == "⠁"
    assert scenario.braille(b"\x08" + bytes(1023))[0][0] == "⡀"
