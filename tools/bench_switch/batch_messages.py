"""The messages of a batch: 0500 with totals, 0320 with one record, and what their answers say (LT-87 section 15)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tools.bench_switch import money
from tools.bench_switch.batches import COMPARED, Batches, Claim, parsed, spelt
from tools.bench_switch.codec import tlv, wire
from tools.bench_switch.messages import RC_FORMAT, RC_INVALID, Refused, read_value, terminal_id
from tools.bench_switch.schema import ACCRUAL, ENROL, ISSUE, REDEMPTION, REFUND, USE, VOID, TerminalRow

TOTALS, RECORDS = ("0500", "0501"), ("0320", "0321")
BATCH_MESSAGES = (*TOTALS, *RECORDS)
CODE_TOTALS, CODE_UPLOADED = "920000", "960000"
_CLAIM = re.compile(r"(\d{6})(\d{10})(\d{10})([WL])(\d{10})", re.ASCII)
_VERBS = {
    "AC": ACCRUAL, "OA": ACCRUAL, "RE": REDEMPTION, "OR": REDEMPTION,
    "RF": REFUND, "VD": VOID, "EN": ENROL, "VI": ISSUE, "VU": USE,
}  # a reversal has its original's DE 3  # fmt: skip
_RECORD = re.compile(r"(\d{6})(\w\w)", re.ASCII)


@dataclass(frozen=True)
class Said:
    """What the answer says beside what every answer does."""

    rc: str
    fields: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def handle(
    books: Batches, request: wire.Split, terminal: TerminalRow, tags: dict[int, bytes], now_utc: int, refused_with: str
) -> Said:
    """React to one message that is complete. Raises Refused."""
    unit = money.unit_of(books.programme, request.fields)
    if request.mti in TOTALS:
        claim = read_claim(request, tags, unit)
        if refused_with:
            return Said(refused_with)
        verdict = books.close_batch(claim, now_utc)
        named = f"{verdict.number:06d}{verdict.low:010d}{verdict.high:010d}{verdict.visits}"
        return Said(verdict.rc, {"60": named}, [verdict.remark])
    record = _RECORD.fullmatch(request.fields["60"])
    if record is None or record[2] not in COMPARED:
        raise Refused(RC_FORMAT, "DE60 names no record of a batch")
    value = read_value(request, tags, now_utc, terminal.merchant_id, unit)
    if value.verb != _VERBS.get(record[2], value.verb):
        raise Refused(RC_FORMAT, f"DE60 says {record[2]}, DE3 {value.verb}")
    if refused_with:
        return Said(refused_with)
    rc, booked = books.take_record(int(record[1]), record[2], value, now_utc)
    remarks = [] if booked is None else [f"SEQ {value.seq} was missing, booked from the upload", *booked.remarks]
    return Said(rc, {}, remarks)


def read_claim(request: wire.Split, tags: dict[int, bytes], unit: int = 1) -> Claim:
    """The totals a terminal claims, in the books' money. Raises Refused."""
    code = request.fields["3"]
    if code not in (CODE_TOTALS, CODE_UPLOADED):
        raise Refused(RC_INVALID, f"processing code {code}")
    named = _CLAIM.fullmatch(request.fields["60"])
    if named is None:
        raise Refused(RC_FORMAT, "DE60 names no batch")
    number, low, high = int(named[1]), int(named[2]), int(named[3])
    if not number or not 1 <= low <= high + 1:
        raise Refused(RC_FORMAT, f"batch {number}, SEQ {low} to {high}")
    text = request.fields["63"]
    try:
        totals = parsed(text)
        if unit > 1:
            totals = {key: (count, sums * unit, points) for key, (count, sums, points) in totals.items()}
            text = spelt(totals)
    except ValueError as error:
        raise Refused(RC_FORMAT, f"DE63: {error}") from None
    whole, generation, chain = named[4] == "W", int(named[5]), tags[tlv.CHAIN].hex()
    claimant = terminal_id(request)
    return Claim(claimant, number, low, high, whole, chain, generation, totals, text, code == CODE_UPLOADED)
