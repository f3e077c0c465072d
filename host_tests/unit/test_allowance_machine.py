"""Two terminals, one card, any order of lines, cuts, restarts and lost caches, against the real switch's desk.

Terminals are the firmware's own books, allowances, policy and messages over stores that hold what was written and lose
the rest; the person and the postman are played here, in the order of the flows. Each write may be where the power goes.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware.cashier.books import Books, is_approved
from firmware.core.errors import Refused
from firmware.core.log import Log
from firmware.core.types import (
    APPROVED,
    AUTH_LEGACY,
    CLOCK_DRIFTED,
    CLOCK_OK,
    DEAD,
    OFFLINE,
    OFFLINE_LINK_DOWN,
    ONLINE,
    OPEN,
    REDEMPTION,
    REVERSAL,
    REVERSED,
    SETTLED,
    CardData,
    JournalEntry,
    Member,
    Reply,
    Result,
    Transaction,
)
from firmware.loyalty.allowances import Allowances, key_of
from firmware.loyalty.offline import OfflinePolicy, Spending
from firmware.loyalty.rules import Rules
from firmware.switch import reserve
from firmware.switch.forward import Forward
from firmware.switch.letters import Letters
from firmware.switch.mac import MacKeys
from firmware.switch.messages import Identity, Messages, Outgoing, booked_points
from firmware.switch.profile import ECHO, SETTLE, SIGN_ON, TRY_LATER, fate
from host_tests.unit.bench_client import ALI, KEY_IN, KEY_OUT, MERCHANT, NOW, furnish
from tools.bench_switch import Ledger, Programme
from tools.bench_switch.desk import Desk
from tools.bench_switch.faults import FaultScript
from tools.bench_switch.log import MessageLog

UID = bytes.fromhex(ALI)
CARD = CardData(UID, "classic-1k", AUTH_LEGACY, 1001)
START_POINTS = 5_000
HOUR = 3600


class PowerCut(Exception):
    """The terminal is off."""


class Silence(Exception):
    """No answer."""


class Power:
    """Counts writes; the one that brings `left` to 0 is the last, done or not done."""

    def __init__(self) -> None:
        self.left = 0
        self.done = False

    def write(self, change) -> None:
        if self.left:
            self.left -= 1
            if not self.left:
                if self.done:
                    change()
                raise PowerCut
        change()


class Journal:
    def __init__(self, power: Power) -> None:
        self.power = power
        self.entries: dict[int, JournalEntry] = {}
        self.pending_seqs: list[int] = []
        self.seq = 100

    def next_seq(self) -> int:
        self.seq += 1
        return self.seq

    def highest_seq(self) -> int:
        return self.seq

    def append(self, transaction: Transaction) -> None:
        def change() -> None:
            self.entries[transaction.seq] = JournalEntry(transaction, OPEN if transaction.mode == ONLINE else APPROVED)
            if transaction.mode == OFFLINE:
                self.pending_seqs.append(transaction.seq)
            if transaction.verb == REVERSAL:
                self.entries[transaction.original_seq].state = REVERSED

        self.power.write(change)

    def append_result(self, result: Result) -> None:
        def change() -> None:
            entry = self.entries[result.seq]
            self.entries[result.seq] = JournalEntry(entry.transaction, result.state, result)

        self.power.write(change)

    def end(self, seqs, state: int) -> None:
        def change() -> None:
            for seq in seqs:
                self.pending_seqs.remove(seq)
                self.entries[seq].state = state

        self.power.write(change)

    def find(self, seq: int) -> JournalEntry | None:
        return self.entries.get(seq)

    def unanswered(self) -> Iterator[Transaction]:
        return iter([e.transaction for e in self.entries.values() if e.state == OPEN])

    def dead(self) -> Iterator[tuple[Transaction, str]]:
        return iter([(entry.transaction, "57") for entry in self.entries.values() if entry.state == DEAD])

    def settle(self, seq: int) -> None:
        """Of a dead letter."""
        self.power.write(lambda: setattr(self.entries[seq], "state", SETTLED))

    def pending(self) -> Iterator[Transaction]:
        waiting = [self.entries[seq].transaction for seq in self.pending_seqs]
        return iter(sorted(waiting, key=lambda t: (t.verb != REVERSAL, t.seq)))

    def pending_of(self, uid: bytes, reversals: bool = False) -> Iterator[Transaction]:
        return iter([t for t in self.pending() if t.uid == uid and (t.verb == REVERSAL) == reversals])

    def pending_points(self, uid: bytes) -> int:
        return sum(t.points for t in self.pending_of(uid))

    def pending_count(self) -> int:
        return len(self.pending_seqs)

    def oldest_pending_utc(self) -> int:
        return min((t.time_utc for t in self.pending()), default=0)


class Cache:
    """All records ever written, so that the newest can rot away."""

    def __init__(self, power: Power) -> None:
        self.power = power
        self.records: dict[bytes, list[Member]] = {}

    def get(self, uid: bytes) -> Member | None:
        kept = self.records.get(uid)
        return kept[-1] if kept else None

    def put(self, member: Member, now: bool = False) -> bool:
        quarter = member.last_visit_utc // 900 * 900
        member.last_visit_utc = quarter
        self.power.write(lambda: self.records.setdefault(member.uid, []).append(member))
        return True

    def forget(self, uid: bytes) -> None:
        raise AssertionError("the flash of this test never fails")

    def working(self) -> bool:
        return True


class Terminal:
    """One terminal; what a person saw approved offline stands in `seen`."""

    def __init__(self, number: int, bench: Bench) -> None:
        self.name = f"VAFA000{number}"
        self.bench = bench
        self.power = Power()
        self.journal, self.cache = Journal(self.power), Cache(self.power)
        self.seen: dict[int, int] = {}
        self.sessions = itertools.count(1)
        self.start()

    def start(self) -> None:
        self.power.left = 0
        self.quality = CLOCK_DRIFTED
        identity = Identity(self.name, MERCHANT, 1, 364)
        self.messages = Messages(identity, MacKeys(1, KEY_OUT, KEY_IN))
        session = SimpleNamespace(wake=lambda: None, halted=lambda spends=False: "")
        log = Log(20)
        self.allowances = Allowances(self.cache, self.journal, self)  # type: ignore[arg-type]
        self.forward = Forward(self.journal, session, self.messages, self, log)  # type: ignore[arg-type]
        spending = Spending(3_000, 100_000, 24 * HOUR, legacy=True)
        self.books = Books(
            self.journal,  # type: ignore[arg-type]
            self.cache,  # type: ignore[arg-type]
            session,  # type: ignore[arg-type]
            self,  # type: ignore[arg-type]
            Rules(1000, 1, 500, 100, 100),
            OfflinePolicy(True, 500, -1, spending=spending),
            self.forward,
            log,
            self.allowances,
        )
        for _ in self.allowances.recall():
            pass
        self.books.start()

    def now_utc(self) -> int:
        return self.bench.now

    # --- the line -----------------------------------------------------------------------------------------------------

    def exchange(self, outgoing: Outgoing, line: str):
        """The answer, or Silence: the request was lost on its way, or the answer."""
        if line == "down":
            raise Silence
        data = self.bench.desk.handle(outgoing.raw).data
        if line == "deaf":
            raise Silence
        answer = self.messages.read_answer(data[2:])
        assert answer.key == outgoing.key
        self.quality = CLOCK_OK
        return answer

    def reply(self, outgoing: Outgoing, line: str) -> Reply:
        return self.messages.reply(self.exchange(outgoing, line), UID, CARD.member_no)

    def number(self) -> int:
        return next(self.sessions)

    # --- what people do, in the order of the flows --------------------------------------------------------------------

    def tap(self, line: str) -> int | None:
        """Inquiry; the balance told, None without."""
        asked = self.books.asks(CARD)
        now, quality = self.now_utc(), self.quality
        outgoing = self.messages.inquiry(UID, CARD.auth, self.number(), now, quality, allowance=asked)
        try:
            reply = self.reply(outgoing, line)
        except Silence:
            return None
        assert reply.balance is not None
        self.books.remember(UID, reply, asked)
        return reply.balance - self.books.spent_offline(UID)

    def sell(self, amount: int, line: str) -> None:
        asked = self.books.asks(CARD)
        intent = self.books.accrual(CARD, amount, ONLINE)
        try:
            reply = self.reply(self.messages.request(intent, asked), line)
        except Silence:
            self.books.reverse(intent)
            self.books.accrual(CARD, amount, OFFLINE, OFFLINE_LINK_DOWN)
        else:
            self.books.answer(intent, reply, asked)

    def spend(self, part: int, line: str) -> None:
        """Online if there is a line, else what is reserved."""
        balance = self.tap(line)
        if balance is None:
            self.spend_offline(part)
            return
        most = self.books.rules.spendable(balance)
        if not most:
            return
        released = self.books.release(CARD)
        intent = self.books.redemption(CARD, _part_of(most, part))
        try:
            reply = self.reply(self.messages.request(intent, released), line)
        except Silence:
            self.books.reverse(intent)
        else:
            assert is_approved(reply) or reply.rc == "51", reply.rc
            self.books.answer(intent, reply)

    def spend_offline(self, part: int) -> None:
        decision = self.books.may_spend_offline(CARD)
        if not decision.approved:
            with pytest.raises(Refused):
                self.books.offline_redemption(CARD, 500, OFFLINE_LINK_DOWN)
            return
        advice = self.books.offline_redemption(CARD, _part_of(decision.most, part), OFFLINE_LINK_DOWN)
        self.seen[advice.seq] = -advice.points

    def say_hello(self, line: str) -> None:
        """A sign-on or an echo."""
        more = reserve.ended(self.allowances.ended_utc())
        function = SIGN_ON if self.quality != CLOCK_OK else ECHO
        outgoing = self.messages.network(function, self.number(), self.now_utc(), self.quality, more)
        try:
            self.exchange(outgoing, line)
        except Silence:
            pass

    def post(self, line: str, count: int) -> None:
        """The postman: up to `count` records."""
        for transaction in list(self.journal.pending())[:count]:
            if transaction.verb == REVERSAL:
                original = self.journal.entries[transaction.original_seq].transaction
                outgoing = self.messages.reversal(transaction, original, self.now_utc(), True)
            else:
                outgoing = self.messages.advice(transaction, self.now_utc(), True)
            try:
                answer = self.exchange(outgoing, line)
            except Silence:
                return
            end = fate(answer.rc, transaction.verb == REVERSAL)
            assert end != TRY_LATER
            seqs = [transaction.seq]
            if end == SETTLE and (transaction.verb == REVERSAL or booked_points(answer) == transaction.points):
                self.allowances.settling(seqs)
                self.journal.end(seqs, SETTLED)
                self.allowances.left(seqs)
            else:
                self.journal.end(seqs, DEAD)
                self.allowances.buried(transaction.seq)

    def dead(self) -> list[Transaction]:
        return [entry.transaction for entry in self.journal.entries.values() if entry.state == DEAD]


def _part_of(most: int, part: int) -> int:
    """500 to `most` in steps of 100."""
    return 500 + (most - 500) // 100 * part // 10 * 100


class Bench:
    """The switch, its clock, and two terminals."""

    def __init__(self) -> None:
        self.now = NOW
        self.ledger = Ledger("sqlite://", Programme(allowances=True))
        furnish(self.ledger)
        self.ledger.add_terminal("VAFA0002", MERCHANT, KEY_OUT, KEY_IN)
        self.ledger.adjust("ali", START_POINTS - 600, "test", NOW)
        self.desk = Desk(self.ledger, FaultScript(), MessageLog(lambda: self.now), lambda: self.now)
        self.terminals = [Terminal(1, self), Terminal(2, self)]

    def play(self, step) -> None:
        what, which, line, number, cut, done = step
        terminal = self.terminals[which]
        terminal.power.left, terminal.power.done = cut, done
        try:
            if what == "tap":
                terminal.tap(line)
            elif what == "sell":
                terminal.sell(1_000 + number * 40_000, line)
            elif what == "spend":
                terminal.spend(number, line)
            elif what == "offline":
                terminal.spend_offline(number)
            elif what == "hello":
                terminal.say_hello(line)
            elif what == "post":
                terminal.post(line, 1 + number)
            elif what == "restart":
                raise PowerCut
            elif what == "later":
                self.now += (1 + number) * 8 * HOUR
            elif what == "soon":
                self.now += number * 300
            elif what == "lose cache":
                terminal.cache.records.clear()
                raise PowerCut
            elif what == "rot":
                kept = terminal.cache.records.get(key_of(UID))
                if kept:
                    kept.pop()
                raise PowerCut
        except PowerCut:
            # What a person saw is in the journal, or nobody saw it: the flow shows after the last write of it.
            for entry in terminal.journal.entries.values():
                t = entry.transaction
                if (t.verb, t.mode) == (REDEMPTION, OFFLINE):
                    terminal.seen.setdefault(t.seq, -t.points)
            terminal.start()
        terminal.power.left = 0

    def undone(self) -> int:
        """Points of sales that were booked and taken back, or may be: spent meanwhile, also online, they are a debt."""
        return sum(
            entry.transaction.points
            for terminal in self.terminals
            for entry in terminal.journal.entries.values()
            if entry.state in (OPEN, REVERSED) and entry.transaction.points > 0 and entry.transaction.mode == ONLINE
        )

    def finish(self) -> None:
        """Lines are good: everything is heard of."""
        for terminal in self.terminals:
            for _ in range(3):
                terminal.say_hello("good")
                terminal.post("good", 100)
            assert terminal.journal.pending_count() == 0

    def check_booked(self) -> int:
        """Each offline redemption a person saw is booked once, or is a dead letter; how many are."""
        dead = 0
        booked = [row for row in self.ledger.transactions() if row.verb == "redemption" and row.mti in ("0220", "0221")]
        for terminal in self.terminals:
            refused = [t.seq for t in terminal.dead()]
            for seq, points in terminal.seen.items():
                rows = [(row.rc, row.points) for row in booked if (row.terminal_id, row.seq) == (terminal.name, seq)]
                assert rows == ([("57", 0)] if seq in refused else [("00", -points)])
            dead += len(refused)
        assert len(booked) == sum(len(terminal.seen) for terminal in self.terminals)
        return dead


LINE = st.sampled_from(["good", "good", "good", "down", "deaf"])
ACTS = ["tap", "sell", "spend", "offline", "offline", "hello", "post", "restart", "later", "soon", "lose cache"]


def steps(acts):
    cut = st.sampled_from([0, 0, 0, 1, 2, 3, 4])
    step = st.tuples(st.sampled_from(acts), st.integers(0, 1), LINE, st.integers(0, 10), cut, st.booleans())
    return st.lists(step, min_size=4, max_size=25)


CALM = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])


@CALM
@given(steps=steps(ACTS))
def test_no_point_is_spent_twice_and_what_a_person_saw_is_booked_once(steps):
    bench = Bench()
    for step in steps:
        bench.play(step)
        assert bench.ledger.balance("ali") >= -bench.undone(), step
    bench.finish()
    assert bench.check_booked() == 0, "a dead letter"
    assert bench.ledger.check() == []
    bench.ledger.close()


@CALM
@given(steps=steps([*ACTS, "rot", "rot"]))
def test_a_cache_that_rots_costs_a_dead_letter_at_most_and_never_points(steps):
    bench = Bench()
    for step in steps:
        bench.play(step)
        assert bench.ledger.balance("ali") >= -bench.undone(), step
    bench.finish()
    bench.check_booked()
    assert bench.ledger.check() == []
    bench.ledger.close()


def play(*script):
    """Steps without a cut, by hand: (what, terminal, line, number)."""
    bench = Bench()
    for what, which, line, number in script:
        bench.play((what, which, line, number, 0, False))
    return bench


def test_two_terminals_without_a_line_spend_what_each_was_given_and_no_more():
    bench = play(
        ("tap", 0, "good", 0),
        ("tap", 1, "good", 0),
        ("offline", 0, "down", 10),
        ("offline", 1, "down", 10),
        ("offline", 0, "down", 10),
    )
    assert [list(terminal.seen.values()) for terminal in bench.terminals] == [[1_000], []]
    bench.finish()
    assert bench.check_booked() == 0
    assert bench.ledger.balance("ali") == 4_000


def test_a_cache_that_shows_a_spent_allowance_again_leads_to_a_dead_letter_and_the_points_stay():
    bench = play(("tap", 0, "good", 0), ("offline", 0, "down", 0), ("post", 0, "good", 9), ("rot", 0, "down", 0))
    bench.terminals[0].say_hello("good")
    bench.play(("offline", 0, "down", 0, 0, False))
    assert len(bench.terminals[0].seen) == 2
    bench.finish()
    assert bench.check_booked() == 1
    assert bench.ledger.balance("ali") == 4_500


def test_a_dead_letter_that_goes_again_and_is_booked_leaves_no_second_use_of_its_allowance():
    """Refused by a switch that does not know what an allowance pays for; then a person has it sent once more."""
    bench = play(("tap", 0, "good", 0), ("offline", 0, "down", 0))
    terminal = bench.terminals[0]
    (letter,) = terminal.journal.pending()
    terminal.journal.end([letter.seq], DEAD)
    terminal.allowances.buried(letter.seq)
    bench.play(("tap", 0, "good", 0, 0, False))
    assert not terminal.books.may_spend_offline(CARD).approved

    class Line:
        async def ask(self, outgoing, timeout_ms):
            return terminal.exchange(outgoing, "good")

    letters = Letters(terminal.journal, Line(), terminal.messages, terminal, Log(20))  # type: ignore[arg-type]
    letters.spends = terminal.allowances
    asyncio.run(letters.send_again(letter.seq))
    assert terminal.dead() == [] and bench.ledger.balance("ali") == 4_500
    assert [row.state for row in bench.ledger.allowances(closed=True)] == ["used"]
    bench.play(("offline", 0, "down", 0, 0, False))
    assert list(terminal.seen.values()) == [500], "what the letter spent was still held"
    bench.play(("tap", 0, "good", 0, 0, False))
    bench.play(("offline", 0, "down", 0, 0, False))
    bench.finish()
    assert bench.check_booked() == 0 and bench.ledger.balance("ali") == 4_000
    assert bench.ledger.check() == []


def test_an_unspent_allowance_is_free_again_after_its_end_and_an_echo_and_not_before():
    bench = play(("tap", 0, "good", 0), ("later", 0, "", 9))
    assert len(bench.ledger.allowances()) == 1
    bench.terminals[0].say_hello("good")
    assert bench.ledger.allowances() == []


def test_while_a_redemption_waits_nothing_is_said_to_have_ended():
    bench = play(("tap", 0, "good", 0), ("offline", 0, "down", 0), ("later", 0, "", 9), ("hello", 0, "good", 0))
    assert [row.state for row in bench.ledger.allowances()] == ["open"]
    bench.finish()
    assert bench.check_booked() == 0
