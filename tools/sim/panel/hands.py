"""What a hand at the panel can do: one function a command, each checks what it was given before anything moves.

Commands come from the page as {"do": NAME, ...}; nothing in them is trusted. What touches the terminal is posted to
its own thread. Milliseconds; a leap of the clock in seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tools.sim.chips.nor import Torn
from tools.sim.panel.errors import PanelError
from tools.sim.scenario_act import FAULTS, KEY_NAMES
from tools.sim.terminal import Terminal

if TYPE_CHECKING:
    from tools.sim.live import LiveTerminal
    from tools.sim.panel.backend import LiveStage

Command = dict[str, Any]
REPLACED = "wrong-certificate"
PRINTER_ACTS = ("plug", "unplug", "paper-in", "paper-out")
LATE_MS = 8000
# The shortest press that the keypad counts: seen by one scan, settled, seen by another (firmware.screen.keys), with a
# sector erased (45 ms, during which nothing runs) in between. A mouse is quicker than any finger; whoever types faster
# than fingers can waits for these.
SHORTEST_HELD_MS, SHORTEST_APART_MS = 80, 60
_CONSOLE_MAX = 200
_LATER_MAX_S = 370 * 86_400
_FARTHEST_OP = 9999


class Hands:
    """Carries commands out on a stage."""

    def __init__(self, stage: LiveStage, live: LiveTerminal) -> None:
        self._stage = stage
        self._live = live
        self._acts: dict[str, Callable[[Command], None]] = {
            "down": self._down, "up": self._up, "lay": self._lay, "remove": self._remove, "net": self._net,
            "power": self._power, "reset": self._reset, "cut": self._cut, "printer": self._printer,
            "switch": self._switch, "later": self._later, "console": self._console,
        }  # fmt: skip

    def do(self, command: Command) -> None:
        """Raises PanelError, KeyError, ValueError or TypeError for what cannot be done."""
        if self._live.failure is not None:
            raise PanelError("stopped", repr(self._live.failure))
        what = command["do"]
        act = self._acts.get(what) if isinstance(what, str) else None
        if act is None:
            raise PanelError("unknown")
        act(command)

    # --- keypad and cards ---------------------------------------------------------------------------------------------

    def _down(self, command: Command) -> None:
        """A finger comes down, and stays as long as the shortest press needs: no key is too fast for the keypad."""
        key = _text(command["key"])
        if key not in KEY_NAMES:
            raise PanelError("no-key")
        self._live.post(lambda terminal: _hold(terminal, key))

    def _up(self, command: Command) -> None:
        key = _text(command["key"])
        if key not in KEY_NAMES:
            raise PanelError("no-key")
        self._live.post(lambda terminal: _release(terminal, key))

    def _lay(self, command: Command) -> None:
        """Cards that come into the field at the same moment."""
        wanted = command["cards"]
        if not isinstance(wanted, list) or not wanted:
            raise PanelError("no-card")
        names = [self._card(name) for name in wanted]
        self._live.post(lambda _: [self._stage.lay(name) for name in names])

    def _remove(self, command: Command) -> None:
        name = self._card(command["card"])
        self._live.post(lambda _: self._stage.remove(name))

    def _card(self, name: object) -> str:
        if not isinstance(name, str) or name not in self._stage.cards:
            raise PanelError("no-card")
        return name

    # --- what stands around the terminal ------------------------------------------------------------------------------

    def _net(self, command: Command) -> None:
        up = _flag(command["up"])
        self._live.post(lambda _: self._stage.net(up))

    def _power(self, command: Command) -> None:
        self._live.post(Terminal.power_on if _flag(command["on"]) else Terminal.power_off)

    def _reset(self, _command: Command) -> None:
        self._live.post(Terminal.reset)

    def _cut(self, command: Command) -> None:
        n, torn = _whole(command["op"]), _text(command.get("torn", ""))
        if not 1 <= n <= _FARTHEST_OP or torn not in ("", *(member.value for member in Torn)):
            raise PanelError("operation")
        if not self._stage.terminal.powered:
            raise PanelError("power-off")
        self._stage.cut_asked = n
        self._live.call(lambda _: self._stage.cut_at(n, torn or None))

    def _printer(self, command: Command) -> None:
        act = _text(command["what"])
        if act not in PRINTER_ACTS:
            raise PanelError("unknown")
        self._live.post(lambda _: self._stage.printer(act))

    def _switch(self, command: Command) -> None:
        fault = _text(command["fault"])
        if fault and fault not in (*FAULTS, REPLACED):
            raise PanelError("no-fault")
        self._live.post(lambda _: self._fault(fault))

    def _fault(self, fault: str) -> None:
        self._stage.fault = fault
        if fault == REPLACED:
            self._stage.switch_replaced()
        elif fault:
            self._stage.switch_fault(fault, 1, "0200", "51", LATE_MS)
        else:
            self._stage.switch_normal()

    def _later(self, command: Command) -> None:
        seconds = _whole(command["seconds"])
        if not 1 <= seconds <= _LATER_MAX_S:
            raise PanelError("unknown")
        self._live.post(lambda _: self._stage.later(seconds))

    def _console(self, command: Command) -> None:
        line = command["line"]
        if not isinstance(line, str) or len(line) > _CONSOLE_MAX or not line.isprintable():
            raise PanelError("line")
        if not self._stage.terminal.powered:
            raise PanelError("power-off")
        self._live.post(lambda terminal: _type(terminal, line))


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise PanelError("unknown")
    return value


def _whole(value: object) -> int:
    """JSON's true is no number."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise PanelError("unknown")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise PanelError("unknown")
    return value


def _type(terminal: Terminal, line: str) -> None:
    """A program that sells does not say back what is typed; Python's prompt does."""
    if terminal.alive:
        terminal.serial.echo(f"> {line}\r\n".encode())
    terminal.serial_type(line + "\r")


def _hold(terminal: Terminal, key: str) -> None:
    terminal.key_down(key)
    terminal.run(SHORTEST_HELD_MS)


def _release(terminal: Terminal, key: str) -> None:
    terminal.key_up(key)
    terminal.run(SHORTEST_APART_MS)
