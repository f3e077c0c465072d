"""A day at one terminal: people come, and things happen to power, flash, clock, settings, cards and the line.

Draws from the run's chance, so what happens here happens again with the same seed.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from firmware.store.journal import Journal
from firmware.store.seal import Sealer
from tools.sim.chips.nor import PowerCut
from tools.soak.person import ALL, BALANCE, REDEEM, SALE, SEND, SHIFT, VOID, Errand, Person
from tools.soak.terminal import Settings, Terminal
from tools.soak.timeline import LONGEST_STRETCH_MS

if TYPE_CHECKING:
    from tools.soak.world import World

_AMOUNTS = (1_000, 12_500, 125_000, 640_000, 1_999_999, 15_000_000)
_CLOSED_S = 86_400
_RAIDS = 0.12
_WAKE_S = LONGEST_STRETCH_MS // 1000  # after so long nothing sleeps that slept in a long rest
_STARTS = 6  # power may fail in so many starts in a row, then it stays


class Life:
    """What one terminal goes through."""

    def __init__(self, world: World, terminal: Terminal) -> None:
        self.world = world
        self.terminal = terminal
        self.chance: random.Random = terminal.chance
        self.person = Person(terminal, self.chance)
        self.idle_until_us = 0  # nobody of its own comes until then; somebody else's may
        self.counter = asyncio.Lock()  # one person at a time stands here
        terminal.battery.drift_ppm = self.chance.choice((0.0, 0.0, 40.0, -400.0))
        terminal.settings.offline_redeem = terminal.settings.offline_redeem_legacy = self.chance.random() < 0.6

    async def day(self, stories: int) -> None:
        """From opening to closing time."""
        chance, terminal = self.chance, self.terminal
        self._configure()
        await self._rest(chance.randint(1, 30))
        await self._start()
        if chance.random() < 0.6:
            self._weather()
        for _ in range(chance.randint(max(1, stories // 2), stories)):
            await self._rest(self._gap_s())
            self._happen()
            if not terminal.powered:
                await self._start()
            errand = self._errand()
            self.world.count(f"story: {errand.verb}")
            if chance.random() < 0.04:
                asyncio.get_running_loop().call_later(chance.uniform(0, 8), self._switch_off, terminal.starts)
            await self.serve(errand)
            if not terminal.powered:
                await self._start()
            if chance.random() < _RAIDS:
                await self._raid()
        async with self.counter:
            self._idle(_CLOSED_S)

    async def serve(self, errand: Errand) -> None:
        """One person, when the one before has gone."""
        async with self.counter:
            pace = self.terminal.pace
            pace.attended = True
            end = await self.person.do(errand)
            pace.attended, pace.rest_until_us = False, self.idle_until_us
        self.world.count(f"end: {end or 'given up'}")

    async def _raid(self) -> None:
        """All that a member has, at two counters at once: somebody chooses there while points are reserved here, and
        then the line goes here and they are spent."""
        chance, world = self.chance, self.world
        free = [life for life in world.lives if life.terminal.powered and not life.counter.locked()]
        chance.shuffle(free)
        free.sort(key=lambda life: not life.terminal.settings.offline_redeem)  # who spends offline comes first
        if len(free) < 2:
            return
        world.count("story: raid")
        here, there = free[0], free[-1]
        wallet = (
            max(world.wallets, key=world.switch.points_of) if chance.random() < 0.8 else chance.choice(world.wallets)
        )
        card = chance.choice(wallet)
        for life in (here, there):
            life.terminal.rest(_WAKE_S)  # perhaps in the middle of a longer rest
        await asyncio.sleep(_WAKE_S)
        everything = Errand(REDEEM, chance.choice(wallet), 0, ALL, True, False, False, chance.uniform(4, 20))
        spending = asyncio.create_task(there.serve(everything))
        await asyncio.sleep(chance.uniform(0, 5))
        for verb in chance.choice(((SALE,), (BALANCE,), (SALE, BALANCE))):
            await here.serve(Errand(verb, card, chance.choice(_AMOUNTS), 0, True, False, False))
        weather = here.terminal.weather
        wifi, weather.wifi = weather.wifi, False
        world.network.fail(here.terminal)
        await here.serve(Errand(REDEEM, card, 0, ALL, True, False, False))
        weather.wifi = wifi or world.healed
        await spending

    async def evening(self) -> None:
        """Switched off, mostly in order."""
        if self.terminal.powered:
            self.terminal.keep_bad_sectors()
        await self.terminal.off()

    # --- power --------------------------------------------------------------------------------------------------------

    def _switch_off(self, start: int) -> None:
        if self.terminal.powered and self.terminal.starts == start and not self.world.healed:
            self.world.count("fault: switched off")
            self.terminal.pull_plug()

    async def _start(self) -> None:
        """Power again, if it is off, after a while; the start may be cut too."""
        terminal, chance = self.terminal, self.chance
        for left in reversed(range(_STARTS)):
            if terminal.powered:
                return
            await terminal.off()
            await self._rest(chance.choice((1, 5, 30, 30, 2_000)))
            if left and chance.random() < 0.2:
                self.world.say(terminal.name, terminal.flash.arm(chance, 6))
                self.world.count("fault: power cut in a start")
            terminal.power_on()
            if terminal.powered:
                await self._rest(chance.randint(1, 4))
        if not terminal.powered:
            await terminal.off()
            terminal.power_on()

    # --- time ---------------------------------------------------------------------------------------------------------

    def _gap_s(self) -> int:
        chance = self.chance
        draw = chance.random()
        if draw < 0.55:
            return chance.randint(1, 10)
        if draw < 0.87:
            return chance.randint(10, 90)
        return chance.randint(120, 900) if draw < 0.97 else chance.randint(1_800, 9_000)

    async def _rest(self, seconds: int) -> None:
        """Nobody is at the terminal."""
        async with self.counter:
            self._idle(seconds)
        await asyncio.sleep(seconds)
        self._idle(0)

    def _idle(self, seconds: int) -> None:
        self.terminal.rest(seconds)
        self.idle_until_us = self.terminal.pace.rest_until_us

    # --- what people want ---------------------------------------------------------------------------------------------

    def _errand(self) -> Errand:
        chance = self.chance
        verb = chance.choices((SALE, REDEEM, BALANCE, SEND, SHIFT, VOID), (57, 22, 11, 2, 4, 4))[0]
        amount = chance.choice(_AMOUNTS) + chance.choice((0, 0, 500))
        card = chance.choice(self.world.cards)
        return Errand(
            verb,
            card,
            amount,
            chance.choice((0, 1, 2, 3, 4, ALL)),
            chance.random() < 0.8,
            chance.random() < 0.05,
            chance.random() < 0.1,
        )

    # --- what happens -------------------------------------------------------------------------------------------------

    def _happen(self) -> None:
        """Things that happen to terminals."""
        for what, often in (
            (self._weather, 0.4),
            (self._cut, 0.1),
            (self._fade, 0.04),
            (self._spoil, 0.02),
            (self._clock, 0.04),
            (self._block, 0.03),
            (self._switch_down, 0.04),
            (self._line, 0.05),
            (self._replace, 0.01),
        ):
            if self.chance.random() < often:
                what()

    def _weather(self) -> None:
        name = self.terminal.weather.change()
        self.world.say(self.terminal.name, f"weather {name}")
        self.world.count(f"weather: {name}")
        if not self.terminal.weather.wifi:
            self.world.network.fail(self.terminal)

    def _cut(self) -> None:
        if self.terminal.powered and not self.terminal.flash.cut_in:
            self.world.say(self.terminal.name, self.terminal.flash.arm(self.chance, 14))
            self.world.count("fault: power cut")

    def _fade(self) -> None:
        told = self.terminal.flash.fade(self.chance) if not self.terminal.faded else ""
        if told:
            self.terminal.faded = True
            self.world.say(self.terminal.name, told)
            self.world.count("fault: faded cell")

    def _spoil(self) -> None:
        if not self.terminal.flash.bad_blocks:
            self.world.say(self.terminal.name, self.terminal.flash.spoil(self.chance))
            self.world.count("fault: bad sector")

    def _clock(self) -> None:
        battery = self.terminal.battery
        battery.error_s += self.chance.choice((-90_000, -3_700, -65, 65, 3_700, 90_000))
        battery.lost = battery.lost or self.chance.random() < 0.2
        self.world.say(self.terminal.name, f"battery clock is {battery.error_s:.0f} s off")
        self.world.count("fault: clock jumps")

    def _block(self) -> None:
        card = self.chance.choice(self.world.cards)
        state = self.chance.choice(("lost", "stolen", "active"))
        ledger = self.world.switch.ledger
        if ledger.balance_of_card(card.uid) is not None:
            ledger.set_card(card.uid, state)
            self.world.say("office", f"card {card.uid.hex().upper()} is {state}")
            self.world.count(f"card {state}")

    def _switch_down(self) -> None:
        world = self.world
        if not world.switch.up:
            return
        seconds = self.chance.choice((20, 200, 3_000, 9_000))
        world.say("switch", f"down for {seconds} s")
        world.count("fault: switch down")
        world.switch.up = False
        world.network.fail()

        def up_again() -> None:
            world.switch.up = True
            world.say("switch", "up")

        asyncio.get_running_loop().call_later(seconds, up_again)

    def _line(self) -> None:
        self.world.count("fault: line cut")
        self.world.network.fail(self.terminal)

    def _replace(self) -> None:
        """The board is swapped: a fresh store under the same name. What waited in the old one is lost with it."""
        terminal, world = self.terminal, self.world
        if terminal.powered:
            terminal.pull_plug()
        flash = terminal.flash
        flash.power_on()
        journal = Journal(flash.journal(), Sealer(terminal.master, terminal.name.encode()), 1, flash.page_only)
        try:
            journal.open()
        except PowerCut:
            return
        left = list(journal.pending()) + list(journal.unanswered())
        for item in left:
            entry = journal.find(item.original_seq) if item.original_seq else None
            for lost in (item, entry.transaction if entry is not None else item):
                world.evidence.excused[terminal.name, terminal.rrn(lost)] = "the terminal was replaced"
        for letter, rc in journal.dead():
            world.evidence.dead[terminal.name, terminal.rrn(letter)] = letter.seq, rc
        world.say(terminal.name, f"replaced, {len(left)} records lost with it")
        world.count("fault: terminal replaced")
        world.evidence.counts["lost with a terminal"] += len(left)
        terminal.new_flash()
        terminal.battery.lost = True
        terminal.faded = False

    def _configure(self) -> None:
        """Another day, perhaps other limits."""
        chance = self.chance
        if chance.random() < 0.5:
            return
        self.world.count("settings changed")
        self.terminal.settings = Settings(
            earn_rate=chance.choice((1, 1, 2)),
            redeem_threshold=chance.choice((500, 500, 200, 1_000)),
            redeem_step=chance.choice((100, 100, 50)),
            max_amount=chance.choice((1_000_000_000, 1_000_000)),
            offline_earn=chance.random() < 0.85,
            offline_records=chance.choice((500, 500, 4)),
            offline_review_above=chance.choice((100_000_000, 500_000)),
            again_within_s=chance.choice((120, 0)),
            offline_redeem=chance.random() < 0.7,
            offline_redeem_max=chance.choice((2_000, 600)),
            offline_redeem_total=chance.choice((20_000, 900)),
            offline_redeem_legacy=chance.random() < 0.7,
            hotlist={chance.choice(self.world.cards).uid} if chance.random() < 0.2 else set(),
        )
