"""What a story keeps for the gallery is what stands there by then: a receipt of its own, a page not kept before."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tools.sim import scenario_shots as shots
from tools.sim.scenario_parser import ScenarioError, Step


class FakeStage:
    """Paper and a screen that only change while time passes."""

    def __init__(self) -> None:
        self.shots: list[shots.Shot] = []
        self.strips: list[str] = []
        self.coming: list[str] = []
        self.printer = SimpleNamespace(strips=self.strips, receipt_png=lambda _: b"")
        self.terminal = SimpleNamespace(board=SimpleNamespace(printer=self.printer))
        self.shown = [bytes(1024)]

    def run_until(self, held: Any, _within_ms: int) -> bool:
        if held():
            return True
        self.strips += self.coming
        self.coming.clear()
        if len(self.shown) > 1:
            self.shown.pop(0)
        return bool(held())

    def receipts(self) -> list[list[str]]:
        return [[text] for text in self.strips]

    def drawn(self, _quiet_ms: int) -> bool:
        return True

    def screen(self) -> bytes:
        return self.shown[0]

    def screen_lines(self) -> list[str]:
        return [str(self.shown[0][0])]


def keep(stage: FakeStage, what: Any, name: str, **args: str) -> None:
    named = {"NAME": [name], **{key: [value] for key, value in args.items()}}
    what(cast(Any, stage), Step("story.txt", 1, f"shot {name}", "", named, frozenset()))


def test_a_receipt_is_kept_once_and_the_next_one_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shots, "paper_rows", lambda _: (8, (1,)))
    stage = FakeStage()
    with pytest.raises(ScenarioError, match="no receipt"):
        keep(stage, shots.receipt, "none")
    stage.strips.append("sale")
    keep(stage, shots.receipt, "sale")
    with pytest.raises(ScenarioError, match="no receipt"):
        keep(stage, shots.receipt, "again")
    stage.coming.append("void")
    keep(stage, shots.receipt, "void")
    assert [(shot.name, shot.lines) for shot in stage.shots] == [("sale", ("sale",)), ("void", ("void",))]


def test_a_page_that_is_another_pages_picture_is_none() -> None:
    stage = FakeStage()
    keep(stage, shots.shot, "long")
    keep(stage, shots.shot, "long", N="2")
    assert [shot.name for shot in stage.shots] == ["long"]
    stage.shown = [bytes(1024), b"\x01" * 1024]
    keep(stage, shots.shot, "long", N="2")
    assert [shot.name for shot in stage.shots] == ["long", "long-2"]
