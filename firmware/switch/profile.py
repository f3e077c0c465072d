"""LT-87 as data: data elements, DE 48 tags, message numbers, response codes. docs/lt87.md is the same table for people.

The codec, the message builders, store-and-forward and the oracle specifications of the tests all read this module; it
knows none of them. Lengths are bytes on the wire.
"""

from micropython import const

# Character classes of a data element.
KIND_N = const(0)  # 0-9
KIND_AN = const(1)  # 0-9 A-Z a-z and space
KIND_ANS = const(2)  # 20..7E hex
KIND_B = const(3)  # any byte

MAC_LENGTH = const(8)
MESSAGE_MIN = const(32)
MESSAGE_MAX = const(2048)
MAC_PRIMARY = const(64)
MAC_SECONDARY = const(128)

# DE: (kind, digits of the length prefix or 0 when fixed, length or longest length).
FIELDS = {
    2: (KIND_N, 2, 19),
    3: (KIND_N, 0, 6),
    4: (KIND_N, 0, 12),
    7: (KIND_N, 0, 10),
    11: (KIND_N, 0, 6),
    12: (KIND_N, 0, 6),
    13: (KIND_N, 0, 4),
    22: (KIND_N, 0, 3),
    24: (KIND_N, 0, 3),
    25: (KIND_N, 0, 2),
    37: (KIND_AN, 0, 12),
    38: (KIND_AN, 0, 6),
    39: (KIND_AN, 0, 2),
    41: (KIND_ANS, 0, 8),
    42: (KIND_ANS, 0, 15),
    48: (KIND_B, 3, 999),
    49: (KIND_N, 0, 3),
    54: (KIND_AN, 3, 120),
    60: (KIND_ANS, 3, 999),
    62: (KIND_ANS, 3, 999),
    63: (KIND_ANS, 3, 999),
    64: (KIND_B, 0, MAC_LENGTH),
    70: (KIND_N, 0, 3),
    90: (KIND_N, 0, 42),
    128: (KIND_B, 0, MAC_LENGTH),
}

# Tags of DE 48.
TAG_SEQ = const(0x01)
TAG_POINTS = const(0x02)
TAG_EST = const(0x03)
TAG_RULESET = const(0x04)
TAG_CFG = const(0x05)
TAG_HOTLIST = const(0x06)
TAG_UID = const(0x07)
TAG_CARD_CTR = const(0x08)
TAG_AUTH = const(0x09)
TAG_CLOCK = const(0x0A)
TAG_CLERK = const(0x0B)
TAG_OFFLINE = const(0x0D)
TAG_HOST_TIME = const(0x0E)
TAG_HIGH_SEQ = const(0x0F)
TAG_TIER = const(0x10)
TAG_VISITS = const(0x11)
TAG_LAST_VISIT = const(0x12)
TAG_NEXT = const(0x25)
TAG_SDM = const(0x32)
TAG_EV2 = const(0x33)
TAG_NAME = const(0x44)
TAG_KID = const(0x60)
TAG_FW = const(0x61)
TAG_TEXT = const(0x70)

# Tag: (shortest, longest value).
TAGS = {
    TAG_SEQ: (4, 4),
    TAG_POINTS: (4, 4),
    TAG_EST: (4, 4),
    TAG_RULESET: (2, 2),
    TAG_CFG: (2, 2),
    TAG_HOTLIST: (2, 2),
    TAG_UID: (4, 10),
    TAG_CARD_CTR: (4, 4),
    TAG_AUTH: (1, 1),
    TAG_CLOCK: (1, 1),
    TAG_CLERK: (1, 8),
    TAG_OFFLINE: (1, 1),
    TAG_HOST_TIME: (4, 4),
    TAG_HIGH_SEQ: (4, 4),
    TAG_TIER: (4, 4),
    TAG_VISITS: (2, 2),
    TAG_LAST_VISIT: (3, 3),
    TAG_NEXT: (5, 65),
    TAG_SDM: (19, 25),
    TAG_EV2: (18, 33),
    TAG_NAME: (0, 60),
    TAG_KID: (1, 1),
    TAG_FW: (1, 32),
    TAG_TEXT: (0, 60),
}

# Request: the answer it is matched with.
ANSWERS = {
    "0800": "0810",
    "0100": "0110",
    "0200": "0210",
    "0220": "0230",
    "0221": "0230",
    "0420": "0430",
    "0421": "0430",
}

# DE 70.
SIGN_ON = const(1)
SIGN_OFF = const(2)
ECHO = const(301)

# DE 3.
CODE_INQUIRY = "319100"
CODE_ACCRUAL = "210091"
CODE_REDEMPTION = "009100"

# DE 54: account and amount types.
ACCOUNT_POINTS = "91"
AMOUNT_LEDGER = "01"
AMOUNT_AVAILABLE = "02"

# Session numbers have this bit, the journal's SEQ never has (docs/lt87.md section 3).
SESSION_BIT = const(0x80000000)

# Response codes (docs/lt87.md section 9).
APPROVING = ("00", "10", "94")
RC_ORIGINAL_UNKNOWN = "25"
RC_SECURITY = "63"
UNABLE = ("68", "91", "96")

# What becomes of a queued record.
SETTLE = const(0)
BURY = const(1)
TRY_LATER = const(2)
PAUSE = const(3)
KEEP = const(4)


def approved(rc: str) -> bool:
    """Whether a response code means that the switch has booked the transaction."""
    return rc in APPROVING


def fate(rc: str, is_reversal: bool) -> int:
    """What a response code makes of a queued advice or reversal: SETTLE, BURY, TRY_LATER, PAUSE or KEEP.

    No code buries a reversal: what it undoes may be booked, and the sale stands under another SEQ.
    """
    if rc in APPROVING or (is_reversal and rc == RC_ORIGINAL_UNKNOWN):
        return SETTLE
    if rc in UNABLE:
        return TRY_LATER
    if rc == RC_SECURITY:
        return PAUSE
    if is_reversal:
        return KEEP
    return BURY
