"""What may leave a shop in a support file: an allow-list, at this one place. Everything else is left out or masked.

Two gates. `facts` passes a structure's members by name and kind, and drops what has no rule. `line` passes a text word
by word: words the firmware's own source can say (read from it, so nobody keeps a second list), codes, places in that
source, the last digits of a card, and numbers that are short or stand beside a word that says what they count. So a
key, a PIN, a mobile number, a person's name or a whole UID has no way through, wherever it strayed from. What is masked
shows as `***`, whatever its length.
"""

from __future__ import annotations

import ast
import builtins
import errno
import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from firmware.settings import declared_settings

ROOT = Path(__file__).resolve().parents[2]
MASK = "***"
_SOURCES = ("firmware", "drivers")
_LINE_MAX = 240
_SHORT = 3  # digits; a PIN has four or six
_LONG = 10
_ROW_MAX = 2  # numbers side by side; more of them may be pieces of a longer one
_LISTED_MAX = 400

_TOKEN = re.compile(r"(?:firmware|drivers|main|boot)[\w/]*\.py|\.\.[0-9A-F]{4}(?![0-9A-Za-z])|[^\s=:,;()\[\]{}\"'<>|]+")
_PLACE = re.compile(r"(?:firmware|drivers|main|boot)[\w/]*\.py")
_CARD_END = re.compile(r"\.\.[0-9A-F]{4}")
_CODE = re.compile(r"[A-Z]{1,2}[0-9]{2}")
_WORD = re.compile(r"[A-Za-z][A-Za-z\-]*\.?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z_.]*[0-9]{0,2}")
_NUMBER = re.compile(r"[+\-]?([0-9]+)(?:\.[0-9]{1,2})?(ms|s|h|KB|dBm|%)?\.?")
_VERSION = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){1,2}|[0-9a-f]{2}")
_LOGGED = re.compile(r"([0-9]{1,10}) ([A-Z]{1,2}[0-9]{2} .*)", re.DOTALL)
_HOST = re.compile(r"[A-Za-z0-9.\-:, ]{1,200}")
_LETTER = re.compile(r"[a-z]")
_HEX = re.compile(r"[0-9A-Fa-f]{2}")
_IDENTITY = re.compile(r"[A-Za-z0-9\-]{1,16}")
# Words that say what the number behind them is, and such that stand behind it.
_COUNTED = frozenset(
    (
        "seq",
        "stan",
        "kid",
        "errno",
        "line",
        "sector",
        "sectors",
        "generation",
        "batch",
        "start",
        "starts",
        "boot",
        "build",
        "version",
        "took",
        "uptime",
        "age",
        "free",
        "used",
        "waiting",
        "queue",
        "peak",
        "stack",
        "heap",
        "largest",
        "erases",
        "records",
        "age_s",
        "since",
        "code",
        "slot",
        "reads",
        "lines",
    )
)
_UNITS = frozenset(
    (
        "ms",
        "s",
        "us",
        "h",
        "days",
        "bytes",
        "kb",
        "dbm",
        "records",
        "lines",
        "sectors",
        "erases",
        "times",
        "starts",
        "transactions",
    )
)
_VERSIONED = frozenset(("vafa", "version", "micropython", "python"))
# Settings whose text names no person and opens nothing; of the others only the length is told.
_TOLD_SETTINGS = frozenset(("terminal_id", "merchant_id", "switch_host", "switch_name", "new_from"))

NUMBER, FLAG, CODE, WORDS, VERSION = "number", "flag", "code", "words", "version"
LETTER, HEX, IDENTITY = "letter", "hex", "identity"
MEASURED = "measured"  # a number, or words
Rule = Any  # one of these names, a dict of name -> Rule, or a list with the one Rule of its elements


class Redactor:
    """`left_out` counts what did not pass, for the report to say."""

    def __init__(self) -> None:
        self.left_out = 0

    # --- structures ---------------------------------------------------------------------------------------------------

    def facts(self, value: Any, rule: Rule) -> Any:
        """Of `value` what `rule` allows, None for nothing."""
        if isinstance(rule, dict):
            return self._members(value, rule)
        if isinstance(rule, list):
            if not isinstance(value, (list, tuple)):
                return self._dropped()
            passed = [self.facts(each, rule[0]) for each in value[:_LISTED_MAX]]
            return [each for each in passed if each is not None]
        return self._single(value, rule)

    def settings(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """Those the firmware declares; of a free text its length alone, of a secret nothing."""
        told: dict[str, Any] = {}
        declared = {setting.name: setting for setting in declared_settings()}
        for name, value in found.items():
            setting = declared.get(name) if isinstance(name, str) else None
            if setting is None or setting.secret:
                self._dropped()
                continue
            if setting.kind in ("int", "bool"):
                if isinstance(value, int) and setting.low <= value <= max(setting.high, 1):
                    told[name] = value
            elif setting.kind == "ints":
                if isinstance(value, (list, tuple)) and all(type(each) is int for each in value):
                    told[name] = list(value)
            elif setting.choices:
                told[name] = value if value in setting.choices else MASK
            elif name in _TOLD_SETTINGS and isinstance(value, str) and _HOST.fullmatch(value):
                told[name] = value
            else:
                told[name] = f"{len(str(value))} characters"
        return told

    def _members(self, value: Any, rules: dict[str, Rule]) -> dict[str, Any] | None:
        if not isinstance(value, Mapping):
            return self._dropped()
        told = {}
        for name, rule in rules.items():
            passed = self.facts(value[name], rule) if value.get(name) is not None else None
            if passed is not None:
                told[name] = passed
        self.left_out += len(set(value) - set(rules))
        return told

    def _single(self, value: Any, rule: str) -> Any:
        if rule in (NUMBER, MEASURED) and isinstance(value, (int, float)) and not isinstance(value, bool):
            return value if len(str(abs(int(value)))) <= _LONG else self._dropped()
        if rule == FLAG and isinstance(value, bool):
            return value
        if isinstance(value, str):
            if rule in (WORDS, MEASURED):
                return self.line(value)
            shapes = {CODE: _CODE, VERSION: _VERSION, LETTER: _LETTER, HEX: _HEX, IDENTITY: _IDENTITY}
            if rule in shapes and shapes[rule].fullmatch(value):
                return value
        return self._dropped()

    def _dropped(self) -> None:
        self.left_out += 1

    # --- text ---------------------------------------------------------------------------------------------------------

    def line(self, text: str) -> str:
        """One line of a log or a fault record, word by word."""
        text = "".join(char if char.isprintable() else " " for char in text[:_LINE_MAX])
        tokens = list(_TOKEN.finditer(text))
        passes = [self._passes(tokens, at) for at in range(len(tokens))]
        self._hide_rows(tokens, passes)
        self.left_out += passes.count(False)
        said, end = "", 0
        for token, passed in zip(tokens, passes, strict=True):
            said += text[end : token.start()] + (token.group() if passed else MASK)
            end = token.end()
        return said + text[end:]

    def log_line(self, text: str) -> str:
        """A line of the log: seconds since the start, code, text."""
        match = _LOGGED.fullmatch(text)
        return f"{match[1]} {self.line(match[2])}" if match else self.line(text)

    def _passes(self, tokens: list[re.Match[str]], at: int) -> bool:
        token = tokens[at].group()
        words, names = vocabulary()
        if _PLACE.fullmatch(token) or _CARD_END.fullmatch(token) or _CODE.fullmatch(token):
            return True
        if not any(char.isalnum() for char in token):
            return True
        if _WORD.fullmatch(token) and token.rstrip(".").lower() in words:
            return True
        if token in names or (_NAME.fullmatch(token) and set(token.strip(".").split(".")) <= names):
            return True
        before = tokens[at - 1].group().lower().rstrip(".") if at else ""
        behind = tokens[at + 1].group().lower().rstrip(".") if at + 1 < len(tokens) else ""
        number = _NUMBER.fullmatch(token)
        if number is not None and token.isascii():
            counted = before in _COUNTED or behind in _UNITS or number[2] is not None
            return len(number[1]) <= (_LONG if counted else _SHORT)
        return before in _VERSIONED and _VERSION.fullmatch(token) is not None

    def _hide_rows(self, tokens: list[re.Match[str]], passes: list[bool]) -> None:
        """Numbers one behind another may be pieces of a telephone number or of a card's."""
        row: list[int] = []
        for at in range(len(tokens) + 1):
            if at < len(tokens) and re.fullmatch(r"[+\-]?[0-9A-Fa-f]{1,3}", tokens[at].group()):
                row.append(at)
                continue
            if len(row) > _ROW_MAX:
                for place in row:
                    passes[place] = False
            row = []


@functools.cache
def vocabulary() -> tuple[frozenset[str], frozenset[str]]:
    """Words in the texts of the firmware's source, in small letters; and names of its functions, classes, modules."""
    words: set[str] = set()
    names: set[str] = {"module"}
    for folder in _SOURCES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            names.update(path.relative_to(ROOT).with_suffix("").parts)
            prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings are not said
            for node in ast.walk(tree):
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                    names.add(node.name)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
                    words.update(word.lower() for word in re.findall(r"[A-Za-z][A-Za-z\-]*", node.value))
                    names.update(token for token in _TOKEN.findall(node.value) if any(map(str.isalpha, token)))
    names |= {name for name in dir(builtins) if name.endswith(("Error", "Exception", "Exit", "Interrupt"))}
    names |= set(errno.errorcode.values()) | {"s3", "pico", "esp32", "rp2", "File", "Traceback"}
    words |= set(("traceback", "most", "recent", "call", "last", "file", "line", "in", "module", "errno"))
    return frozenset(words), frozenset(names)
