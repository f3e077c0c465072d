"""A reader with one card of ISO/IEC 14443-4 before it, and faults at exact places on the air and on the bus."""

from __future__ import annotations

from drivers.iso_dep import IsoDep
from host_tests.chips.reader_bench import ReaderBench
from tools.sim.cards.field import Noise
from tools.sim.cards.iso_dep import IsoDepCard, make_ats

UID = bytes.fromhex("04112233445566")
OK = b"\x90\x00"
FAULTS = ("deaf", "silence", "crc", "parity", "short")


class Echo(IsoDepCard):
    """Answers a command with as many bytes as its first two say, made from the command, and remembers it."""

    def __init__(self, *, raw_ats: bytes | None = None, **ats: int) -> None:
        super().__init__(UID, ats=make_ats(**ats) if raw_ats is None else raw_ats)  # type: ignore[arg-type]
        self.commands: list[bytes] = []

    def apdu(self, command: bytes) -> bytes:
        self.commands.append(command)
        return answer_to(command)


def command_of(size: int, answer_size: int) -> bytes:
    """A command of `size` >= 2 bytes that is answered with `answer_size` >= 2."""
    return answer_size.to_bytes(2, "big") + bytes(i * 7 & 0xFF for i in range(size - 2))


def answer_to(command: bytes) -> bytes:
    """What `Echo` answers."""
    size = int.from_bytes(command[:2], "big") - 2 if len(command) > 1 else 0
    return (command * (size // len(command) + 1))[:size] + OK


class FaultAt(Noise):
    """The fault of the n-th exchange from now (1 is the next), and no other."""

    def __init__(self, n: int, fault: str) -> None:
        super().__init__()
        self._left, self._fault = n, fault

    def draw(self) -> str:
        """The fault of this exchange."""
        self._left -= 1
        self.struck += self._left == 0
        return self._fault if self._left == 0 else ""


class Bench(ReaderBench):
    """`dep` talks to `card`, which lies in a field that is on."""

    def __init__(self, card: IsoDepCard, *, limit_ms: int = 5000, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.card = card
        self.dep = IsoDep(self.chip, limit_ms=limit_ms)
        self.field.lay(card)
        self.run(self.start())

    def activate(self, fsdi: int = 5) -> bytes:
        """Select the card, woken if it was halted, and ask for its ATS."""
        self.run(self.picc.select(wake=True))
        return self.run(self.dep.activate(fsdi))

    def talk(self, command: bytes) -> bytes:
        """One APDU."""
        return self.run(self.dep.transceive(command))

    def strike(self, n: int, what: str) -> None:
        """Disturb the n-th bus transaction from now: `in` reads a wrong byte, `out` writes one, `zero` and `high` read
        a dead bus, `gone` never reaches the chip."""
        board, whole = self.board, type(self.board).spi_transfer
        left = [n]

        def transfer(bus: int, tx: bytes) -> bytes:
            left[0] -= 1
            if left[0]:
                return whole(board, bus, tx)
            if what == "gone":
                return bytes(len(tx))
            rx = whole(board, bus, bytes([tx[0], tx[1] ^ 0x10]) + tx[2:] if what == "out" and len(tx) > 1 else tx)
            if what in ("zero", "high"):
                return bytes([0xFF if what == "high" else 0]) * len(tx)
            at = len(rx) // 2
            return rx[:at] + bytes([rx[at] ^ 0x04]) + rx[at + 1 :] if what == "in" else rx

        board.spi_transfer = transfer  # type: ignore[method-assign]

    def calm(self) -> None:
        """No faults any more."""
        self.board.spi_transfer = type(self.board).spi_transfer.__get__(self.board)  # type: ignore[method-assign]
        self.field.noise = None

    async def _next_tap(self, command: bytes) -> bytes:
        self.chip.field_off()
        if not self.chip.check():
            await self.chip.init()
        await self.power()
        await self.picc.select()
        await self.dep.activate()
        return await self.dep.transceive(command)

    def next_tap(self, command: bytes) -> bytes:
        """The same card tapped again, as a reader task does it: field off, chip checked, field on."""
        self.calm()
        return self.run(self._next_tap(command))
