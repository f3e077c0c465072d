"""All cards of one field are told one by one, whatever their UIDs, and whatever the chip means by CollPos."""

import asyncio

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drivers.rc522_errors import FrameError, RC522Error
from host_tests.chips.reader_bench import ReaderBench
from tools.sim.cards import Noise
from tools.sim.cards.iso14443a import Card

BASES = st.sampled_from(("aligned", "frame", "untold"))


def lawful(uid: bytes) -> bool:
    """ISO/IEC 14443-3 keeps the cascade tag from where it would be taken for one."""
    return 0x88 not in (uid[0], uid[3]) and (len(uid) < 10 or uid[6] != 0x88)


UIDS = st.sampled_from((4, 7, 10)).flatmap(lambda size: st.binary(min_size=size, max_size=size)).filter(lawful)


def near(uid: bytes) -> st.SearchStrategy[bytes]:
    """UIDs that differ from this one in a few bits, so that collisions come late."""
    bits = st.sets(st.integers(0, len(uid) * 8 - 1), min_size=1, max_size=2)
    return bits.map(
        lambda flips: (int.from_bytes(uid, "little") ^ sum(1 << bit for bit in flips)).to_bytes(len(uid), "little")
    ).filter(lawful)


SETS = st.one_of(
    st.sets(UIDS, min_size=1, max_size=4),
    UIDS.flatmap(lambda uid: st.sets(near(uid), min_size=1, max_size=3).map(lambda others: others | {uid})),
)


def bench_with(uids: list[bytes], **switches: object) -> ReaderBench:
    bench = ReaderBench(**switches)  # type: ignore[arg-type]
    for uid in uids:
        bench.field.lay(Card(uid))
    bench.run(bench.start())
    return bench


def hexes(bench: ReaderBench, limit: int = 4) -> list[str]:
    return [target.uid.hex() for target in bench.run(bench.picc.select_all(limit), limit_ms=500)]


@settings(max_examples=150, deadline=None)
@given(SETS, BASES, st.booleans())
@example({bytes.fromhex("04A1B2C3D4E5F6"), bytes.fromhex("04A1B2C3D4E5F7"), bytes.fromhex("04A1B2C3")}, "frame", True)
def test_any_set_of_cards_is_resolved_and_each_can_then_be_woken_alone(
    uids: set[bytes], base: str, halted: bool
) -> None:
    bench = bench_with(sorted(uids), collision_base=base)
    if halted:
        bench.field.cards[0].state = "halt"  # type: ignore[attr-defined]
    assert sorted(hexes(bench)) == sorted(uid.hex() for uid in uids)
    assert {card.state for card in bench.field.cards} == {"halt"}  # type: ignore[attr-defined]
    for uid in uids:
        assert bench.run(bench.picc.activate(uid)).uid == uid
        awake = [card.uid for card in bench.field.cards if card.state == "active"]  # type: ignore[attr-defined]
        assert awake == [uid]
        bench.run(bench.picc.halt())


@settings(max_examples=60, deadline=None)
@given(SETS, st.sampled_from(("aligned", "frame")))
def test_no_set_of_cards_takes_more_than_a_bounded_number_of_frames(uids: set[bytes], base: str) -> None:
    bench = bench_with(sorted(uids), collision_base=base)
    before = bench.field.frames
    hexes(bench)
    # Request, HLTA and, per level, anticollision and SELECT; then what the collisions of all cards ask for.
    assert bench.field.frames - before <= 2 + len(uids) * (2 + 3 * 2 + 3 * (len(uids) - 1))


def test_the_targets_tell_what_select_tells() -> None:
    bench = bench_with([bytes.fromhex("04A1B2C3D4E5F6")])
    alone = bench.run(bench.picc.select(wake=True))
    (told,) = bench.run(bench.picc.select_all())
    assert (told.uid, told.sak, told.atqa, told.first) == (alone.uid, alone.sak, alone.atqa, alone.first)


def test_an_empty_field_is_an_empty_list_and_the_limit_is_kept() -> None:
    assert hexes(bench_with([])) == []
    uids = [bytes((n, 1, 2, 3)) for n in range(1, 6)]
    assert len(hexes(bench_with(uids))) == 4
    assert len(hexes(bench_with(uids), limit=8)) == 5


def test_cards_of_one_uid_are_as_one() -> None:
    assert hexes(bench_with([b"\x01\x02\x03\x04"] * 2)) == ["01020304"]


def test_a_card_not_there_does_not_answer_to_its_name() -> None:
    bench = bench_with([b"\x01\x02\x03\x04"])
    with pytest.raises(RC522Error):
        bench.run(bench.picc.activate(b"\x01\x02\x03\x05"), limit_ms=50)
    assert bench.run(bench.picc.activate(b"\x01\x02\x03\x04")).sak == 0x08


def test_a_card_left_half_selected_is_woken_by_its_name() -> None:
    bench = bench_with([b"\x01\x02\x03\x04"])
    bench.run(bench.picc.request())
    assert bench.run(bench.picc.activate(b"\x01\x02\x03\x04")).sak == 0x08


def test_a_card_that_did_not_hear_its_halt_is_told_once() -> None:
    bench = bench_with([b"\x01\x02\x03\x04"])
    bench.field.noise = Noise(1, exact={4: "deaf"})  # request, anticollision, SELECT, HLTA
    assert hexes(bench) == ["01020304"]
    assert bench.field.noise.struck == 1


@pytest.mark.parametrize("frame", range(1, 6))
def test_four_bits_of_an_answer_are_no_refusal_while_a_card_is_selected(frame: int) -> None:
    bench = bench_with([bytes.fromhex("04A1B2C3D4E5F6")])
    bench.field.noise = Noise(1, exact={frame: "nibble"})
    with pytest.raises(FrameError):
        bench.run(bench.picc.select(wake=True))


def test_light_noise_is_overcome_and_heavy_noise_is_told_in_bounded_time() -> None:
    uids = [bytes.fromhex(uid) for uid in ("9C599B32", "04A1B2C3D4E5F6", "04A1B2C3D4E5F7")]
    whole = 0
    for seed in range(20):
        bench = bench_with(uids)
        bench.field.noise = Noise(seed, silence=0.01, crc=0.02, parity=0.02, short=0.01)
        try:
            told = hexes(bench)
        except RC522Error:
            continue
        assert set(told) <= {uid.hex() for uid in uids}
        whole += len(told) == 3
    assert whole > 10
    bench = bench_with(uids)
    bench.field.noise = Noise(1, parity=1.0)
    with pytest.raises(RC522Error):
        bench.run(bench.picc.select_all(), limit_ms=200)


def test_other_tasks_run_while_cards_are_resolved() -> None:
    bench = bench_with([bytes.fromhex("9C599B32"), bytes.fromhex("9C599B33")])

    async def both() -> int:
        turns = 0
        task = asyncio.ensure_future(bench.picc.select_all())
        while not task.done():
            turns += 1
            bench.clock.advance(10)
            await asyncio.sleep(0)
        return turns

    assert bench.run(both()) > 50
