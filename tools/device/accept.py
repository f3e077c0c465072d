"""`accept`: measure on a real board what the models only assume, and say which of their switches match it.

The measuring is done by tools/device/accept_on_terminal.py at the terminal's Python prompt; what it means is said by
acceptance.py. What needs hands (a card, two cards) is asked for and waited for. The program's own start and the TLS
handshake are measured from outside, on a terminal that sells. Times in seconds unless a name says otherwise.
"""

from __future__ import annotations

import binascii
import contextlib
import datetime
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import click

from tools.device import accept_on_terminal as there
from tools.device.acceptance import report, rows, switches
from tools.device.contact import Contact, contact_options
from tools.device.errors import DeviceError, SafeMode, TerminalSilent
from tools.device.output import Output
from tools.device.probing import SAFE, Answers
from tools.device.terminal import prompt
from tools.rpc.client import Line, NoAnswer, RpcError

SETUP = "from firmware.board import this_board\naccepting = Accept(this_board(), print)"
DEFAULT_FOLDER = Path("build/acceptance")
_PAUSE_S = 0.3  # between two looks for a card
_BOOT_S = 60.0
_MEASURED = ("strips_crc", "collision_base")  # what each number of cards is laid on for


class NotMeasured(DeviceError):
    """The report lacks what a person was asked for."""

    code, title, exit_code = "D66", "Not all was measured", 8
    next_step = (
        "Give the command again and lay the cards on when asked: one NTAG or MIFARE Classic, then two with UIDs of 7 "
        "bytes; or --no-cards."
    )


class ReportNotKept(DeviceError):
    """The folder takes no file."""

    code, title, exit_code = "D67", "The report could not be written", 9
    next_step = "Name a folder you may write to with --out."


class Session(Protocol):
    """The program on the terminal: `run` calls one of its functions and gives the lines it says."""

    def run(self, call: str, heard: Callable[[str], object]) -> None: ...


class Bench:
    """One board at its prompt; `facts` grow."""

    def __init__(self, session: Session, output: Output) -> None:
        self._session = session
        self._output = output
        self.facts: dict[str, str] = {}

    def chip_and_flash(self) -> None:
        """All that needs no hands. Raises TerminalSilent when the chip told nothing."""
        self._ask("asyncio.run(accepting.reader())")
        self._ask("accepting.flash()")
        self._ask("accepting.memory()")
        if "version" not in self.facts:
            raise TerminalSilent("the reader's measurements did not arrive")

    def cards(self, wanted: int, wait_s: float, sleep: Callable[[float], object] = time.sleep) -> None:
        """Wait until so many cards lie there, and measure with them; gives up after `wait_s`."""
        what = "one card, an NTAG or a MIFARE Classic," if wanted == 1 else "two cards with different UIDs of 7 bytes"
        self._output.say(f"Lay {what} on the reader.")
        until = time.monotonic() + wait_s
        while True:
            self._ask(f"asyncio.run(accepting.cards({wanted}))")
            if self.facts.pop("cards", "") == str(wanted) and _MEASURED[wanted - 1] in self.facts:
                self._output.say("measured; take it away" if wanted == 1 else "measured; take them away")
                return
            if time.monotonic() > until:
                self._output.say(f"no {what} in {wait_s:.0f} s: left out")
                return
            sleep(_PAUSE_S)

    def _ask(self, call: str) -> None:
        before = dict(self.facts)
        self._session.run(call, self._heard)  # which holds standard output meanwhile
        for fact, value in self.facts.items():
            if before.get(fact) != value:
                self._output.event("fact", fact=fact, value=value)

    def _heard(self, line: str) -> None:
        text, _, crc = line.strip().rpartition(" ")
        with contextlib.suppress(ValueError):
            words = text.split(" ")
            if binascii.crc32(text.encode()) == int(crc, 16) and words[0] == "fact" and len(words) == 3:
                self.facts[words[1]] = words[2]


def from_outside(port: str, facts: dict[str, str], timeout_s: float = _BOOT_S) -> None:
    """The program that starts now: milliseconds to its first answer, and the handshake where it says one. Raises
    SafeMode."""
    started = time.monotonic()
    while time.monotonic() - started < timeout_s:
        try:
            with Line.open(port) as line:
                line.call("ping", tries=1, timeout=1.0)
                facts["boot_ms"] = str(round((time.monotonic() - started) * 1000))
                if line.call("hello").get("mode") == SAFE:
                    raise SafeMode("it came back there after the measurements")
                handshake = _handshake_ms(line)
                if handshake is not None:
                    facts["handshake_ms"] = str(handshake)
                return
        except (NoAnswer, OSError):
            time.sleep(_PAUSE_S)
        except RpcError:
            return


def _handshake_ms(line: Line) -> int | None:
    """From the step `tls` of the line's own test."""
    try:
        steps = line.call("link.test").get("steps", [])
    except (RpcError, NoAnswer):
        return None
    for step in steps:
        if isinstance(step, dict) and step.get("step") == "tls" and isinstance(step.get("ms"), int):
            return int(step["ms"])
    return None


def kept(folder: Path, name: str, facts: dict[str, str], head: dict[str, str]) -> Path:
    """Write the report twice: for people and for programs. Raises ReportNotKept."""
    path = folder / f"{name}.md"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(report(facts, head), encoding="utf-8")
        content = {"v": 1, **head, "facts": facts, "switches": switches(facts)}
        path.with_suffix(".json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise ReportNotKept(f"{path}: {error.strerror or error}") from None
    return path


@click.command()
@click.argument("where", metavar="[PORT]", required=False)
@click.option("--no-cards", is_flag=True, help="Leave out what needs cards on the reader.")
@click.option("--card-wait", "card_wait_s", type=click.FloatRange(0), default=60.0, show_default=True,
              help="Seconds for each laying of cards.")  # fmt: skip
@click.option("--out", "folder", type=click.Path(file_okay=False, path_type=Path), default=DEFAULT_FOLDER,
              show_default=True, help="Where the report goes.")  # fmt: skip
@contact_options
def accept(contact: Contact, where: str | None, no_cards: bool, card_wait_s: float, folder: Path) -> None:
    """Measure what the models assume, and write a report.

    The board at PORT is stopped for it, after a question, and sells again afterwards.
    """
    contact.port = contact.port or where or ""
    found = contact.one(Answers.APPLICATION, Answers.PROMPT)
    sells = found.answers is Answers.APPLICATION
    output = contact.output
    if contact.dry_run:
        output.say(f"dry run: {found.name} would be measured{', stopped for it,' if sells else ''} and nothing kept")
        return
    contact.may_stop(found, ", measure, and have it sell again")
    session = prompt(found.port, Path(there.__file__), SETUP, maintenance=sells)
    bench = Bench(session, output)
    try:
        if sells:
            session.sell_at_end()
        bench.chip_and_flash()
        if not no_cards:
            bench.cards(1, card_wait_s)
            bench.cards(2, card_wait_s)
    finally:
        session.close()
    if sells:
        from_outside(found.port, bench.facts, contact.timeout_s)
    head = {
        "board": found.board,
        "serial": found.serial,
        "firmware": found.firmware,
        "measured": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }
    path = kept(folder, found.serial or found.board or "board", bench.facts, head)
    listed = [
        (row.name, row.seen, row.assumed, {True: "yes", False: "NO", None: "-"}[row.fits]) for row in rows(bench.facts)
    ]
    output.table("what the board does", ("fact", "#measured", "#models assume", "fits"), listed)
    output.event("result", report=str(path), switches=switches(bench.facts))
    output.say(f"report in {path}")
    if not no_cards and not all(name in bench.facts for name in _MEASURED):
        raise NotMeasured("no cards were laid on")
