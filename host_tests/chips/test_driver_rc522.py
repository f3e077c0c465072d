import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.iso14443a import crc_a
from drivers.rc522 import PATIENT_US
from drivers.rc522_errors import (
    AuthRefused,
    ChipAbsent,
    Collision,
    CrcError,
    FrameError,
    Nak,
    NoAnswer,
    RC522Error,
)
from firmware.cards import ntag
from host_tests.chips.reader_bench import ReaderBench
from tools.sim.cards import Noise, make_card

KEY = b"\xff" * 6


def bench_with(*cards: object, **options: object) -> ReaderBench:
    bench = ReaderBench(**options)  # type: ignore[arg-type]
    for card in cards:
        bench.field.lay(card)  # type: ignore[arg-type]
    bench.run(bench.start())
    return bench


def read_block(bench: ReaderBench, block: int = 4) -> bytes:
    count = bench.run(bench.chip.exchange(bytes((0x30, block)), 16, crc=True, timeout_us=PATIENT_US))
    return bytes(bench.chip.data[:count])


# --- vectors and chip -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "on_air"), [("5000", "57CD"), ("93709C599B326C", "6B30"), ("08", "B6DD"), ("6032", "6469"), ("", "6363")]
)
def test_crc_a_matches_published_traces(data: str, on_air: str) -> None:
    raw = bytes.fromhex(data)
    assert crc_a(raw, len(raw)).to_bytes(2, "little").hex().upper() == on_air


@pytest.mark.parametrize("version", [0x91, 0x92, 0x88, 0xB2, 0x12])
def test_every_known_chip_is_taken_and_its_version_told(version: int) -> None:
    bench = ReaderBench(version=version)
    assert bench.run(bench.chip.init()) == version


@pytest.mark.parametrize("byte", [0x00, 0xFF])
def test_a_dead_bus_is_told_and_never_hangs(byte: int) -> None:
    bench = ReaderBench(dead=byte)
    with pytest.raises(ChipAbsent):
        bench.run(bench.chip.init(), limit_ms=100)


@pytest.mark.parametrize("byte", [0x00, 0xFF])
@pytest.mark.parametrize("irq", [True, False])
def test_a_bus_that_dies_between_two_exchanges_is_told(byte: int, irq: bool) -> None:
    bench = bench_with(make_card("classic", "9C599B32"), irq=irq)
    bench.board.rc522.dead = byte
    with pytest.raises(ChipAbsent):
        bench.run(bench.picc.select(), limit_ms=100)
    with pytest.raises(ChipAbsent):
        bench.chip.check()


def test_works_without_reset_line() -> None:
    bench = bench_with(make_card("classic", "9C599B32"), rst=False)
    assert bench.run(bench.picc.select()).uid.hex() == "9c599b32"


def test_lost_registers_are_noticed_and_init_brings_them_back() -> None:
    bench = bench_with(make_card("classic", "9C599B32"))
    assert bench.chip.check()
    bench.board.rc522.power_off()
    bench.board.rc522.power_on()
    bench.clock.advance(5_000)
    assert not bench.chip.check()
    bench.run(bench.start())
    assert bench.chip.check()
    assert bench.run(bench.picc.select()).sak == 0x08


def test_gain_is_set_and_watched() -> None:
    bench = bench_with()
    bench.chip.set_gain(48)
    assert bench.chip.check()
    bench.run(bench.chip.init())
    assert bench.chip.check()


# --- selection --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strips_crc", [True, False])
@pytest.mark.parametrize(
    ("kind", "uid", "sak"),
    [("classic", "9C599B32", 0x08), ("ntag213", "04A1B2C3D4E5F6", 0x00), ("desfire", "04DE5F1EACC04011", 0x20)],
)
def test_cards_are_selected_through_all_cascade_levels(kind: str, uid: str, sak: int, strips_crc: bool) -> None:
    uid = uid if kind != "desfire" else "04DE5F1EACC0400102FE"  # ten bytes: three levels
    bench = bench_with(make_card(kind, uid), strips_crc=strips_crc)
    target = bench.run(bench.picc.select())
    assert (target.uid.hex().upper(), target.sak) == (uid, sak)


def test_an_empty_field_is_no_answer_within_a_millisecond() -> None:
    bench = bench_with()
    before = bench.clock.now_us
    with pytest.raises(NoAnswer):
        bench.run(bench.picc.select())
    assert bench.clock.now_us - before < 1_000


def test_a_halted_card_hears_only_wake_up() -> None:
    bench = bench_with(make_card("classic", "9C599B32"))
    bench.run(bench.picc.select())
    bench.run(bench.picc.halt())
    with pytest.raises(NoAnswer):
        bench.run(bench.picc.request())
    assert bench.run(bench.picc.select(wake=True)).uid.hex() == "9c599b32"


def test_two_cards_are_a_collision_at_the_first_differing_bit() -> None:
    bench = bench_with(make_card("classic", "9C599B32"), make_card("classic", "9D000000"))
    with pytest.raises(Collision) as caught:
        bench.run(bench.picc.select())
    assert caught.value.position == 1


def test_two_cards_that_differ_only_in_the_second_cascade_level_are_a_collision() -> None:
    bench = bench_with(make_card("ntag213", "04A1B2C3D4E5F6"), make_card("ntag213", "04A1B2C3D4E5F7"))
    with pytest.raises(Collision) as caught:
        bench.run(bench.picc.select())
    assert caught.value.position == 25


def test_cards_of_different_kind_are_a_collision() -> None:
    bench = bench_with(make_card("classic", "9C599B32"), make_card("ntag213", "04A1B2C3D4E5F6"))
    with pytest.raises(Collision):
        bench.run(bench.picc.select())


UID4 = st.binary(min_size=4, max_size=4).filter(lambda uid: uid[0] not in (0x88, 0x08))


@settings(max_examples=60, deadline=None)
@given(UID4, UID4)
def test_any_two_different_uids_collide_at_their_first_differing_bit(one: bytes, other: bytes) -> None:
    if one == other:
        return
    bench = bench_with(make_card("classic", one), make_card("classic", other))
    differ = int.from_bytes(one, "little") ^ int.from_bytes(other, "little")
    with pytest.raises(Collision) as caught:
        bench.run(bench.picc.select())
    assert caught.value.position == (differ & -differ).bit_length()


@settings(max_examples=40, deadline=None)
@given(st.sampled_from((4, 7, 10)).flatmap(lambda size: st.binary(min_size=size, max_size=size)), st.booleans())
def test_any_uid_of_any_length_is_selected_whole(uid: bytes, irq: bool) -> None:
    if 0x88 in (uid[0], uid[3]):  # a cascade tag where ISO 14443-3 forbids it
        return
    bench = bench_with(make_card("desfire", uid), irq=irq)
    assert bench.run(bench.picc.select()).uid == uid


def test_after_a_collision_one_remaining_card_is_selected() -> None:
    one, other = make_card("classic", "9C599B32"), make_card("classic", "1D000000")
    bench = bench_with(one, other)
    with pytest.raises(Collision):
        bench.run(bench.picc.select())
    bench.field.remove(other)
    with pytest.raises(NoAnswer):
        bench.run(bench.picc.select(wake=True))  # half selected, it is only reset by the first WUPA (ISO 14443-3, 6.3)
    assert bench.run(bench.picc.select(wake=True)).uid == one.uid


# --- data and errors --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strips_crc", [True, False])
def test_blocks_and_pages_arrive_whole_whatever_the_chip_does_with_the_crc(strips_crc: bool) -> None:
    content = bytes(range(16))
    bench = bench_with(make_card("classic", "9C599B32", blocks={4: content}), strips_crc=strips_crc)
    target = bench.run(bench.picc.select())
    bench.run(bench.chip.authenticate(0x60, 4, KEY, target.uid))
    for _ in range(3):
        assert read_block(bench) == content

    pages = {n: bytes((n, 1, 2, 3)) for n in range(4, 24)}
    bench = bench_with(make_card("ntag213", "04A1B2C3D4E5F6", pages=pages), strips_crc=strips_crc)
    bench.run(bench.picc.select())
    assert bench.run(ntag.read_pages(bench.chip, 4, 20)) == b"".join(pages.values())


@pytest.mark.parametrize("nibble_is_crc_error", [True, False])
def test_a_refusal_is_a_nak_with_its_code(nibble_is_crc_error: bool) -> None:
    bench = bench_with(make_card("ntag213", "04A1B2C3D4E5F6"), nibble_is_crc_error=nibble_is_crc_error)
    bench.run(bench.picc.select())
    with pytest.raises(Nak) as caught:
        bench.run(bench.chip.exchange(b"\x30\xff", 16, crc=True, timeout_us=PATIENT_US))
    assert caught.value.code == 0
    assert bench.run(bench.picc.select(wake=True)).sak == 0x00


@pytest.mark.parametrize(
    ("noise", "error"),
    [
        ({"crc": 1.0}, CrcError),
        ({"parity": 1.0}, FrameError),
        ({"short": 1.0}, FrameError),
        ({"silence": 1.0}, NoAnswer),
    ],
)
def test_each_kind_of_noise_has_its_error_and_the_next_exchange_works(
    noise: dict[str, float], error: type[RC522Error]
) -> None:
    bench = bench_with(make_card("ntag213", "04A1B2C3D4E5F6"))
    bench.run(bench.picc.select())
    bench.field.noise = Noise(7, **noise)
    with pytest.raises(error):
        bench.run(bench.chip.exchange(b"\x30\x04", 16, crc=True, timeout_us=PATIENT_US), limit_ms=50)
    bench.field.noise = None
    assert len(read_block(bench)) == 16


@pytest.mark.parametrize("irq", [True, False])
def test_any_noise_ends_every_procedure_in_bounded_time(irq: bool) -> None:
    bench = bench_with(make_card("classic", "9C599B32"), irq=irq)
    bench.field.noise = Noise(11, deaf=0.03, silence=0.05, crc=0.05, parity=0.05, short=0.05)
    good = 0
    for _ in range(120):
        bench.chip.field_off()
        bench.run(bench.power())
        before = bench.clock.now_us
        try:
            target = bench.run(bench.picc.select(wake=True), limit_ms=50)
            bench.run(bench.chip.authenticate(0x60, 4, KEY, target.uid), limit_ms=50)
            read_block(bench)
            good += 1
        except RC522Error:
            pass
        assert bench.clock.now_us - before < 60_000
    assert 15 < good < 60


@pytest.mark.parametrize("moment", ["before", "after", "answering"])
@pytest.mark.parametrize("frame", range(1, 8))
def test_a_card_pulled_at_any_frame_ends_in_an_error_and_another_is_read_after_it(frame: int, moment: str) -> None:
    card = make_card("classic", "9C599B32")
    bench = bench_with(card)
    bench.field.pull_at_frame(card, frame, moment)

    async def tap() -> None:
        target = await bench.picc.select(wake=True)
        await bench.chip.authenticate(0x60, 4, KEY, target.uid)
        for _ in range(4):
            await bench.chip.exchange(b"\x30\x04", 16, crc=True, timeout_us=PATIENT_US)

    with pytest.raises(RC522Error):
        bench.run(tap(), limit_ms=100)
    bench.chip.stop_crypto()
    bench.field.lay(make_card("ntag213", "04A1B2C3D4E5F6"))
    bench.run(asyncio.sleep(0.006))
    assert len(bench.run(bench.picc.select(wake=True)).uid) == 7


# --- Classic sessions -------------------------------------------------------------------------------------------------


def test_a_refused_key_leaves_no_session_and_the_card_opens_with_the_right_one_afterwards() -> None:
    bench = bench_with(make_card("classic", "9C599B32"))
    target = bench.run(bench.picc.select())
    with pytest.raises(AuthRefused):
        bench.run(bench.chip.authenticate(0x60, 4, b"wrong!", target.uid), limit_ms=50)
    assert not bench.board.rc522.crypto_on
    bench.run(bench.picc.select(wake=True))
    bench.run(bench.chip.authenticate(0x60, 4, KEY, target.uid))
    assert len(read_block(bench)) == 16


def test_cancelling_an_authentication_closes_the_session() -> None:
    bench = bench_with(make_card("classic", "9C599B32"))
    target = bench.run(bench.picc.select())

    async def impatient() -> None:
        await asyncio.wait_for(bench.chip.authenticate(0x60, 4, KEY, target.uid), 0.001)

    with pytest.raises(asyncio.TimeoutError):
        bench.run(impatient())
    assert not bench.board.rc522.crypto_on
    bench.chip.field_off()
    bench.run(bench.power())
    assert bench.run(bench.picc.select(wake=True)).uid == target.uid


def test_stop_crypto_lets_plain_frames_through_again() -> None:
    bench = bench_with(make_card("classic", "9C599B32"))
    target = bench.run(bench.picc.select())
    bench.run(bench.chip.authenticate(0x60, 4, KEY, target.uid))
    assert bench.board.rc522.crypto_on
    bench.chip.stop_crypto()
    bench.chip.field_off()
    bench.run(bench.power())
    assert bench.run(bench.picc.select(wake=True)).uid == target.uid


# --- waiting ----------------------------------------------------------------------------------------------------------


def test_an_exchange_lets_other_tasks_run() -> None:
    bench = bench_with(make_card("classic", "9C599B32"))
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            bench.clock.advance(10)
            await asyncio.sleep(0)

    async def both() -> None:
        task = asyncio.create_task(other())
        await bench.picc.select()
        task.cancel()

    bench.run(both())
    assert turns > 10


def test_an_interrupt_line_stuck_low_is_given_up_and_polling_takes_over() -> None:
    bench = bench_with(make_card("classic", "9C599B32"))
    bench.chip._irq = lambda: 0
    with pytest.raises(RC522Error):
        bench.run(bench.picc.select())
    assert bench.chip.irq_faults == 1
    assert bench.run(bench.picc.select(wake=True)).uid.hex() == "9c599b32"


def test_an_interrupt_line_that_never_falls_costs_time_and_nothing_else() -> None:
    bench = bench_with(make_card("classic", "9C599B32"))
    bench.chip._irq = lambda: (bench.clock.advance(3), 1)[1]
    before = bench.clock.now_us
    assert bench.run(bench.picc.select()).uid.hex() == "9c599b32"
    assert bench.clock.now_us - before < 30_000
    assert bench.chip.irq_faults == 1 and bench.chip.polls


def test_a_uid_whose_check_byte_is_wrong_is_a_frame_error() -> None:
    bench = bench_with(make_card("classic", "9C599B32"))
    bench.field.noise = Noise(5, crc=1.0)
    with pytest.raises(FrameError):
        bench.run(bench.picc.peek())


def test_cancelling_after_the_card_accepted_the_key_closes_the_session_too() -> None:
    bench = bench_with(make_card("classic", "9C599B32"))
    target = bench.run(bench.picc.select())
    bench.chip._irq = lambda: (bench.clock.advance(3), 1)[1]

    async def impatient() -> None:
        await asyncio.wait_for(bench.chip.authenticate(0x60, 4, KEY, target.uid), 0.005)

    with pytest.raises(asyncio.TimeoutError):
        bench.run(impatient())
    assert not bench.board.rc522.crypto_on
