"""What the report of a shift says: what became of the batch, figures by kind and clerk, what was rejected. Pure.

32 characters a line. No line begins with a word of a member's receipt, by which programs add those up.
"""

from firmware.core.clock import local_time
from firmware.core.refusals import host_refusal
from firmware.loyalty.totals import DEAD_LETTERS, KINDS
from firmware.receipt.content import WIDTH
from firmware.text import digits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

    from firmware.core.types import Transaction
    from firmware.loyalty.totals import Totals
    from firmware.receipt.content import Shop
    from firmware.text.catalogue import Catalogue

    Letter = tuple[Transaction, str]

_NAMES = {
    "AC": "r_accruals",
    "RE": "r_redemptions",
    "OA": "r_offline_accruals",
    "OR": "r_offline_redemptions",
    "RV": "r_reversals",
    "VO": "r_voids",
    "DL": "r_dead_letters",
}
_RULE = "-" * 32


class Report:
    """`outcome` is the name of its line, `code` stands in it; `whole`: the journal still had the beginning;
    `uploaded` records were compared one by one, of which `differing` are not the same; `chain` is the journal's newest
    tag and its generation; `time_utc` 0 when the clock was never set."""

    def __init__(
        self,
        number: int,
        outcome: str,
        code: str,
        totals: "Totals",
        whole: bool,
        chain: "tuple[bytes, int]",
        time_utc: int,
        uploaded: int = 0,
        differing: int = 0,
    ) -> None:
        self.number = number
        self.outcome = outcome
        self.code = code
        self.totals = totals
        self.whole = whole
        self.chain = chain
        self.time_utc = time_utc
        self.uploaded = uploaded
        self.differing = differing


def report_lines(
    text: "Catalogue", shop: "Shop", report: Report, letters: "list[Letter]", rejected: int
) -> "Iterator[str]":
    """The lines of a report; of `rejected` records nobody has resolved yet `letters` are the first."""
    totals = report.totals
    if shop.name:
        yield shop.name
    yield text.get("r_merchant", shop.merchant_id)
    yield text.get("r_terminal", shop.terminal_id)
    if report.time_utc:
        year, month, day, hour, minute, _ = local_time(report.time_utc)
        yield text.get("r_date", digits.date(year, month, day), digits.clock_time(hour, minute))
    yield _RULE
    yield text.get("r_shift", digits.plain(report.number))
    yield text.get(report.outcome)
    if report.code:
        what, next_step = text.error(report.code)
        yield text.get("r_shift_code", report.code, what)
        yield from _broken(next_step)
    if not report.whole:
        yield text.get("r_beginning_lost")
    if report.uploaded:
        yield text.get("r_uploaded", digits.plain(report.uploaded), digits.plain(report.differing))
    if totals.waiting:
        yield text.get("r_waiting", digits.plain(totals.waiting))
    if totals.high >= totals.low:
        yield text.get("r_seqs", digits.plain(totals.low), digits.plain(totals.high))
    tag, generation = report.chain
    yield text.get("r_chain", tag.hex(), digits.plain(generation))
    yield _RULE
    yield from _figures(text, totals, None)
    clerks = totals.clerks()
    if len(clerks) > 1 or clerks[:1] not in ([], [0]):
        for clerk in clerks:
            yield _RULE
            yield text.get("r_clerk", digits.plain(clerk)) if clerk else text.get("r_no_clerk")
            yield from _figures(text, totals, clerk)
    if rejected or totals.of(DEAD_LETTERS)[0]:
        yield _RULE
        yield text.get("r_rejected_now", digits.plain(rejected))
        for transaction, rc in letters:
            points = digits.plain(transaction.points)
            yield text.get("r_rejected_one", digits.plain(transaction.seq), host_refusal(rc), points)


def _broken(line: str) -> "Iterator[str]":
    """A line that may be too long, broken at a space."""
    while len(line) > WIDTH:
        at = line.rfind(" ", 0, WIDTH + 1)
        yield line[:at]
        line = line[at + 1 :]
    yield line


def _figures(text: "Catalogue", totals: "Totals", clerk: "int | None") -> "Iterator[str]":
    """Count, money and points of each kind that happened."""
    none = True
    for kind in KINDS:
        count, money, points = totals.of(kind, clerk)
        if not count:
            continue
        none = False
        yield text.get(_NAMES[kind], digits.plain(count))
        amount = text.get("r_sum", digits.number(money), text.get("currency"))
        worth = text.get("r_sum_points", digits.signed(points))
        if len(amount) + len(worth) + 1 <= WIDTH:
            yield amount + " " * (WIDTH - len(amount) - len(worth)) + worth
        else:
            yield amount
            yield worth
    if none:
        yield text.get("r_nothing")
