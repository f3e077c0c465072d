"""Where a member stands, in lines: rung and tier, what is near, what expires, and a tier that was reached. Pure.

Loaded for a visit.
"""

from micropython import const

from firmware.core.types import (
    NEXT_REWARD,
    NEXT_TIER,
    RUNG_ADVOCATE,
    RUNG_FIRST,
    RUNG_NO_CARD,
    SMS_NO_NUMBER,
    TIER_GOLD,
    TIER_NONE,
)
from firmware.loyalty.greeting import known_benefits
from firmware.screen.lines import BIG, HINT, TEXT, TITLE, ends, fitting, pair
from firmware.text import digits
from firmware.text.money import wordings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.core.types import Member
    from firmware.loyalty.outcome import Outcome
    from firmware.screen.lines import Line
    from firmware.text.catalogue import Catalogue

_STAR = const("*")


def tier_name(text: "Catalogue", tier: int) -> str:
    """What a tier is called, "" for none."""
    return text.get("tier_{}".format(tier)) if TIER_NONE < tier <= TIER_GOLD else ""


def near(text: "Catalogue", kind: int, missing: int, tier: int, new: "bool | None" = None) -> str:
    """How far it is to the next reward, in points, or tier, in money; "" when nothing is near. `tier` is the one the
    member has, `new` of a record says which money."""
    number = digits.number(missing)
    if kind == NEXT_REWARD:
        return fitting([text.get("near_reward", number), text.get("near_reward_short", number), number])
    name = tier_name(text, tier + 1)
    if kind != NEXT_TIER or not name:
        return ""
    far = text.get("near_tier_far", name)
    sums = wordings(text, missing, new)[:2]  # with separators
    return fitting([text.get("near_tier", one, name) for one in sums] + [far])


def after(text: "Catalogue", told: "Outcome") -> str:
    """One line below an outcome: what is near, else what becomes of the message; "" for nothing."""
    if told.rung == RUNG_FIRST:
        return text.get("near_rung", text.get("rung_{}".format(RUNG_FIRST + 1)))
    found = near(text, told.next_kind, told.missing, told.tier, told.new_money)
    return found or (text.get("sms_no_number") if told.sms == SMS_NO_NUMBER else "")


def member_rows(
    text: "Catalogue", member: "Member", following: "tuple[int, int]", expiring: "tuple[int, int]"
) -> "list[Line]":
    """Name and tier, rung, what is near, what expires: as much as is known. `following` is (kind, missing), `expiring`
    (points, day since 1970-01-01)."""
    tier = tier_name(text, member.tier)
    name = (_STAR if member.best else "") + member.name
    rows = [ends(name, tier)]
    if RUNG_NO_CARD <= member.rung <= RUNG_ADVOCATE:
        step = "{}/{}".format(digits.plain(member.rung), digits.plain(RUNG_ADVOCATE))
        rows.append(pair(text.get("rung_{}".format(member.rung)), step))
    rows.append(near(text, following[0], following[1], member.tier))
    if expiring[0]:
        number, day = digits.number(expiring[0]), text.short_day(expiring[1])
        rows.append(fitting([text.get("expire", number, day), text.get("expire_short", number, day), number]))
    return [(TEXT, row) for row in rows if row]


def level_up(text: "Catalogue", told: "Outcome") -> "list[Line]":
    """A tier was reached: from which to which, and what it brings."""
    new = tier_name(text, told.tier)
    was = tier_name(text, told.was_tier) or text.get("tier_none")
    lines = [(TITLE, text.get("level_up")), (BIG, new.upper()), (TEXT, text.get("level_from", was, new))]
    if told.tier_percent > 100:
        lines.append((TEXT, text.get("level_percent", digits.plain(told.tier_percent))))
    lines += [(TEXT, text.get("benefit_{}".format(code))) for code in known_benefits(told.benefits)[:2]]
    return lines + [(HINT, text.get("hint_next"))]
