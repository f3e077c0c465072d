"""One run: terminals, members, cards and a switch for some days, then everything healed and drained.

What happens is drawn from the seed as the days go by; `evidence` holds what was seen. Judges nothing but what it cannot
go on without. Times of the timeline are microseconds, the switch's are whole seconds UTC and true.
"""

from __future__ import annotations

import asyncio
import random

from firmware.core.types import AUTH_AES, AUTH_LEGACY, AUTH_UID, CardData
from tools.bench_switch.grants import GROUP, LEGACY
from tools.soak import eyes
from tools.soak.evidence import Evidence, Lost, Told
from tools.soak.life import Life
from tools.soak.network import Network
from tools.soak.person import SALE, Errand, Person
from tools.soak.switch import Answer, Switch
from tools.soak.terminal import KID, Terminal
from tools.soak.timeline import Timeline

START_UTC = 1_795_400_000
_DRAIN_S = 8 * 3600  # a reversal the switch refused is tried again after four hours at most
_STEP_S = 5
_LAST_UID = bytes.fromhex("0A0B0C0D")
_NIGHT_S = (6 * 3600, 14 * 3600)


class World:
    """`stories` is how many people come to each terminal on a day."""

    def __init__(self, seed: int, days: int, stories: int, timeline: Timeline) -> None:
        self.chance = random.Random(f"vafa soak {seed}")
        self.timeline = timeline
        self.days, self.stories = days, stories
        self.evidence = Evidence()
        self.switch = Switch(self.now_utc, self.evidence, self._heard)
        self.network = Network(self.switch, self.chance, self.evidence, self.say, self._reached)
        self.terminals = [self._terminal(number) for number in range(self.chance.randint(2, 4 if days > 1 else 3))]
        self.opening: dict[str, int] = {}
        self.wallets: list[list[CardData]] = []  # of each member the cards that may spend
        self.lives: list[Life] = []
        self.cards = self._cards()
        self.drained = False
        self.healed = False

    # --- who there is -------------------------------------------------------------------------------------------------

    def _terminal(self, number: int) -> Terminal:
        chance = random.Random(self.chance.getrandbits(64))
        terminal = Terminal(
            f"SOAK{number + 1:04d}", self.timeline, chance, self.true_utc, self._see, self.say, self._died
        )
        terminal.join(self.network)
        self.switch.enrol(terminal.name, terminal.mac_out, terminal.mac_in, KID)
        return terminal

    def _cards(self) -> list[CardData]:
        """Members with a legacy or a group card, one with two, an unknown card, and a copy that shows a UID only."""
        chance, ledger, cards = self.chance, self.switch.ledger, []
        names = ("ali", "sara", "reza", "maryam")[: chance.randint(2, 4)]
        for number, name in enumerate(names):
            points = chance.choice((0, 700, 5_000, 20_000))
            member_no = ledger.add_member(name, 4711 + number, points)
            self.opening[name] = points
            self.wallets.append([])
            for _ in range(chance.choice((1, 1, 2))):
                uid = chance.randbytes(chance.choice((4, 7)))
                group = len(uid) == 7
                ledger.add_card(uid, name, GROUP if group else LEGACY)
                auth = AUTH_AES if group else AUTH_LEGACY
                cards.append(CardData(uid, "desfire" if group else "classic-1k", auth, member_no))
                self.wallets[-1].append(cards[-1])
        ledger.add_member("last", 4800)
        self.opening["last"] = 0
        ledger.add_card(_LAST_UID, "last")
        cards.append(CardData(chance.randbytes(4), "classic-1k", AUTH_UID))  # nobody's: it earns for a nameless member
        original = chance.choice(cards)
        cards.append(CardData(original.uid, "classic-1k", AUTH_UID))  # its UID on a blank card
        return cards

    # --- the clock and the log ----------------------------------------------------------------------------------------

    def true_utc(self) -> float:
        """The world's time."""
        return START_UTC + self.timeline.now_us / 1_000_000

    def now_utc(self) -> int:
        """The switch's clock, which is right."""
        return int(self.true_utc())

    def say(self, who: str, text: str) -> None:
        """One line of the run's log."""
        self.evidence.say(self.timeline.now_us, who, text)

    def count(self, what: str) -> None:
        """One more of these."""
        self.evidence.counts[what] += 1

    # --- what is seen -------------------------------------------------------------------------------------------------

    def _heard(self, terminal: str, line: str) -> None:
        self.say("switch", f"{terminal} {line}")

    def _reached(self, terminal: str, answer: Answer) -> None:
        self.evidence.counts["allowances told"] += answer.reserved
        if answer.balance is not None and answer.uid:
            self.evidence.told.append(Told(self.timeline.now_us, terminal, answer.uid, answer.balance))

    def _see(self, terminal: Terminal) -> None:
        seen = terminal.eyes
        if seen.kind != eyes.READY or seen.before != eyes.READY:  # an idle screen is drawn each minute
            self.say(terminal.name, "shows " + " | ".join(text for text in seen.texts() if text))
        waited_us = self.timeline.now_us - terminal.waiting_us
        if terminal.waiting_us and seen.kind != eyes.WAIT:
            longest = self.evidence.longest_wait_us
            longest[terminal.waiting_for] = max(longest.get(terminal.waiting_for, 0), waited_us)
        if seen.kind != eyes.WAIT:
            terminal.waiting_us = 0
        elif not terminal.waiting_us:
            terminal.waiting_us, terminal.waiting_for = self.timeline.now_us, seen.texts()[0]
        if seen.kind == eyes.BATCH:
            self.count(f"batch {seen.big}")
        shown = seen.shown(terminal.name)
        if shown is not None:
            self.evidence.shown.append(shown)
        if seen.voided_here():
            self.evidence.voided.add((terminal.name, seen.voided_here()))
        figure = seen.figure(terminal.name, terminal.story)
        if figure is not None:
            self.evidence.figures.append(figure)

    def _died(self, terminal: Terminal) -> None:
        self.say(terminal.name, "power lost")
        terminal.waiting_us = 0
        self.evidence.lost.append(Lost(self.timeline.now_us, terminal.name, terminal.story))

    # --- the run ------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """All days, then the end."""
        self.lives = lives = [Life(self, terminal) for terminal in self.terminals]
        for day in range(self.days):
            self.say("world", f"day {day + 1}")
            await asyncio.gather(*(asyncio.create_task(life.day(self.stories)) for life in lives))
            self.switch.up = True
            if day + 1 < self.days:
                await asyncio.gather(*(asyncio.create_task(life.evening()) for life in lives))
                await asyncio.sleep(self.chance.randint(*_NIGHT_S))
        await self._heal()
        self.drained = await self._drain()
        if self.drained:
            await self._sell_once_more()
            self.drained = await self._drain()
        for terminal in self.terminals:
            self._read_out(terminal)
            await terminal.off()

    async def _heal(self) -> None:
        """No more faults. What is bad on the flash stays bad; every terminal has power."""
        self.say("world", "healed")
        self.healed = True
        for terminal in self.terminals:
            terminal.weather.clear()
            if not terminal.powered:
                await terminal.off()
                self._restart(terminal)
            else:
                terminal.flash.power_on()
        if self.chance.random() < 0.5:
            self.network.fail()

    def _restart(self, terminal: Terminal) -> None:
        if not terminal.power_on():
            self.evidence.problems.append(f"{terminal.name} does not start")

    def _settled(self, terminal: Terminal) -> bool:
        if not terminal.powered or not terminal.books.started or terminal.journal.loading():
            return False
        return not terminal.journal.pending_count() and not list(terminal.journal.unanswered())

    async def _drain(self) -> bool:
        until_us = self.timeline.now_us + _DRAIN_S * 1_000_000
        rest_s = _STEP_S
        while self.timeline.now_us < until_us:
            if all(self._settled(terminal) for terminal in self.terminals):
                return True
            for terminal in self.terminals:
                terminal.rest(4 * rest_s)
            await asyncio.sleep(rest_s)
            rest_s = min(rest_s + 1, 40)
        return False

    async def _sell_once_more(self) -> None:
        """The terminals are as good as before: each signs on and sells."""
        for terminal in self.terminals:
            for other in self.terminals:
                other.rest(_DRAIN_S)
            terminal.pace.attended = True
            steady = 0
            for _ in range(1_500):  # a terminal that was told it is blocked asks again after ten minutes
                steady = steady + 1 if terminal.session.online() else 0
                if steady == 12:  # what broke before may show only now
                    break
                terminal.rest(12)
                await asyncio.sleep(1)
            terminal.rest(0)
            card = CardData(_LAST_UID, "classic-1k", AUTH_LEGACY)
            before = len(self.evidence.shown)
            errand = Errand(SALE, card, 900_000 + self.chance.randrange(99_999), 0, True, False, False)
            await Person(terminal, self.chance).do(errand)
            words = [shown.word for shown in self.evidence.shown[before:] if not shown.recall]
            if words != ["EARNED"]:
                screen = " | ".join(terminal.eyes.texts())
                self.evidence.problems.append(
                    f"{terminal.name} does not sell online when all is well: {words} {screen} {terminal.session.fault}"
                )

    def _read_out(self, terminal: Terminal) -> None:
        """What the journal holds at the end."""
        journal, evidence = terminal.journal, self.evidence
        evidence.pending[terminal.name] = [(item.seq, item.original_seq) for item in journal.pending()]
        evidence.open[terminal.name] = [item.seq for item in journal.unanswered()]
        for letter, rc in journal.dead():
            evidence.dead[terminal.name, terminal.rrn(letter)] = letter.seq, rc
        evidence.beats.update({(terminal.name, task): gap for task, (_, gap) in terminal.beats.items()})
        evidence.problems += [f"{terminal.name}: {crash}" for crash in terminal.crashes]
        if journal.gaps():
            evidence.counts["journal gaps"] += journal.gaps()
