"""A record keeps its currency in the journal, in its messages and in the totals of a batch over the day."""

from __future__ import annotations

import pytest

from firmware.core.types import ACCRUAL, APPROVED, OFFLINE, SETTLED, VOID, JournalEntry, Transaction
from firmware.loyalty.totals import Totals
from firmware.store.records import pack_transaction, unpack_transaction
from firmware.switch.mac import MacKeys
from firmware.switch.messages import Identity, Messages, reversal_of

UID = bytes.fromhex("04a1b2c3d4e5f6")
MESSAGES = Messages(
    Identity("VAFA0001", "DEMO-SHOP-00001", 1, 364, after=999, worth=100), MacKeys(1, bytes(16), bytes(16))
)


def sale(seq: int, amount: int, new: bool, verb: int = ACCRUAL, details: bytes = b"") -> Transaction:
    return Transaction(seq, verb, OFFLINE, UID, 1, amount, 5, 1_800_000_000, 2, details=details, new_money=new)


@pytest.mark.parametrize("new", [False, True])
@pytest.mark.parametrize("details", [b"", bytes(60)])
def test_the_journals_record_keeps_it_without_room_of_its_own(new, details):
    body = pack_transaction(sale(7, 10**12 - 1, new, details=details))
    assert len(body) == len(pack_transaction(sale(7, 10**12 - 1, not new, details=details)))
    assert unpack_transaction(body).new_money is new


@pytest.mark.parametrize(("new", "code"), [(False, "364"), (True, "999")])
def test_messages_say_the_records_currency_whatever_counts_now(new, code):
    t = sale(7, 1250, new)
    undone = reversal_of(t, 8, t.time_utc, 2)
    for counts in (364, 999):
        MESSAGES._identity.count_in(counts, 100)
        for fields, _tags in (MESSAGES.value_parts(t, t, "06"), MESSAGES.value_parts(undone, t, "00")):
            assert fields[49] == code
    assert undone.new_money is new


def added(*transactions: Transaction, state: int = SETTLED) -> Totals:
    totals = Totals(100)
    for t in transactions:
        totals.add(JournalEntry(t, state))
    return totals


def test_a_batch_of_both_adds_up_in_the_old_money():
    both = added(sale(1, 125_050, False), sale(2, 1250, True))
    assert (both.of("OA"), both.new_money) == ((2, 250_050, 10), False)
    assert both.rows() == [("OA", 0, 2, 250_050, 10)]


def test_a_batch_of_one_money_adds_up_in_it():
    assert (added(sale(1, 1250, True), sale(2, 640, True)).of("OA")[1], added(sale(1, 1, True)).new_money) == (
        1890,
        True,
    )
    assert (added(sale(1, 125_000, False)).of("OA")[1], added(sale(1, 1, False)).new_money) == (125_000, False)
    free = added(sale(1, 0, False), sale(2, 640, True))
    assert (free.of("OA")[1], free.new_money) == (640, True)  # what costs nothing is of no currency
    assert not added(state=APPROVED).new_money


def test_a_void_counts_with_its_own_currency():
    both = added(sale(1, 1250, True), sale(2, 125_000, False, VOID))
    assert (both.of("OA")[1], both.of("VD")[1]) == (125_000, 125_000)
