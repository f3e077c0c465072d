"""The greeting after a tap, as a screen: the customer's lines first, below an inverse line what is for the staff. Pure.

What does not fit on one page is turned over with DOWN; nobody has to.
"""

from micropython import const

from firmware.core.types import RUNG_ENROLLED
from firmware.loyalty.greeting import known_benefits
from firmware.loyalty.offers import MONEY
from firmware.screen.lines import HINT, NOTE, TEXT, TITLE, WRAP, ends, fitting
from firmware.text import digits
from firmware.text.money import wordings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from firmware.loyalty.greeting import Greeting
    from firmware.loyalty.offers import Offer
    from firmware.screen.lines import Line
    from firmware.text.catalogue import Catalogue

_STAR = const("*")


def whole(text: "Catalogue", greeting: "Greeting", folds: "Callable[[list[Line]], int]") -> "list[Line]":
    """All there is to say; offers without their values where one page has no room for them. `folds` counts pages."""
    staff = _staff(text, greeting)
    lines = []
    for fully in (True, False):
        lines = _title(text, greeting) + _customer(text, greeting, fully) + staff
        if folds(lines + [(HINT, text.get("hint_next"))]) == 1:
            break
    hint = text.get("hint_next")
    if greeting.offers:
        last = len(greeting.offers)
        hint = text.get("hint_offers", digits.plain(last)) if last > 1 else text.get("hint_offer")
    elif folds(lines + [(HINT, hint)]) > 1:
        hint = text.get("hint_greet_more")
    return lines + [(HINT, hint)]


def passing(text: "Catalogue", greeting: "Greeting") -> "list[Line]":
    """Two lines for a screen that waits: who it is, and which visit this is."""
    rows = [(TEXT, _starred(greeting))] if greeting.name else []
    if greeting.rung == RUNG_ENROLLED:
        rows.append((TEXT, text.get("greet_first")))
    elif greeting.visit:
        rows.append((TEXT, text.get("greet_visit", digits.number(greeting.visit))))
    return rows


def _starred(greeting: "Greeting") -> str:
    return (_STAR if greeting.best else "") + greeting.name


def _title(text: "Catalogue", greeting: "Greeting") -> "list[Line]":
    visit = text.get("greet_visit", digits.number(greeting.visit)) if greeting.visit else ""
    return [(TITLE, ends(_starred(greeting), visit))]


def _customer(text: "Catalogue", greeting: "Greeting", fully: bool) -> "list[Line]":
    rows = []
    if greeting.lapsed or greeting.six_months:
        rows.append((TEXT, text.get("greet_back")))
    elif greeting.rung == RUNG_ENROLLED:
        rows.append((TEXT, text.get("greet_first")))
    rows.append((WRAP, greeting.say))
    for number, offer in enumerate(greeting.offers):
        rows += _offer(text, digits.plain(number + 1), offer, fully)
    if greeting.ack:
        day = text.get("greet_remark")
        if greeting.ack_day:
            day = text.get("greet_remark_of", text.short_day(greeting.ack_day))
        rows += [(TEXT, day), (WRAP, greeting.ack)]
    return rows


def _staff(text: "Catalogue", greeting: "Greeting") -> "list[Line]":
    rows = []
    if greeting.best:
        rows.append((TEXT, text.get("greet_best")))
    if greeting.six_months:
        rows.append((TEXT, text.get("greet_six_months")))
    rows += [(TEXT, text.get("benefit_{}".format(code))) for code in known_benefits(greeting.benefits)]
    if greeting.note:
        rows.append((WRAP, greeting.note))
    if greeting.suggest:
        rows.append((WRAP, text.get("greet_suggest", greeting.suggest)))
    return [(NOTE, text.get("greet_staff"))] + rows if rows else []


def _offer(text: "Catalogue", number: str, offer: "Offer", fully: bool) -> "list[Line]":
    """The key that takes it and what it is called; fully, its value and last day on a line of their own."""
    sums = wordings(text, offer.value)[1:] if offer.kind == MONEY else [digits.number(offer.value)]
    value = text.get("offer_{}".format(offer.kind), sums[0])
    alone = sums if offer.kind == MONEY else []  # a sum that lost a digit would be another
    first = fitting([number + " " + one for one in ([offer.text] if offer.text else []) + [value] + alone])
    if not fully:
        return [(TEXT, first)]
    end = text.get("offer_until", text.short_day(offer.last_day)) if offer.last_day else ""
    second = [value] if offer.text else []
    if not end and not second:
        return [(TEXT, first)]
    whole = " ".join(second + [end] if end else second)
    return [(TEXT, first), (TEXT, fitting(["  " + whole, whole] + ([end] if end else [value] + alone)))]
