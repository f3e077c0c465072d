"""Keys changed over the line, the terminal's session and key store against the bench switch's desk: whatever is lost
or cut, the two can talk, and in the end both have the new pair and neither the old."""

import asyncio
import contextlib
import itertools

import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from firmware.core.errors import LinkError, StoreError
from firmware.store.seal import Sealer
from firmware.store.vault import Vault
from firmware.switch.keychange import NEXT, KeyOlder, ahead
from firmware.switch.link import LinkClosed
from firmware.switch.mac import MacKeys
from firmware.switch.messages import Identity, Messages
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
from tools.sim.chips.nor import PowerCut, Torn

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
        self.erased = 0
        self.unsettled = 0
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
            lambda: True,
            self._erase,
            self.halt,
            kept.get(NEXT, b""),
        )
        self.link = ScriptedLink(self.switch)
        numbers = itertools.count(5 + self.count)
        self.session = Session(
            self.link, messages, FakeClock(), FakeJournal(), self.log, lambda: next(numbers), orders=self.orders
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


def test_announced_proved_in_force_and_the_old_pair_is_nowhere():
    async def play():
        world = World()
        async with world.running():
            await until(world.session.online)
            assert world.rekey() == KID + 1
            await world.sells()
            assert world.keys.kid == KID, "nothing was announced yet"
            world.session.probe()
            await until(lambda: world.agreed(KID + 1))
            await world.sells()
        image = bytes(world.board.nor.image)
        assert MAC_OUT not in image and len(world.link.pipes) == 1
        assert not any(MAC_OUT.hex() in line for line in world.log.newest(64))

    story(play)


@pytest.mark.parametrize("what", ["request", "answer"])
@pytest.mark.parametrize("number", [1, 2])  # the sign-on, the proof
@pytest.mark.parametrize("restart", [False, True])
def test_whatever_message_is_lost_both_can_talk_and_agree_in_the_end(number, what, restart):
    async def play():
        world = World()
        world.rekey()
        world.lose[number] = what
        if restart:
            async with world.running():
                await until(lambda: world.count >= number)
                await asyncio.sleep(0.005)
            world.lose.clear()
            world.start()
        async with world.running():
            await world.sells()
            await until(lambda: world.agreed(KID + 1), 900)
            await world.sells()

    story(play)


@pytest.mark.parametrize("torn", [Torn.NOTHING, Torn.HALF, Torn.DONE])
@pytest.mark.parametrize("operation", range(1, 9))
def test_power_cut_at_every_flash_operation_of_the_change(operation, torn):
    async def play():
        world = World()
        world.rekey()
        world.board.nor.cut_at(operation, torn)
        async with world.running() as task:
            await until(lambda: task.done() or world.agreed(KID + 1), 100)
            assert task.done(), "the change writes eight times"
        world.board.nor.power_on()
        world.start()
        async with world.running():
            await world.sells()
            await until(lambda: world.agreed(KID + 1), 900)

    story(play)


def test_an_answer_that_is_not_under_the_new_pair_puts_nothing_in_force():
    async def play():
        world = World()
        world.rekey()
        former = world.switch

        def old_switch(raw: bytes):
            if keychange.waiting(world.ledger, TERMINAL) is not None and world.count >= 1:
                keychange.cancel(world.ledger, TERMINAL)  # it forgets the pair before it is proved
            return former(raw)

        world.link = ScriptedLink(old_switch)
        world.session._link = world.link
        async with world.running():
            await world.sells()
            await until(lambda: not world.orders.offer())
            assert world.agreed(KID)
            await world.sells()

    story(play)


def test_after_three_refusals_it_asks_for_keys_once_and_heals_by_them():
    async def play():
        world = World()
        async with world.running():
            await until(world.session.online)
            with world.ledger._session() as session:  # the books were put back: they know another key
                session.get(keychange.TerminalRow, TERMINAL).mac_out = bytes(range(16)).hex()
            for _ in range(3):
                with pytest.raises(LinkError):
                    await world.session.request(transaction(seq=next(world.seqs)))
            assert world.session.halted() == "P27"
            await asyncio.sleep(600)
            asked = [raw for pipe in world.link.pipes for raw in pipe.sent if raw[-11:-8] == b"101"]
            assert len(asked) == 1 and len(world.link.pipes) > 3
            assert world.session.halted() == "P27"

    story(play)


def test_keys_that_wait_at_the_switch_heal_a_terminal_it_does_not_believe():
    async def play():
        world = World()
        async with world.running():
            await until(world.session.online)
            with world.ledger._session() as session:
                session.get(keychange.TerminalRow, TERMINAL).mac_out = bytes(range(16)).hex()
            world.rekey()
            for _ in range(3):
                with pytest.raises(LinkError):
                    await world.session.request(transaction(seq=next(world.seqs)))
            await world.sells()
            assert world.agreed(KID + 1) and world.session.halted() == ""

    story(play)


@pytest.mark.parametrize(("kid", "of", "is_ahead"), [
    (8, 7, True), (7, 7, False), (6, 7, False), (134, 7, True), (135, 7, False), (0, 255, True), (255, 0, False),
    (126, 255, True), (127, 255, False),
])  # fmt: skip
def test_a_key_id_only_rises(kid, of, is_ahead):
    assert ahead(kid, of) == is_ahead


def newkey(kid: int, out: bytes = b"o" * 16, come: bytes = b"i" * 16, master: bytes = TMK) -> bytes:
    return bytes((kid,)) + aes_key_wrap(master, out + come)


@pytest.mark.parametrize(
    ("announced", "code"),
    [
        (newkey(KID), "K20"),
        (newkey(KID - 1), "K20"),
        (newkey(KID + 1, master=bytes(16)), "K21"),
        (newkey(KID + 1)[:-1] + b"\0", "K21"),
        (newkey(KID + 1, come=b"o" * 16), "K21"),
        (newkey(KID + 1, come=bytes(16)), "K21"),
    ],
)
def test_an_announcement_that_is_not_believed_changes_nothing(announced, code):
    world = World()
    before = world.vault().load()
    with pytest.raises(Exception) as refused:  # noqa: PT011 (the code tells)
        world.orders._changing().announced(announced)
    assert refused.value.code == code and world.vault().load() == before and world.keys.offered is None


def test_a_pair_announced_again_is_not_written_again_and_a_newer_one_replaces_it():
    world = World()
    world.orders._changing().announced(newkey(KID + 1))
    writes = world.board.nor.ops
    world.orders._changing().announced(newkey(KID + 1))
    assert world.board.nor.ops == writes
    world.orders._changing().announced(newkey(KID + 2))
    assert world.keys.offered.kid == KID + 2 and world.vault().load()[NEXT][0] == KID + 2
    with pytest.raises(KeyOlder):
        world.orders._changing().announced(newkey(KID))


def test_a_key_store_that_takes_nothing_leaves_the_old_pair():
    world = World()
    for sector in (16, 17):
        world.board.nor.bad_blocks[sector] = "raises"
    with pytest.raises(StoreError):
        world.orders._changing().announced(newkey(KID + 1))
    assert world.keys.offered is None


# --- orders ----------------------------------------------------------------------------------------------------------


def test_a_blocked_terminal_says_so_asks_rarely_keeps_that_over_a_restart_and_heals():
    async def play():
        world = World()
        async with world.running():
            await until(world.session.online)
            world.ledger.block_terminal(TERMINAL)
            reply = await world.session.request(transaction(seq=next(world.seqs)))
            assert reply.rc == "58"
            await until(lambda: world.session.halted() == "L30", 5)
            assert not world.session.online() and world.session.fault == "L30"
            pipes = len(world.link.pipes)
            await asyncio.sleep(1900)
            assert len(world.link.pipes) - pipes == 3, "every ten minutes"
        world.lose = dict.fromkeys(range(1, 10_000), "request")
        world.start()
        async with world.running():
            await asyncio.sleep(60)
            assert world.session.halted() == "L30", "no antenna, no sale"
            world.lose.clear()
            world.ledger.block_terminal(TERMINAL, blocked=False)
            await until(lambda: world.session.halted() == "", 900)
            await world.sells()

    story(play)


def test_value_stopped_by_order_is_online_and_ends_with_the_order():
    async def play():
        world = World()
        keychange.give_order(world.ledger, TERMINAL, keychange.STOP_VALUE)
        async with world.running():
            await until(world.session.online)
            assert world.session.halted() == "L31" and world.halt
            keychange.give_order(world.ledger, TERMINAL, 0)
            world.session.probe()
            await until(lambda: world.session.halted() == "")
            assert not world.halt and not world.erased

    story(play)


@pytest.mark.parametrize("blocked", [False, True])
def test_keys_go_at_the_first_order_when_nothing_waits_else_at_the_second(blocked):
    async def play():
        world = World()
        world.unsettled = 3
        keychange.give_order(world.ledger, TERMINAL, keychange.ZEROISE)
        world.ledger.block_terminal(TERMINAL, blocked)
        async with world.running():
            await until(lambda: world.logged("K25"))
            assert not world.erased and world.session.halted() == "L31"
            assert keychange.orders(world.ledger)[TERMINAL].unsettled == 3
        world.start()
        async with world.running():
            await until(lambda: world.erased == 1)
        world = World()
        keychange.give_order(world.ledger, TERMINAL, keychange.ZEROISE)
        async with world.running():
            await until(lambda: world.erased == 1)
            await asyncio.sleep(5)
            assert world.erased == 1 and not world.logged("K25")

    story(play)
