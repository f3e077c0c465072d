"""MENU: what is wanted besides selling. A row of `ITEMS` is a digit, its words, the module that does it, and who may.

The module is loaded for a visit; its function `run(counter)` returns a note for the menu, or a key that ends the menu.
docs/menu-tree.txt shows the whole tree, made of these tables by `python -m tools.menu_tree`.
"""

from firmware.core.errors import Refused
from firmware.core.refusals import NOTHING_TO_REPRINT
from firmware.core.visiting import visit
from firmware.screen import screens
from firmware.text.catalogue import LANGUAGES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.counter import Counter
    from firmware.text.catalogue import Catalogue

TITLE = "title_menu"
# The last column: the right it needs where somebody works here (docs/staff.md), "" when anybody may.
ITEMS = (
    ("1", "menu_reprint", "", ""),
    ("2", "menu_send", "firmware.cashier.sync", ""),
    ("3", "menu_info", "", ""),
    ("4", "menu_rejected", "firmware.cashier.letters", ""),
    ("5", "menu_shift", "firmware.cashier.shift", "end_shift"),
    ("6", "menu_members", "firmware.cashier.member_menu", ""),
    ("7", "menu_undo", "firmware.cashier.undo_menu", ""),
    ("8", "menu_vouchers", "firmware.cashier.voucher_menu", ""),
    ("9", "menu_staff", "firmware.cashier.staff_menu", ""),
    ("0", "language_word", "firmware.cashier.choices", ""),
)


async def menu(counter: "Counter") -> int:
    """The menu stays until it is cancelled or nobody presses a key."""
    text = counter.panel.text
    note = ""
    while True:
        chosen = str(await counter.panel.choice(rows(counter), note))
        module = [row[2] for row in ITEMS if row[0] == chosen][0]
        if chosen == "1":
            note = await reprint(counter)
        elif not module:
            note = ""
            await counter.panel.acknowledge(screens.info(text, counter.shop.terminal_id, counter.status()))
        else:
            ended = await _visited(counter, module)
            if not isinstance(ended, str):
                return ended
            note = ended


def rows(counter: "Counter") -> "list[str]":
    """What can be chosen here and now."""
    text, rejected = counter.panel.text, counter.journal.dead_count()
    found: "list[str]" = []
    for digit, name, _module, _right in ITEMS:
        words = text.get(name)
        if name == "menu_rejected" and rejected:
            words = text.get("menu_rejected_some", rejected)
        elif name == "language_word":
            words = " / ".join(in_each(text, name))  # who is lost in one of them finds it
        if name != "menu_staff" or counter.staff is not None:
            found.append(digit + " " + words)
    return found


def in_each(text: "Catalogue", name: str) -> "list[str]":
    """A text in every language; the one that is spoken stays."""
    spoken = text.language
    found: "list[str]" = []
    for language in LANGUAGES:
        text.use(language)
        found.append(text.get(name))
    text.use(spoken)
    return found


async def _visited(counter: "Counter", module: str) -> "int | str":
    """Run what a module has for the menu."""
    with visit(module):
        loaded = __import__(module, None, None, ("run",))
        return await loaded.run(counter)


async def reprint(counter: "Counter") -> str:
    """The last transaction that has a receipt once more, from the journal; a note for the menu. Raises Refused."""
    counter.books.need_members()
    entry = counter.books.last_entry()
    if entry is None:
        raise Refused(NOTHING_TO_REPRINT)
    return await counter.teller.again(counter.books.outcome_of_entry(entry))
