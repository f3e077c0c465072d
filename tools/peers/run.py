"""`python -m tools.peers.run NAME`: one foreign driver on the modelled chip; a line of JSON for each clock rate.

The driver is imported as installed. What it finds instead of its computer is put before the import: `spidev` and
`RPi.GPIO` on the path, and `time` and `threading` for the moment of the import, so that its pauses take simulated time.
"""

from __future__ import annotations

import importlib
import json
import logging
import sys
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from tools.peers import FOLDER
from tools.peers.adapters import PACKAGES, Adapter, Misread, PiRc522
from tools.peers.rig import Rig, SimulatedThreading, SimulatedTime
from tools.sim.cards import Classic1k, Ntag, make_card

# The clock all three set when nobody says otherwise, and the chip's highest (MFRC522 section 8.1.2).
SPI_HZ = (1_000_000, 10_000_000)
UID, OTHER_UID, LONG_UID = "9C599B32", "5D0C7A11", "04A1B2C3D4E5F6"
BLOCK = 4
KEY = [0xFF] * 6
BLOCK_CONTENT = bytes(range(0x30, 0x40))

T = TypeVar("T")


def main(name: str) -> None:
    """Run one driver and print what came of it."""
    logging.disable(logging.CRITICAL)  # they report an empty field as an error
    package = load(name)
    version = distribution(name).version
    for spi_hz in SPI_HZ:
        run = _Run(package, PACKAGES[name][1], spi_hz)
        print(json.dumps({"name": name, "version": version, "spi_hz": spi_hz, **run.result()}))


def load(name: str) -> ModuleType:
    """The driver's package, unmodified."""
    sys.path[:0] = [str(FOLDER / name), str(Path(__file__).with_name("shims"))]
    before = {module: sys.modules.get(module) for module in ("time", "threading")}
    stand_ins: dict[str, Any] = {"time": SimulatedTime, "threading": SimulatedThreading}
    sys.modules.update(stand_ins)
    try:
        return importlib.import_module(PACKAGES[name][0])
    finally:
        sys.modules.update({module: real for module, real in before.items() if real is not None})


class _Run:
    """One driver, one rig, one clock rate."""

    def __init__(self, package: ModuleType, adapter: type[Adapter], spi_hz: int) -> None:
        self.rig = Rig.current = Rig()
        self.driver = adapter(package, spi_hz)
        self.costs: dict[str, tuple[int, int, int]] = {}

    def result(self) -> dict[str, Any]:
        """Everything that is asked of a driver, in the order in which a shop would."""
        assert not self._costing("empty_poll", self.driver.detect)
        card = make_card("classic", UID)
        assert isinstance(card, Classic1k)
        for block in range(BLOCK, BLOCK + 3):
            card.set_block(block, BLOCK_CONTENT)
        uid, block = self._tap(card)
        self.rig.field.clear()
        written = self._write()
        refused = self._refused_and_again()
        two_cards = self._two_cards()
        long_uid = waited_us = None
        if isinstance(self.driver, PiRc522):
            long_uid = self._long_uid(self.driver)
            waited_us = self._wait(self.driver)
        return {
            "uid": bytes(uid[:4]).hex().upper(),
            "block": bytes(block).hex(),
            "written": written,
            "refused": refused,
            "two_cards": two_cards,
            "long_uid": long_uid,
            "waited_us": waited_us,
            "costs": self.costs,
        }

    def _lay(self, card: Any) -> None:
        self.rig.field.lay(card)
        self.rig.clock.advance(6_000)  # a card is ready after 5 ms (ISO 14443-3)

    def _tap(self, card: Any) -> tuple[list[int], list[int]]:
        self._lay(card)
        driver = self.driver
        assert self._costing("request", driver.detect)
        uid = self._costing("anticollision", driver.uid)
        self._costing("select", lambda: driver.select(uid))
        self._costing("authenticate", lambda: driver.authenticate(uid, BLOCK, KEY))
        block = self._costing("read", lambda: driver.read(BLOCK))
        self._costing("read4", lambda: [driver.read(BLOCK + i) for i in range(4)])
        driver.stop()
        return uid, block

    def _opened(self, key: list[int]) -> None:
        """A card that lies there, found and authenticated once more."""
        assert self.driver.detect()
        uid = self.driver.uid()
        self.driver.select(uid)
        self.driver.authenticate(uid, BLOCK, key)

    def _write(self) -> str:
        """What stands in a card's block afterwards; on the way the card acknowledges twice with four bits."""
        card = make_card("classic", UID)
        assert isinstance(card, Classic1k)
        self._lay(card)
        self._opened(KEY)
        self.driver.write(BLOCK, list(BLOCK_CONTENT))
        self.driver.stop()
        self.rig.field.clear()
        return card.block(BLOCK).hex()

    def _refused_and_again(self) -> bool:
        """Whether a wrong key gives no data, and the right one is taken by the same card afterwards.

        mfrc522-python calls the refused authentication a success; the read then shows what it was.
        """
        self._lay(make_card("classic", UID))
        try:
            self._opened([0] * 6)
            self.driver.read(BLOCK)
        except Misread:
            self.driver.stop()
            self._opened(KEY)
            self.driver.read(BLOCK)
            self.driver.stop()
            return True
        finally:
            self.rig.field.clear()
        return False

    def _two_cards(self) -> bool:
        """Whether two cards at once are an error, and no UID."""
        for uid in (UID, OTHER_UID):
            self._lay(make_card("classic", uid))
        try:
            assert self.driver.detect()  # both answer the same
            self.driver.uid()
        except Misread:
            return True
        finally:
            self.rig.field.clear()
        return False

    def _long_uid(self, driver: PiRc522) -> str:
        card = make_card("ntag213", LONG_UID)
        assert isinstance(card, Ntag)
        self._lay(card)
        uid = self._costing("whole_uid", driver.whole_uid)
        self.rig.field.clear()
        return bytes(uid).hex().upper()

    def _wait(self, driver: PiRc522) -> int:
        """How long after a card came the interrupt line told."""
        came_us: list[int] = []

        def come() -> None:
            came_us.append(self.rig.clock.now_us)
            card = make_card("classic", UID)
            card.start_up_us = 100  # the driver asks as soon as the field is on
            self.rig.field.lay(card)

        self.rig.clock.after(250_000, come)
        driver.wait_for_tag(2)
        return self.rig.clock.now_us - came_us[0]

    def _costing(self, key: str, step: Callable[[], T]) -> T:
        rig = self.rig
        rig.air.clear()
        transactions, began_us = rig.transactions, rig.clock.now_us
        value = step()
        self.costs[key] = (rig.transactions - transactions, rig.clock.now_us - began_us, rig.air.us)
        return value


if __name__ == "__main__":
    main(sys.argv[1])
