"""Power cut at flash operations of loading and taking files, on the whole terminal: the old or the new is in force.

The default takes some operations, clean and torn; the long form (VAFA_POWER=long, `make power`) takes all.
"""

import os
import re

import pytest

from tools.sim.chips.nor import Torn
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start

LONG = os.environ.get("VAFA_POWER") == "long"
WAYS = tuple(Torn) if LONG else (Torn.RANDOM_BITS,)
EVERY = 1 if LONG else 5
_LIMIT_MS = 200_000


def loaded(stage: Stage) -> tuple[int, int, int]:
    """Versions in force as the console tells: config, rules, hotlist."""
    before = len(stage.serial())
    stage.console("status")
    found = re.findall(r"loaded from the switch: config (\d+) rules (\d+) hotlist (\d+)", stage.serial()[before:])
    if not found:
        return -1, -1, -1
    config, rules, cards = map(int, found[-1])
    return config, rules, cards


def reconnect(stage: Stage) -> None:
    stage.net(False)
    stage.run(3000)
    stage.net(True)


def ready(board: str, flash: bytes | None = None) -> Stage:
    """A terminal with version 1 of everything in force, and version 2 published."""
    stage = Stage(Start(board=board))
    stage.flash = flash
    stage.open()
    stage.publish("config", {"again_within_s": "61"})
    stage.publish("rules", {"earn_rate": "2"})
    stage.block_card("gold-card", "stolen")
    stage.publish("hotlist", {})
    reconnect(stage)
    assert stage.run_until(lambda: "hotlist 1 is in force" in stage.serial(), _LIMIT_MS), stage.serial()[-300:]
    stage.run(2000)
    assert loaded(stage) == (1, 2, 1)
    stage.publish("config", {"again_within_s": "62"})
    stage.switch.ledger.programme = stage.switch.ledger.programme.__class__(version=2, earn_rate=2)
    stage.publish("rules", {"earn_rate": "3"})
    stage.publish("hotlist", {})
    stage.run(2000)
    return stage


def everything(stage: Stage) -> bool:
    return "hotlist 2 is in force" in stage.serial()


def operations(board: str) -> int:
    """Flash operations from the reconnection until all is taken."""
    stage = ready(board)
    try:
        first = stage.terminal.nor.ops
        reconnect(stage)
        assert stage.run_until(lambda: everything(stage), _LIMIT_MS)
        return stage.terminal.nor.ops - first
    finally:
        stage.close()


def cut(board: str, operation: int, torn: Torn) -> tuple[int, int, int]:
    """What is in force after a cut there and a start without the switch; then it has to become the new."""
    stage = ready(board)
    try:
        stage.terminal.cut_at_flash_op(operation, torn)
        reconnect(stage)
        assert stage.run_until(lambda: not stage.powered(), _LIMIT_MS)
        stage.net(False)
        stage.power_on()
        assert stage.run_until(lambda: "READY" in stage.screen_lines(), 30_000), stage.screen_lines()
        found = loaded(stage)
        stage.net(True)
        assert stage.run_until(lambda: "ONLINE" in stage.screen_lines(), _LIMIT_MS)
        assert stage.run_until(lambda: loaded(stage) == (2, 3, 2), _LIMIT_MS), (loaded(stage), stage.serial()[-500:])
        return found
    finally:
        stage.close()


@pytest.mark.timeout(3600 if LONG else 600)
@pytest.mark.parametrize("board", ["s3", "pico"] if LONG else ["s3"])
def test_at_a_cut_the_old_or_the_new_files_are_in_force_and_the_new_follow(board):
    count = operations(board)
    assert count >= 12  # three files, each written, synced and renamed
    seen = set()
    for operation in range(1, count + 1, EVERY):
        for torn in WAYS:
            config, rules, cards = cut(board, operation, torn)
            assert config in (1, 2), operation
            assert rules in (2, 3), operation
            assert cards in (1, 2), operation
            seen.add((config, rules, cards))
    assert (1, 2, 1) in seen
    assert len(seen) > 1
