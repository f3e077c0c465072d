"""What the journal keeps of what was taken back or disputed, across a restart."""

from firmware.core.reference import original_of, rrn_of
from firmware.core.types import OFFLINE, REFUND, REMARK, VOID
from host_tests.unit.batch_kit import Till


def test_a_remark_is_not_the_last_transaction_before_or_after_a_restart() -> None:
    till = Till()
    sale = till.sell()
    till._intent(verb=REMARK, mode=OFFLINE, amount=0, points=0, offline_reason=4, original_seq=sale.seq)
    for _ in range(2):
        last = till.journal.last()
        assert last is not None
        assert last.transaction.seq == sale.seq
        till.start()


def test_a_void_and_a_refund_are_the_last_transaction_with_what_they_name() -> None:
    till = Till()
    sale, other = till.sell(), till.sell(90_000)
    for verb, of, amount, points in ((VOID, sale, sale.amount, -sale.points), (REFUND, other, 30_000, -30)):
        taken = till.take_back(verb, of, amount, points)
        till.start()
        last = till.journal.last()
        assert last is not None
        t = last.transaction
        assert (t.seq, t.verb, t.amount, t.points, t.original_seq) == (taken.seq, verb, amount, points, of.seq)
        assert original_of(t.details) == rrn_of(of.seq, of.time_utc)
        assert last.result is not None
        assert (last.result.rc, last.result.points) == ("00", points)


def test_a_void_the_power_interrupted_is_found_without_an_answer() -> None:
    till = Till()
    sale = till.sell()
    intent = till._intent(verb=VOID, amount=sale.amount, points=-sale.points, original_seq=sale.seq)
    till.start()
    assert [t.seq for t in till.journal.unanswered()] == [intent.seq]
