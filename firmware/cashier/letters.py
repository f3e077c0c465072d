"""MENU, rejected: look through what the switch refused for good, print it; with a right send it again or give it up.

The right "letters" is the switch operator's word (firmware/service/rights.py): the terminal shows a number, eight
digits come back, and for a quarter of an hour letters may be resolved. Looking and printing needs none.
"""

from micropython import const

from firmware.cashier.right import authorised
from firmware.core.errors import Cancelled, Refused, TimedOut, VafaError
from firmware.core.refusals import NOTHING_REJECTED
from firmware.receipt.content import shop_lines
from firmware.receipt.lines import HEADING, PAIR, RULE
from firmware.screen import keys as key
from firmware.screen import rejected, screens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Protocol

    from firmware.cashier.counter import Counter
    from firmware.cashier.shift import Shift
    from firmware.core.types import Transaction
    from firmware.receipt.lines import Line as Paper
    from firmware.switch.letters import Letters
    from firmware.switch.statement import Statements

    class Rights(Protocol):
        """Console rights, as a keypad asks them (firmware/service/rights.py)."""

        def ask(self, right: str) -> str: ...
        def answer(self, digits: str) -> str: ...
        def stands(self, right: str) -> bool: ...
        def use_up(self) -> None: ...

    class Office(Protocol):
        """What is wanted seldom: it resolves letters, ends a shift. Loaded when the first is looked at."""

        def letters(self) -> Letters: ...
        def rights(self) -> Rights: ...
        def shift(self) -> Shift: ...
        def statements(self) -> Statements: ...

        chosen: bytes  # language, brightness and sounds, as firmware.service.choices keeps them

        def choose(self, choice: bytes) -> None: ...


RIGHT = "letters"
TITLE = "title_rejected"
# Of each letter, as in member_menu; all of it is done here, and the digits are part of the words.
ITEMS = (
    ("letter_again", "", "", RIGHT),
    ("letter_give_up", "", "", RIGHT),
    ("letter_print", "", "", ""),
)
# Kept in the journal, in the words of its readers and not in those of the screen.
_REASONS = const(
    (
        ("reason_paid", "made good"),
        ("reason_test", "test"),
        ("reason_agreed", "member agreed"),
        ("reason_else", "other"),
    )
)


async def run(counter: "Counter") -> str:
    """For the menu."""
    await letters(counter)
    return ""


async def letters(counter: "Counter") -> int:
    """One after the other, until CANCEL. Raises Refused when there is none."""
    panel, at = counter.panel, 0
    while True:
        count = counter.journal.dead_count()
        found = _at(counter, min(at, count - 1))
        if found is None:
            raise Refused(NOTHING_REJECTED)
        at = min(at, count - 1)
        pressed = await panel.page(rejected.letter(panel.text, at + 1, count, *found))
        if pressed == key.DOWN:
            at = (at + 1) % count
        elif pressed == key.UP:
            at = (at - 1) % count
        elif pressed == key.OK:
            await _act(counter, *found)


def _at(counter: "Counter", number: int) -> "tuple[Transaction, str] | None":
    """The letter with this number, from 0; one at a time, there may be many."""
    for n, found in enumerate(counter.office.letters().all()):
        if n == number:
            return found
    return None


async def _act(counter: "Counter", letter: "Transaction", _rc: str) -> None:
    """What is to become of it; whatever fails is told, and the list goes on."""
    panel = counter.panel
    text = panel.text
    try:
        chosen = await panel.choice([text.get(row[0]) for row in ITEMS], "", "title_letter")
        if chosen == 1:
            await _send_again(counter, letter)
        elif chosen == 2:
            await _give_up(counter, letter)
        else:
            await _print(counter)
    except (Cancelled, TimedOut):
        return
    except VafaError as error:
        counter.log.error(error, "rejected")
        await counter.teller.refusal(error.code)


async def _send_again(counter: "Counter", letter: "Transaction") -> None:
    await authorised(counter, RIGHT)
    panel = counter.panel
    panel.show(screens.waiting(panel.text, panel.text.get("title_rejected"), letter.amount))
    await counter.office.letters().send_again(letter.seq)
    await _told(counter, letter, True)


async def _give_up(counter: "Counter", letter: "Transaction") -> None:
    await authorised(counter, RIGHT)
    panel = counter.panel
    names = [panel.text.get(name) for name, _ in _REASONS]
    chosen = await panel.choice(["{} {}".format(n + 1, name) for n, name in enumerate(names)], "", "title_give_up_why")
    await panel.confirm(rejected.give_up(panel.text, letter, names[chosen - 1]))
    counter.office.letters().give_up(letter.seq, _REASONS[chosen - 1][1])
    await _told(counter, letter, False)


async def _told(counter: "Counter", letter: "Transaction", settled: bool) -> None:
    panel = counter.panel
    panel.signals.ok()
    await panel.acknowledge(rejected.done(panel.text, letter, settled))


async def _print(counter: "Counter") -> None:
    """All of them, on paper. Raises Refused."""
    text = counter.panel.text

    def lines() -> "Iterator[Paper]":
        yield from shop_lines(text, counter.shop, False)
        yield HEADING, text.get("r_rejected_list", counter.journal.dead_count())
        for t, rc in counter.office.letters().all():
            yield RULE, ""
            for row in rejected.paper(text, t, rc):
                yield PAIR, row

    if not await counter.teller.paper(lines()):
        raise Refused(counter.teller.spool.code)
