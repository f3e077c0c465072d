import pytest

from host_tests.chips.iso_dep_scenarios import DEAF, SCENARIOS, Scenario
from host_tests.chips.rc522_kit import Raw
from tools.sim.cards import make_card
from tools.sim.cards.frames import us_of, with_crc
from tools.sim.cards.iso_dep import FRAME_SIZES, IsoDepCard, make_ats, unit_us

UID = bytes.fromhex("04112233445566")
OK = b"\x90\x00"


class Told(IsoDepCard):
    """Answers each command with what it was told to."""

    def __init__(self, answers: list[tuple[bytes, bytes]], **ats: int) -> None:
        super().__init__(UID, ats=make_ats(**ats))  # type: ignore[arg-type]
        self.answers = answers
        self.ended = 0

    def apdu(self, command: bytes) -> bytes:
        asked, answer = self.answers.pop(0)
        assert command == asked
        return answer

    def end_session(self) -> None:
        self.ended += 1


def laid(card: IsoDepCard, fsdi: int = 5) -> Raw:
    raw = Raw()
    raw.lay(card)
    assert raw.select(card.uid) is not None
    assert raw.command(bytes([0xE0, fsdi << 4])) == with_crc(card.ats)
    return raw


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_card_plays_its_part_of_the_standards_scenarios(name: str) -> None:
    scenario: Scenario = SCENARIOS[name]
    card = Told(list(scenario.apdus), fsci=0, fwi=4, sfgi=0)
    card.wtx, card.wtxm = scenario.wtx, 2
    raw = laid(card, fsdi=0)
    for step in scenario.steps:
        if step.fate != DEAF:
            assert raw.command(bytes.fromhex(step.sent)) == with_crc(bytes.fromhex(step.answer)), step
    assert card.executed == len(scenario.apdus)
    assert card.breaches == []


def test_rats_is_heard_once_and_only_after_selection() -> None:
    card = make_card("desfire", UID)
    raw = Raw()
    raw.lay(card)
    raw.reqa()
    assert raw.command(b"\xe0\x50") is None  # not selected: it falls back to IDLE
    raw.select(UID)
    assert raw.command(b"\x60") is None  # not its command: ignored, and it stays selected
    assert raw.exchange(b"\xe0\x50\x00\x00") is None  # wrong CRC
    assert raw.command(b"\xe0\x5f") is None  # CID 15 is reserved
    assert raw.command(b"\xe0\x50") == with_crc(bytes.fromhex("067577810280"))
    raw.clock.advance(2_000)
    assert raw.command(b"\xe0\x50") is None


def test_in_its_protocol_a_card_hears_no_request_until_deselected() -> None:
    card = Told([])
    raw = laid(card)
    assert raw.reqa() is None and raw.wupa() is None and raw.command(b"\x50\x00") is None
    assert card.state == "protocol"
    assert raw.command(b"\xc2") == with_crc(b"\xc2")
    assert card.state == "halt" and card.ended
    assert raw.reqa() is None
    assert raw.select(UID, wake=True) is not None
    assert raw.command(b"\xe0\x50") is not None


def test_field_off_forgets_everything() -> None:
    card = Told([(b"AB", OK), (b"C", OK)])
    raw = laid(card)
    raw.command(b"\x12A")
    raw.field.set_carrier(False)
    raw.field.set_carrier(True)
    raw.clock.advance(6_000)
    raw.select(UID)
    raw.command(b"\xe0\x50")
    card.answers = [(b"C", OK)]
    assert raw.command(b"\x02C") == with_crc(b"\x02" + OK)


@pytest.mark.parametrize("fsdi", range(6))
def test_frames_never_exceed_what_the_reader_announced(fsdi: int) -> None:
    answer = bytes(200) + OK
    card = Told([(b"A", answer)])
    raw = laid(card, fsdi)
    got, block, number = b"", raw.command(b"\x02A"), 0
    while True:
        assert block is not None and len(block) <= FRAME_SIZES[fsdi]
        got += block[1:-2]
        if not block[0] & 0x10:
            break
        assert len(block) == FRAME_SIZES[fsdi]
        number ^= 1
        block = raw.command(bytes([0xA2 | number]))
    assert got == answer


def test_a_frame_beyond_fsc_is_not_understood() -> None:
    card = Told([(bytes(13), OK)], fsci=0)
    raw = laid(card)
    assert raw.command(b"\x02" + bytes(14)) is None
    assert card.breaches == ["frame longer than FSC"]
    assert raw.command(b"\x02" + bytes(13)) == with_crc(b"\x02" + OK)


def test_a_repeated_block_runs_again_so_that_a_careless_reader_is_found_out() -> None:
    card = Told([(b"A", OK), (b"A", OK)])
    raw = laid(card)
    raw.command(b"\x02A")
    raw.command(b"\x02A")
    assert card.executed == 2
    assert card.breaches == ["block number"]


def test_the_start_up_guard_time_is_deaf() -> None:
    card = Told([(b"A", OK)], sfgi=4)  # 4.8 ms
    raw = Raw()
    raw.lay(card)
    raw.select(UID)
    raw.exchange(with_crc(b"\xe0\x50"), wait_us=1_500)
    assert raw.exchange(with_crc(b"\x02A"), wait_us=500) is None
    assert card.breaches == ["frame within SFGT"]
    raw.clock.advance(5_000)
    assert raw.command(b"\x02A") == with_crc(b"\x02" + OK)


@pytest.mark.parametrize("work_us", [1_000, 4_000, 20_000, 300_000])
def test_a_card_that_computes_asks_for_time_before_its_waiting_time_ends(work_us: int) -> None:
    card = Told([(b"A", OK)], fwi=4)  # 4.8 ms
    card.work_us = work_us
    raw = laid(card)
    began_us = raw.clock.now_us
    window_us, sent = unit_us(4), b"\x02A"
    while True:
        raw.begin(with_crc(sent))
        raw.clock.advance(us_of((1 + 9 * (len(sent) + 2)) * 128) + window_us + 800)
        block = raw.fifo()
        assert block and not raw.one(0x06)
        assert card.executed == (block[0] == 0x02)  # it runs with its answer, not before
        if block[0] == 0x02:
            break
        assert 1 <= block[1] <= 59
        sent, window_us = block[:2], block[1] * unit_us(4)
    assert (sent[0] == 0xF2) == (work_us > 4_500)
    assert raw.clock.now_us - began_us >= work_us


def test_a_grant_nobody_asked_for_or_of_another_size_is_ignored() -> None:
    card = Told([(b"A", OK)])
    card.wtx, card.wtxm = 1, 7
    raw = laid(card)
    assert raw.command(b"\xf2\x07") is None
    assert raw.command(b"\x02A") == with_crc(b"\xf2\x07")
    assert raw.command(b"\xf2\x08") is None
    assert raw.command(b"\xf2\x07") == with_crc(b"\x02" + OK)
    assert len(card.breaches) == 2


def test_blocks_with_a_card_identifier_are_for_cards_that_know_theirs() -> None:
    card = Told([(b"A", OK)], tc1=0x02)
    raw = Raw()
    raw.lay(card)
    raw.select(UID)
    raw.command(b"\xe0\x53")  # CID 3
    assert raw.command(b"\x02A") is None
    assert raw.command(b"\x0a\x02A") is None
    assert raw.command(b"\x0a\x03A") == with_crc(b"\x0a\x03" + OK)
    without = Told([(b"A", OK)], tc1=0x00)
    raw = laid(without)
    assert raw.command(b"\x0a\x00A") is None
    assert raw.command(b"\x02A") == with_crc(b"\x02" + OK)


def test_pps_is_heard_directly_after_the_ats_and_only_for_offered_rates() -> None:
    card = Told([(b"A", OK)], ta1=0x11)  # 212 kbit/s both ways
    raw = laid(card)
    assert raw.command(b"\xd0\x11\x0a") is None  # 424
    assert card.breaches == ["rate not offered"] and card.rate == (0, 0)
    raw = laid(Told([], ta1=0x91))  # the same both ways
    assert raw.command(b"\xd0\x11\x01") is None
    card = Told([(b"A", OK)], ta1=0x11)
    raw = laid(card)
    assert raw.command(b"\xd0\x11\x05") == with_crc(b"\xd0") and card.rate == (1, 1)
    card = Told([(b"A", OK)], ta1=0x11)
    raw = laid(card)
    raw.command(b"\x02A")
    assert raw.command(b"\xd0\x11\x05") is None


def test_troubles_strike_the_answer_they_were_asked_for_and_no_other() -> None:
    card = Told([(b"A", OK)] * 5)
    raw = laid(card)
    for n, what in enumerate(("lose", "corrupt", "toggle", b"\xff\xee"), 1):
        card.trouble(n, what)
    plain = with_crc(b"\x02" + OK)
    assert raw.command(b"\x02A") is None
    corrupt = raw.command(b"\xb2")
    assert corrupt is not None and corrupt != plain and corrupt[:-1] == plain[:-1]
    assert raw.command(b"\xb2") == with_crc(b"\x03" + OK)
    assert raw.command(b"\xb2") == with_crc(b"\xff\xee")
    assert raw.command(b"\xb2") == plain
    assert card.executed == 1


def test_a_phone_shows_another_random_uid_in_each_field() -> None:
    phone = make_card("phone", "08000000")
    raw = Raw()
    raw.lay(phone)
    seen = set()
    for _ in range(4):
        assert raw.select(phone.uid)[:1] == b"\x20"  # type: ignore[index]
        seen.add(phone.uid)
        raw.field.set_carrier(False)
        raw.field.set_carrier(True)
        raw.clock.advance(6_000)
    assert len(seen) == 4 and {uid[0] for uid in seen} == {0x08}
    raw.select(phone.uid)
    raw.command(b"\xe0\x50")
    assert raw.command(bytes.fromhex("0200A4040007D276000085010100")) == with_crc(bytes.fromhex("026A82"))


def test_an_ev1_tells_its_version_in_three_frames() -> None:
    raw = laid(make_card("desfire", UID))  # type: ignore[arg-type]
    raw.clock.advance(2_000)
    assert raw.command(bytes.fromhex("029060000000"))[:8].hex() == "0204010101001805"
    assert raw.command(bytes.fromhex("0390AF000000"))[8:10] == b"\x91\xaf"
    last = raw.command(bytes.fromhex("0290AF000000"))
    assert last[1:8] == UID and last[-4:-2] == b"\x91\x00"
    assert raw.command(bytes.fromhex("0390AF000000")) == with_crc(bytes.fromhex("03911C"))
