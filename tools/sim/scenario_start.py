"""The lines at the top of a scenario: which terminal, which members and cards, before anything happens.

Starts from the demo's people and changes only what a line says. Points are whole points, times simulated milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tools.sim import demo
from tools.sim.cards import KINDS, make_card
from tools.sim.cards.personal import personalise
from tools.sim.scenario_parser import ScenarioError, Step


@dataclass
class Start:
    """What the stage is built from."""

    board: str = "s3"
    provisioned: bool = True
    powered: bool = True
    members: dict[str, demo.DemoMember] = field(default_factory=lambda: dict(demo.MEMBERS))
    cards: dict[str, demo.DemoCard] = field(default_factory=lambda: dict(demo.CARDS))
    settings: dict[str, object] = field(default_factory=dict)
    rules: dict[str, str] = field(default_factory=dict)
    visits: list[tuple[str, int, int, int]] = field(default_factory=list)  # whose, how many, days ago, rial
    timeout_ms: int = 10_000
    seed: int = 1


def board(start: Start, step: Step) -> None:
    """Which hardware."""
    start.board = "pico" if "pico" in step.words else "s3"


def start_as(start: Start, step: Step) -> None:
    """Provisioned or not, on or off."""
    start.provisioned = "unprovisioned" not in step.words
    start.powered = "off" not in step.words


def member(start: Start, step: Step) -> None:
    """An opening balance."""
    name, points = step.one("MEMBER"), step.number("POINTS")
    known = start.members.get(name)
    if known is None:
        known = demo.DemoMember(name, 2000 + len(start.members), points, 0, 0)
    start.members[name] = replace(known, points=points)


def card(start: Start, step: Step) -> None:
    """One more card."""
    name, kind, owner = step.one("NAME"), step.one("KIND"), step.opt("MEMBER")
    if owner and owner not in start.members:
        raise ScenarioError(step.where, f"no member {owner!r}; write `member {owner} 0` above")
    key = bool(owner) and "without" not in step.words
    if kind not in KINDS:
        raise ScenarioError(step.where, f"no kind {kind!r}; kinds are: {', '.join(KINDS)}")
    try:
        uid = bytes.fromhex(step.one("UID"))
        made = make_card(kind, uid)
        if key:
            personalise(made, demo.ISSUER, start.members[owner].member_no)
    except ValueError as error:
        raise ScenarioError(step.where, f"no such card: {error}" + (" (write `without key`)" if key else "")) from error
    start.cards[name] = demo.DemoCard(name, kind, uid, owner, key, name)


def setting(start: Start, step: Step) -> None:
    """A value in settings.json."""
    value = step.one("VALUE")
    words: dict[str, object] = {"true": True, "false": False}
    start.settings[step.one("SETTING")] = int(value) if value.lstrip("-").isdigit() else words.get(value, value)


def rules(start: Start, step: Step) -> None:
    """The programme's rules, at the switch and in the terminal."""
    for word in step.all("WANTED"):
        name, _, value = word.partition("=")
        start.rules[name] = value


def timeout(start: Start, step: Step) -> None:
    """How long an expect waits."""
    start.timeout_ms = step.number("MS")


def seed(start: Start, step: Step) -> None:
    """The seed of everything random."""
    start.seed = step.number("N")
