"""Training on the whole terminal: not one byte to the link, not one flash operation, whatever is tried."""

from __future__ import annotations

from tools.sim import scenario_stage
from tools.sim.scenario_start import Start


def test_training_sends_no_byte_and_writes_no_flash():
    stage = scenario_stage.Stage(Start())
    try:
        stage.open()
        network, nor = stage.terminal.network, stage.terminal.nor

        def shows(text: str) -> None:
            assert stage.run_until(lambda: stage.drawn() and text in " ".join(stage.screen_lines()), 20_000), (
                text,
                stage.screen_lines(),
            )
            stage.run(400)

        def keys(*names: str) -> None:
            for name in names:
                stage.press(name)

        shows("READY")
        stage.run(3000)
        keys("MENU", "9")
        shows("3 Training")
        keys("3")
        shows("Nothing counts")
        sent, written, messages = network.bytes_sent, (nor.ops, bytes(nor.image)), len(stage.switch.log.entries())
        field = stage.terminal.board.field
        card = stage.cards["aes-card"]
        for way in (("SALE", "5", "000", "OK"), ("REDEEM",), ("BALANCE",)):
            keys(*way)
            shows("TAP CARD")
            field.lay(card)
            if way[0] == "REDEEM":
                shows("of 5,005")
                keys("OK")
                shows("OK yes")
                keys("OK")
            shows({"SALE": "EARNED", "REDEEM": "USED", "BALANCE": "confirmed"}[way[0]])
            field.remove(card)
            keys("OK")
            shows("Nothing counts")
        assert network.bytes_sent == sent
        assert (nor.ops, bytes(nor.image)) == written
        assert len(stage.switch.log.entries()) == messages
        keys("MENU", "9")
        shows("READY")
        keys("5", "000", "OK")
        shows("TAP CARD")
        field.lay(card)
        shows("EARNED")
        assert network.bytes_sent > sent
        assert nor.ops > written[0]
    finally:
        stage.close()
