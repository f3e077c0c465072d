"""Screens of membership: numbers and codes being typed, an enrolment before it is sent, a referral code. Pure.

Loaded for a visit.
"""

from firmware.core import jalali
from firmware.core.keyed import keyed_uid, masked_mobile
from firmware.core.mobile import grouped
from firmware.screen.lines import BIG, GAP, HINT, NOTE, SPARE, TEXT, TITLE, ends, fitting
from firmware.text.digits import together

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.screen.lines import Line
    from firmware.text.catalogue import Catalogue

BY_SMS, ON_PAPER = 1, 2


class Form:
    """What an enrolment is made of: ten digits, `birthday` as Jalali ddmm or "", `channel` of tag 42, `referrer` as tag
    45 has it."""

    def __init__(self) -> None:
        self.mobile = ""
        self.birthday = ""
        self.consent = False
        self.channel = ON_PAPER
        self.language = "fa"
        self.referrer = ""


def mobile(text: "Catalogue", title: str, typed: str, note: str) -> "list[Line]":
    """A mobile number being typed."""
    return _typing(text, title, together(grouped(typed), text.rtl), note or text.get("ask_mobile"), bool(note))


def birthday(text: "Catalogue", title: str, typed: str, note: str) -> "list[Line]":
    """Day and month being typed, or skipped: which digits are which, at last the month's name."""
    shown = typed[:2] + "/" + typed[2:] if len(typed) > 2 else typed
    told = _day_of(text, typed) or text.get("birthday_keyed", typed[:2], typed[2:] or "-")
    return _typing(text, title, shown, note or (told if typed else text.get("ask_birthday")), bool(note))


def _day_of(text: "Catalogue", keyed: str) -> str:
    """A Jalali ddmm as people say it, "" while there is no such day."""
    if len(keyed) != 4 or not jalali.exists(int(keyed[2:]), int(keyed[:2])):
        return ""
    return "{} {}".format(int(keyed[:2]), text.get("jalali_{}".format(int(keyed[2:]))))


def code(text: "Catalogue", title: str, typed: str, note: str, menu: bool = False) -> "list[Line]":
    """The digits of the member's message being typed, or what to press without one."""
    lines = _typing(text, title, typed, note or text.get("ask_code"), bool(note))
    return [lines[0], (TEXT, text.get("code_none"))] + lines[2:] if menu else lines


def referrer(text: "Catalogue", title: str, typed: str, note: str) -> "list[Line]":
    """Who brought the member: a card, a code, a number, or nobody."""
    asked = SPARE if note else TEXT
    lines = [(TITLE, title), (asked, text.get("ask_referrer_1")), (asked, text.get("ask_referrer_2"))]
    lines += [(BIG, typed), (NOTE, note) if note else (TEXT, text.get("ok_skips"))]
    return lines + [(HINT, text.get("hint_amount"))]


def _typing(text: "Catalogue", title: str, shown: str, below: str, noted: bool) -> "list[Line]":
    return [
        (TITLE, title),
        (GAP, ""),
        (BIG, shown),
        (GAP, ""),
        (NOTE if noted else TEXT, below),
        (HINT, text.get("hint_amount")),
    ]


def check(text: "Catalogue", form: Form) -> "list[Line]":
    """The whole enrolment before it is sent."""
    day = _day_of(text, form.birthday) or "-"
    return [
        (TITLE, text.get("title_enrol_check")),
        (TEXT, masked_mobile(keyed_uid(form.mobile))),
        (TEXT, fitting([text.get("form_birthday", day), day])),
        (TEXT, text.get("form_sms_yes" if form.consent else "form_sms_no")),
        (TEXT, text.get("form_referred" if form.referrer else "form_nobody")),
        (TEXT, _receipts(text, form)),
        (HINT, text.get("hint_confirm")),
    ]


def _receipts(text: "Catalogue", form: Form) -> str:
    """How the member hears of a sale."""
    if form.channel != BY_SMS:
        return text.get("form_on_paper")
    return text.get("form_by_sms_fa" if form.language == "fa" else "form_by_sms_en")


def replace_check(text: "Catalogue", uid: bytes) -> "list[Line]":
    """Before a new card takes the place of the others."""
    return [
        (TITLE, text.get("title_replace")),
        (TEXT, masked_mobile(uid)),
        (GAP, ""),
        (TEXT, text.get("ask_replace_1")),
        (TEXT, text.get("ask_replace_2")),
        (HINT, text.get("hint_confirm")),
    ]


def unknown(text: "Catalogue", refusal: str) -> "list[Line]":
    """A card nobody knows was laid on: it may become a member's."""
    return [
        (TITLE, text.get("title_new_card")),
        (NOTE, text.error(refusal)[0]),
        (GAP, ""),
        (TEXT, text.get("ask_enrol")),
        (HINT, fitting([ends(text.get(hint), refusal) for hint in ("hint_confirm", "hint_no_card")])),
    ]


def refcode(text: "Catalogue", digits: str) -> "list[Line]":
    """A member's referral code."""
    return [
        (TITLE, text.get("title_refcode")),
        (GAP, ""),
        (BIG, fitting([together(digits[:4] + " " + digits[4:], text.rtl), digits])),
        (GAP, ""),
        (TEXT, text.get("refcode_tell")),
        (HINT, text.get("hint_print")),
    ]
