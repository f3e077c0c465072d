"""A till with clerks: the cashier's kit, the small values on a modelled flash, the list of staff in a folder."""

from __future__ import annotations

import asyncio
from pathlib import Path

from firmware.cashier.attendance import Attendance
from firmware.cashier.books import Books
from firmware.cashier.people import put
from firmware.core import pin
from firmware.core.cmac import Cmac
from firmware.service.rights import Rights
from firmware.store.seal import Sealer
from firmware.store.slots import Slots
from firmware.store.staff import CLERK, SUPERVISOR, Clerk
from host_tests.unit.cashier_kit import World
from tools.bench_switch.answers import digits_for
from tools.sim import onhost
from tools.sim.chips.nor import Nor, NorPartition

TMK = bytes.fromhex("5a17c0de5a17c0de0011223344556677")
NAME = "T0000001"
ROLES = (2, 1, 1, 1, 1, 2, 1, 1, 1, 1, 2)
LIMITS = (1_000_000, 5_000_000, 1_000_000_000, 3, 5_000, 20_000_000, 100_000_000, 1_000_000_000)
PINS = {3: "7391", 4: "2580", 9: "739164"}  # 9 is the supervisor
SALT = bytes(range(16))
_verifiers: dict[tuple[str, bytes], bytes] = {}


def verifier(typed: str, salt: bytes) -> bytes:
    """As the firmware makes it; each once."""
    if (typed, salt) not in _verifiers:
        made = pin.verifier(pin.pin_key(Cmac(TMK), NAME.encode()), typed, salt, lambda: None)
        _verifiers[typed, salt] = onhost.run_virtual(made)
    return _verifiers[typed, salt]


def clerk(number: int, role: int = CLERK, cards: list[bytes] | None = None) -> Clerk:
    return Clerk(number, role, SALT, verifier(PINS[number], SALT), cards or [])


class Numbers:
    """The board's random numbers."""

    def __init__(self) -> None:
        self.next = 7

    def random_number(self, bits: int) -> int:
        self.next = (self.next * 1103515245 + 12345) & 0x7FFFFFFF
        return self.next & ((1 << bits) - 1)


class FreeTries:
    """A counter that never pauses."""

    def failures(self) -> int:
        return 0

    def begin(self) -> None: ...

    def settle(self) -> None: ...


class Till(World):
    """`staff` is there from the first start on; `restart` makes another one of the same flash and folder."""

    def __init__(self, folder: Path, people: tuple[Clerk, ...] = ()) -> None:
        super().__init__()
        self.folder = folder
        self.nor = Nor(4 * 4096)
        self.board = Numbers()
        self.master = Cmac(TMK)
        self.sealer = Sealer(TMK, NAME.encode())
        self.lock_s, self.roles, self.limits = 300, ROLES, LIMITS
        self.started_us = onhost.ticks_source()
        self.granted = Rights(self.master, FreeTries(), self.uptime_s, lambda: self.board.random_number(32))  # type: ignore[arg-type]
        self.staff = self.attendance()
        for one in people:
            store = self.staff.store()
            store.open()
            put(self.staff, store, one)

    def attendance(self) -> Attendance:
        staff = Attendance(self, NAME, self.lock_s, self.roles, self.limits)  # type: ignore[arg-type]
        staff.folder = str(self.folder)
        return staff

    def restart(self) -> Till:
        """The power was off."""
        again = Till.__new__(Till)
        World.__init__(again)
        again.__dict__.update({name: self.__dict__[name] for name in (
            "folder", "nor", "board", "master", "sealer", "lock_s", "roles", "limits", "granted"
        )})  # fmt: skip
        again.started_us = onhost.ticks_source()
        again.staff = again.attendance()
        return again

    def small_values(self) -> Slots:
        return Slots(NorPartition(self.nor, 0, 4), Sealer(bytes(16), b"", b"vafa-slots"), 5, first=2)

    def uptime_s(self) -> int:
        return (onhost.ticks_source() - self.started_us) // 1_000_000

    def rights(self) -> Rights:
        return self.granted

    def hire(self, books: Books) -> Attendance:
        self.started_us = onhost.ticks_source()  # the loop's own time
        self.staff.books, books.watch = books, self.staff
        self.staff.look()
        return self.staff

    # --- a person -----------------------------------------------------------------------------------------------------

    async def asleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def log_in(self, number: int, typed: str | None = None) -> None:
        await self.sees("LOCKED")
        await self.keys(*str(number), "OK")
        await self.sees("Your PIN")
        await self.keys(*(typed or PINS[number]), "OK")

    async def at_the_till(self, number: int) -> None:
        await self.log_in(number)
        await self.sees("Good work")
        await self.keys("OK")
        await self.sees("READY")

    async def answer(self, right: str = "staff") -> None:
        """The switch's digits for the number on the screen."""
        await self.sees("Tell the switch")
        nonce = next(row.strip() for row in self.canvas.rows if len(row.strip()) == 8 and row.strip().isalnum())
        await self.keys(*digits_for(TMK, nonce, right), "OK")


SHOP = (clerk(9, SUPERVISOR), clerk(3), clerk(4))

__all__ = ["CLERK", "LIMITS", "PINS", "SHOP", "SUPERVISOR", "Till", "asyncio", "clerk"]
