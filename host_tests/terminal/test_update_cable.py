"""`python -m tools.device update` on a selling terminal: judged, brought over in parts, installed, tried, confirmed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tests.terminal.test_export_and_wipe import tool
from host_tests.terminal.update_programs import BUILD, VERSION, program
from tools.release.program import HEAD
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start

pytestmark = pytest.mark.timeout(600)  # long, and a busy machine takes its time


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage(Start())
    try:
        made.open()
        yield made
    finally:
        made.close()


def test_an_update_over_the_cable_runs_on_trial_and_a_forged_one_changes_nothing(stage: Stage, tmp_path: Path) -> None:
    content = program()
    forged = bytearray(content)
    forged[HEAD - 1300] ^= 1
    (tmp_path / "forged.vfu").write_bytes(forged)
    (tmp_path / "next.vfu").write_bytes(content)
    port = str(stage.terminal.serial_path)
    code, _, told = tool(stage, "update", str(tmp_path / "forged.vfu"), "--port", port, "--yes")
    assert code == 5, told
    assert "D96" in told and ("U20" in told or "U21" in told)
    assert stage.run_until(lambda: "READY" in stage.screen_lines(), 60_000), "it sells again"
    code, events, told = tool(stage, "update", str(tmp_path / "next.vfu"), "--port", port, "--yes")
    assert code == 0, told
    result = events[-1]
    assert (result["event"], result["running"], result["build"]) == ("result", VERSION, BUILD)
    assert stage.run_until(lambda: "passed its trial" in stage.serial(), 900_000), stage.serial()[-500:]
