"""A program on trial that fails on the whole terminal: the one before comes back by itself, with every record."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from firmware import version
from host_tests.terminal.test_update_power import SOON, partly_loaded
from host_tests.terminal.update_programs import VERSION, program
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start
from tools.sim.sweep_scenes import used_flash

RAISES = (
    "firmware/app.py",
    '    """Sell until the power goes."""\n',
    '    """Sell until the power goes."""\n    raise ValueError("broken")\n',
)
HANGS = (
    "firmware/service/housekeeping.py",
    "            self.uptime.seconds()  # often enough\n",
    "            self.uptime.seconds()\n            while self.uptime.seconds() > 5:\n"
    "                __import__('time').sleep_ms(1000)\n",
)


def begun(*changes: tuple[str, str, str]) -> Stage:
    """A terminal that restarts into such a program."""
    content = program(changes=(SOON, *changes))
    stage = Stage(Start())
    stage.flash = partly_loaded(used_flash("s3"), content)
    stage.set_up()
    stage.switch.ledger.publish_program(content, "", stage.now_utc())
    stage.power_on()
    assert stage.run_until(lambda: "its trial begins" in stage.serial(), 400_000), stage.serial()[-500:]
    return stage


def runs(stage: Stage, what: str) -> bool:
    return f"Vafa {what} on s3" in stage.serial().rsplit("its trial begins", 1)[-1]


@pytest.fixture
def stages() -> Iterator[list[Stage]]:
    made: list[Stage] = []
    yield made
    for stage in made:
        stage.close()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("fault", [RAISES, HANGS], ids=["raises", "hangs"])
def test_a_program_that_does_not_come_up_uses_its_starts_and_the_one_before_sells(
    stages: list[Stage], fault: tuple[str, str, str]
) -> None:
    stages.append(stage := begun(fault))
    assert stage.run_until(lambda: "U28" in stage.serial(), 300_000), stage.serial()[-800:]
    assert stage.run_until(lambda: "ONLINE" in stage.screen_lines(), 60_000), stage.screen_lines()
    assert runs(stage, version.VERSION)
    assert stage.serial().count(f"Vafa {VERSION} on s3") == (3 if fault is HANGS else 0)
    loaded = stage.serial().count("its trial begins")
    stage.run(20_000)
    assert stage.serial().count("its trial begins") == loaded, "it is not loaded again"


@pytest.mark.timeout(600)
def test_without_the_line_a_sale_lets_it_stay_and_nothing_else_does(stages: list[Stage]) -> None:
    stages.append(stage := begun())
    stage.net(False)
    assert stage.run_until(lambda: runs(stage, VERSION), 60_000), stage.serial()[-500:]
    stage.run(70_000)
    assert "passed its trial" not in stage.serial()
    for key in ("5", "000", "OK"):
        stage.press(key)
    stage.lay("gold-card")
    assert stage.run_until(lambda: "SAVED" in stage.screen_lines(), 30_000), stage.screen_lines()
    stage.remove(None)
    stage.press("OK")
    assert stage.run_until(lambda: "passed its trial" in stage.serial(), 120_000), stage.serial()[-500:]
