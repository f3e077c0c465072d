import pytest

from drivers.ssd1306 import SSD1306
from tools.sim.board import SimBoard
from tools.sim.clock import SimClock


@pytest.fixture
def board() -> SimBoard:
    return SimBoard("s3", SimClock())


@pytest.fixture
def display(board: SimBoard) -> SSD1306:
    display = SSD1306(board.i2c())
    display.init()
    return display


def test_the_panel_shows_the_whole_buffer_after_init_whatever_its_memory_held(board: SimBoard) -> None:
    display = SSD1306(board.i2c())
    display.buffer[5] = 0xA5
    display.init()
    assert board.oled.glass() == bytes(display.buffer)
    assert not board.oled.unknown


def test_only_the_changed_columns_of_a_changed_page_are_sent(board: SimBoard, display: SSD1306) -> None:
    before = board.oled.data_bytes
    display.buffer[3 * 128 + 10] = 0xFF
    display.buffer[3 * 128 + 13] = 0x01
    display.show()
    assert board.oled.data_bytes - before == 4
    assert board.oled.glass() == bytes(display.buffer)


def test_an_unchanged_buffer_sends_nothing(board: SimBoard, display: SSD1306) -> None:
    before = board.i2c_bytes
    display.show()
    assert board.i2c_bytes == before


def test_changes_on_several_pages_and_at_the_edges_arrive(board: SimBoard, display: SSD1306) -> None:
    for at in (0, 127, 128, 511, 1023):
        display.buffer[at] ^= 0x81
        display.show()
        assert board.oled.glass() == bytes(display.buffer)


def test_after_a_missing_acknowledge_the_next_show_sets_it_up_anew_and_sends_everything(
    board: SimBoard, display: SSD1306
) -> None:
    board.oled.connected = False
    with pytest.raises(OSError):
        display.contrast(9)
    display.buffer[0] = 1
    with pytest.raises(OSError):
        display.show()
    board.oled.power_on()
    board.oled.connected = True
    display.show()
    assert board.oled.glass() == bytes(display.buffer)
    assert (board.oled.contrast, board.oled.on) == (9, True)


def test_contrast_and_power_reach_the_controller(board: SimBoard, display: SSD1306) -> None:
    display.contrast(17)
    display.power(False)
    assert (board.oled.contrast, board.oled.on) == (17, False)
