"""Screens of offers, vouchers and rewards. Pure: values and a catalogue in, lines out."""

from firmware.loyalty.offers import COURTESY, MONEY
from firmware.screen.lines import ASIDE, BESIDE, BIG, GAP, HINT, NOTE, SPARE, TEXT, TITLE, WRAP, fitting, pair, worded
from firmware.screen.screens import in_other, money, unit_of
from firmware.text import digits
from firmware.text.money import numbers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.loyalty.offers import Offer
    from firmware.screen.lines import Line
    from firmware.text.catalogue import Catalogue


def off(text: "Catalogue", offer: "Offer") -> str:
    """What it takes off, or what is given."""
    if offer.kind == COURTESY:
        return text.get("offer_gift")
    if offer.kind == MONEY:
        return worded(lambda sum: text.get("offer_money", sum), money(text, offer.value))
    return text.get("offer_percent" if offer.takes_money() else "offer_bonus", offer.value)


def price(text: "Catalogue", offer: "Offer", full: int) -> "list[Line]":
    """What a sale costs without and with it, before anything is agreed. A multi-buy asks whether its things are
    there."""
    payable = offer.payable(full)
    lines = [(TITLE, off(text, offer)), (BESIDE if offer.takes_money() else WRAP, offer.text)]
    if offer.count:
        lines.append((NOTE, text.get("offer_count", offer.count, offer.category)))
    if offer.takes_money():
        lines.append((TEXT, pair(text.get("price_before"), money(text, full))))
        lines.append((SPARE if offer.count else TEXT, pair(text.get("price_off"), money(text, payable - full))))
    lines.append((BIG, money(text, payable)))
    return lines + [(HINT, text.get("hint_confirm"))]


def courtesy(text: "Catalogue", offer: "Offer") -> "list[Line]":
    """What to give with a gift, free of charge."""
    return [
        (TITLE, text.get("mark_gift")),
        (BIG, text.get("big_give")),
        (WRAP, offer.text),
        (HINT, text.get("hint_next")),
    ]


def number(text: "Catalogue", keyed: str, note: str) -> "list[Line]":
    """A voucher's number being typed."""
    return [
        (TITLE, text.get("title_voucher")),
        (GAP, ""),
        (TEXT, keyed or "-"),
        (GAP, ""),
        (NOTE if note else TEXT, note or text.get("ask_voucher")),
        (HINT, text.get("hint_amount")),
    ]


def worth(text: "Catalogue", of_number: str, offer: "Offer") -> "list[Line]":
    """What a voucher is worth, and until when."""
    return [
        (TITLE, text.get("title_voucher")),
        (ASIDE, of_number),
        (BIG, off(text, offer)),
        (TEXT, offer.text),
        (TEXT, until(text, offer.last_day)),
        (HINT, text.get("hint_next")),
    ]


def until(text: "Catalogue", day: int) -> str:
    """The last day something is good on, "" without end."""
    return text.get("good_until", text.day(day)) if day else ""


def ask_issue(text: "Catalogue", title: str, value: int, reason: str) -> "list[Line]":
    """The last question before a voucher is issued."""
    lines = [(TITLE, title), (ASIDE, reason), (BIG, fitting(numbers(text, value)))] + unit_of(text, value)
    return lines + [(TEXT, text.get("issue_ask")), (HINT, text.get("hint_confirm"))]


def card_or_none(text: "Catalogue", title: str, value: int, note: str) -> "list[Line]":
    """Waiting for a card, or for the word that there is none."""
    return [
        (TITLE, title),
        (ASIDE, money(text, value)),
        (BIG, text.get("big_tap")),
        (NOTE if note else TEXT, note or text.get("ask_card")),
        (TEXT, text.get("ask_no_card")),
        (HINT, text.get("hint_no_card")),
    ]


def won(text: "Catalogue", of_number: str, good_until: int, words: str) -> "list[Line]":
    """A lucky prize."""
    return [
        (TITLE, text.get("title_prize")),
        (TEXT, of_number),
        (TEXT, until(text, good_until)),
        (WRAP, words),
        (HINT, text.get("hint_next")),
    ]


def reward(text: "Catalogue", name: str, points: int, value: int) -> "list[Line]":
    """The last question before points are spent for something: price in points and money value."""
    return [
        (TITLE, text.get("title_confirm")),
        (ASIDE, name),
        (BIG, fitting([digits.number(points), digits.plain(points)])),
        (SPARE, text.get("points_word")),
        (TEXT, money(text, value)),
        in_other(text, value),
        (HINT, text.get("hint_confirm")),
    ]
