"""All stores of one terminal against plain books: whatever is done in whatever order, wherever the power goes."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from firmware.core.errors import StoreError, StoreFull
from firmware.core.types import ACCRUAL, APPROVED, REDEMPTION, REFUSED, Member
from firmware.store.buckets import Buckets
from firmware.store.members import Members
from firmware.store.slots import Slots
from firmware.store.tries import TryCounter
from firmware.store.vault import Vault, VaultDamaged
from host_tests.power.ledger import LONG, SEALER, Ledger, allowed, observe, open_journal
from host_tests.power.test_store_random_walk import adopt
from tools.sim.chips.nor import Nor, NorPartition, PowerCut, Torn

CARDS = 12
NAMES = ("language", "amount-max", "counter")

cards = st.integers(0, 3)
torn_ways = st.sampled_from(list(Torn))


class Terminal(RuleBasedStateMachine):
    @initialize(sectors=st.sampled_from((5, 6, 8)), page_only=st.booleans(), cache=st.sampled_from((Members, Buckets)))
    def power_on_first(self, sectors: int, page_only: bool, cache: type) -> None:
        self.page_only, self.cache_type = page_only, cache
        self.chips = {"journal": Nor(sectors * 4096), "cache": Nor(6 * 4096), "small": Nor(6 * 4096)}
        self.ledger = Ledger(open_journal(self.chips["journal"], page_only))
        self.ledger.sign_on(0)
        self.known: dict[int, int | None] = {}
        self.waiting: dict[int, set[int | None]] = {}  # what a cut may bring back: newer figures are in memory only
        self.settings: dict[str, bytes] = {}
        self.keys: dict[str, bytes] | None = None
        self.failed = 0
        self.step = 0
        self.may_be: tuple[str, object, object] | None = None  # what is being changed, from and to
        self.open_small()

    # --- power --------------------------------------------------------------------------------------------------------

    def part(self, chip: str, start: int = 0, blocks: int = 0) -> NorPartition:
        nor = self.chips[chip]
        return NorPartition(nor, start * 4096, blocks or nor.size // 4096, self.page_only)

    def open_small(self) -> None:
        self.cache = self.cache_type(self.part("cache"), SEALER, 3, self.page_only)
        self.cache.open()
        self.vault = Vault(self.part("small", 0, 2), SEALER, self.page_only)
        self.slots = Slots(self.part("small"), SEALER, 9, self.page_only, 2)
        self.slots.open()
        self.tries = TryCounter(self.part("small"), self.page_only, 4, 40)
        self.tries.open()

    def powered(self, work: Callable[[], object]) -> bool:
        """Do it; after a cut start again, check everything and return False."""
        try:
            try:
                work()
                return True
            except StoreFull:
                if self.ledger.pending:
                    self.ledger.settle(*sorted(self.ledger.pending)[:10])
                self.ledger.idle()
                return False
        except PowerCut:
            self.start_again()
            return False

    def start_again(self) -> None:
        while True:
            try:
                for nor in self.chips.values():
                    nor.power_on()
                if self.again is not None:
                    for nor in self.chips.values():
                        nor.cut_at(1, self.again)
                self.again = None
                self.ledger.journal = open_journal(self.chips["journal"], self.page_only)
                self.open_small()
                self.seen_keys = self.load_keys()
                break
            except PowerCut:
                continue
        for nor in self.chips.values():
            nor.power_on()
        self.check_journal()
        self.check_small()

    again: Torn | None = None

    def load_keys(self) -> dict[str, bytes] | None:
        try:
            return self.vault.load()
        except VaultDamaged:
            assert self.keys is None, "keys that were saved do not open any more"
            return None

    def check_journal(self) -> None:
        ledger = self.ledger
        seen = observe(ledger.journal, ledger.probe)
        assert allowed(seen, ledger.before, ledger.after, ledger.batch), (seen, ledger.before, ledger.after)
        assert ledger.journal.gaps() == 0
        assert ledger.journal.highest_seq() >= ledger.handed, "I4"
        adopt(ledger, seen)

    def check_small(self) -> None:
        kind, name, value = self.may_be or ("", "", None)
        self.may_be = None
        while self.cache.idle_work():
            pass
        for card in range(CARDS):
            got = self.cache.get(self.uid(card))
            assert got is None or got.name == f"card {card}", "I9"
            points = got.points if got is not None else None
            if kind == "member" and name == card and points == value:
                self.known[card] = points
            if points in self.waiting.get(card, ()):
                self.known[card] = points  # a cut forgot what only waited in memory
            assert points == self.known.get(card), f"I9: card {card}"
        self.waiting = {}
        found = {each: self.slots.get(each) for each in self.slots.names()}
        if kind == "setting" and found.get(str(name)) == value:
            self.settings[str(name)] = value  # type: ignore[assignment]
        assert found == self.settings
        if kind == "keys" and self.seen_keys == value:
            self.keys = value  # type: ignore[assignment]
        assert self.seen_keys == self.keys
        failures = self.tries.failures()
        if kind == "try" and failures == self.failed + 1:
            self.failed = failures
        if kind == "success" and failures <= self.failed:
            self.failed = failures
        assert failures == self.failed, "a try was given back"

    @rule(chip=st.sampled_from(("journal", "journal", "cache", "small")), n=st.integers(1, 12), torn=torn_ways)
    def arm_a_cut(self, chip: str, n: int, torn: Torn) -> None:
        if not any(nor.cut_in for nor in self.chips.values()):
            self.chips[chip].cut_at(n, torn)

    @rule(torn=torn_ways, n=st.integers(1, 3))
    def arm_a_cut_and_one_in_the_recovery(self, torn: Torn, n: int) -> None:
        if not any(nor.cut_in for nor in self.chips.values()):
            self.chips["journal"].cut_at(n, torn)
            self.again = torn

    @rule()
    def pull_the_plug(self) -> None:
        self.start_again()

    # --- the journal --------------------------------------------------------------------------------------------------

    @rule(card=cards, count=st.integers(1, 12))
    def sell_offline(self, card: int, count: int) -> None:
        for _ in range(count):
            if not self.powered(lambda: self.ledger.offline_sale(card)):
                return

    @rule(card=cards, verb=st.sampled_from((ACCRUAL, REDEMPTION)), state=st.sampled_from((APPROVED, REFUSED, None)))
    def sell_online(self, card: int, verb: int, state: int | None) -> None:
        def sale() -> None:
            seq = self.ledger.online_intent(card, verb)
            if state is not None:
                self.ledger.answer(seq, state)

        self.powered(sale)

    @precondition(lambda self: self.ledger.open)
    @rule()
    def reverse(self) -> None:
        self.powered(lambda: self.ledger.reverse(min(self.ledger.open)))

    @precondition(lambda self: self.ledger.pending)
    @rule(count=st.sampled_from((1, 2, 20)), newest=st.booleans())
    def settle(self, count: int, newest: bool) -> None:
        waiting = sorted(self.ledger.pending, reverse=newest)[:count]
        self.powered(lambda: self.ledger.settle(*waiting))

    @precondition(lambda self: self.ledger.pending and len(self.ledger.dead) < 8)
    @rule(which=st.integers(0, 100))
    def bury(self, which: int) -> None:
        waiting = sorted(self.ledger.pending)
        self.powered(lambda: self.ledger.bury(waiting[which % len(waiting)]))

    @precondition(lambda self: self.ledger.pending)
    @rule(which=st.integers(0, 100))
    def send(self, which: int) -> None:
        waiting = sorted(self.ledger.pending)
        self.ledger.send(waiting[which % len(waiting)])

    @precondition(lambda self: self.ledger.voidable())
    @rule(which=st.integers(0, 100))
    def void(self, which: int) -> None:
        unsent = self.ledger.voidable()
        self.powered(lambda: self.ledger.void(unsent[which % len(unsent)]))

    @precondition(lambda self: self.ledger.dead)
    @rule()
    def resolve(self) -> None:
        self.powered(lambda: self.ledger.settle(min(self.ledger.dead)))

    @rule(ahead=st.sampled_from((-5, 1, 300)))
    def sign_on(self, ahead: int) -> None:
        self.powered(lambda: self.ledger.sign_on(max(0, self.ledger.handed + ahead)))

    @rule()
    def rest(self) -> None:
        def work() -> None:
            self.ledger.idle()
            while self.cache.idle_work():
                pass
            self.waiting = {}

        self.powered(work)

    # --- members, settings, keys --------------------------------------------------------------------------------------

    @staticmethod
    def uid(card: int) -> bytes:
        return bytes([card + 1]) * (4, 7, 10)[card % 3]

    @rule(card=st.integers(0, CARDS - 1), count=st.sampled_from((1, 1, 25)))
    def put_member(self, card: int, count: int) -> None:
        for n in range(count):
            self.step += 1
            which, points = (card + n) % CARDS, self.step
            self.may_be = ("member", which, points)
            made = Member(self.uid(which), which, f"card {which}", points, 1_790_000_000 - self.step)
            if not self.powered(lambda made=made: self.cache.put(made)):  # type: ignore[misc]
                return
            if isinstance(self.cache, Buckets) and self.cache.waiting():
                self.waiting.setdefault(which, set()).add(self.known.get(which))
            else:
                self.waiting = {}
            self.known[which], self.may_be = points, None

    @rule(card=st.integers(0, CARDS - 1))
    def forget_member(self, card: int) -> None:
        self.may_be = ("member", card, None)
        if self.powered(lambda: self.cache.forget(self.uid(card))):
            self.waiting.pop(card, None)
            self.known[card], self.may_be = None, None

    @rule(name=st.sampled_from(NAMES), size=st.integers(0, 160))
    def change_setting(self, name: str, size: int) -> None:
        self.step += 1
        value = (b"%d " % self.step + bytes(160))[:size]
        self.may_be = ("setting", name, value)
        if self.powered(lambda: self.slots.put(name, value)):
            self.settings[name], self.may_be = value, None

    @rule()
    def change_keys(self) -> None:
        self.step += 1
        keys = {"tmk": self.step.to_bytes(16, "big")}
        self.may_be = ("keys", "", keys)
        if self.powered(lambda: self.vault.save(keys)):
            self.keys, self.may_be = keys, None

    @rule(right=st.booleans())
    def try_a_pin(self, right: bool) -> None:
        self.may_be = ("try", "", None)
        try:
            if not self.powered(self.tries.begin):
                return
        except StoreError:
            return  # the row is full: locked
        self.failed += 1
        if right:
            self.may_be = ("success", "", None)
            if self.powered(self.tries.settle):
                self.failed = 0
        self.may_be = None

    @invariant()
    def the_books_agree(self) -> None:
        ledger = self.ledger
        assert ledger.journal.pending_count() == len(ledger.pending)
        assert ledger.journal.dead_count() == len(ledger.dead)
        assert ledger.journal.gaps() == 0
        assert self.tries.failures() == self.failed

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            self.start_again()
            assert observe(self.ledger.journal, self.ledger.probe) == self.ledger.state()


Terminal.TestCase.settings = settings(
    max_examples=1500 if LONG else 120,
    stateful_step_count=80 if LONG else 50,
    derandomize=not LONG,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
test_any_order_of_calls_and_cuts_agrees_with_plain_books = Terminal.TestCase
