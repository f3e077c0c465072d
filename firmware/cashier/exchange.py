"""One transaction and the switch's word on it: what every flow that moves value does with an intent of the journal."""

from firmware.core.errors import LinkError
from firmware.screen import screens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Sequence

    from firmware.cashier.counter import Counter
    from firmware.core.types import Reply, Transaction
    from firmware.screen.lines import Line


async def ask_switch(
    counter: "Counter",
    intent: "Transaction",
    title: str,
    amount: "int | None" = None,
    asked: "tuple[int, int] | None" = None,
    beside: "Sequence[Line]" = (),
) -> "Reply | LinkError":
    """Send an ONLINE intent and write down what the switch decided. Without its word the intent is reversed, and the
    error is returned: the outcome of the intent is told all the same. `asked`: for an allowance, as of `Books.asks`;
    `beside` are at most two lines more for the screen that waits."""
    panel, books = counter.panel, counter.books
    lines = screens.waiting(panel.text, title, amount)
    panel.show(lines[:-1] + list(beside) + lines[-1:])
    try:
        reply = await counter.switch.request(intent, asked)
    except LinkError as error:
        counter.log.error(error, title)
        books.reverse(intent)
        return error
    books.answer(intent, reply, asked)
    return reply
