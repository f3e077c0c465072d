"""The stage of a scenario: one bench switch, one simulated terminal, the cards, and everything a step may touch.

The only part of the scenario language that knows terminal and switch. Nothing here judges. All on one simulated clock,
also the switch's, so that a story runs alike every time. Times are simulated milliseconds.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.bench_switch import BenchSwitch
from tools.bench_switch.answers import digits_for
from tools.bench_switch.publisher import Publisher
from tools.sim import demo, scenario_rules
from tools.sim.cards import Card, IsoDepCard, Noise, make_card
from tools.sim.cards.personal import personalise
from tools.sim.chips.nor import Nor, Torn
from tools.sim.clock import SimClock
from tools.sim.demo_signer import demo_signer, release_keys
from tools.sim.ocr import screen_lines, to_png
from tools.sim.provision import Provisioning
from tools.sim.receipt_rows import rows
from tools.sim.scenario_expect import plain
from tools.sim.scenario_journal import journal_copy, journal_counts
from tools.sim.scenario_parser import ScenarioError, Step
from tools.sim.scenario_shots import Shot
from tools.sim.scenario_sounds import heard
from tools.sim.scenario_standing import enter_visits
from tools.sim.scenario_start import Start
from tools.sim.scenario_texts import shows
from tools.sim.terminal import KEY_APART_MS, Terminal

PKI_FOLDER = Path("build/pki")
IMPOSTOR_FOLDER = Path("build/pki-impostor")
SCREENSHOTS = Path("build/screenshots")
START_UTC = calendar.timegm((2026, 12, 1, 8, 0, 0, 0, 0, 0))  # half past eleven in Tehran
SWITCH_PORT = 8583  # where the terminal thinks the switch is; its network leads every address to the real one
READY_MS = 30_000
LOOK_MS = 10
_CONSOLE_MS = 300
_ANSWER_MS = 10_000  # of a word that needs a right: its code is loaded first
_GIVEN = r"right \w+: (?:\d+ minutes|one command)"
_QUIET_MS, _REDRAW_MS = 30, 300  # a display left alone for so long is drawn; a picture waits no longer than this

_FAULTS = {"deaf": ("silent", "before"), "wrong-mac": ("wrong_mac", "after")}


def open_books(switch: BenchSwitch, start: Start) -> None:
    """Members, cards and the terminal as the programme's office would enter them. A copy of a card is not entered."""
    ledger = switch.ledger
    for member in start.members.values():
        ledger.add_member(member.name, member.member_no, member.points, member.tier)
    bound: set[bytes] = set()
    for card in start.cards.values():
        if card.member and card.uid not in bound:
            bound.add(card.uid)
            ledger.add_card(card.uid, card.member, demo.way(card, str(start.settings.get("aes_way", "sun"))))
    ledger.add_terminal(demo.TERMINAL_ID, demo.MERCHANT_ID, demo.MAC_OUT, demo.MAC_IN, demo.KID)
    enter_visits(ledger, start, START_UTC)


def make_cards(start: Start) -> dict[str, Card]:
    """The cards of the tray; those with a key carry what the card office wrote."""
    made: dict[str, Card] = {}
    for card in start.cards.values():
        made[card.name] = make_card(card.kind, card.uid)
        if card.key:
            personalise(made[card.name], demo.ISSUER, start.members[card.member].member_no)
    return made


def provisioning(switch: BenchSwitch, **settings: Any) -> Provisioning:
    """The records that let the demo terminal speak with this switch."""
    return Provisioning(
        settings=demo.settings(demo.SWITCH_NAME, SWITCH_PORT, **settings),
        keys=demo.keys(),
        ca_der=switch.identity.ca_der.read_bytes(),
        signers=demo_signer().modulus,
        release=release_keys(),
    )


def join(switch: BenchSwitch, terminal: Terminal) -> None:
    """Let the switch tell the modelled network what a clock that does not run by itself cannot see."""
    terminal.network.told = True
    switch.on_reaction = lambda port, reaction: terminal.network.switch_reacted(
        port, 1 if reaction.data else 0, reaction.delay_ms, reaction.close
    )


class Stage:
    """Built from the first lines of a scenario; `open` before the first step, `close` after the last. `tree` is the
    firmware to run, when it is not this repository's."""

    flash: bytes | None = None  # what the terminal's flash holds at first, when not a new terminal's
    heap_kb: int | None = None
    heap_probe = False
    realtime = False
    pace_ms = 0  # what a person takes for a key, beyond what the keypad needs
    watch_us = 0
    watch_keys = 0

    def __init__(self, start: Start, tree: Path | None = None) -> None:
        self.start = start
        self.language = str(start.settings.get("language", demo.LANGUAGE))
        self.shots: list[Shot] = []
        self._tree = tree
        self._clock: SimClock | None = None
        self.switch = BenchSwitch("sqlite://", PKI_FOLDER, clock=self.now_utc, **scenario_rules.both_ends(start))
        self._impostor: BenchSwitch | None = None
        self.cards = make_cards(start)
        self.terminal: Terminal
        self._heard_from = 0
        self._journal_at, self._journal = -1, {"pending": 0, "dead": 0}
        self._messages, self._ledger_at, self._ledger = 0, -1, dict[str, int]()

    def now_utc(self) -> int:
        """The simulated time of day."""
        return START_UTC + (self._clock.now_us // 1_000_000 if self._clock is not None else 0)

    def open(self) -> None:
        """Start everything, up to the idle screen unless the scenario begins earlier."""
        self.set_up()
        if self.start.powered:
            self.terminal.power_on()
        if self.start.powered and self.start.provisioned and not self.run_until(self._ready, READY_MS):
            shown = " | ".join(line for line in self.screen_lines() if line)
            said = self.serial()[-300:].strip().replace("\r\n", " / ")
            raise ScenarioError("start", f"the terminal did not get ready; the screen showed: {shown}; it said: {said}")

    def set_up(self) -> None:
        """The switch with its books, running, and the terminal beside it, switched off."""
        open_books(self.switch, self.start)
        self.switch.log.listen(self._message_came)
        self.switch.start()
        self.terminal = Terminal(
            self.start.board,
            provisioning=provisioning(self.switch, **self.start.settings) if self.start.provisioned else None,
            flash=self._used_flash(),
            tree=self._tree,
            seed=self.start.seed,
            realtime=self.realtime,
            heap_kb=self.heap_kb,
            heap_probe=self.heap_probe,
            switch_address=("127.0.0.1", self.switch.port),
        )
        self._clock = self.terminal.clock
        self.terminal.board.printer.fit(self.start.settings)
        join(self.switch, self.terminal)

    def _used_flash(self) -> Nor | None:
        if self.flash is None:
            return None
        nor = Nor(len(self.flash), None, seed=self.start.seed)
        nor.image[:] = self.flash
        return nor

    def _message_came(self, _entry: object) -> None:
        self._messages += 1

    def _ready(self) -> bool:
        lines = self.screen_lines()
        return shows(lines, self.language, "big_ready") and shows(lines, self.language, "idle_online")

    def close(self) -> None:
        """Take everything down."""
        if hasattr(self, "terminal"):
            self.terminal.close()
        self.switch.stop()
        if self._impostor is not None:
            self._impostor.stop()

    # --- time ---------------------------------------------------------------------------------------------------------

    def begin(self, step: Step) -> None:
        """A step begins; sounds are listened for from the last hand on."""
        if step.usage.split()[0] in ("tap", "keys", "press", "hold", "pull", "power"):
            self._heard_from = len(self.terminal.board.buzzer.heard)

    def run(self, ms: int) -> None:
        self.terminal.run(ms)

    def run_until(self, holds: Callable[[], bool], timeout_ms: int) -> bool:
        """Look every 10 ms: on a grid of its own the moment a story goes on depends on simulated time alone."""
        end_us = self.terminal.clock.now_us + timeout_ms * 1000
        while not holds():
            left_us = end_us - self.terminal.clock.now_us
            if left_us <= 0:
                return False
            self.terminal.run(max(1, min(LOOK_MS, left_us // 1000)))
        return True

    # --- hands --------------------------------------------------------------------------------------------------------

    def lay(self, name: str) -> None:
        field = self.terminal.board.field
        if self.cards[name] not in field.cards:
            field.lay(self.cards[name])

    def remove(self, name: str | None) -> None:
        field = self.terminal.board.field
        for card in list(field.cards):
            if name is None or card is self.cards[name]:
                field.remove(card)

    def pull_at_frame(self, name: str, n: int, moment: str) -> None:
        self.terminal.board.field.pull_at_frame(self.cards[name], n, moment)
        self.lay(name)

    def slow(self, name: str, ms: int) -> None:
        """A card of blocks asks for more time; any other is late with every answer."""
        card = self.cards[name]
        if isinstance(card, IsoDepCard):
            card.work_us = ms * 1000
        else:
            card.slow_us = ms * 1000

    def noise(self, percent: int) -> None:
        """So many of a hundred exchanges with a card go wrong, in one of five ways."""
        each = percent / 500
        self.terminal.board.field.noise = (
            Noise(self.start.seed, deaf=each, silence=each, crc=each, parity=each, short=each) if percent else None
        )

    def press(self, key: str) -> None:
        self.run(self.pace_ms)
        self.watch_keys += 1
        self.terminal.press(key)

    def hold(self, key: str, ms: int) -> None:
        self.terminal.key_down(key)
        self.run(ms)
        self.terminal.key_up(key)
        self.run(KEY_APART_MS)

    def console(self, line: str) -> None:
        """Type a line on the serial port and wait for what is said to it."""
        self.terminal.serial_type(line + "\r")
        self.run(_CONSOLE_MS)

    def _asked(self, line: str, answer: str) -> list[str]:
        """Type a line and wait for an answer of this pattern: what it held. In real time a busy PC is late with it."""
        before = len(self.serial())
        self.console(line)

        def found() -> list[str]:
            return re.findall(answer, self.serial()[before:])

        self.run_until(lambda: bool(found()), _ANSWER_MS)
        return found()

    def console_right(self, name: str) -> bool:
        """Ask for a console right, have it answered by the switch, answer; whether it was given."""
        nonces = self._asked(f"right {name}", r"nonce ([0-9A-F]{8})")
        return bool(nonces and self._asked(f"answer {digits_for(demo.TMK, nonces[-1], name)}", _GIVEN))

    def answer_on_screen(self, name: str) -> str:
        """The switch's digits for the number that stands on the screen; "" when none does."""
        self.run_until(lambda: self.drawn(_QUIET_MS), _REDRAW_MS)
        found = re.findall(r"^([0-9A-F]{8})$", "\n".join(map(plain, self.screen_lines())), re.MULTILINE)
        return digits_for(demo.TMK, found[0], name) if found else ""

    def dead_letter(self) -> int:
        """SEQ of the oldest rejected transaction, 0 when there is none."""
        letters = journal_copy(self.terminal.nor, self.terminal).dead()
        return next((transaction.seq for transaction, _ in letters), 0)

    def office_resolves(self, seq: int, *, clear: bool) -> None:
        """Have a rejected transaction given up, or decided anew."""
        ledger, now_utc = self.switch.ledger, self.now_utc()
        if clear:
            ledger.clear_letter(demo.TERMINAL_ID, seq, now_utc, anyway=True)
        else:
            ledger.reopen_letter(demo.TERMINAL_ID, seq, now_utc)

    def provision(self) -> None:
        """Put the three files into the terminal, which is off."""
        self.terminal.provision(provisioning(self.switch, **self.start.settings))

    # --- network and switch -------------------------------------------------------------------------------------------

    def net(self, up: bool) -> None:
        if up:
            self.terminal.network.up()
        else:
            self.terminal.network.down()

    def net_latency(self, ms: int) -> None:
        self.terminal.network.latency_ms = ms

    def switch_normal(self) -> None:
        self.switch.faults.clear()
        self._answered_by(self.switch)

    def switch_fault(self, kind: str, times: int, mti: str, rc: str, ms: int) -> None:
        name, when = _FAULTS.get(kind, (kind, "after"))
        self.switch.faults.next(name, times, mti or None, when=when, rc=rc or "96", ms=ms)

    def publish(self, what: str, wanted: dict[str, str]) -> None:
        """The switch's office publishes configuration, rules or a hotlist; terminals hear of it at an echo."""
        ledger = self.switch.ledger
        publisher = Publisher(ledger, demo_signer(), self.now_utc)
        if what == "config":
            publisher.set_config(dict(wanted))
        elif what == "rules":
            now = ledger.programme
            publisher.publish_rules(scenario_rules.changed(now, wanted, version=now.version + 1))
        else:
            publisher.publish_hotlist()

    def block_card(self, name: str, state: str) -> None:
        """The office says that a card is lost, stolen or found again."""
        self.switch.ledger.set_card(self.start.cards[name].uid, state)

    def switch_replaced(self) -> None:
        """Another server, with another authority's certificate for the same name, takes the switch's address."""
        if self._impostor is None:
            self._impostor = BenchSwitch("sqlite://", IMPOSTOR_FOLDER, switch_name=demo.SWITCH_NAME, clock=self.now_utc)
            join(self._impostor, self.terminal)
            self._impostor.start()
        self._answered_by(self._impostor)

    @property
    def replaced(self) -> bool:
        """Whether that other server has the address."""
        return self._impostor is not None and self.terminal.network.switch_address == ("127.0.0.1", self._impostor.port)

    def _answered_by(self, switch: BenchSwitch) -> None:
        network = self.terminal.network
        address = ("127.0.0.1", switch.port)
        if network.switch_address != address:
            network.switch_address = address
            network.break_connections()

    # --- power and printer --------------------------------------------------------------------------------------------

    def cut_now(self) -> None:
        self.terminal.power_off()

    def cut_at(self, n: int, torn: str | None) -> None:
        self.terminal.cut_at_flash_op(n, Torn(torn) if torn else None)

    def power_on(self) -> None:
        self.terminal.power_on()

    def reset(self) -> None:
        self.terminal.reset()

    def printer(self, what: str) -> None:
        self.terminal.board.printer.happen(what)

    def part(self, name: str, plugged: bool) -> None:
        """Pull the cable of the reader or of the display, or plug it in again: it has forgotten everything then."""
        board = self.terminal.board
        if name == "reader":
            board.rc522.dead = None if plugged else 0
        else:
            board.oled.connected = plugged
        if plugged:
            (board.rc522 if name == "reader" else board.oled).power_on()

    # --- what there is to see -----------------------------------------------------------------------------------------

    def screen(self) -> bytes:
        return self.terminal.screen()

    def screen_lines(self) -> list[str]:
        return screen_lines(self.screen())

    def drawn(self, quiet_ms: int = 2) -> bool:
        """Whether the display was left alone for so long; between the pages of one redraw there is less than that."""
        return self.terminal.clock.now_us - self.terminal.board.oled.last_write_us >= quiet_ms * 1000

    def screenshot(self, name: str) -> None:
        """Keep the picture a person sees: not one that is half the old and half the new, while pages still come in."""
        self.run_until(lambda: self.drawn(_QUIET_MS), _REDRAW_MS)
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        to_png(self.screen(), SCREENSHOTS / Path(name).name, 4)

    def receipts(self) -> list[list[str]]:
        """What stands on each, pictures read back."""
        return [rows(strip, self.language == "fa") for strip in self.terminal.board.printer.strips]

    def ledger(self) -> dict[str, int]:
        """Points by member; a card the switch opened a nameless member for stands under the card's name."""
        if self._ledger_at != self._messages:  # only a message changes the books
            self._ledger_at = self._messages
            names = {f"?{card.uid.hex().upper()}": card.name for card in self.start.cards.values()}
            self._ledger = {names.get(name, name): points for name, points in self.switch.ledger.balances().items()}
        return dict(self._ledger)

    def ledger_problems(self) -> list[str]:
        return self.switch.ledger.check()

    def journal(self) -> dict[str, int]:
        if self._journal_at != self.terminal.nor.ops:  # only a flash operation changes the journal
            self._journal_at = self.terminal.nor.ops
            self._journal = journal_counts(self.terminal.nor, self.terminal)
        return dict(self._journal)

    def sounds(self) -> list[str]:
        return heard(self.terminal.board.buzzer.heard[self._heard_from :])

    def leds(self) -> dict[str, bool]:
        return dict(self.terminal.board.leds.lit)

    def serial(self) -> str:
        return self.terminal.serial_output()

    def reset_cause(self) -> str:
        return {"PWRON": "power-on", "HARD": "hard", "WDT": "watchdog", "SOFT": "soft"}[self.terminal.reset_cause]

    def powered(self) -> bool:
        return self.terminal.powered

    def summary(self) -> dict[str, Any]:
        """What the JSON line tells besides steps and failures."""
        if self._clock is None:
            return {}
        nor = self.terminal.nor
        return {
            "modelled_ms": self._clock.now_us // 1000,
            "ledger": self.ledger(),
            "journal": self.journal(),
            "receipts": len(self.receipts()),
            "flash": {"programs": nor.programs, "erases": nor.erases, "bytes": nor.bytes_programmed},
        }
