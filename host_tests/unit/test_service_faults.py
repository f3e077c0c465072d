"""The fault record: figures and the newest log lines beside the trace, in bounds, and a fault that repeats once."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.cards.taps import OK, UNSUPPORTED, Taps
from firmware.core.errors import CardUnsupported
from firmware.service import faults


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What the terminal tells of itself."""
    told = ["build 1 start 7 up 33 s heap free 1000"]
    before, faults.about[:] = list(faults.about), [lambda: list(told)]
    yield told
    faults.about[:] = before


def test_figures_and_the_newest_lines_of_the_log_stand_beside_the_trace(tmp_path: Path, lines: list[str]) -> None:
    path = tmp_path / "fault.txt"
    lines += [f"{n} I00 line {n} " + "x" * 80 for n in range(40)]
    faults.record("ValueError: bug", "desk", str(path))
    told = faults.newest(str(path)).split("\n")
    assert told[:3] == ["--- desk", "ValueError: bug", "| build 1 start 7 up 33 s heap free 1000"]
    assert told[-2].startswith("| 39 I00") and not any("line 0 " in line for line in told)
    assert [int(line.split()[1]) for line in told[3:-1]] == sorted(int(line.split()[1]) for line in told[3:-1])
    assert path.stat().st_size <= 2048
    for n in range(9):
        faults.record(f"other {n}", "keys", str(path))
    assert path.stat().st_size <= 4096 and faults.newest(str(path)).startswith("--- keys\nother 8\n| build")


def test_the_same_fault_is_written_once_whatever_the_log_says(tmp_path: Path, lines: list[str]) -> None:
    path = tmp_path / "fault.txt"
    for n in range(5):
        lines[0] = f"build 1 start {n}"
        faults.record("the watchdog resets the terminal", "hung: desk", str(path))
    assert path.read_text().count("--- hung: desk") == 1
    assert faults.newest(str(tmp_path / "none")) == ""


def test_a_phone_that_lies_there_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from firmware.cards import taps

    now = [0]
    monkeypatch.setattr(taps, "ticks_ms", lambda: now[0])
    seen, told = Taps(), list[tuple[int, int, int]]()
    seen.trace = lambda kind, ms, sak: told.append((kind, ms, sak))
    for n in range(20):
        now[0] = n * 100
        seen.begin(0x20)
        now[0] += 5
        seen.end(CardUnsupported("phone"))
    assert (seen.of(UNSUPPORTED), told) == (1, [(UNSUPPORTED, 5, 0x20)])
    now[0] += 5000
    seen.end(CardUnsupported("phone"))
    assert seen.of(UNSUPPORTED) == 2
    for _ in range(2):
        seen.end(object())  # type: ignore[arg-type]
    assert seen.of(OK) == 2, "two cards that are read are two"


def test_the_page_is_in_the_order_of_a_terminals_life() -> None:
    page = (Path(__file__).parents[2] / "docs" / "troubleshooting.md").read_text()
    assert re.findall(r"^# (.*)$", page, re.M)[1:] == [
        "Before the first flash", "At the first start", "Every day at the counter", "The line",
        "At the end of the day", "After months",
    ]  # fmt: skip
    assert "\n## " not in page.partition("\n# Before the first flash")[0], "each part belongs to a moment"
