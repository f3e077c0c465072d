"""`bundle`: everything support needs of a running terminal in one zip, and nothing that belongs to somebody.

Findings first, as a page and as JSON. What is asked stands in one table beside what of each answer may pass
(tools/device/redaction.py); what a program does not tell is listed as such. A file its owner alone may read.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from tools.device import archive as archives
from tools.device import by_words, new_file, support_report
from tools.device.asking import Terminal, Unasked, asked
from tools.device.contact import Contact, contact_options
from tools.device.errors import CableLost, TerminalSilent
from tools.device.file_names import file_name
from tools.device.redaction import (
    CODE,
    FLAG,
    HEX,
    IDENTITY,
    LETTER,
    MEASURED,
    NUMBER,
    VERSION,
    WORDS,
    Redactor,
    Rule,
)

FOLDER = Path("build/support")
_SAVED = {
    "en": "saved in {}: {}. Open report.html first.",
    "fa": "در {} ذخیره شد: {}. نخست report.html را باز کنید.",
}
LOG_LINES = 200
_SILENT_MAX = 2  # questions without an answer before no more is asked
KEPT = 64  # lines the terminal keeps, and gives in one answer
_HELLO: Rule = {
    "tid": IDENTITY,
    "serial": IDENTITY,
    "board": IDENTITY,
    "fw": VERSION,
    "build": NUMBER,
    "mode": WORDS,
    "slot": LETTER,
    "boot": NUMBER,
    "unsent": NUMBER,
    "why": WORDS,
}
_CHECK: Rule = {"code": CODE, "text": WORDS, "state": WORDS, "value": MEASURED, "unit": WORDS}
_CHECKS: Rule = {"state": WORDS, "checks": [_CHECK]}
_STARTS: Rule = {"name": WORDS, "starts": [{"utc": NUMBER, "kind": WORDS, "before": WORDS}]}
_ENDS: Rule = {name: NUMBER for name in ("ok", "left early", "crc", "auth", "two cards", "unsupported")}
_MEM: Rule = {name: NUMBER for name in ("free", "used", "stack", "system_free", "largest", "least_free")}
_QUEUE: Rule = {name: NUMBER for name in ("waiting", "unanswered", "rejected", "oldest_s")}
_RING: Rule = {name: NUMBER for name in ("sectors", "free", "erased_ahead", "given_up", "erases", "waited")}
_RING["bad"] = [NUMBER]
_FLASH: Rule = {
    "journal": _RING,
    "members": _RING,
    "missing_or_altered": NUMBER,
    "mended": NUMBER,
    "small_values": {"erases": NUMBER},
    "keys": {"copies": NUMBER},
    "files": {"bytes": NUMBER, "free": NUMBER},
}
_LINK: Rule = {
    name: NUMBER for name in ("signal_dbm", "sign_ons", "answers", "answer_ms", "answer_p95_ms", "handshake_ms")
} | {"online": FLAG, "fault": CODE}
_READER: Rule = {name: NUMBER for name in ("gain_db", "set_up_again", "bus_faults", "register_faults", "stalls")} | {
    "healthy": FLAG,
    "interrupt_line": FLAG,
    "version": HEX,
    "name": WORDS,
}

# name in the file -> method, and what of its answer may pass
ASKED: dict[str, tuple[str, Rule]] = {
    "hello": ("hello", _HELLO),
    "starts": ("health.starts", _STARTS),
    "radio": ("health.week", {"signal_dbm": [NUMBER], "reconnects": [NUMBER]}),
    "taps": ("reader.antenna", {"taps": NUMBER, "ends": _ENDS}),
    "reader": ("reader.info", _READER),
    "link": ("link.info", _LINK),
    "queue": ("queue.count", _QUEUE),
    "mem": ("mem.info", _MEM),
    "flash": ("flash.info", _FLASH),
    "status": ("status", {"lines": [WORDS]}),
}


def collected(terminal: Terminal, redactor: Redactor) -> dict[str, Any]:
    """All that passes; of a terminal that falls silent what came before. Raises when it never answered."""
    facts: dict[str, Any] = {}
    unasked: list[str] = []
    silent = 0

    def told(method: str, params: dict[str, Any] | None = None) -> dict[str, Any] | None:
        nonlocal silent
        answer: dict[str, Any] | Unasked = Unasked("not asked any more")
        if silent < _SILENT_MAX:
            try:
                answer = terminal.perhaps(method, params)
                silent = 0
            except (TerminalSilent, CableLost) as error:
                # What came so far helps more than an error does.
                silent += 1
                answer = Unasked(str(error.args[0]))
        if isinstance(answer, Unasked):
            unasked.append(f"{method}: {redactor.line(answer.why)}")
            return None
        return answer

    hello = by_words.greeting(terminal)
    if by_words.limited(hello):
        return _by_words(terminal, hello, redactor)
    for name, (method, rule) in ASKED.items():
        answer = told(method)
        passed = redactor.facts(answer, rule) if answer is not None else None
        if passed:
            facts[name] = passed
    checks = told("health.deep") or told("health.quick")
    if checks is not None:
        facts["health"] = redactor.facts(checks, _CHECKS)
    log = told("log.tail", {"count": KEPT})
    if log is not None:
        facts["log"] = [redactor.log_line(str(line)) for line in log.get("lines", [])[-LOG_LINES:]]
    fault = told("health.fault")
    if fault is not None:
        facts["crash"] = [redactor.line(line) for line in str(fault.get("record", "")).splitlines()[-LOG_LINES:]]
    config = told("config.get")
    if config is not None:
        facts["settings"] = redactor.settings(config.get("settings") or {})
    facts["unasked"] = unasked
    return facts


def _by_words(terminal: Terminal, hello: dict[str, Any] | None, redactor: Redactor) -> dict[str, Any]:
    """Of a terminal that does not sell."""
    status = by_words.said(terminal, "status")
    log = by_words.said(terminal, f"log {KEPT}")
    return {
        "hello": redactor.facts(hello or {}, _HELLO),
        "health": by_words.checks(hello, status),
        "status": {"lines": [redactor.line(line) for line in status]},
        "log": [redactor.log_line(line) for line in log],
        "unasked": ["the terminal does not sell and answers words only"],
    }


def parts_of(facts: dict[str, Any], lang: str, made_utc: int, left_out: int) -> dict[str, bytes]:
    """The files of the zip, the findings first."""
    document = support_report.document(facts, lang, made_utc, left_out)
    parts = {
        "report.html": support_report.page(facts, lang, made_utc, left_out).encode(),
        "findings.json": _json(document),
    }
    for name in (*ASKED, "settings"):
        if facts.get(name):
            parts[f"{name}.json"] = _json(facts[name])
    for name in ("log", "crash"):
        if facts.get(name):
            parts[f"{name}.txt"] = "\n".join(facts[name]).encode() + b"\n"
    return parts


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode() + b"\n"


@click.command()
@click.option(
    "--to",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="The zip, a new file. [default: build/support/TERMINAL-TIME.zip]",
)
@contact_options
def bundle(contact: Contact, path: Path | None) -> None:
    """Make a support file, redacted.

    Findings in plain words, log, faults and settings of a running terminal, which goes on selling.
    """
    new_file.tried(path or new_file.unnamed(FOLDER))
    redactor = Redactor()
    with asked(contact) as terminal:
        facts = collected(terminal, redactor)
    now = int(time.time())
    name = facts.get("hello", {}).get("tid") or facts.get("hello", {}).get("serial") or "terminal"
    target = path or FOLDER / f"{file_name(name)}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now))}.zip"
    parts = parts_of(facts, contact.lang, now, redactor.left_out)
    archives.write_zip(target, parts)
    document = json.loads(parts["findings.json"])
    contact.output.event(
        "result", file=str(target), verdict=document["verdict"], state=document["state"], left_out=redactor.left_out
    )
    contact.output.say(document["verdict"])
    for finding in document["findings"]:
        contact.output.say(f"{finding['code']} {finding['title']}: {finding['next']}")
    contact.output.say(_SAVED[contact.lang].format(target, ", ".join(parts)))
