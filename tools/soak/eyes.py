"""A terminal's screen as a person reads it: what kind of screen stands there, and which figures it tells.

Stands where the canvas stands and gets the same lines. Knows the words of the English catalogue, no firmware state.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence

from firmware.screen.lines import BETWEEN, BIG, ELSE, HINT, TITLE
from tools.soak.evidence import Figure, Shown

READY, AMOUNT, TAP, WAIT, POINTS, CONFIRM, AGAIN = "ready", "amount", "tap", "wait", "points", "confirm", "again"
OUTCOME, RECALL, BALANCE, ERROR, MENU, OTHER, DARK = "outcome", "recall", "balance", "error", "menu", "other", "dark"
BATCH = "batch"
UNDO = "undo"
ENDS = (OUTCOME, RECALL, BALANCE, ERROR, BATCH)

_TITLES = {
    "HOW MANY POINTS": POINTS,
    "USE POINTS?": CONFIRM,
    "SAME SALE AGAIN?": AGAIN,
    "END SHIFT?": CONFIRM,
    "MENU": MENU,
    "UNDO AND FIND": UNDO,
    "VOID?": CONFIRM,
    "LAST VOID": RECALL,
    "LAST SALE": RECALL,
    "LAST USE": RECALL,
}
_APPROVED = ("EARNED", "SAVED", "USED")
_TOLD = (*_APPROVED, "NOT USED", "CHECKING", "VOIDED", "REFUSED", "NOT DONE")
BATCH_ENDS = ("AGREED", "DISPUTED", "NOT SENT")
_NUMBER = re.compile(r"-?[\d,]+")
_BALANCE = re.compile(r"Bal\.\s*(about |~)?(-?[\d,]+)$")
_POINTS = re.compile(r"(about |~)?([+-]?[\d,]+)( points)?$")
_REF = re.compile(r"(?:Ref )?(\d{12})$")

Lines = Sequence[tuple[int, str]]


def number(text: str) -> int:
    """A figure of the screen."""
    return int(text.replace(",", "").replace("+", ""))


class Eyes:
    """The newest screen in `kind` and `lines`; `changed` is set by every new one."""

    def __init__(self, now_us: Callable[[], int], see: Callable[[Eyes], None]) -> None:
        self._now_us = now_us
        self._see = see
        self.lines: list[tuple[int, str]] = []
        self.kind = self.before = DARK
        self.since_us = 0
        self.busy = 0  # screens that were not the idle one
        self.changed = asyncio.Event()

    def dark(self) -> bool:
        """Whether the display does not answer."""
        return False

    def reaches(self) -> bool:
        """Whether the display takes what is sent."""
        return True

    def folds(self, _lines: Lines) -> int:
        """All of it is seen at once."""
        return 1

    def turn(self, _pages: int) -> None:
        """There is but one page."""

    def fits(self, _text: str) -> bool:
        """Rows are as long as it takes."""
        return True

    def unread(self) -> bool:
        """Whether there is a page that was not shown."""
        return False

    def draw(self, lines: Lines) -> None:
        """What the firmware shows."""
        read = [(role, text.split(ELSE)[0].replace(BETWEEN, " ")) for role, text in lines]
        if read == self.lines:
            return
        self.lines, self.since_us = read, self._now_us()
        self.before, self.kind = self.kind, _kind(self.lines)
        self.busy += self.kind != READY
        self.changed.set()
        self._see(self)

    def go_dark(self) -> None:
        """The power is off."""
        self.lines, self.kind, self.since_us = [], DARK, self._now_us()
        self.changed.set()

    @property
    def big(self) -> str:
        """The largest word."""
        return next((text for role, text in self.lines if role == BIG), "")

    @property
    def hint(self) -> str:
        """The last row; an error's code stands at its end."""
        return next((text for role, text in self.lines if role == HINT), "")

    def texts(self) -> list[str]:
        """Every row from the top."""
        return [text for _, text in self.lines]

    def shown(self, terminal: str) -> Shown | None:
        """The approval that stands there, or None."""
        texts = self.texts()
        rrn = next((found[1] for text in texts if (found := _REF.match(text))), "")
        word = next((text for text in texts if text in _APPROVED), "")
        if self.kind not in (OUTCOME, RECALL) or not word or not rrn:
            return None
        points = _POINTS.match(texts[texts.index(word) + 1])
        if points is None:
            return None
        return Shown(self.since_us, terminal, rrn, word, number(points[2]), points[1] is not None, self.kind == RECALL)

    def voided_here(self) -> str:
        """The reference of what was taken back before it was sent, when the screen says so, or ""."""
        texts = self.texts()
        if self.kind not in (OUTCOME, RECALL) or "VOIDED" not in texts or "nothing booked" not in texts:
            return ""
        return next((found[1] for text in texts if (found := _REF.match(text))), "")

    def figure(self, terminal: str, uid: str) -> Figure | None:
        """The balance that stands there, or None; `uid` is the card the story is about."""
        texts = self.texts()
        if self.kind == BALANCE:
            about = texts[2].startswith("estimated")
            return Figure(self.since_us, terminal, uid, number(texts[0]), texts[2], about)
        if self.kind == POINTS:
            have = _NUMBER.search(texts[3])
            return Figure(self.since_us, terminal, uid, number(have[0]), "confirmed", False, True) if have else None
        for at, text in enumerate(texts):
            found = _BALANCE.match(text)
            if found is not None:
                return Figure(self.since_us, terminal, uid, number(found[2]), texts[at + 1], found[1] is not None)
        return None


def _kind(lines: list[tuple[int, str]]) -> str:
    title = next((text for role, text in lines if role == TITLE), "")
    big = next((text for role, text in lines if role == BIG), "")
    for words, kind in _TITLES.items():
        if title.startswith(words):
            return kind
    if big in BATCH_ENDS:
        return BATCH
    if big == "READY":
        return READY
    if big == "WAIT":
        return WAIT
    if big == "TAP CARD" or big.endswith(" CARDS"):
        return TAP if title else ERROR
    if any(_REF.match(text) for _, text in lines):
        return OUTCOME
    if title == "SALE":
        return AMOUNT
    if not title and lines[1:] and lines[1][1] == "points" and _NUMBER.fullmatch(big):
        return BALANCE
    return ERROR if big in _TOLD else OTHER
