"""A terminal that does not sell: one that refuses its journal, or is in safe mode, answers words and little else.

What it says is made into the same checks and lines that a selling one gives, so that health and the support file tell
the person what to do in these cases, too.
"""

from __future__ import annotations

import re
from typing import Any

from tools.device.asking import Terminal, Unasked
from tools.device.errors import CableLost, TerminalSilent

_WAIT_S = 1.0
_NOT_SELLING = re.compile(r"not selling: ([A-Z]\d\d)\b")
SAFE = "safe"


def greeting(terminal: Terminal) -> dict[str, Any] | None:
    """Its hello, None from one that does not speak to programs."""
    try:
        told = terminal.perhaps("hello")
    except TerminalSilent:
        return None
    return None if isinstance(told, Unasked) else told


def limited(hello: dict[str, Any] | None) -> bool:
    """Whether it answers words only."""
    return hello is None or hello.get("mode") == SAFE


def said(terminal: Terminal, word: str) -> list[str]:
    """The lines that a word gets. Raises CableLost."""
    try:
        return terminal.line.type(word, _WAIT_S)
    except OSError as error:
        raise CableLost(str(error.strerror or error)) from None


def checks(hello: dict[str, Any] | None, status: list[str]) -> dict[str, Any]:
    """What is known of it as `health` would say it."""
    found = [_failed("F02", "mode")] if hello is not None and hello.get("mode") == SAFE else []
    for line in status:
        match = _NOT_SELLING.search(line)
        if match:
            found.append(_failed(match[1], "start"))
    return {"checks": found}


def _failed(code: str, text: str) -> dict[str, Any]:
    return {"code": code, "text": text, "state": "fail", "value": None, "unit": ""}
