"""The programme as a file people write, TOML or JSON: what the switch computes by and what terminals load as rules.

Both come from one `Programme`, so they cannot differ. Names are those of the terminal's settings where a terminal knows
the rule, else those of `Programme`; what a file does not name keeps its default. Money in rial, points whole.
"""

from __future__ import annotations

import dataclasses
import json
import tomllib
from pathlib import Path
from typing import Any

from tools.bench_switch.errors import LedgerError
from tools.bench_switch.programme import Programme

# What terminals load (docs/lt87.md section 14): name -> (field of Programme, lowest, highest).
EARNING: dict[str, tuple[str, int, int]] = {
    "earn_unit": ("rial_per_point", 1, 10**12),
    "earn_rate": ("earn_rate", 0, 1000),
    "redeem_threshold": ("redeem_threshold", 1, 10**9),
    "redeem_step": ("redeem_step", 1, 10**9),
    "point_value": ("point_value", 1, 100_000),
}
_NAMES: dict[str, str] = {**{name: row[0] for name, row in EARNING.items()}, "version": "version"}
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
        raise LedgerError("B90", f"{path}: {error.args[0]}") from None


def programme_of(given: Any) -> Programme:
    """A programme of names and values. Raises LedgerError."""
    if not isinstance(given, dict):
        raise LedgerError("B90", "an object of names and values")
    fields = {field.name: field for field in dataclasses.fields(Programme)}
    values: dict[str, Any] = {}
    for name, value in given.items():
        field = fields.get(_NAMES.get(str(name), str(name)))
        if field is None or (name not in _NAMES and field.name in _NAMES.values()):
            raise LedgerError("B90", f"{name}: no such rule; there are {', '.join(names())}")
        values[field.name] = _fitting(name, field.default, value)
    for name, (field_name, low, high) in EARNING.items():
        number = values.get(field_name, low)
        if not low <= number <= high:
            raise LedgerError("B90", f"{name}: {low} to {high}")
    if not 1 <= values.get("version", 1) <= 0xFFFF:
        raise LedgerError("B90", "version: 1 to 65535, higher with every change")
    try:
        return Programme(**values)
    except ValueError as error:
        raise LedgerError("B90", str(error)) from None


def names() -> list[str]:
    """What may stand in a file."""
    own = [field.name for field in dataclasses.fields(Programme) if field.name not in _NAMES.values()]
    return [*_NAMES, *own]


def of_source(text: str) -> Programme:
    """The programme of what was kept of a publication."""
    return programme_of(json.loads(text))


def source_of(programme: Programme) -> dict[str, object]:
    """Names and values that give this programme again, to be kept as JSON."""
    back = {field: name for name, field in _NAMES.items()}
    values = dataclasses.asdict(programme)
    return {back.get(field, field): list(v) if isinstance(v, tuple) else v for field, v in values.items()}


def terminal_values(programme: Programme) -> dict[str, object]:
    """What of it a terminal loads."""
    return {name: getattr(programme, row[0]) for name, row in EARNING.items()}


def _fitting(name: str, default: object, value: object) -> object:
    """The value in the form of the default. Raises LedgerError."""
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
        raise LedgerError("B90", f"{name}: true or false")
    if isinstance(default, int):
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise LedgerError("B90", f"{name}: a whole number")
    assert isinstance(default, tuple)
    kind = type(default[0])
    right = isinstance(value, list) and all(type(one) is kind for one in value)
    # Numbers stand for something by their place: as many as there are. Words are chosen from.
    if not right or not isinstance(value, list) or (kind is int and len(value) != len(default)):
        wanted = f"{len(default)} whole numbers" if kind is int else "a list of words"
        raise LedgerError("B90", f"{name}: {wanted}")
    if kind is int and any(one < 0 for one in value):
        raise LedgerError("B90", f"{name}: no number below 0")
    if kind is str and not set(value) <= set(default):
        raise LedgerError("B90", f"{name}: of {', '.join(map(str, default))}")
    return tuple(value)
