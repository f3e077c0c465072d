"""Dispute: a member says that a transaction is not right. It is written down and told to the office; nothing moves.

Of a receipt of this terminal no card is asked for; of another's the card says whose it is. Never refused for want of a
line: it travels like any advice.
"""

from micropython import const

from firmware.cashier.find import entry_of, reference
from firmware.core.errors import Refused
from firmware.core.reference import rrn_of
from firmware.core.refusals import REFERENCE_UNKNOWN
from firmware.core.types import OFFLINE, OFFLINE_FORCED, OFFLINE_LINK_DOWN, REMARK, CardData
from firmware.screen import undo as asking
from firmware.switch import tlv
from firmware.switch.profile import TAG_DISPUTE, TAG_ORIGINAL, TAG_REASON

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.counter import Counter

_REASONS = const(4)
_WHOLE = const(12)


async def dispute(counter: "Counter") -> int:
    """The whole story; returns the key that ended it."""
    panel, books = counter.panel, counter.books
    keyed = await reference(counter, "title_dispute", "ref_or_last")
    entry = entry_of(counter, keyed) if keyed else books.last_entry()
    if entry is not None:
        t = entry.transaction
        card = CardData(t.uid, "", t.auth, t.member_no)
        amount, points, rrn, new = t.amount, t.points, rrn_of(t.seq, t.time_utc), t.new_money
        about = [(TAG_DISPUTE, tlv.from_unsigned(t.seq, 4)), (TAG_ORIGINAL, rrn.encode())]
    elif len(keyed) == _WHOLE:
        card = await panel.card(panel.text.get("title_dispute"), None)
        amount, points, rrn, new = 0, 0, keyed, books.money.new
        about = [(TAG_ORIGINAL, keyed.encode())]
    else:
        raise Refused(REFERENCE_UNKNOWN)
    items = ["{} {}".format(n, panel.text.get("dispute_{}".format(n))) for n in range(1, _REASONS + 1)]
    reason = await panel.choice(items, "", "title_dispute")
    await counter.allow("dispute")
    await panel.confirm(asking.confirm(panel.text, "title_dispute_ask", amount, points, rrn, None, new))
    noted = books.record(
        REMARK,
        OFFLINE,
        card,
        0,
        0,
        OFFLINE_FORCED if counter.switch.online() else OFFLINE_LINK_DOWN,
        details=tlv.pack(about + [(TAG_REASON, bytes([reason]))]),
        original_seq=entry.transaction.seq if entry is not None else 0,
    )
    panel.signals.ok()
    counter.teller.print(books.outcome(noted.seq), False)
    return await panel.acknowledge(asking.noted(panel.text, rrn_of(noted.seq, noted.time_utc)))
