"""What the paper of a mini statement says. Pure; 32 characters a line.

No line begins with a word of a member's receipt, by which programs add those up.
"""

from micropython import const

from firmware.receipt.content import WIDTH, shop_lines
from firmware.receipt.lines import HEADING, PAIR, PLAIN, RULE, STRONG
from firmware.text import days, digits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Sequence

    from firmware.receipt.content import Shop
    from firmware.receipt.lines import Line
    from firmware.text.catalogue import Catalogue

_NO_TEXT = (RULE, "")
_BITS = const((1, 2, 4, 8))


def statement_lines(
    text: "Catalogue",
    shop: "Shop",
    card: str,
    rows: "Sequence[tuple[int, int, int, int, str]]",
    balance: "int | None",
    here: bool,
) -> "Iterator[Line]":
    """Entries of (verb, marks, day, points, reference), newest first; `here`: of this terminal's journal alone."""
    yield from shop_lines(text, shop, False)
    yield _NO_TEXT
    yield HEADING, text.get("r_statement") + " " + card
    if here:
        yield HEADING, text.get("r_statement_here")
    if not rows:
        yield PLAIN, text.get("r_statement_none")
    for verb, marks, day_utc, points, reference in rows:
        date = text.day(days.of(day_utc)) + " " if day_utc else ""
        what = date + text.get("statement_{}".format(verb))
        worth = digits.signed(points)
        if len(what) + len(worth) >= WIDTH:
            worth = digits.plain(points)
        yield PAIR, what + "\t" + worth
        if reference:
            yield PLAIN, "  " + reference
        for bit in _BITS:
            if marks & bit:
                yield PLAIN, "  " + text.get("r_statement_{}".format(bit))
    if balance is not None:
        yield _NO_TEXT
        yield STRONG, text.get("r_statement_balance", digits.number(balance))
