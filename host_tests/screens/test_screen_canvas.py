"""What is drawn can be read back from the pixels, at both sizes, normal and inverse."""

import pytest

from firmware.core.log import Log
from firmware.screen.canvas import Canvas
from firmware.screen.screens import Status, amount, error, idle
from firmware.text import catalogue
from tools.sim.ocr import screen_lines

TEXT = catalogue.load("en")


class Panel:
    width = 128
    height = 64

    def __init__(self) -> None:
        self.buffer = bytearray(1024)
        self.shown = 0
        self.broken = False

    def show(self) -> None:
        if self.broken:
            raise OSError(5)
        self.shown += 1

    def alive(self) -> None:
        if self.broken:
            raise OSError(5)


def read(panel: Panel) -> list[str]:
    return [line.strip() for line in screen_lines(bytes(panel.buffer)) if line.strip()]


def test_big_digits_titles_and_notes_are_legible() -> None:
    panel = Panel()
    canvas = Canvas(panel, Log(8), TEXT)
    canvas.draw(amount(TEXT, "125000", "Not this key"))
    assert read(panel) == ["SALE", "125,000", "rial  = 12,500 T", "Not this key", "OK  CLEAR CANCEL"]
    canvas.draw(amount(TEXT, "125000000000", ""))
    assert read(panel)[1] == "125,000,000,000"


def test_the_idle_screen_reads_as_written() -> None:
    panel = Panel()
    Canvas(panel, Log(8), TEXT).draw(idle(TEXT, Status(False, 3, 720, 2, (14, 5), "")))
    assert read(panel) == ["Vafa       14:05", "READY", "Amount or card", "2 rejected", "OFFLINE", "3 waiting 12 min"]


def test_the_same_lines_are_sent_once() -> None:
    panel = Panel()
    canvas = Canvas(panel, Log(8), TEXT)
    for _ in range(3):
        canvas.draw(error(TEXT, "C02"))
    assert panel.shown == 1


def test_a_glitch_of_the_display_ends_nothing_and_is_drawn_again() -> None:
    panel, log = Panel(), Log(8)
    canvas = Canvas(panel, log, TEXT)
    panel.broken = True
    canvas.draw(error(TEXT, "C02"))
    assert "R02" in log.newest(1)[0]
    panel.broken = False
    canvas.draw(error(TEXT, "C02"))
    assert panel.shown == 1


@pytest.mark.parametrize("wide", ["X" * 40, "8" * 17])
def test_a_text_that_is_too_wide_stays_on_the_panel(wide: str) -> None:
    panel = Panel()
    Canvas(panel, Log(8), TEXT).draw([(2, wide), (1, wide)])
    assert read(panel)[0] == wide[:16]
