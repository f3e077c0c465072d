"""What a terminal's checks mean for a person: one verdict, and for each code what it is and what to do next.

The words are not kept here: in English they are those of docs/troubleshooting.md (the heading and its *What to do*), in
Persian those of the screen (firmware/text/fa.txt). A code nobody explains is told by its number
alone. Knows no terminal and no port.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.texts import source

PAGE = Path(__file__).resolve().parents[2] / "docs" / "troubleshooting.md"
OK, WARN, FAIL, NOT_RUN = "ok", "warn", "fail", "not run"
STATES = (FAIL, WARN, NOT_RUN, OK)  # the worst first
_SECTION = re.compile(r"^### ([A-Z]\d\d) ([^\n]+)\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
_POINT = re.compile(r"\* \*\*(Symptom|Cause|What to do)\*\*: (.*?)(?=\n\* \*\*|\Z)", re.DOTALL)
_CHECK_VALUE = "check value"
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")

_VERDICTS = {
    "en": {
        OK: "Everything is in order: all {run} checks are fine.",
        WARN: "It works. {warn} of {run} checks should be looked at, first {first}.",
        FAIL: "It needs help: {fail} of {run} checks failed. First: {first}.",
        NOT_RUN: "Nothing could be checked.",
        "left": " {left} could not be run.",
    },
    "fa": {
        OK: "همه چیز درست است: هر {run} بررسی خوب است.",
        WARN: "کار می‌کند. {warn} مورد از {run} بررسی را نگاه کنید، نخست {first}.",
        FAIL: "کمک لازم دارد: {fail} مورد از {run} بررسی خراب است. نخست: {first}.",
        NOT_RUN: "هیچ چیزی بررسی نشد.",
        "left": " {left} بررسی انجام نشد.",
    },
}


@dataclass(frozen=True)
class Check:
    """As the terminal told it. `measured` is already text."""

    code: str
    state: str
    measured: str = ""
    name: str = ""


@dataclass(frozen=True)
class Advice:
    """What a code is, and what to do next; English also says why."""

    title: str
    next_step: str
    cause: str = ""


def checks_of(told: Any) -> list[Check]:
    """The checks of `health.quick` or `health.deep`; what makes no sense is left out."""
    rows = told.get("checks") if isinstance(told, dict) else told
    found = []
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and re.fullmatch(r"[A-Z]\d\d", str(row.get("code"))):
            value = row.get("value")
            if row.get("unit") == _CHECK_VALUE:  # compared with label and file, which have capitals
                value = _text(value).upper()
            measured = _text([value, row.get("unit")]) if value is not None else ""
            found.append(Check(row["code"], _state(row.get("state")), measured.strip(), _text(row.get("text"))))
    return found


def name_of(check: Check, lang: str) -> str:
    """What was looked at."""
    return NAMES_FA.get(check.name, check.name) if lang == "fa" else check.name


def measured_of(check: Check, lang: str) -> str:
    """What was measured. A check value stays as label and file have it, and a word nobody translated as it came."""
    if lang != "fa":
        return check.measured
    if check.measured in _ALONE_FA:
        return _ALONE_FA[check.measured]
    text = _MEASURED.sub(lambda found: MEASURED_FA[found[0]], check.measured)
    as_it_is = any(word in check.measured for word in (_CHECK_VALUE, "version"))
    return text if as_it_is else _WHOLE.sub(lambda found: number(found[0], lang), text)


def number(value: int | str, lang: str) -> str:
    """In the digits of the language."""
    text = str(value)
    return text.translate(str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")) if lang == "fa" else text


def _state(value: Any) -> str:
    text = str(value).replace("_", " ").lower()
    return text if text in STATES else NOT_RUN


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return " ".join(_text(each) for each in value)
    return "" if value is None else str(value)


def ordered(checks: Iterable[Check]) -> list[Check]:
    """The worst first."""
    return sorted(checks, key=lambda check: (STATES.index(check.state), check.code))


def worst(checks: Iterable[Check]) -> str:
    """Of those that were run; NOT_RUN when none was."""
    states = {check.state for check in checks}
    return next((state for state in (FAIL, WARN, OK) if state in states), NOT_RUN)


def verdict(checks: list[Check], lang: str = "en") -> str:
    """One line in plain words."""
    words = _VERDICTS[lang]
    state = worst(checks)
    counts = {name: sum(check.state == name for check in checks) for name in STATES}
    first = ordered(checks)[0] if checks else None
    told = f"{first.code} {advice(first.code, lang).title}".strip() if first is not None else ""
    left = counts[NOT_RUN]
    figures = {name: number(counts[name], lang) for name in (WARN, FAIL)}
    said = words[state].format(run=number(len(checks) - left, lang), first=told, **figures)
    return said + (words["left"].format(left=number(left, lang)) if left and state != NOT_RUN else "")


def advice(code: str, lang: str = "en") -> Advice:
    """What is known of a code."""
    english = page().get(code, Advice("", ""))
    return persian().get(code, english) if lang == "fa" else english


@functools.cache
def page() -> dict[str, Advice]:
    """The troubleshooting page by code."""
    found = {}
    for code, title, body in _SECTION.findall(PAGE.read_text(encoding="utf-8")):
        points = {name: _plain(text) for name, text in _POINT.findall(body)}
        found[code] = Advice(title, points.get("What to do", ""), points.get("Cause", ""))
    return found


def _plain(text: str) -> str:
    """Without the page's marks."""
    return " ".join(_LINK.sub(r"\1", text).replace("`", "").replace("*", "").split())


@functools.cache
def persian() -> dict[str, Advice]:
    """The screen's words by code."""
    words = {code: text for code, text in source.read("fa").items() if source.is_code(code)}
    return {code: Advice(*text.split(source.BETWEEN, 1)) for code, text in words.items() if source.BETWEEN in text}


# What the terminal calls its checks (firmware/service/checks.py and deep_checks.py).
NAMES_FA = {
    "answers": "پاسخ‌های مرکز",
    "battery clock": "ساعت باتری‌دار",
    "bus": "سیم‌های کارت‌خوان",
    "build": "برنامه",
    "chip": "تراشهٔ کارت‌خوان",
    "clock": "ساعت",
    "clock drift": "خطای ساعت",
    "crashes": "خرابی‌های پی‌درپی",
    "display": "نمایشگر",
    "dns": "سرور نام",
    "echo": "رفت و برگشت",
    "foreign cards": "کارت‌های بیگانه",
    "free heap": "حافظهٔ آزاد",
    "functions": "کارکرد کارت‌خوان",
    "interrupt line": "سیم وقفه",
    "journal damage": "خرابی دفتر",
    "journal filled": "پر بودن دفتر",
    "journal worn": "کهنگی دفتر",
    "key held": "کلید فشرده",
    "key store": "جای کلیدها",
    "keys": "کلیدها",
    "largest block": "بزرگ‌ترین جای آزاد",
    "loop lag": "دیرکرد پردازنده",
    "members": "اعضا",
    "members worn": "کهنگی جای اعضا",
    "mode": "حالت",
    "oldest unsent": "کهنه‌ترین فرستاده‌نشده",
    "power-ons": "روشن شدن‌ها",
    "printer": "چاپگر",
    "reader": "کارت‌خوان",
    "reconnects": "وصل شدن‌های دوباره",
    "references": "شماره‌های صندوق",
    "register's line": "خط صندوق",
    "rejected": "ردشده‌ها",
    "session": "نشست با مرکز",
    "set up again": "راه‌اندازی دوبارهٔ کارت‌خوان",
    "sign-on": "ورود به مرکز",
    "signal": "سیگنال",
    "signing keys": "کلیدهای امضا",
    "slot": "جای برنامه",
    "start": "راه‌اندازی",
    "supply": "تغذیه",
    "taps": "کارت زدن‌ها",
    "tcp": "اتصال",
    "tls": "اتصال رمزدار",
    "watchdog": "نگهبان",
    "wi-fi": "وای‌فای",
}

# What it says of them beside figures.
MEASURED_FA = {
    "% read": "٪ خوانده‌شده",
    "% torn": "٪ پاره",
    "%": "٪",
    "KB": "کیلوبایت",
    "a day": "در روز",
    "all": "همه",
    "an hour": "در ساعت",
    "answers": "پاسخ",
    "built in": "درونی",
    "check value": "مقدار کنترل",
    "clashes": "تکرار",
    "closed": "بسته",
    "days left": "روز مانده",
    "days": "روز",
    "erases": "بار پاک‌شدن",
    "failed": "خراب",
    "follows": "کار می‌کند",
    "h": "ساعت",
    "in 10 min": "در ۱۰ دقیقه",
    "is below": "کمتر است از",
    "loses its registers": "تنظیم خود را از دست می‌دهد",
    "missing or altered": "گم یا دست‌خورده",
    "ms": "میلی‌ثانیه",
    "no": "نیست:",
    "normal": "عادی",
    "not signed on": "وارد مرکز نشده",
    "of": "از",
    "one copy": "یک نسخه",
    "quality": "کیفیت",
    "s": "ثانیه",
    "safe": "ایمن",
    "sectors to read": "قطعه مانده",
    "self-test": "خودآزمایی",
    "silent": "بی‌پاسخ",
    "stands the field": "میدان را تاب می‌آورد",
    "stopped once": "یک بار ایستاد",
    "taps": "بار کارت زدن",
    "there": "هست",
    "version": "نسخه",
    "worst": "بدترین",
    "wrong of 100": "نادرست از ۱۰۰",
}
_ALONE_FA = {"answers": "پاسخ می‌دهد"}
_MEASURED = re.compile(
    r"(?<![\w-])(" + "|".join(sorted(map(re.escape, MEASURED_FA), key=len, reverse=True)) + r")(?![\w-])"
)
_WHOLE = re.compile(r"(?<!\w)-?\d+(?!\w)")
