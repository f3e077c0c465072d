"""The verb table of the scenario language: usage, one line of help, and what does it.

docs/scenarios.md shows the same table to people; a test compares the two. A usage's first word is the verb.
"""

# ruff: noqa: E501 (a row of the table is one line)

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tools.sim import scenario_act as act
from tools.sim import scenario_expect as expect
from tools.sim import scenario_start as start
from tools.sim.scenario_parser import Grammar


@dataclass(frozen=True)
class Verb:
    """`does(stage, step)`, or `does(start, step)` for the lines at the top."""

    usage: str
    help: str
    does: Callable[..., Any]


def _included(_stage: object, _step: object) -> None:
    """`include` is resolved while reading and never comes to be run."""


START: tuple[Verb, ...] = (
    Verb("board s3|pico", "which hardware; s3 when nothing is said", start.board),
    Verb(
        "start provisioned|unprovisioned|off",
        "ready at its idle screen (the default), factory-fresh, or not yet switched on",
        start.start_as,
    ),
    Verb("member MEMBER POINTS", "opening balance of a member; a new name becomes a new member", start.member),
    Verb(
        "card NAME KIND UID [of MEMBER] [without key]",
        "a card more, of a kind below; its UID in hex; whose it is, and whether the card office wrote it",
        start.card,
    ),
    Verb(
        "set SETTING VALUE",
        "a setting of settings.json; with `offline_redeem true` the switch reserves points, with "
        "`offline_redeem_risk true` it books without",
        start.setting,
    ),
    Verb("timeout MS", "how long an expect waits, in simulated time; 10000 when nothing is said", start.timeout),
    Verb("seed N", "the seed of everything random; 1 when nothing is said", start.seed),
)

ACT: tuple[Verb, ...] = (
    Verb("tap NAME [and NAME]...", "lay one or several cards on the reader; they stay until removed", act.tap),
    Verb("remove [NAME]", "take one card away, or all", act.remove),
    Verb("pull NAME at frame N [before|torn|after|answering]", "lay the card on; it leaves at the N-th frame from there: before hearing it (the default), in a write, after it, in its answer", act.pull),
    Verb("slow NAME MS [ms]", "from now on the card takes so much longer for every answer (an AES card: for every command)", act.slow),
    Verb("noise N", "from now on N of 100 exchanges with cards go wrong; 0 is quiet again", act.noise),
    Verb("keys KEYS...", "type: digits one by one, other keys by name (000 alone is the key 000)", act.keys),
    Verb("press KEY", "one key", act.keys),
    Verb("hold KEY MS [ms]", "keep one key down", act.hold),
    Verb("wait MS [ms]", "let simulated time pass", act.wait),
    Verb("net up|down", "plug the network in or pull it", act.net),
    Verb("net latency MS [ms]", "every answer takes this long more", act.net),
    Verb("switch normal", "forget all faults asked for", act.switch),
    Verb("switch refuse RC [times N] [for MTI]", "answer with this response code", act.switch),
    Verb("switch late MS [ms] [times N] [for MTI]", "answer, but so much later", act.switch),
    Verb("switch silent|deaf|garbage|close|replay|wrong-mac|duplicate [times N] [for MTI]", "misbehave once, or N times; for one message type, or any. silent has booked it, deaf never saw it", act.switch),
    Verb("switch wrong-certificate", "another server answers at the switch's address, with a certificate of its own, until `switch normal`", act.switch),
    Verb("switch forgets accrual|redemption", "the newest one is gone from its books, as if they had been put back to an earlier moment", act.switch),
    Verb("switch card NAME lost|stolen|active", "the office blocks a card, or lets it work again", act.block_card),
    Verb("publish config|rules WANTED...", "the switch has settings or earning rules to load, each as NAME=VALUE; heard of at the next sign-on or echo", act.publish),
    Verb("publish hotlist", "the same, of the cards that are blocked now", act.publish),
    Verb("cut power", "now", act.cut),
    Verb("cut power at flash op N [torn KIND]", "at the N-th program or erase from here; torn: nothing, done, half, prefix-64, random-bits, one-bit", act.cut),
    Verb("power on|off", "the plug", act.power),
    Verb("reset", "the reset button; power stays on", act.reset),
    Verb("printer unplug|plug|paper-out|paper-in", "the receipt printer", act.printer),
    Verb("console TEXT", "type a line on the serial console; {dead} is the number of the oldest rejected transaction", act.console),
    Verb("right NAME", "ask for a right on the console, have the switch answer it, type the answer", act.console_right),
    Verb("answer NAME", "have the switch answer the number on the screen, for this right, and type the digits and OK", act.keypad_right),
    Verb("terminal rekey|block|unblock|stop|zeroise", "the switch's office makes new keys for the terminal, blocks it, lets it work again, or orders it to sell no more or to erase its keys", act.terminal_order),
    Verb("office clear|reopen", "the switch's office has the oldest rejected transaction given up, or decided anew when it comes again", act.office),
    Verb("provision", "put the demo's three files into the terminal, which is off", act.provision),
    Verb("screenshot FILE", "write the screen, once it is drawn, as PNG to build/screenshots", act.screenshot),
    Verb("note TEXT", "a line for the person who watches the demo", act.note),
    Verb("include FILE", "put another file's lines here", _included),
)  # fmt: skip

EXPECT: tuple[Verb, ...] = (
    Verb("expect [no] screen TEXT [within MS]", "the text is on the screen, in one line or running over several", expect.screen),
    Verb("expect [no] receipt TEXT [within MS]", "the text is on the last receipt printed", expect.receipt),
    Verb("expect [no] serial TEXT [within MS]", "the text came out of the serial port", expect.serial),
    Verb("expect ledger matches receipts", "for every member: balance at the switch - opening balance = points on printed receipts", expect.ledger_matches_receipts),
    Verb("expect ledger check", "the switch's books balance: postings add up, no transaction twice", expect.ledger_check),
    Verb("expect ledger MEMBER POINTS [within MS]", "a balance at the switch; the name of a card that is nobody's: of the nameless member its first sale opened", expect.ledger),
    Verb("expect pending N [within MS]", "so many transactions in the journal wait for the switch", expect.pending),
    Verb("expect dead N [within MS]", "so many were refused for good and wait for a person", expect.dead),
    Verb("expect sound ok|offline|refused", "the sound was heard since the last tap or key", expect.sound),
    Verb("expect led green|red on|off", "a light", expect.led),
    Verb("expect reset power-on|watchdog|hard|soft", "why the terminal started last", expect.reset_cause),
    Verb("expect power on|off [within MS]", "whether the terminal has power, for instance after a cut at a flash operation", expect.power_state),
)  # fmt: skip

VERBS: tuple[Verb, ...] = (*START, *ACT, *EXPECT)
BY_USAGE = {verb.usage: verb for verb in VERBS}
START_USAGES = frozenset(verb.usage for verb in START)


def grammar() -> Grammar:
    """The whole language."""
    return Grammar([verb.usage for verb in VERBS])
