"""The interpreter onto a board: into the loader, written and read back, out again, and found under whatever port.

An ESP32-S3 by esptool, a Pico W by a file on its BOOTSEL drive. Resets are waited for by serial number where USB tells
it; every wait has an end. Seconds.
"""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

from tools.device import board_seen
from tools.device.board_seen import Seen
from tools.device.contact import Contact
from tools.device.errors import NotBack, ToolFailed, WrongBoard
from tools.device.esptool_run import Chip, Esptool
from tools.device.flash_plan import Plan
from tools.device.images import Image
from tools.device.ports import Drive, drives, ports
from tools.device.probing import Answers, Found, probe
from tools.device.terminal import prompt_with

_FLASH_MB = 8
_AGAIN_S = 0.3
_COPY_S = 60.0
_CHUNK = 64 * 1024


def is_there(port: str, seen: Seen, plan: Plan) -> bool:
    """Whether the running interpreter is that of the plan: by hash where the board can read it, else by version."""
    piece = next((piece for piece in plan.pieces if piece.place == "interpreter"), None)
    if piece is None:
        return True
    if seen.board == "s3" and seen.store == "absent":
        return False  # another partition table
    session = prompt_with(port, board_seen.program(), stay=True)
    try:
        found = board_seen.interpreter(session, piece.at, len(piece.content))
    finally:
        session.close()
    if found:
        return found == hashlib.sha256(piece.content).hexdigest()
    return bool(plan.version) and plan.version in seen.python


def to_loader(contact: Contact, found: Found) -> Found:
    """Ask a board at its prompt into its loader or BOOTSEL. Raises NotBack."""
    session = prompt_with(found.port, "import machine\n", stay=True)
    session.leave("machine.bootloader()")
    wanted = (Answers.BOOTSEL,) if found.board == "pico" else (Answers.ROM,)
    try:
        return wait_for(contact, found, wanted)
    except NotBack:
        held = "hold BOOTSEL while plugging it in" if found.board == "pico" else "hold BOOT, press RESET, release BOOT"
        raise NotBack("it does not go to its loader by itself", f"Unplug nothing: {held}, then run again.") from None


def s3_chip(tool: Esptool) -> Chip:
    """Which chip is there. Raises WrongBoard."""
    chip = tool.chip()
    if chip.flash_mb and chip.flash_mb < _FLASH_MB:
        raise WrongBoard(f"it has {chip.flash_mb} MB of flash, a terminal needs {_FLASH_MB}")
    return chip


def write_s3(contact: Contact, tool: Esptool, plan: Plan) -> None:
    """Write the pieces, read them back, and start what was written. Raises ToolFailed."""
    pieces = [(piece.at, piece.content) for piece in plan.pieces]
    contact.output.say("writing the interpreter")
    tool.write(pieces, lambda percent: contact.output.progress("interpreter", int(percent), 100))
    tool.verify(pieces)
    contact.output.say(f"verified {len(pieces)} of {len(pieces)} regions")
    tool.start()


def write_pico(contact: Contact, drive: Drive, image: Image) -> None:
    """Copy the file; the board leaves BOOTSEL when it has all of it. Raises ToolFailed, WrongBoard, NotBack."""
    if drive.board_id not in ("RPI-RP2", "?"):
        raise WrongBoard(f"the drive says {drive.board_id}, wanted is RPI-RP2")
    target = drive.path / image.path.name
    try:
        with target.open("wb") as file:
            for at in range(0, len(image.raw), _CHUNK):
                file.write(image.raw[at : at + _CHUNK])
                file.flush()
                contact.output.progress("interpreter", min(at + _CHUNK, len(image.raw)), len(image.raw))
            os.fsync(file.fileno())
    except OSError as error:
        if _there(drive.path):
            raise ToolFailed(f"{target}: {error.strerror}", "Plug it in anew with BOOTSEL held, run again.") from None
    until = time.monotonic() + _COPY_S
    while _there(drive.path):
        if time.monotonic() > until:
            raise NotBack("it took the file and stays in BOOTSEL", "The file is damaged or for another chip.")
        time.sleep(_AGAIN_S)


def _there(path: Path) -> bool:
    return any(drive.path == path for drive in drives())


def wait_for(contact: Contact, before: Found, wanted: tuple[Answers, ...]) -> Found:
    """The same board in one of these states, under whatever port. Raises NotBack."""
    until = time.monotonic() + contact.timeout_s
    while True:
        for found in _candidates(contact, before):
            if found.answers in wanted:
                return found
        if time.monotonic() > until:
            names = " or ".join(answers.value for answers in wanted)
            raise NotBack(f"no {names} within {contact.timeout_s:.0f} s")
        time.sleep(_AGAIN_S)


def _candidates(contact: Contact, before: Found) -> list[Found]:
    """A serial number decides; without one the port that was named, or any."""
    found = ports()
    same = [port for port in found if before.serial and port.serial == before.serial]
    named = [port for port in found if contact.port and port.path == contact.port]
    if contact.port and not found:
        return contact.all()
    boards = [probe(port, briefly=True) for port in same or named or found]
    bootsel = [Found(Answers.BOOTSEL, str(drive.path), "pico", detail=drive.board_id) for drive in drives()]
    return boards + bootsel
