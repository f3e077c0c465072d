"""One seed, one run: the world is played, the invariants are asked. The same seed gives the same bytes of log."""

from __future__ import annotations

import hashlib
import traceback
from collections import Counter
from dataclasses import dataclass

from tools.soak import timeline
from tools.soak.invariants import INVARIANTS, End
from tools.soak.world import World

DAYS, STORIES = 2, 10


@dataclass(frozen=True)
class Result:
    """What came of a seed. `digest` is of the whole log; `lines` are empty unless asked for."""

    seed: int
    problems: tuple[str, ...]
    counts: Counter[str]
    digest: str
    virtual_s: float
    lines: tuple[str, ...]


def run_seed(seed: int, days: int, stories: int, *, keep_lines: bool = False) -> Result:
    """Play one seed."""
    clock = timeline.Timeline()
    problems: list[str] = []
    world: list[World] = []

    async def play() -> None:
        world.append(World(seed, days, stories, clock))
        await world[0].run()

    try:
        timeline.run(clock, play())
    except Exception as error:  # noqa: BLE001 (whatever breaks a run belongs to its seed)
        problems.append("the run broke: " + "".join(traceback.format_exception(error)[-3:]))
    end = End(world[0].evidence, world[0].switch.ledger, world[0].opening, world[0].drained)
    problems += end.evidence.problems
    for invariant in INVARIANTS:
        problems += [f"{invariant.__name__}: {breach}" for breach in invariant(end)]
    counts = end.evidence.counts
    counts["messages"] = len(end.evidence.sent)
    counts["approvals shown"] = len(end.promised)
    counts["dead letters"] = len(end.evidence.dead)
    counts["reversals that undid"] = len(end.undone)
    counts["figures shown"] = len(end.evidence.figures)
    lines = end.evidence.lines
    digest = hashlib.sha256("\n".join([*lines, *problems]).encode()).hexdigest()
    return Result(seed, tuple(problems), counts, digest, clock.now_us / 1_000_000, tuple(lines) if keep_lines else ())
