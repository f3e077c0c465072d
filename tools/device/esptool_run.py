"""esptool as a program of its own: reads and writes an ESP32-S3 in its ROM loader. GPL: never imported.

`VAFA_ESPTOOL` names another executable of the same version. What it may be asked is only what stands here: there is no
erasing of a whole chip. Every run has a deadline. Bytes, seconds.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools.device.errors import ToolFailed, WrongBoard
from tools.device.listing import esptool_folder

_SHORT_S = 60.0
_BYTES_A_SECOND = 8_000  # at its slowest, 115200 baud
_BAUD = "460800"
_FLASH = re.compile(r"[Dd]etected flash size:\s*(\d+)MB")
_CHIP = re.compile(r"(?:Chip type|Chip is|Detecting chip type\.*|Connected to):?\s*(ESP32-?\w*(?:-\w+)?)")
_MAC = re.compile(r"MAC:\s*([0-9a-fA-F:]{17})")
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d)?)\s?%")


@dataclass(frozen=True)
class Chip:
    """What answered."""

    kind: str
    flash_mb: int
    serial: str


class Esptool:
    """One board in its loader at `port`."""

    def __init__(self, port: str) -> None:
        self._port = port

    def chip(self) -> Chip:
        """Which chip, its flash, its MAC. Raises ToolFailed, WrongBoard for anything but an ESP32-S3."""
        said = self._run(["flash-id"], _SHORT_S)
        kind, flash, mac = _CHIP.search(said), _FLASH.search(said), _MAC.search(said)
        if kind is None or "S3" not in kind.group(1):
            raise WrongBoard(f"the loader says {kind.group(1) if kind else 'nothing of its chip'}, wanted is ESP32-S3")
        return Chip(
            kind.group(1), int(flash.group(1)) if flash else 0, mac.group(1).replace(":", "").lower() if mac else ""
        )

    def read(self, offset: int, size: int) -> bytes:
        """A stretch of flash. Raises ToolFailed."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "read.bin"
            self._run(["read-flash", hex(offset), hex(size), str(path)], _SHORT_S + size / _BYTES_A_SECOND)
            raw = path.read_bytes() if path.exists() else b""
        if len(raw) != size:
            raise ToolFailed(f"it read {len(raw)} of {size} bytes at {offset:#x}")
        return raw

    def write(self, pieces: list[tuple[int, bytes]], told: Callable[[float], object] = lambda _percent: None) -> None:
        """Write what is not there already, sector by sector, and read it back. Raises ToolFailed."""
        self._with_files("write-flash", ["--skip-flashed"], pieces, told)

    def verify(self, pieces: list[tuple[int, bytes]]) -> None:
        """Compare the flash with these. Raises ToolFailed."""
        self._with_files("verify-flash", [], pieces, lambda _percent: None)

    def erase(self, offset: int, size: int) -> None:
        """A few sectors, named. Raises ToolFailed."""
        self._run(["erase-region", hex(offset), hex(size)], _SHORT_S)

    def start(self) -> None:
        """Out of the loader, into what was written."""
        self._run(["flash-id"], _SHORT_S, after="hard-reset")

    def _with_files(
        self, verb: str, options: list[str], pieces: list[tuple[int, bytes]], told: Callable[[float], object]
    ) -> None:
        keep = ["--flash-mode", "keep", "--flash-freq", "keep", "--flash-size", "keep"]
        with tempfile.TemporaryDirectory() as folder:
            words: list[str] = []
            for offset, content in pieces:
                path = Path(folder) / f"{offset:x}.bin"
                path.write_bytes(content)
                words += [hex(offset), str(path)]
            total = sum(len(content) for _, content in pieces)
            self._run([verb, *options, *keep, *words], _SHORT_S + total / _BYTES_A_SECOND, told=told)

    def _run(
        self,
        words: list[str],
        deadline_s: float,
        *,
        after: str = "no-reset",
        told: Callable[[float], object] = lambda _percent: None,
    ) -> str:
        head = ["--chip", "esp32s3", "--port", self._port, "--baud", _BAUD, "--before", "default-reset"]
        command = [*_executable(), *head, "--after", after, *words]
        try:
            return _followed(command, deadline_s, told)
        except OSError as error:
            raise ToolFailed(
                f"esptool cannot be started: {error.strerror}", "Run `list`: it says what is missing."
            ) from None


def _followed(command: list[str], deadline_s: float, told: Callable[[float], object]) -> str:
    """Run it, hand on the percents it prints, and give back what it said."""
    environment = {**os.environ, "PYTHONPATH": str(esptool_folder()), "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        ended = _killer(process, deadline_s)
        said: list[str] = []
        assert process.stdout is not None
        try:
            for line in process.stdout:
                said.append(line)
                percent = _PERCENT.search(line)
                if percent:
                    told(float(percent.group(1)))
            code = process.wait()
        finally:
            ended.cancel()
            process.kill()
    text = "".join(said)
    if code:
        last = [line.strip() for line in said if line.strip()]
        raise ToolFailed(last[-1] if last else f"esptool ended with {code}")
    return text


def _killer(process: subprocess.Popen[str], deadline_s: float) -> threading.Timer:
    timer = threading.Timer(deadline_s, process.kill)
    timer.daemon = True
    timer.start()
    return timer


def _executable() -> list[str]:
    named = os.environ.get("VAFA_ESPTOOL")
    return [named] if named else [sys.executable, "-m", "esptool"]
