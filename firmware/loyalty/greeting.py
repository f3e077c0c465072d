"""What is said to whoever lays a card on for a sale: from the switch's answer, or from what this terminal remembers.

One record, told by one screen. What the staff is to read is apart from what the customer may see. Pure: knows no
screen, no message and no store. Days since 1970-01-01 of Tehran.
"""

from micropython import const

from firmware.core.types import RUNG_UNKNOWN, TIER_NONE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.core.types import Member
    from firmware.loyalty.facts import Facts
    from firmware.loyalty.offers import Offer

# What a member is entitled to besides points (LT-87 tag 23); each code has a text benefit_<code>.
PRIORITY = const(1)
BENEFITS = const(5)  # codes this terminal has a text for, from 1


class Greeting:
    """Of one tap. `confirmed`: the switch said so a moment ago; else it is what this terminal remembers.

    `visit` is the number of the visit this sale belongs to, 0 unknown; `lapsed` a regular who stayed away, `six_months`
    who bought nothing for half a year. `offers` are at most three. For the staff: `benefits` (codes), `note`,
    `suggest`; for the customer `say` and `ack`, the answer to a remark made on `ack_day` (0 unknown).
    """

    def __init__(self, confirmed: bool, facts: "Facts", member: "Member | None" = None) -> None:
        self.confirmed = confirmed
        self.name = member.name if member is not None else ""
        self.rung = member.rung if member is not None else RUNG_UNKNOWN
        self.tier = member.tier if member is not None else TIER_NONE
        self.best = member is not None and member.best
        self.visit = facts.visit
        self.lapsed = facts.lapsed
        self.six_months = facts.six_months
        self.benefits = b""
        self.note = ""
        self.suggest = ""
        self.say = ""
        self.ack = ""
        self.ack_day = 0
        self.offers: "list[Offer]" = []
        self.passing: "list[tuple[int, str]]" = []  # lines for the screen that waits

    def wins_back(self) -> bool:
        """Whether a sale made now answers a win-back (LT-87 tag 15)."""
        return self.lapsed

    def stops(self) -> bool:
        """Whether there is something to see or to choose before the sale goes on; a name alone is told in passing."""
        return bool(
            self.lapsed
            or self.six_months
            or self.best
            or self.offers
            or self.note
            or self.suggest
            or self.say
            or self.ack
            or known_benefits(self.benefits)
        )


def known_benefits(codes: bytes) -> "list[int]":
    """Those there is a text for, each once, priority first."""
    return [code for code in range(PRIORITY, BENEFITS + 1) if code in codes]
