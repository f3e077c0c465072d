"""An end of story and the keys: what was pressed before it stood there is gone, what was pressed since ends it."""

from __future__ import annotations

import pytest

from firmware.screen import keys as key
from firmware.screen.keys import Keys
from firmware.screen.lines import BIG, HINT
from firmware.screen.panel import Panel, Times
from firmware.screen.signals import Signals
from firmware.text import catalogue
from host_tests.unit.cashier_kit import World
from tools.sim import onhost

LINES, OTHER = [(BIG, "EARNED"), (HINT, "OK: next")], [(BIG, "REFUSED"), (HINT, "OK: next")]


@pytest.mark.parametrize(
    ("asked", "since", "ends_with"),
    [(LINES, key.SALE, key.SALE), (LINES, key.OK, key.NO_KEY), (OTHER, key.SALE, key.NO_KEY)],
    ids=["a key since then", "OK since then", "another end than was told"],
)
def test_a_key_pressed_while_the_receipt_is_made_up_is_meant_for_what_stands_there(
    asked: list[tuple[int, str]], since: int, ends_with: int
) -> None:
    world = World()

    async def story() -> None:
        keys = Keys(world.keypad)  # type: ignore[arg-type]
        signals = Signals(world.sounder, world.lamps)
        times = Times(60_000, 30_000, 20_000)
        panel = Panel(world.canvas, keys, world.reader, signals, catalogue.load("en"), times, world.log)  # type: ignore[arg-type]
        keys.give_back(key.REDEEM)
        panel.tell(LINES)
        assert keys.take() == key.NO_KEY, "meant for what stood there before"
        keys.give_back(since)
        assert await panel.acknowledge(asked) == ends_with

    onhost.run_virtual(story())
