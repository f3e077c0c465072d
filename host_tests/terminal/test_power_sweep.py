"""Power cut at every flash operation of a transaction, clean and torn: what was shown is booked once, the rest at most.

The long form (VAFA_POWER=long, `make power`) takes every way an operation can be torn, for every scene and both boards;
the default takes all of them for the offline sale, and three ways for the others.
"""

import os

import pytest

from tools.sim import sweep
from tools.sim.chips.nor import Torn
from tools.sim.sweep_scenes import SCENES

LONG = os.environ.get("VAFA_POWER") == "long"
FEW = (Torn.NOTHING, Torn.DONE, Torn.RANDOM_BITS)
# The first transaction after a start writes one frame more: the promise of the numbers to come.
OPERATIONS = {
    "offline-sale": ["program"] * 2,
    # A header, too; later, when the counter is quiet, that this start went well (/boot.dat), and a sector ahead in
    # place of the one that was opened.
    "offline-sale-in-a-new-sector": ["program"] * 4 + ["erase"],
    "online-sale": ["program"] * 5,  # the member greeted, intent, result, member
    "redemption": ["program"] * 5,  # the balance asked for before, intent, result, member
    "sale-with-voucher": ["program"] * 5,
    "online-sale-without-answer": ["program"]
    * 7,  # the member greeted, intent, reversal, sale; settled together; member
}
# The last ones of a scene that wait for a quiet counter, each for itself: how long the start took decides who is first.
IN_ANY_ORDER = {"offline-sale-in-a-new-sector": 2}
# Right after a start the small board has no erased sector at hand: its cache keeps members in memory until it has.
MEMBERS_WRITTEN = {"online-sale": 2, "redemption": 2, "sale-with-voucher": 2, "online-sale-without-answer": 2}


def operations_of(name: str, board: str) -> list[str]:
    """The kinds of flash operations of a scene."""
    kinds = OPERATIONS[name]
    return kinds if board == "s3" else kinds[: len(kinds) - MEMBERS_WRITTEN.get(name, 0)]


def ordered(name: str, kinds: list[str]) -> list[str]:
    """With those that may come in any order told apart by their kind."""
    fixed = len(kinds) - IN_ANY_ORDER.get(name, 0)
    return kinds[:fixed] + sorted(kinds[fixed:])


@pytest.mark.timeout(1800 if LONG else 600)
@pytest.mark.parametrize("board", ["s3", "pico"] if LONG else ["s3"])
@pytest.mark.parametrize("name", SCENES)
def test_at_every_cut_it_is_booked_once_if_shown_and_at_most_once_otherwise(name, board):
    operations = sweep.operations(SCENES[name], board)
    assert ordered(name, [operation.kind for operation in operations]) == ordered(name, operations_of(name, board))
    torn = tuple(Torn) if LONG or name == "offline-sale" else FEW
    cases = list(sweep.sweep(SCENES[name], operations, board, torn))
    assert len(cases) == sum(len(set(operation.torn) & set(torn)) for operation in operations)
    assert [case for case in cases if not (case.fired and case.right)] == []
    # Both ends of the range were met: an operation that never began leaves nothing, one that was completed stays.
    assert cases[0].booked == 0
    assert any(case.booked == 1 for case in cases)


@pytest.mark.timeout(600)
def test_a_cut_after_the_approval_was_shown_leaves_the_sale_booked_once():
    case = sweep.try_cut(SCENES["offline-sale"], 50, Torn.NOTHING)
    assert case.shown
    assert not case.fired
    assert case.booked == 1
    assert case.right
