"""The list of a batch: whose cards are to be made, in which order. Knows no card.

CSV with a head line: `member` (number), and if wanted `family` (the kind of card) and `name` (shown to the person at
the reader, nowhere kept). Anything else is refused with its line, before the first card.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from tools.device.card_kinds import FAMILIES
from tools.device.errors import ListUnfit

MEMBER_MAX = 0xFFFFFFFF  # four bytes in the payload
_COLUMNS = ("member", "family", "name")
_SIZE_MAX = 4_000_000
_DIGITS = 20  # longer is no number of a member, whatever it is


@dataclass(frozen=True)
class Row:
    """One wanted card."""

    member_no: int
    family: str
    name: str


def read_list(path: Path) -> list[Row]:
    """All rows. Raises ListUnfit."""
    try:
        if path.stat().st_size > _SIZE_MAX:
            raise ListUnfit(f"{path} is too long")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ListUnfit(f"{path}: {error.strerror or error}", "Check its name and who may read it.") from None
    except UnicodeDecodeError:
        raise ListUnfit(f"{path} is no text in UTF-8", "Save it as CSV in UTF-8.") from None
    reader = csv.DictReader(io.StringIO(text), strict=True, skipinitialspace=True)
    rows: list[Row] = []
    seen: set[int] = set()
    try:
        unknown = set(reader.fieldnames or ()) - set(_COLUMNS)
        if unknown or "member" not in (reader.fieldnames or ()):
            raise ListUnfit(f"line 1 of {path} may name {', '.join(_COLUMNS)}, and must name member")
        for cells in reader:
            row = _row(cells, f"line {reader.line_num} of {path}")
            if row.member_no in seen:
                raise ListUnfit(f"line {reader.line_num} of {path}: member {row.member_no} a second time")
            seen.add(row.member_no)
            rows.append(row)
    except csv.Error as error:
        raise ListUnfit(f"line {reader.line_num} of {path}: {error}") from None
    return rows


def _row(cells: dict[str | None, str | None], where: str) -> Row:
    if None in cells or None in cells.values():
        raise ListUnfit(f"{where} has not as many cells as the first line")
    number, family = (cells["member"] or "").strip(), (cells.get("family") or "").strip()
    # Persian and Arabic digits are digits, as at the terminal's console.
    if not (number.isdecimal() and len(number) <= _DIGITS and 1 <= int(number) <= MEMBER_MAX):
        raise ListUnfit(f"{where}: a member number is 1 to {MEMBER_MAX}")
    if family not in ("", *FAMILIES):
        raise ListUnfit(f"{where}: a family is one of {', '.join(FAMILIES)}")
    return Row(int(number), family, (cells.get("name") or "").strip())
