"""A card of ISO 14443-4 that carries an application layer: hands it APDUs, tells it what is torn, keeps its time."""

from __future__ import annotations

from typing import Generic, TypeVar

from tools.sim.cards.aes_files import AesApp
from tools.sim.cards.frames import Answer
from tools.sim.cards.iso_dep import IsoDepCard

App = TypeVar("App", bound=AesApp)


class AesCard(IsoDepCard, Generic[App]):
    """`app` is the application layer. `work_us` comes on top of what the commands take."""

    def __init__(self, uid: bytes, app: App) -> None:
        self.app = app
        super().__init__(uid)

    @property
    def atqa(self) -> bytes:
        """03h in the high byte, as NTAG 424 DNA and DESFire send it."""
        return bytes([super().atqa[0], 0x03])

    def apdu(self, command: bytes) -> bytes:
        """Run a command."""
        self.app.torn = self.torn
        return self.app.apdu(command)

    def compute_us(self, command: bytes) -> int:
        """As the application layer says."""
        return self.app.time_us(command) + self.work_us

    def end_session(self) -> None:
        """Nothing is authenticated and card level is selected."""
        self.app.reset()

    def forget(self) -> None:
        """Leaving in the middle of a chain tears the write that was coming in."""
        if self._chained:
            self.app.broken_off(bytes(self._chained))
        super().forget()

    def _information(self, pcb: int, data: bytes) -> Answer | None:
        self.app.arrived = len(self._chained)
        return super()._information(pcb, data)
