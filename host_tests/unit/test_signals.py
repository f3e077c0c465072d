"""Three patterns of sound and no fourth; each end of a story has its own, in light, too."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from firmware.cashier.teller import Teller
from firmware.core.log import Log
from firmware.core.types import ACCRUAL, REDEMPTION
from firmware.loyalty import outcome as kinds
from firmware.screen import signals as module
from firmware.screen.signals import ALL, REFUSALS, SILENT, Signals
from host_tests.unit.cashier_kit import FakeLamps, FakeSounder
from tools.sim import onhost

DONE, LATER, NOT_DONE = ((1800, 90), (2400, 140)), ((1800, 90), (0, 60)) * 2 + ((1800, 90),), ((400, 450),)
CLICK = ((2400, 12),)


def patterns() -> dict[str, tuple]:
    return {name: value for name, value in vars(module).items() if name.isupper() and isinstance(value, tuple)}


def without_gaps(pattern: tuple) -> list[int]:
    return [hertz for hertz, _ in pattern if hertz]


def test_there_are_three_patterns_and_feedback_when_a_card_is_seen() -> None:
    found = patterns()
    assert (found.pop("_OK"), found.pop("_OFFLINE_OK"), found.pop("_REFUSED")) == (DONE, LATER, NOT_DONE)
    assert found.pop("_CLICK") == CLICK and without_gaps(found.pop("_TWICE")) == without_gaps(CLICK) * 2
    assert without_gaps(found.pop("_LEVEL_UP")) == without_gaps(DONE) * 2
    assert not any(without_gaps(left) for left in found.values())


def heard(play: str, sounds: int = ALL) -> tuple[list[int], str]:
    """Tones of a pattern, and the lamp that is lit when it begins."""
    sounder, lamps = FakeSounder(), FakeLamps()

    async def main() -> str:
        signals = Signals(sounder, lamps)
        signals.sounds = sounds
        task = asyncio.create_task(signals.run(lambda: None))
        getattr(signals, play)()
        lit = lamps.lit
        await asyncio.sleep(3)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert lamps.lit == ""
        return lit

    lit = onhost.run_virtual(main())
    return [hertz for at, hertz in enumerate(sounder.tones) if hertz and sounder.tones[at - 1 : at] != [hertz]], lit


@pytest.mark.parametrize(
    ("play", "lamp"),
    [("ok", "green"), ("offline_ok", "green"), ("refused", "red"), ("click", "green"), ("level_up", "green")],
)
@pytest.mark.parametrize("sounds", [ALL, REFUSALS, SILENT])
def test_a_quiet_terminal_lights_the_same_lamp_and_a_refusal_is_heard_longest(
    play: str, lamp: str, sounds: int
) -> None:
    tones, lit = heard(play, sounds)
    assert lit == lamp
    assert bool(tones) == (sounds == ALL or (sounds == REFUSALS and play == "refused"))


class Ear:
    """Which of the patterns was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __getattr__(self, name: str):
        return lambda: self.asked.append(name)


EXPECTED = {
    (kinds.DONE, False): "ok",
    (kinds.DONE, True): "offline_ok",
    **{(kind, offline): "refused" for kind in (1, 2, 3, 4, 5) for offline in (False, True)},
}


def test_every_kind_of_outcome_is_expected_here() -> None:
    told = {value for name, value in vars(kinds).items() if name.isupper() and not name.startswith("_")}
    assert (
        {kind for kind, _ in EXPECTED}
        == {value for value in told if isinstance(value, int) and 0 <= value <= 5}
        == set(range(6))
    )


@pytest.mark.parametrize(("kind", "offline"), list(EXPECTED))
@pytest.mark.parametrize("verb", [ACCRUAL, REDEMPTION])
def test_each_outcome_has_its_pattern(monkeypatch, kind: int, offline: bool, verb: int) -> None:
    ear, shown = Ear(), []

    async def acknowledge(lines) -> int:
        shown.append(lines)
        return -1

    monkeypatch.setattr("firmware.cashier.teller.outcomes.outcome", lambda text, told: [(1, "SCREEN")])
    monkeypatch.setattr("firmware.cashier.teller.receipt_lines", lambda *_: [])
    panel = SimpleNamespace(text=SimpleNamespace(rtl=False), signals=ear, tell=shown.append, acknowledge=acknowledge)
    spool = SimpleNamespace(fitted=True, code="", form=SimpleNamespace(copies=0), hand=lambda *_: True)
    told = SimpleNamespace(
        kind=kind, offline=offline, verb=verb, rrn="1", code="", by_sms=False, voucher="", new_tier=0
    )
    teller = Teller(panel, spool, None, Log(4))  # type: ignore[arg-type]
    onhost.run_virtual(teller.outcome(told))  # type: ignore[arg-type]
    assert ear.asked == [EXPECTED[kind, offline]]
    assert len(shown) == 2 and shown[0] == shown[1]  # one screen, shown with the sound and then left standing
