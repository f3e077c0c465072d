"""What an answer says at a tap besides a balance: of a greeting, and of points that expire. Loaded for a visit.

What makes no sense is left out: a greeting stops no sale.
"""

from firmware.loyalty import offers
from firmware.switch import tlv
from firmware.switch.profile import (
    SEGMENT_LAPSED,
    SEGMENT_SIX_MONTHS,
    TAG_ACK,
    TAG_BENEFIT,
    TAG_EXPIRING,
    TAG_NOTE,
    TAG_OFFER,
    TAG_SEGMENT,
    TAG_SUGGEST,
)
from firmware.switch.told import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.core.types import Reply
    from firmware.loyalty.greeting import Greeting


def greet(greeting: "Greeting", reply: "Reply") -> None:
    """Put into a greeting what the switch says besides the member's standing."""
    tags = reply.tags
    if TAG_SEGMENT in tags:  # the switch has seen all shops, this terminal its own
        segment = tags[TAG_SEGMENT][0]
        greeting.lapsed = segment & SEGMENT_LAPSED > 0
        greeting.six_months = segment & SEGMENT_SIX_MONTHS > 0
    greeting.say = reply.text
    greeting.benefits = tags.get(TAG_BENEFIT, b"")
    greeting.note = line(tags.get(TAG_NOTE, b""))
    greeting.suggest = line(tags.get(TAG_SUGGEST, b""))
    ack = tags.get(TAG_ACK, b"")
    greeting.ack = line(ack[3:])
    greeting.ack_day = max(0, offers.day_of(ack[:3])) if greeting.ack else 0
    greeting.offers = offers.told(tlv.every(reply.content, TAG_OFFER))


def expiring(tags: "dict[int, bytes]") -> "tuple[int, int]":
    """(points, the day they expire) as the host says; (0, 0) when none do."""
    value = tags.get(TAG_EXPIRING, b"")
    day = offers.day_of(value[4:7]) if value else 0
    return (tlv.unsigned(value[:4]), day) if day > 0 else (0, 0)
