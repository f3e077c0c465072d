"""What a scenario does: the verbs of the cashier's, the customer's and the technician's hands, and of bad luck.

Each function takes the stage and a step; none looks at a result (`scenario_expect` does). Times are simulated
milliseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.bench_switch.amnesia import forget
from tools.sim import demo
from tools.sim.chips.nor import BLOCK
from tools.sim.chips.printer import HAPPENINGS
from tools.sim.layout import LAYOUTS
from tools.sim.scenario_office import WORDS, order
from tools.sim.scenario_parser import ScenarioError, Step

if TYPE_CHECKING:
    from tools.sim.scenario_stage import Stage

KEY_NAMES = (
    "SALE", "REDEEM", "BALANCE", "MENU",
    "1", "2", "3", "UP",
    "4", "5", "6", "DOWN",
    "7", "8", "9", "CANCEL",
    "CLEAR", "0", "000", "OK",
)  # fmt: skip
SETTLE_MS = 30  # what the poll loop of a person's finger and the keypad's debounce need between two keys


def tap(stage: Stage, step: Step) -> None:
    """Lay cards on the reader."""
    for name in step.all("NAME"):
        stage.lay(_card(stage, step, name))
    stage.run(SETTLE_MS)


def remove(stage: Stage, step: Step) -> None:
    """Take one card away, or all."""
    stage.remove(_card(stage, step, step.opt("NAME")) if step.opt("NAME") else None)
    stage.run(SETTLE_MS)


def pull(stage: Stage, step: Step) -> None:
    """Lay a card on that leaves at a frame."""
    moment = next((word for word in ("torn", "after", "answering") if word in step.words), "before")
    stage.pull_at_frame(_card(stage, step, step.one("NAME")), step.number("N"), moment)


def slow(stage: Stage, step: Step) -> None:
    """A card that takes its time."""
    stage.slow(_card(stage, step, step.one("NAME")), step.number("MS"))


def noise(stage: Stage, step: Step) -> None:
    """Disturb the field."""
    percent = step.number("N")
    if percent > 100:
        raise ScenarioError(step.where, "0 to 100 of a hundred exchanges")
    stage.noise(percent)


def _card(stage: Stage, step: Step, name: str) -> str:
    if name not in stage.start.cards:
        raise ScenarioError(step.where, f"no card {name!r}; cards are: {', '.join(stage.start.cards)}")
    return name


def expand_keys(step: Step) -> list[str]:
    """`125000 OK` as single keys; the word 000 is the key of that name."""
    keys: list[str] = []
    for word in [*step.all("KEYS"), *step.all("KEY")]:
        name = word.upper()
        if name in KEY_NAMES:
            keys.append(name)
        elif word.isdigit():
            keys += word
        else:
            raise ScenarioError(
                step.where, f"no key {word!r}; keys are digits and {', '.join(k for k in KEY_NAMES if len(k) > 1)}"
            )
    return keys


def keys(stage: Stage, step: Step) -> None:
    """Type."""
    for name in expand_keys(step):
        stage.press(name)


def hold(stage: Stage, step: Step) -> None:
    """Keep a key down."""
    for name in expand_keys(step):
        stage.hold(name, step.number("MS"))


def wait(stage: Stage, step: Step) -> None:
    """Let time pass."""
    stage.run(step.number("MS"))


def net(stage: Stage, step: Step) -> None:
    """Cable and latency."""
    if "latency" in step.words:
        stage.net_latency(step.number("MS"))
    else:
        stage.net("up" in step.words)


FAULTS = (
    "silent",
    "deaf",
    "garbage",
    "close",
    "replay",
    "wrong-mac",
    "duplicate",
    "refuse",
    "late",
)


def switch(stage: Stage, step: Step) -> None:
    """Ask the switch for a fault, or for none."""
    if "normal" in step.words:
        stage.switch_normal()
        return
    if "wrong-certificate" in step.words:
        stage.switch_replaced()
        return
    if "forgets" in step.words:
        verb = next(iter(step.words & {"accrual", "redemption"}))
        forget(stage.switch.ledger, demo.TERMINAL_ID, verb=verb)
        return
    kind = next(fault for fault in FAULTS if fault in step.words)
    stage.switch_fault(
        kind,
        times=step.number("N", 1),
        mti=step.opt("MTI"),
        rc=step.opt("RC"),
        ms=step.number("MS"),
    )


def cut(stage: Stage, step: Step) -> None:
    """Cut the power now or at a flash operation."""
    if "N" in step.args:
        stage.cut_at(step.number("N"), step.opt("KIND") or None)
    else:
        stage.cut_now()


def power(stage: Stage, step: Step) -> None:
    """The plug."""
    if "on" in step.words:
        stage.power_on()
    else:
        stage.cut_now()


def reset(stage: Stage, step: Step) -> None:
    """The reset button."""
    stage.reset()


def printer(stage: Stage, step: Step) -> None:
    """Paper, plug, cover and pace of the printer."""
    stage.printer(next(word for word in HAPPENINGS if word in step.words))


def part(stage: Stage, step: Step) -> None:
    """The cable of a part."""
    stage.part("reader" if "reader" in step.words else "display", "plug" in step.words)


def flash(stage: Stage, step: Step) -> None:
    """What the journal's part of the flash takes."""
    begin, size = LAYOUTS[stage.start.board].partitions["txlog"]
    blocks = range(begin // BLOCK, (begin + size) // BLOCK)
    stage.terminal.nor.bad_blocks = dict.fromkeys(blocks, "silent") if "dead" in step.words else {}


def console(stage: Stage, step: Step) -> None:
    """A line on the serial console."""
    text = step.one("TEXT")
    stage.console(text.replace("{dead}", str(_dead(stage, step))) if "{dead}" in text else text)


def _dead(stage: Stage, step: Step) -> int:
    seq = stage.dead_letter()
    if not seq:
        raise ScenarioError(step.where, "no transaction is rejected")
    return seq


def keypad_right(stage: Stage, step: Step) -> None:
    """A right at the keys, with the switch's word."""
    digits = stage.answer_on_screen(step.one("NAME"))
    if not digits:
        raise ScenarioError(step.where, f"no number on the screen: {stage.screen_lines()}")
    for key in [*digits, "OK"]:
        stage.press(key)


def office(stage: Stage, step: Step) -> None:
    """The switch's office resolves what it refused."""
    stage.office_resolves(_dead(stage, step), clear="clear" in step.words)


def terminal_order(stage: Stage, step: Step) -> None:
    """The switch's office gives the terminal keys, or orders."""
    order(stage.switch.ledger, next(word for word in WORDS if word in step.words))


def console_right(stage: Stage, step: Step) -> None:
    """A right of the console, with the switch's word."""
    if not stage.console_right(step.one("NAME")):
        raise ScenarioError(step.where, f"the console did not give the right; it said: {stage.serial()[-200:]!r}")


def provision(stage: Stage, step: Step) -> None:
    """The three files of provisioning, while the power is off."""
    if stage.powered():
        raise ScenarioError(step.where, "the terminal is on; write `power off` above")
    stage.provision()


def screenshot(stage: Stage, step: Step) -> None:
    """Keep the screen as a picture."""
    stage.screenshot(step.one("FILE"))


def note(_stage: Stage, _step: Step) -> None:
    """A line for the one who watches: only the demo shows it."""


def publish(stage: Stage, step: Step) -> None:
    """Something new at the switch."""
    wanted = dict(word.split("=", 1) for word in step.all("WANTED"))
    what = next(word for word in ("config", "rules", "hotlist") if word in step.words)
    try:
        stage.publish(what, wanted)
    except ValueError as error:
        raise ScenarioError(step.where, str(error)) from error


def block_card(stage: Stage, step: Step) -> None:
    """A card is reported, or found."""
    stage.block_card(_card(stage, step, step.one("NAME")), next(iter(step.words & {"lost", "stolen", "active"})))
