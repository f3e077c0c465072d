import pytest

from host_tests.chips.rc522_kit import Raw
from tools.sim.cards import Noise, make_card
from tools.sim.cards.frames import with_crc
from tools.sim.chips import rc522_regs as R

UID = bytes.fromhex("9C599B32")


def advance_to(raw, when_us):
    raw.clock.advance(when_us - raw.clock.now_us)


def test_version_and_reset_values_are_the_data_sheets():
    raw = Raw(field_on=False)
    assert raw.read(R.COMMAND, R.COM_IEN, R.COM_IRQ, R.STATUS1, R.WATER_LEVEL, R.MODE, R.VERSION) == bytes(
        [0x20, 0x80, 0x14, 0x21, 0x08, 0x3F, 0x92]
    )


@pytest.mark.parametrize(("switch", "seen"), [({"version": 0x12}, 0x12), ({"dead": 0xFF}, 0xFF), ({"dead": 0}, 0)])
def test_clones_and_dead_buses_show_in_the_version(switch, seen):
    assert Raw(field_on=False, **switch).one(R.VERSION) == seen


def test_soft_reset_holds_the_power_down_bit_until_ready():
    raw = Raw()
    raw.write(R.COMMAND, R.SOFT_RESET)
    assert raw.one(R.COMMAND) == 0x20 | R.POWER_DOWN
    raw.clock.advance(40)
    assert raw.read(R.COMMAND, R.T_PRESCALER) == b"\x20\x00"
    assert not raw.field.on


def test_writes_before_the_crystal_runs_are_lost():
    raw = Raw(field_on=False)
    rst = raw.board.pin(raw.board.profile.rc522_rst)
    rst.init(rst.OUT, value=0)
    rst(1)
    raw.write(R.WATER_LEVEL, 0x20)
    assert raw.one(R.COMMAND) & R.POWER_DOWN
    raw.clock.advance(600)
    assert raw.one(R.WATER_LEVEL) == 0x08
    raw.write(R.WATER_LEVEL, 0x20)
    assert raw.one(R.WATER_LEVEL) == 0x20


def test_a_write_stream_keeps_its_address_and_a_read_stream_takes_a_new_one_per_byte():
    raw = Raw()
    raw.write(R.FIFO_DATA, 1, 2, 3)
    assert raw.read(R.FIFO_LEVEL, R.FIFO_DATA, R.FIFO_DATA, R.FIFO_LEVEL, R.VERSION) == bytes([3, 1, 2, 1, 0x92])


def test_set1_chooses_between_setting_and_clearing_interrupt_bits():
    raw = Raw()
    raw.write(R.COM_IRQ, 0x7F)
    raw.write(R.COM_IRQ, 0x80 | R.TIMER_IRQ | R.RX_IRQ)
    assert raw.one(R.COM_IRQ) == R.TIMER_IRQ | R.RX_IRQ
    raw.write(R.COM_IRQ, R.RX_IRQ)
    assert raw.one(R.COM_IRQ) == R.TIMER_IRQ


def test_irq_pin_is_a_level_inverted_by_default_and_open_drain_without_push_pull():
    raw = Raw()
    pin = raw.board.pin(raw.board.profile.rc522_irq)
    pin.init(pin.IN, pin.PULL_UP)
    raw.write(R.COM_IRQ, 0x7F)
    raw.write(R.COM_IEN, 0x80 | R.TIMER_IRQ)
    assert pin() == 1
    raw.write(R.COM_IRQ, 0x80 | R.TIMER_IRQ)
    assert [pin(), pin()] == [0, 0]
    raw.write(R.COM_IEN, R.TIMER_IRQ)  # not inverted: active high, which an open drain cannot drive
    pin.init(pin.IN, pin.PULL_DOWN)
    assert pin() == 0
    raw.write(R.DIV_IEN, 0x80)
    assert pin() == 1


def test_reqa_brings_atqa_at_the_microsecond_of_the_standard():
    raw = Raw()
    raw.lay(make_card("classic", UID))
    began_us = raw.begin(b"\x26", 7)
    advance_to(raw, began_us + 343)  # 4,660 cycles are 343.66 us
    assert not raw.chip.com_irq & R.RX_IRQ
    advance_to(raw, began_us + 344)
    assert raw.chip.com_irq & R.RX_IRQ
    assert raw.fifo() == b"\x04\x00"
    assert not raw.one(R.COM_IRQ) & (R.TIMER_IRQ | R.IDLE_IRQ)
    assert raw.one(R.COMMAND) == R.TRANSCEIVE


@pytest.mark.parametrize(
    ("exchange", "cycles"),
    [(b"\x93\x20", 9_524), (with_crc(b"\x93\x70" + UID + b"\x6c"), 15_284)],
)
def test_air_times_of_anticollision_and_select(exchange, cycles):
    raw = Raw()
    raw.lay(make_card("classic", UID))
    raw.reqa()
    began_us = raw.begin(exchange)
    due_us = -(-cycles * 25 // 339)
    advance_to(raw, began_us + due_us - 1)
    assert not raw.chip.com_irq & R.RX_IRQ
    advance_to(raw, began_us + due_us)
    assert raw.chip.com_irq & R.RX_IRQ


def test_empty_field_ends_by_the_timer_at_its_programmed_time():
    raw = Raw()
    raw.clock.advance(6_000)
    began_us = raw.begin(b"\x26", 7)
    # The short frame's 8 * 128 cycles, then (2*169+1) * (20+1) = 7,119 cycles.
    due_us = began_us + 76 + 525
    advance_to(raw, due_us - 1)
    assert not raw.chip.com_irq & R.TIMER_IRQ
    advance_to(raw, due_us)
    assert raw.chip.com_irq & R.TIMER_IRQ
    assert raw.one(R.COMMAND) == R.TRANSCEIVE
    assert not raw.chip.com_irq & (R.RX_IRQ | R.IDLE_IRQ)


def test_even_prescaler_and_auto_restart():
    raw = Raw()
    raw.write(R.T_MODE, R.T_AUTO_RESTART)
    raw.write(R.T_PRESCALER, 0)
    raw.write(R.DEMOD, 0x4D | R.PRESCALER_EVEN)
    raw.write(R.T_RELOAD_H, 0x1A)
    raw.write(R.T_RELOAD_L, 0x7B)  # 6,779 + 1 counts of 2 cycles are 1,000 us
    raw.write(R.COM_IRQ, 0x7F)
    raw.write(R.CONTROL, 0x40)
    started_us = raw.clock.now_us - 3
    for n in (1, 2, 3):
        advance_to(raw, started_us + n * 1_000 - 100)
        assert not raw.chip.com_irq & R.TIMER_IRQ
        advance_to(raw, started_us + n * 1_000 + 5)
        assert raw.chip.com_irq & R.TIMER_IRQ
        raw.write(R.COM_IRQ, 0x7F)
    raw.write(R.CONTROL, 0x80)
    assert not raw.one(R.STATUS1) & 0x08


def test_a_card_hears_nothing_before_five_milliseconds_of_field():
    raw = Raw()
    raw.field.lay(make_card("classic", UID))
    raw.clock.advance(4_000)
    assert raw.exchange(b"\x26", 7, wait_us=800) is None
    assert raw.reqa() == b"\x04\x00"


@pytest.mark.parametrize(
    "spoil",
    [(R.TX_ASK, 0x00), (R.TX_MODE, 0x10), (R.RX_MODE, 0x10), (R.COMMAND, R.RCV_OFF | R.IDLE), (R.TX_CONTROL, 0x80)],
)
def test_wrong_modulation_rate_receiver_or_field_means_silence(spoil):
    raw = Raw()
    raw.lay(make_card("classic", UID))
    raw.write(*spoil)
    raw.clock.advance(6_000)
    raw.write(R.FIFO_LEVEL, R.FLUSH)
    raw.write(R.FIFO_DATA, 0x26)
    raw.write(R.COM_IRQ, 0x7F)
    raw.write(R.COMMAND, R.TRANSCEIVE | (R.RCV_OFF if spoil[0] == R.COMMAND else 0))
    raw.write(R.BIT_FRAMING, 0x87)
    raw.clock.advance(2_000)
    assert raw.one(R.COM_IRQ) & (R.RX_IRQ | R.TIMER_IRQ) == R.TIMER_IRQ


def test_start_send_counts_only_in_transceive_and_each_time_anew():
    raw = Raw()
    raw.lay(make_card("classic", UID))
    raw.write(R.FIFO_DATA, 0x26)
    raw.write(R.BIT_FRAMING, 0x87)
    raw.clock.advance(1_000)
    assert raw.chip.modem.sent_frames == 0
    raw.write(R.COMMAND, R.TRANSCEIVE)
    raw.write(R.BIT_FRAMING, 0x87)
    raw.clock.advance(1_000)
    assert raw.fifo() == b"\x04\x00"
    raw.write(R.FIFO_DATA, 0x93, 0x20)
    raw.write(R.BIT_FRAMING, 0x80)
    raw.clock.advance(1_000)
    assert raw.fifo() == UID + b"\x6c"


def test_fifo_overflow_and_write_errors_are_reported():
    raw = Raw()
    raw.write(R.FIFO_DATA, *range(65))
    assert raw.read(R.FIFO_LEVEL, R.ERROR) == bytes([64, R.BUFFER_OVFL])
    raw.write(R.FIFO_LEVEL, R.FLUSH)
    assert raw.read(R.FIFO_LEVEL, R.ERROR) == bytes([0, 0])
    raw.begin(b"\x26", 7)
    raw.clock.advance(200)
    raw.write(R.FIFO_DATA, 1)
    assert raw.read(R.FIFO_LEVEL, R.ERROR) == bytes([0, R.WR_ERR])
    assert raw.one(R.COM_IRQ) & R.ERR_IRQ


def test_a_command_start_clears_errors_and_authentication_locks_the_fifo():
    raw = Raw()
    raw.write(R.FIFO_DATA, *range(65))
    raw.write(R.COMMAND, R.IDLE)
    assert raw.one(R.ERROR) == 0
    raw.write(R.FIFO_LEVEL, R.FLUSH)
    raw.write(R.FIFO_DATA, *bytes(12))
    raw.write(R.COMMAND, R.MF_AUTHENT)
    raw.write(R.FIFO_DATA, 1)  # still sending: not yet between last bit out and last bit in
    assert raw.chip.modem.state == 3
    assert raw.read(R.FIFO_LEVEL, R.ERROR) == bytes([0, R.WR_ERR])


def test_values_after_a_collision_are_kept_or_cleared_as_asked():
    for keep, seen in ((0x80, b"\x0f\x12\x34\x56"), (0x00, b"\x07\x00\x00\x00")):
        raw = Raw()
        raw.lay(make_card("classic", "0F123456"), make_card("classic", "07123456"))
        raw.reqa()
        raw.write(R.COLL, keep)
        assert raw.exchange(b"\x93\x20")[:4] == seen
        assert raw.one(R.COLL) == keep | 4


@pytest.mark.parametrize(("strips", "fits"), [(True, True), (False, False)])
def test_sixteen_pages_fit_the_fifo_only_if_the_chip_strips_the_crc(strips, fits):
    raw = Raw(strips_crc=strips)
    tag = make_card("ntag213", "04A1B2C3D4E5F6")
    raw.lay(tag)
    raw.select(tag.uid)
    raw.write(R.RX_MODE, R.CRC_EN)
    data = raw.command(b"\x3a\x00\x0f")
    assert len(data) == 64 and data == bytes(tag.memory[:64])
    assert bool(raw.one(R.ERROR) & R.BUFFER_OVFL) is not fits


def test_crc_is_appended_checked_and_stripped_by_the_chip():
    raw = Raw()
    raw.lay(make_card("classic", UID))
    raw.reqa()
    raw.write(R.TX_MODE, R.CRC_EN)
    raw.write(R.RX_MODE, R.CRC_EN)
    assert raw.exchange(b"\x93\x70" + UID + b"\x6c") == b"\x08"
    assert raw.one(R.ERROR) == 0


@pytest.mark.parametrize(("switch", "error"), [(True, R.CRC_ERR), (False, 0)])
def test_a_four_bit_answer_under_receive_crc(switch, error):
    raw = Raw(nibble_is_crc_error=switch)
    tag = make_card("ntag213", "04A1B2C3D4E5F6")
    raw.lay(tag)
    raw.select(tag.uid)
    raw.write(R.RX_MODE, R.CRC_EN)
    assert raw.command(b"\xff\x00") == b"\x00"
    assert raw.one(R.ERROR) == error
    assert raw.one(R.CONTROL) & 7 == 4


def test_calc_crc_goes_on_until_another_command():
    raw = Raw()
    raw.write(R.MODE, 0x3D)  # preset 6363h
    raw.write(R.FIFO_LEVEL, R.FLUSH)
    raw.write(R.DIV_IRQ, 0x7F)
    raw.write(R.COMMAND, R.CALC_CRC)
    raw.write(R.FIFO_DATA, 0x50, 0x00)
    raw.clock.advance(20)
    assert raw.one(R.DIV_IRQ) & R.CRC_IRQ
    assert raw.read(R.CRC_RESULT_L, R.CRC_RESULT_H) == b"\x57\xcd"
    assert raw.one(R.COMMAND) == R.CALC_CRC


def test_self_test_gives_the_reference_and_leaves_the_antenna_useless_until_reset():
    raw = Raw()
    raw.lay(make_card("classic", UID))
    raw.write(R.FIFO_DATA, *bytes(25))
    raw.write(R.COMMAND, R.MEM)
    raw.write(R.AUTO_TEST, 0x09)
    raw.write(R.FIFO_DATA, 0x00)
    raw.write(R.COMMAND, R.CALC_CRC)
    raw.clock.advance(1_000)
    assert raw.fifo()[:8] == bytes.fromhex("00eb66ba57bf2395")
    raw.write(R.AUTO_TEST, 0x00)
    assert raw.reqa() is None


def test_power_down_keeps_registers_drops_the_field_and_wakes_late():
    raw = Raw()
    card = make_card("classic", UID)
    raw.lay(card)
    raw.select(UID)
    raw.write(R.COMMAND, R.POWER_DOWN)
    assert not raw.field.on and card.state == "off"
    raw.write(R.COMMAND, R.IDLE)
    assert raw.one(R.COMMAND) & R.POWER_DOWN
    raw.clock.advance(60)
    assert not raw.one(R.COMMAND) & R.POWER_DOWN
    assert raw.one(R.T_PRESCALER) == 169 and raw.field.on


def test_reset_pin_and_power_cut_switch_the_field_off_and_forget_registers():
    for cut in ("pin", "power"):
        raw = Raw()
        raw.lay(make_card("classic", UID))
        if cut == "pin":
            rst = raw.board.pin(raw.board.profile.rc522_rst)
            rst.init(rst.OUT, value=0)
            assert raw.one(R.VERSION) == 0
            rst(1)
        else:
            raw.board.power_off()
            raw.board.power_on()
            cs = raw.board.pin(raw.board.profile.rc522_cs)
            cs.init(cs.OUT, value=1)
        raw.clock.advance(1_000)
        assert not raw.field.on
        assert raw.read(R.TX_CONTROL, R.T_PRESCALER) == b"\x80\x00"


def test_a_processor_reset_leaves_the_chip_as_it_was():
    raw = Raw()
    raw.board.cpu_reset()
    raw.board.pin(raw.board.profile.rc522_cs).init(1, value=1)
    assert raw.one(R.T_PRESCALER) == 169


def test_air_time_counters_add_up():
    raw = Raw()
    raw.lay(make_card("classic", UID))
    before = raw.chip.field_on_us
    raw.reqa()
    modem = raw.chip.modem
    assert (modem.sent_frames, modem.received_frames, modem.sent_us, modem.received_us) == (1, 1, 76, 180)
    assert raw.chip.field_on_us - before >= 12_000


def test_faults_on_the_bus_strike_the_transaction_they_were_planned_for_and_no_other():
    raw = Raw()
    raw.write(R.T_RELOAD_L, 0x55)
    for kind, bit, seen in [
        ("zeros", 0, 0x00),
        ("ones", 0, 0xFF),
        ("lost", 0, 0xFF),
        ("flip-out", 8 + 1, 0x57),  # the byte behind the blank one
        ("flip-in", 1, 0x00),  # the neighbouring address is heard: the timer's high byte
    ]:
        raw.chip.faults.at(2, kind, bit)
        assert [raw.one(R.T_RELOAD_L) for _ in range(3)] == [0x55, seen, 0x55]
    raw.chip.faults.at(1, "flip-in", 8 + 7)
    raw.write(R.T_RELOAD_L, 0x55)
    assert raw.one(R.T_RELOAD_L) == 0xD5
    raw.chip.faults.at(1, "lost")
    raw.write(R.T_RELOAD_L, 0x55)
    assert raw.one(R.T_RELOAD_L) == 0xD5
    raw.chip.faults.at(1, "reset")
    assert raw.one(R.T_RELOAD_L) == 0x00 and not raw.field.on
    assert raw.chip.faults.struck == 8


def test_the_interrupt_line_can_be_held():
    raw = Raw()
    for level in (0, 1):
        raw.chip.faults.irq = level
        assert raw.chip.irq_pin() == level
    raw.chip.faults.clear()
    assert raw.chip.irq_pin() is None  # open drain


@pytest.mark.parametrize("rate", [1, 2, 3])
def test_a_higher_bit_rate_is_heard_only_where_both_sides_have_it_and_with_a_crc(rate):
    raw = Raw()
    card = make_card("desfire", "04DE5F1EACC040")
    raw.lay(card)
    raw.select(card.uid)
    raw.write(R.TX_MODE, R.CRC_EN)
    raw.write(R.RX_MODE, R.CRC_EN)
    raw.exchange(b"\xe0\x50")
    raw.exchange(bytes([0xD0, 0x11, rate << 2 | rate]))
    answers = raw.field.answers
    assert raw.exchange(b"\xb2") is None  # R(NAK), at the old rate
    assert raw.field.answers == answers
    raw.write(R.TX_MODE, R.CRC_EN | rate << 4)
    assert raw.exchange(b"\xb2") is None  # the answer comes at a rate the receiver is not set to
    raw.write(R.RX_MODE, R.CRC_EN | rate << 4)
    assert raw.exchange(b"\xb2") == b"\xa3"
    raw.write(R.TX_MODE, rate << 4)
    assert raw.command(b"\xb2") is None  # without a CRC of the chip's (9.3.2.3)


def test_a_spoilt_nonce_or_proof_ends_without_a_session():
    for n in (1, 2):
        raw = Raw()
        raw.lay(make_card("classic", UID))
        raw.select(UID)
        raw.field.noise = Noise(3, exact={n: "crc"})
        raw.authenticate(0x60, 4, b"\xff" * 6, UID)
        assert not raw.chip.crypto_on
