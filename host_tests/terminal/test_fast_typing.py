"""No key of a fast hand is lost or changes places with its neighbour, whatever the terminal does meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tools.bench import typing_costs
from tools.bench.typing_costs import Typed


@pytest.mark.parametrize(
    ("play", "works"),
    [
        (lambda: typing_costs.quiet(3), False),
        (lambda: typing_costs.printing(2), True),
        (lambda: typing_costs.tidying((46, 52)), True),
        (lambda: typing_costs.loading((46,)), True),
    ],
    ids=["quiet", "printing", "tidying", "loading"],
)
def test_eight_keys_in_six_tenths_of_a_second_are_the_amount(play: Callable[[], Typed], works: bool) -> None:
    typed = play()
    assert typed.lost == 0
    assert max(typed.shown_ms) <= 200
    assert (typed.work > 0) == works, "it was typed while that was done"
