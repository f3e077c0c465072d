"""What a board's own figures mean: which switch of the modelled chips matches it, and what of the models is off.

A fact is a name and a value as tools/device/accept_on_terminal.py says them, or as measured from outside. The models'
side is read from the models themselves, not written here again. Microseconds, bytes, milliseconds.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from tools.sim.chips import nor
from tools.sim.chips.rc522 import Rc522

FIGURE, SWITCH, WORD = "figure", "switch", "word"
_SWITCHES = ("strips_crc", "nibble_is_crc_error", "collision_base")
_NOT_SEEN = ("", "unknown")
_TIMES_OFF = 1.5  # a figure so many times the model's, or more, is worth a look
_QUICK_US = 100  # a chip that listens again so soon after a soft reset needed no crystal start


@dataclass(frozen=True)
class Row:
    """One line of the report. `fits` None: nothing to compare, or not measured."""

    name: str
    kind: str
    seen: str
    assumed: str
    fits: bool | None
    meaning: str


def _default(name: str) -> Any:
    return inspect.signature(Rc522).parameters[name].default


def switches(facts: dict[str, str]) -> dict[str, Any]:
    """The arguments of the modelled reader that make it behave as this board did; only what was seen."""
    found: dict[str, Any] = {}
    for name in ("strips_crc", "nibble_is_crc_error"):
        if facts.get(name) in ("0", "1"):
            found[name] = facts[name] == "1"
    if facts.get("collision_base") in ("aligned", "frame", "untold"):
        found["collision_base"] = facts["collision_base"]
    reset_us, bus_us = _number(facts, "soft_reset_us"), _number(facts, "bus_us")
    if reset_us is not None and bus_us is not None:
        deaf_us = max(0, reset_us - bus_us)
        found["soft_reset_us"] = _default("soft_reset_us") if deaf_us <= _QUICK_US else deaf_us
    version = facts.get("version", "")
    if version:
        found["version"] = int(version, 16)
    return found


def _number(facts: dict[str, str], name: str) -> int | None:
    text = facts.get(name, "")
    return int(text) if text.lstrip("-").isdigit() and int(text) >= 0 else None


_MEANINGS = {
    "version": "the chip's own version; other makers' chips tell theirs here",
    "strips_crc": "whether a checked CRC stays out of the FIFO",
    "nibble_is_crc_error": "whether four bits of a refusal raise CRCErr",
    "collision_base": "what CollPos counts from",
    "soft_reset_us": "how long writes are lost after a soft reset",
}
# name, where the models say it, what it is; None: the models make no claim.
_FIGURES: tuple[tuple[str, int | None, str], ...] = (
    ("bus_us", None, "a register written and read back"),
    ("wake_us", None, "from sleep to listening"),
    ("select_us", None, "wake and select one card, the quickest of 20"),
    ("select_worst_us", None, "the slowest of 20"),
    ("program_us", nor.PROGRAM_US_A_PAGE, "a page of 256 bytes programmed, the slowest of 4"),
    ("erase_us", nor.ERASE_US, "a sector erased, the slowest of 4"),
    ("read_us", nor.READ_US_A_CALL + nor.BLOCK // nor.READ_BYTES_A_US, "a sector read"),
    ("heap_free", None, "heap at the prompt, drivers loaded"),
    ("heap_used", None, "of which used"),
    ("boot_ms", None, "from reset to the first answer of the program"),
    ("handshake_ms", None, "TLS handshake with the switch"),
)


def rows(facts: dict[str, str]) -> list[Row]:
    """The whole report, what was not measured too."""
    like = switches(facts)
    found = []
    for name in (*_SWITCHES, "soft_reset_us", "version"):
        seen = facts.get(name, "")
        value, assumed = like.get(name), _default(name)
        shown = str(assumed) if name != "version" else f"{assumed:02x}"
        fits = None if seen in _NOT_SEEN or value is None else value == assumed
        found.append(Row(name, SWITCH, seen or "-", shown, fits, _MEANINGS[name]))
    if "self_test" in facts:
        fits = {"passed": True, "failed": False}.get(facts["self_test"])
        found.append(Row("self_test", WORD, facts["self_test"], "passed", fits, "the chip's digital self-test"))
    for name, assumed, meaning in _FIGURES:
        value = _number(facts, name)
        fits = None if value is None or assumed is None else value <= assumed * _TIMES_OFF
        found.append(
            Row(
                name,
                FIGURE,
                "-" if value is None else str(value),
                "-" if assumed is None else str(assumed),
                fits,
                meaning,
            )
        )
    return found


def model_call(facts: dict[str, str]) -> str:
    """The modelled reader that matches, as it is written in a test."""
    like = switches(facts)
    return "Rc522(clock, field, " + ", ".join(f"{name}={value!r}" for name, value in like.items()) + ")"


def report(facts: dict[str, str], head: dict[str, str]) -> str:
    """The report as Markdown. `head`: what the board said of itself, and when."""
    lines = ["# Acceptance of a board", ""]
    lines += [f"- {name}: {value or '-'}" for name, value in head.items()]
    lines += ["", "| what | measured | the models assume | | |", "| --- | --- | --- | --- | --- |"]
    words = {True: "as assumed", False: "**other than assumed**", None: ""}
    for row in rows(facts):
        state = "not measured" if row.seen in ("-", "unknown") else words[row.fits]
        lines.append(f"| `{row.name}` | {row.seen} | {row.assumed} | {state} | {row.meaning} |")
    lines += ["", "The modelled reader that behaves as this board's:", "", f"    {model_call(facts)}", ""]
    return "\n".join(lines)
