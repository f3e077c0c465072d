"""The composition root: builds every room once, joins them, starts the supervised tasks. Owns no logic.

Buffers and objects that live as long as the terminal are made here, in the order in which they need one another.
"""

import asyncio
import sys
from time import ticks_diff, ticks_ms

from micropython import const

from firmware.cards.keys import CardKeys
from firmware.cards.reader import CardReader
from firmware.cashier.books import Books
from firmware.cashier.counter import Counter, Limits
from firmware.cashier.desk import Desk
from firmware.cashier.teller import Teller
from firmware.core.clock import Clock
from firmware.core.cmac import Cmac
from firmware.core.errors import StoreError, VafaError
from firmware.core.log import Log
from firmware.core.types import CLOCK_NEVER_SET
from firmware.core.visiting import load, visit, when_over
from firmware.loyalty.offline import OfflinePolicy
from firmware.loyalty.rules import Rules
from firmware.receipt.content import Shop
from firmware.screen.canvas import Canvas
from firmware.screen.keys import Keys
from firmware.screen.panel import Panel, Times
from firmware.screen.signals import Signals
from firmware.service import faults
from firmware.service.bad_sectors import JOURNAL, MEMBERS, BadSectors, small_values
from firmware.service.console import Console
from firmware.service.downloads import Downloads
from firmware.service.held import HOTLIST_AT
from firmware.service.housekeeping import Housekeeping, Quiet
from firmware.service.ordered import orders_of
from firmware.service.supervisor import Policy, Supervisor
from firmware.store.hotlist import Hotlist
from firmware.store.journal import Journal
from firmware.store.seal import Sealer
from firmware.switch.forward import Forward
from firmware.switch.link import Link, tpdu_to
from firmware.switch.mac import MacKeys
from firmware.switch.messages import Identity, Messages
from firmware.switch.profile import TAG_ADMIN
from firmware.switch.session import Session, jitter_of
from firmware.text import catalogue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from firmware.board import Board
    from firmware.core.types import Reply
    from firmware.loyalty.allowances import Allowances
    from firmware.loyalty.offline import Spending
    from firmware.service.provisioned import Start
    from firmware.settings import Settings
    from firmware.switch.messages import Answer

VERSION = "0.1.0"
# No clock of a terminal that runs this version can be earlier: 2026-11-22 00:00 UTC.
_BUILT_UTC = const(1_795_305_600)

_KEEP_MEMBERS_S = const(90 * 86_400)

# The longest time without a sign of life. The desk says nothing while it waits for the switch (6 s and a join).
_DESK_SILENCE_MS = const(45_000)
_KEYS_SILENCE_MS = const(3_000)
_READER_SILENCE_MS = const(15_000)
_LINK_SILENCE_MS = const(90_000)
_QUEUE_SILENCE_MS = const(60_000)

_START_TURN_MS = const(100)
_CONFIG = "/config"


class App:
    """One terminal. `start` to `run` in the order of the words."""

    def __init__(self, board: "Board", display: "Any", start: "Start") -> None:
        settings = start.settings
        self.board = board
        self._started = ticks_ms()
        self._custody: "Any" = None
        self._letters: "Any" = None
        self._letter_said = 0
        when_over.append(self._over)
        self._recorded: "list[str]" = []
        source, sink, readable = board.serial()
        self.console = Console(source, sink, readable, self.status, self.calm, board.restart_to_prompt)
        self.log = Log(echo=self.console.say)
        self.console.attach(self.log)
        for name in settings.unknown:
            self.log.fault("K01", "setting nobody knows: " + name)
        for line in start.told:
            self.log.event(line)
        self.console.attach_service(self._service, board.reset)
        self._start_number = start.number
        self._key_copies = start.key_copies
        self.in_force = start.in_force
        self._build_stores(board, settings, start.bad)
        self._build_switch(board, start)
        self._build_person(board, display, settings)
        self._build_cashier(board, settings)

    def _build_stores(self, board: "Board", settings: "Settings", bad: "tuple[bytes, bytes]") -> None:
        sector = bytearray(4096)  # each store uses it only within one call
        self.sector = sector
        master = settings.secret_bytes("tmk")
        self.master = Cmac(master)
        sealer = Sealer(master, settings.text("terminal_id").encode())
        if board.little_memory:
            from firmware.store.buckets import Buckets as Cache
        else:
            from firmware.store.members import Members as Cache
        self.members = Cache(board.member_flash(), sealer, board.random_number(32), board.page_only, sector)
        self.journal = Journal(board.transaction_flash(), sealer, board.random_number(32), board.page_only, sector)
        self.journal.open(bad[0])
        self.console.attach_export(self._export)
        stores = {JOURNAL: (self.journal, bad[0]), MEMBERS: (self.members, bad[1])}
        self._bad_sectors = BadSectors(stores, lambda: small_values(board, sector), self.log)
        try:
            self.members.open(bad[1])
        except StoreError as error:
            self.log.error(error, "member cache")  # advisory: without it every balance comes from the switch
        self.clock = Clock(board.rtc(), max(_BUILT_UTC, self.journal.newest_utc()), _BUILT_UTC)
        self.clock.start()

    def _build_switch(self, board: "Board", start: "Start") -> None:
        settings, text, number = start.settings, start.settings.text, start.settings.number
        jitter = jitter_of(text("terminal_id"))
        identity = self.identity = Identity(
            text("terminal_id"), text("merchant_id"), number("nii"), number("currency"), number("ruleset"), VERSION
        )
        keys = MacKeys(number("kid"), settings.secret_bytes("mac_out"), settings.secret_bytes("mac_in"))
        packed = text("wire") == "bcd"
        messages = self.messages = Messages(identity, keys, packed)
        link = Link(
            settings.addresses(),
            text("switch_name"),
            start.ca_der,
            text("wifi_ssid"),
            settings.secret_text("wifi_psk"),
            tpdu=tpdu_to(number("nii")) if packed else b"",
            client=start.client,
        )
        board.set_time(self.clock.now_utc())  # by which TLS checks certificates
        orders = orders_of(self, keys, start.halt, start.offered)
        self.session = Session(
            link,
            messages,
            self.clock,
            self.journal,
            self.log,
            lambda: board.random_number(31),
            jitter=jitter,
            orders=orders,
        )
        self.session.on_network.append(self._hear)
        self.session.says.append(self._says)
        self.forward = Forward(self.journal, self.session, messages, self.clock, self.log, self.members.put, jitter)

    def _build_person(self, board: "Board", display: "Any", settings: "Settings") -> None:
        self.keys = Keys(board.keypad())
        self.signals = Signals(board.sounder(), board.lamps())
        self._reader_beat = _unwatched
        chip, group = board.reader_chip(), settings.secret_bytes("card_group")
        card_keys = CardKeys(group) if group else None  # without: every card it would open counts by its UID
        aes = None
        if settings.text("aes_way") != "off":
            from firmware.cards.aes_member import AesMembers  # some KB of heap that not every shop needs

            aes = AesMembers(chip, settings.text("aes_way"), card_keys, self._relay)
        self.reader = CardReader(chip, card_keys, self.log, lambda _seen: self.signals.click(), self._beat_reader, aes)
        seconds = settings.number
        times = Times(seconds("question_s") * 1000, seconds("card_s") * 1000, seconds("outcome_s") * 1000)
        self.panel = Panel(
            Canvas(display, self.log),
            self.keys,
            self.reader,
            self.signals,
            catalogue.load(settings.text("language")),
            times,
            self.log,
        )

    def _build_cashier(self, board: "Board", settings: "Settings") -> None:
        text, number = settings.text, settings.number
        rules = Rules(
            number("earn_unit"),
            number("earn_rate"),
            number("redeem_threshold"),
            number("redeem_step"),
            number("point_value"),
            number("ruleset"),
        )
        self.hotlist = Hotlist(_CONFIG + "/refused.dat", self.log)
        if self.in_force.rows:
            self.hotlist.use(_CONFIG + "/hotlist.dat", HOTLIST_AT, self.in_force.rows)
        hot = self.hotlist
        self.forward.on_refused = lambda uid, rc: hot.heard(uid, rc, self.clock.now_utc())
        review_above = number("offline_review_above")
        spending, allowances = self._spending(settings)
        policy = OfflinePolicy(
            settings.flag("offline_earn"), number("offline_records"), review_above, hot.blocked, hot.heard, spending
        )
        policy.warn_age_s, policy.max_age_s = number("offline_warn_h") * 3600, number("offline_max_h") * 3600
        books = Books(
            self.journal, self.members, self.session, self.clock, rules, policy, self.forward, self.log, allowances
        )
        shop = Shop(text("merchant_name"), text("merchant_id"), text("terminal_id"))
        teller = Teller(self.panel, board.printer(), shop, self.log)
        limits = Limits(number("max_amount"), number("again_within_s"))
        self.counter = Counter(
            self.panel, books, self.session, self.journal, self.clock, teller, shop, limits, self.log, self
        )
        self.desk = Desk(self.counter)
        quiet = Quiet(self.desk.quiet, (self.session.stir, self.reader.stir))
        self.downloads = Downloads(self, _CONFIG, number("member_refresh_s"), self.desk.quiet)
        journal = self.journal
        works = (journal.idle_work, self.members.idle_work, self._bad_sectors.idle_work)
        self.housekeeping = Housekeeping(quiet, works, books.recover_if_due, self._retire)

    def _spending(self, settings: "Settings") -> "tuple[Spending | None, Allowances | None]":
        """What spending without the switch needs, where it is wanted."""
        number, flag = settings.number, settings.flag
        if not flag("offline_redeem"):
            return None, None
        from firmware.loyalty.allowances import Allowances  # some KB of heap that not every shop needs
        from firmware.loyalty.offline import Spending
        from firmware.switch.reserve import ended

        allowances = Allowances(self.members, self.journal, self.clock, self.members.complete)
        self.session.says.append(lambda: ended(allowances.ended_utc()))
        self.forward.spends = allowances
        spending = Spending(
            number("offline_redeem_max"),
            number("offline_redeem_total"),
            number("offline_redeem_age_h") * 3600,
            flag("offline_redeem_legacy"),
            flag("offline_redeem_risk"),
        )
        return spending, allowances

    async def run(self) -> None:
        """Sell, for ever."""
        supervisor = Supervisor(self.log, self.board.watchdog(), self._fault)
        self._supervisor = supervisor
        supervisor.start("keys", self.keys.run, Policy(_KEYS_SILENCE_MS))
        supervisor.start("signals", self.signals.run, Policy())
        supervisor.start("reader", self._run_reader, Policy(_READER_SILENCE_MS))
        supervisor.start("desk", self.desk.run, Policy(_DESK_SILENCE_MS))
        supervisor.start("link", self.session.run, Policy(_LINK_SILENCE_MS))
        supervisor.start("queue", self._run_queue, Policy(_QUEUE_SILENCE_MS))
        supervisor.start("downloads", self._run_downloads, Policy())
        supervisor.start("housekeeping", self.housekeeping.run, Policy())
        supervisor.start("console", self.console.run, Policy())
        self.log.event("Vafa {} on {}, start took {} ms".format(VERSION, self.board.name, self._age_ms()))
        await supervisor.run()

    def _retire(self) -> None:
        """Members of whom the switch told nothing for long leave the cache."""
        if self.clock.quality != CLOCK_NEVER_SET:
            self.members.retire(self.clock.now_utc() - _KEEP_MEMBERS_S)

    def _beat_reader(self) -> None:
        self._reader_beat()

    async def _relay(self, uid: bytes, step: bytes) -> "tuple[bytes, Reply]":
        """The switch's part in proving a card that lies on the reader; the reader's task waits for it."""
        self._reader_beat()
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
        self._reader_beat = beat
        await self.reader.run()

    def status(self) -> "list[str]":
        """The console's status lines."""
        if self.journal.loading():
            return ["Vafa {} {}, {} sectors to read".format(VERSION, self.board.name, self.journal.loading())]
        now = self.counter.status()
        lines = [
            "Vafa {} {} up {} s start {}".format(VERSION, self.board.name, self.uptime_s(), self._start_number),
            "terminal {}".format(self.counter.shop.terminal_id),
            "link {} {}".format("online" if now.online else "offline", self.session.fault),
            "waiting {} oldest {} s rejected {}".format(now.waiting, now.oldest_age_s, now.rejected),
            "clock quality {}".format(self.clock.quality),
            "spending offline {}".format(self.counter.books.policy.spends()),
            "loaded from the switch: {}, {} cards refused here".format(self.downloads.status(), self.hotlist.own()),
            self._reader_status(),
            "keys check value {}, wrapped with the chip's number only".format(self.master.tag(bytes(16))[:3].hex()),
        ]
        with visit("firmware.service.health"):
            from firmware.service import health  # a technician's, too

            lines += health.lines(self.journal, self.members, self.housekeeping, self._key_copies)
        return lines + ["task {} restarted {}".format(*task) for task in self._supervisor.restarts() if task[1]]

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
        """What carries out the words that need a right; a technician's, so it takes no heap before. For a visit, which
        it outlives as long as a right stands."""
        if self._custody is None:
            load("firmware.service.custody")
            from firmware.service.custody import Custody

            self._custody = Custody(self)
        return self._custody

    def rights(self) -> "Any":
        """Console rights, for the keypad too."""
        return self._service().rights()

    def letters(self) -> "Any":
        """What the switch refused for good; for a visit, when somebody looks, or the switch clears one."""
        if self._letters is None:
            load("firmware.switch.letters")
            from firmware.switch.letters import Letters

            self._letters = Letters(self.journal, self.session, self.messages, self.clock, self.log, self.members.put)
            self._letters.on_resolved = self.forward.resolved
            self._letters.said = self._letter_said
        return self._letters

    def shift(self) -> "Any":
        """What ends a shift; for a visit."""
        load("firmware.cashier.shift")
        from firmware.cashier.shift import Shift
        from firmware.switch.batch import Closing

        closing = Closing(self.journal, self.session, self.messages, self.clock, self.log, self._session_number)
        return Shift(lambda: small_values(self.board, self.sector), closing)

    def _over(self) -> None:
        """The last visit is over: what has nothing left to remember goes, too."""
        if self._custody is not None and self._custody.idle():
            self._custody = None
        if self._letters is not None and self._letters.idle():
            self._letter_said, self._letters = self._letters.said, None

    def _export(self) -> "Any":
        """All the journal holds; it works on when its visit is over."""
        with visit("firmware.store.export"):
            return self.journal.export()

    def _session_number(self) -> int:
        return self.board.random_number(31)

    def _hear(self, answer: "Answer") -> None:
        if TAG_ADMIN in answer.tags:
            with visit():
                self.letters().hear(answer)

    def _says(self) -> "list[tuple[int, bytes]]":
        if self._letters is None:
            return []
        with visit():
            return self._letters.says()

    def _age_ms(self) -> int:
        return ticks_diff(ticks_ms(), self._started)

    def _fault(self, where: str, error: Exception) -> None:
        # Once a task and start: a fault that returns every second must not wear the flash out.
        if where not in self._recorded and not isinstance(error, VafaError):
            self._recorded.append(where)
            faults.record(faults.trace_of(error, sys.print_exception), where)


def _unwatched() -> None:
    """Nobody counts heartbeats yet."""


def run(terminal: App) -> None:
    """Sell until the power goes."""
    asyncio.run(terminal.run())
