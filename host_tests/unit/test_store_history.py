"""What the journal tells of a batch: every record once, with its end, and whether the beginning is still there."""

from __future__ import annotations

import pytest

from firmware.core.types import APPROVED, DEAD, OFFLINE, ONLINE, OPEN, REFUSED, REVERSED, SETTLED, VOIDED, Result
from firmware.switch.messages import reversal_of
from host_tests.power.ledger import Ledger, open_journal
from host_tests.unit.switch_kit import NOW, transaction
from tools.sim.chips.nor import Nor


def journal(blocks: int = 8) -> Ledger:
    ledger = Ledger(open_journal(Nor(blocks * 4096), False))
    ledger.sign_on(100)
    ledger.idle()
    return ledger


def result(seq: int, state: int = APPROVED, rc: str = "00", points: int = 125):
    return Result(seq, state, rc, points, 1375, "A1B2C3")


def states(ledger: Ledger, first: int, last: int = 0xFFFFFFFF) -> dict[int, int]:
    told = [(entry.transaction.seq, entry.state) for entry in ledger.journal.history(first, last)]
    assert len(told) == len(dict(told)), "a record is told twice"
    return dict(told)


def test_each_record_is_told_once_with_what_became_of_it():
    ledger = journal()
    j = ledger.journal
    seqs = []

    def append(**change):
        seqs.append(j.next_seq())
        record = transaction(seq=seqs[-1], **change)
        j.append(record)
        return record

    append()
    j.append_result(result(seqs[-1], points=130))
    append()
    j.append_result(result(seqs[-1], REFUSED, "14", 0))
    lost = append()
    seqs.append(j.next_seq())
    j.append(reversal_of(lost, seqs[-1], NOW, 2))
    j.settle(seqs[-1])
    append(mode=OFFLINE)
    j.settle(seqs[-1])
    append(mode=OFFLINE)
    j.void(seqs[-1], 3, NOW)
    append(mode=OFFLINE)
    j.bury(seqs[-1], "14")
    append(mode=OFFLINE)
    j.bury(seqs[-1], "14")
    j.settle(seqs[-1])
    append(mode=OFFLINE)
    j.bury(seqs[-1], "14")
    j.void(seqs[-1], 3, NOW, "made good")
    append(mode=OFFLINE)
    append()

    wanted = [APPROVED, REFUSED, REVERSED, SETTLED, SETTLED, VOIDED, DEAD, SETTLED, DEAD, APPROVED, OPEN]
    assert states(ledger, seqs[0]) == dict(zip(seqs, wanted, strict=True))
    assert states(ledger, seqs[3], seqs[5]) == dict(zip(seqs[3:6], wanted[3:6], strict=True))
    first = next(iter(j.history(0)))
    assert (first.transaction.seq, first.result.points) == (seqs[0], 130)
    assert j.history(seqs[0]).whole and j.history(0).whole


def test_a_beginning_that_was_recycled_is_said():
    ledger = journal(6)
    j = ledger.journal
    first = seq = 0
    for _ in range(600):
        seq = j.next_seq()
        first = first or seq
        j.append(transaction(seq=seq, mode=OFFLINE))
        j.settle(seq)
        while j.idle_work():
            pass
    told = states(ledger, first)
    assert not j.history(first).whole and 0 < len(told) < 600
    kept = min(told)
    assert j.history(kept + 1).whole and kept + 1 in states(ledger, kept + 1)
    assert max(told) == seq and len(told) == seq - kept + 1


def test_a_batch_over_several_sectors_keeps_results_that_stand_in_the_next_one():
    ledger = journal(12)
    j = ledger.journal
    seqs = []
    for number in range(150):
        seqs.append(j.next_seq())
        j.append(transaction(seq=seqs[-1], mode=ONLINE))
        j.append_result(result(seqs[-1], points=number))
    told = {entry.transaction.seq: entry.result.points for entry in j.history(seqs[0])}
    assert told == dict(zip(seqs, range(150), strict=True))


@pytest.mark.parametrize("settled", [False, True])
def test_the_last_tag_is_that_of_the_newest_record(settled):
    ledger = journal()
    j = ledger.journal
    before = j.last_tag()
    j.append(transaction(seq=j.next_seq(), mode=OFFLINE))
    if settled:
        j.settle(j.highest_seq())
    tag, generation = j.last_tag()
    assert tag != before[0] and len(tag) == 8 and generation == j._ring.generation
    newest = []
    j._ring.visit(generation, lambda frame: newest.append(frame.tag))
    assert newest[-1] == tag
