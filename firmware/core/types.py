"""The records that travel along the way of a tap, and the numbers they are made of.

`CardSeen -> CardData -> Member -> Transaction -> JournalEntry -> Reply -> Outcome`. Records are small and are never
changed after they were made. This module knows no chip, no store and no wire format.

Units: money in minor units of its currency (rial has none, so rial), points as signed whole points, time as whole
seconds since 1970-01-01 UTC, durations in milliseconds.
"""

from micropython import const

# How the cardholder was recognised (LT-87 tag 09). A UID alone earns and never spends.
AUTH_UID = const(0)
AUTH_LEGACY = const(1)
AUTH_AES = const(2)

# Verbs of a transaction.
ACCRUAL = const(1)
REDEMPTION = const(2)
REVERSAL = const(3)
REFUND = const(4)  # of an earlier sale or redemption, whole or in part: the opposite sign of points
VOID = const(5)  # of one in this batch that the switch has booked
ISSUE = const(6)  # a voucher for the next visit
USE = const(7)  # a voucher is used up
ENROL = const(8)  # a card and a mobile number become a member, or a card takes another's place
REMARK = const(9)  # moves nothing: an answer of the customer, a reason, a dispute

# Who approves: ONLINE waits for the switch's answer, OFFLINE was approved here and travels as an advice.
ONLINE = const(0)
OFFLINE = const(1)

# Why a transaction was approved offline (LT-87 tag 0D).
OFFLINE_LINK_DOWN = const(1)
OFFLINE_NO_ANSWER = const(2)
OFFLINE_SWITCH_DOWN = const(3)
OFFLINE_FORCED = const(4)

# Quality of the clock (LT-87 tag 0A).
CLOCK_NEVER_SET = const(0)
CLOCK_DRIFTED = const(1)
CLOCK_OK = const(2)

# State of a journal entry, derived from its frames.
OPEN = const(0)  # intent without result: the outcome is unknown
APPROVED = const(1)
REFUSED = const(2)
REVERSED = const(3)  # a reversal of it is in the journal
SETTLED = const(4)  # the switch has acknowledged it
DEAD = const(5)  # the switch refused it for good; a person has to look at it
VOIDED = const(6)  # taken back here before it was sent: the switch never hears of it

# What a sale was for the programme's visit count.
VISIT_NONE = const(0)  # not known, or one more on the same day
VISIT_NEW = const(1)  # the first ever
VISIT_RETURNING = const(2)
VISIT_REACTIVATED = const(3)  # a member who had lapsed

# What becomes of a text message to the member (LT-87 tag 43).
SMS_NONE = const(0)
SMS_QUEUED = const(1)
SMS_NO_NUMBER = const(2)

# What comes next (LT-87 tag 25).
NEXT_REWARD = const(1)
NEXT_TIER = const(2)

# Tiers (LT-87 tag 10).
TIER_NONE = const(0)
TIER_BRONZE = const(1)
TIER_SILVER = const(2)
TIER_GOLD = const(3)

# Rungs of the ladder (LT-87 tag 13): no card, enrolled and never bought, bought once, more than once, loyal, advocate.
RUNG_UNKNOWN = const(-1)
RUNG_NO_CARD = const(0)
RUNG_ENROLLED = const(1)
RUNG_FIRST = const(2)
RUNG_REPEAT = const(3)
RUNG_LOYAL = const(4)
RUNG_ADVOCATE = const(5)
YEARS_UNKNOWN = const(-1)


class CardSeen:
    """A card answered in the field: `uid` of 4, 7 or 10 bytes, final `sak`, `atqa` (ISO 14443-3)."""

    def __init__(self, uid: bytes, sak: int, atqa: int) -> None:
        self.uid = uid
        self.sak = sak
        self.atqa = atqa


class CardData:
    """What was read from a card: `kind` is a short name ("classic-1k", "ntag213"), `member_no` 0 when it holds none.

    `counter` is the card's own, 0 unknown; `sun` is SUN data for the switch in the form of LT-87 tag 32, or b"";
    `suspect`: it looks like a copy, so it earns by its UID and never spends.
    """

    def __init__(
        self,
        uid: bytes,
        kind: str,
        auth: int,
        member_no: int = 0,
        counter: int = 0,
        sun: bytes = b"",
        suspect: bool = False,
    ) -> None:
        self.uid = uid
        self.kind = kind
        self.auth = auth
        self.member_no = member_no
        self.counter = counter
        self.sun = sun
        self.suspect = suspect


class Member:
    """A member as the switch last told us: `points` were confirmed at `as_of_utc`.

    The balance a person may be shown is `points` plus what this terminal approved since and has not settled; that sum
    is an estimate. `rung` is one of RUNG_*, `best` marks a best customer, `years` are full years of membership.
    """

    def __init__(
        self,
        uid: bytes,
        member_no: int,
        name: str,
        points: int,
        as_of_utc: int,
        tier: int = TIER_NONE,
        visits: int = 0,
        last_visit_utc: int = 0,
        rung: int = RUNG_UNKNOWN,
        best: bool = False,
        years: int = YEARS_UNKNOWN,
    ) -> None:
        self.uid = uid
        self.member_no = member_no
        self.name = name
        self.points = points
        self.as_of_utc = as_of_utc
        self.tier = tier
        self.visits = visits
        self.last_visit_utc = last_visit_utc
        self.rung = rung
        self.best = best
        self.years = years


class Transaction:
    """One intent: everything a message about it needs, fixed before anything is sent or shown.

    `seq` is the idempotency key together with the terminal id, never reused. `amount` is money; `points` is signed
    (an accrual's estimate is positive, a redemption negative). `original_seq` names what a reversal undoes, else 0.
    `card_counter` is the card's own counter at this tap, 0 unknown; `reference` is the cash register's own, 40 bytes of
    UTF-8 at most; `allowance` the number of the allowance an offline redemption spent, 0 none. `details` is what else
    its message says, as LT-87 tags, 60 bytes at most together with a reference; `visit` one of VISIT_*. An anonymous
    REMARK has no UID. A member without a card is `uid` of firmware.core.keyed. `new_money`: the amount is in the
    currency after a redenomination (firmware/text/money.py). `asked` is the amount the cash register named where it is
    neither `amount` nor the price among the details, 0 elsewhere.
    """

    def __init__(
        self,
        seq: int,
        verb: int,
        mode: int,
        uid: bytes,
        auth: int,
        amount: int,
        points: int,
        time_utc: int,
        clock: int,
        member_no: int = 0,
        offline_reason: int = 0,
        original_seq: int = 0,
        ruleset: int = 0,
        clerk: int = 0,
        card_counter: int = 0,
        reference: str = "",
        allowance: int = 0,
        details: bytes = b"",
        visit: int = VISIT_NONE,
        new_money: bool = False,
        asked: int = 0,
    ) -> None:
        self.seq = seq
        self.verb = verb
        self.mode = mode
        self.uid = uid
        self.auth = auth
        self.amount = amount
        self.points = points
        self.time_utc = time_utc
        self.clock = clock
        self.member_no = member_no
        self.offline_reason = offline_reason
        self.original_seq = original_seq
        self.ruleset = ruleset
        self.clerk = clerk
        self.card_counter = card_counter
        self.reference = reference
        self.allowance = allowance
        self.details = details
        self.visit = visit
        self.new_money = new_money
        self.asked = asked


class Result:
    """What the switch answered to an ONLINE transaction: `state` APPROVED or REFUSED, `rc` the two characters of DE39.

    `points` are the points the switch booked, `balance` the confirmed balance after it or None when it gave none,
    `approval` DE38 or "". What a receipt says besides: `sms` one of SMS_*, the `tier` the member has now and whether it
    is a `new_tier`, and how much is `missing` to what comes next (`next_kind` of LT-87 tag 25: 0 nothing, 1 a reward, 2
    a tier). `voucher` is the number of one that was issued or won, "" none, good for `voucher_days` after that day.
    """

    def __init__(
        self,
        seq: int,
        state: int,
        rc: str,
        points: int,
        balance: "int | None",
        approval: str,
        sms: int = SMS_NONE,
        tier: int = TIER_NONE,
        new_tier: bool = False,
        next_kind: int = 0,
        missing: int = 0,
        voucher: str = "",
        voucher_days: int = 0,
    ) -> None:
        self.seq = seq
        self.state = state
        self.rc = rc
        self.points = points
        self.balance = balance
        self.approval = approval
        self.sms = sms
        self.tier = tier
        self.new_tier = new_tier
        self.next_kind = next_kind
        self.missing = missing
        self.voucher = voucher
        self.voucher_days = voucher_days


class JournalEntry:
    """A transaction with all the journal knows of it. `result` is None until an answer was written down."""

    def __init__(self, transaction: Transaction, state: int, result: "Result | None" = None) -> None:
        self.transaction = transaction
        self.state = state
        self.result = result


class Allowance:
    """Points the switch keeps for one card at this terminal alone: `number` is the switch's, above 0.

    To be spent here without its word, by one redemption, until `valid_until_utc`; `granted_utc` is when it was told.
    """

    def __init__(self, number: int, points: int, valid_until_utc: int, granted_utc: int) -> None:
        self.number = number
        self.points = points
        self.valid_until_utc = valid_until_utc
        self.granted_utc = granted_utc


class Reply:
    """The part of an answer the rest of the terminal may act on; its MAC has been checked.

    `member` is what the switch said of the cardholder, or None; `text` is a line to show, or "". `auth` is what the
    switch holds proven of this tap (AUTH_AES or AUTH_UID), None when it was shown nothing; `counter` is the card's own
    as the switch read it, 0 unknown. `allowance` is told only to who asked for one. `tags` is all it said, by LT-87
    tag; `content` the same as it came, where a tag may repeat.
    """

    def __init__(
        self,
        rc: str,
        points: int = 0,
        balance: "int | None" = None,
        approval: str = "",
        member: "Member | None" = None,
        text: str = "",
        auth: "int | None" = None,
        counter: int = 0,
        allowance: "Allowance | None" = None,
        tags: "dict[int, bytes] | None" = None,
        content: bytes = b"",
    ) -> None:
        self.rc = rc
        self.points = points
        self.balance = balance
        self.approval = approval
        self.member = member
        self.text = text
        self.auth = auth
        self.counter = counter
        self.allowance = allowance
        self.tags = tags or {}
        self.content = content
