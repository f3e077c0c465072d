"""docs/provisioning.md: its tables are the firmware's lists, and its commands make a factory-fresh terminal sell."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware.settings import Setting, declared_keys, declared_settings
from host_tests.patience import PATIENCE_S, wait_for
from tools.sim.panel.backend import LiveStage
from tools.sim.scenario_start import Start

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "provisioning.md").read_text()


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def number(value: int) -> str:
    return f"{value:,}" if value > 65535 else str(value)


def as_told(setting: Setting) -> tuple[str, str, str]:
    """Name, range and default as the page writes them."""
    low, high = number(setting.low), number(setting.high)
    allowed = "true, false" if setting.kind == "bool" else low if low == high else f"{low}..{high}"
    if setting.kind == "ints":
        fewest, most = setting.count
        allowed = f"{most} of {allowed}" if fewest == most else f"{fewest}..{most} of {allowed}"
        return setting.name, allowed, " ".join(map(str, setting.default)) or "none"
    if setting.kind == "rewards":
        return setting.name, allowed, str(setting.default or "none")
    if setting.kind == "hex" and setting.default == "":
        allowed = f"0 or {allowed}"
    if setting.default is None:
        return setting.name, allowed, "refused (K01)"
    if isinstance(setting.default, int):
        told = number(setting.default) if setting.kind == "int" else str(setting.default).lower()
        return setting.name, allowed, told
    return setting.name, allowed, str(setting.default) or "empty"


@pytest.mark.parametrize(("title", "declared"), [("settings.json", declared_settings), ("keys.json", declared_keys)])
def test_the_page_tells_every_setting_as_the_firmware_declares_it(
    title: str, declared: Callable[[], tuple[Setting, ...]]
) -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", section(title), re.MULTILINE)
    assert [(name, allowed, default) for name, _, _, allowed, default in rows] == [as_told(s) for s in declared()]
    units = {"text": ("characters",), "hex": ("bytes, in hex",), "bool": ("yes or no",), "rewards": ("rewards",)}
    units["ints"] = ("percent", "numbers", "minor units")
    numbers = ("number", "minor units", "points", "seconds", "hours", "sales", "percent", "visits", "days", "years")
    numbers += ("bits a second", "millimetres", "copies")
    for (_, _, unit, _, _), setting in zip(rows, declared(), strict=True):
        assert unit in units.get(setting.kind, numbers)


def commands(title: str) -> list[str]:
    blocks = re.findall(r"^```\n(.*?)^```$", section(title), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def follow(title: str, path: str, folder: Path) -> list[str]:
    """Type the page's commands, the files in another folder; what they printed."""
    said = []
    for line in commands(title):
        if line == "maintenance":
            continue
        typed = line.replace("PORT", path).replace("build/config", str(folder))
        done = subprocess.run(
            shlex.split(typed),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, (typed, done)
        said.append(done.stdout)
    return said


def shown(stage: LiveStage, text: str) -> None:
    wait_for(
        lambda: any(text in line for line in stage.backend.state()["lines"]), lambda: stage.backend.state()["lines"]
    )


@pytest.mark.timeout(600)
def test_the_pages_commands_provision_a_fresh_terminal_and_change_it_later(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    stage = LiveStage(Start(provisioned=False))
    try:
        stage.open()
        shown(stage, "Not provisioned")
        path = stage.terminal.serial_path
        said = follow("Putting them into the terminal", path, folder)
        assert all(name in said[2] for name in ("ca.der", "keys.json", "settings.json")), said
        shown(stage, "ONLINE")
        assert "maintenance" in commands("Changing them later")
        assert stage.live is not None
        changed = (folder / "settings.json").read_text().replace('"language"', '"merchant_name": "ANOTHER", "language"')
        (folder / "settings.json").write_text(changed)
        stage.live.post(lambda terminal: terminal.serial_type("maintenance\r"))
        shown(stage, "Maintenance")
        follow("Changing them later", path, folder)
        shown(stage, "ONLINE")
    finally:
        stage.close()
