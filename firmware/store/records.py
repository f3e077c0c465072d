"""Bodies of the journal's frames: a transaction, its result or void, acknowledgements. Pure functions; tables in
docs/store.md.

A transaction, a result and a void take 48 bytes: 8 clear (the first four, SEQ, make room for the link on the flash),
32 that are encrypted in place, 8 for the tag. What a transaction cannot say in them follows in an extension of one to
four times 16 bytes, before the tag: fields of a tag, a length and a value.
"""

from binascii import crc32
from struct import pack, unpack_from

from micropython import const

from firmware.core import luhn
from firmware.core.errors import StoreError
from firmware.core.types import Result, Transaction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

# Frame types of the journal.
TRANSACTION = const(1)
RESULT = const(2)
SETTLE = const(3)
DEAD = const(4)  # header seq = position (generation * 64 + cell) of the frame it replaces
MARK = const(5)
VOID = const(6)

TAG = const(8)

_HAS_BALANCE = const(1)  # flags of a result
_MEMBER_IN_SPARE = const(1)  # flags of a transaction: the 7 bytes after the UID hold a member number
_EXTENDED = const(2)  # an extension follows
_NEW_MONEY = const(8)  # the amount is in the currency after a redenomination
_BOTH_IN_SPARE = const(4)  # the 7 bytes hold a member number of 32 bits and a counter of 24, as cards count

_SPARE_MAX = const(1 << 56)

# Fields of an extension. A tag nobody here knows is of later firmware: it is passed over, and stays in the body.
_END = const(0)  # zeros up to the next 16 bytes
_FIELD_MEMBER = const(1)
_FIELD_COUNTER = const(2)
_FIELD_REFERENCE = const(3)
_FIELD_ALLOWANCE = const(4)
_FIELD_DETAILS = const(5)
_FIELD_ASKED = const(6)

_REFERENCE_MAX = const(40)
_REASON_MAX = const(27)
_EXTENSION_AT = const(40)
_EXTENSION_MAX = const(64)
_NEW_TIER = const(0x80)  # beside the tier of a result
_VOUCHER_DIGITS = const(10)
_VOUCHER_DAYS = const(0x3FF)


def _fits(bits: int, *numbers: int) -> bool:
    """Whether each is a whole number of so many bits without sign."""
    return all(0 <= number < 1 << bits for number in numbers)


def clear_mark(reference: str) -> bytes:
    """Two clear bytes by which a transaction is found that bears this reference, without opening all the others: where
    a dead letter has its response code. Never zeros, which are those of a transaction without one."""
    return pack("<H", crc32(reference.encode()) & 0xFFFF or 1)


def pack_transaction(t: Transaction, rc: str = "") -> bytes:
    """Raises StoreError when a field is out of the range the record can hold: the device's `pack` would only cut it."""
    if len(t.uid) > 10 or len(rc.encode()) > 2 or not _fits(4, t.auth, t.clock, t.offline_reason, t.verb):
        raise StoreError("transaction does not fit its record")
    if not _fits(2, t.mode) or not _fits(32, t.seq, t.time_utc, t.original_seq, t.card_counter, t.points + (1 << 31)):
        raise StoreError("transaction does not fit its record")
    if not (_fits(64, t.member_no) and _fits(40, t.amount) and _fits(16, t.ruleset) and _fits(8, t.clerk)):
        raise StoreError("transaction does not fit its record")
    reference = t.reference.encode()
    if len(reference) > _REFERENCE_MAX or not _fits(32, t.allowance) or not _fits(2, t.visit) or not _fits(40, t.asked):
        raise StoreError("transaction does not fit its record")
    flags = 0
    extension = b""
    spare = bytes(t.uid[7:]) + bytes(10 - max(7, len(t.uid))) + pack("<I", t.original_seq)
    if t.member_no or t.card_counter:
        room = len(t.uid) <= 7 and not t.original_seq
        if room and not t.card_counter and t.member_no < _SPARE_MAX:
            flags, spare = _MEMBER_IN_SPARE, pack("<Q", t.member_no)[:7]
        elif room and _fits(32, t.member_no) and _fits(24, t.card_counter):
            flags, spare = _BOTH_IN_SPARE, pack("<II", t.member_no, t.card_counter)[:7]
        else:
            extension = pack("<BBQBBI", _FIELD_MEMBER, 8, t.member_no, _FIELD_COUNTER, 4, t.card_counter)
    if reference:
        extension += bytes((_FIELD_REFERENCE, len(reference))) + reference
    if t.allowance:
        extension += pack("<BBI", _FIELD_ALLOWANCE, 4, t.allowance)
    if t.asked:
        extension += pack("<BBIB", _FIELD_ASKED, 5, t.asked & 0xFFFFFFFF, t.asked >> 32)
    if t.details:
        extension += bytes((_FIELD_DETAILS, len(t.details))) + t.details
    if len(extension) > _EXTENSION_MAX:
        raise StoreError("transaction does not fit its record")
    if t.new_money:
        flags |= _NEW_MONEY
    if extension:
        flags |= _EXTENDED
        extension += bytes(-len(extension) % 16)
    kinds = len(t.uid) | t.auth << 4 | t.clock << 8 | t.offline_reason << 12
    uid = bytes(t.uid[:7]) + bytes(7 - min(7, len(t.uid)))
    clear = clear_mark(t.reference) if reference and not rc else rc.encode()
    return (
        pack("<IBB2sH", t.seq, t.verb | t.mode << 4 | t.visit << 6, flags, clear, kinds)
        + uid
        + spare
        + pack("<IBiIHB", t.amount & 0xFFFFFFFF, t.amount >> 32, t.points, t.time_utc, t.ruleset, t.clerk)
        + extension
        + bytes(TAG)
    )


def unpack_transaction(body: bytes) -> Transaction:
    """The transaction exactly as it was given to `pack_transaction`."""
    seq, verb, flags, _rc, kinds = unpack_from("<IBB2sH", body, 0)
    low, high, points, time_utc, ruleset, clerk = unpack_from("<IBiIHB", body, 24)
    uid_length = kinds & 15
    member_no = original_seq = card_counter = 0
    uid = body[10 : 10 + min(7, uid_length)]
    if flags & _MEMBER_IN_SPARE:
        member_no = unpack_from("<Q", body[17:24] + b"\0", 0)[0]
    elif flags & _BOTH_IN_SPARE:
        member_no, card_counter = unpack_from("<II", body[17:24] + b"\0", 0)
    else:
        uid = uid + body[17 : 17 + max(0, uid_length - 7)]
        original_seq = unpack_from("<I", body, 20)[0]
    reference, allowance, details, asked = "", 0, b"", 0
    for tag, value in _fields(body) if flags & _EXTENDED else ():
        if tag == _FIELD_MEMBER:
            member_no = int.from_bytes(value, "little")
        elif tag == _FIELD_COUNTER:
            card_counter = int.from_bytes(value, "little")
        elif tag == _FIELD_REFERENCE:
            reference = value.decode()
        elif tag == _FIELD_ALLOWANCE:
            allowance = int.from_bytes(value, "little")
        elif tag == _FIELD_DETAILS:
            details = bytes(value)
        elif tag == _FIELD_ASKED:
            asked = int.from_bytes(value, "little")
    return Transaction(
        seq,
        verb & 15,
        verb >> 4 & 3,
        uid,
        kinds >> 4 & 15,
        low | high << 32,
        points,
        time_utc,
        kinds >> 8 & 15,
        member_no,
        kinds >> 12,
        original_seq,
        ruleset,
        clerk,
        card_counter,
        reference,
        allowance,
        details,
        verb >> 6,
        flags & _NEW_MONEY > 0,
        asked,
    )


def _fields(body: bytes) -> "Iterator[tuple[int, bytes]]":
    """The fields of an extension, as far as they are whole."""
    at, end = _EXTENSION_AT, len(body) - TAG
    while at + 2 <= end and body[at] != _END:
        tag, start = body[at], at + 2
        at = start + body[at + 1]
        if at <= end:
            yield tag, body[start:at]


def with_rc(body: bytes, rc: str) -> bytes:
    """The same transaction as a dead letter: every field stays, those of later firmware too. Raises StoreError."""
    if len(rc.encode()) > 2:
        raise StoreError("response code does not fit its record")
    return body[:6] + pack("2s", rc.encode()) + body[8:-TAG] + bytes(TAG)


def time_of(body: bytes) -> int:
    """The time of a transaction alone."""
    return unpack_from("<I", body, 33)[0]


def rc_of(body: bytes) -> str:
    """The response code with which a transaction was buried."""
    return body[6:8].decode()


def pack_result(r: Result) -> bytes:
    """Raises StoreError when a field is out of the range the record can hold."""
    approval = r.approval.encode()
    if len(approval) > 7 or len(r.rc.encode()) != 2 or not _fits(8, r.state):
        raise StoreError("result does not fit its record")
    if not _fits(32, r.seq, r.points + (1 << 31)) or not _fits(64, (r.balance or 0) + (1 << 63)):
        raise StoreError("result does not fit its record")
    flags = 0 if r.balance is None else _HAS_BALANCE
    clear = pack("<IBB2s", r.seq, r.state, flags, r.rc.encode())
    if not _fits(8, r.sms, r.next_kind) or not _fits(7, r.tier) or not _fits(32, r.missing):
        raise StoreError("result does not fit its record")
    tier = r.tier | (_NEW_TIER if r.new_tier else 0)
    fields = clear + pack(
        "<iqB7sBBBI", r.points, r.balance or 0, len(approval), approval, r.sms, tier, r.next_kind, r.missing
    )
    return fields + _pack_voucher(r) + bytes(TAG)


def _pack_voucher(r: Result) -> bytes:
    """Ten digits and a number of days in five bytes: the last digit follows from the others. Raises StoreError."""
    if not r.voucher:
        return bytes(5)
    if len(r.voucher) != _VOUCHER_DIGITS or not luhn.right(r.voucher) or not _fits(10, r.voucher_days):
        raise StoreError("result does not fit its record")
    both = int(r.voucher[:-1]) << 10 | r.voucher_days
    return pack("<IB", both & 0xFFFFFFFF, both >> 32)


def unpack_result(body: bytes) -> Result:
    """The result exactly as it was given to `pack_result`."""
    seq, state, flags, rc, points, balance, length, approval = unpack_from("<IBB2siqB7s", body, 0)
    sms, tier, next_kind, missing, low, high = unpack_from("<BBBIIB", body, 28)
    both = low | high << 32
    digits = str(both >> 10) if both else ""
    return Result(
        seq,
        state,
        rc.decode(),
        points,
        balance if flags & _HAS_BALANCE else None,
        approval[:length].decode(),
        sms,
        tier & ~_NEW_TIER,
        tier & _NEW_TIER > 0,
        next_kind,
        missing,
        digits + luhn.check_digit(digits) if digits else "",
        both & _VOUCHER_DAYS,
    )


def pack_settle(cells: int, tail: int) -> bytes:
    """Acknowledged: the transactions that begin in these 64-byte cells of the sector whose generation is the frame's
    `seq`. `tail`: nothing older is needed."""
    return pack("<QI", cells, tail) + bytes(TAG)


def unpack_settle(body: bytes) -> "tuple[int, int]":
    """(cells, tail)."""
    cells, tail = unpack_from("<QI", body, 0)
    return cells, tail


def pack_mark(tail: int, seq_ceiling: int) -> bytes:
    """No SEQ above the ceiling has been handed out; nothing older than `tail` is needed."""
    return pack("<II", tail, seq_ceiling) + bytes(TAG)


def unpack_mark(body: bytes) -> "tuple[int, int]":
    """(tail, seq_ceiling)."""
    tail, seq_ceiling = unpack_from("<II", body, 0)
    return tail, seq_ceiling


def pack_void(seq: int, position: int, clerk: int, time_utc: int, reason: str = "", reference: str = "") -> bytes:
    """The transaction that stands at this position was taken back before it was sent, for the cash register's order
    with this reference (26 bytes); with a reason (27), it is a dead letter that was given up. Raises StoreError."""
    why = b"\0" + reference.encode() if reference else reason.encode()
    if not _fits(32, seq, position, time_utc) or not _fits(8, clerk) or len(why) > _REASON_MAX:
        raise StoreError("void does not fit its record")
    return pack("<IIIB", seq, position, time_utc, clerk) + why + bytes(_REASON_MAX - len(why) + TAG)


def unpack_void(body: bytes) -> "tuple[int, int, int]":
    """(position, clerk, time)."""
    position, time_utc, clerk = unpack_from("<IIB", body, 4)
    return position, clerk, time_utc


def reason_of(body: bytes) -> str:
    """Why a dead letter was given up, "" of a sale that was taken back."""
    return body[13:-TAG].split(b"\0")[0].decode()


def ordered_as(body: bytes) -> str:
    """The cash register's reference of a void, "" of one that it did not order."""
    return "" if body[13] else body[14:-TAG].rstrip(b"\0").decode()
