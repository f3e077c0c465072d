"""LT-87 as data: data elements, DE 48 tags, message numbers, response codes; the one table all else is made from.

The codec, the message builders, session and store-and-forward read it here; `tools.lt87` adds names and prose and
writes from it the tables of docs/lt87.md and the specifications of foreign codecs. The tables are byte strings, a row
after a row, so that they take no more heap than they are long. Lengths are bytes on an ASCII wire.
"""

from micropython import const

# Character classes of a data element.
KIND_N = const(0x6E)  # "n": 0-9; the only class a packed (BCD) message spells otherwise
KIND_AN = const(0x61)  # "a": 0-9 A-Z a-z and space
KIND_ANS = const(0x73)  # "s": 20..7E hex
KIND_B = const(0x62)  # "b": any byte

MAC_LENGTH = const(8)
MESSAGE_MIN = const(32)
MESSAGE_MAX = const(2048)
MAC_PRIMARY = const(64)
MAC_SECONDARY = const(128)

# A row: DE, class, digits of the length prefix (0: fixed length), length or longest length in two bytes; ascending.
FIELD_ROW = const(5)
FIELDS = (
    b"\x02n\x02\x00\x13"  # 2 card number
    b"\x03n\x00\x00\x06"  # 3 processing code
    b"\x04n\x00\x00\x0c"  # 4 amount
    b"\x07n\x00\x00\x0a"  # 7 transmission time
    b"\x0bn\x00\x00\x06"  # 11 STAN
    b"\x0cn\x00\x00\x06"  # 12 local time
    b"\x0dn\x00\x00\x04"  # 13 local date
    b"\x16n\x00\x00\x03"  # 22 entry mode
    b"\x18n\x00\x00\x03"  # 24 NII
    b"\x19n\x00\x00\x02"  # 25 condition
    b"\x25a\x00\x00\x0c"  # 37 RRN
    b"\x26a\x00\x00\x06"  # 38 approval code
    b"\x27a\x00\x00\x02"  # 39 response code
    b"\x29s\x00\x00\x08"  # 41 terminal
    b"\x2as\x00\x00\x0f"  # 42 merchant
    b"\x30b\x03\x03\xe7"  # 48 TLV
    b"\x31n\x00\x00\x03"  # 49 currency
    b"\x36a\x03\x00\x78"  # 54 balances
    b"\x3cs\x03\x03\xe7"  # 60 batch
    b"\x3es\x03\x03\xe7"  # 62 receipt
    b"\x3fs\x03\x03\xe7"  # 63 totals
    b"\x40b\x00\x00\x08"  # 64 MAC
    b"\x46n\x00\x00\x03"  # 70 network function
    b"\x5an\x00\x00\x2a"  # 90 original
    b"\x5fa\x00\x00\x2a"  # 95 replacement amounts
    b"\x80b\x00\x00\x08"  # 128 MAC
)
# DEs that need the secondary bitmap.
SECONDARY = b"\x46\x5a"
# What every answer must carry: DEs, tags.
INSISTED = b"\x07\x0b\x27\x29\x30"
INSISTED_TAGS = b"\x01\x0e\x60"

# Tags of DE 48 that this terminal writes or reads.
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
TAG_SUPERVISOR = const(0x0C)
TAG_OFFLINE = const(0x0D)
TAG_HOST_TIME = const(0x0E)
TAG_HIGH_SEQ = const(0x0F)
TAG_TIER = const(0x10)
TAG_VISITS = const(0x11)
TAG_LAST_VISIT = const(0x12)
TAG_RUNG = const(0x13)
TAG_SEGMENT = const(0x14)
TAG_WINBACK = const(0x15)
TAG_EXPIRING = const(0x16)
TAG_EARNED = const(0x17)
TAG_FLAGS = const(0x18)
TAG_YEARS = const(0x19)
TAG_OFFER = const(0x20)
TAG_VOUCHER = const(0x21)
TAG_REWARD = const(0x22)
TAG_BENEFIT = const(0x23)
TAG_SUGGEST = const(0x24)
TAG_NEXT = const(0x25)
TAG_BASKET = const(0x26)
TAG_REFCODE = const(0x27)
TAG_ACK = const(0x28)
TAG_ORIGINAL = const(0x29)
TAG_CODE = const(0x2A)
TAG_MEMBER = const(0x2B)
TAG_ALLOWANCE = const(0x30)
TAG_RELEASE = const(0x31)
TAG_SDM = const(0x32)
TAG_EV2 = const(0x33)
TAG_MOBILE = const(0x40)
TAG_CONSENT = const(0x41)
TAG_CHANNEL = const(0x42)
TAG_SMS = const(0x43)
TAG_NAME = const(0x44)
TAG_REFERRER = const(0x45)
TAG_BIRTHDAY = const(0x46)
TAG_SURVEY = const(0x50)
TAG_REASON = const(0x51)
TAG_NOTE = const(0x52)
TAG_DISPUTE = const(0x53)
TAG_ADMIN = const(0x54)
TAG_KID = const(0x60)
TAG_FW = const(0x61)
TAG_DIAG = const(0x62)
TAG_NEWKEY = const(0x63)
TAG_MINBUILD = const(0x65)
TAG_CHAIN = const(0x64)
TAG_DIGEST = const(0x66)
TAG_SINCE = const(0x67)
TAG_PROFILE = const(0x68)
TAG_PROGRAM = const(0x69)
TAG_ROOT = const(0x6A)
TAG_TEXT = const(0x70)
TAG_CHUNK = const(0x7E)
TAG_BLOB = const(0x7F)

# A row: tag, shortest, longest value; ascending.
TAG_ROW = const(3)
TAGS = (
    b"\x01\x04\x04"  # SEQ
    b"\x02\x04\x04"  # POINTS
    b"\x03\x04\x04"  # EST
    b"\x04\x02\x02"  # RULESET
    b"\x05\x02\x02"  # CFG
    b"\x06\x02\x02"  # HOTLIST
    b"\x07\x04\x0a"  # UID
    b"\x08\x04\x04"  # CARD_CTR
    b"\x09\x01\x01"  # AUTH
    b"\x0a\x01\x01"  # CLOCK
    b"\x0b\x01\x08"  # CLERK
    b"\x0c\x01\x08"  # SUPERVISOR
    b"\x0d\x01\x01"  # OFFLINE
    b"\x0e\x04\x04"  # HOST_TIME
    b"\x0f\x04\x04"  # HIGH_SEQ
    b"\x10\x04\x04"  # TIER
    b"\x11\x02\x02"  # VISITS
    b"\x12\x03\x03"  # LASTVISIT
    b"\x13\x01\x01"  # RUNG
    b"\x14\x01\x01"  # SEGMENT
    b"\x15\x01\x01"  # WINBACK
    b"\x16\x07\x07"  # EXPIRING
    b"\x17\x05\x05"  # EARNED, repeats
    b"\x18\x01\x01"  # FLAGS
    b"\x19\x01\x01"  # YEARS
    b"\x20\x02\x46"  # OFFER, repeats
    b"\x21\x01\x10"  # VOUCHER
    b"\x22\x02\x02"  # REWARD
    b"\x23\x01\x08"  # BENEFIT
    b"\x24\x00\x3c"  # SUGGEST
    b"\x25\x05\x41"  # NEXT
    b"\x26\x01\x01"  # BASKET
    b"\x27\x01\x0c"  # REFCODE
    b"\x28\x03\x3f"  # ACK
    b"\x29\x0c\x0c"  # ORIGINAL
    b"\x2a\x04\x08"  # CODE
    b"\x2b\x04\x04"  # MEMBER
    b"\x30\x08\x0c"  # ALLOWANCE
    b"\x31\x08\x08"  # RELEASE
    b"\x32\x13\x19"  # SDM
    b"\x33\x12\x21"  # EV2
    b"\x40\x05\x05"  # MOBILE
    b"\x41\x01\x01"  # CONSENT
    b"\x42\x03\x03"  # CHANNEL
    b"\x43\x01\x01"  # SMS
    b"\x44\x00\x3c"  # NAME
    b"\x45\x01\x0c"  # REFERRER
    b"\x46\x02\x02"  # BIRTHDAY
    b"\x50\x03\x03"  # SURVEY
    b"\x51\x01\x01"  # REASON
    b"\x52\x00\x3c"  # NOTE
    b"\x53\x04\x04"  # DISPUTE
    b"\x54\x01\x01"  # ADMIN
    b"\x60\x01\x01"  # KID
    b"\x61\x01\x20"  # FW
    b"\x62\x00\xc8"  # DIAG
    b"\x63\x29\x29"  # NEWKEY
    b"\x64\x08\x08"  # CHAIN
    b"\x65\x04\x04"  # MINBUILD
    b"\x66\x08\x08"  # DIGEST
    b"\x67\x04\x04"  # SINCE
    b"\x68\x02\x02"  # PROFILE
    b"\x69\x04\x14"  # PROGRAM
    b"\x6a\x02\x02"  # ROOT
    b"\x70\x00\x3c"  # TEXT
    b"\x7e\x08\x08"  # CHUNK
    b"\x7f\x01\xff"  # BLOB
)
REPEATING = b"\x17\x20"

# SEGMENT (tag 14), bits.
SEGMENT_BEST = const(0x01)
SEGMENT_LAPSED = const(0x02)
SEGMENT_SIX_MONTHS = const(0x04)

# DE 70.
SIGN_ON = const(1)
SIGN_OFF = const(2)
NEW_KEYS = const(101)
ECHO = const(301)
GET_CONFIG = const(901)
GET_RULES = const(902)
GET_HOTLIST = const(903)
GET_MEMBERS = const(904)
GET_PROGRAM = const(905)
GET_ROOT = const(906)

# ADMIN (tag 54): what the switch orders in a 0810; 1 belongs to a dead letter, 4 to an update.
ADMIN_ZEROISE = const(2)
ADMIN_STOP_VALUE = const(3)

# PROFILE (tag 68): this page's version. Another first number is another protocol, another second one is not.
PROFILE_MAJOR = const(1)
PROFILE_MINOR = const(0)

# DE 3.
CODE_INQUIRY = "319100"
CODE_ACCRUAL = "210091"
CODE_REDEMPTION = "009100"
CODE_STATEMENT = "389100"
CODE_CLAW_BACK = "209100"  # refund of a sale: its points go back to the switch
CODE_GIVE_BACK = "200091"  # refund of a redemption
CODE_VOID_ACCRUAL = "020091"
CODE_VOID_REDEMPTION = "029100"
CODE_ISSUE = "950091"
CODE_USE = "959100"
CODE_ENROL = "930091"
CODE_REMARK = "940000"
CODE_TOTALS = "920000"
CODE_UPLOADED = "960000"  # totals once more, behind the upload of the batch

# DE 54: account and amount types.
ACCOUNT_POINTS = "91"
AMOUNT_LEDGER = "01"
AMOUNT_AVAILABLE = "02"

# Session numbers have this bit, the journal's SEQ never has (docs/lt87.md section 3).
SESSION_BIT = const(0x80000000)

# What a response code makes of a live request.
DONE = const(0x64)  # "d": the switch has booked it
REFUSED = const(0x72)  # "r"
UNKNOWN = const(0x75)  # "u": the switch has not decided
SECURITY = const(0x78)  # "x": it does not believe our MAC, so nothing is decided either
# What it makes of a queued record.
SETTLE = const(0x73)  # "s"
BURY = const(0x62)  # "b"
TRY_LATER = const(0x6C)  # "l"
PAUSE = const(0x70)  # "p"
KEEP = const(0x6B)  # "k": no code buries a reversal: what it undoes may be booked, and the sale has another SEQ

# A row: code, then what it makes of a live request, a queued advice, a queued reversal. The last row is any other code.
RESPONSE_ROW = const(5)
RESPONSES = (
    b"00dss10dss94dss"
    b"21rbk76rbk25rbs"
    b"26rbk38rbk55rbk"
    b"56rbk64rbk79rbk80rbk"
    b"51rbk14rbk54rbk41rbk43rbk62rbk61rbk65rbk57rbk59rbk12rbk13rbk30rbk95rbk"
    b"58rlk63xpp"
    b"68ull91ull96ull"
    b"??rbk"
)
RC_ORIGINAL_UNKNOWN = "25"
RC_CHANGED = "10"  # to an 0500: agreed before, with other totals
RC_RENUMBERED = "94"  # to an 0500: the batch goes on as DE 60 of the answer says
RC_TOTALS_DIFFER = "95"
BLOCKED = "58"


def answer_mti(mti: str) -> str:
    """The message a request is answered with: x0y by x10, an advice x2y by x30."""
    return mti[:2] + ("1" if mti[2] == "0" else "3") + "0"


def _behaviour(rc: str, column: int) -> int:
    code, last = rc.encode(), len(RESPONSES) - RESPONSE_ROW
    at = 0
    while at < last and RESPONSES[at : at + 2] != code:
        at += RESPONSE_ROW
    return RESPONSES[at + column]


def verdict(rc: str) -> int:
    """What a response code says of a live request: DONE, REFUSED, UNKNOWN or SECURITY."""
    return _behaviour(rc, 2)


def approved(rc: str) -> bool:
    """Whether a response code means that the switch has booked the transaction."""
    return verdict(rc) == DONE


def fate(rc: str, is_reversal: bool) -> int:
    """What a response code makes of a queued advice or reversal: SETTLE, BURY, TRY_LATER, PAUSE or KEEP."""
    return _behaviour(rc, 4 if is_reversal else 3)
