"""Names of files made from what a terminal says of itself: never a path, whatever it says."""

from __future__ import annotations

from urllib.parse import quote

_LONGEST = 60


def file_name(told: object, otherwise: str = "terminal") -> str:
    """Letters, digits and - _ . ~ as they are, each other byte as % and two digits; never hidden, never empty."""
    name = quote(str(told or ""), safe="", errors="replace")[:_LONGEST]
    return "%2E" + name[1:] if name.startswith(".") else name or otherwise
