"""settings.json as this tool writes it: in one order and one spelling, so that equal settings are equal bytes."""

from __future__ import annotations

import json


def written(settings: dict[str, object]) -> bytes:
    """UTF-8, because the terminal has little memory and Persian names are long in escapes."""
    return json.dumps(settings, sort_keys=True, ensure_ascii=False).encode()
