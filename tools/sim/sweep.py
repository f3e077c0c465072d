"""Cuts the power at every flash operation of a transaction, in every way an operation can be torn, and looks.

For each cut: was the approval on the screen or on paper, does the restarted terminal settle everything, does it sell
again, and how often is the transaction at the switch? Exactly once if its approval had been shown, at most once
otherwise. Knows the scenario stage and the scenes only. Times are simulated milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tools.bench_switch.schema import APPROVED
from tools.sim.chips.nor import BLOCK, Nor, PowerCut, Torn
from tools.sim.scenario_expect import receipt_points
from tools.sim.scenario_journal import journal_copy
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start
from tools.sim.sweep_scenes import AFTER_MS, Play, Scene, flash_for

_BOOT_MS = 30_000
_SETTLE_MS = 240_000
_AGAIN, _AGAIN_POINTS, _AGAIN_CARD, _AGAIN_MEMBER = "5000", 5, "bronze-card", "reza"
_OUTCOMES = ("READY", "SAVED", "EARNED", "USED", "NOT DONE", "NOT USED", "CHECKING")


@dataclass(frozen=True)
class Operation:
    """One flash operation of a scene, and the ways of tearing it that leave different bytes."""

    number: int
    kind: str  # program or erase
    torn: tuple[Torn, ...]


@dataclass(frozen=True)
class Case:
    """What one cut led to. `fired` is False when the scene had fewer operations than `op`."""

    scene: str
    op: int
    torn: str
    fired: bool
    shown: bool
    booked: int
    problems: tuple[str, ...]

    @property
    def right(self) -> bool:
        """The promise of the journal."""
        wanted = (1,) if self.shown else (0, 1)
        return self.booked in wanted and not self.problems


def _ready(scene: Scene, board: str) -> Play:
    """A stage at rest: its terminal was switched on, nothing waits."""
    stage = Stage(Start(board=board))
    stage.flash = flash_for(scene, board)
    stage.set_up()
    stage.net(scene.online)
    stage.power_on()
    wanted = "ONLINE" if scene.online else "OFFLINE"
    if not stage.run_until(lambda: wanted in stage.screen_lines(), _BOOT_MS):
        stage.close()
        raise RuntimeError(f"the terminal did not get ready: {stage.screen_lines()}")
    stage.run(AFTER_MS)  # housekeeping comes to rest
    return Play(stage, scene)


def operations(scene: Scene, board: str = "s3") -> list[Operation]:
    """The scene without a cut: its flash operations and those of its aftermath."""
    play = _ready(scene, board)
    nor = play.stage.terminal.nor
    found: list[Operation] = []
    first = nor.ops

    def note(kind: str, where: int, data: bytes) -> None:
        found.append(Operation(nor.ops - first + 1, kind, _distinct(nor, kind, where, data)))

    try:
        nor.before_op = note
        _play_out(play)
        if not play.shown:
            raise RuntimeError(f"{scene.name}: no approval; the screen shows {play.stage.screen_lines()}")
        return found
    finally:
        play.stage.close()


def _play_out(play: Play) -> None:
    play.scene.play(play)
    play.until(lambda: False, AFTER_MS)


def _distinct(nor: Nor, kind: str, where: int, data: bytes) -> tuple[Torn, ...]:
    """The ways of tearing this operation that differ in what they leave."""
    start = where * BLOCK if kind == "erase" else where // BLOCK * BLOCK
    left: dict[bytes, Torn] = {}
    for torn in Torn:
        copy = Nor(min(2 * BLOCK, nor.size - start), seed=nor.seed)
        copy.image[:] = nor.image[start : start + copy.size]
        copy.ops = nor.ops
        copy.cut_at(1, torn)
        try:
            if kind == "erase":
                copy.erase(0)
            else:
                copy.program(where - start, data)
        except PowerCut:
            left.setdefault(bytes(copy.image), torn)
    return tuple(left.values())


def try_cut(scene: Scene, op: int, torn: Torn, board: str = "s3") -> Case:
    """One scene, cut at its `op`-th flash operation."""
    play = _ready(scene, board)
    stage = play.stage
    try:
        stage.terminal.cut_at_flash_op(op, torn)
        stage.terminal.nor.before_op = lambda *_op: play.look()  # a cut leaves the screen dark
        _play_out(play)
        fired = not stage.powered()
        stage.terminal.nor.before_op = None
        problems = list(_restart(play))
        stage.run(500)
        booked = _booked(play)
        problems += _problems(play, booked)
        return Case(scene.name, op, torn.value, fired, play.shown or _printed(play), booked, tuple(problems))
    finally:
        stage.close()


def _restart(play: Play) -> Iterator[str]:
    """Power again, later the network; everything settles, and the terminal sells."""
    stage = play.stage
    stage.cut_now()
    stage.switch_normal()
    stage.remove(None)
    stage.run(500)
    stage.power_on()
    play.until(lambda: any(word in stage.screen_lines() for word in _OUTCOMES), _BOOT_MS)
    stage.net(True)
    if not stage.run_until(lambda: "ONLINE" in _idle(stage) and stage.journal()["pending"] == 0, _SETTLE_MS):
        yield f"not settled: {stage.journal()}, {stage.screen_lines()}"
    play.keys(*_AGAIN, "OK")
    stage.lay(_AGAIN_CARD)
    if not stage.run_until(lambda: "EARNED" in stage.screen_lines(), _BOOT_MS):
        yield f"does not sell again: {stage.screen_lines()}"


def _idle(stage: Stage) -> list[str]:
    """The screen, after the outcome that stands on it was acknowledged."""
    lines = stage.screen_lines()
    if any(word in lines for word in _OUTCOMES[1:]):
        stage.press("OK")
    return lines


def _booked(play: Play) -> int:
    """How often the switch holds the transaction, what was undone not counted."""
    rows = play.stage.switch.ledger.transactions()
    undone = {row.original_id for row in rows if row.rc == APPROVED}
    amount = abs(play.scene.points)
    return sum(
        1
        for row in rows
        if row.verb == play.scene.verb and abs(row.points) == amount and row.rc == APPROVED and row.id not in undone
    )


def _printed(play: Play) -> bool:
    cards = {card.uid.hex().upper(): card.member or name for name, card in play.stage.start.cards.items()}
    return play.scene.member in receipt_points(play.stage.receipts(), cards)


def _problems(play: Play, booked: int) -> Iterator[str]:
    stage, scene = play.stage, play.scene
    journal = journal_copy(stage.terminal.nor, stage.terminal)
    if journal.dead_count() or list(journal.unanswered()):
        yield f"{journal.dead_count()} dead letters, {len(list(journal.unanswered()))} without an answer"
    yield from stage.ledger_problems()
    moved = {name: now - stage.start.members[name].points for name, now in stage.ledger().items()}
    if moved[scene.member] != booked * scene.points:
        yield f"{scene.member} has {moved[scene.member]} points more for {booked} bookings"
    if moved[_AGAIN_MEMBER] != _AGAIN_POINTS:
        yield f"the sale after the restart moved {moved[_AGAIN_MEMBER]} points"


def sweep(
    scene: Scene, found: list[Operation], board: str = "s3", torn: tuple[Torn, ...] = tuple(Torn)
) -> Iterator[Case]:
    """Every one of the `operations` found, torn in each of these ways that leaves bytes of its own."""
    for operation in found:
        for model in operation.torn:
            if model in torn:
                yield try_cut(scene, operation.number, model, board)
