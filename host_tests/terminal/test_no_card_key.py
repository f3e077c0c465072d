"""A terminal that holds no card key: AES cards that prove themselves to the switch pay, others count by their UID."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tools.sim import demo
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A stage at its idle screen, with `aes_way` sun."""
    keys = {name: value for name, value in demo.keys().items() if name != "card_group"}
    monkeypatch.setattr(demo, "keys", lambda: keys)
    stage = Stage(Start())
    try:
        stage.open()
        yield stage
    finally:
        stage.close()


def shown(stage: Stage, text: str) -> None:
    def said() -> bool:
        return stage.drawn() and text in " ".join(stage.screen_lines())

    assert stage.run_until(said, 5000), stage.screen_lines()


def sell(stage: Stage, card: str) -> None:
    """20,000 rial: 20 points."""
    for key in (*"20000", "OK"):
        stage.press(key)
    stage.lay(card)
    shown(stage, "EARNED")
    stage.remove(card)
    stage.press("OK")
    shown(stage, "READY")


def lay_to_redeem(stage: Stage, card: str, expected: str) -> None:
    stage.press("REDEEM")
    stage.lay(card)
    shown(stage, expected)
    stage.remove(card)


def test_without_a_card_key_an_aes_card_earns_and_pays_and_a_classic_only_earns(shop: Stage) -> None:
    sell(shop, "aes-card")
    assert shop.ledger()["maryam"] == 820
    lay_to_redeem(shop, "aes-card", "HOW MANY POINTS")
    shop.press("OK")
    shown(shop, "USE POINTS?")
    shop.run(400)
    shop.press("OK")
    shown(shop, "USED")
    shop.run(2000)  # printed
    assert shop.ledger()["maryam"] == 320
    shop.press("OK")
    shown(shop, "READY")

    ali = shop.ledger()["ali"]
    sell(shop, "gold-card")
    assert shop.ledger()["ali"] == ali + 20
    lay_to_redeem(shop, "gold-card", "Card only earns")
    shop.press("CANCEL")
    shown(shop, "READY")
    assert shop.ledger()["ali"] == ali + 20
