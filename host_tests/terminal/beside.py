"""A tool as a process beside a simulated terminal that lives.

The terminal's clock leaps while nothing happens, a tool lives in real time. What a busy PC gives the tool late must not
be minutes of the terminal's: its clock leaps while the tool waits, and is slow while the tool thinks.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from host_tests.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]
SLICE_MS = 20
_THINKS_S = 0.005  # no longer: a tool that waits for a restart looks for the port all the while, and gives up


def waits(pid: int) -> bool:
    """Whether no thread of a process, or of one that it started, computes or would if a processor were free."""
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            state = (thread / "stat").read_text().rpartition(")")[2].split()[0]
            if state not in "SZ" or not all(map(waits, map(int, (thread / "children").read_text().split()))):
                return False
    except (FileNotFoundError, ProcessLookupError):  # it just ended
        return False
    return True


def live_beside(process: subprocess.Popen[str], live: Callable[[], object], told: Callable[[], object]) -> None:
    """Let the terminal live until the process has ended; `told` is what there is to say of one that does not end."""
    until = time.monotonic() + PATIENCE_S
    try:
        while process.poll() is None:
            assert time.monotonic() < until, told()
            live()
            if not waits(process.pid):
                time.sleep(_THINKS_S)
    finally:
        process.kill()
        process.wait()


def run(
    command: list[str],
    live: Callable[[], object],
    told: Callable[[], object],
    *,
    typed: str | None = None,
    cwd: Path = ROOT,
    **environment: str,
) -> tuple[int, str, str]:
    """A command line's exit code, and what it said and told while the terminal lived."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL if typed is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    said: list[str] = []
    heard: list[str] = []
    pairs = ((process.stdout, said), (process.stderr, heard))
    readers = [threading.Thread(target=into.extend, args=(stream,), daemon=True) for stream, into in pairs]
    for reader in readers:
        reader.start()
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(typed or "")
            process.stdin.close()
    live_beside(process, live, lambda: (command, said, heard, told()))
    for reader in readers:
        reader.join(PATIENCE_S)
    return process.returncode, "".join(said), "".join(heard)


def tool(
    live: Callable[[], object], told: Callable[[], object], *arguments: str, cwd: Path = ROOT, **environment: str
) -> tuple[int, list[dict[str, Any]], str]:
    """The technician's tool: exit code, its JSON lines, what it told people."""
    command = [sys.executable, "-m", "tools.device", "--json", *arguments]
    code, said, heard = run(command, live, told, cwd=cwd, PYTHONPATH=str(ROOT), **environment)
    return code, [json.loads(line) for line in said.splitlines()], heard
