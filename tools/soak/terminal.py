"""One terminal: the firmware's own rooms, joined as `firmware.app` joins them, around modelled flash, clock and line.

What stands in for hardware: the screen (`Eyes`), the keypad (`Hands`, keys without a scan), the reader (`Tap`), lamps,
printer and battery clock. Everything between them is the product. Power comes and goes; a cut ends every task at once
and nothing that still runs counts.
"""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from firmware.cashier.books import Books
from firmware.cashier.counter import Counter, Limits
from firmware.cashier.desk import Desk
from firmware.cashier.shift import Shift
from firmware.cashier.teller import Teller
from firmware.core.clock import Clock
from firmware.core.errors import Cancelled, StoreError, VafaError
from firmware.core.log import Log
from firmware.core.reference import rrn_of
from firmware.core.types import CLOCK_NEVER_SET, Transaction
from firmware.loyalty.allowances import Allowances
from firmware.loyalty.offline import OfflinePolicy, Spending
from firmware.loyalty.rules import Rules
from firmware.receipt.content import Shop
from firmware.receipt.lines import Form
from firmware.receipt.spool import Spool
from firmware.screen.panel import Panel, Times
from firmware.screen.signals import Signals
from firmware.service.housekeeping import Housekeeping, Quiet
from firmware.service.supervisor import Policy, Supervisor
from firmware.store.buckets import Buckets
from firmware.store.journal import Journal
from firmware.store.members import Members
from firmware.store.seal import Sealer
from firmware.store.slots import Slots
from firmware.switch.batch import Closing
from firmware.switch.forward import Forward
from firmware.switch.letters import Letters
from firmware.switch.link import tpdu_to
from firmware.switch.mac import MacKeys
from firmware.switch.messages import Identity, Messages
from firmware.switch.reserve import ended
from firmware.switch.session import Session, jitter_of
from tools.sim.chips.nor import PowerCut
from tools.soak.eyes import Eyes
from tools.soak.flash import Flash
from tools.soak.hardware import Battery, Hands, Paper, Still, Tap, english
from tools.soak.network import Network, Radio
from tools.soak.timeline import Pace, Timeline, enter
from tools.soak.weather import Weather

MERCHANT = "SOAK-SHOP-00001"
NII = 311
KID = 1
_BUILT_UTC = 1_795_305_600
_KEEP_MEMBERS_S = 90 * 86_400
_KILL_ROUNDS = 50
_STRIDE_MS = 20
VITAL = {"desk": 45_000, "link": 90_000, "queue": 60_000}


@dataclass
class Settings:
    """What the office may change between two days; names as in settings.json."""

    earn_unit: int = 1_000
    earn_rate: int = 1
    redeem_threshold: int = 500
    redeem_step: int = 100
    point_value: int = 100
    ruleset: int = 1
    max_amount: int = 1_000_000_000
    offline_earn: bool = True
    offline_records: int = 500
    offline_review_above: int = 100_000_000
    again_within_s: int = 120
    offline_redeem: bool = False
    offline_redeem_max: int = 2_000
    offline_redeem_total: int = 20_000
    offline_redeem_age_h: int = 72
    offline_redeem_legacy: bool = False
    hotlist: set[bytes] = field(default_factory=set)


class Terminal:
    """Off at first. `story` is the UID of the card the person has in hand, for who reads the screen."""

    def __init__(
        self,
        name: str,
        timeline: Timeline,
        chance: random.Random,
        true_utc: Callable[[], float],
        see: Callable[[Terminal], None],
        say: Callable[[str, str], None],
        died: Callable[[Terminal], None],
    ) -> None:
        self.name = name
        self.chance = chance
        self.timeline = timeline
        self.weather = Weather(chance)
        self.pace = Pace(timeline)
        self.eyes = Eyes(lambda: timeline.now_us, lambda _eyes: see(self) if self.powered else None)
        self.settings = Settings()
        self.little_memory = chance.random() < 0.3
        self.packed = chance.random() < 0.3
        self.tpdu = tpdu_to(NII) if self.packed else b""
        self.mac_out, self.mac_in = chance.randbytes(16), chance.randbytes(16)
        self.master = chance.randbytes(16)
        self.battery = Battery(true_utc)
        self.story = ""
        self.powered = False
        self.starts = 0
        self.faded = False
        self.waiting_for = ""
        self.waiting_us = 0  # since when the person waits for the switch, 0 not
        self.bad = b"", b""
        self.beats: dict[str, tuple[int, int]] = {}  # task to (last beat, longest gap) in microseconds
        self.crashes: list[str] = []
        self._say = say
        self._died = died
        self._network: Network | None = None
        self.new_flash()

    def new_flash(self) -> None:
        """A board nothing was ever written on."""
        self.flash = Flash(self.timeline, self.chance.getrandbits(32), self.little_memory, self._lose_power)
        self.bad = b"", b""

    def join(self, network: Network) -> None:
        """Which network its radio finds."""
        self._network = network

    # --- power --------------------------------------------------------------------------------------------------------

    def power_on(self) -> bool:
        """Start; False when the power failed again within the start."""
        self.flash.off = False
        self.powered = True
        self.starts += 1
        try:
            self._build()
        except PowerCut:
            return False
        asyncio.get_running_loop().create_task(self._run())
        return True

    def _lose_power(self) -> None:
        """At this moment: nothing that still runs counts."""
        self.powered = False
        self.eyes.go_dark()
        self._died(self)

    def pull_plug(self) -> None:
        """The power goes between two flash operations."""
        self.flash.off = True
        self._lose_power()

    def keep_bad_sectors(self) -> None:
        """What `firmware.service.bad_sectors` keeps in the small values."""
        journal, members = self._bad_sectors()
        self.bad = journal if any(journal[4:]) else b"", members if any(members[4:]) else b""

    def _bad_sectors(self) -> tuple[bytes, bytes]:
        return self.journal.bad_sectors(), self.members.bad_sectors()

    def rrn(self, transaction: Transaction) -> str:
        """The reference that screen and ledger know a transaction by."""
        return rrn_of(transaction.seq, transaction.time_utc)

    async def off(self) -> None:
        """No power, and every task is gone when this returns."""
        if self.powered:
            self._lose_power()
        self.flash.off = True
        for _ in range(_KILL_ROUNDS):
            if not self.pace.tasks:
                break
            for task in list(self.pace.tasks):
                task.cancel()
            await asyncio.sleep(0)
        else:
            raise RuntimeError(f"{self.name}: tasks that do not end: {list(self.pace.tasks)}")
        self.flash.power_on()

    def rest(self, seconds: int) -> None:
        """Nobody touches it for so long."""
        self.pace.rest_until_us = self.timeline.now_us + seconds * 1_000_000

    # --- the composition root -----------------------------------------------------------------------------------------

    def _build(self) -> None:
        chance, flash = self.chance, self.flash
        self.log = log = Log(200, self._echo)
        sector = bytearray(4096)
        sealer = Sealer(self.master, self.name.encode())
        cache = Buckets if self.little_memory else Members
        self.members = cache(flash.members(), sealer, chance.getrandbits(32), flash.page_only, sector)
        self.journal = journal = Journal(flash.journal(), sealer, chance.getrandbits(32), flash.page_only, sector)
        journal.open(self.bad[0])
        try:
            self.members.open(self.bad[1])
        except StoreError as error:
            log.error(error, "member cache")
        self.clock = clock = Clock(self.battery, max(_BUILT_UTC, journal.newest_utc()), _BUILT_UTC)
        clock.start()
        self._build_switch(log)
        self._build_cashier(log)

    def _build_switch(self, log: Log) -> None:
        assert self._network is not None
        settings, jitter = self.settings, jitter_of(self.name)
        messages = self._messages = Messages(
            Identity(self.name, MERCHANT, NII, 364, settings.ruleset, "soak"),
            MacKeys(KID, self.mac_out, self.mac_in),
            self.packed,
        )
        self.session = Session(
            Radio(self._network, self),
            messages,
            self.clock,
            self.journal,
            log,
            lambda: self.chance.getrandbits(31),
            jitter=jitter,
        )
        self.forward = Forward(self.journal, self.session, messages, self.clock, log, self.members.put, jitter)

    def _build_cashier(self, log: Log) -> None:
        settings, quiet = self.settings, Still()
        self.hands, self.tap = Hands(self.pace), Tap()
        panel = Panel(
            self.eyes,  # type: ignore[arg-type]
            self.hands,
            self.tap,
            Signals(quiet, quiet),
            english(),
            Times(60_000, 30_000, 20_000),
            log,
        )
        rules = Rules(
            settings.earn_unit,
            settings.earn_rate,
            settings.redeem_threshold,
            settings.redeem_step,
            settings.point_value,
            settings.ruleset,
        )
        spending, allowances = self._spending()
        policy = OfflinePolicy(
            settings.offline_earn,
            settings.offline_records,
            settings.offline_review_above,
            settings.hotlist.__contains__,
            spending=spending,
        )
        self.books = Books(
            self.journal, self.members, self.session, self.clock, rules, policy, self.forward, log, allowances
        )
        shop = Shop("Soak", MERCHANT, self.name)
        teller = Teller(panel, Spool(Paper(), log, Form()), shop, log)
        limits = Limits(settings.max_amount, settings.again_within_s)
        self.desk = Desk(
            Counter(panel, self.books, self.session, self.journal, self.clock, teller, shop, limits, log, self)
        )
        rest = Quiet(self.desk.quiet, (self.session.stir,))
        works = (self.journal.idle_work, self.members.idle_work)
        self.housekeeping = Housekeeping(rest, works, self.books.recover_if_due, self._retire)

    def _spending(self) -> tuple[Spending | None, Allowances | None]:
        settings = self.settings
        if not settings.offline_redeem:
            return None, None
        members = self.members
        complete = members.working if isinstance(members, Buckets) else members.complete
        allowances = Allowances(members, self.journal, self.clock, complete)
        self.session.says.append(lambda: ended(allowances.ended_utc()))
        self.forward.spends = allowances
        spending = Spending(
            settings.offline_redeem_max,
            settings.offline_redeem_total,
            settings.offline_redeem_age_h * 3600,
            settings.offline_redeem_legacy,
        )
        return spending, allowances

    chosen = b"en\x03\x00"

    def choose(self, choice: bytes) -> None:
        """The office of the counter: language, brightness and sounds, which nobody here changes."""
        raise AssertionError(choice)

    def letters(self) -> Letters:
        """The office of the counter: what the switch refused for good."""
        letters = Letters(self.journal, self.session, self._messages, self.clock, self.log, self.members.put)
        letters.spends = self.forward.spends
        return letters

    def shift(self) -> Shift:
        """The office of the counter: what ends a shift."""
        chance, flash = self.chance, self.flash
        closing = Closing(
            self.journal, self.session, self._messages, self.clock, self.log, lambda: chance.getrandbits(31)
        )
        sealer = Sealer(self.master, b"", b"vafa-slots")
        return Shift(lambda: Slots(flash.vault(), sealer, chance.getrandbits(32), flash.page_only), closing)

    def rights(self) -> NoReturn:
        """Nobody here has any right to resolve them."""
        raise Cancelled()

    def statements(self) -> NoReturn:
        raise AssertionError("nobody here asks for a statement")

    async def _run(self) -> None:
        enter(self.pace)
        asyncio.get_running_loop().create_task(self._supervised())

    async def _supervised(self) -> None:
        supervisor = Supervisor(self.log, _Watchdog(), self._crashed)
        self.beats = {}
        for name, run in (
            ("desk", self.desk.run),
            ("link", self.session.run),
            ("queue", self._run_queue),
            ("housekeeping", self.housekeeping.run),
        ):
            supervisor.start(name, functools.partial(self._beating, name, run), Policy(VITAL.get(name, 0)))
        await supervisor.run()

    async def _beating(self, name: str, run: Callable[..., Any], beat: Callable[[], None]) -> None:
        self.beats[name] = self.timeline.now_us, self.beats.get(name, (0, 0))[1]

        def noted() -> None:
            last, longest = self.beats[name]
            now = self.timeline.now_us
            self.beats[name] = now, max(longest, now - last)
            beat()

        await run(noted)

    async def _run_queue(self, beat: Callable[[], None]) -> None:
        while not self.books.started:
            beat()
            await asyncio.sleep(_STRIDE_MS / 1000)
        await self.forward.run(beat)

    def _retire(self) -> None:
        if self.clock.quality != CLOCK_NEVER_SET:
            self.members.retire(self.clock.now_utc() - _KEEP_MEMBERS_S)

    # --- what others hear ---------------------------------------------------------------------------------------------

    def _crashed(self, where: str, error: Exception) -> None:
        if not isinstance(error, VafaError):
            self.crashes.append(f"{where}: {type(error).__name__} {error}")

    def _echo(self, line: str) -> None:
        if self.powered:
            self._say(self.name, line)


class _Watchdog:
    def feed(self) -> None:
        """Nobody resets a model; the longest silence is judged instead."""
