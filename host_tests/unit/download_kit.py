"""A terminal's downloads against the real desk of the bench switch, by bytes, on virtual time and a real folder."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from firmware.cashier.counter import Limits
from firmware.core.log import Log
from firmware.core.types import CLOCK_OK
from firmware.loyalty.offline import OfflinePolicy
from firmware.loyalty.rules import Rules
from firmware.receipt.content import Shop
from firmware.service import floor
from firmware.service.downloads import Downloads
from firmware.service.held import InForce, Owner
from firmware.service.in_force import at_start
from firmware.settings import check, declared_settings
from firmware.store.hotlist import Hotlist
from firmware.store.seal import Sealer
from firmware.store.slots import Slots
from firmware.switch.mac import MacKeys
from firmware.switch.messages import Identity, Messages
from firmware.switch.session import Session
from host_tests.unit.bench_client import KEY_IN, KEY_OUT, MERCHANT, NOW, TERMINAL, furnish
from host_tests.unit.switch_kit import FakeJournal, ScriptedLink
from tools.bench_switch.desk import Desk
from tools.bench_switch.faults import FaultScript
from tools.bench_switch.ledger import Ledger
from tools.bench_switch.log import MessageLog
from tools.bench_switch.programme import Programme
from tools.bench_switch.publisher import Publisher
from tools.bench_switch.rules_file import source_of
from tools.release.files import RULES, signed
from tools.sim.chips.nor import Nor, NorPartition
from tools.sim.demo_signer import demo_signer

PLAIN: dict[str, object] = {
    "terminal_id": TERMINAL,
    "merchant_id": MERCHANT,
    "switch_host": "x",
    "switch_port": 1,
    "switch_name": "x",
}


_CELLS: dict[str, Nor] = {}  # by folder: as it, they outlive a start


class Clock:
    quality = CLOCK_OK

    def now_utc(self) -> int:
        try:
            return NOW + int(asyncio.get_running_loop().time())
        except RuntimeError:
            return NOW

    def set_from_switch(self, host_utc: int) -> int:
        return 0


class Journal(FakeJournal):
    waiting: dict[bytes, int]

    def pending_points(self, uid: bytes) -> int:
        return self.waiting.get(uid, 0)

    def pending_count(self) -> int:
        return len(self.waiting)


class Office:
    """The switch: its books, its desk, and what it has published. It outlives every terminal of a test."""

    def __init__(self, database_url: str = "sqlite://") -> None:
        self.ledger = Ledger(database_url)
        furnish(self.ledger)
        self.clock = Clock()
        self.faults = FaultScript()
        self.log = MessageLog(self.clock.now_utc)
        self.desk = Desk(self.ledger, self.faults, self.log, self.clock.now_utc)
        self.publisher = Publisher(self.ledger, demo_signer(), self.clock.now_utc)
        self.asked: list[str] = []  # DE 70 of every 0800 of a download
        self.meanwhile: Callable[[int], None] = lambda _count: None  # before the n-th chunk is answered

    def handle(self, raw: bytes) -> list[tuple[int, bytes | Exception]]:
        from tools.bench_switch.codec import wire

        function = wire.split(raw).fields.get("70", "")
        if function.startswith("90"):
            self.asked.append(function)
            self.meanwhile(len(self.asked))
        reaction = self.desk.handle(raw)
        out: list[tuple[int, bytes | Exception]] = []
        data = reaction.data
        while len(data) > 2:
            size = int.from_bytes(data[:2], "big")
            out.append((20 + reaction.delay_ms, data[2 : 2 + size]))
            data = data[2 + size :]
        if reaction.close:
            from firmware.core.errors import LinkDown

            out.append((30, LinkDown("closed")))
        return out

    def publish_raw(self, role: int, version: int, body: bytes, *, offered: int = 0, **how: Any) -> bytes:
        """A file of one's own making, offered as version `offered`."""
        merchant, terminal = how.pop("merchant", MERCHANT), how.pop("terminal", "")
        spoil = how.pop("spoil", lambda content: content)
        signer = how.pop("signer", demo_signer())
        content = spoil(signed(signer, role, version, merchant, terminal, body, how.pop("made_utc", NOW), **how))
        source = json.dumps(source_of(Programme(version=version))) if role == RULES else ""
        self.ledger.add_publication(role, offered or version, MERCHANT, "", NOW, content, source)
        return content


class Terminal:
    """One power-on of a terminal whose /config is `folder`."""

    def __init__(self, office: Office, folder: Path, keys: bytes | None = None, **settings: object) -> None:
        self.office = office
        self.folder = folder
        self.log = Log(200)
        values = check(declared_settings(), {**PLAIN, **settings})
        self.values = values
        owner = Owner(MERCHANT, TERMINAL, demo_signer().modulus if keys is None else keys)
        self.in_force: InForce = at_start(str(folder), owner, values, self.log.event)
        slots = self.small_values()
        slots.open()
        floor.at_start(slots, self.in_force)
        self.identity = Identity(TERMINAL, MERCHANT, 1, 364, int(str(values["ruleset"])), "vafa 0.1.0")
        self.messages = Messages(self.identity, MacKeys(1, KEY_OUT, KEY_IN))
        self.clock = Clock()
        self.journal = Journal()
        self.journal.waiting = {}
        self.link = ScriptedLink(office.handle)
        numbers = itertools.count(5)
        self.session = Session(
            self.link, self.messages, self.clock, self.journal, self.log, lambda: next(numbers), echo_after_ms=30_000
        )
        self.resets = 0
        self.board = SimpleNamespace(name="s3", random_number=lambda _bits: next(numbers))
        self.watch = SimpleNamespace(restart=lambda _why: self._reset())
        self.hotlist = Hotlist(f"{folder}/refused.dat", self.log)
        if self.in_force.rows:
            self.hotlist.use(f"{folder}/hotlist.dat", 56, self.in_force.rows)
        policy = OfflinePolicy(bool(values["offline_earn"]), 500, 10, self.hotlist.blocked, self.hotlist.heard)
        rules = Rules(**self.in_force.programme)
        self.counter = SimpleNamespace(
            books=SimpleNamespace(rules=rules, policy=policy),
            limits=Limits(int(str(values["max_amount"])), 120),
            shop=Shop("", MERCHANT, TERMINAL),
            staff=None,
            greets=False,
        )
        self.members: Any = None
        self.busy = False
        self.downloads = Downloads(self, str(folder), int(str(values["member_refresh_s"])), self._quiet)  # type: ignore[arg-type]

    def _quiet(self, _for_ms: int) -> bool:
        return not self.busy

    def small_values(self) -> Slots:
        """Those of the terminal whose folder this is."""
        cells = _CELLS.setdefault(str(self.folder), Nor(2 * 4096))
        return Slots(NorPartition(cells, 0, 2), Sealer(bytes(16), b"", b"vafa-slots"), 7)

    def _reset(self) -> None:
        self.resets += 1

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Terminal]:
        tasks = [asyncio.create_task(self.session.run()), asyncio.create_task(self.downloads.run(lambda: None))]
        try:
            yield self
        finally:
            for task in tasks:
                while not task.done():  # wait_for of CPython 3.11 may swallow one cancellation
                    task.cancel()
                    await asyncio.sleep(0.05)
                if not task.cancelled():
                    task.result()
            for pipe in self.link.pipes:
                await pipe.close()
            self.downloads._forget_loading()

    def logged(self, code: str) -> bool:
        return any(f" {code} " in line for line in self.log.newest(200))

    def held(self) -> list[int]:
        return list(self.in_force.held[1:])


def files(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))
