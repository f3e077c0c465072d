"""Which sounds a story heard, told apart by their tones (firmware/screen/signals.py). Hertz."""

from __future__ import annotations

from collections.abc import Sequence

# Without the pauses. Before the double click of a best customer is the click of the tap.
_SOUNDS = {
    "ok": [1800, 2400],
    "offline": [1800, 1800, 1800],
    "refused": [400],
    "level": [1800, 2400, 1800, 2400],
    "twice": [2400, 2400, 2400],
}


def heard(buzzer: Sequence[tuple[int, int]]) -> list[str]:
    """Their names, of what the buzzer did: (when, tone), 0 for silence."""
    tones = [hz for _, hz in buzzer if hz]
    return [
        name
        for name, wanted in _SOUNDS.items()
        if any(tones[at : at + len(wanted)] == wanted for at in range(len(tones) - len(wanted) + 1))
    ]
