"""Who may resolve a rejected transaction: nobody without the switch's digits, at the console as at the keys."""

import asyncio
from pathlib import Path

import pytest

from firmware.cashier import right
from firmware.core.errors import Cancelled, VafaError
from firmware.core.types import ACCRUAL, OFFLINE, Transaction
from firmware.service.rights import VALID_S
from firmware.switch.letters import NoLetter
from firmware.text import catalogue
from host_tests.unit import custody_kit as kit
from host_tests.unit.cashier_kit import NAMES
from tools.bench_switch.answers import digits_for


class Box:
    """Letters as console and keys ask them."""

    def __init__(self, terminal: kit.Terminal) -> None:
        self.terminal = terminal
        self.sent: list[int] = []
        self.given_up: list[tuple[int, str]] = []
        self.on_its_way: asyncio.Task[None] | None = None

    def all(self):
        return self.terminal.journal.dead()

    async def send_again(self, seq: int) -> None:
        self.sent.append(seq)

    def give_up(self, seq: int, reason: str) -> None:
        if seq not in [t.seq for t, _ in self.all()]:
            raise NoLetter("none")
        self.given_up.append((seq, reason))


@pytest.fixture
def terminal(tmp_path: Path) -> kit.Terminal:
    """One rejected transaction."""
    terminal = kit.Terminal(kit.with_store(tmp_path))
    journal = terminal.journal
    seq = journal.next_seq()
    journal.append(Transaction(seq, ACCRUAL, OFFLINE, kit.ALI, 2, 40_000, 40, 1_795_000_000, 2))
    journal.bury(seq, "62")
    terminal.box = Box(terminal)  # type: ignore[attr-defined]
    terminal.letters = lambda: terminal.box  # type: ignore[attr-defined]
    terminal.seq = seq  # type: ignore[attr-defined]
    return terminal


def test_the_list_needs_no_right_and_resolving_does(terminal) -> None:
    listed = terminal.type("letters")
    assert listed.startswith("1 rejected / SEQ") and listed.endswith("refused with 62") and "9C59" not in listed

    async def resolve() -> None:
        for line in (f"letters retry {terminal.seq}", f"letters giveup {terminal.seq} made good"):
            assert "K04" in terminal.type(line)
        terminal.right("members")
        assert "K04" in terminal.type(f"letters giveup {terminal.seq} made good"), "another right"
        assert "15 minutes" in terminal.right("letters")
        assert "goes once more" in terminal.type(f"letters retry {terminal.seq}")
        assert "never sent again" in terminal.type(f"letters giveup {terminal.seq} made  good"), "it lasts"
        assert "P40" in terminal.type("letters giveup 99 made good")
        for line in ("letters retry", "letters retry x", "letters giveup 5", "letters burn 5", "letters retry 5 6"):
            assert "letters retry SEQ" in terminal.type(line), line
        terminal.now_s += VALID_S
        assert "K04" in terminal.type(f"letters giveup {terminal.seq} made good")
        await asyncio.sleep(0)

    asyncio.run(resolve())
    assert terminal.box.sent == [terminal.seq] and terminal.box.given_up == [(terminal.seq, "made good")]


class Keys:
    """A panel whose keys are played from a list; `{}` among them stands for the digits of the number shown."""

    def __init__(self, terminal: kit.Terminal, *pressed: str) -> None:
        self.terminal = terminal
        self.text = catalogue.load("en")
        self.pressed = list(pressed)
        self.shown: list[str] = []

    async def key(self, lines, _timeout_ms: int) -> int:
        self.shown += [text for _, text in lines]
        while self.pressed and self.pressed[0] in ("right", "wrong"):
            digits = digits_for(
                kit.TMK, next(s for s in reversed(self.shown) if len(s) == 8 and s.isalnum()), "letters"
            )
            if self.pressed.pop(0) == "wrong":
                digits = f"{(int(digits) + 1) % 10**8:08d}"
            self.pressed[:0] = list(digits)
        if not self.pressed:
            raise Cancelled()
        return NAMES[self.pressed.pop(0)]


class Till:
    """As much of the counter as asking for the right touches."""

    def __init__(self, terminal: kit.Terminal, *pressed: str) -> None:
        self.panel = Keys(terminal, *pressed)
        self.log = terminal.log
        self.office = self
        self.rights = terminal.custody.rights


def test_at_the_keys_only_all_eight_right_digits_give_the_right(terminal) -> None:
    asked = asyncio.run
    with pytest.raises(Cancelled):
        asked(right.authorised(Till(terminal, "1", "2", "OK"), "letters"))
    with pytest.raises(VafaError) as wrong:
        asked(right.authorised(Till(terminal, "wrong", "OK"), "letters"))
    assert wrong.value.code == "K05" and not terminal.custody.rights().stands("letters")
    asked(right.authorised(Till(terminal, "7", "CLEAR", "right", "9", "UP", "OK"), "letters"))
    assert terminal.custody.rights().stands("letters")
    asked(right.authorised(Till(terminal), "letters"))
    told = " ".join(terminal.log.newest(64))
    assert "right letters given" in told
