"""The catalogue of rewards: at most nine, by number, each with its price in points. Loaded when there is one.

The switch has a catalogue of its own and decides by it; this one comes with the rules. Points whole, worth in money.
"""

from firmware.core.errors import Refused
from firmware.core.refusals import TOO_FEW_POINTS
from firmware.screen import vouchers
from firmware.screen.lines import ends
from firmware.text import digits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.counter import Counter
    from firmware.loyalty.rules import Rules


def affordable(rules: "Rules", balance: int) -> "list[tuple[int, int, int, str]]":
    """What this balance may be given for. The threshold is for rewards, too, unless the catalogue spares them."""
    if not rules.rewards_below and balance < rules.redeem_threshold:
        return []
    return [row for row in rules.rewards if row[1] <= balance]


async def choose(counter: "Counter", balance: int) -> "tuple[int, int, int, str] | None":
    """The reward a customer wants, confirmed with its price in points and in money; None: another amount, of points
    that pay. Raises Refused, Cancelled, TimedOut."""
    panel, rules = counter.panel, counter.books.rules
    rows = affordable(rules, balance)
    items = [_item(*row) for row in rows]
    if rules.spendable(balance):
        items.append(panel.text.get("reward_other"))
    if not items:
        raise Refused(TOO_FEW_POINTS)
    chosen = await panel.choice(items, "", "title_rewards")
    for number, points, worth, name in rows:
        if number == chosen:
            paid = rules.in_money(worth)
            await panel.confirm(vouchers.reward(panel.text, name, points, paid))
            return number, points, paid, name
    return None


def _item(number: int, points: int, _worth: int, name: str) -> str:
    """`1 Mug        550`; a long name gives way to its price."""
    price = digits.plain(points)
    return ends("{} {}".format(number, name), price)
