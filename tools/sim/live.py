"""A terminal in real time on a thread of its own, for the panel and for people at its serial port.

Everything that touches the terminal runs on that thread: `call` does so and waits for the result, `post` does not
wait. Between commands the terminal lives on in slices of simulated milliseconds.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from tools.sim.terminal import Terminal

T = TypeVar("T")
SLICE_MS = 10
_PATIENCE_S = 120.0  # of who waits for this thread: it comes late on a busy PC


class LiveTerminal:
    """Owns a Terminal made with realtime=True. `after_slice` is called on the thread after every slice and command."""

    def __init__(self, terminal: Terminal, after_slice: Callable[[Terminal], None] | None = None) -> None:
        if not terminal.realtime:
            raise ValueError("a live terminal follows the wall clock: Terminal(..., realtime=True)")
        self.terminal = terminal
        self.failure: BaseException | None = None
        self._after_slice = after_slice
        self._commands: queue.SimpleQueue[tuple[Callable[[Terminal], Any], Future[Any]]] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._live, name="terminal", daemon=True)

    def start(self) -> None:
        """Begin to live; the terminal is not switched on by this."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and close the terminal; harmless to call again."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE_S)
        self.terminal.close()

    def post(self, command: Callable[[Terminal], T]) -> Future[T]:
        """Have `command(terminal)` run between two slices."""
        future: Future[T] = Future()
        self._commands.put((command, future))
        return future

    def call(self, command: Callable[[Terminal], T], timeout_s: float = _PATIENCE_S) -> T:
        """`post` and wait for the result; what the command raises is raised here."""
        return self.post(command).result(timeout_s)

    def power_on(self) -> None:
        self.call(Terminal.power_on)

    def power_off(self) -> None:
        self.call(Terminal.power_off)

    def key_down(self, key_name: str) -> None:
        """Put a finger on a key until `key_up`."""
        self.post(lambda terminal: terminal.key_down(key_name))

    def key_up(self, key_name: str) -> None:
        self.post(lambda terminal: terminal.key_up(key_name))

    def screen(self) -> bytes:
        return self.call(Terminal.screen)

    def _live(self) -> None:
        try:
            while not self._stopping.is_set():
                self._obey()
                self.terminal.run(SLICE_MS)
                self._look()
        except (OSError, RuntimeError, ValueError, TimeoutError, AssertionError) as failure:
            self.failure = failure
            self._stopping.set()
            raise

    def _look(self) -> None:
        if self._after_slice is not None:
            self._after_slice(self.terminal)

    def _obey(self) -> None:
        while True:
            try:
                command, future = self._commands.get_nowait()
            except queue.Empty:
                return
            try:
                future.set_result(command(self.terminal))
            except Exception as error:  # noqa: BLE001 (it belongs to the one who asked)
                future.set_exception(error)
            # A command lets time pass (a key is held): what it changed is shown before the next one is obeyed.
            self._look()
