"""Every screen of firmware/screen with the largest that its fields can hold, in whatever language the catalogue speaks.

A case is (name of the function, lines, names): `names` are texts of people that may be cut where a row has no room.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from firmware.cashier import choices, menu
from firmware.core.types import (
    ACCRUAL,
    APPROVED,
    AUTH_LEGACY,
    CLOCK_OK,
    DEAD,
    ENROL,
    ISSUE,
    NEXT_REWARD,
    NEXT_TIER,
    OFFLINE,
    ONLINE,
    OPEN,
    REDEMPTION,
    REFUND,
    REFUSED,
    REMARK,
    REVERSED,
    RUNG_ENROLLED,
    RUNG_FIRST,
    SMS_NO_NUMBER,
    SMS_QUEUED,
    USE,
    VOID,
    VOIDED,
    JournalEntry,
    Member,
    Result,
    Transaction,
)
from firmware.loyalty.facts import Facts
from firmware.loyalty.greeting import Greeting
from firmware.loyalty.offers import BONUS, COURTESY, MONEY, PERCENT, WIN_BACK, Offer
from firmware.loyalty.outcome import Balance, Outcome, outcome_of
from firmware.loyalty.totals import KINDS, Totals
from firmware.screen import (
    greeting,
    members,
    outcomes,
    rejected,
    right,
    safe,
    screens,
    sending,
    shift,
    staff,
    standing,
    survey,
    undo,
    vouchers,
)
from firmware.screen.lines import HINT
from firmware.service.rights import RIGHTS
from firmware.text.catalogue import Catalogue
from host_tests.unit import catalogue_kit
from tools.menu_tree import page as menu_tree

Lines = Sequence[tuple[int, str]]
Case = tuple[str, Lines, tuple[str, ...]]

CODES = tuple(catalogue_kit.errors())
MONEY_MOST = 10**12 - 1
SUMS = (0, 7, 12_450, 1_250_000, 999_999_990, MONEY_MOST)
POINTS = (0, -125, 12_450, 2**31 - 1, -(2**31))
AGES = (0, 3599, 47 * 3600, 10**9)
NAMES = ("", "Ali", "محمدرضا حسینی\u200cنژاد کرمانشاهی", "Wilhelmina Featherstonehaugh")
SAID = "از این‌که دوباره به ما سر زدید خوشحالیم"
WORDS = ("", "Tea", "یک چای رایگان با شیرینی")  # of an offer, as long as the switch may say
RRN = "632613000777"
DAY_UTC = 1_795_400_000
LAST_DAY = 20_900
UID = b"\x01\x02\x03\x04"
VERBS = (ACCRUAL, REDEMPTION, REFUND, VOID, ISSUE, USE, ENROL, REMARK)
STATES = (OPEN, APPROVED, REFUSED, REVERSED, DEAD, VOIDED)
TITLES = ("title_sale", "title_redeem", "title_voucher", "title_enrol", "title_refcode", "title_balance")


def cases(text: Catalogue, folds: Callable[[Lines], int]) -> Iterator[Case]:
    """All of them; `folds` tells how many pages lines take."""
    for part in (
        _asking,
        _menus,
        _idle,
        _outcomes,
        _members,
        _vouchers,
        _undo,
        _sending,
        _shift,
        _staff,
        _rejected,
        _survey,
    ):
        for name, lines, *names in part(text):
            yield name, lines, tuple(names)
    yield from _greetings(text, folds)


def _notes(text: Catalogue) -> list[str]:
    return ["", *(text.error(code)[0] for code in CODES)]


def _asking(text: Catalogue) -> Iterator[tuple[Any, ...]]:
    notes = _notes(text)
    for at, value in enumerate(SUMS):
        for note in notes if at == 2 else ("", max(notes, key=len)):
            yield "screens.amount", screens.amount(text, str(value), note)
            yield "screens.points", screens.points(text, value, value, value, note)
        yield "screens.confirm", screens.confirm(text, value, value)
        yield "screens.again", screens.again(text, value)
        for title in TITLES:
            yield "screens.waiting", screens.waiting(text, text.get(title), value)
            yield "screens.card", screens.card(text, text.get(title), value, "")
        yield "screens.card", screens.card(text, text.get("title_sale"), value, "C02", 9)
    for code in CODES:
        yield "screens.card", screens.card(text, text.get("title_sale"), SUMS[3], code)
        yield "screens.error", screens.error(text, code)
    yield "screens.error", screens.error(text, "C02", 9)
    for what in ("start_risk", "start_maintenance", "starting", "one_moment"):
        yield "screens.notice", screens.notice(text, text.get(what), text.get("start_risk_next"))
    yield "safe.safe_mode", safe.safe_mode(text)
    for note in (text.get("menu_printed"), text.get("left_to_read", 9999)):
        yield "screens.menu", screens.menu(text, [text.get("menu_info")], note, True)


def _menus(text: Catalogue) -> Iterator[tuple[Any, ...]]:
    """Every menu there is, three items at a time, which is what fits beside a note in Persian."""
    fields = {"choice_brightness": (4, 4)}
    sounds = [text.get(f"sounds_{number}") for number in range(3)]
    todo = [menu]
    for module in todo:
        rows = menu.in_each(text, "language_name") if module is choices else []
        for digit, name, below, _right in menu_tree.items_of(module):
            said = [text.get(name, *fields.get(name, (sound, ""))) for sound in sounds]
            if name == "language_word":
                said = [" / ".join(menu.in_each(text, name))]
            rows += [one if one.startswith(digit) else f"{digit} {one}" for one in said]
            if below and hasattr(loaded := importlib.import_module(below), "ITEMS"):
                todo.append(loaded)
        for at in range(0, len(rows), 3):
            yield "screens.menu", screens.menu(text, rows[at : at + 3], "", True, module.TITLE)
            if at + 3 < len(rows):
                yield (
                    "screens.menu",
                    screens.menu(text, rows[at : at + 2], text.get("menu_printed"), True, module.TITLE),
                )
    yield "screens.menu", screens.menu(text, [f"4 {text.get('menu_rejected_some', 999)}"], "", True)


def _idle(text: Catalogue) -> Iterator[tuple[Any, ...]]:
    states = itertools.product((True, False), (0, 1, 15_000), AGES, (0, 9999), NAMES)
    for online, waiting, age, dead, name in states:
        for clerk, fill, old, locked in ((0, 0, False, False), (255, 100, True, False), (255, 0, True, True)):
            status = screens.Status(online, waiting, age, dead, (14, 5), name, "", fill, old, locked, clerk)
            yield "screens.idle", screens.idle(text, status), name
            status.paper, status.reader = "P32", "R01"
            yield "screens.idle", screens.idle(text, status), name
    for code, waiting in itertools.product(CODES, (0, 15_000)):
        status = screens.Status(True, waiting, 0, 9999, None, "", code)
        yield "screens.halted", screens.halted(text, status)
        yield "screens.idle", screens.idle(text, status)
    yield "screens.info", screens.info(text, "T0000001", screens.Status(False, 15_000, 0, 9999, None, ""))


def _told() -> Iterator[Outcome]:
    results = [None, *(Result(7, APPROVED, "00", n, b, "A1B2C3") for n in POINTS for b in (None, -n, n))]
    results += [Result(7, REFUSED, code[1:], 0, b, "") for code in CODES if code[0] == "H" for b in (None, 10**11)]
    for mode, state, result, verb in itertools.product((ONLINE, OFFLINE), STATES, results, VERBS):
        for points, age in ((0, 0), (2**31 - 1, 10**8)):
            t = Transaction(7, verb, mode, UID, AUTH_LEGACY, 10**11, points, DAY_UTC, CLOCK_OK)
            yield outcome_of(JournalEntry(t, state, result), Member(UID, 2**31, "", 10**11, 0), points, age, 10**8)


def _outcomes(text: Catalogue) -> Iterator[tuple[Any, ...]]:
    for told in _told():
        yield "outcomes.outcome", outcomes.outcome(text, told)
        yield "outcomes.recall", outcomes.recall(text, told)
        told.name, told.sms, told.under_review = NAMES[2], SMS_QUEUED, True
        yield "outcomes.outcome", outcomes.outcome(text, told)
        told.tier, told.was_tier, told.new_tier, told.tier_percent, told.benefits = 3, 2, True, 1000, b"\x01\x02\x03"
        told.next_kind, told.missing, told.under_review, told.sms = NEXT_TIER, MONEY_MOST, False, SMS_NO_NUMBER
        yield "outcomes.outcome", outcomes.outcome(text, told)
    told = next(_told())
    for tier, percent, benefits in itertools.product((1, 2, 3), (100, 1000), (b"", b"\x01\x02", b"\x03\x04\x05")):
        told.tier, told.was_tier, told.tier_percent, told.benefits = tier, tier - 1, percent, benefits
        yield "standing.level_up", standing.level_up(text, told)
    members_known = [
        Member(UID, 1, name, 0, 0, tier, rung=rung, best=best)
        for name, tier, rung, best in itertools.product(NAMES, (0, 3), (0, 1, 5), (False, True))
    ]
    for member, kind, points in itertools.product(members_known, (0, NEXT_REWARD, NEXT_TIER), POINTS):
        rows = standing.member_rows(text, member, (kind, abs(points)), (abs(points), LAST_DAY))
        for confirmed, age in itertools.product((True, False), AGES):
            told_balance = Balance(points, confirmed, age)
            yield "outcomes.balance", outcomes.balance(text, told_balance, rows), member.name
    yield "outcomes.balance", outcomes.balance(text, Balance(0, True, 0))


def _members(text: Catalogue) -> Iterator[tuple[Any, ...]]:
    for note in _notes(text):
        yield "members.mobile", members.mobile(text, text.get("title_enrol"), "09121234567", note)
        yield "members.birthday", members.birthday(text, text.get("title_birthday"), "3012", note)
        yield "members.code", members.code(text, text.get("title_enrol"), "123456", note, True)
        yield "members.referrer", members.referrer(text, text.get("title_referrer"), "09121234567", note)
    for birthday, consent, channel, language, referrer in itertools.product(
        ("", "3012"), (True, False), (members.BY_SMS, members.ON_PAPER), ("fa", "en"), ("", "x")
    ):
        form = members.Form()
        form.mobile, form.birthday, form.consent, form.channel = "9121234567", birthday, consent, channel
        form.language, form.referrer = language, referrer
        yield "members.check", members.check(text, form)
    yield "members.replace_check", members.replace_check(text, UID)
    for code in CODES:
        yield "members.unknown", members.unknown(text, code)
    yield "members.refcode", members.refcode(text, "12345678")


def _offers(text: str) -> Iterator[Offer]:
    for kind, value in ((PERCENT, 100), (MONEY, MONEY_MOST), (MONEY, 50_000), (COURTESY, 0), (BONUS, 100)):
        yield Offer(1, kind, value, LAST_DAY, 0, 9, 99 if kind == PERCENT else 0, text)
    yield Offer(2, WIN_BACK, 50, 0, 0, 0, 0, text)


def _vouchers(text: Catalogue) -> Iterator[tuple[Any, ...]]:
    for words in WORDS:
        for offer in _offers(words):
            for full in SUMS:
                yield "vouchers.price", vouchers.price(text, offer, full), words
            yield "vouchers.worth", vouchers.worth(text, "1234567890", offer), words
            yield "vouchers.courtesy", vouchers.courtesy(text, offer)
    for note in _notes(text):
        yield "vouchers.number", vouchers.number(text, "1234567890", note)
        yield "vouchers.card_or_none", vouchers.card_or_none(text, text.get("title_voucher"), MONEY_MOST, note)
    for value in SUMS:
        for reason in ("reason_late", "reason_quality", "reason_wrong", "reason_staff"):
            yield "vouchers.ask_issue", vouchers.ask_issue(text, text.get("voucher_good"), value, text.get(reason))
        yield "vouchers.reward", vouchers.reward(text, NAMES[1], min(value, 10**9), value)
    for words in ("", SAID):
        yield "vouchers.won", vouchers.won(text, "1234567890", LAST_DAY, words)


def _undo(text: Catalogue) -> Iterator[tuple[Any, ...]]:
    for note in _notes(text):
        for ask in ("ref_6_or_12", "ref_12", "ref_or_last"):
            yield "undo.reference", undo.reference(text, "title_find", RRN, ask, note)
        yield "undo.part", undo.part(text, "1250000", MONEY_MOST, note)
    for title in ("title_void", "title_find", "title_dispute", "title_statement", "title_refund"):
        yield "undo.searching", undo.searching(text, title)
    for value, points, balance in itertools.product(SUMS, POINTS, (None, -(10**11), 10**11)):
        for title in ("title_void_ask", "title_refund_ask", "title_dispute_ask"):
            yield "undo.confirm", undo.confirm(text, title, value, points, RRN, balance)
        yield "undo.part", undo.part(text, "", value, "")
    yield "undo.noted", undo.noted(text, RRN)
    for marks, points in itertools.product((0, 1, 2, 4, 8, 15), POINTS):
        rows = [(verb, marks, DAY_UTC, points, RRN) for verb in (0, 1, 2, 4, 5, 6, 7, 8, 9)]
        for at in range(0, len(rows), 3):
            yield "undo.statement", undo.statement(text, rows[at : at + 3], "")
        yield "undo.statement", undo.statement(text, rows[:2], text.get("statement_here"))
    yield "undo.statement", undo.statement(text, [], text.get("statement_here"))
    marks_of = (
        ("mark_voided", "r_mark_voided", RRN),
        ("mark_refunded", "r_mark_refunded", "999,999,999,999"),
        ("mark_disputed", "r_mark_disputed", ""),
    )
    for verb, state, result in itertools.product(
        VERBS, STATES, (None, Result(7, APPROVED, "00", -125, 10**11, "A1B2C3"), Result(7, REFUSED, "21", 0, None, ""))
    ):
        t = Transaction(7, verb, ONLINE, UID, AUTH_LEGACY, 10**11, -125, DAY_UTC, CLOCK_OK)
        told = outcome_of(JournalEntry(t, state, result), None, 0, DAY_UTC)
        for count in range(4):
            told.marks = marks_of[:count]
            yield "undo.found", undo.found(text, told)


def _shift(text: Catalogue) -> Iterator[tuple[Any, ...]]:
    yield "shift.ask", shift.ask(text, 999_999)
    for waiting, done, total in ((0, 0, 0), (15_000, 0, 0), (0, 14_999, 15_000)):
        yield "shift.busy", shift.busy(text, waiting, done, total)
    totals = Totals()
    for clerk in (0, 255):
        for mode in (ONLINE, OFFLINE):
            t = Transaction(2**31 - 1, ACCRUAL, mode, UID, AUTH_LEGACY, 2**40 - 1, -(2**31), DAY_UTC, CLOCK_OK)
            t.clerk = clerk
            totals.add(JournalEntry(t, DEAD))
    yield "shift.agreed", shift.agreed(text, 999_999, totals)
    for kind in KINDS:
        for large in ((255, 999_999, 10**15, -(10**12)), (0, 0, 0, 0)):
            yield "shift.figures", shift.figures(text, (kind, *large))
    for big, code in itertools.product(("big_open", "big_disputed", "big_changed"), CODES):
        yield "shift.trouble", shift.trouble(text, big, 999_999, code, 15_000)
    yield "shift.visits", shift.visits(text, (9999, 99_999, 9999))


def _sending(text: Catalogue) -> Iterator[tuple[Any, ...]]:
    for count, online in itertools.product((0, 1, 15_000), (False, True)):
        yield "sending.left", sending.left(text, count, online)
        yield "sending.sent", sending.sent(text, count, online)
    for code in CODES:
        yield "sending.failed", sending.failed(text, 15_000, code)


def _staff(text: Catalogue) -> Iterator[tuple[Any, ...]]:
    asks = ("staff_ask_number", "staff_ask_clerk", "staff_ask_pin", "staff_pin_again", "staff_pin_rule_6")
    titles = ("title_login", "title_staff", "title_clerks", "title_remove", "title_new_pin")
    for title, ask in itertools.product(titles, asks):
        yield "staff.number", staff.number(text, text.get(title), text.get(ask), "255", True)
        yield "staff.pin", staff.pin(text, text.get(title), text.get(ask), 6)
    for title in titles:
        yield "staff.checking", staff.checking(text, text.get(title))
    for code in CODES:
        yield "staff.paused", staff.paused(text, code, 86_400)
    for role in (1, 2, 3):
        yield "staff.who", staff.who(text, 255, role)
    yield "staff.supervisor", staff.supervisor(text, "255")
    rows = [(clerk, role, cards, locked) for clerk, role, cards, locked in ((255, 3, 0, True), (200, 2, 3, False))]
    yield "staff.listed", staff.listed(text, rows, 0)
    yield "staff.listed", staff.listed(text, rows * 9, 0)
    yield "staff.remove", staff.remove(text, 255)


def _rejected(text: Catalogue) -> Iterator[tuple[Any, ...]]:
    for verb, points in itertools.product(VERBS, POINTS):
        t = Transaction(2**31 - 1, verb, ONLINE, UID, AUTH_LEGACY, 10**11, points, DAY_UTC, CLOCK_OK)
        for code in CODES:
            if code[0] == "H":
                yield "rejected.letter", rejected.letter(text, 99, 99, t, code[1:])
        yield "rejected.letter", rejected.letter(text, 9999, 9999, t, "00")
        for reason in ("reason_paid", "reason_test", "reason_agreed", "reason_else"):
            yield "rejected.give_up", rejected.give_up(text, t, text.get(reason))
        for settled in (True, False):
            yield "rejected.done", rejected.done(text, t, settled)
    for name in RIGHTS:
        yield "right.right", right.right(text, name, "12345678", "12345678")


def _survey(text: Catalogue) -> Iterator[tuple[Any, ...]]:
    for asked, answers, nameless in itertools.product(("x" * 16 + " " + "y" * 15, SAID), (2, 5), (False, True)):
        yield "survey.question", survey.question(text, asked, answers, nameless)
        yield "survey.chosen", survey.chosen(text, answers, nameless)
        yield "survey.thanks", survey.thanks(text, nameless)
    yield "survey.reason", survey.reason(text)


def _greetings(text: Catalogue, folds: Callable[[Lines], int]) -> Iterator[Case]:
    for name, best, lapsed, words in itertools.product(NAMES, (False, True), (False, True), WORDS):
        for rung, count in ((RUNG_ENROLLED, 0), (RUNG_FIRST, 1), (5, 3)):
            member = Member(UID, 1, name, 0, 0, 3, rung=rung, best=best)
            met = Greeting(True, Facts(), member)
            met.visit, met.lapsed, met.six_months = 99_999, lapsed, best
            met.benefits, met.note, met.suggest = b"\x01\x02\x03\x04\x05" if best else b"", SAID, SAID
            met.say, met.ack, met.ack_day = SAID, SAID, LAST_DAY
            met.offers = list(_offers(words))[:count]
            for lines in (greeting.whole(text, met, folds), greeting.passing(text, met)):
                kind = "whole" if lines[-1][0] == HINT else "passing"
                yield f"greeting.{kind}", lines, (name, words)
