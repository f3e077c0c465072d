"""One running terminal: its rooms, its supervised tasks, and what rooms ask of one another. Owns no logic.

The rooms are made by firmware/building.py. What is wanted rarely is loaded for a visit (firmware/core/visiting.py).
"""

import asyncio
from time import ticks_diff, ticks_ms

from micropython import const

from firmware.core.log import Log
from firmware.core.types import CLOCK_NEVER_SET
from firmware.core.visiting import load, visit, when_over
from firmware.service.bad_sectors import small_values
from firmware.service.console import Console
from firmware.service.supervisor import Policy, Supervisor
from firmware.service.watch import Watch
from firmware.switch.profile import TAG_ADMIN
from firmware.version import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from firmware.board import Board
    from firmware.cards.reader import CardReader
    from firmware.cashier.counter import Counter
    from firmware.cashier.desk import Desk
    from firmware.core.clock import Clock
    from firmware.core.cmac import Cmac
    from firmware.core.ports import Display
    from firmware.core.types import Reply
    from firmware.loyalty.allowances import Allowances
    from firmware.receipt.spool import Spool
    from firmware.screen.keys import Keys
    from firmware.screen.panel import Panel
    from firmware.screen.signals import Signals
    from firmware.service.bad_sectors import BadSectors
    from firmware.service.downloads import Downloads
    from firmware.service.housekeeping import Housekeeping
    from firmware.service.provisioned import Start
    from firmware.store.buckets import Buckets
    from firmware.store.hotlist import Hotlist
    from firmware.store.journal import Journal
    from firmware.store.members import Members
    from firmware.store.seal import Sealer
    from firmware.switch.forward import Forward
    from firmware.switch.link import Link
    from firmware.switch.messages import Answer, Identity, Messages
    from firmware.switch.orders import Orders
    from firmware.switch.session import Session
    from firmware.text.money import Money

_KEEP_MEMBERS_S = const(90 * 86_400)

# The longest time without a sign of life. The desk says nothing while it waits for the switch (6 s and a join).
_DESK_SILENCE_MS = const(45_000)
_KEYS_SILENCE_MS = const(3_000)
_READER_SILENCE_MS = const(15_000)
_LINK_SILENCE_MS = const(90_000)
_QUEUE_SILENCE_MS = const(60_000)

_START_TURN_MS = const(100)


class App:
    """One terminal, without its rooms yet."""

    if TYPE_CHECKING:
        sector: bytearray
        master: Cmac
        sealer: Sealer
        members: Members | Buckets
        journal: Journal
        rtc: Any
        chip: Any
        keypad: Any
        link: Link
        bad_sectors: BadSectors
        clock: Clock
        identity: Identity
        messages: Messages
        money: Money
        session: Session
        orders: Orders
        forward: Forward
        keys: Keys
        signals: Signals
        reader: CardReader
        panel: Panel
        display: Display
        hotlist: Hotlist
        allowances: Allowances
        counter: Counter
        desk: Desk
        paper: Spool
        downloads: Downloads
        housekeeping: Housekeeping

    def __init__(self, board: "Board", start: "Start") -> None:
        self.board = board
        self.reader_beat: "Any" = _unwatched
        self._started = ticks_ms()
        self._rights: "Any" = None
        self._letters: "Any" = None
        self._register: "Any" = None
        self._letter_said = 0
        when_over.append(self._over)
        self.given = self.chosen = b""  # see service.choices
        source, sink, readable = board.serial()
        self.watch = watch = Watch(self)
        self.console = Console(source, sink, readable, self.status, self.calm, watch.leave)
        self.log = Log(echo=self.console.log_line)
        self.console.attach(self.log)
        for name in start.settings.unknown:
            self.log.fault("K01", "setting nobody knows: " + name)
        for line in start.told:
            self.log.event(line)
        self.console.attach_service(self._service, watch.restart)
        self.console.attach_rooms(self)
        self.start_number = start.number
        self.key_copies = start.key_copies
        self.in_force = start.in_force

    async def run(self) -> None:
        """Sell, for ever."""
        supervisor = Supervisor(self.log, self.board.watchdog(), self.watch.fault)
        self.supervisor = supervisor
        self.watch.begin(supervisor)
        supervisor.start("keys", self.keys.run, Policy(_KEYS_SILENCE_MS))
        supervisor.start("signals", self.signals.run, Policy())
        supervisor.start("reader", self._run_reader, Policy(_READER_SILENCE_MS))
        supervisor.start("desk", self.desk.run, Policy(_DESK_SILENCE_MS))
        supervisor.start("link", self.session.run, Policy(_LINK_SILENCE_MS))
        supervisor.start("queue", self._run_queue, Policy(_QUEUE_SILENCE_MS))
        supervisor.start("downloads", self._run_downloads, Policy())
        supervisor.start("housekeeping", self.housekeeping.run, Policy())
        supervisor.start("console", self.console.run, Policy())
        supervisor.start("paper", self.paper.run, Policy())
        supervisor.when_well = self._started_well
        self.log.event("Vafa {} on {}, start took {} ms".format(VERSION, self.board.name, self._age_ms()))
        await supervisor.run()

    def _started_well(self) -> bool:
        """This start has not failed; told when a write to the files disturbs nobody."""
        if not self.calm():
            return False
        with visit("firmware.service.slots"):
            from firmware.service import slots

            try:
                slots.started_well()
            except OSError as error:
                self.log.fault("X00", "cannot write {}: errno {}".format(slots.PATH, error.errno))
            if slots.on_trial():
                self._begin_trial()
        return True

    def _begin_trial(self) -> None:
        """What runs has to show that it may stay."""
        with visit("firmware.service.trial"):
            from firmware.service import trial

            self.housekeeping.trial = trial.of(self)

    # --- what rooms ask of one another --------------------------------------------------------------------------------

    def session_number(self) -> int:
        """31 random bits."""
        return self.board.random_number(31)

    def small_values(self) -> "Any":
        """The small values, not opened yet."""
        return small_values(self.board, self.sector)

    def click(self, _seen: object) -> None:
        """The reader saw a card."""
        self.signals.click()

    def refused(self, uid: bytes, rc: str) -> None:
        """The switch refused what a card did."""
        self.hotlist.heard(uid, rc, self.clock.now_utc())

    def ended(self) -> "list[tuple[int, bytes]]":
        """What a sign-on says of the points reserved here."""
        from firmware.switch.reserve import ended

        return ended(self.allowances.ended_utc())

    def give_up_members(self) -> None:
        """The member cache does not take what must not come back. Raises StoreError."""
        with visit("firmware.service.given_up"):
            from firmware.service import given_up

            given_up.note(self)

    def retire(self) -> None:
        """Members of whom the switch told nothing for long leave the cache."""
        if self.clock.quality != CLOCK_NEVER_SET:
            self.members.retire(self.clock.now_utc() - _KEEP_MEMBERS_S)

    def beat_reader(self) -> None:
        """The reader lives."""
        self.reader_beat()

    async def relay(self, uid: bytes, step: bytes) -> "tuple[bytes, Reply]":
        """The switch's part in proving a card that lies on the reader; the reader's task waits for it."""
        self.reader_beat()
        return await self.session.relay(uid, step)

    async def _run_queue(self, beat: "Any") -> None:
        """Nothing is sent before the desk has read the journal and put right what a cut left open."""
        while not self.counter.books.started:
            beat()
            await asyncio.sleep_ms(_START_TURN_MS)
        await self.forward.run(beat)

    async def _run_downloads(self, beat: "Any") -> None:
        """Nothing is loaded before the journal is: what waits for the switch has to be known."""
        while not self.counter.books.started:
            beat()
            await asyncio.sleep_ms(_START_TURN_MS)
        await self.downloads.run(beat)

    async def _run_reader(self, beat: "Any") -> None:
        self.reader_beat = beat
        await self.reader.run()

    def status(self) -> "list[str]":
        """The console's status lines."""
        if self.journal.loading():
            return ["Vafa {} {}, {} sectors to read".format(VERSION, self.board.name, self.journal.loading())]
        now = self.counter.status()
        lines = [
            "Vafa {} {} up {} s start {}".format(VERSION, self.board.name, self.uptime_s(), self.start_number),
            "terminal {}".format(self.counter.shop.terminal_id),
            "link {} {}".format("online" if now.online else "offline", self.session.fault),
            "waiting {} oldest {} s rejected {}".format(now.waiting, now.oldest_age_s, now.rejected),
            "clock quality {}".format(self.clock.quality),
            "spending offline {}".format(self.counter.books.policy.spends()),
            "loaded from the switch: {}, {} cards refused here".format(self.downloads.status(), self.hotlist.own()),
            "minimum build {}".format(self.orders.minimum.build),
            self._reader_status(),
            "keys check value {}, wrapped with the chip's number only".format(self.master.tag(bytes(16))[:3].hex()),
        ]
        with visit("firmware.service.health"):
            from firmware.service import health  # a technician's, too

            lines += health.lines(self.journal, self.members, self.housekeeping, self.key_copies)
        return lines + ["task {} restarted {}".format(*task) for task in self.supervisor.restarts() if task[1]]

    def _reader_status(self) -> str:
        with visit("drivers.rc522_health"):
            return self.reader.status()

    def uptime_s(self) -> int:
        """Seconds since the start."""
        return self.housekeeping.uptime.seconds()

    def calm(self) -> bool:
        """Nobody is in the middle of something at the counter."""
        return self.desk.quiet(0)

    def _service(self) -> "Any":
        """What carries out a word that needs a right; for a visit."""
        load("firmware.service.custody")
        from firmware.service.custody import Custody

        return Custody(self, self.rights)

    def rights(self) -> "Any":
        """Console rights, for the keypad too; they outlive a visit as long as one stands. Raises StoreError."""
        if self._rights is None:
            load("firmware.service.rights")
            from firmware.service.rights import rights_of

            self._rights = rights_of(self)
        return self._rights

    def letters(self) -> "Any":
        """What the switch refused for good; for a visit, when somebody looks, or the switch clears one."""
        if self._letters is None:
            load("firmware.switch.letters")
            from firmware.switch.letters import Letters

            self._letters = Letters(self.journal, self.session, self.messages, self.clock, self.log, self.members.put)
            self._letters.on_resolved, self._letters.spends = self.forward.resolved, self.forward.spends
            self._letters.said = self._letter_said
        return self._letters

    def registered(self) -> "Any":
        """The room of a cash register that speaks, None when there is none."""
        return self._register

    def register(self) -> "Any":
        """What a cash register orders; it stays as long as one speaks."""
        if self._register is None:
            load("firmware.cashier.register_order", "firmware.cashier.register")
            from firmware.cashier.register import Register

            self._register = Register(self.counter, self.desk, self.console.event)
        return self._register

    def choose(self, choice: bytes) -> None:
        """Language, brightness and sounds, from now on. Raises StoreError."""
        with visit("firmware.store.slots", "firmware.service.choices"):
            from firmware.service.choices import choose

            choose(self, choice)

    def shift(self) -> "Any":
        """What ends a shift; for a visit."""
        load("firmware.cashier.shift")
        from firmware.cashier.shift import Shift
        from firmware.switch.batch import Closing

        closing = Closing(self.journal, self.session, self.messages, self.clock, self.log, self.session_number)
        return Shift(self.small_values, closing)

    def statements(self) -> "Any":
        """What asks the switch for entries of a member; for a visit."""
        load("firmware.switch.statement")
        from firmware.switch.statement import Statements

        return Statements(self.session, self.messages, self.clock, self.session_number)

    def _over(self) -> None:
        """The last visit is over: what has nothing left to remember goes, too."""
        if self._rights is not None and self._rights.over():
            self._rights = None
        if self._register is not None and self._register.idle():
            self._register = None
        if self._letters is not None and self._letters.idle():
            self._letter_said, self._letters = self._letters.said, None

    def export(self) -> "Any":
        """All the journal holds; it works on when its visit is over."""
        with visit("firmware.store.export"):
            return self.journal.export()

    def hear(self, answer: "Answer") -> None:
        """A sign-on or an echo was answered."""
        if TAG_ADMIN in answer.tags:
            with visit():
                self.letters().hear(answer)

    def says(self) -> "list[tuple[int, bytes]]":
        """What one carries of letters."""
        if self._letters is None:
            return []
        with visit():
            return self._letters.says()

    def _age_ms(self) -> int:
        return ticks_diff(ticks_ms(), self._started)


def _unwatched() -> None:
    """Nobody counts heartbeats yet."""


def run(terminal: App) -> None:
    """Sell until the power goes."""
    asyncio.run(terminal.run())
