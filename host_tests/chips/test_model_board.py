import pytest

from tools.sim.board import PROFILES, SimBoard
from tools.sim.chips.keypad import KEY_NAMES
from tools.sim.clock import SimClock


@pytest.fixture(params=["s3", "pico"])
def board(request):
    return SimBoard(request.param, SimClock())


# -- clock -------------------------------------------------------------------------------------------------------------


def test_timers_fire_in_order_at_their_own_time_and_may_set_others():
    clock, seen = SimClock(), []
    clock.at(30, lambda: seen.append(("c", clock.now_us)))
    clock.at(10, lambda: (seen.append(("a", clock.now_us)), clock.after(5, lambda: seen.append(("b", clock.now_us)))))
    clock.at(20, lambda: seen.append(("never", 0))).cancel()
    assert clock.next_due_us() == 10
    clock.advance(29)
    assert (seen, clock.now_us, clock.next_due_us()) == ([("a", 10), ("b", 15)], 29, 30)
    clock.advance(1)
    assert seen[-1] == ("c", 30) and clock.next_due_us() is None


def test_time_neither_runs_back_nor_is_advanced_from_within():
    clock = SimClock()
    with pytest.raises(ValueError):
        clock.advance(-1)
    clock.at(5, lambda: clock.advance(1))
    with pytest.raises(RuntimeError):
        clock.advance(10)


# -- costs -------------------------------------------------------------------------------------------------------------


def test_each_access_costs_its_time_and_is_counted(board):
    clock, spi, i2c = board.clock, board.spi(), board.i2c()
    spi.init(baudrate=1_000_000)
    began = clock.now_us
    spi.write(bytes(10))
    assert clock.now_us - began == 15 + 80
    began = clock.now_us
    i2c.writeto(0x3C, bytes(1025))
    assert clock.now_us - began == 15 + -(-(1026 * 9 + 2) * 10 // 4)
    cs = board.pin(board.profile.rc522_cs)
    began = clock.now_us
    cs.init(cs.OUT, value=1)
    cs(0)
    cs(0)
    cs(1)
    assert clock.now_us - began == 12
    assert (board.spi_calls, board.spi_bytes, board.cs_assertions, board.pin_calls) == (1, 10, 1, 4)
    assert board.i2c_bytes == 1026


def test_spi_too_fast_or_in_another_mode_gives_nothing(board):
    cs, spi = board.pin(board.profile.rc522_cs), board.spi()
    cs.init(cs.OUT, value=1)

    def version():
        rx = bytearray(2)
        cs(0)
        spi.write_readinto(b"\xee\x00", rx)
        cs(1)
        return rx[1]

    board.clock.advance(2_000)
    spi.init(baudrate=10_000_000)
    assert version() == 0x92
    spi.init(baudrate=20_000_000)
    assert version() == 0xFF
    spi.init(baudrate=1_000_000, polarity=1)
    assert version() == 0xFF


# -- keypad ------------------------------------------------------------------------------------------------------------


def wire(board):
    rows = [board.pin(pin) for pin in board.profile.rows]
    columns = [board.pin(pin) for pin in board.profile.columns]
    for row in rows:
        row.init(row.OPEN_DRAIN, value=1)
    for column in columns:
        column.init(column.IN, column.PULL_UP)

    def scan():
        seen = set()
        for r, row in enumerate(rows):
            row(0)
            seen |= {KEY_NAMES[r * 4 + c] for c, column in enumerate(columns) if not column()}
            row(1)
        return seen

    return scan


def test_every_key_is_found_at_its_crossing(board):
    scan = wire(board)
    for index, name in enumerate(KEY_NAMES):
        board.keypad.press(index)
        board.clock.advance(5_000)
        assert scan() == {name}
        board.keypad.release(index)
        board.clock.advance(5_000)
    assert scan() == set()


def test_contacts_bounce_and_three_keys_of_a_rectangle_show_a_ghost(board):
    keypad = board.keypad
    keypad.press(0)
    levels = set()
    for _ in range(30):
        board.clock.advance(100)
        levels.add(keypad.closed(0))
    assert levels == {True, False} and keypad.closed(0)
    scan = wire(board)
    for index in (1, 4):
        keypad.press(index)
    board.clock.advance(5_000)
    assert scan() == {KEY_NAMES[0], KEY_NAMES[1], KEY_NAMES[4], KEY_NAMES[5]}


def test_a_column_without_pull_up_or_a_row_not_driven_reads_no_key(board):
    board.keypad.press(0)
    board.clock.advance(5_000)
    column = board.pin(board.profile.columns[0])
    column.init(column.IN, column.PULL_UP)
    assert column() == 1
    column.init(column.IN)
    assert column() == 0


# -- display -----------------------------------------------------------------------------------------------------------


def display_on(i2c, *extra):
    for command in (0x8D, 0x14, 0xA1, 0xC8, *extra, 0xAF):
        i2c.writeto(0x3C, bytes([0x80, command]))


def test_display_is_dark_until_pump_and_panel_are_on_and_holds_noise_at_first(board):
    assert board.oled.glass() == bytes(1024)
    i2c = board.i2c()
    i2c.writeto(0x3C, b"\x80\xaf")
    assert board.oled.glass() == bytes(1024)
    display_on(i2c)
    assert 0 < sum(board.oled.glass()) != 1024 * 255


def test_horizontal_and_page_addressing_place_bytes(board):
    i2c, oled = board.i2c(), board.oled
    display_on(i2c)
    i2c.writeto(0x3C, bytes([0x00, 0x20, 0x00, 0x21, 0, 127, 0x22, 0, 7]))
    i2c.writevto(0x3C, [b"\x40", bytes(1024)])
    i2c.writeto(0x3C, bytes([0x00, 0x21, 126, 127, 0x22, 2, 3]))
    i2c.writeto(0x3C, b"\x40\x01\x02\x03\x04\x05")
    glass = oled.glass()
    assert (glass[2 * 128 + 126], glass[2 * 128 + 127], glass[3 * 128 + 126], glass[3 * 128 + 127]) == (5, 2, 3, 4)
    i2c.writeto(0x3C, bytes([0x00, 0x20, 0x02, 0xB5, 0x0F, 0x17]))
    i2c.writeto(0x3C, b"\x40\xaa\xbb")
    assert oled.ram[5 * 128 + 127] == 0xAA and oled.ram[5 * 128] == 0xBB
    assert oled.unknown == []


def test_contrast_inverse_and_mirrored_mounting(board):
    i2c, oled = board.i2c(), board.oled
    display_on(i2c, 0x81, 0x22, 0x20, 0x00)
    i2c.writevto(0x3C, [b"\x40", b"\x01" + bytes(1023)])
    assert oled.contrast == 0x22 and oled.glass()[0] == 1
    i2c.writeto(0x3C, b"\x80\xa7")
    assert oled.glass()[:2] == b"\xfe\xff"
    i2c.writeto(0x3C, b"\x00\xa6\xa0\xc0")
    assert oled.glass()[-1] == 0x80 and sum(oled.glass()) == 0x80
    board.power_off()
    board.power_on()
    assert oled.glass() == bytes(1024)


# -- clock chip --------------------------------------------------------------------------------------------------------


def test_rtc_runs_in_bcd_on_simulated_time_through_a_power_cut(board):
    i2c = board.i2c()
    i2c.writeto_mem(0x68, 0, bytes.fromhex("58590203280227"))
    board.power_off()
    board.clock.advance(1_900_000)
    board.power_on()
    board.clock.advance(200_000)
    assert board.i2c().readfrom_mem(0x68, 0, 7) == bytes.fromhex("00000303280227")
    assert str(board.rtc.utc()) == "2027-02-28 03:00:00"
    board.clock.advance(21 * 3_600_000_000)
    assert board.i2c().readfrom_mem(0x68, 3, 4) == bytes.fromhex("04010327")


def test_rtc_without_battery_says_so_until_the_flag_is_cleared():
    board = SimBoard("s3", SimClock(), rtc_utc=None)
    i2c = board.i2c()
    assert i2c.readfrom_mem(0x68, 0x0F, 1)[0] & 0x80
    assert i2c.readfrom_mem(0x68, 0, 7) == bytes.fromhex("00000001010100")
    i2c.writeto_mem(0x68, 0x0F, b"\x00")
    assert not i2c.readfrom_mem(0x68, 0x0F, 1)[0] & 0x80
    i2c.writeto_mem(0x68, 0x0F, b"\x80")
    assert not board.rtc.stopped
    board.rtc.connected = False
    with pytest.raises(OSError):
        i2c.readfrom_mem(0x68, 0, 7)


# -- printer -----------------------------------------------------------------------------------------------------------


def test_printer_prints_lines_at_the_line_speed_and_cuts(board):
    uart = board.uart()
    uart.init(baudrate=115_200)
    uart.write(b"\x1b@\x1ba\x01\x1bE\x01Vafa\x1bE\x00\n" + b"\x1bd\x02" + b"Total\t100\n\x1dV\x41\x00")
    board.clock.advance(1_000)
    assert board.printer.lines == []
    board.clock.advance(3_000)
    assert board.printer.receipts == [["Vafa", "", "", "Total   100"]]
    assert (board.printer.cuts, board.printer.unknown) == (1, [])


@pytest.mark.parametrize(
    ("paper", "plugged", "answer"), [(True, True, b"\x12"), (False, True, b"\x72"), (True, False, None)]
)
def test_paper_status_is_answered_in_real_time(board, paper, plugged, answer):
    board.printer.paper, board.printer.plugged = paper, plugged
    uart = board.uart()
    uart.write(b"\x10\x04\x04")
    assert uart.read() is None
    board.clock.advance(400)
    assert uart.read(1) == answer


def test_lines_without_paper_wait_for_the_new_roll(board):
    board.printer.paper = False
    board.uart().write(b"held\n")
    board.clock.advance(2_000)
    assert board.printer.lines == []
    board.printer.load_paper()
    assert board.printer.lines == ["held"]


def test_a_wrong_baud_rate_prints_nothing(board):
    uart = board.uart()
    uart.init(baudrate=9_600)
    uart.write(b"x\n")
    board.clock.advance(5_000)
    assert board.printer.lines == [] and board.printer.lost == 2


# -- lamps and sound ---------------------------------------------------------------------------------------------------


def test_buzzer_and_lamps_keep_a_history(board):
    pwm = board.pwm_out(board.profile.buzzer)
    pwm.init(freq=2_000, duty_u16=32_768)
    board.clock.advance(100_000)
    pwm.duty_u16(0)
    (start, hz), (stop, silence) = board.buzzer.heard
    assert (hz, silence, stop - start) == (2_000, 0, 100_003)
    green = board.pin(board.profile.led_green)
    green.init(green.OUT, value=1)
    assert board.leds.green and not board.leds.red
    board.power_off()
    assert not board.leds.green
    assert [(name, lit) for _, name, lit in board.leds.seen] == [("green", True), ("green", False)]


def test_both_wirings_use_each_pin_once():
    for profile in PROFILES.values():
        single = (profile.sck, profile.mosi, profile.miso, profile.rc522_cs, profile.rc522_rst, profile.rc522_irq)
        rest = (profile.scl, profile.sda, profile.buzzer, profile.led_green, profile.led_red, profile.tx, profile.rx)
        pins = [*single, *rest, *profile.rows, *profile.columns]
        assert len(set(pins)) == len(pins)
