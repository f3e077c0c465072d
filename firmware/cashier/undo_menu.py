"""MENU 7: take back, find, and dispute. Each item is a module of its own, loaded for its visit.

Four different things end a transaction: CANCEL before the last key, of which nothing was written; a reversal, which the
terminal makes by itself when an outcome is unknown; a void, of this shift, whole; a refund, later or in part.
"""

from micropython import const

from firmware.core.visiting import visit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.counter import Counter

_VOID = const("firmware.cashier.void")
TITLE = "title_undo"
# As in member_menu: words, module, function, right.
ITEMS = (
    ("undo_void_last", _VOID, "void_last", "void"),
    ("undo_void", _VOID, "void_named", "void"),
    ("undo_refund", "firmware.cashier.refund", "refund", "refund"),
    ("undo_find", "firmware.cashier.find", "find", ""),
    ("undo_statement", "firmware.cashier.statement", "statement", ""),
    ("undo_dispute", "firmware.cashier.dispute", "dispute", "dispute"),
)


async def run(counter: "Counter") -> int:
    """For the menu: the key that ended the story. Raises what the story raises."""
    panel = counter.panel
    counter.books.need_members()
    items = ["{} {}".format(n + 1, panel.text.get(ITEMS[n][0])) for n in range(len(ITEMS))]
    _words, module, name, _right = ITEMS[await panel.choice(items, "", TITLE) - 1]
    with visit(module):
        loaded = __import__(module, None, None, (name,))
        return await getattr(loaded, name)(counter)
