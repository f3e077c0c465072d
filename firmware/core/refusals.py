"""Codes of refusals that are no exception class: rules of this terminal (`P..`) and the switch's DE39 (`H..`).

`firmware.core.errors.Refused` carries one of them. Like every code it has a text in each catalogue of `firmware.text`
and a heading in docs/troubleshooting.md.
"""

# Entry at the keys: told in one line while the question stays open.
AMOUNT_ZERO = "P10"
AMOUNT_TOO_LARGE = "P11"
TOO_MANY_DIGITS = "P12"
WRONG_KEY = "P13"
POINTS_NOT_ALLOWED = "P14"

# Rules of the programme and of the offline policy.
TOO_FEW_POINTS = "P20"
NEEDS_CONNECTION = "P21"
CARD_CANNOT_SPEND = "P22"
CARD_BLOCKED = "P23"
QUEUE_FULL = "P24"
OFFLINE_NOT_ALLOWED = "P25"
NO_BALANCE_KNOWN = "P26"
VALUE_STOPPED = "P27"
CARD_TO_RENEW = "P28"  # it looks like a copy; nobody is accused at the counter

NOTHING_REJECTED = "P41"
QUEUE_OLD = "P42"

# Spending without the switch.
NOTHING_RESERVED = "P50"
SPENT_ONCE = "P51"
OFFLINE_LIMIT = "P52"
DATA_TOO_OLD = "P53"
CLOCK_UNSURE = "P54"

# The end of a shift.
NOT_ALL_SENT = "P60"
NOT_RECONCILED = "P61"
TOTALS_DISPUTED = "L20"  # the switch's word, so the link's letter
TOTALS_CHANGED = "L21"

# Outcomes and the machine around a flow.
NOTHING_TO_REPRINT = "P31"
PRINTER_NOT_READY = "P32"

LOCAL_REFUSALS = (
    AMOUNT_ZERO,
    AMOUNT_TOO_LARGE,
    TOO_MANY_DIGITS,
    WRONG_KEY,
    POINTS_NOT_ALLOWED,
    TOO_FEW_POINTS,
    NEEDS_CONNECTION,
    CARD_CANNOT_SPEND,
    CARD_BLOCKED,
    QUEUE_FULL,
    OFFLINE_NOT_ALLOWED,
    NO_BALANCE_KNOWN,
    VALUE_STOPPED,
    CARD_TO_RENEW,
    NOTHING_RESERVED,
    SPENT_ONCE,
    OFFLINE_LIMIT,
    DATA_TOO_OLD,
    CLOCK_UNSURE,
    NOTHING_TO_REPRINT,
    PRINTER_NOT_READY,
    NOT_ALL_SENT,
    NOT_RECONCILED,
    TOTALS_DISPUTED,
    TOTALS_CHANGED,
    NOTHING_REJECTED,
    QUEUE_OLD,
)

# DE39 values with a text of their own (LT-87 section 9); H99 stands for every other.
_HOST_CODES = ("12", "13", "14", "25", "30", "41", "43", "51", "54", "57", "58", "59", "61", "62", "65")
OTHER_HOST_REFUSAL = "H99"
HOST_REFUSALS = tuple(["H" + rc for rc in _HOST_CODES] + [OTHER_HOST_REFUSAL])


def host_refusal(rc: str) -> str:
    """The refusal code of a DE39 value."""
    return "H" + rc if rc in _HOST_CODES else OTHER_HOST_REFUSAL
