"""The report of a support file: findings first, in plain words, in English or Persian, as one page that needs no net.

Gets only what redaction let through; decides no check, keeps no advice (tools/device/findings.py). The same goes out
as JSON for programs. Times UTC in seconds.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tools.device import findings
from tools.device.findings import FAIL, NOT_RUN, OK, WARN, Check
from tools.device.partition import regions

FORMAT = 1
_TEMPLATES = Path(__file__).parent / "templates"
_COLOURS = {OK: "#3f8f5f", WARN: "#c98a1b", FAIL: "#b3261e"}
_SIGNAL_WARN, _SIGNAL_FAIL = -75, -82  # dBm
_WIDTH, _HEIGHT, _BASE = 680, 130, 105
_SIGNAL_FLOOR, _SIGNAL_TOP = -100, -30

_WORDS = {
    "en": {
        "title": "Terminal",
        "made": "Support file of",
        "findings": "What was found, and what to do next",
        "no_findings": "Nothing that needs doing.",
        "measured": "Measured",
        "next": "What to do next",
        "all_checks": "All checks",
        "code": "Code",
        "state": "State",
        "what": "What",
        "terminal": "The terminal",
        "starts": "Its last starts",
        "when": "When",
        "why": "Why",
        "before": "Before",
        "signal": "Wi-Fi signal by hour, dBm",
        "taps": "The last taps",
        "crash": "The last fault",
        "flash": "Flash",
        "region": "Region",
        "begins": "Begins",
        "size": "Size",
        "use": "For",
        "settings": "Settings, without secrets",
        "log": "Log",
        "unasked": "What it did not tell",
        "privacy": "This file holds no key, PIN, telephone number, name or whole card number.",
        "left_out": "{} pieces were left out or masked (***).",
        FAIL: "failed",
        WARN: "look at it",
        OK: "fine",
        NOT_RUN: "not run",
    },
    "fa": {
        "title": "پایانهٔ",
        "made": "پروندهٔ پشتیبانی",
        "findings": "چه دیده شد و چه باید کرد",
        "no_findings": "کاری لازم نیست.",
        "measured": "اندازه",
        "next": "گام بعدی",
        "all_checks": "همهٔ بررسی‌ها",
        "code": "کد",
        "state": "وضع",
        "what": "چه",
        "terminal": "پایانه",
        "starts": "آخرین روشن شدن‌ها",
        "when": "زمان",
        "why": "علت",
        "before": "پیش از آن",
        "signal": "سیگنال وای‌فای در هر ساعت، dBm",
        "taps": "آخرین کارت‌ها",
        "crash": "آخرین خرابی",
        "flash": "حافظه",
        "region": "بخش",
        "begins": "آغاز",
        "size": "اندازه",
        "use": "برای",
        "settings": "تنظیمات، بدون رمزها",
        "log": "رویدادها",
        "unasked": "آنچه نگفت",
        "privacy": "در این پرونده هیچ کلید، رمز، شمارهٔ تلفن، نام یا شمارهٔ کامل کارت نیست.",
        "left_out": "{} مورد حذف یا پوشانده شد (***).",
        FAIL: "خراب",
        WARN: "هشدار",
        OK: "خوب",
        NOT_RUN: "انجام نشد",
    },
}

_FACTS = {
    "en": {
        "tid": "Name",
        "serial": "Serial number",
        "board": "Board",
        "fw": "Version",
        "build": "Build",
        "mode": "Mode",
        "slot": "Slot",
        "boot": "Starts",
        "unsent": "Not settled with the switch",
        "waiting": "Waiting to be sent",
        "unanswered": "Without an answer",
        "rejected": "Refused for good",
        "oldest_s": "Oldest, seconds",
    },
    "fa": {
        "tid": "نام",
        "serial": "شمارهٔ سری",
        "board": "برد",
        "fw": "نسخه",
        "build": "ساخت",
        "mode": "حالت",
        "slot": "جای برنامه",
        "boot": "شمار روشن شدن",
        "unsent": "تسویه‌نشده با مرکز",
        "waiting": "منتظر فرستادن",
        "unanswered": "بی‌پاسخ",
        "rejected": "ردشدهٔ همیشگی",
        "oldest_s": "کهنه‌ترین، ثانیه",
    },
}


def found_rows(checks: list[Check], lang: str) -> list[dict[str, str]]:
    """All checks in words, the worst first."""
    rows = []
    for check in findings.ordered(checks):
        known = findings.advice(check.code, lang)
        needs = check.state in (WARN, FAIL)
        rows.append(
            {
                "code": check.code,
                "state": check.state,
                "state_word": _WORDS[lang][check.state],
                "state_class": check.state.replace(" ", "-"),
                "measured": findings.measured_of(check, lang),
                "title": known.title if needs and known.title else findings.name_of(check, lang),
                "checked": findings.name_of(check, lang),
                "cause": known.cause if needs else "",
                "next": known.next_step if needs else "",
            }
        )
    return rows


def document(facts: dict[str, Any], lang: str, made_utc: int, left_out: int) -> dict[str, Any]:
    """The JSON of a support file: the verdict and what needs doing first."""
    checks = findings.checks_of(facts.get("health"))
    rows = found_rows(checks, lang)
    return {
        "v": FORMAT,
        "kind": "vafa-support",
        "made_utc": made_utc,
        "terminal": facts.get("hello", {}).get("tid", ""),
        "verdict": findings.verdict(checks, lang),
        "state": findings.worst(checks),
        "findings": [row for row in rows if row["state"] in (WARN, FAIL)],
        "checks": rows,
        "left_out": left_out,
        "facts": {name: value for name, value in facts.items() if name != "health"},
    }


def page(facts: dict[str, Any], lang: str, made_utc: int, left_out: int) -> str:
    """The HTML, everything in one file."""
    words = _WORDS[lang]
    checks = findings.checks_of(facts.get("health"))
    rows = found_rows(checks, lang)
    hello = facts.get("hello", {})
    board = hello.get("board", "")
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("report.html.j2").render(
        lang=lang,
        w=words,
        head={"tid": hello.get("tid", ""), "serial": hello.get("serial", ""), "made": stamp(made_utc)},
        verdict=findings.verdict(checks, lang),
        state_class=findings.worst(checks).replace(" ", "-"),
        findings=[row for row in rows if row["state"] in (WARN, FAIL)],
        checks=rows,
        facts=[
            (_FACTS[lang].get(name, name), value)
            for name, value in {**hello, **facts.get("queue", {})}.items()
            if value not in ("", None)
        ],
        starts=[
            {"when": stamp(start.get("utc", 0)), "why": start.get("kind", ""), "before": start.get("before", "")}
            for start in reversed(facts.get("starts", {}).get("starts", []))
        ],
        charts=[
            chart
            for chart in (
                signal_chart(facts.get("radio", {}).get("signal_dbm", []), words["signal"]),
                taps_chart(facts.get("taps", {}).get("ends", {}), words["taps"]),
            )
            if chart
        ],
        crash=facts.get("crash", []),
        regions=[
            {"name": r.name, "start": f"{r.start:#x}", "size": f"{r.size // 1024} KB", "use": r.use}
            for r in (regions(board) if board in ("s3", "pico") else [])
        ],
        settings=sorted(facts.get("settings", {}).items()),
        log=facts.get("log", []),
        unasked=facts.get("unasked", []),
        left_out=findings.number(left_out, lang) if left_out else "",
    )


def stamp(utc: int) -> str:
    """A moment as people read it."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(utc)) if utc else "-"


def signal_chart(signals: list[Any], title: str) -> dict[str, Any]:
    """A bar for each hour, the oldest at the left; {} when nothing was measured."""
    hours = [value for value in signals if isinstance(value, (int, float))]
    if not any(hours):
        return {}
    step = _WIDTH / max(24, len(hours))
    first = _WIDTH - step * len(hours)  # the newest stands at the right
    bars = []
    for number, value in enumerate(hours):
        if not value:
            continue
        height = max(
            2.0,
            (max(_SIGNAL_FLOOR, min(_SIGNAL_TOP, value)) - _SIGNAL_FLOOR) / (_SIGNAL_TOP - _SIGNAL_FLOOR) * (_BASE - 5),
        )
        state = FAIL if value <= _SIGNAL_FAIL else WARN if value <= _SIGNAL_WARN else OK
        bars.append(
            _bar(
                first + number * step, height, step * 0.8, _COLOURS[state], f"-{len(hours) - 1 - number} h: {value} dBm"
            )
        )
    labels = [_label(first, f"-{len(hours)} h", "start" if len(hours) > 3 else "end"), _label(_WIDTH, "0 h", "end")]
    return {"title": title, "width": _WIDTH, "height": _HEIGHT, "bars": bars, "labels": labels}


def taps_chart(taps: dict[str, Any], title: str) -> dict[str, Any]:
    """A bar for each way a tap ended; {} when there was none."""
    counts = {name: count for name, count in taps.items() if isinstance(count, int) and not isinstance(count, bool)}
    most = max(counts.values(), default=0)
    if not most:
        return {}
    step = _WIDTH / len(counts)
    bars, labels = [], []
    for number, (name, count) in enumerate(counts.items()):
        colour = _COLOURS[OK] if name == "ok" else _COLOURS[WARN]
        bars.append(
            _bar(number * step + step * 0.15, (_BASE - 20) * count / most, step * 0.7, colour, f"{name}: {count}")
        )
        labels.append(_label(number * step + step / 2, f"{name.replace('_', ' ')} {count}", "middle"))
    return {"title": title, "width": _WIDTH, "height": _HEIGHT, "bars": bars, "labels": labels}


def _bar(x: float, height: float, width: float, colour: str, label: str) -> dict[str, Any]:
    return {
        "x": round(x, 1),
        "y": round(_BASE - height, 1),
        "width": round(width, 1),
        "height": round(height, 1),
        "colour": colour,
        "label": label,
    }


def _label(x: float, text: str, anchor: str) -> dict[str, Any]:
    return {"x": round(x, 1), "y": _BASE + 18, "text": text, "anchor": anchor}
