"""A terminal's session and key store on a flash, against the bench switch's desk: what is lost between them is said per
message, and the office gives orders and new keys."""

import asyncio
import contextlib
import itertools

from firmware.core.errors import LinkError
from firmware.store.seal import Sealer
from firmware.store.vault import Vault
from firmware.switch.keychange import NEXT
from firmware.switch.link import LinkClosed
from firmware.switch.mac import MacKeys
from firmware.switch.messages import Identity, Messages
from firmware.switch.minimum import Minimum
from firmware.switch.orders import Orders
from firmware.switch.session import Session
from host_tests.unit.custody_kit import Board
from host_tests.unit.session_kit import until
from host_tests.unit.switch_kit import (
    KID,
    MAC_IN,
    MAC_OUT,
    NOW,
    UID,
    FakeClock,
    FakeJournal,
    ScriptedLink,
    log,
    transaction,
)
from tools.bench_switch import Ledger, keychange
from tools.bench_switch.desk import Desk
from tools.bench_switch.faults import FaultScript
from tools.bench_switch.log import MessageLog
from tools.sim import onhost
from tools.sim.chips.nor import PowerCut

TERMINAL = "T0000001"
TMK = bytes(range(16, 32))


class World:
    """One terminal's flash, and the switch; `lose` says of the n-th message since the start what is lost."""

    def __init__(self) -> None:
        self.board = Board()
        self.ledger = Ledger("sqlite://")
        self.ledger.add_terminal(TERMINAL, "MERCHANT0000001", MAC_OUT, MAC_IN, KID)
        self.ledger.add_member("ali", 1001, points=600)
        self.ledger.add_card(UID, "ali")
        self.desk = Desk(self.ledger, FaultScript(), MessageLog(lambda: NOW), lambda: NOW)
        self.count = 0
        self.lose: dict[int, str] = {}
        self.seqs = itertools.count(42)
        self.halt = b""
        self.below = b""
        self.build = 5
        self.clock = FakeClock()
        self.erased = 0
        self.unsettled = 0
        self.calm = True
        self.log = log()
        self.vault().save({"tmk": TMK, "kid": bytes((KID,)), "mac_out": MAC_OUT, "mac_in": MAC_IN})
        self.start()

    def vault(self) -> Vault:
        return Vault(self.board.vault_flash(), Sealer(self.board.own_key(), b"", b"vafa-keys"))

    def switch(self, raw: bytes):
        self.count += 1
        lost = self.lose.get(self.count, "")
        if lost == "request":
            return []
        reaction = self.desk.handle(raw)
        if lost == "answer":
            return []
        if reaction.close:
            return [(10, LinkClosed("closed"))]
        return [(10, reaction.data[2:])] if reaction.data else []

    def start(self) -> None:
        """As after power-on: what the flash holds, and nothing else."""
        kept = self.vault().load()
        assert kept is not None
        self.keys = MacKeys(kept["kid"][0], kept["mac_out"], kept["mac_in"])
        messages = Messages(Identity(TERMINAL, "MERCHANT0000001", 1, 364, 1), self.keys)
        self.orders = Orders(
            messages,
            self.keys,
            self.log,
            self.vault,
            lambda halt: setattr(self, "halt", halt),
            lambda: self.unsettled,
            lambda: self.calm,
            self._erase,
            Minimum(self.build, self.clock, self.log, lambda below: setattr(self, "below", below), self.below),
            self.halt,
            kept.get(NEXT, b""),
        )
        self.link = ScriptedLink(self.switch)
        numbers = itertools.count(5 + self.count)
        self.session = Session(
            self.link, messages, self.clock, FakeJournal(), self.log, lambda: next(numbers), orders=self.orders
        )

    def _erase(self) -> None:
        self.erased += 1

    @contextlib.asynccontextmanager
    async def running(self):
        task = asyncio.create_task(self.session.run())
        try:
            yield task
        finally:
            while not task.done():
                task.cancel()
                await asyncio.sleep(0.1)
            with contextlib.suppress(asyncio.CancelledError, PowerCut):
                task.result()
            for pipe in self.link.pipes:
                await pipe.close()

    def switch_knows(self, mac_out: bytes) -> None:
        """Its books hold this key for the terminal's messages: not the right one, they are refused with 63."""
        with self.ledger._session() as session:
            session.get(keychange.TerminalRow, TERMINAL).mac_out = mac_out.hex()

    def rekey(self) -> int:
        return keychange.rekey(self.ledger, TERMINAL, TMK, NOW).kid

    def logged(self, code: str) -> bool:
        return any(f" {code} " in line for line in self.log.newest(64))

    def agreed(self, kid: int) -> bool:
        """Both ends have this pair in force, and nothing of another."""
        row = self.ledger.terminal(TERMINAL)
        kept = self.vault().load()
        assert row is not None and kept is not None
        return (
            row.kid == self.keys.kid == kid
            and keychange.waiting(self.ledger, TERMINAL) is None
            and kept == {"tmk": TMK, "kid": bytes((kid,)), "mac_out": bytes.fromhex(row.mac_out),
                         "mac_in": bytes.fromhex(row.mac_in)}
        )  # fmt: skip

    async def sells(self) -> None:
        """A sale is booked, now or after the line has been mended."""
        for _ in range(20):
            await until(self.session.online, 900)
            try:
                reply = await self.session.request(transaction(seq=next(self.seqs)))
                assert reply.rc == "00"
                return
            except LinkError:
                await asyncio.sleep(3)
        raise AssertionError("never sold")


def story(play):
    onhost.run_virtual(play())
