import pytest

from drivers.buzzer import Buzzer
from drivers.ds3231 import DS3231
from drivers.keypad import Keypad
from drivers.leds import Leds
from tools.sim import onhost
from tools.sim.board import SimBoard
from tools.sim.clock import SimClock


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> SimBoard:
    clock = SimClock(1_000_000)
    monkeypatch.setattr(onhost, "ticks_source", lambda: clock.now_us)
    return SimBoard("s3", clock)


# --- keypad -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def keypad(board: SimBoard) -> Keypad:
    rows = [board.pin(n) for n in board.profile.rows]
    columns = [board.pin(n) for n in board.profile.columns]
    for row in rows:
        row.init(row.OPEN_DRAIN, value=1)
    for column in columns:
        column.init(column.IN, column.PULL_UP)
    return Keypad(rows, columns)


def scans(board: SimBoard, keypad: Keypad, ms: int, every_ms: int = 10) -> list[int]:
    found = []
    for _ in range(ms // every_ms):
        board.clock.advance(every_ms * 1000)
        found.append(keypad.scan())
    return [key for key in found if key >= 0]


@pytest.mark.parametrize("every_ms", [1, 5, 20])
def test_each_key_is_reported_once_in_spite_of_bouncing(board: SimBoard, keypad: Keypad, every_ms: int) -> None:
    for key in range(20):
        board.keypad.press(key)
        assert scans(board, keypad, 80, every_ms) == [key]
        board.keypad.release(key)
        assert scans(board, keypad, 80, every_ms) == []


def test_a_key_pressed_while_another_is_held_is_reported_too(board: SimBoard, keypad: Keypad) -> None:
    board.keypad.press(5)
    assert scans(board, keypad, 60) == [5]
    board.keypad.press(10)
    assert scans(board, keypad, 60) == [10]


def test_two_keys_of_one_moment_are_both_reported(board: SimBoard, keypad: Keypad) -> None:
    board.keypad.press(0)
    board.keypad.press(7)
    assert sorted(scans(board, keypad, 100)) == [0, 7]


def test_the_keys_of_a_rolling_hand_come_in_their_order_when_scans_are_late(board: SimBoard, keypad: Keypad) -> None:
    board.keypad.press(5)
    assert scans(board, keypad, 45, every_ms=45) == []  # the flash held the processor
    board.clock.advance(10_000)
    board.keypad.press(4)  # before 5 was seen twice; a matrix is read from its lower end
    assert scans(board, keypad, 45, every_ms=15) == [5, 4]
    board.keypad.release(5)
    assert scans(board, keypad, 15, every_ms=15) == []
    board.keypad.press(6)
    assert scans(board, keypad, 15, every_ms=15) == []
    board.keypad.release(4)
    assert scans(board, keypad, 15, every_ms=15) == [6]
    assert not keypad.is_down(5)


def test_three_keys_of_a_rectangle_raise_no_ghost(board: SimBoard, keypad: Keypad) -> None:
    for key in (0, 1, 4):
        board.keypad.press(key)
    assert scans(board, keypad, 100) == []
    board.keypad.release(4)
    assert sorted(scans(board, keypad, 100)) == [0, 1]


def test_a_quiet_scan_reads_only_the_columns(board: SimBoard, keypad: Keypad) -> None:
    before = board.pin_calls
    keypad.scan()
    assert board.pin_calls - before == 4


# --- buzzer and lamps -------------------------------------------------------------------------------------------------


def test_tones_start_and_stop(board: SimBoard) -> None:
    buzzer = Buzzer(board.pwm_out(board.profile.buzzer))
    for hz in (2000, 2000, 1000, 0, 0):
        buzzer.tone(hz)
    assert [hz for _, hz in board.buzzer.heard] in ([2000, 1000, 0], [2000, 1000, 0])


def test_lamps_show_exactly_what_was_asked(board: SimBoard) -> None:
    pins = [board.pin(n) for n in (board.profile.led_green, board.profile.led_red)]
    for pin in pins:
        pin.init(pin.OUT, value=0)
    leds = Leds(*pins)
    leds.show(green=True)
    assert (board.leds.green, board.leds.red) == (True, False)
    leds.show(red=True)
    assert (board.leds.green, board.leds.red) == (False, True)
    leds.off()
    assert (board.leds.green, board.leds.red) == (False, False)


# --- battery clock ----------------------------------------------------------------------------------------------------


def test_a_fresh_clock_says_that_it_lost_power_until_it_is_set(board: SimBoard) -> None:
    board.rtc.battery_changed()
    rtc = DS3231(board.i2c())
    assert rtc.lost_power()
    rtc.write(2026, 12, 31, 23, 59, 58)
    assert not rtc.lost_power()
    board.clock.advance(2_100_000)
    assert rtc.read() == (2027, 1, 1, 0, 0, 0)


def test_twelve_hour_mode_left_by_foreign_software_is_read_right(board: SimBoard) -> None:
    board.i2c_write(0, 0x68, bytes([0, 0x30, 0x15, 0x40 | 0x20 | 0x12, 1, 0x16, 0x11, 0x26]))
    assert DS3231(board.i2c()).read() == (2026, 11, 16, 12, 15, 30)


def test_an_absent_clock_is_an_os_error(board: SimBoard) -> None:
    board.rtc.connected = False
    with pytest.raises(OSError):
        DS3231(board.i2c()).read()


class GarbageClock:
    def readfrom_mem_into(self, addr: int, register: int, into: bytearray) -> None:
        into[:] = b"\xff" * len(into)


def test_registers_that_are_no_time_are_an_os_error() -> None:
    with pytest.raises(OSError):
        DS3231(GarbageClock()).read()
