"""The programme as a file people write, TOML or JSON: what the switch computes by and what terminals load as rules.

Both come from one `Programme`, so they cannot differ. Names are those of the terminal's settings where a terminal knows
the rule, else those of `Programme`; what a file does not name keeps its default. Money in rial, points whole.
"""

from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from pathlib import Path
from typing import Any

from tools.bench_switch.errors import LedgerError
from tools.bench_switch.programme import Programme
from tools.bench_switch.rules_check import CURRENCIES_MOST, REWARD_NAME_MAX, REWARDS_MOST, contradiction

# What terminals load (docs/lt87.md section 14): name -> (kind, lowest, highest, fewest, most) of docs/provisioning.md.
TERMINAL: dict[str, tuple[str, int, int, int, int]] = {
    "earn_unit": ("int", 1, 10**12, 0, 0),
    "earn_rate": ("int", 0, 1000, 0, 0),
    "redeem_threshold": ("int", 1, 10**9, 0, 0),
    "redeem_step": ("int", 1, 10**9, 0, 0),
    "point_value": ("int", 1, 100_000, 0, 0),
    "tier_percent": ("ints", 100, 1000, 4, 4),
    "happy_days": ("int", 0, 127, 0, 0),
    "happy_percent": ("int", 0, 1000, 0, 0),
    "basket_percent": ("ints", 0, 1000, 0, 9),
    "visit_every": ("int", 0, 1000, 0, 0),
    "visit_points": ("int", 0, 1_000_000, 0, 0),
    "tenure_points": ("int", 0, 100_000, 0, 0),
    "tenure_years": ("int", 0, 50, 0, 0),
    "cap_sale": ("int", 0, 10**9, 0, 0),
    "cap_day": ("int", 0, 10**9, 0, 0),
    "currencies": ("ints", 0, 1_000_000, 0, 12),
    "rewards": ("rewards", 0, REWARDS_MOST, 0, 0),
    "rewards_below": ("bool", 0, 1, 0, 0),
    "lapse_visits": ("int", 0, 1000, 0, 0),
    "lapse_days": ("int", 1, 3650, 0, 0),
    "six_months_days": ("int", 1, 3650, 0, 0),
    "survey_every": ("int", 0, 1000, 0, 0),
    "survey_question": ("text", 0, 32, 0, 0),
    "survey_id": ("int", 1, 255, 0, 0),
    "survey_answers": ("int", 2, 5, 0, 0),
    "survey_reason": ("bool", 0, 1, 0, 0),
    "welcome_points": ("int", 0, 1_000_000, 0, 0),
    "recovery_limits": ("ints", 0, 10**12 - 1, 3, 3),
}
EARNING = ("earn_rate", "earn_unit", "point_value", "redeem_step", "redeem_threshold")  # stand in every body
DAYS = ("saturday", "sunday", "monday", "tuesday", "wednesday", "thursday", "friday")
_NAMES: dict[str, str] = {"earn_unit": "rial_per_point", "version": "version"}  # where the file says it otherwise
_FILE_MAX = 65_536


def load(path: Path) -> Programme:
    """The programme of a file. Raises LedgerError saying what is wrong and where."""
    try:
        raw = path.read_bytes()[: _FILE_MAX + 1]
    except OSError as error:
        raise LedgerError("B90", f"{path}: {error.strerror or error}") from None
    if len(raw) > _FILE_MAX:
        raise LedgerError("B90", f"{path} is longer than {_FILE_MAX} bytes")
    try:
        text = raw.decode()
        given = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise LedgerError("B90", f"{path}: {error}") from None
    try:
        return programme_of(given)
    except LedgerError as error:
        raise LedgerError(error.code, f"{path}: {error.args[0]}") from None


def programme_of(given: Any) -> Programme:
    """A programme of names and values, which makes sense as a whole. Raises LedgerError."""
    programme = _read(given)
    wrong = contradiction(programme)
    if wrong:
        raise LedgerError("B93", wrong)
    return programme


def _read(given: Any) -> Programme:
    if not isinstance(given, dict):
        raise LedgerError("B90", "an object of names and values")
    fields = {field.name: field for field in dataclasses.fields(Programme)}
    values: dict[str, Any] = {}
    for name, value in given.items():
        field = fields.get(_NAMES.get(str(name), str(name)))
        if field is None or (name not in _NAMES and field.name in _NAMES.values()):
            raise LedgerError("B90", f"{name}: no such rule; there are {', '.join(names())}")
        values[field.name] = _fitting(str(name), field.default, value)
    for name, row in TERMINAL.items():
        if name not in ("currencies", "rewards") and field_of(name) in values:
            _in_range(name, row, values[field_of(name)])
    if not 1 <= values.get("version", 1) <= 0xFFFF:
        raise LedgerError("B90", "version: 1 to 65535, higher with every change")
    try:
        return Programme(**values)
    except ValueError as error:
        raise LedgerError("B90", str(error)) from None


def field_of(name: str) -> str:
    """The field of `Programme` behind a name of a file."""
    return _NAMES.get(name, name)


def names() -> list[str]:
    """What may stand in a file."""
    back = {field: name for name, field in _NAMES.items()}
    return [back.get(field.name, field.name) for field in dataclasses.fields(Programme)]


def of_source(text: str) -> Programme:
    """The programme of what was kept of a publication: what is in force stays so, older books asked less."""
    return _read(json.loads(text))


def source_of(programme: Programme) -> dict[str, object]:
    """Names and values that give this programme again, to be kept as JSON."""
    back = {field: name for name, field in _NAMES.items()}
    values = dataclasses.asdict(programme)
    return {back.get(field, field): _listed(value) for field, value in values.items()}


def terminal_values(programme: Programme) -> dict[str, object]:
    """What of it a terminal loads: the earning rules, and of the others those that are not as they come."""
    values = {name: _wired(name, getattr(programme, field_of(name))) for name in TERMINAL}
    plain = Programme()
    return {
        name: value
        for name, value in values.items()
        if name in EARNING or value != _wired(name, getattr(plain, field_of(name)))
    }


def from_text(name: str, text: str) -> object:
    """The value of a rule as it is typed in a line, NAME=VALUE. Numbers of a list are parted by blanks or commas, rows
    by semicolons. Raises LedgerError."""
    default = next((one.default for one in dataclasses.fields(Programme) if one.name == field_of(name)), None)
    if default is None:
        raise LedgerError("B90", f"{name}: no such rule; there are {', '.join(names())}")
    if isinstance(default, bool):
        return {"true": True, "false": False}.get(text, text)
    if isinstance(default, str):
        return text
    if isinstance(default, int):
        return _typed(text)
    rows = [[_typed(word) for word in re.split("[ ,]+", row.strip())] for row in text.split(";") if row.strip()]
    if name == "rewards":
        return [[*map(_typed, words[:3]), " ".join(words[3:])] for words in (row.split() for row in text.split(";"))]
    if name == "currencies":
        return rows
    return rows[0] if rows else []


def _typed(word: str) -> object:
    return int(word) if re.fullmatch("[0-9]{1,15}", word) else word


def _listed(value: object) -> object:
    return [_listed(one) for one in value] if isinstance(value, tuple) else value


def _wired(name: str, value: Any) -> object:
    """As a body has it: rates in one row."""
    return tuple(number for row in value for number in row) if name == "currencies" else value


def _in_range(name: str, row: tuple[str, int, int, int, int], value: Any) -> None:
    """Raises LedgerError."""
    kind, low, high, fewest, most = row
    if kind == "int" and not low <= value <= high:
        raise LedgerError("B90", f"{name}: {low} to {high}")
    if kind == "ints" and not (fewest <= len(value) <= most and all(low <= one <= high for one in value)):
        count = str(most) if fewest == most else f"{fewest} to {most}"
        raise LedgerError("B90", f"{name}: {count} whole numbers, {low} to {high}")
    if kind == "text" and (not low <= len(value) <= high or "\n" in value):
        raise LedgerError("B90", f"{name}: one line of {low} to {high} characters")


def _fitting(name: str, default: object, value: object) -> object:
    """The value in the form of the default. Raises LedgerError."""
    if name == "currencies":
        return _currencies(value)
    if name == "rewards":
        return _rewards(value)
    if name == "happy_days" and isinstance(value, list):
        return _days(value)
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
        raise LedgerError("B90", f"{name}: true or false")
    if isinstance(default, int):
        if _whole(value):
            return value
        raise LedgerError("B90", f"{name}: a whole number")
    if isinstance(default, str):
        if isinstance(value, str):
            return value
        raise LedgerError("B90", f"{name}: a text")
    assert isinstance(default, tuple)
    kind = type(default[0]) if default else int
    right = isinstance(value, list) and all(type(one) is kind for one in value)
    # Numbers stand for something by their place: as many as there are. Words are chosen from.
    if not right or not isinstance(value, list) or (kind is int and default and len(value) != len(default)):
        wanted = f"{len(default) or 'some'} whole numbers" if kind is int else "a list of words"
        raise LedgerError("B90", f"{name}: {wanted}")
    if kind is int and any(one < 0 for one in value):
        raise LedgerError("B90", f"{name}: no number below 0")
    if kind is str and not set(value) <= set(default):
        raise LedgerError("B90", f"{name}: of {', '.join(map(str, default))}")
    return tuple(value)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _days(value: list[Any]) -> int:
    """The mask of names of days."""
    if not all(one in DAYS for one in value):
        raise LedgerError("B90", f"happy_days: of {', '.join(DAYS)}")
    return sum(1 << DAYS.index(one) for one in set(value))


def _currencies(value: object) -> tuple[tuple[int, int, int], ...]:
    rows: list[Any] = value if isinstance(value, list) else [None]
    if len(rows) > CURRENCIES_MOST or not all(
        isinstance(row, list) and len(row) == 3 and all(_whole(one) and 0 <= one <= 1_000_000 for one in row)
        for row in rows
    ):
        raise LedgerError("B90", f"currencies: [code, numerator, denominator] of each, {CURRENCIES_MOST} at most")
    return tuple((row[0], row[1], row[2]) for row in rows)


def _rewards(value: object) -> tuple[tuple[int, int, int, str], ...]:
    rows: list[Any] = value if isinstance(value, list) else [None]
    for row in rows:
        right = isinstance(row, list) and len(row) == 4 and all(_whole(one) for one in row[:3])
        if not right or not isinstance(row[3], str):
            raise LedgerError("B90", "rewards: [number, points, worth, name] of each")
        number, points, worth, name = row
        if not 1 <= number <= REWARDS_MOST or not 1 <= points <= 10**9 or not 0 <= worth < 10**12:
            raise LedgerError("B90", f"rewards: numbers 1 to {REWARDS_MOST}, points and worth in range")
        if not 1 <= len(name) <= REWARD_NAME_MAX or name != name.strip() or re.search("[;\n]", name):
            raise LedgerError("B90", f"rewards: names of 1 to {REWARD_NAME_MAX} characters, no semicolon")
    numbers = [row[0] for row in rows]
    if numbers != sorted(set(numbers)):
        raise LedgerError("B93", "rewards: each number once, ascending")
    return tuple((row[0], row[1], row[2], row[3]) for row in rows)
