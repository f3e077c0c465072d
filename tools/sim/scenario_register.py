"""A cash register in a story: paired by the code on the screen, it orders by references of its own and asks what came
of them. Speaks as docs/ecr.md says, byte for byte, in simulated time."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from tools.rpc.client import framed
from tools.sim.scenario_parser import ScenarioError, Step

if TYPE_CHECKING:
    from tools.sim.scenario_stage import Stage

_ANSWER_MS, _BUSY_MS, _CODE_MS, _AGAIN_MS = 3_000, 40_000, 3_000, 500
_OUTCOME_MS = 20_000
_BUSY, _RIGHT = 1001, 1002
_USES = ("earn", "burn", "ask")


class _Register:
    """One register's program. It repeats what is refused because the till is busy, and says who it is after a start."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._id = 0
        self._token = ""
        self._asked = False  # to be paired; the code stands on the screen

    def pair(self) -> None:
        """Have the code shown."""
        self._done("rights.pair", {"ecr": "till 1"})
        self._asked = True

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The whole answer; `error` in it when it is one."""
        stage, waited_ms = self._stage, 0
        while True:
            answer = self._once(method, params)
            number = answer.get("error", {}).get("code")
            if number == _RIGHT and method != "rights.register":
                self._speak_up()
                continue
            if number != _BUSY or "retry_ms" not in answer["error"]["data"] or waited_ms >= _BUSY_MS:
                return answer
            stage.run(_AGAIN_MS)
            waited_ms += _AGAIN_MS

    def _speak_up(self) -> None:
        if self._token:
            self.ask("rights.register", {"token": self._token})
            return
        if not self._asked:
            self.pair()
        self._asked = False
        if not self._stage.run_until(lambda: bool(self._code()), _CODE_MS):
            raise ScenarioError("register", f"no code on the screen: {self._stage.screen_lines()}")
        self._token = self._done("rights.confirm", {"code": self._code()})["token"]

    def _done(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        answer = self.ask(method, params)
        if "result" not in answer:
            raise ScenarioError("register", f"{method}: {answer}")
        result: dict[str, Any] = answer["result"]
        return result

    def _code(self) -> str:
        found = re.search(r"(?<!\d)(\d{6})(?!\d)", " ".join(self._stage.screen_lines()))
        return f"{int(found[1]):06d}" if found else ""  # whatever digits the screen shows

    def _once(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._id += 1
        stage, mark = self._stage, f'"id":{self._id},'
        before = len(stage.serial())
        stage.terminal.serial_type(
            framed({"jsonrpc": "2.0", "id": self._id, "method": method, "params": params}).decode()
        )

        def answers() -> list[str]:
            lines = stage.serial()[before:].split("\n")[:-1]
            return [line for line in lines if line.startswith("{") and mark in line and '"params"' not in line]

        if not stage.run_until(lambda: bool(answers()), _ANSWER_MS):
            return {}
        answer: dict[str, Any] = json.loads(answers()[0].rstrip("\r")[:-5])
        return answer


_REGISTERS: WeakKeyDictionary[Stage, _Register] = WeakKeyDictionary()


def _of(stage: Stage) -> _Register:
    return _REGISTERS.setdefault(stage, _Register(stage))


def order(stage: Stage, step: Step) -> None:
    """A sale; what the terminal says to it is for `expect register`."""
    use = next((word for word in _USES if word in step.words), "earn")
    _of(stage).ask("sale.start", {"ref": step.one("NAME"), "amount": int(step.one("VALUE")), "use": use})


def pair(stage: Stage, _step: Step) -> None:
    """Ask for the code, and go no further: it stands on the screen."""
    _of(stage).pair()


def cancel(stage: Stage, step: Step) -> None:
    """Ask it to end."""
    _of(stage).ask("sale.cancel", {"ref": step.one("NAME")})


def void(stage: Stage, step: Step) -> None:
    """Take a sale back."""
    ref, of = step.all("NAME")
    _of(stage).ask("sale.void", {"ref": ref, "of": of})


def balance(stage: Stage, step: Step) -> None:
    """Ask for the points of a card."""
    _of(stage).ask("balance.start", {"ref": step.one("NAME")})


def outcome(stage: Stage, step: Step) -> None:
    """State, outcome or number of the refusal, as the terminal tells them by the reference."""
    ref, wanted, found = step.one("NAME"), step.one("TEXT"), ""
    until_us = stage.terminal.clock.now_us + step.number("MS", _OUTCOME_MS) * 1000
    while stage.terminal.clock.now_us < until_us:
        found = _told(stage, ref)
        if found == wanted:
            return
        stage.run(_AGAIN_MS)
    raise ScenarioError(step.where, f"the register hears of {ref}: {found}, and not {wanted}")


def _told(stage: Stage, ref: str) -> str:
    answer = _of(stage).ask("sale.status", {"ref": ref})
    result = answer.get("result", {})
    return str(answer["error"]["code"]) if "error" in answer else str(result.get("outcome") or result.get("state"))
