"""A journal whose flash takes nothing any more: the cashier is told, nothing is booked, and the terminal stays up."""

from __future__ import annotations

import pytest

from tools.sim.chips.nor import BLOCK
from tools.sim.layout import LAYOUTS
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start


# Each sale tries sixteen sectors; a Pico has 32, and when all are given up that is no memory that fills.
@pytest.mark.parametrize(("board", "fault", "sales"), [("s3", "silent", 2), ("s3", "raises", 2), ("pico", "silent", 4)])
def test_a_dead_flash_is_told_before_the_watchdog_bites(board: str, fault: str, sales: int) -> None:
    stage = Stage(Start(board=board, settings={"language": "en"}))
    try:
        stage.open()
        start, size = LAYOUTS[board].partitions["txlog"]
        stage.terminal.nor.bad_blocks = dict.fromkeys(range(start // BLOCK, (start + size) // BLOCK), fault)
        booked = stage.ledger()
        for _ in range(sales):
            for key in ("5", "0", "000", "OK"):
                stage.press(key)
            stage.lay("gold-card")
            told = stage.run_until(lambda: "Memory fault" in " ".join(stage.screen_lines()), 6000)
            assert told, (stage.screen_lines(), stage.serial()[-1500:])
            stage.remove("gold-card")
            stage.press("CANCEL")
            stage.run(3000)
        assert stage.terminal.starts == 1
        assert stage.ledger() == booked and stage.journal()["pending"] == 0
    finally:
        stage.close()
