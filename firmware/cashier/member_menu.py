"""MENU 6: members. Each row of `ITEMS` is its words, the module it needs, the function that does it, and who may."""

from firmware.core.visiting import visit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.counter import Counter

_ASKING = ("firmware.core.jalali", "firmware.core.mobile", "firmware.screen.members", "firmware.cashier.member_asks")
TITLE = "title_members"
ITEMS = (
    ("member_new", "firmware.cashier.enrol", "enrol", "enrol"),
    ("member_replace", "firmware.cashier.replace_card", "replace", "replace"),
    ("member_sale", "firmware.cashier.mobile_sale", "sale_by_mobile", "keyed"),
    ("member_refcode", "firmware.cashier.referral", "referral_code", ""),
    ("member_spend", "firmware.cashier.mobile_sale", "spend_by_mobile", ""),
    ("member_balance", "firmware.cashier.mobile_sale", "balance_by_mobile", ""),
)


async def run(counter: "Counter") -> "int | str":
    """The key that ended it, or a note for the menu. Raises Refused, Cancelled."""
    text = counter.panel.text
    items = [str(at + 1) + " " + text.get(ITEMS[at][0]) for at in range(len(ITEMS))]
    _words, module, name, _right = ITEMS[await counter.panel.choice(items, "", TITLE) - 1]
    with visit(*_ASKING, module):
        loaded = __import__(module, None, None, (name,))
        return await getattr(loaded, name)(counter)


async def of_unknown_card(counter: "Counter", card: object) -> int:
    """The switch does not know this card: it may become a new member's. Raises Refused, Cancelled."""
    with visit(*_ASKING, "firmware.cashier.enrol"):
        from firmware.cashier.enrol import of_unknown

        return await of_unknown(counter, card)  # type: ignore[arg-type]
