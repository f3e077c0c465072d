"""What the report of a shift says: what became of the batch, figures by kind and clerk, what was rejected. Pure.

32 characters a line. No line begins with a word of a member's receipt, by which programs add those up.
"""

from firmware.core.clock import local_time
from firmware.core.refusals import host_refusal
from firmware.loyalty.totals import DEAD_LETTERS, KINDS
from firmware.receipt.content import WIDTH, shop_lines
from firmware.receipt.lines import BIG, HEADING, PAIR, PLAIN, RULE, STRONG
from firmware.text import days, digits
from firmware.text.money import parts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Sequence

    from firmware.core.types import Transaction
    from firmware.loyalty.totals import Totals
    from firmware.receipt.content import Shop
    from firmware.receipt.lines import Line
    from firmware.text.catalogue import Catalogue

    Letter = tuple[Transaction, str]

_NAMES = {
    "AC": "r_accruals",
    "RE": "r_redemptions",
    "OA": "r_offline_accruals",
    "OR": "r_offline_redemptions",
    "RV": "r_reversals",
    "RF": "r_refunds",
    "VD": "r_voids_sent",
    "EN": "r_enrolments",
    "VI": "r_vouchers_issued",
    "VU": "r_vouchers_used",
    "VO": "r_voids",
    "DL": "r_dead_letters",
}
_NO_TEXT = (RULE, "")


class Report:
    """`outcome` is the name of its line, `code` stands in it; `whole`: the journal still had the beginning;
    `uploaded` records were compared one by one, of which `differing` are not the same; `chain` is the journal's newest
    tag and its generation; `time_utc` 0 when the clock was never set; `visits` as the switch counts them, if it told;
    `top` (clerk, card, how often) of cards that a clerk saw most."""

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
        visits: "Sequence[int]" = (),
        top: "Sequence[tuple[int, str, int]]" = (),
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
        self.visits = visits
        self.top = top


def report_lines(
    text: "Catalogue", shop: "Shop", report: Report, letters: "list[Letter]", rejected: int
) -> "Iterator[Line]":
    """The lines of a report; of `rejected` records nobody has resolved yet `letters` are the first."""
    totals = report.totals
    yield from shop_lines(text, shop)
    if report.time_utc:
        hour, minute = local_time(report.time_utc)[3:5]
        yield PAIR, text.get("r_date", text.day(days.of(report.time_utc)), digits.clock_time(hour, minute))
    yield _NO_TEXT
    yield BIG, text.get("r_shift", digits.plain(report.number))
    yield HEADING, text.get(report.outcome)
    if report.code:
        what, next_step = text.error(report.code)
        yield STRONG, text.get("r_shift_code", report.code, what)
        yield from _broken(next_step)
    if not report.whole:
        yield PLAIN, text.get("r_beginning_lost")
    if report.uploaded:
        yield PLAIN, text.get("r_uploaded", digits.plain(report.uploaded), digits.plain(report.differing))
    if totals.waiting:
        yield PAIR, text.get("r_waiting", digits.plain(totals.waiting))
    if totals.high >= totals.low:
        yield PLAIN, text.get("r_seqs", digits.plain(totals.low), digits.plain(totals.high))
    tag, generation = report.chain
    yield PLAIN, text.get("r_chain", tag.hex(), digits.plain(generation))
    yield _NO_TEXT
    yield from _figures(text, totals, None)
    yield from _visits(text, totals.visits(), report.visits)
    clerks = totals.clerks()
    if len(clerks) > 1 or clerks[:1] not in ([], [0]):
        for clerk in clerks:
            yield _NO_TEXT
            yield HEADING, text.get("r_clerk", digits.plain(clerk)) if clerk else text.get("r_no_clerk")
            yield from _figures(text, totals, clerk)
            yield from _visits(text, totals.visits(clerk), ())
            for by, card, count in report.top:
                if by == clerk and clerk:
                    yield PLAIN, text.get("r_top_card", card, digits.plain(count))
    if rejected or totals.of(DEAD_LETTERS)[0]:
        yield _NO_TEXT
        yield STRONG, text.get("r_rejected_now", digits.plain(rejected))
        for transaction, rc in letters:
            points = digits.plain(transaction.points)
            yield PAIR, text.get("r_rejected_one", digits.plain(transaction.seq), host_refusal(rc), points)


def _visits(text: "Catalogue", here: "Sequence[int]", there: "Sequence[int]") -> "Iterator[Line]":
    """New, returning and won back members; beside them the switch's own count, which nobody disputes."""
    if any(here) or any(there):
        yield PLAIN, text.get("r_visits", *[digits.plain(count) for count in here])
    if there:
        yield PAIR, text.get("r_visits_there", *[digits.plain(count) for count in there])


def _broken(line: str) -> "Iterator[Line]":
    """A line that may be too long, broken at a space."""
    while len(line) > WIDTH:
        at = line.rfind(" ", 0, WIDTH + 1)
        yield PLAIN, line[:at]
        line = line[at + 1 :]
    yield PLAIN, line


def _figures(text: "Catalogue", totals: "Totals", clerk: "int | None") -> "Iterator[Line]":
    """Count, money and points of each kind that happened."""
    none = True
    for kind in KINDS:
        count, money, points = totals.of(kind, clerk)
        if not count:
            continue
        none = False
        yield PAIR, text.get(_NAMES[kind], digits.plain(count))
        amount = text.get("r_sum", *parts(text, money, totals.new_money))
        worth = text.get("r_sum_points", digits.signed(points))
        yield PAIR, amount + "\t" + worth
    if none:
        yield PLAIN, text.get("r_nothing")
