"""What the journal tells of its transactions, and which sequence numbers it gives."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.core.errors import StoreError, StoreFull, StoreNotReady
from firmware.core.types import (
    ACCRUAL,
    APPROVED,
    OFFLINE,
    ONLINE,
    OPEN,
    REDEMPTION,
    REFUSED,
    REVERSAL,
    REVERSED,
    SETTLED,
    VOIDED,
    Result,
    Transaction,
)
from firmware.store import records
from firmware.store.journal import Journal
from firmware.switch.mac import MacKeys
from firmware.switch.messages import Identity, Messages, reversal_of
from host_tests.power.ledger import CARDS, SEALER, Ledger, observe, open_journal
from tools.bench import store_costs
from tools.sim.chips.nor import Nor, NorPartition, PowerCut, Torn


def journal(blocks: int = 8, page_only: bool = False) -> Ledger:
    ledger = Ledger(open_journal(Nor(blocks * 4096), page_only))
    ledger.sign_on(100)
    ledger.idle()
    return ledger


def reopened(ledger: Ledger) -> Journal:
    return open_journal(ledger.journal._flash._device.nor, False)


@given(
    st.builds(
        Transaction,
        seq=st.integers(1, 2**32 - 1),
        verb=st.sampled_from((ACCRUAL, REDEMPTION, REVERSAL)),
        mode=st.sampled_from((ONLINE, OFFLINE)),
        uid=st.sampled_from((4, 7, 10)).flatmap(lambda n: st.binary(min_size=n, max_size=n)),
        auth=st.integers(0, 2),
        amount=st.integers(0, 2**40 - 1),
        points=st.integers(-(2**31), 2**31 - 1),
        time_utc=st.integers(0, 2**32 - 1),
        clock=st.integers(0, 2),
        member_no=st.sampled_from((0, 1, 2**32 - 1, 2**32, 2**56 - 1, 2**56, 2**63)),
        offline_reason=st.integers(0, 4),
        original_seq=st.sampled_from((0, 1, 2**32 - 1)),
        ruleset=st.integers(0, 65535),
        clerk=st.integers(0, 255),
        card_counter=st.one_of(st.integers(0, 2**32 - 1), st.sampled_from((0, 1, 2**24 - 1, 2**24, 2**32 - 1))),
        reference=st.one_of(st.just(""), st.text(max_size=40).filter(lambda text: len(text.encode()) <= 40)),
        allowance=st.one_of(st.just(0), st.integers(0, 2**32 - 1)),
    )
)
@settings(max_examples=300, deadline=None)
def test_a_transaction_reads_back_as_it_was_written(t: Transaction) -> None:
    body = records.pack_transaction(t, "14")
    assert len(body) in (48, 64, 80, 96, 112)
    assert vars(records.unpack_transaction(body)) == vars(t)
    assert records.rc_of(body) == "14"
    assert body[-8:] == bytes(8), "the place of the tag"
    common = len(t.uid) <= 7 and not t.original_seq and t.member_no < 2**32 and t.card_counter < 2**24
    if (common or not (t.member_no or t.card_counter)) and not (t.reference or t.allowance):
        assert len(body) == 48, "no room is taken by what a card usually tells"


def test_the_bytes_of_a_transaction_are_those_of_the_page() -> None:
    t = Transaction(
        0x01020304, ACCRUAL, OFFLINE, bytes.fromhex("04a1b2c3d4e5f6"), 2, 1_250_000, 1250, 0x6AB1C2D3, 2, 0, 1, 0, 7, 9
    )
    page = (
        "04030201 11 00 0000"  # SEQ, verb | mode << 4, flags, RC
        "2712"  # UID length 7, auth 2, clock 2, reason 1
        "04a1b2c3d4e5f6 000000 00000000"
        "d0121300 00 e2040000 d3c2b16a 0700 09 0000000000000000"
    )
    assert records.pack_transaction(t).hex() == page.replace(" ", "")


_HEAD, _TAIL = "04030201 11 {} 0000 2712 04a1b2c3d4e5f6 ", " d0121300 00 e2040000 d3c2b16a 0700 09 "
_TAG = "0000000000000000"
_FRAMES = {
    "neither": ("00", "000000 00000000", "", 0, 0),
    "a member's number, as ever": ("01", "e9030000000000", "", 1001, 0),
    "a number of 57 bits": ("02", "000000 00000000", "0108 0000000000000001 0204 00000000", 1 << 56, 0),
    "a counter": ("04", "00000000 3d0000", "", 0, 61),
    "both": ("04", "e9030000 3d0000", "", 1001, 61),
    "the largest of both": ("04", "ffffffff ffffff", "", 0xFFFFFFFF, 0xFFFFFF),
    "a number of 33 bits and a counter": ("02", "000000 00000000", "0108 0000000001000000 0204 3d000000", 1 << 32, 61),
    "a counter of 25 bits": ("02", "000000 00000000", "0108 0000000000000000 0204 00000001", 0, 1 << 24),
}


@pytest.mark.parametrize("name", _FRAMES)
def test_the_bytes_of_member_number_and_card_counter_are_those_of_the_page(name: str) -> None:
    """These bytes have to be read for ever."""
    flags, spare, extension, member_no, counter = _FRAMES[name]
    page = bytes.fromhex((_HEAD.format(flags) + spare + _TAIL + extension + _TAG).replace(" ", ""))
    t = records.unpack_transaction(page)
    assert (t.member_no, t.card_counter, t.original_seq) == (member_no, counter, 0)
    assert (t.uid.hex(), t.amount, t.clerk) == ("04a1b2c3d4e5f6", 1_250_000, 9)
    assert records.pack_transaction(t) == page


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 1 << 40},
        {"amount": -1},
        {"points": 1 << 31},
        {"uid": bytes(11)},
        {"clerk": 256},
        {"ruleset": 65536},
        {"time_utc": 1 << 32},
        {"time_utc": -1},
        {"member_no": 1 << 64},
        {"auth": -1},
        {"original_seq": 1 << 32},
        {"card_counter": 1 << 32},
        {"card_counter": -1},
        {"reference": "r" * 41},
        {"reference": "\u0631" * 21},
        {"allowance": 1 << 32},
        {"allowance": -1},
    ],
)
def test_what_does_not_fit_a_record_is_refused_and_nothing_written(change: dict) -> None:
    ledger = journal()
    t = ledger.make(ACCRUAL, OFFLINE)
    for name, value in change.items():
        setattr(t, name, value)
    ops = ledger.journal._flash._device.nor.ops
    with pytest.raises(StoreError):
        ledger.journal.append(t)
    assert ledger.journal._flash._device.nor.ops == ops


FULL = {
    "verb": ACCRUAL,
    "uid": bytes.fromhex("0102030405060708090a"),
    "auth": 2,
    "amount": 999_999_999_999,
    "points": -2_147_483_648,
    "time_utc": 1_795_400_000,
    "clock": 2,
    "member_no": (1 << 64) - 1,
    "offline_reason": 4,
    "ruleset": 65535,
    "clerk": 255,
    "card_counter": (1 << 32) - 1,
    "reference": "cash register 7 / receipt 0012345 / \u0631\u0633",
    "allowance": (1 << 32) - 1,
    "visit": 3,
    "new_money": True,
}


def every_message(t: Transaction, original: Transaction) -> list[bytes]:
    makes = Messages(Identity("T0000001", "M00000000000001", 1, 364, 1), MacKeys(1, bytes(16), bytes(range(16))))
    sent = [makes.request(t), *(makes.advice(t, 1_795_500_000, repeat) for repeat in (False, True))]
    undo = reversal_of(original, t.seq + 1, 1_795_500_000, 2)
    sent += [makes.reversal(undo, t, 1_795_500_000, repeat) for repeat in (False, True)]
    return [each.raw for each in sent]


@pytest.mark.parametrize("mode", [ONLINE, OFFLINE])
def test_every_message_of_a_resend_is_rebuilt_from_the_frame_alone(mode: int) -> None:
    ledger = journal()
    t = Transaction(ledger.journal.next_seq(), mode=mode, **FULL)
    # Details and what the register asked for would not fit beside all the others: see test_records_of_the_programme.
    assert set(vars(t)) == {*FULL, "seq", "mode", "original_seq", "details", "asked"}, "every field is set"
    ledger.journal.append(t)
    again = reopened(ledger)
    [read] = again.unanswered() if mode == ONLINE else again.pending()
    assert vars(read) == vars(t)
    assert every_message(read, read) == every_message(t, t)


def later_firmware(body: bytes) -> bytes:
    """The same transaction with an extension in which a field stands that nobody here knows."""
    assert len(body) == 48
    extension = bytes.fromhex("7f03aabbcc 0404 e7030000 0000000000")
    return body[:5] + bytes([body[5] | 2]) + body[6:40] + extension + body[40:]


def test_a_field_of_later_firmware_is_passed_over_and_stays_in_a_dead_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = journal(5)
    with monkeypatch.context() as patch:
        pack = records.pack_transaction
        patch.setattr(records, "pack_transaction", lambda t: later_firmware(pack(t)))
        seq = ledger.offline_sale(3)
    assert next(iter(ledger.journal.pending())).allowance == 999
    ledger.bury(seq)
    first = ledger.journal._dead[seq]
    while ledger.journal._dead[seq] == first:
        ledger.settle(ledger.offline_sale())
        ledger.idle()
    again = reopened(ledger)
    again.pending_count()
    assert b"\x7f\x03\xaa\xbb\xcc" in (again._dead_body(seq) or b"")
    [(letter, rc)] = again.dead()
    assert (letter.seq, letter.allowance, letter.amount, rc) == (seq, 999, ledger.transactions[seq].amount, "14")


@pytest.mark.parametrize("damage", ["03ff", "0304616263", "0108", "00", "7f"])
def test_an_extension_that_ends_too_early_takes_nothing_from_the_rest(damage: str) -> None:
    body = records.pack_transaction(Transaction(7, ACCRUAL, OFFLINE, CARDS[0], 1, 5, 6, 7, 2, allowance=1))
    for known in (b"", b"\x7f\x01?", b"\x04\x04\x01\0\0\0"):
        extension = known + bytes.fromhex(damage)
        for room in range(len(extension), 17):
            t = records.unpack_transaction(body[:40] + extension + bytes(room - len(extension)) + b"\xee" * 8)
            assert (t.seq, t.amount, t.member_no) == (7, 5, 0)
            assert t.allowance == (1 if known[:1] == b"\x04" else 0)


def test_a_fresh_journal_gives_no_number_before_sign_on_and_then_continues_far_above() -> None:
    fresh = open_journal(Nor(4 * 4096), False)
    with pytest.raises(StoreNotReady):
        fresh.next_seq()
    with pytest.raises(StoreNotReady):
        fresh.append(Transaction(1, ACCRUAL, OFFLINE, CARDS[0], 0, 1, 1, 1, 2))
    fresh.continue_above(500)
    assert fresh.next_seq() == 1500


@pytest.mark.parametrize("lost", [0, 1])
def test_the_first_promise_of_numbers_survives_the_loss_of_a_frame(lost: int) -> None:
    nor = Nor(4 * 4096)
    fresh = open_journal(nor, False)
    fresh.continue_above(500)
    given = [fresh.next_seq() for _ in range(3)]
    marks = [at for at in range(64, 4096, 16) if nor.image[at + 4 : at + 7] == b"\x10\0\5"]
    assert len(marks) == 2
    nor.image[marks[lost] + 12] ^= 3
    again = open_journal(nor, False)
    assert again.next_seq() > given[-1]


def test_the_chain_goes_on_from_a_sale_that_was_given_up() -> None:
    nor = Nor(5 * 4096)
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(100)
    ledger.settle(ledger.offline_sale())
    last = ledger.journal._ring.chain._last
    for _ in range(50_000):
        if ledger.journal._ring.free() > 1:
            ledger.handed = ledger.journal.next_seq()
    nor.cut_at(2, Torn.NOTHING)
    with pytest.raises(PowerCut):
        ledger.offline_sale()
    nor.power_on()
    ledger.journal = open_journal(nor, False)
    ledger.idle()
    assert ledger.journal.last() is None, "the sale was given up for room"
    assert ledger.journal._ring.chain._last == last


def test_sign_on_moves_a_used_journal_forward_and_never_back() -> None:
    ledger = journal()
    seq = ledger.offline_sale()
    ledger.journal.continue_above(3)
    assert ledger.journal.next_seq() == seq + 1
    ledger.journal.continue_above(9_000)
    assert ledger.journal.next_seq() == 9_001
    assert reopened(ledger).next_seq() > 9_001


def test_numbers_handed_out_and_never_written_are_not_given_again_after_a_restart() -> None:
    ledger = journal()
    handed = [ledger.journal.next_seq() for _ in range(500)]
    assert handed == list(range(handed[0], handed[0] + 500))
    assert reopened(ledger).next_seq() > handed[-1]


def test_a_number_is_written_once_only() -> None:
    ledger = journal()
    t = ledger.make(ACCRUAL, OFFLINE)
    ledger.append(t)
    for seq in (t.seq, t.seq - 1, t.seq + 50):
        copy = Transaction(seq, ACCRUAL, OFFLINE, CARDS[0], 0, 1, 1, 1, 2)
        with pytest.raises(StoreError):
            ledger.journal.append(copy)
    assert [p.seq for p in ledger.journal.pending()] == [t.seq]


def test_an_online_sale_is_open_until_its_answer_and_a_late_answer_changes_nothing() -> None:
    ledger = journal()
    seq = ledger.online_intent(1)
    assert ledger.journal.find(seq).state == OPEN
    assert ledger.journal.pending_points(CARDS[1]) == 0
    ledger.answer(seq, REFUSED)
    assert ledger.journal.find(seq).result.rc == "51"
    lost = ledger.online_intent(1)
    ledger.reverse(lost)
    with pytest.raises(StoreError):
        ledger.journal.append_result(Result(lost, APPROVED, "00", 1, None, ""))
    assert ledger.journal.find(lost).state == REVERSED
    assert reopened(ledger).find(lost).state == REVERSED


def test_reversals_go_first_then_advices_by_age_while_the_queue_changes() -> None:
    ledger = journal()
    advices = [ledger.offline_sale(n % 4) for n in range(130)]
    reversal = ledger.reverse(ledger.online_intent(0))
    seen = []
    for t in ledger.journal.pending():
        seen.append(t.seq)
        ledger.settle(t.seq)
        if len(seen) == 2:
            advices.append(ledger.offline_sale(2))
    assert seen == [reversal, *advices]
    assert ledger.journal.pending_count() == 0


def test_a_dead_letter_is_listed_until_it_is_settled() -> None:
    ledger = journal()
    seq = ledger.offline_sale(3)
    ledger.bury(seq)
    assert [(t.seq, rc) for t, rc in reopened(ledger).dead()] == [(seq, "14")]
    with pytest.raises(StoreError):
        ledger.journal.bury(seq, "14")
    ledger.settle(seq)
    assert reopened(ledger).dead_count() == 0


def test_a_dead_letter_that_is_given_up_is_listed_no_more_and_reads_as_voided_whatever_was_sent() -> None:
    ledger = journal(8)
    sent, newest = ledger.offline_sale(3), ledger.offline_sale(2)
    ledger.send(sent)
    for seq in (sent, newest):
        ledger.bury(seq)
    for reason in ("", "r" * 28):
        with pytest.raises(StoreError):
            ledger.journal.void(sent, 1, 1, reason)
    ledger.journal.void(newest, 0, 1_790_000_000, "test sale")
    assert ledger.journal.last().state == VOIDED
    for _ in range(200):
        ledger.offline_sale(1)
    ledger.journal.void(sent, 0, 1_790_000_000, "r" * 27)
    for each in (ledger.journal, reopened(ledger)):
        assert each.dead_count() == 0 and list(each.dead()) == []
        assert [each.find(seq).state for seq in (sent, newest)] == [VOIDED, VOIDED]
        with pytest.raises(StoreError):
            each.void(sent, 0, 1, "again")
    pending = ledger.offline_sale(1)
    with pytest.raises(StoreError):
        ledger.journal.void(pending, 0, 1, "no dead letter")


def test_a_voided_sale_stays_in_the_journal_is_never_sent_and_counts_no_points() -> None:
    ledger = journal()
    kept, taken_back = ledger.offline_sale(2), ledger.offline_sale(2)
    ledger.void(taken_back)
    ledger.settle(kept)
    for each in (ledger.journal, reopened(ledger)):
        assert each.pending_count() == 0
        assert list(each.pending()) == []
        assert not each.sending(taken_back)
        assert each.pending_points(CARDS[2]) == 0
        assert [each.find(seq).state for seq in (kept, taken_back)] == [SETTLED, VOIDED]
        assert each.last().state == VOIDED
        with pytest.raises(StoreError):
            each.bury(taken_back, "14")
    newer = ledger.offline_sale(2)
    assert ledger.journal.last().state == APPROVED, f"{newer} is not voided"


def test_a_void_is_found_however_many_sectors_later_it_was_made() -> None:
    ledger = journal(8)
    taken_back, settled = ledger.offline_sale(), ledger.offline_sale(1)
    for _ in range(200):
        ledger.offline_sale(3)
    ledger.void(taken_back)
    ledger.settle(settled)
    again = reopened(ledger)
    assert [again.find(seq).state for seq in (taken_back, settled)] == [VOIDED, SETTLED]


def test_only_a_pending_sale_that_was_certainly_not_sent_is_voided() -> None:
    ledger = journal()
    old = ledger.offline_sale()
    ledger.journal = reopened(ledger)
    sent, settled, dead, unsent = (ledger.offline_sale() for _ in range(4))
    ledger.settle(settled)
    ledger.bury(dead)
    lost = ledger.online_intent()
    answered = ledger.online_intent()
    ledger.answer(answered)
    reversal = ledger.reverse(lost)
    ledger.send(sent)
    ops = ledger.journal._flash._device.nor.ops
    for seq in (old, sent, settled, dead, lost, answered, reversal, 4_000_000_000):
        with pytest.raises(StoreError):
            ledger.journal.void(seq, 1, 1)
    with pytest.raises(StoreError):
        ledger.journal.void(unsent, 256, 1)
    assert ledger.journal._flash._device.nor.ops == ops, "nothing was written"
    assert observe(ledger.journal, ledger.probe) == ledger.state()
    ledger.void(unsent)


def test_a_void_survives_the_loss_of_its_frame() -> None:
    ledger = journal()
    seq = ledger.offline_sale()
    ledger.void(seq)
    nor = ledger.journal._flash._device.nor
    [at] = [
        at for at in range(0, len(nor.image), 16) if nor.image[at : at + 7] == seq.to_bytes(4, "little") + b"\x30\0\6"
    ]
    nor.image[at + 20] ^= 3
    again = reopened(ledger)
    assert again.pending_count() == 0
    assert not again.sending(seq)


def test_a_full_journal_takes_voids_until_only_room_for_acknowledgements_is_left() -> None:
    ledger = journal(5)
    with pytest.raises(StoreFull):
        while True:
            ledger.offline_sale()
    voids = 0
    with pytest.raises(StoreFull):
        while True:
            ledger.void(ledger.voidable()[-1])
            voids += 1
    assert voids > 60, "a sector and a half are left for what empties a full journal"
    again = reopened(ledger)
    assert again.pending_count() == ledger.journal.pending_count() == len(ledger.pending)
    for seq in sorted(ledger.pending):
        ledger.settle(seq)
    assert reopened(ledger).pending_count() == 0
    ledger.offline_sale()


def test_settling_what_is_not_pending_changes_nothing() -> None:
    ledger = journal()
    seq = ledger.offline_sale()
    intent = ledger.online_intent()
    ledger.settle(seq)
    before = ledger.journal._flash._device.nor.ops
    for other in (seq, intent, 5, 4_000_000_000):
        ledger.journal.settle(other)
    assert ledger.journal._flash._device.nor.ops == before
    assert ledger.journal.pending_count() == 0


def test_what_the_cashier_waits_for_reads_little_with_a_long_queue() -> None:
    ledger = journal(40)
    own = [ledger.offline_sale(2) for _ in range(3)]
    for n in range(2000):
        t = ledger.make(ACCRUAL, OFFLINE)
        t.uid = n.to_bytes(7, "big")
        ledger.journal.append(t)
    nor = ledger.journal._flash._device.nor
    limits = {"pending_points": 6000, "find": 4096 + 300, "oldest_pending_utc": 300, "last": 300, "next_seq": 0}
    calls = {
        "pending_points": lambda: ledger.journal.pending_points(CARDS[2]),
        "find": lambda: ledger.journal.find(own[1]),
        "oldest_pending_utc": ledger.journal.oldest_pending_utc,
        "last": ledger.journal.last,
        "next_seq": ledger.journal.next_seq,
    }
    for name, call in calls.items():
        nor.reset_counters()
        assert call()
        assert nor.bytes_read <= limits[name], (name, nor.bytes_read)
    nor.reset_counters()
    assert list(ledger.journal.unanswered()) == []
    assert nor.bytes_read == 0


def test_opening_reads_the_same_whatever_the_queue() -> None:
    ledger = journal(64)
    for _ in range(3000):
        ledger.journal.append(ledger.make(ACCRUAL, OFFLINE))
    nor = ledger.journal._flash._device.nor
    nor.reset_counters()
    again = open_journal(nor, False)
    assert nor.bytes_read <= 64 * 32 + 4096 + 2 * 80 + 3 * 64
    assert nor.ops <= 1
    assert again.pending_count() == 3000


def test_sales_never_erase_when_idle_time_is_used() -> None:
    ledger = journal(5)
    erases = ledger.journal._ring.inline_erases
    for _ in range(700):
        ledger.settle(ledger.offline_sale())
        ledger.idle()
    assert ledger.journal._ring.inline_erases == erases
    assert ledger.journal._ring.generation > 10


def test_both_kinds_of_flash_hold_the_same_bytes() -> None:
    images = []
    for page_only in (False, True):
        nor = Nor(5 * 4096)
        ledger = Ledger(Journal(NorPartition(nor, 0, 5, page_only), SEALER, 9, page_only))
        ledger.journal.open()
        ledger.sign_on(0)
        for n in range(150):
            ledger.settle(ledger.offline_sale(n % 4))
        images.append(bytes(nor.image))
        assert observe(ledger.journal, ledger.probe) == ledger.state()
    assert images[0] == images[1]


@pytest.mark.timeout(600)  # a busy machine takes its time
def test_costs_stay_within_what_was_set_out_to_reach() -> None:
    for key, value, _unit, _limit, target in store_costs.rows():
        if target is None:
            continue
        better = value >= target if key in ("store.capacity", "members.held", "members.small.held") else value <= target
        assert better, f"{key}: {value}, to reach {target}"


def test_the_highest_number_is_told_without_a_write_and_every_later_one_is_above_it() -> None:
    ledger = journal()
    ledger.offline_sale()
    given = 0
    for _ in range(70):
        given = ledger.journal.next_seq()
        assert ledger.journal.highest_seq() == given
    again = reopened(ledger)
    nor = ledger.journal._flash._device.nor
    ops = nor.ops
    highest = again.highest_seq()
    assert highest >= given
    assert nor.ops == ops, "telling writes nothing"
    assert again.next_seq() > highest
    fresh = open_journal(Nor(8 * 4096), False)
    assert fresh.highest_seq() == 0


@pytest.mark.parametrize(
    "change", [{"balance": 1 << 63}, {"balance": -(1 << 63) - 1}, {"points": 1 << 31}, {"state": 256}, {"rc": "000"}]
)
def test_a_result_that_does_not_fit_is_refused_and_nothing_written(change: dict) -> None:
    ledger = journal()
    result = Result(ledger.online_intent(), APPROVED, "00", 1, 2, "F00001")
    for name, value in change.items():
        setattr(result, name, value)
    ops = ledger.journal._flash._device.nor.ops
    with pytest.raises(StoreError):
        ledger.journal.append_result(result)
    assert ledger.journal._flash._device.nor.ops == ops


@pytest.mark.parametrize("figure", [999_999_999_999, -999_999_999_999])
def test_twelve_digits_of_money_and_balance_are_kept_whole(figure: int) -> None:
    ledger = journal()
    t = ledger.make(ACCRUAL, ONLINE)
    t.amount = abs(figure)
    ledger.append(t)
    ledger.journal.append_result(Result(t.seq, APPROVED, "00", 2**31 - 1, figure, "F00001"))
    entry = reopened(ledger).find(t.seq)
    assert entry is not None
    assert entry.result is not None
    assert (entry.transaction.amount, entry.result.balance) == (abs(figure), figure)
