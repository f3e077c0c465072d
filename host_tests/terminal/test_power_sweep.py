"""Power cut at every flash operation of one offline sale, clean and torn: an approval that was shown is booked once.

The long form (VAFA_POWER=long, `make power`) takes every way an operation can be torn and both boards.
"""

import os

import pytest

from tools.sim import sweep
from tools.sim.chips.nor import Torn

LONG = os.environ.get("VAFA_POWER") == "long"
TORN = tuple(Torn) if LONG else (Torn.NOTHING, Torn.DONE, Torn.RANDOM_BITS)


@pytest.mark.timeout(1800 if LONG else 170)
@pytest.mark.parametrize("board", ["s3", "pico"] if LONG else ["s3"])
def test_at_every_cut_of_an_offline_sale_it_is_booked_once_if_shown_and_at_most_once_otherwise(board):
    ops = sweep.count_ops(board)
    assert ops >= 1
    cases = list(sweep.sweep(board, TORN, ops))
    assert len(cases) == ops * len(TORN)
    assert all(case.fired for case in cases)
    assert [case for case in cases if not case.right] == []
    # Both ends of the range were met: an operation that never began leaves nothing, one that was completed stays.
    assert all(case.booked == 0 for case in cases if case.op == 1 and case.torn == "nothing")
    assert any(case.booked == 1 for case in cases)


@pytest.mark.timeout(100)
def test_a_cut_after_the_approval_was_shown_leaves_the_sale_booked_once():
    case = sweep.try_cut(sweep.count_ops() + 50, Torn.NOTHING)
    assert case.approval_shown
    assert not case.fired
    assert case.booked == 1
    assert case.right
