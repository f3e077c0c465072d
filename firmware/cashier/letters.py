"""MENU, rejected: look through what the switch refused for good, print it; with a right send it again or give it up.

The right "letters" is the switch operator's word (firmware/service/rights.py): the terminal shows a number, eight
digits come back, and for a quarter of an hour letters may be resolved. Looking and printing needs none.
"""

from micropython import const

from firmware.core.errors import Cancelled, Refused, TimedOut, VafaError
from firmware.core.refusals import NOTHING_REJECTED, PRINTER_NOT_READY
from firmware.screen import keys as key
from firmware.screen import rejected, screens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Protocol

    from firmware.cashier.counter import Counter
    from firmware.cashier.shift import Shift
    from firmware.core.types import Transaction
    from firmware.switch.letters import Letters

    class Rights(Protocol):
        """Console rights, as a keypad asks them (firmware/service/rights.py)."""

        def ask(self, right: str) -> str: ...
        def answer(self, digits: str) -> str: ...
        def stands(self, right: str) -> bool: ...

    class Office(Protocol):
        """What is wanted seldom: it resolves letters, ends a shift. Loaded when the first is looked at."""

        def letters(self) -> Letters: ...
        def rights(self) -> Rights: ...
        def shift(self) -> Shift: ...


RIGHT = "letters"
_DIGITS = const(8)
_CALL_MS = const(900_000)  # somebody telephones: as long as the number is good
# Kept in the journal, in the words of its readers and not in those of the screen.
_REASONS = (
    ("reason_paid", "made good"),
    ("reason_test", "test"),
    ("reason_agreed", "member agreed"),
    ("reason_else", "other"),
)


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
    items = [text.get("letter_again"), text.get("letter_give_up"), text.get("letter_print")]
    try:
        chosen = await panel.choice(items, "")
        if chosen == 1:
            await _send_again(counter, letter)
        elif chosen == 2:
            await _give_up(counter, letter)
        else:
            _print(counter)
    except (Cancelled, TimedOut):
        return
    except VafaError as error:
        counter.log.error(error, "rejected")
        await counter.teller.refusal(error.code)


async def _authorised(counter: "Counter") -> None:
    """The right stands, or the switch's digits give it. Raises Cancelled, TimedOut and what the rights raise."""
    rights, panel = counter.office.rights(), counter.panel
    if rights.stands(RIGHT):
        return
    nonce = rights.ask(RIGHT)
    counter.log.event("right {} asked for".format(RIGHT))
    keyed = ""
    while True:
        pressed = await panel.key(rejected.right(panel.text, nonce, keyed), _CALL_MS)
        typed = key.typed(pressed)
        if typed and len(keyed) + len(typed) <= _DIGITS:
            keyed += typed
        elif pressed == key.CLEAR:
            keyed = keyed[:-1]
        elif pressed == key.OK and len(keyed) == _DIGITS:
            rights.answer(keyed)
            counter.log.event("right {} given".format(RIGHT))
            return


async def _send_again(counter: "Counter", letter: "Transaction") -> None:
    await _authorised(counter)
    panel = counter.panel
    panel.show(screens.waiting(panel.text, panel.text.get("title_rejected"), letter.amount))
    await counter.office.letters().send_again(letter.seq)
    await _told(counter, "letter_settled")


async def _give_up(counter: "Counter", letter: "Transaction") -> None:
    await _authorised(counter)
    panel = counter.panel
    names = [panel.text.get(name) for name, _ in _REASONS]
    chosen = await panel.choice(["{} {}".format(n + 1, name) for n, name in enumerate(names)], "")
    await panel.confirm(rejected.give_up(panel.text, letter, names[chosen - 1]))
    counter.office.letters().give_up(letter.seq, _REASONS[chosen - 1][1])
    await _told(counter, "letter_given_up")


async def _told(counter: "Counter", name: str) -> None:
    panel = counter.panel
    panel.signals.ok()
    await panel.acknowledge(screens.notice(panel.text, panel.text.get("title_rejected"), panel.text.get(name)))


def _print(counter: "Counter") -> None:
    """All of them, on paper. Raises Refused."""
    text, shop = counter.panel.text, counter.shop
    head = [shop.name] if shop.name else []
    head += [text.get("r_terminal", shop.terminal_id), text.get("r_rejected_list", counter.journal.dead_count())]

    def lines() -> "Iterator[str]":
        yield from head
        for t, rc in counter.office.letters().all():
            yield "-" * 32
            yield from rejected.paper(text, t, rc)

    if not counter.teller.paper(lines()):
        raise Refused(PRINTER_NOT_READY)
