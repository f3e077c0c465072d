"""A bench with one board on a cable: a loader that answers, a chip behind a played esptool, then the simulated terminal
that starts on what was written. The port keeps its name, a link that leads to whichever of the two is there."""

from __future__ import annotations

import hashlib
import os
import pty
import struct
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Any

from host_tests.terminal import beside
from tools.device.esp_image import TABLE_AT, table
from tools.device.partition import S3_FLASH, regions
from tools.sim import image as staging
from tools.sim.terminal import Terminal

SYNC, SYNCED = b"\xc0\x00\x08\x24", b"\xc0\x01\x08\x04\x00\x07\x07\x12\x20\x00\x00\x00\x00\xc0"
VERSION = "9458e3a23f"  # what the terminal's interpreter calls itself
APPLICATION_AT = 0x10000
STORAGE = regions("s3")[0].start


def esp_part(content: bytes, *, chip: int = 9, flash: int = 0x3F) -> bytes:
    """An image of one segment, as ESP-IDF makes them."""
    head = struct.pack("<BBBBIB3sHBHH4sB", 0xE9, 1, 2, flash, 0x40374000, 0xEE, bytes(3), chip, 0, 0, 99, bytes(4), 1)
    raw = head + struct.pack("<II", 0x3C000020, len(content)) + content
    check = 0xEF
    for byte in content:
        check ^= byte
    raw += bytes(15 - len(raw) % 16) + bytes([check])
    return raw + hashlib.sha256(raw).digest()


def application(version: str = VERSION, size: int = 20_000, project: str = "micropython") -> bytes:
    """With its description in front."""
    said = struct.pack(
        "<II8s32s32s16s16s32s32s",
        0xABCD5432,
        0,
        b"",
        version.encode(),
        project.encode(),
        b"12:00:00",
        b"Aug 24 2026",
        b"v5.5.1",
        bytes(32),
    )
    return esp_part(said + hashlib.shake_128(version.encode()).digest(size - len(said)))


def download(app: bytes | None = None, loader: bytes | None = None) -> bytes:
    """A file for address 0, as it is downloaded."""
    whole = bytearray((loader or esp_part(b"\x11" * 3000, flash=0x2F)).ljust(TABLE_AT, b"\xff"))
    whole += table().ljust(APPLICATION_AT - TABLE_AT, b"\xff")
    return bytes(whole + (app or application()))


class Bench:
    """See the module's text."""

    def __init__(
        self, folder: Path, terminal: Terminal | None = None, live: Callable[[int], object] | None = None
    ) -> None:
        self.folder = folder
        self.port = folder / "port"
        self.image = folder / "micropython.bin"
        self.image.write_bytes(download())
        empty = folder / "empty"
        empty.mkdir()
        (folder / "chip.bin").write_bytes(b"\xff" * S3_FLASH)
        self._borrowed = terminal is not None
        self.terminal = terminal or Terminal("s3", tree=empty)
        self._live_ms = live or self.terminal.run
        self.terminal.power_off()
        self.terminal.nor.image[:] = b"\xff" * len(self.terminal.nor.image)
        self._loader, host = pty.openpty()
        self._rom = os.ttyname(host)
        tty.setraw(host)
        os.close(host)
        (folder / "rom").write_text(self._rom)
        self._ended = False
        self._answering = threading.Thread(target=self._answer, daemon=True)
        self._answering.start()
        self.pulled = False

    def close(self) -> None:
        self._ended = True
        self._answering.join(2)
        os.close(self._loader)
        if not self._borrowed:
            self.terminal.close()

    # --- the cable ---------------------------------------------------------------------------------------------------

    def plug_loader(self) -> None:
        """BOOT was held: the loader answers, the interpreter does not run."""
        self.terminal.power_off()
        raw = (self.folder / "chip.bin").read_bytes()
        image = self.terminal.nor.image
        (self.folder / "chip.bin").write_bytes(raw[:STORAGE] + bytes(image) + raw[STORAGE + len(image) :])
        self._lead_to(self._rom)

    def start(self) -> None:
        """Out of the loader: the interpreter starts on what the chip holds."""
        raw, image = (self.folder / "chip.bin").read_bytes(), self.terminal.nor.image
        assert raw[0] == raw[APPLICATION_AT] == 0xE9 and raw[TABLE_AT : TABLE_AT + len(table())] == table(), "it boots"
        image[:] = raw[STORAGE : STORAGE + len(image)]
        start, size = self.terminal.layout.partitions["vfs"]
        if not bytes(image[start : start + size]).strip(b"\xff"):  # MicroPython's inisetup
            image[start : start + size] = staging.volume_image({}, size, program_size=self.terminal.layout.program_size)
        self.terminal.power_on()
        self._lead_to(self.terminal.serial_path)

    def pull(self) -> None:
        """The cable: no port, no power."""
        self.port.unlink(missing_ok=True)
        self.terminal.power_off()
        self.pulled = True

    def plug(self) -> None:
        """The board starts on what it has."""
        self.pulled = False
        self.terminal.power_on()
        self._lead_to(self.terminal.serial_path)

    def _lead_to(self, path: str) -> None:
        new = self.folder / "port.new"
        new.unlink(missing_ok=True)
        new.symlink_to(path)
        new.replace(self.port)

    def _answer(self) -> None:
        heard = b""
        while not self._ended:
            try:
                heard = (heard + os.read(self._loader, 200))[-400:]
            except OSError:
                time.sleep(0.01)  # nobody there
                continue
            if SYNC in heard:
                heard = b""
                os.write(self._loader, SYNCED)

    # --- the tool -----------------------------------------------------------------------------------------------------

    def tool(
        self,
        *arguments: str,
        meanwhile: Callable[[], object] = lambda: None,
        **environment: str,
    ) -> tuple[int, list[dict[str, Any]], str]:
        """Run the tool while the board lives: exit code, its JSON lines, what it told people."""
        names = {
            "VAFA_PORTS": str(self.port),
            "VAFA_BOOTSEL": "",
            "VAFA_ESPTOOL": str(Path(__file__).with_name("fake_esptool.py")),
            "VAFA_IMAGES": str(self.folder / "images.jsonl"),
            "BENCH": str(self.folder),
        }

        def live() -> None:
            self._live()
            meanwhile()

        # What it saves goes to the bench's folder.
        return beside.tool(live, self.terminal.serial_output, *arguments, cwd=self.folder, **{**names, **environment})

    def _live(self) -> None:
        if (self.folder / "reset").exists():
            (self.folder / "reset").unlink()
            self.start()
        if self.terminal.powered:
            self._live_ms(beside.SLICE_MS)
        else:
            time.sleep(0.02)
