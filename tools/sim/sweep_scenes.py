"""What happens at the terminal while the power is cut: each scene is one transaction, from idle to its settlement.

A scene knows which hands play it and how its approval looks on the screen; it judges nothing. Times are simulated
milliseconds, points and rial integers.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

from tools.bench_switch.offers import MONEY
from tools.bench_switch.schema import ACCRUAL, REDEMPTION
from tools.sim import demo, onhost
from tools.sim.chips.nor import BLOCK, Nor, NorPartition
from tools.sim.layout import LAYOUTS
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start

AMOUNT = 77_000
VOUCHER, VOUCHER_WORTH = "1234567897", 23_000
AFTER_MS = 1_500  # of a transaction's own aftermath (housekeeping, receipt) that belongs to the sweep
_STEP_MS = 30_000
_QUIET_MS = 36_000  # longer than housekeeping rests when it found nothing to do
_SETTLE_MS = 240_000
_SLOT = 64  # bytes of the journal that an offline sale takes


class Play:
    """Hands at one stage, which rest when the power is gone. `shown`: the approval was seen on the screen."""

    def __init__(self, stage: Stage, scene: Scene) -> None:
        self.stage = stage
        self.scene = scene
        self.shown = False

    def look(self) -> None:
        """Whether the approval stands on the screen now."""
        lines = self.stage.screen_lines()
        self.shown |= self.scene.big in lines and any(self.scene.words in line for line in lines)

    def keys(self, *keys: str) -> None:
        for key in keys:
            if self.stage.powered():
                self.stage.press(key)

    def until(self, holds: Callable[[], bool], timeout_ms: int = _STEP_MS) -> None:
        """Until that is so, or the power is gone, or there is no hope left."""

        def look() -> bool:
            self.look()
            return not self.stage.powered() or holds()

        self.stage.run_until(look, timeout_ms)

    def reads(self, text: str) -> None:
        self.until(lambda: text in self.stage.screen_lines())

    def until_shown(self) -> None:
        self.until(lambda: self.shown)

    def until_settled(self) -> None:
        self.until(lambda: self.stage.journal()["pending"] == 0, _SETTLE_MS)


def _sell(play: Play) -> None:
    play.keys(*str(AMOUNT), "OK")
    play.stage.lay(play.scene.card)
    play.until_shown()


def _sell_and_rest(play: Play) -> None:
    """Until housekeeping has erased a sector ahead: it waits for a quiet counter."""
    _sell(play)
    play.stage.remove(None)
    play.keys("OK")
    play.until(lambda: False, _QUIET_MS)


def _redeem(play: Play) -> None:
    play.keys("REDEEM")
    play.stage.lay(play.scene.card)
    play.reads("HOW MANY POINTS")
    play.keys("OK")
    play.reads("USE POINTS?")
    play.until(lambda: False, 400)  # OK counts only once a person can have read the question
    play.keys("OK")
    play.until_shown()


def _sell_without_answer(play: Play) -> None:
    play.stage.switch_fault("silent", 1, "0200", "", 0)
    _sell(play)
    play.until_settled()


def _sell_with_voucher(play: Play) -> None:
    """The voucher pays a part and rides in the sale: the two are booked together or not at all."""
    ledger, now_utc = play.stage.switch.ledger, play.stage.now_utc()
    ledger.add_voucher(MONEY, VOUCHER_WORTH, days=30, number=VOUCHER, now_utc=now_utc)
    play.keys("MENU", "8", "1")
    play.reads("10 digits, OK")
    play.keys(*VOUCHER, "OK")
    play.reads("Amount, then OK")
    play.keys(*str(AMOUNT + VOUCHER_WORTH), "OK")
    play.reads("OK yes CANCEL no")
    play.until(lambda: False, 400)
    play.keys("OK")
    play.reads("TAP CARD")
    play.stage.lay(play.scene.card)
    play.until_shown()


@dataclass(frozen=True)
class Scene:
    """`big` and `words` are what the screen shows of the approval; `points` what it moves, `member` whose."""

    name: str
    play: Callable[[Play], None]
    online: bool
    big: str
    words: str
    member: str = "ali"
    card: str = "gold-card"
    verb: str = ACCRUAL
    points: int = AMOUNT // 1000
    full_sector: bool = False  # the journal's open sector has no room left


SCENES = {
    scene.name: scene
    for scene in (
        Scene("offline-sale", _sell, False, "SAVED", "+77"),
        Scene("offline-sale-in-a-new-sector", _sell_and_rest, False, "SAVED", "+77", full_sector=True),
        Scene("online-sale", _sell, True, "EARNED", "+77"),
        Scene("redemption", _redeem, True, "USED", "-500", "sara", "silver-card", REDEMPTION, -500),
        Scene("sale-with-voucher", _sell_with_voucher, True, "EARNED", "+77"),
        Scene("online-sale-without-answer", _sell_without_answer, True, "SAVED", "+77"),
    )
}


@functools.cache
def used_flash(board: str) -> bytes:
    """The flash of a terminal that has signed on once and was switched off in order."""
    stage = Stage(Start(board=board))
    try:
        stage.open()
        stage.run(AFTER_MS)
        stage.cut_now()
        return bytes(stage.terminal.nor.image)
    finally:
        stage.close()


@functools.cache
def full_sector_flash(board: str) -> bytes:
    """The same after so many settled sales, written by the firmware's own journal, that the next opens a sector."""
    onhost.install()
    from firmware.core.types import ACCRUAL, OFFLINE, Transaction
    from firmware.store.journal import Journal
    from firmware.store.seal import Sealer

    layout = LAYOUTS[board]
    start, size = layout.partitions["txlog"]
    flash = bytearray(used_flash(board))
    nor = Nor(size)
    nor.image[:] = flash[start : start + size]
    sealer = Sealer(demo.TMK, demo.TERMINAL_ID.encode())
    journal = Journal(NorPartition(nor, 0, size // BLOCK, layout.page_only), sealer, 1, layout.page_only)
    journal.open()
    while (room := _room(nor)) >= _SLOT:
        seq = journal.next_seq()  # alone it only brings the next mark nearer
        if room >= 2 * _SLOT:
            journal.append(Transaction(seq, ACCRUAL, OFFLINE, b"\4\3\2\1", 0, 5000, 5, 1_796_000_000, 2))
            journal.settle(seq)
    for sector in range(1, size // BLOCK):  # what interrupted erases left: an erase has something to do
        nor.image[sector * BLOCK + BLOCK // 2 : (sector + 1) * BLOCK] = b"\x5a" * (BLOCK // 2)
    flash[start : start + size] = nor.image
    return bytes(flash)


def _room(nor: Nor) -> int:
    """Bytes left in the first sector, the one in use; a frame begins at a multiple of 16."""
    return BLOCK - (len(bytes(nor.image[:BLOCK]).rstrip(b"\xff")) + 15 & -16)


def flash_for(scene: Scene, board: str) -> bytes:
    """Where the scene begins."""
    return full_sector_flash(board) if scene.full_sector else used_flash(board)
