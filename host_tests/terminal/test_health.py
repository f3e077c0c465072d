"""What `health` finds: nothing on a good terminal, and on a bad one what is bad, by its code. Asked as a program asks;
the order of the steps of the line, and what a power cut leaves."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tools.rpc.client import Line, RpcError
from tools.sim.scenario_stage import START_UTC, Stage
from tools.sim.scenario_start import Start


class Port:
    """The serial port of a stage's terminal, as a program has it."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._read = len(stage.serial())

    @property
    def in_waiting(self) -> int:
        return len(self._stage.serial()) - self._read

    def read(self, size: int = 1, /) -> bytes:
        said = self._stage.serial()[self._read : self._read + size]
        self._read += len(said)
        return said.encode()

    def write(self, data: bytes, /) -> int:
        self._stage.terminal.serial_type(data.decode())
        return len(data)

    def close(self) -> None:
        pass


class Ill(Stage):
    """A stage whose terminal can be made ill before it starts. The battery clock is right unless told."""

    rtc_ahead_s = 0

    def set_up(self) -> None:
        super().set_up()
        moment = datetime.datetime.fromtimestamp(START_UTC + self.rtc_ahead_s, datetime.timezone.utc)
        self.terminal.board.rtc.set_utc(moment.timetuple()[:6])

    _line: Line | None = None

    def line(self) -> Line:
        """One program, whose requests are all different."""
        if self._line is None:
            self._line = Line(Port(self), idle=lambda: self.run(20))
        return self._line

    def ask(self, method: str) -> dict[str, Any]:
        """However long the machine takes."""
        return self.line().call(method, timeout=120, tries=100)

    def states(self, method: str) -> dict[str, str]:
        """The worst state of each code."""
        worst: dict[str, str] = {}
        for one in self.ask(method)["checks"]:
            assert set(one) == {"code", "text", "state", "value", "unit"}
            order = ("not run", "ok", "warn", "fail")
            known = worst.get(one["code"], "not run")
            worst[one["code"]] = max(known, one["state"], key=order.index)
        return worst

    def allow(self, right: str) -> None:
        """Have the switch answer for it."""
        assert self.console_right(right)
        assert self.run_until(lambda: f"right {right}: 15 minutes" in self.serial(), 5000), self.serial()[-500:]

    def wrong(self, method: str) -> dict[str, str]:
        return {code: state for code, state in self.states(method).items() if state in ("warn", "fail")}


@pytest.fixture
def stages() -> Iterator[Callable[..., Ill]]:
    made: list[Ill] = []

    def make(**settings: Any) -> Ill:
        stage = Ill(Start())
        made.append(stage)
        stage.rtc_ahead_s = settings.pop("rtc_ahead_s", 0)
        stage.open()
        stage.run(settings.pop("ms", 5000))
        return stage

    yield make
    for stage in made:
        stage.close()


def test_a_good_terminal_has_nothing_wrong_and_deep_health_needs_a_right_and_tells_each_step(stages) -> None:
    stage = stages(ms=70_000)
    quick = stage.states("health")
    assert stage.wrong("health") == {}
    assert {"R01", "R02", "R04", "L01", "L02", "S01", "S03", "S04", "X10", "X11", "X12", "M01", "M02", "T04"} <= set(
        quick
    )
    with pytest.raises(RpcError) as refused:
        stage.ask("health.deep")
    assert refused.value.number == 1002
    stage.allow("support")
    deep = stage.states("health.deep")
    assert stage.wrong("health.deep") == {}
    assert {"R03", "R05", "R09", "L04", "L05", "L06", "L07", "L08"} <= set(deep)
    told = stage.ask("link.test")
    assert [one["code"] for one in told["checks"]] == ["L01", "L04", "L05", "L06", "L07", "L08"]
    assert told["failed"] is None
    stage.net(up=False)
    stage.run(2000)
    told = stage.ask("link.test")
    states = [one["state"] for one in told["checks"]]
    assert told["failed"] in ("L01", "L04", "L05"), "the radio notices some seconds after the network is gone"
    assert set(states[states.index("fail") + 1 :]) == {"not run"}, "no step after the first that failed"
    stage.net(up=True)
    assert stage.run_until(stage._ready, 60_000)
    assert stage.states("health")["L01"] == "ok", "the test did no harm"


def test_an_ill_terminal_is_told_by_its_codes(stages) -> None:
    stage = stages(rtc_ahead_s=900)
    board = stage.terminal.board
    assert stage.wrong("health") == {"T04": "fail"}, "the switch corrected the clock by a quarter of an hour"
    stage.allow("support")
    board.rc522.faults.irq = 1  # never low: the wire is off
    board.rc522.faults.loose = 25
    board.oled.connected = False
    stage.run(3000)
    wrong = stage.wrong("health.deep")
    assert wrong["R09"] in ("warn", "fail")
    assert wrong["R04"] == "warn"
    assert wrong["R02"] == "fail"
    board.oled.connected = True
    board.rc522.faults.clear()
    stage.terminal.key_down("UP")
    stage.run(65_000)
    board.rc522.faults.sags = True
    wrong = stage.wrong("health.deep")
    assert wrong["R05"] == "fail"
    assert wrong["X12"] == "warn"
    assert "R09" not in wrong, "the wires are good"


def test_taps_are_told_and_power_cuts_nobody_wanted_are_counted_and_a_restart_that_was_wanted_is_not(stages) -> None:
    stage = stages(ms=70_000)
    _taps_are_told_by_how_they_end(stage)
    for _ in range(3):
        stage.terminal.power_off()
        stage.terminal.power_on()
        assert stage.run_until(stage._ready, 60_000)
    starts = stage.ask("health.starts")["starts"]
    assert [one["kind"] for one in starts] == ["power on"] * 4
    assert starts[1]["before"] == "idle, up 1 min"
    assert stage.states("health")["X10"] == "warn"
    stage.run(5000)  # a restart asked for just after a start is none
    stage.ask("device.reboot")
    stage.run(1000)
    assert stage.run_until(stage._ready, 60_000)
    assert stage.ask("health.starts")["starts"][-1]["kind"] == "wanted"
    assert stage.states("health")["X11"] == "ok"


def _taps_are_told_by_how_they_end(stage: Ill) -> None:
    line = stage.line()
    stage.ask("reader.trace")
    for card in ("gold-card", "phone", "gold-card"):
        stage.press("BALANCE")
        stage.lay(card)
        stage.run(1500)
        stage.remove(None)
        stage.press("CANCEL")
        stage.run(1500)
    ends = stage.ask("reader.antenna")["ends"]
    assert (ends["ok"], ends["unsupported"]) == (2, 1)
    line.pump()
    told = [event for event in line.events() if event["event"] == "tap"]
    assert [event["end"] for event in told] == ["ok", "unsupported", "ok"]
    assert all(0 <= event["ms"] < 500 for event in told)
    assert "9C599B32" not in stage.serial().upper(), "no number of a card"
