"""What each LT-87 message must carry and what its answer says, between raw fields and the books.

A table of mandatory fields and tags, the reading of a request into a `Value`, and the building of answers. Knows no
sockets, no faults and no database.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Mapping, Sequence

from tools.bench_switch import kept, letters, money
from tools.bench_switch.allowances import Told
from tools.bench_switch.booking import Standing, Value
from tools.bench_switch.codec import tlv, wire
from tools.bench_switch.inquiry import Asked
from tools.bench_switch.programme import Programme
from tools.bench_switch.proof import STEP_BEGIN, STEP_SIZES, SUN_SIZES
from tools.bench_switch.schema import ACCRUAL, ENROL, ISSUE, REDEMPTION, REFUND, REMARK, REVERSAL, USE, VOID
from tools.issuer.keys import RELAY

TEHRAN = datetime.timezone(datetime.timedelta(hours=3, minutes=30))

SIGN_ON, SIGN_OFF, ECHO = "001", "002", "301"
INQUIRY = "319100"
STATEMENT = "389100"
VERBS = {
    "210091": ACCRUAL,
    "009100": REDEMPTION,
    "209100": REFUND,
    "200091": REFUND,
    "020091": VOID,
    "029100": VOID,
    "950091": ISSUE,
    "959100": USE,
    "930091": ENROL,
    "940000": REMARK,
}
AMOUNT_LIMIT = 10**12  # of the books' money: DE 4 is n12
NO_MONEY = (ENROL, REMARK)  # asked by 0100 and advised by 0120

ANSWERS = {
    "0800": "0810",
    "0100": "0110",
    "0120": "0130",
    "0121": "0130",
    "0200": "0210",
    "0220": "0230",
    "0221": "0230",
    "0420": "0430",
    "0421": "0430",
    "0500": "0510",
    "0501": "0510",
    "0320": "0330",
    "0321": "0330",
}
VALUE_MESSAGES = ("0200", "0220", "0221", "0420", "0421", "0120", "0121")

_HEAD = ("7", "11", "24", "41", "42", "48")
_CARD = (*_HEAD, "3", "12", "13", "22", "25", "37", "49")
_VALUE = (*_CARD, "4")
MANDATORY = {
    "0800": (*_HEAD, "70"),
    "0100": _CARD,
    "0200": _VALUE,
    "0120": (*_VALUE, "38"),
    "0121": (*_VALUE, "38"),
    "0220": (*_VALUE, "38"),
    "0221": (*_VALUE, "38"),
    "0420": (*_VALUE, "90"),
    "0421": (*_VALUE, "90"),
    "0500": (*_HEAD, "3", "49", "60", "63"),
    "0501": (*_HEAD, "3", "49", "60", "63"),
    "0320": (*_VALUE, "38", "60"),
    "0321": (*_VALUE, "38", "60"),
}
NOT_PACKED = ("24", "42")  # a packed message about a card leaves them out: TPDU and sign-on said them
_SESSION_TAGS = (tlv.SEQ, tlv.RULESET, tlv.CLOCK, tlv.KID)
_CARD_TAGS = (*_SESSION_TAGS, tlv.AUTH)
MANDATORY_TAGS = {
    "0800": _SESSION_TAGS,
    "0100": _CARD_TAGS,
    "0200": (*_CARD_TAGS, tlv.POINTS),
    "0120": (*_CARD_TAGS, tlv.POINTS, tlv.EST, tlv.OFFLINE),
    "0121": (*_CARD_TAGS, tlv.POINTS, tlv.EST, tlv.OFFLINE),
    "0220": (*_CARD_TAGS, tlv.POINTS, tlv.EST, tlv.OFFLINE),
    "0221": (*_CARD_TAGS, tlv.POINTS, tlv.EST, tlv.OFFLINE),
    "0420": (*_CARD_TAGS, tlv.POINTS),
    "0421": (*_CARD_TAGS, tlv.POINTS),
    "0500": (tlv.SEQ, tlv.CLOCK, tlv.CHAIN, tlv.KID),
    "0501": (tlv.SEQ, tlv.CLOCK, tlv.CHAIN, tlv.KID),
    "0320": (*_CARD_TAGS, tlv.POINTS),
    "0321": (*_CARD_TAGS, tlv.POINTS),
}
ECHOED = {
    "0810": ("7", "11", "24", "41", "42", "70"),
    "0110": ("3", "7", "11", "12", "13", "24", "37", "41", "42", "49"),
    "0210": ("3", "4", "7", "11", "12", "13", "24", "37", "41", "42", "49"),
    "0130": ("3", "4", "7", "11", "12", "13", "24", "37", "38", "41", "42", "49"),
    "0230": ("3", "4", "7", "11", "12", "13", "24", "37", "38", "41", "42", "49"),
    "0430": ("3", "4", "7", "11", "12", "13", "24", "37", "41", "42", "49"),
    "0510": ("3", "7", "11", "24", "41", "42", "49"),
    "0330": ("3", "4", "7", "11", "12", "13", "24", "37", "41", "42", "49", "60"),
}
KEYED = b"\x88mob\x00"  # before the mobile number in the place of a UID; no card begins with 88
RC_BAD_AMOUNT = "13"
RC_FORMAT = "30"
RC_INVALID = "12"
HIGHEST_SEQ = 0x7FFFFFFF
HIGHEST_AUTH = 2
ORIGINAL_TAIL = "0" * 22


class Refused(Exception):
    """An authentic request that cannot be processed: `rc` to answer, and why, for the log."""

    def __init__(self, rc: str, reason: str) -> None:
        super().__init__(reason)
        self.rc = rc


def salvage(message: wire.Split) -> tuple[dict[int, bytes], str]:
    """The tags of DE48, and what is wrong with it ("" when nothing): the answer needs SEQ even from a bad one."""
    try:
        return tlv.read(message.de48), ""
    except tlv.TlvError as error:
        return error.found, str(error)


def demand_complete(message: wire.Split, tags: dict[int, bytes], tlv_fault: str) -> None:
    """Raises Refused unless all that the message must carry is there and spelt right."""
    spared = NOT_PACKED if message.packed and message.mti != "0800" else ()
    missing = [de for de in MANDATORY[message.mti] if de not in message.fields and de not in spared]
    if missing:
        raise Refused(RC_FORMAT, f"without DE {', '.join(missing)}")
    bad = message.bad_characters()
    if bad:
        raise Refused(RC_BAD_AMOUNT if bad == ["4"] else RC_FORMAT, f"bad characters in DE {', '.join(bad)}")
    if tlv_fault:
        raise Refused(RC_FORMAT, f"DE48: {tlv_fault}")
    missing_tags = [tlv.TAGS[tag][0] for tag in MANDATORY_TAGS[message.mti] if tag not in tags]
    if missing_tags:
        raise Refused(RC_FORMAT, f"DE48 without {', '.join(missing_tags)}")


def is_value(message: wire.Split) -> bool:
    """Whether it is about something that is booked; an enrolment is asked with the message type of an inquiry."""
    return message.mti in VALUE_MESSAGES or VERBS.get(message.fields.get("3", "")) in NO_MONEY


def whose(tags: dict[int, bytes], verb: str = "") -> str:
    """The card in hex, or what stands for the mobile number somebody typed instead. Raises Refused.

    A number is typed by whoever knows it: it proves nothing and counts nothing, and it is spelt in one way only.
    """
    if tlv.UID in tags:
        if tags[tlv.UID].startswith(KEYED):
            raise Refused(RC_FORMAT, "UID that stands for a number")
        return tags[tlv.UID].hex().upper()
    if tlv.MOBILE in tags:
        if tlv.number(tags, tlv.AUTH) or tlv.CARD_CTR in tags:
            raise Refused(RC_FORMAT, "MOBILE beside the proof of a card")
        return (KEYED + tags[tlv.MOBILE]).hex().upper()
    if verb in (REMARK, ISSUE, USE, VOID):
        return ""  # somebody who wants to stay unknown, the bearer of a voucher
    raise Refused(RC_FORMAT, "DE48 without UID")


def read_inquiry(message: wire.Split, tags: dict[int, bytes]) -> Asked:
    """The inquiry for the books and the prover. Raises Refused."""
    if message.fields["3"] not in (INQUIRY, STATEMENT):
        raise Refused(RC_INVALID, f"processing code {message.fields['3']}")
    sun, step = tags.get(tlv.SDM, b""), tags.get(tlv.EV2, b"")
    if sun and step:
        raise Refused(RC_FORMAT, "two proofs at once")
    if sun and len(sun) != SUN_SIZES.get(sun[0]):
        raise Refused(RC_FORMAT, f"SDM of form {sun[0]} with {len(sun)} bytes")
    if step and len(step) != STEP_SIZES.get(step[0]):
        raise Refused(RC_FORMAT, f"EV2 of step {step[0]} with {len(step)} bytes")
    if step and step[0] == STEP_BEGIN and step[1] != RELAY:
        raise Refused(RC_FORMAT, f"EV2 with key {step[1]}")
    auth, counter = _auth_and_counter(tags)
    statement = message.fields["3"] == STATEMENT
    about_voucher = tlv.VOUCHER in tags and tlv.UID not in tags  # its bearer has laid no card on
    uid = "" if about_voucher else whose(tags)
    return Asked(terminal_id(message), uid, auth, counter, sun, step, _named(tags), tags, statement)


def _named(tags: dict[int, bytes], spent: int | None = None) -> int | None:
    """The allowance a request names (tag 30), None when it says nothing; `spent` points have to stand beside it."""
    said = tags.get(tlv.ALLOWANCE)
    if said is None:
        return None
    if len(said) != 8:
        raise Refused(RC_FORMAT, f"ALLOWANCE with {len(said)} bytes")
    number, points = (int.from_bytes(part, "big") for part in (said[:4], said[4:]))
    if spent is not None and points != spent:
        raise Refused(RC_FORMAT, f"ALLOWANCE of {points} points beside POINTS {-spent}")
    return number


def released(tags: dict[int, bytes]) -> tuple[int, int] | None:
    """(id, unused points) of tag 31; of an 0800 (0, when the terminal said it). None: it says nothing."""
    said = tags.get(tlv.RELEASE)
    return (int.from_bytes(said[:4], "big"), int.from_bytes(said[4:], "big")) if said is not None else None


def _auth_and_counter(tags: dict[int, bytes]) -> tuple[int, int]:
    """How the card was recognised, and its own counter, 0 unknown."""
    auth = tlv.number(tags, tlv.AUTH)
    if auth > HIGHEST_AUTH:
        raise Refused(RC_FORMAT, f"AUTH {auth}")
    counter = tlv.number(tags, tlv.CARD_CTR) if tlv.CARD_CTR in tags else 0
    if tlv.CARD_CTR in tags and not counter:
        raise Refused(RC_FORMAT, "CARD_CTR 0, which is none")
    return auth, counter


def read_value(
    message: wire.Split, tags: dict[int, bytes], now_utc: int, merchant_id: str = "", unit: int = 1
) -> Value:
    """The value message for the books; `merchant_id` is the terminal's own, for a message without DE 42, `unit` what
    the smallest unit of its currency is in the books' money.

    Raises Refused.
    """
    fields = message.fields
    price = int.from_bytes(tags.get(tlv.OFFER, b"")[2:7], "big")
    if unit > 1 and max(int(fields["4"]), price) * unit >= AMOUNT_LIMIT:
        raise Refused(RC_BAD_AMOUNT, "more money than the books hold")
    tags = money.booked(tags, unit)
    seq = tlv.number(tags, tlv.SEQ)
    if not 1 <= seq <= HIGHEST_SEQ:
        raise Refused(RC_FORMAT, f"SEQ {seq} is no journal number")
    verb = VERBS.get(fields["3"])
    if verb is None:
        raise Refused(RC_INVALID, f"processing code {fields['3']}")
    auth, counter = _auth_and_counter(tags)
    if tlv.SDM in tags or tlv.EV2 in tags:
        raise Refused(RC_FORMAT, "a proof belongs into a 0100")
    reversal = message.mti in ("0420", "0421")
    original_stan, original_de7 = 0, ""
    points = tlv.number(tags, tlv.POINTS)
    advice = message.mti in ("0220", "0221", "0120", "0121")
    uploaded = message.mti in ("0320", "0321")  # of a batch, whatever it was asked with
    if not (reversal or uploaded) and (verb in NO_MONEY) != message.mti.startswith("01"):
        raise Refused(RC_INVALID, f"processing code {fields['3']} in a {message.mti}")
    given_back = released(tags) if verb == REDEMPTION and message.mti == "0200" else None
    if reversal:
        original_mti, stan, de7, tail = fields["90"][:4], fields["90"][4:10], fields["90"][10:20], fields["90"][20:]
        if original_mti != ("0100" if verb in NO_MONEY else "0200") or tail != ORIGINAL_TAIL:
            raise Refused(RC_FORMAT, "DE90 names no original")
        original_stan, original_de7 = int(stan), de7
    return Value(
        terminal_id=terminal_id(message),
        seq=seq,
        mti=message.mti,
        verb=REVERSAL if reversal else verb,
        advice=advice,
        stan=int(fields["11"]),
        de7=fields["7"],
        rrn=fields["37"],
        merchant_id=fields.get("42", merchant_id).rstrip(),
        uid=whose(tags, verb),
        auth=auth,
        amount=int(fields["4"]) * unit,
        points=points,
        business_day=business_day(fields["13"], tlv.number(tags, tlv.CLOCK), now_utc),
        original_stan=original_stan,
        original_de7=original_de7,
        counter=counter,
        allowance=None if reversal else _named(tags, -points if advice and verb == REDEMPTION else None),
        release=given_back[0] if given_back is not None else 0,
        clerk=tags[tlv.CLERK].decode("ascii", "replace") if tlv.CLERK in tags else "",
        offline=not reversal and fields["25"] == "06",
        tags=tags,
        de48=message.de48,
        details="" if reversal else kept.digest(kept.said(tags)),
        currency=int(fields.get("49", "364")),
        unit=unit,
        local_day=fields["13"],
    )


def terminal_id(message: wire.Split) -> str:
    """DE41 without its filling; empty when there is none."""
    return message.fields.get("41", "").rstrip()


def business_day(mmdd: str, clock: int, now_utc: int) -> datetime.date:
    """DE13 with its newest year that is not in the future; the switch's day when the terminal's clock is worth nothing.

    A day ahead is still the present: the terminal's clock may run before the switch's at midnight.
    """
    today = datetime.datetime.fromtimestamp(now_utc, TEHRAN).date()
    try:
        datetime.date(2000, int(mmdd[:2]), int(mmdd[2:]))  # a leap year, so 29 February is a day
    except ValueError:
        raise Refused(RC_FORMAT, f"DE13 {mmdd} is no day") from None
    if clock == 0:
        return today
    tomorrow = today + datetime.timedelta(days=1)
    for year in (tomorrow.year, tomorrow.year - 1):
        with contextlib.suppress(ValueError):  # no 29 February in that year
            day = datetime.date(year, int(mmdd[:2]), int(mmdd[2:]))
            if day <= tomorrow:
                return day
    return today


def amounts(balance: int, elsewhere: int = 0) -> str:
    """DE54: ledger balance of the points account, and what of it this card may spend at this terminal."""
    kinds = (("01", balance), ("02", balance - elsewhere))
    return "".join(f"91{kind}000{'D' if points < 0 else 'C'}{abs(points):012d}" for kind, points in kinds)


def allowance_tag(told: Told | None) -> dict[int, bytes]:
    """Tag 30 of an answer, when there is one to tell of."""
    if told is None:
        return {}
    return {tlv.ALLOWANCE: tlv.u(told.number, 4) + tlv.u(told.points, 4) + tlv.u(told.valid_until_utc, 4)}


def standing_tags(standing: Standing, programme: Programme) -> dict[int, bytes]:
    """What an answer tells of a known member."""
    tags = {
        tlv.TIER: tlv.u(standing.tier, 1) + tlv.NO_DATE,
        tlv.VISITS: tlv.u(standing.visits, 2),
        tlv.LASTVISIT: tlv.bcd_date(standing.last_visit),
        tlv.NAME: tlv.text(standing.name, 60),
    }
    step = programme.next_step(standing.balance, standing.toward_tier, standing.tier)
    if step is not None:
        kind, missing, text = step
        tags[tlv.NEXT] = tlv.u(kind, 1) + tlv.u(missing, 4) + tlv.text(text, 60)
    return tags


def answer_fields(
    request: wire.Split,
    rc: str,
    tags: Mapping[int, bytes | Sequence[bytes]],
    approval: str = "",
    standing: Standing | None = None,
) -> dict[str, str]:
    """An answer's fields without the MAC: what is echoed, the code, and DE48."""
    mti = ANSWERS[request.mti]
    fields = {"t": mti, **{de: request.fields[de] for de in ECHOED[mti] if de in request.fields}}
    fields["39"] = rc
    if approval and mti in ("0210", "0110"):
        fields["38"] = approval
    if standing is not None and mti in ("0110", "0130", "0210", "0230"):
        fields["54"] = amounts(standing.balance, standing.elsewhere)
    fields["48"] = tlv.write(tags).hex()
    return fields


def letter_done(tags: dict[int, bytes]) -> int | None:
    """The SEQ of a dead letter a terminal says it gave up, as it was told, or None."""
    told = tags.get(tlv.ADMIN) == tlv.u(letters.CLEAR, 1) and tlv.DISPUTE in tags
    return int.from_bytes(tags[tlv.DISPUTE], "big") if told else None


def letter_tags(seq: int | None) -> dict[int, bytes]:
    """What tells a terminal to give a dead letter up."""
    return {} if seq is None else {tlv.DISPUTE: tlv.u(seq, 4), tlv.ADMIN: tlv.u(letters.CLEAR, 1)}
