"""A line of paper: its role and its text. One list of them is printed as text, as a picture, or read on the screen.

In the text of a pair "\\t" or the first ": " separates what stands at the row's beginning from what stands at its end.
"""

from micropython import const

PLAIN = const(0)
PAIR = const(1)  # a label and its value
STRONG = const(2)  # a pair that is looked for first
HEADING = const(3)  # centred
BIG = const(4)  # centred and large
RULE = const(5)  # no text
QR = const(6)  # the text is what the code says

TYPE_CHECKING = False
if TYPE_CHECKING:
    Line = tuple[int, str]


class Form:
    """How paper looks here: `dots` across, columns of text, how many copies of a receipt, whether with a QR code."""

    def __init__(self, paper_mm: int = 58, copies: int = 1, qr: bool = True) -> None:
        self.dots = 576 if paper_mm == 80 else 384
        self.columns = self.dots // 12  # a character of font A is 12 dots wide
        self.copies = copies
        self.qr = qr


def parts(text: str) -> "tuple[str, str]":
    """(beginning, end) of a pair; the end is "" when there is but one part."""
    begin, tab, end = text.partition("\t")
    if tab:
        return begin, end
    begin, colon, end = text.partition(": ")
    return (begin + ":", end) if colon else (text, "")


def spelled(text: str, columns: int) -> "list[str]":
    """The rows of a line as text: a pair with "\\t" at both ends, on two rows where it has to."""
    begin, tab, end = text.partition("\t")
    if not tab:
        return [text]
    gap = columns - len(begin) - len(end)
    return [begin + " " * gap + end] if gap > 0 else [begin, end]
