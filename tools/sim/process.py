"""The processor: MicroPython's unix interpreter as a child process with a terminal line and the link.

One process is one start of the processor, from reset to reset. Knows nothing of what travels on the link.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

from tools.sim import image

_OVERLAY_BYTES = 44 * 1024  # what the overlay takes of the heap before boot.py

# TIOCSCTTY makes the line the controlling terminal, so that Ctrl-C on it becomes SIGINT here and its end SIGHUP.
_LAUNCHER = (
    "import sys,fcntl,termios\n"
    "fcntl.ioctl(0,termios.TIOCSCTTY,0)\n"
    "sys.path.insert(0,sys.argv[1])\n"
    "import micropython_run\n"
    "sys.exit(micropython_run.run_main(['micropython']+sys.argv[2:]))\n"
)


@cache
def _interpreter_folder() -> str:
    import micropython_run

    return str(Path(str(micropython_run.__file__)).parent)


class Process:
    """A running interpreter. `line_fd` is the slave end of its terminal line, a byte in `timer_fd` a timer's turn.
    `under`: a command to run it under, one that counts what it does."""

    under: tuple[str, ...] = ()

    def __init__(self, link_fd: int, line_fd: int, files_fd: int, timer_fd: int, heap_kb: int) -> None:
        path = f"{image.overlay_directory()}:.frozen"
        environment = {"MICROPYPATH": path, "TERMINAL_LINK": str(link_fd), "TERMINAL_TIMER": str(timer_fd), "TZ": "UTC"}
        command = [sys.executable, "-I", "-S", "-c", _LAUNCHER, _interpreter_folder()]
        # Words are twice as long here: room for as many objects as a 32-bit board has in that many kilobytes.
        heap_bytes = heap_kb * 2048 + _OVERLAY_BYTES
        command += ["-X", f"heapsize={heap_bytes}", "-i", "-c", "import rt;rt.start(globals())"]
        self._child = subprocess.Popen(
            [*self.under, *command],
            stdin=line_fd,
            stdout=line_fd,
            stderr=line_fd,
            pass_fds=(link_fd, files_fd, timer_fd),
            env=environment,
            cwd="/",
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._child.pid

    def exit_code(self) -> int | None:
        """None while it runs; negative is the signal that ended it."""
        return self._child.poll()

    def cpu_s(self) -> float:
        """CPU time it has used, in seconds."""
        return time.clock_gettime(~self._child.pid << 3 | 2)  # the kernel's number of a process's clock

    def catches_interrupt(self) -> bool:
        """Whether it executes a program: only then has the interpreter a handler for SIGINT. Linux only."""
        with contextlib.suppress(OSError), open(f"/proc/{self._child.pid}/status", "rb") as file:
            for line in file:
                if line.startswith(b"SigCgt:"):
                    return bool(int(line.split()[1], 16) >> (signal.SIGINT - 1) & 1)
        return False

    def interrupt(self) -> None:
        """Ctrl-C for a program that is in no request; one that has just ended is left alone."""
        if sys.platform == "linux" and not self.catches_interrupt():
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._child.pid, signal.SIGINT)

    def kill(self) -> None:
        """Stop it at once, as a reset does."""
        if self._child.poll() is None:
            self._child.kill()
        self._child.wait()
