"""The processor's life: starts and resets of the interpreter's process, its requests, and how simulated time passes.

Single-threaded: the process gets on only inside `run` and `run_until`. An idle request is answered when its time has
come; until then the clock leaps from event to event, or follows the wall clock (`realtime`). The watchdog bites on the
simulated clock, and on a program that computes for three seconds without a call. Knows the parts of a terminal, but not
how they were made (tools.sim.terminal). Simulated time in microseconds inside, milliseconds at the interface; real time
in seconds.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from tempfile import TemporaryFile
from typing import Any

from tools.sim.board import SimBoard
from tools.sim.chips.nor import Nor, PowerCut
from tools.sim.clock import SimClock, Timer
from tools.sim.layout import Layout
from tools.sim.link import FLAG_INTERRUPT, FLAG_NETWORK, Link, LinkClosedError, Op, Request
from tools.sim.network import SimNetwork
from tools.sim.process import Process
from tools.sim.requests import Requests
from tools.sim.serial_port import SerialPort

BOOT_MS = 300  # boot loader and runtime up to boot.py; an assumption, to be measured on a board
_COMPUTED_S = 3.0  # a watchdog also bites a program that has used the CPU for so long without a call
_TIMER_S = 1.5  # a timer's turn comes in the middle of it, _HUNG_US later by the simulated clock
_HUNG_US = 6_000_000
_LOST_S = 60.0
_ENDS_S = 60.0  # from the link's end to the process's own, on a busy PC
_INTERRUPT_S = 0.03
_PUMP_EVERY = 64
_PROMPT_GRACE_S = 0.03
_PROMPT_WAIT_S = 0.005
_CONVERSATION_S = 0.5
_CATCH_UP_US = 250_000


class Processor:
    """What a terminal is while it runs; `Terminal` adds how it is made and handled."""

    def __init__(
        self,
        board: SimBoard,
        nor: Nor,
        network: SimNetwork,
        layout: Layout,
        *,
        seed: int,
        realtime: bool,
        heap_kb: int,
        heap_probe: bool,
    ) -> None:
        self.profile = board.profile.name
        self.layout = layout
        self.seed = seed
        self.realtime = realtime
        self.heap_kb = heap_kb
        self.heap_probe = heap_probe
        self.clock: SimClock = board.clock
        self.nor = nor
        self.board = board
        self.network = network
        self.serial = SerialPort(lambda: self._process is not None and self._process.catches_interrupt())
        # Mirrors the stretch of flash with the file system, for the process to read.
        self.files = TemporaryFile()  # noqa: SIM115 (open as long as the terminal)
        self._requests = Requests(self)
        self._process: Process | None = None
        self._link: Link | None = None
        self._parked: tuple[Request, int] | None = None
        self._started_us = 0
        self._wdt_us = 0
        self._wdt: Timer | None = None
        self._restart_as: str | None = None
        self._greeted = False
        self._last_call = 0.0
        self._computed_s = -1.0  # CPU time of the process when its present silence was noticed
        self._last_serial = 0.0
        self._since_pump = 0
        self._look = True
        self._left = 0.0
        self._wall0 = 0.0
        self._sim0 = 0
        self.starts = 0
        self.bus_calls = 0
        self.reset_cause = "PWRON"
        self.crashed: str | None = None
        self.alive = False
        self.rtc_us = 0
        self.timer_runs = False
        self._timer_fds = (-1, -1)
        self._timer_told = False
        self.skip_main = False
        self.heap_peak = 0
        self.heap_baseline = 0
        self.heap_total = 0

    @property
    def powered(self) -> bool:
        return self._process is not None

    @property
    def pid(self) -> int | None:
        """The interpreter's process, None when off."""
        return None if self._process is None else self._process.pid

    @property
    def flash_ops(self) -> int:
        """Programs and erases since the counters of `nor` were reset."""
        return self.nor.ops

    @property
    def uptime_us(self) -> int:
        return self.clock.now_us - self._started_us

    def power_off(self) -> None:
        """Pull the plug, at once."""
        self._stop()
        self.board.power_off()

    def _start(self, cause: str, *, skip_main: bool = False) -> None:
        self.reset_cause = cause
        self.skip_main = skip_main
        self.crashed = None
        self.alive = True
        self.starts += 1
        self._greeted = False
        self._started_us = self.clock.now_us
        self._link = Link()
        start, size = self.layout.partitions["vfs"]
        os.pwrite(self.files.fileno(), self.nor.image[start : start + size], 0)
        self.timer_runs = self._timer_told = False
        self._timer_fds = reading, _ = os.pipe()
        self._process = Process(self._link.remote_fd, self.serial.line_fd, self.files.fileno(), reading, self.heap_kb)
        self._link.handed_over()
        self._last_call = self._left = time.monotonic()

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None
            for number in self._timer_fds:
                os.close(number)
        if self._link is not None:
            self._link.close()
            self._link = None
        self._parked = None
        self._restart_as = None
        self.alive = False
        self._stop_watchdog()
        self.network.processor_stopped()
        self.serial.restart(soft=False)

    def _restart(self, cause: str, *, skip_main: bool = False) -> None:
        soft = cause == "SOFT"
        enter_raw = self.serial.raw_prompt
        self._stop()
        self.board.cpu_reset()
        if soft:
            self.serial.raw_prompt = enter_raw
            self.serial.restart(soft=True)
        self._start(cause, skip_main=skip_main)

    # -- what requests do to the processor -----------------------------------------------------------------------------

    def hello(self) -> None:
        self._greeted = True
        self.clock.advance(BOOT_MS * 1000)

    def mirror(self, address: int, n: int) -> None:
        """Flash changed: let the process see it."""
        start, size = self.layout.partitions["vfs"]
        if start <= address < start + size:
            os.pwrite(self.files.fileno(), self.nor.image[address : address + n], address - start)

    def restart_as(self, cause: str) -> None:
        """Reset before the running request is answered."""
        self._restart_as = cause

    def start_watchdog(self, timeout_ms: int) -> None:
        self._wdt_us = timeout_ms * 1000
        self.feed_watchdog()

    def feed_watchdog(self) -> None:
        self._timer_told = False
        if self._wdt is not None:
            self._wdt.cancel()
        if self._wdt_us:
            self._wdt = self.clock.after(self._wdt_us, lambda: self.restart_as("WDT"))

    def _stop_watchdog(self) -> None:
        self._wdt_us = 0
        if self._wdt is not None:
            self._wdt.cancel()
            self._wdt = None

    def program_ended(self, how: int, text: str) -> None:
        """0 main.py came to its end, 1 an exception ended it, 2 it was not run."""
        self.alive = False
        self.crashed = text if how == 1 else None

    # -- time ---------------------------------------------------------------------------------------------------------

    def run(self, ms: int) -> None:
        """Let simulated milliseconds pass."""
        self._run(self.clock.now_us + ms * 1000, None)

    def run_until(self, predicate: Callable[[], bool], timeout_ms: int) -> bool:
        """Let time pass until the predicate holds; it is asked at idle moments and every 64 bus calls."""
        return self._run(self.clock.now_us + timeout_ms * 1000, predicate)

    def _run(self, end_us: int, predicate: Callable[[], bool] | None) -> bool:
        now = time.monotonic()
        self._last_call += now - self._left  # what the caller did in between is not the program's silence
        if not self._wall0:
            self._wall0, self._sim0 = now, self.clock.now_us
        self._look = True
        try:
            return self._run_slice(end_us, predicate)
        finally:
            self._left = time.monotonic()

    def _run_slice(self, end_us: int, predicate: Callable[[], bool] | None) -> bool:
        while True:
            if predicate is not None and self._look:
                self._look = False
                if predicate():
                    return True
            if self._restart_as is not None:
                self._restart(self._restart_as)
            if self.clock.now_us >= end_us:
                return predicate is not None and predicate()
            if self._process is None:
                self._pass(end_us)
                self._look = True
            elif self._parked is not None:
                self._idle(end_us)
            else:
                self._attend(end_us)

    def _attend(self, end_us: int) -> None:
        link = self._link
        assert link is not None
        try:
            request = link.receive(wait=not self._in_conversation())
            if request is None:
                self._quiet(end_us)
                return
            self._since_pump += 1  # requests only: what a loop without one does depends on the host's speed
            if self._since_pump >= _PUMP_EVERY:
                self._since_pump = 0
                self._look = True
                self._pump()
            self._serve(request)
        except LinkClosedError:
            self._exited()
        except PowerCut:
            self.power_off()

    def _in_conversation(self) -> bool:
        """A host is talking on the serial port: wait for both lines. True when the link need not be waited for."""
        if not self.serial.listening or time.monotonic() - self._last_serial > _CONVERSATION_S:
            return False
        ready, _, _ = select.select(self._lines(), [], [], _PROMPT_WAIT_S)
        if len(ready) > 1 or (ready and ready[0] is not self._link):
            self._pump()
        return True

    def _lines(self) -> list[Any]:
        """What a processor that is not idle can be heard on: the link and the serial port."""
        line, host = self.serial.fds
        return [self._link, line, host] if self.serial.listening else [self._link, line]

    def _serve(self, request: Request) -> None:
        self._last_call = time.monotonic()
        self._computed_s = -1.0
        self.bus_calls += 1
        self.clock.advance(request.spent_us)
        if request.op == Op.IDLE:
            self.heap_peak = max(self.heap_peak, request.b - self.heap_baseline)
            self._parked = request, (1 << 62) if request.a < 0 else self.clock.now_us + request.a
            self._look = True
            return
        status, value, payload = self._requests.serve(request)
        if self._restart_as is None:
            self._answer(request, status, value, payload)

    def _answer(self, request: Request, status: int = 0, value: int = 0, payload: bytes = b"") -> None:
        flags = 0
        if self.network.changed:
            self.network.changed = False
            flags = FLAG_NETWORK
        if self.serial.interrupt_wanted:
            self.serial.interrupt_wanted = False
            flags |= FLAG_INTERRUPT
        assert self._link is not None
        self._link.answer(request, self.uptime_us, flags, status, value, payload)

    def _pump(self) -> bool:
        self.network.pump()
        if not self.serial.pump():
            return False
        self._last_serial = time.monotonic()
        return True

    def _idle(self, end_us: int) -> None:
        assert self._parked is not None
        request, deadline_us = self._parked
        self._pump()
        self._look = True
        due = deadline_us <= self.clock.now_us
        if due or self.network.wake or self.serial.input_came or self.serial.interrupt_wanted:
            self.network.wake = self.serial.input_came = False
            self._parked = None
            try:
                self._answer(request)
            except LinkClosedError:
                self._exited()
            return
        self._pass(min(deadline_us, end_us))

    def _pass(self, until_us: int) -> None:
        """Let time pass up to the next event, at most up to `until_us`."""
        due = self.clock.next_due_us()
        if due is not None:
            until_us = min(until_us, max(due, self.clock.now_us))
        if self.realtime and not self._pace(until_us):
            return
        self.clock.advance_to(until_us)
        if due is not None and due <= until_us:
            self.clock.advance(0)

    def _pace(self, until_us: int) -> bool:
        """Wait for the wall clock; False when something woke us before."""
        wait_us = until_us - self._wall_us()
        if wait_us <= 0:
            return True
        ready, _, _ = select.select([*self.network.fds(), *self._lines()[1:]], [], [], min(wait_us / 1e6, 0.02))
        self._follow_wall_clock(until_us)
        return not ready and self.clock.now_us >= until_us

    def _quiet(self, end_us: int) -> None:
        """No request came for a moment: at the prompt, busy, or gone."""
        moved = self._pump()
        assert self._process is not None
        if self._process.exit_code() is not None:
            self._exited()
            return
        now = time.monotonic()
        silent_s = now - self._last_call
        if self.serial.at_prompt:
            self.serial.interrupt_wanted = False  # it came between two lines; nothing runs that it could end
            self._wait_at_prompt(end_us, moved)
            return
        if self.realtime:
            self._follow_wall_clock(end_us)
        if self.serial.interrupt_wanted and silent_s > _INTERRUPT_S:
            self.serial.interrupt_wanted = False
            self._process.interrupt()
        elif self.timer_runs and not self._timer_told and self._computed_for() > _TIMER_S:
            self._timer_told = True
            self.clock.advance(_HUNG_US)
            os.write(self._timer_fds[1], b"\0")
        elif self._wdt_us and self._computed_for() > _COMPUTED_S:
            self.restart_as("WDT")
        elif silent_s > _LOST_S and not self.realtime:  # a person may compute as long as they like
            raise TimeoutError("the firmware makes no call; is it in an endless loop?")

    def _computed_for(self) -> float:
        """CPU time the program has used in its present silence; not the host's clock, which also runs for others."""
        assert self._process is not None
        computed_s = self._process.cpu_s()
        if self._computed_s < 0:
            self._computed_s = computed_s
        return computed_s - self._computed_s

    def _wait_at_prompt(self, end_us: int, moved: bool) -> None:
        self._last_call = time.monotonic()
        self._look = True
        while not moved and self._restart_as is None and self.clock.now_us < end_us:
            if self.realtime or time.monotonic() - self._last_serial < _PROMPT_GRACE_S:
                ready, _, _ = select.select(self._lines(), [], [], _PROMPT_WAIT_S)
                if self.realtime:
                    self._follow_wall_clock(end_us)
                if ready:
                    self._pump()
                    return
            else:
                self._pass(end_us)

    def _follow_wall_clock(self, end_us: int) -> None:
        """Real time passes for a processor that asks for nothing, too."""
        self.clock.advance_to(min(end_us, self._wall_us()))

    def _wall_us(self) -> int:
        """The wall clock in simulated time. More than a moment that the host lost is not made up for."""
        wall_us = self._sim0 + round((time.monotonic() - self._wall0) * 1e6)
        lost_us = wall_us - self.clock.now_us - _CATCH_UP_US
        if lost_us > 0:
            self._wall0 += lost_us / 1e6
            wall_us -= lost_us
        return wall_us

    def _exited(self) -> None:
        """The interpreter ended by itself: Ctrl-D at the prompt, sys.exit, or a crash."""
        assert self._process is not None
        deadline = time.monotonic() + _ENDS_S
        while (code := self._process.exit_code()) is None and time.monotonic() < deadline:
            time.sleep(0.001)
        if self._greeted and code in (0, 1, -2):
            self._restart("SOFT", skip_main=self.serial.raw_prompt)
            return
        self.serial.pump()
        self.power_off()
        self.crashed = f"the interpreter ended with {code}: {self.serial.output()[-500:].decode('utf-8', 'replace')}"
