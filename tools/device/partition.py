"""`partition`: how the flash of each board is divided, in the form its tools take, and whether the firmware agrees.

The sizes stand in tools/sim/layout.py and nowhere else on this side; an ESP32's table moves them behind the
interpreter. Bytes. docs/partitions.md tells how to get the layout onto a board.
"""

from __future__ import annotations

import contextlib
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import click

from tools.device.errors import DeviceError
from tools.device.output import Output
from tools.sim.layout import LAYOUTS

SECTOR = 4096
_KB = 1024
USES = {
    "vfs": "files: the program, texts, /config",
    "txlog": "journal of transactions",
    "members": "what the switch last told of members",
    "vault": "keys, settings and counters, tries",
}
# MicroPython's own table for 8 MB: the interpreter may grow to here, then the file system begins.
S3_FLASH = 8192 * _KB
_S3_BASE = 0x310000
_S3_SYSTEM = (
    ("nvs", "data", "nvs", 0x9000, 0x6000),
    ("phy_init", "data", "phy", 0xF000, 0x1000),
    ("factory", "app", "factory", 0x10000, _S3_BASE - 0x10000),
)
_S3_SUBTYPE = "fat"  # of data partitions the only one that both tools know; MicroPython mounts by the name "vfs"


class LayoutsDiffer(DeviceError):
    """The firmware would use other places."""

    code, title, exit_code = "D60", "The layouts do not agree", 6
    next_step = "Bring firmware/board.py, tools/sim/layout.py and this command together before anything is flashed."


@dataclass(frozen=True)
class Region:
    """A stretch of flash; `start` counts from the start of the chip (s3) or of the storage area (pico)."""

    name: str
    start: int
    size: int

    @property
    def use(self) -> str:
        return USES[self.name]


def regions(board: str) -> list[Region]:
    """In the order in which they lie."""
    base = _S3_BASE if board == "s3" else 0
    parts = LAYOUTS[board].partitions
    return sorted((Region(name, base + start, size) for name, (start, size) in parts.items()), key=lambda r: r.start)


def s3_rows() -> list[tuple[str, str, str, int, int]]:
    """The partition table of the S3: name, type, subtype, offset, size."""
    return [*_S3_SYSTEM, *((r.name, "data", _S3_SUBTYPE, r.start, r.size) for r in regions("s3"))]


def table_rows() -> list[str]:
    """The partition table of the S3: as CSV for gen_esp32part, in its last line as mp-image-tool-esp32 takes it."""
    rows = s3_rows()
    csv = [f"{name}, {kind}, {subtype}, {start:#x}, {size:#x}," for name, kind, subtype, start, size in rows]
    table = ",".join(f"{name}={subtype}:{start:#x}:{size:#x}" for name, _, subtype, start, size in rows)
    tool = f"# mp-image-tool-esp32 FIRMWARE --flash-size {S3_FLASH // _KB // _KB}M --table {table}"
    return ["# Name, Type, SubType, Offset, Size, Flags", *csv, tool]


def flash_values() -> list[str]:
    """The regions of the Pico W as the firmware asks for them."""
    return [f"{r.name} = rp2.Flash(start={r.start}, len={r.size})" for r in regions("pico")]


@click.command()
@click.option("--board", type=click.Choice(sorted(LAYOUTS)), default=None, help="Only this one.")
@click.option("--check", is_flag=True, help="Compare with what the firmware asks the board for.")
@click.pass_obj
def partition(output: Output, board: str | None, check: bool) -> None:
    """Show how the flash is divided.

    Rows and values for tools go to standard output. No terminal is needed.
    """
    for name in [board] if board else sorted(LAYOUTS):
        found = regions(name)
        rows = [(r.name, f"{r.start:#x}", f"{r.size:#x}", f"{r.size // _KB} KB", r.use) for r in found]
        output.table(f"{name}: {_whole(name) // _KB} KB", ("name", "#start", "#size", "#", "what for"), rows)
        for region in found:
            output.event("region", board=name, region=region.name, start=region.start, size=region.size, use=region.use)
        if not output.as_json:
            click.echo("\n".join(table_rows() if name == "s3" else flash_values()))
        if check:
            problems = differences(name)
            if problems:
                raise LayoutsDiffer("; ".join(problems))
            output.event("checked", board=name)
            output.say(f"{name}: the firmware asks for the same.")


def _whole(board: str) -> int:
    return S3_FLASH if board == "s3" else LAYOUTS[board].flash_size


def differences(board: str) -> list[str]:
    """What is wrong with a layout, or asked for differently by the firmware; empty when all is well."""
    found = regions(board)
    wrong = [f"{r.name} is not whole sectors" for r in found if r.start % SECTOR or r.size % SECTOR or not r.size]
    for one, other in zip(found, found[1:], strict=False):
        if one.start + one.size > other.start:
            wrong.append(f"{one.name} runs into {other.name}")
    if found[-1].start + found[-1].size > _whole(board):
        wrong.append(f"{found[-1].name} goes beyond the flash")
    wrong += [f"no place for {name}" for name in USES if name not in {r.name for r in found}]
    asked = asked_for(board)
    for region in found:
        if region.name in asked and asked[region.name] not in (None, (region.start, region.size)):
            wrong.append(f"the firmware has {region.name} at {asked[region.name]}")
    wrong += [f"the firmware does not ask for {name}" for name in USES if name not in asked and name != "vfs"]
    return wrong


def asked_for(board: str) -> dict[str, tuple[int, int] | None]:
    """Name -> start and size the firmware's board module asks its port for; None where it goes by the name alone."""
    from firmware.board import this_board

    asked: dict[str, tuple[int, int] | None] = {}
    with _port(board):
        terminal = this_board()
        for name, flash in (
            ("txlog", terminal.transaction_flash),
            ("members", terminal.member_flash),
            ("vault", terminal.vault_flash),
        ):
            got: Any = flash()
            asked[got if isinstance(got, str) else name] = None if isinstance(got, str) else got
    return asked


@contextlib.contextmanager
def _port(board: str) -> Iterator[None]:
    """The port's module as far as the board asks it for flash, answering with what it was asked."""
    before = {name: sys.modules.get(name) for name in ("rp2", "esp32")}
    rp2, esp32 = types.ModuleType("rp2"), types.ModuleType("esp32")
    vars(rp2)["Flash"] = lambda start, len: (start, len)  # noqa: A006 (the port's own name)
    vars(esp32)["Partition"] = _Partition
    sys.modules["rp2"] = rp2
    sys.modules["esp32"] = esp32 if board == "s3" else None  # type: ignore[assignment]  # None: there is none
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module


class _Partition:
    """`esp32.Partition`: a partition is found by its name."""

    TYPE_DATA = 1

    @staticmethod
    def find(_kind: int, label: str) -> list[str]:
        return [label]
