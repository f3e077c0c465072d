"""Serial ports and BOOTSEL drives of this computer: which there are, whether we may use them, who holds them.

`VAFA_PORTS` names ports for benches without USB (a pseudo-terminal has no USB identity), `VAFA_BOOTSEL` folders that
stand for a BOOTSEL drive; both as PATH is written. Opens no port and sends nothing. Knows no terminal's protocol.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from serial.tools import list_ports

ESPRESSIF, RASPBERRY = 0x303A, 0x2E8A
ROM_LOADER = (ESPRESSIF, 0x1001)  # also what a program with the chip's own USB-Serial-JTAG shows
_BRIDGES = (0x10C4, 0x1A86, 0x0403)  # CP210x, CH340 and CH9102, FTDI: the UART socket of S3 boards
_INFO = "INFO_UF2.TXT"
_PROCESSES_MAX = 20_000


@dataclass(frozen=True)
class Port:
    """`serial` is what USB says, 12 hex digits when there are so many; `usb` is vendor and product, or None."""

    path: str
    serial: str = ""
    usb: tuple[int, int] | None = None

    @property
    def board(self) -> str:
        """By USB alone: "s3", "pico", or "" when that does not tell."""
        vendor = self.usb[0] if self.usb else 0
        return {ESPRESSIF: "s3", RASPBERRY: "pico"}.get(vendor, "")

    @property
    def rights(self) -> bool:
        """Whether this user may open it."""
        return not Path(self.path).exists() or os.access(self.path, os.R_OK | os.W_OK)


@dataclass(frozen=True)
class Drive:
    """A board in BOOTSEL: its drive and what INFO_UF2.TXT says it is (`RPI-RP2`)."""

    path: Path
    board_id: str


def ports() -> list[Port]:
    """Those that may lead to a terminal, in a steady order."""
    named = [path for path in os.environ.get("VAFA_PORTS", "").split(os.pathsep) if path]
    if named:  # one that is unplugged is none
        return [Port(path) for path in named if os.name == "nt" or Path(path).exists()]
    found = []
    for port in list_ports.comports():
        if port.vid in (ESPRESSIF, RASPBERRY, *_BRIDGES):
            found.append(Port(port.device, identity(port.serial_number or ""), (port.vid, port.pid or 0)))
    return sorted(found, key=lambda port: port.path)


def identity(serial: str) -> str:
    """A serial number as it is compared: the S3 prints 8 bytes of which 6 are filled, some with colons between."""
    digits = serial.replace(":", "").replace("-", "").lower()
    if len(digits) > 12 and all(digit in "0123456789abcdef" for digit in digits) and set(digits[12:]) == {"0"}:
        return digits[:12]
    return digits


def drives() -> list[Drive]:
    """Boards in BOOTSEL that are mounted."""
    found = []
    for folder in _mounted():
        try:
            lines = (folder / _INFO).read_text(encoding="ascii", errors="replace").splitlines()
        except OSError:
            continue
        ids = [line.partition(":")[2].strip() for line in lines if line.lower().startswith("board-id:")]
        found.append(Drive(folder, ids[0] if ids else "?"))
    return found


def _mounted() -> Iterable[Path]:
    named = [Path(path) for path in os.environ.get("VAFA_BOOTSEL", "").split(os.pathsep) if path]
    if named or "VAFA_PORTS" in os.environ:
        return named
    if sys.platform == "win32":
        return [Path(f"{letter}:/") for letter in "DEFGHIJKLMNOPQRSTUVWXYZ"]
    if sys.platform == "darwin":
        return sorted(Path("/Volumes").glob("*"))
    try:
        mounts = Path("/proc/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    parts = [line.split(" ") for line in mounts]
    return [Path(part[1].replace("\\040", " ")) for part in parts if len(part) > 2 and part[2] in ("vfat", "msdos")]


def holder(path: str) -> str:
    """`name (pid n)` of another program that has this port open, as far as this user may see; "" for none."""
    try:
        device = os.path.realpath(path)
        processes = [name for name in os.listdir("/proc") if name.isdigit()][:_PROCESSES_MAX]
    except OSError:
        return ""  # no /proc: nothing to look at
    for process in processes:
        if process != str(os.getpid()) and device in _open_files(process):
            return f"{_name(process)} (pid {process})"
    return ""


def _open_files(process: str) -> set[str]:
    folder = f"/proc/{process}/fd"
    found = set()
    try:
        for entry in os.listdir(folder):
            found.add(os.readlink(f"{folder}/{entry}"))
    except OSError:
        pass  # ended meanwhile, or another user's
    return found


def _name(process: str) -> str:
    try:
        words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return "a program"
    shown = [Path(word.decode("utf-8", "replace")).name for word in words if word and not word.startswith(b"-")]
    if len(shown) > 1 and shown[0].startswith("python"):
        return shown[1]  # the script, not its interpreter
    return shown[0] if shown else "a program"
