import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.rc522_errors import CrcError, IsoDepError, NoAnswer, RC522Error
from host_tests.chips.iso_dep_kit import FAULTS, UID, Bench, Echo, FaultAt, answer_to, command_of
from host_tests.chips.iso_dep_scenarios import DEAF, LOST, SCENARIOS, Scenario
from tools.sim.cards.field import Noise
from tools.sim.cards.frames import Answer, Frame, with_crc
from tools.sim.cards.iso14443a import Card
from tools.sim.cards.iso_dep import make_ats

RATS = b"\xe0"


class Played(Card):
    """A card that expects the blocks of one scenario, in order, and nothing else."""

    sak = 0x20

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(UID)
        self.steps = list(scenario.steps)

    def active(self, frame: Frame) -> Answer | None:
        block = frame.data[:-2]
        if block[:1] == RATS:
            return Answer.of(with_crc(make_ats(fsci=0, fwi=4)))
        step = self.steps.pop(0)
        assert block.hex() == step.sent.lower()
        return None if step.fate in (DEAF, LOST) else Answer.of(with_crc(bytes.fromhex(step.answer)))


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_reader_plays_its_part_of_the_standards_scenarios(name: str) -> None:
    scenario = SCENARIOS[name]
    card = Played(scenario)
    bench = Bench(card)  # type: ignore[arg-type]
    bench.activate(fsdi=0)
    assert [bench.talk(command) for command, _ in scenario.apdus] == [answer for _, answer in scenario.apdus]
    assert card.steps == []


# --- data -------------------------------------------------------------------------------------------------------------

SIZES = st.integers(2, 300)


@settings(max_examples=60, deadline=None)
@given(SIZES, SIZES, st.integers(0, 8), st.integers(0, 5), st.integers(1, 14), st.sampled_from(FAULTS), st.booleans())
def test_any_command_and_answer_is_delivered_exactly_once_whatever_frame_is_disturbed(
    size: int, answer_size: int, fsci: int, fsdi: int, at: int, fault: str, irq: bool
) -> None:
    bench = Bench(Echo(fsci=fsci, fwi=4), irq=irq)
    bench.activate(fsdi)
    bench.field.noise = FaultAt(at, fault)
    command, second = command_of(size, answer_size), command_of(4, 9)
    assert bench.talk(command) == answer_to(command)
    assert bench.talk(second) == answer_to(second)
    assert bench.card.commands == [command, second]
    assert bench.card.breaches == []


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), SIZES, SIZES)
def test_in_a_storm_a_command_runs_at_most_once(seed: int, size: int, answer_size: int) -> None:
    bench = Bench(Echo(fsci=2, fwi=4))
    bench.activate(fsdi=2)
    bench.field.noise = Noise(seed, deaf=0.1, silence=0.1, crc=0.1, parity=0.1, short=0.1)
    command = command_of(size, answer_size)
    began_us = bench.clock.now_us
    try:
        assert bench.talk(command) == answer_to(command)
        assert bench.card.commands == [command]
    except RC522Error:
        assert bench.card.commands in ([], [command])
    assert bench.clock.now_us - began_us < 5_100_000
    assert bench.next_tap(command_of(5, 5)) == answer_to(command_of(5, 5))


@pytest.mark.parametrize("strips_crc", [True, False])
@pytest.mark.parametrize("answer_size", [2, 38, 39, 40, 41, 61, 62, 512])
def test_answers_arrive_whole_whatever_the_chip_does_with_the_crc(answer_size: int, strips_crc: bool) -> None:
    bench = Bench(Echo(fsci=8), strips_crc=strips_crc)
    bench.activate()
    for size in (2, 62, 63, 64, 65):
        command = command_of(size, answer_size)
        assert bench.talk(command) == answer_to(command)
    assert bench.card.breaches == []


def test_an_answer_beyond_the_buffer_is_refused() -> None:
    bench = Bench(Echo())
    bench.activate()
    with pytest.raises(IsoDepError, match="too long"):
        bench.talk(command_of(5, 513))


# --- time -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fwi", [0, 4, 8, 11])
def test_a_card_that_computes_longer_than_its_waiting_time_is_waited_for(fwi: int) -> None:
    bench = Bench(Echo(fwi=fwi))
    bench.activate()
    bench.card.work_us = 700_000
    began_us = bench.clock.now_us
    command = command_of(5, 20)
    assert bench.talk(command) == answer_to(command)
    assert 700_000 <= bench.clock.now_us - began_us < 720_000 + 3_000 * 60
    assert bench.card.breaches == []


@pytest.mark.parametrize("fwi", [0, 4, 8])
def test_an_answer_at_the_very_end_of_the_waiting_time_and_its_tolerance_is_heard(fwi: int) -> None:
    bench = Bench(Echo(fwi=fwi))
    bench.activate()
    bench.card.slow_us = bench.dep.fwt_us + 3_500
    frames = bench.field.frames
    assert bench.talk(command_of(5, 5)) == answer_to(command_of(5, 5))
    assert bench.field.frames == frames + 1


@pytest.mark.parametrize(("wtxm", "reason"), [(1, "too many"), (59, "time")])
def test_a_card_that_asks_for_time_for_ever_is_given_up(wtxm: int, reason: str) -> None:
    bench = Bench(Echo(fwi=4 if wtxm == 1 else 8))
    bench.activate()
    bench.card.endless, bench.card.wtxm = "wtx", wtxm
    bench.card.work_us = 0 if wtxm == 1 else 10**9
    began_us = bench.clock.now_us
    with pytest.raises(IsoDepError, match=reason):
        bench.talk(command_of(5, 5))
    assert bench.clock.now_us - began_us < 5_100_000


@pytest.mark.parametrize("request_", [b"\xf2\x00", b"\xf2\x3c", b"\xf2\x3f"])
def test_an_extension_of_no_meaning_ends_it_at_once(request_: bytes) -> None:
    bench = Bench(Echo())
    bench.activate()
    bench.card.trouble(1, request_)
    with pytest.raises(IsoDepError, match="WTXM"):
        bench.talk(command_of(5, 5))


def test_a_card_that_chains_for_ever_is_given_up() -> None:
    bench = Bench(Echo())
    bench.activate()
    bench.card.endless = "chain"
    with pytest.raises(IsoDepError, match="too long"):
        bench.talk(command_of(5, 20))


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (b"\x12", "empty block"),
        (b"\xa2", "I-block was due"),
    ],
)
def test_a_block_that_does_not_belong_there_ends_it(block: bytes, reason: str) -> None:
    bench = Bench(Echo())
    bench.activate()
    bench.card.trouble(1, block)
    with pytest.raises(IsoDepError, match=reason):
        bench.talk(command_of(5, 5))
    assert bench.card.state == "halt"


def test_an_answer_before_the_command_has_ended_is_refused() -> None:
    bench = Bench(Echo(fsci=0))
    bench.activate()
    bench.card.trouble(1, b"\x02\x90\x00")
    with pytest.raises(IsoDepError, match=r"R\(ACK\) was due"):
        bench.talk(command_of(30, 5))


@pytest.mark.parametrize(
    "block",
    [
        b"\x0a\x00\x90\x00",
        b"\x06\x00\x90\x00",
        b"\x42\x90\x00",
        b"\xb2",
        b"\xc2",
        b"\xf2",
        b"\xa2\x00",
        b"\xa3",
        b"\xff",
    ],
)
def test_blocks_with_cid_or_nad_or_of_unknown_kind_are_asked_for_again(block: bytes) -> None:
    bench = Bench(Echo())
    bench.activate()
    bench.card.trouble(1, block)
    assert bench.talk(command_of(5, 5)) == answer_to(command_of(5, 5))
    assert bench.card.executed == 1


@pytest.mark.parametrize("what", ["toggle", 0x0A, 0x05])
def test_a_wrong_block_number_or_four_bits_are_asked_for_again(what: str | int) -> None:
    bench = Bench(Echo())
    bench.activate()
    bench.card.trouble(1, what)
    assert bench.talk(command_of(5, 5)) == answer_to(command_of(5, 5))
    assert bench.card.executed == 1


@pytest.mark.parametrize("block", [b"\xa3", b"\xa3\x00"])
def test_a_card_that_never_takes_the_block_is_given_up(block: bytes) -> None:
    bench = Bench(Echo())
    bench.activate()
    for n in range(1, 20):
        bench.card.trouble(n, block)
    frames = bench.field.frames
    with pytest.raises(IsoDepError, match="invalid block"):
        bench.talk(command_of(5, 5))
    # A bare R(ACK) has the block sent again after each R(NAK); one with data has not. DESELECT ends both.
    assert bench.field.frames - frames == (6 if len(block) == 1 else 4)


@pytest.mark.parametrize(("what", "error"), [("lose", NoAnswer), ("corrupt", CrcError)])
def test_what_retries_do_not_help_is_told_as_the_reader_saw_it(what: str, error: type[RC522Error]) -> None:
    bench = Bench(Echo(fwi=8))
    bench.activate()
    for n in (1, 2, 3):
        bench.card.trouble(n, what)
    began_us = bench.clock.now_us
    with pytest.raises(error):
        bench.talk(command_of(5, 5))
    assert bench.clock.now_us - began_us < 3 * 95_000
    assert bench.card.executed == 1


def test_the_limit_holds_for_a_silent_card_of_the_longest_waiting_time() -> None:
    bench = Bench(Echo(fwi=14), limit_ms=1_000)
    bench.activate()
    bench.field.clear()
    began_us = bench.clock.now_us
    with pytest.raises(RC522Error):
        bench.talk(command_of(5, 5))
    assert bench.clock.now_us - began_us < 1_100_000


# --- faults -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS)
def test_activation_with_a_disturbed_frame_succeeds_or_leaves_a_card_that_can_be_woken(fault: str) -> None:
    bench = Bench(Echo())
    bench.run(bench.picc.select())
    bench.field.noise = FaultAt(1, fault)
    try:
        bench.run(bench.dep.activate())
        assert fault == "deaf"
    except RC522Error:
        assert bench.card.state == "halt"
        bench.activate()
    assert bench.talk(command_of(5, 5)) == answer_to(command_of(5, 5))


@pytest.mark.parametrize("moment", ["before", "torn", "after", "answering"])
@pytest.mark.parametrize("frame", range(1, 8))
def test_a_card_pulled_at_any_frame_is_a_typed_error_and_the_next_tap_works(frame: int, moment: str) -> None:
    card = Echo(fsci=0, fwi=4)
    card.wtx = 1
    bench = Bench(card)
    bench.run(bench.picc.select())
    bench.field.pull_at_frame(card, frame, moment)

    async def tap() -> None:
        await bench.dep.activate(fsdi=0)
        await bench.dep.transceive(command_of(30, 30))

    with pytest.raises(RC522Error):
        bench.run(tap(), limit_ms=2_000)
    assert card.executed <= 1
    bench.field.lay(card)
    assert bench.next_tap(command_of(5, 5)) == answer_to(command_of(5, 5))


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 80), st.sampled_from(["in", "out", "zero", "high", "gone"]), st.booleans())
def test_one_disturbed_bus_transaction_ends_in_time_and_the_next_tap_works(n: int, what: str, irq: bool) -> None:
    bench = Bench(Echo(fsci=0, fwi=4), irq=irq)
    began_us = bench.clock.now_us
    bench.strike(n, what)
    try:
        bench.activate()
        bench.talk(command_of(30, 30))
    except RC522Error:
        pass
    assert bench.clock.now_us - began_us < 6_000_000
    assert bench.next_tap(command_of(5, 5)) == answer_to(command_of(5, 5))
