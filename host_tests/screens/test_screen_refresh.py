"""What a redrawing costs on the display's bus: a sign of life when nothing changed, else the columns that did."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from drivers.ssd1306 import SSD1306
from firmware.core.log import Log
from firmware.screen.canvas import Canvas
from firmware.screen.screens import Status, idle
from firmware.text import catalogue
from tools.sim import onhost
from tools.sim.board import SimBoard
from tools.sim.clock import SimClock

DIGIT_PX = {"en": 8, "fa": 10}  # the widest digit
PAGES = {"en": 1, "fa": 2}  # rows of 12 pixels lie on two


def status(minute: int = 5, waiting: int = 3) -> Status:
    return Status(False, waiting, 720, 0, (14, minute), "")


@pytest.fixture(params=["en", "fa"])
def shop(request: pytest.FixtureRequest) -> Iterator[tuple[SimBoard, catalogue.Catalogue, Canvas]]:
    board = SimBoard("s3", SimClock())
    text = catalogue.load(request.param)
    canvas = Canvas(SSD1306(board.i2c()), Log(8), text)
    ticks = onhost.ticks_source
    onhost.ticks_source = lambda: board.clock.now_us
    try:
        canvas.draw(idle(text, status()))
        yield board, text, canvas
    finally:
        onhost.ticks_source = ticks


def test_the_idle_screen_drawn_again_sends_no_picture_and_two_bytes_a_second(shop) -> None:
    board, text, canvas = shop
    before, picture = board.i2c_bytes, board.oled.data_bytes
    for _ in range(20):
        canvas.draw(idle(text, status()))
    assert board.i2c_bytes == before
    for _ in range(200):
        board.clock.advance(50_000)
        canvas.draw(idle(text, status()))
    assert (board.oled.data_bytes, board.oled.unknown) == (picture, [])
    assert 0 < board.i2c_bytes - before <= 10 * 3, "address, control byte, command"


def test_a_display_that_dies_is_noticed_while_nothing_changes_on_it(shop) -> None:
    board, text, canvas = shop
    board.oled.connected = False
    seconds = 0.0
    while not canvas.dark():
        canvas.draw(idle(text, status()))
        board.clock.advance(250_000)
        seconds += 0.25
        assert seconds <= 3.5
    assert seconds > 2, "a glitch is no death"


def test_a_minute_sends_the_columns_of_its_digit_alone(shop) -> None:
    board, text, canvas = shop
    before = board.oled.data_bytes
    canvas.draw(idle(text, status(minute=6)))
    assert 0 < board.oled.data_bytes - before <= DIGIT_PX[text.language] * PAGES[text.language]


def test_a_choice_of_brightness_sends_no_picture(shop) -> None:
    board, text, canvas = shop
    before = board.oled.data_bytes
    canvas._display.contrast(255)
    canvas.draw(idle(text, status()))
    assert (board.oled.data_bytes, board.oled.contrast) == (before, 255)


def test_a_display_that_lost_its_power_shows_everything_again_by_itself_and_is_dark_meanwhile(shop) -> None:
    board, text, canvas = shop
    board.oled.connected = False
    canvas.draw(idle(text, status(minute=7)))
    board.oled.power_on()
    assert not canvas.dark()
    board.oled.connected = True
    canvas.draw(idle(text, status(minute=7)))
    assert not canvas.dark() and board.oled.on
    assert board.oled.glass() == bytes(canvas._display.buffer)
