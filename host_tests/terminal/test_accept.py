"""The acceptance of a board as its user gives it: a terminal that sells, its prompt, cards laid on, and a report."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from host_tests.terminal import beside
from tools.sim.cards import make_card
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start

ROOT = Path(__file__).resolve().parents[2]
CARDS = (("ntag213", "04A1B2C3D4E5F6"), ("ntag213", "04A1F2C3D4E5F7"))
AFTER = ("erase_us", "nibble_is_crc_error")  # the facts after which each card is laid on


def test_a_terminal_is_measured_and_the_report_names_the_switches_of_its_chip(tmp_path: Path) -> None:
    stage = Stage(Start())
    try:
        stage.open()
        chip = stage.terminal.board.rc522
        chip.strips_crc, chip.nibble_is_crc_error, chip.collision_base = False, False, "frame"
        said = tmp_path / "said"
        with said.open("w") as out:
            command = [sys.executable, "-m", "tools.device", "accept", stage.terminal.serial_path, "--yes", "--json"]
            process = subprocess.Popen(
                [*command, "--out", str(tmp_path)], cwd=ROOT, stdout=out, stderr=subprocess.PIPE, text=True
            )
            field, laid = stage.terminal.board.field, list[str]()

            def live() -> None:
                stage.run(beside.SLICE_MS)
                if len(laid) < len(CARDS) and f'"{AFTER[len(laid)]}"' in said.read_text():
                    laid.append(AFTER[len(laid)])
                    field.lay(make_card(*CARDS[len(laid) - 1]))

            beside.live_beside(process, live, lambda: (said.read_text(), stage.serial()[-1000:]))
        _, told = process.communicate()
        assert process.returncode == 0, told
        events = [json.loads(line) for line in said.read_text().splitlines()]
        found = events[-1]["switches"]
        assert (found["strips_crc"], found["nibble_is_crc_error"], found["collision_base"]) == (False, False, "frame")
        facts = json.loads(Path(events[-1]["report"]).with_suffix(".json").read_text())["facts"]
        assert facts["flash_blank"] == "1" and 40_000 < int(facts["erase_us"]) < 60_000
        assert int(facts["boot_ms"]) > 0 and int(facts["heap_free"]) > 0
        assert "**other than assumed**" in Path(events[-1]["report"]).read_text()
        assert "04A1" not in said.read_text().upper(), "no card is told"
        assert stage.run_until(lambda: any("READY" in line for line in stage.screen_lines()), 30_000), "it sells again"
    finally:
        stage.close()
