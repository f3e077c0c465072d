"""Codes of refusals that are no exception class: rules of this terminal (`P..`) and the switch's DE39 (`H..`).

`firmware.core.errors.Refused` carries one of them. Like every code it has a text in each catalogue of `firmware.text`
and a heading in docs/troubleshooting.md.
"""

from micropython import const

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
EARNED_OFTEN = "P43"
STILL_WAITING = "P44"

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

# Members.
BAD_MOBILE = "P73"
NO_SUCH_DAY = "P74"
CARD_IS_BOUND = "P75"
NO_CODE_SENT = "P76"
SIX_DIGITS = "P77"
BAD_REFERRER = "P78"
WAITS_ALREADY = "P79"

# Who works here.
PIN_WRONG = "P90"  # or nobody has this number: the two are told alike
PIN_PAUSED = "P91"
PIN_LOCKED = "P92"
PIN_NOT_TAKEN = "P93"
ABOVE_LIMIT = "P94"
OWN_CARD = "P95"

# Taking back and finding.
NOT_TO_VOID = "P85"
ON_ITS_WAY = "P87"
REFERENCE_UNKNOWN = "P88"
REFUND_OFFLINE = "P89"

# Offers and vouchers.
VOUCHER_NUMBER = "P80"
OFFER_NEEDS_SWITCH = "P81"
OFFER_DOES_NOT_FIT = "P82"
NO_VOUCHER_NOW = "P83"

# The cash register's orders: told to it, the last one on the screen.
TILL_BUSY = "E10"
TILL_LOCKED = "E11"
REF_UNKNOWN = "E13"
REF_USED = "E14"
TOO_LATE = "E15"
PRICE_TOO_SMALL = "E17"

# Outcomes and the machine around a flow.
NOTHING_TO_REPRINT = "P31"
DISPLAY_DARK = "R02"
PRINTER_NOT_READY = "P32"
PRINTER_SILENT = "P33"
PRINTER_BUSY = "P34"

# DE39 values with a text of their own (LT-87 section 9); H99 stands for every other.
_HOST_CODES = const((
    "12", "13", "14", "21", "25", "26", "30", "38", "41", "43", "51", "54", "55", "56", "57", "58", "59", "61", "62",
    "64", "65", "76", "79", "80",
))  # fmt: skip
OTHER_HOST_REFUSAL = "H99"


def host_refusal(rc: str) -> str:
    """The refusal code of a DE39 value."""
    return "H" + rc if rc in _HOST_CODES else OTHER_HOST_REFUSAL
