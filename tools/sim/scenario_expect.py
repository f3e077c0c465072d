"""What a scenario expects: each looks again and again until it holds or the simulated time-out is over.

A failure says what was expected and what there was instead, with the screen. Functions take the stage and a step.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from tools.sim.scenario_parser import ScenarioError, Step

if TYPE_CHECKING:
    from tools.sim.scenario_stage import Stage

_POINTS = re.compile(r"Points:\s*(?:about\s*)?([+-]?\d[\d,]*)")
_CARD = re.compile(r"Card:\s*\*+([0-9A-Fa-f]+)")
_REFERENCE = re.compile(r"Ref:\s*(\w+)")
_TAKEN_BACK = re.compile(r"^VOIDED: nothing was booked$", re.MULTILINE)
_NOTHING_MOVED = re.compile(r"REFUSED|NOT BOOKED|REJECTED|VOIDED")
_SETTLE_MS = 300  # how long something must stay away to count as "no"


def until(stage: Stage, step: Step, holds: Callable[[], bool], expected: str, found: Callable[[], str]) -> None:
    """Look until it holds. Raises ScenarioError when the time is over."""
    limit_ms = step.number("MS", stage.start.timeout_ms)
    if not stage.run_until(holds, limit_ms):
        shown = " | ".join(line for line in stage.screen_lines() if line) or "(dark)"
        raise ScenarioError(
            step.where, f"expected {expected} within {limit_ms} ms; {found()}; the screen showed: {shown}"
        )


def never(stage: Stage, step: Step, holds: Callable[[], bool], expected: str) -> None:
    """Look for a moment whether it stays away. Raises ScenarioError when it does not."""
    if stage.run_until(holds, step.number("MS", _SETTLE_MS)):
        shown = " | ".join(line for line in stage.screen_lines() if line) or "(dark)"
        raise ScenarioError(step.where, f"expected {expected}; it was there; the screen showed: {shown}")


# What two writings of one text may differ in: digits and separators by language, letters of one sound, no joiner.
_ALIKE = str.maketrans("۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩٬٫٪يىك", "01234567890123456789,.%ییک", "\u200c\u200d\u0640")


def plain(text: str) -> str:
    """A text as it is compared: spaces alike, digits and separators of ASCII, without what only joins letters."""
    return " ".join(text.translate(_ALIKE).split())


def contains(lines: list[str], text: str) -> bool:
    """Whether a text stands in one line or runs over several."""
    wanted = plain(text)
    return wanted in plain(" ".join(lines)) or any(wanted in plain(line) for line in lines)


def screen(stage: Stage, step: Step) -> None:
    """A text on the screen, or not."""
    text = step.one("TEXT")
    if "no" in step.words:
        never(stage, step, lambda: contains(stage.screen_lines(), text), f'no screen "{text}"')
    else:
        # Not in the middle of a redraw: a text on top of what is left of the screen before is nothing a person sees.
        until(
            stage,
            step,
            lambda: stage.drawn() and contains(stage.screen_lines(), text),
            f'screen "{text}"',
            lambda: "it never came",
        )


def receipt(stage: Stage, step: Step) -> None:
    """A text on the last receipt, or not."""
    text = step.one("TEXT")

    def holds() -> bool:
        printed = stage.receipts()
        return bool(printed) and contains(printed[-1], text)

    if "no" in step.words:
        never(stage, step, holds, f'no "{text}" on the last receipt')
    else:
        until(
            stage,
            step,
            holds,
            f'"{text}" on the last receipt',
            lambda: f"it was: {' / '.join((stage.receipts() or [['(none)']])[-1])}",
        )


def serial(stage: Stage, step: Step) -> None:
    """A text on the serial port, or not."""
    text = step.one("TEXT")
    if "no" in step.words:
        never(stage, step, lambda: text in stage.serial(), f'no "{text}" on the serial port')
    else:
        until(
            stage,
            step,
            lambda: text in stage.serial(),
            f'"{text}" on the serial port',
            lambda: f"it said: {stage.serial()[-200:]!r}",
        )


def ledger(stage: Stage, step: Step) -> None:
    """A member's points at the switch; a card of nobody stands for the nameless member opened at its first sale."""
    name, points = step.one("MEMBER"), step.number("POINTS")
    nobodys = [card.name for card in stage.start.cards.values() if not card.member]
    if name not in stage.start.members and name not in nobodys:
        raise ScenarioError(
            step.where,
            f"no member {name!r}; members are: {', '.join(stage.start.members)}; cards of nobody: {', '.join(nobodys)}",
        )
    until(
        stage, step, lambda: stage.ledger().get(name) == points, f"{name} to have {points} points in the ledger",
        lambda: f"there were {stage.ledger().get(name)}",
    )  # fmt: skip


def receipt_points(receipts: list[list[str]], cards: dict[str, str]) -> dict[str, int]:
    """Points on receipts by member; `cards` gives the member of a card by the last digits of its UID in hex.

    A reprint has the reference of its original and takes its place; what a receipt calls refused or not booked moved
    nothing.
    """
    by_reference: dict[str, tuple[str, int]] = {}
    for number, lines in enumerate(receipts):
        text = "\n".join(lines)
        points, card, reference = _POINTS.search(text), _CARD.search(text), _REFERENCE.search(text)
        if _TAKEN_BACK.search(text) and reference:
            by_reference.pop(reference.group(1), None)  # voided before it was sent: its first receipt promises nothing
        if not points or not card:
            continue
        tail = card.group(1).upper()
        owner = next((name for uid, name in cards.items() if uid.endswith(tail)), f"****{tail}")
        moved = 0 if _NOTHING_MOVED.search(text) else int(points.group(1).replace(",", ""))
        by_reference[reference.group(1) if reference else f"#{number}"] = (owner, moved)
    sums: dict[str, int] = {}
    for owner, moved in by_reference.values():
        sums[owner] = sums.get(owner, 0) + moved
    return {owner: moved for owner, moved in sums.items() if moved}


def ledger_matches_receipts(stage: Stage, step: Step) -> None:
    """Points moved at the switch are those on paper."""
    cards = {card.uid.hex().upper(): card.member or name for name, card in stage.start.cards.items()}
    opening = {name: member.points for name, member in stage.start.members.items()}

    def moved() -> dict[str, int]:
        return {n: now - opening.get(n, 0) for n, now in stage.ledger().items() if now != opening.get(n, 0)}

    def printed() -> dict[str, int]:
        return receipt_points(stage.receipts(), cards)

    until(
        stage, step, lambda: moved() == printed(), "the ledger to match the receipts",
        lambda: f"the ledger moved by {moved()}, receipts say {printed()}",
    )  # fmt: skip


def ledger_check(stage: Stage, step: Step) -> None:
    """The switch's books add up."""
    problems = stage.ledger_problems()
    if problems:
        raise ScenarioError(step.where, f"the switch's books do not add up: {'; '.join(problems)}")


def _count(stage: Stage, step: Step, name: str, words: str) -> None:
    wanted = step.number("N")
    until(
        stage, step, lambda: stage.journal()[name] == wanted, f"{wanted} {words} in the journal",
        lambda: f"there were {stage.journal()[name]}",
    )  # fmt: skip


def pending(stage: Stage, step: Step) -> None:
    """How many transactions wait for the switch."""
    _count(stage, step, "pending", "pending")


def dead(stage: Stage, step: Step) -> None:
    """How many the switch refused for good."""
    _count(stage, step, "dead", "dead letters")


def sound(stage: Stage, step: Step) -> None:
    """A sound since the last hand."""
    kind = next(word for word in ("ok", "offline", "refused", "level", "twice") if word in step.words)
    until(
        stage,
        step,
        lambda: (kind in stage.sounds()) != ("no" in step.words),
        f"{'no' if 'no' in step.words else 'the'} sound {kind}",
        lambda: f"heard since the last step: {stage.sounds() or 'nothing'}",
    )


def led(stage: Stage, step: Step) -> None:
    """A light."""
    colour = "green" if "green" in step.words else "red"
    wanted = "on" in step.words
    until(
        stage,
        step,
        lambda: stage.leds()[colour] is wanted,
        f"the {colour} LED {'on' if wanted else 'off'}",
        lambda: f"it was {stage.leds()}",
    )


def reset_cause(stage: Stage, step: Step) -> None:
    """Why the terminal started last."""
    cause = next(word for word in ("watchdog", "power-on", "hard", "soft") if word in step.words)
    until(
        stage,
        step,
        lambda: stage.reset_cause() == cause,
        f"a {cause} reset",
        lambda: f"the last was {stage.reset_cause()}",
    )


def power_state(stage: Stage, step: Step) -> None:
    """Whether the terminal has power."""
    wanted = "on" in step.words
    until(stage, step, lambda: stage.powered() is wanted, f"power {'on' if wanted else 'off'}", lambda: "it was not")
