"""A transaction is found by the cash register's reference: the newest, through damage, and within bounds."""

from __future__ import annotations

from firmware.core.types import APPROVED, OFFLINE, REDEMPTION, VOIDED, Result
from firmware.store import by_reference, records
from firmware.switch.messages import reversal_of
from host_tests.power.ledger import Ledger, open_journal
from host_tests.unit.switch_kit import NOW, transaction
from tools.sim.chips.nor import Nor

SECTOR = 4096


def journal(nor: Nor) -> Ledger:
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(100)
    ledger.idle()
    return ledger


def sold(ledger: Ledger, reference: str, **change) -> int:
    seq = ledger.journal.next_seq()
    ledger.journal.append(transaction(seq=seq, reference=reference, **change))
    return seq


def answered(ledger: Ledger, seq: int) -> None:
    ledger.journal.append_result(Result(seq, APPROVED, "00", 125, 1375, "A1B2C3"))


def found(ledger: Ledger, reference: str, since_utc: int = 0) -> tuple[int, int]:
    """(SEQ, pieces)"""
    search, pieces = ledger.journal.search(reference, since_utc), 1
    while search.piece():
        pieces += 1
        assert pieces < 1000
    return search.seq, pieces


def test_each_sale_is_found_by_its_reference_also_after_a_restart():
    nor = Nor(24 * SECTOR)
    ledger = journal(nor)
    by_reference = {}
    for n in range(150):
        by_reference[f"R-{n}"] = sold(ledger, f"R-{n}")
        answered(ledger, by_reference[f"R-{n}"])
        sold(ledger, "", mode=OFFLINE)
        if n == 100:
            again = Ledger(open_journal(nor, False))
            again.idle()
            ledger = again
    assert {reference: found(ledger, reference)[0] for reference in by_reference} == by_reference
    seq, pieces = found(ledger, "R-150")
    assert seq == 0
    assert pieces <= 25


def test_of_an_intent_that_was_reversed_and_the_advice_behind_it_the_advice_counts():
    ledger = journal(Nor(8 * SECTOR))
    intent = sold(ledger, "R-1")
    lost = ledger.journal.find(intent).transaction
    ledger.journal.append(reversal_of(lost, ledger.journal.next_seq(), NOW, 2))
    assert found(ledger, "R-1")[0] == intent, "a reversal has no reference of its own"
    advice = sold(ledger, "R-1", mode=OFFLINE)
    assert found(ledger, "R-1")[0] == advice


def test_references_with_one_mark_are_told_apart():
    ledger = journal(Nor(8 * SECTOR))
    mark = records.clear_mark("R-1")
    twin = next(f"T-{n}" for n in range(1_000_000) if records.clear_mark(f"T-{n}") == mark)
    first, second = sold(ledger, "R-1"), sold(ledger, twin)
    assert (found(ledger, "R-1")[0], found(ledger, twin)[0]) == (first, second)


def test_one_wrong_bit_anywhere_in_its_frame_hides_no_sale():
    nor = Nor(8 * SECTOR)
    ledger = journal(nor)
    seq = sold(ledger, "R-1")
    sold(ledger, "R-2")
    whole = bytes(nor.image)
    at = whole.index(records.clear_mark("R-1"))  # in the body, behind the head of 12 bytes and 6 more
    start = at - 18
    assert start % 16 == 0
    for byte in range(start, start + 20):
        for bit in range(8):
            nor.image[byte] ^= 1 << bit
            assert found(ledger, "R-1")[0] == seq, (byte - start, bit)
            nor.image[byte] ^= 1 << bit


def test_a_void_of_what_was_never_sent_is_found_by_the_reference_of_its_order():
    nor = Nor(8 * SECTOR)
    ledger = journal(nor)
    sold_here = sold(ledger, "R-1", mode=OFFLINE)
    by_keys = sold(ledger, "R-2", mode=OFFLINE)
    reference = "V" * 24
    ledger.journal.void(sold_here, 7, NOW, "", reference)
    ledger.journal.void(by_keys, 7, NOW)
    for _ in range(2):
        search = ledger.journal.search(reference)
        while search.piece():
            pass
        assert (search.seq, search.taken_back) == (sold_here, True)
        search = ledger.journal.search("R-1")
        while search.piece():
            pass
        assert (search.seq, search.taken_back) == (sold_here, False)
        assert found(ledger, "R-2")[0] == by_keys
        assert found(ledger, "V")[0] == 0
        assert [entry.state for entry in ledger.journal.history(sold_here)] == [VOIDED, VOIDED], "no dead letters"
        ledger = Ledger(open_journal(nor, False))
        ledger.idle()


def test_a_void_has_either_a_reason_or_a_reference():
    ordered = records.pack_void(101, 64, 7, NOW, "", "V-1")
    assert (records.reason_of(ordered), records.ordered_as(ordered)) == ("", "V-1")
    given_up = records.pack_void(101, 64, 7, NOW, "made good", "")
    assert (records.reason_of(given_up), records.ordered_as(given_up)) == ("made good", "")
    by_keys = records.pack_void(101, 64, 7, NOW)
    assert (records.reason_of(by_keys), records.ordered_as(by_keys)) == ("", "")
    assert len(ordered) == len(given_up) == len(by_keys) == 48


def test_the_amount_the_register_named_and_a_long_reference_fit_with_the_longest_card():
    body = records.pack_transaction(
        transaction(
            verb=REDEMPTION, uid=bytes(10), member_no=1 << 40, card_counter=7, reference="Z" * 24, asked=10**12 - 1,
            allowance=1 << 31,
        )
    )  # fmt: skip
    t = records.unpack_transaction(body)
    assert (t.reference, t.asked, t.allowance, t.member_no) == ("Z" * 24, 10**12 - 1, 1 << 31, 1 << 40)
    plain = records.pack_transaction(transaction())
    assert plain[6:8] == bytes(2)
    assert len(plain) == 48


def test_the_search_goes_on_to_2000_sales_and_seven_days_and_no_further(monkeypatch):
    monkeypatch.setattr(by_reference, "KEPT_SALES", 100)
    ledger = journal(Nor(32 * SECTOR))
    old = sold(ledger, "old", time_utc=NOW - 9 * 86_400)
    for _ in range(200):
        answered(ledger, sold(ledger, "x", time_utc=NOW - 8 * 86_400))
    kept = sold(ledger, "kept", time_utc=NOW - 6 * 86_400)
    for n in range(300):
        answered(ledger, sold(ledger, "y", time_utc=NOW - n))
    assert found(ledger, "kept", NOW - 7 * 86_400)[0] == kept
    assert found(ledger, "old", NOW - 7 * 86_400)[0] == 0
    assert found(ledger, "old", 0)[0] == old
    assert found(ledger, "none", NOW - 7 * 86_400)[1] < found(ledger, "none", 0)[1]
    monkeypatch.setattr(by_reference, "KEPT_SALES", 1000)
    assert found(ledger, "old", NOW - 7 * 86_400)[0] == old, "however old, of so many sales it is known"


def test_without_a_reference_the_newest_order_is_found_whoever_sold_since() -> None:
    ledger = journal(Nor(8 * SECTOR, None))
    assert found(ledger, "")[0] == 0
    sold(ledger, "R-1")
    meant = sold(ledger, "R-2")
    for _ in range(60):
        answered(ledger, sold(ledger, ""))
    search = ledger.journal.search("", 0)
    while search.piece():
        pass
    assert (search.seq, search.reference) == (meant, "R-2")
