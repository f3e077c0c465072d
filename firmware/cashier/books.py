"""The cashier's side of the journal: intents before anything is sent or shown, answers, reversals, outcomes.

No function here awaits, so between a decision and its record no other task runs. Knows no screen and no key.
"""

from micropython import const

from firmware.core.errors import Cancelled, Refused, StoreError
from firmware.core.refusals import NEEDS_CONNECTION, VALUE_STOPPED
from firmware.core.types import (
    ACCRUAL,
    APPROVED,
    CLOCK_OK,
    OFFLINE,
    ONLINE,
    REDEMPTION,
    REFUSED,
    USE,
    VISIT_NONE,
    Member,
    Result,
    Transaction,
)
from firmware.loyalty.facts import day_of, facts_of
from firmware.loyalty.offline import Known
from firmware.loyalty.outcome import counts_as_sale, estimated_balance, outcome_of
from firmware.switch.profile import TAG_VOUCHER, approved
from firmware.switch.told import parts_of, stand, voucher_of, wants_sms
from firmware.text.money import Money

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from firmware.cashier.register_order import Order
    from firmware.core.clock import Clock
    from firmware.core.log import Log
    from firmware.core.ports import Journal, Members, Switch
    from firmware.core.types import Allowance, CardData, JournalEntry, Reply
    from firmware.loyalty.allowances import Allowances
    from firmware.loyalty.facts import Facts
    from firmware.loyalty.offline import Decision, OfflinePolicy
    from firmware.loyalty.outcome import Balance, Outcome
    from firmware.loyalty.rules import Rules
    from firmware.switch.forward import Forward

    class Watch(Protocol):
        """Who looks after the staff (firmware/cashier/attendance.py)."""

        def before(self, verb: int, card: CardData) -> None:
            """A record is about to be made. Raises Refused."""
            ...

        def sold(self, uid: bytes) -> None:
            """A sale was approved."""
            ...


_RECENT = const(8)  # sales remembered for the question "again?"


def is_approved(reply: "Reply") -> bool:
    """Whether the switch said yes. For codes that decide nothing the session raises SwitchUnable."""
    return approved(reply.rc)


class Books:
    """Writes what the flows decide. Raises StoreError (StoreFull, StoreNotReady) when nothing could be written, Refused
    for a new transaction while value is stopped."""

    def __init__(
        self,
        journal: "Journal",
        members: "Members",
        switch: "Switch",
        clock: "Clock",
        rules: "Rules",
        policy: "OfflinePolicy",
        forward: "Forward",
        log: "Log",
        allowances: "Allowances | None" = None,
        money: "Money | None" = None,
    ) -> None:
        self.money = money or Money()  # in what is sold now
        self._journal = journal
        self._members = members
        self._switch = switch
        self._clock = clock
        self._forward = forward
        self._log = log
        self.rules = rules
        self.policy = policy
        self.allowances = allowances  # None: this terminal spends nothing offline
        self._recent: "list[tuple[bytes, int, int, int]]" = []
        self._in_doubt: "list[int]" = []  # SEQ of intents sent and neither answered nor reversed yet
        self._recovered = False
        self.clerk = 0  # who stands at the till, 0 nobody in particular
        self.watch: "Watch | None" = None
        self.order: "Order | None" = None  # of the cash register, whose story runs
        self._by_sms = 0  # SEQ of the transaction the member hears of by SMS and not on paper
        self._parts: "tuple[int, list[tuple[int, int]]]" = (0, [])  # of the newest sale, by SEQ; not kept
        self.started = False
        self.reversed_at_start = 0

    def need_value(self, spends: bool = False) -> None:
        """Raises Refused when this terminal may move none, or let nobody spend; the switch may have said so in the
        middle of a story, whose flow sees a closed line and no more."""
        halted = self._switch.halted(spends)
        if halted:
            raise Refused(halted)

    def need_members(self) -> None:
        """Raises Refused when nobody is to learn of members here: the switch has blocked or stopped this terminal. That
        it refuses our MAC says nothing of who stands at the till."""
        if self._switch.halted() != VALUE_STOPPED:
            self.need_value()

    # --- records ------------------------------------------------------------------------------------------------------

    def ordered(self, verb: int) -> "Order | None":
        """The cash register's order that a record of this verb carries out: asked for without an `await` before the
        record, so what was cancelled in time leaves none. Raises Cancelled."""
        order = self.order
        if order is None or not order.wants(verb):
            return None
        if order.withdrawn():
            raise Cancelled()
        return order

    def facts(self, uid: bytes) -> "Facts":
        """What the rules must know of this card and today; a flow may set `basket` and `bonus_percent` in it."""
        pending = self._journal.pending_of(uid)
        return facts_of(self.rules, self._members.get(uid), pending, self._clock.now_utc(), self._clock.quality)

    def accrual(
        self,
        card: "CardData",
        amount: int,
        mode: int,
        offline_reason: int = 0,
        facts: "Facts | None" = None,
        details: bytes = b"",
    ) -> Transaction:
        """Append the intent of a sale."""
        known = facts or self.facts(card.uid)
        parts = self.rules.parts(amount, known)
        points = sum([part for _, part in parts])
        visit = known.visit_kind
        intent = self.record(ACCRUAL, mode, card, amount, points, offline_reason, details=details, visit=visit)
        self._parts = intent.seq, parts
        return intent

    def redemption(self, card: "CardData", points: int) -> Transaction:
        """Append the intent to spend points."""
        return self.record(REDEMPTION, ONLINE, card, self.rules.worth(points), -points)

    def release(self, card: "CardData") -> "tuple[int, int] | None":
        """Before points are spent online: give up what is reserved for spending offline. It goes back to the switch
        with the message; a cut before that leaves it reserved there, and the next tap brings it back.

        Raises Refused, Cancelled.
        """
        self.need_value(spends=True)
        self.ordered(REDEMPTION)
        return self.allowances.release(card.uid) if self.allowances is not None else None

    def offline_redemption(self, card: "CardData", points: int, reason: int) -> Transaction:
        """Append the redemption of points this terminal may give away itself. Raises Refused.

        First the journal, which names the allowance, then the cache lets go of it: cut between the two, the journal
        alone forbids a second use.
        """
        decision = self.may_spend_offline(card)
        if not decision.approved:
            raise Refused(decision.code)
        if points > decision.most or self.allowances is None:
            raise Refused(NEEDS_CONNECTION)
        held = self._usable(card.uid)
        number = held.number if held is not None else 0
        worth = self.rules.worth(points)
        transaction = self.record(REDEMPTION, OFFLINE, card, worth, -points, reason, number)
        self.allowances.spent(transaction)
        return transaction

    def answer(self, intent: Transaction, reply: "Reply", asked: "tuple[int, int] | None" = None) -> None:
        """Write down what the switch decided; `asked` for an allowance, keep what it said of one."""
        state = APPROVED if is_approved(reply) else REFUSED
        points = reply.points if state == APPROVED else 0
        result = Result(intent.seq, state, reply.rc, points, reply.balance, reply.approval)
        if state == APPROVED:
            stand(result, reply.tags, self._members.get(intent.uid))
        if state == APPROVED and TAG_VOUCHER in reply.tags:
            result.voucher, result.voucher_days = voucher_of(reply, day_of(intent.time_utc))
        self._journal.append_result(result)
        self._parts = intent.seq, parts_of(reply)
        self._in_doubt.remove(intent.seq)
        if wants_sms(reply.tags):
            self._by_sms = intent.seq
        self.remember(intent.uid, reply, asked if intent.verb == ACCRUAL else None)
        self.policy.heard(intent.uid, reply.rc, self._clock.now_utc())

    def reverse(self, intent: Transaction) -> None:
        """The outcome of this intent is unknown: undo it, whatever it was. The reversal is in the journal on return."""
        self._forward.reverse(intent)
        if intent.seq in self._in_doubt:
            self._in_doubt.remove(intent.seq)

    def let_go(self) -> None:
        """Nothing is to be held here any longer: the shift ends."""
        self._forward.let_go()

    def start(self) -> None:
        """Once after power-on, before any flow: reverse what a power cut left without an answer. The journal has been
        loaded."""
        self.started = True
        try:
            self.reversed_at_start = self._forward.start()
            self._recovered = True
        except StoreError as error:
            self._log.error(error, "recovery")

    def recover(self) -> int:
        """Reverse every intent that a cut or a fault left without an answer; how many. Only while no flow runs."""
        count = 0
        try:
            for intent in list(self._journal.unanswered()):
                self.reverse(intent)
                count += 1
        except StoreError as error:
            self._log.error(error, "recovery")  # stays due: tried again when the store has room
            self._recovered = False
            return count
        self._recovered = True
        self._in_doubt = []
        return count

    def recover_if_due(self) -> None:
        """Try an unfinished recovery again. Only while no flow runs."""
        if self.recovery_due():
            self.recover()

    def in_doubt(self) -> int:
        """SEQ of the newest intent that was sent and whose end nobody could write down; 0: none."""
        return self._in_doubt[-1] if self._in_doubt else 0

    def recovery_due(self) -> bool:
        """Whether an intent without an answer may stand in the journal: after a start, and after a flow that failed."""
        return not self._recovered or len(self._in_doubt) > 0

    # --- spending offline ---------------------------------------------------------------------------------------------

    def asks(self, card: "CardData") -> "tuple[int, int] | None":
        """What to say when the switch may reserve points for this card here, None: nothing."""
        if self.allowances is None or not self.policy.may_hold(card) or self._switch.halted(spends=True):
            return None
        return self.allowances.asks(card.uid)

    def may_spend_offline(self, card: "CardData") -> "Decision":
        """Whether this card may spend here and now without the switch, and how many points at most."""
        uid, allowances, member = card.uid, self.allowances, self._members.get(card.uid)
        held = self._usable(uid)
        known = Known(
            self._clock.now_utc(),
            self._clock.quality == CLOCK_OK,
            member.points + self._journal.pending_points(uid) if member is not None else 0,
            max(member.as_of_utc if member is not None else 0, held.granted_utc if held is not None else 0),
            self._journal.oldest_pending_utc(),
            self._journal.pending_count(),
            self.spent_offline(uid),
            allowances.spent_in_all() if allowances is not None else 0,
        )
        return self.policy.redeem(card, held.points if held is not None else 0, self.rules.fewest(), known)

    def spent_offline(self, uid: bytes) -> int:
        """Points of this card spent here that the switch has still to hear of."""
        return self.allowances.spent_by(uid) if self.allowances is not None else 0

    def _usable(self, uid: bytes) -> "Allowance | None":
        held = self.allowances.get(uid) if self.allowances is not None else None
        return held if held is not None and self.allowances is not None and self.allowances.usable(held) else None

    # --- what is known ------------------------------------------------------------------------------------------------

    def outcome(self, seq: int) -> "Outcome":
        """What may be told of a transaction of this journal, which has come to an end."""
        if self.order is not None:
            self.order.decided(seq)
        entry = self._journal.find(seq)
        assert entry is not None
        told = self.outcome_of_entry(entry)
        told.by_sms = seq == self._by_sms
        return told

    def last_entry(self) -> "JournalEntry | None":
        """The newest accrual or redemption, or None in an empty journal."""
        return self._journal.last()

    def outcome_of_entry(self, entry: "JournalEntry") -> "Outcome":
        """What may be told of an entry."""
        uid = entry.transaction.uid
        told = outcome_of(
            entry,
            self._members.get(uid),
            self._journal.pending_points(uid),
            self._clock.now_utc(),
            self.policy.review_above // self.money.in_old(1, entry.transaction.new_money),
        )
        if entry.transaction.seq == self._parts[0]:
            told.parts = self._parts[1]
        return told

    def estimate(self, uid: bytes) -> "Balance | None":
        """The balance as far as this terminal knows it without asking."""
        return estimated_balance(self._members.get(uid), self._journal.pending_points(uid), self._clock.now_utc())

    def member(self, uid: bytes) -> "Member | None":
        """What the cache holds of a card."""
        return self._members.get(uid)

    def pending_count(self) -> int:
        """How many transactions the switch has still to hear of."""
        return self._journal.pending_count()

    def oldest_age_s(self) -> int:
        """How long the oldest of them waits, 0 when none does."""
        oldest_utc = self._journal.oldest_pending_utc()
        return max(0, self._clock.now_utc() - oldest_utc) if oldest_utc else 0

    def member_no(self, card: "CardData") -> int:
        """The member's number: from the card, else from the cache, else 0."""
        if card.member_no:
            return card.member_no
        member = self._members.get(card.uid)
        return member.member_no if member is not None else 0

    def remember(self, uid: bytes, reply: "Reply", asked: "tuple[int, int] | None" = None) -> None:
        """Keep what an authentic answer said of a member; and of an allowance, if it was asked for one."""
        if asked is not None and self.allowances is not None:
            self.allowances.told(uid, reply.allowance)
        if reply.member is not None:
            self._members.put(reply.member)
            return
        known = self._members.get(uid)
        if known is not None and reply.balance is not None:
            self._members.put(
                Member(
                    uid,
                    known.member_no,
                    known.name,
                    reply.balance,
                    self._clock.now_utc(),
                    known.tier,
                    known.visits,
                    known.last_visit_utc,
                    known.rung,
                    known.best,
                    known.years,
                )
            )

    # --- the question "again?" ----------------------------------------------------------------------------------------

    def note_sale(self, card: "CardData", amount: int, seq: int = 0) -> None:
        """A sale was approved."""
        if self.watch is not None:
            self.watch.sold(card.uid)
        self._recent = self._recent[1 - _RECENT :] + [(card.uid, amount, self._clock.now_utc(), seq)]

    def taken_back(self, seq: int) -> None:
        """Nothing is left of a sale: the same one, done right, is no second one."""
        self._recent = [one for one in self._recent if one[3] != seq]

    def seems_again(self, card: "CardData", amount: int, within_s: int) -> bool:
        """Whether the same card paid the same amount a moment ago; also across a restart."""
        now = self._clock.now_utc()
        last = self._journal.last()
        recent = self._recent
        if last is not None and counts_as_sale(last) and last.transaction.new_money == self.money.new:
            t = last.transaction
            recent = recent + [(t.uid, t.amount, t.time_utc, t.seq)]
        for uid, sold, time_utc, _ in recent:
            if uid == card.uid and sold == amount and 0 <= now - time_utc < within_s:
                return True
        return False

    def record(
        self,
        verb: int,
        mode: int,
        card: "CardData",
        amount: int,
        points: int,
        offline_reason: int = 0,
        allowance: int = 0,
        details: bytes = b"",
        visit: int = VISIT_NONE,
        original_seq: int = 0,
        new_money: "bool | None" = None,
    ) -> Transaction:
        """Append an intent, or what is approved here; `details` are LT-87 tags for its message (`tlv.pack`),
        `new_money` of what takes another record back: it is in that one's currency."""
        self.need_value(verb in (REDEMPTION, USE))
        order = self.ordered(verb)
        if self.watch is not None:
            self.watch.before(verb, card)
        transaction = Transaction(
            self._journal.next_seq(),
            verb,
            mode,
            card.uid,
            card.auth,
            amount,
            points,
            self._clock.now_utc(),
            self._clock.quality,
            self.member_no(card),
            offline_reason,
            original_seq,
            self.rules.ruleset,
            self.clerk,
            card.counter,
            order.ref if order is not None else "",
            allowance,
            details=details,
            visit=visit,
            new_money=self.money.new if new_money is None else new_money,
            asked=order.amount if order is not None and verb == REDEMPTION else 0,
        )
        self._journal.append(transaction)
        if order is not None:
            order.recorded(transaction.seq)
        if mode == ONLINE:
            self._in_doubt.append(transaction.seq)
        else:
            self._switch.wake()
        return transaction
