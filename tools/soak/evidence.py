"""What a run saw from outside: screens, messages on the line, what a person was told. Written down, never judged.

The invariants compare it with the ledger and the journals. Knows no firmware. Times are true microseconds of the
timeline unless a name says otherwise.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Shown:
    """An approval on a screen: `rrn` as it stands there, `points` with sign, `recall` when told after a restart."""

    at_us: int
    terminal: str
    rrn: str
    word: str
    points: int
    estimated: bool
    recall: bool


@dataclass(frozen=True)
class Figure:
    """A balance on a screen. `mark` is what stands below it ("confirmed", "estimated 3 h", ...), `uid` whose it is."""

    at_us: int
    terminal: str
    uid: str
    points: int
    mark: str
    about: bool
    chosen_from: bool = False


@dataclass(frozen=True)
class Lost:
    """The power of a terminal failed; `uid` is the card of the story that was going on, or the last one."""

    at_us: int
    terminal: str
    uid: str


@dataclass(frozen=True)
class Told:
    """A balance in an authentic answer that reached a terminal."""

    at_us: int
    terminal: str
    uid: str
    balance: int


@dataclass(frozen=True)
class Sent:
    """A value message on the line."""

    terminal: str
    seq: int
    mti: str
    content: str


@dataclass
class Evidence:
    """Everything of one run. `counts` say how often each kind of fault, story and end occurred."""

    shown: list[Shown] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    codes: dict[tuple[str, int], list[str]] = field(default_factory=dict)  # (terminal, SEQ): what the switch said
    scripted: set[tuple[str, int, str]] = field(default_factory=set)  # refusals that the weather made
    lost: list[Lost] = field(default_factory=list)
    excused: dict[tuple[str, str], str] = field(default_factory=dict)  # (terminal, RRN): why it may be missing
    voided: set[tuple[str, str]] = field(default_factory=set)  # (terminal, RRN): taken back before it was sent
    dead: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)  # (terminal, RRN): SEQ, its code
    pending: dict[str, list[tuple[int, int]]] = field(default_factory=dict)  # at the end: SEQ, original
    open: dict[str, list[int]] = field(default_factory=dict)  # at the end: intents without an answer
    beats: dict[tuple[str, str], int] = field(default_factory=dict)  # (terminal, task): its longest silence
    longest_wait_us: dict[str, int] = field(default_factory=dict)  # by the title of the story
    problems: list[str] = field(default_factory=list)  # seen while it ran
    counts: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)  # the log of the run

    def say(self, at_us: int, who: str, text: str) -> None:
        """One line of the run's log."""
        self.lines.append(f"{at_us / 1_000_000:13.3f} {who:8} {text}")
