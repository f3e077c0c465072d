"""Between the tap and the sale: who is this, and is there anything to say or to choose? Never more than one key.

Online the switch is asked who the card is (0100); no answer to that sends the sale offline at once, so that a customer
waits for one silence at most. Offline it is what the member cache remembers, by the same rule of who has lapsed.
Loaded for a visit.
"""

from micropython import const

from firmware.cashier.books import is_approved
from firmware.core.errors import LinkError
from firmware.core.refusals import WRONG_KEY
from firmware.loyalty.greeting import Greeting
from firmware.screen import greeting as screen
from firmware.screen import screens
from firmware.screen.keys import DOWN, UP, typed
from firmware.switch import greeted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.counter import Counter
    from firmware.cashier.marks import Marks
    from firmware.core.types import CardData
    from firmware.loyalty.offers import Offer

_READ_MS = const(6_000)  # something to read
_CHOOSE_MS = const(15_000)  # something to choose


async def greet(
    counter: "Counter", card: "CardData", title: str, amount: int, marks: "Marks | None" = None
) -> "tuple[Greeting | None, LinkError | None]":
    """The greeting of this card, None when nobody knows it; and why the switch's word cannot be had, None when it can.

    Whether it refuses the card is for the sale's own message to say.
    """
    books = counter.books
    if not counter.switch.online():
        return _remembered(counter, card), None
    counter.panel.show(screens.waiting(counter.panel.text, title, amount))
    try:
        # Without the card's own counter: what proves the tap stays for the sale.
        said = marks.tags() if marks is not None else []  # what goes with a basket is the switch's to know
        reply = await counter.switch.inquire(card.uid, card.auth, books.member_no(card), more=said)
    except LinkError as error:
        counter.log.error(error, "greeting")
        return _remembered(counter, card), error
    if not is_approved(reply) or reply.member is None:
        return None, None
    books.remember(card.uid, reply)
    greeting = Greeting(True, books.facts(card.uid), reply.member)
    greeted.greet(greeting, reply)
    greeting.passing = screen.passing(counter.panel.text, greeting)
    return greeting, None


def _remembered(counter: "Counter", card: "CardData") -> "Greeting | None":
    """What the member cache knows of this card."""
    member = counter.books.member(card.uid)
    return Greeting(False, counter.books.facts(card.uid), member) if member is not None else None


async def choose(counter: "Counter", greeting: Greeting) -> "Offer | None":
    """Show it if there is reason to stop; the offer a digit chose. OK and the end of the time go on with the sale.
    Raises Cancelled."""
    if not greeting.stops():
        return None
    panel = counter.panel
    if greeting.best:
        panel.signals.twice()
    lines = screen.whole(panel.text, greeting, panel.folds)
    while True:
        pressed = await panel.glance(lines, _CHOOSE_MS if greeting.offers else _READ_MS)
        digit = typed(pressed)
        if len(digit) == 1 and 0 < int(digit) <= len(greeting.offers):
            return greeting.offers[int(digit) - 1]
        if pressed in (UP, DOWN) and panel.folds(lines) > 1:
            panel.turn(1 if pressed == DOWN else -1)
        elif digit and greeting.offers:
            counter.log.fault(WRONG_KEY, "no such offer")
        else:
            return None
