"""A terminal's slots and small values in a folder, and updates made for it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from firmware import version
from firmware.service import builds, fetching, install, slots
from firmware.service.builds import Builds
from firmware.store.seal import Sealer
from firmware.store.slots import Slots
from tools.release import development, program
from tools.sim.chips.nor import Nor, NorPartition

MADE = version.BUILT_UTC
OLD = b"VBN3 the program that runs"
NEW = b"VBN3" + bytes(range(256)) * 300
JOURNAL_SECTORS = 4


def update(bundle: bytes = NEW, **facts: Any) -> bytes:
    """A `.vfu` for this terminal, one build higher than what runs."""
    given: dict[str, Any] = {
        "board": "s3",
        "version": "0.2.0",
        "build": version.BUILD + 1,
        "epoch": version.EPOCH,
        "abi": version.ABI,
        "stage": 1,
        "made_utc": MADE,
    }
    return program.program_file(bundle, **{**given, **facts})


def root_body(number: int = 1) -> bytes:
    keys = development.signers() if number == 1 else development.next_signers()
    return program.root_body(number, [key.modulus for key in keys])


class Place:
    """A file system of `size` bytes in a folder, with slot a running."""

    name = "s3"
    page_only = False

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, size: int = 1024 * 1024) -> None:
        self.folder = folder
        self.size = size
        self.runs = "a"
        self.cells = Nor(4 * 4096)
        self.journal = Nor(JOURNAL_SECTORS * 4096)
        patch.setattr(slots, "file_of", lambda slot: str(folder / f"slot_{slot}.vfu"))
        patch.setattr(slots, "running", lambda: self.runs)
        for name, new in (("NEW", "program.new"), ("KEYS", "release-keys.bin")):
            patch.setattr(install, name, str(folder / new))
        patch.setattr(fetching, "PIN", str(folder / "program.pin"))
        patch.setattr(install.os, "statvfs", self._statvfs, raising=False)
        for name in (
            "read",
            "write",
            "begin_trial",
            "on_trial",
            "confirm",
            "give_up",
            "given_up",
            "ended_well",
            "wanted",
        ):
            self._at_folder(patch, name)
        patch.setattr("__main__.vafa_stage", 1, raising=False)
        (folder / "slot_a.vfu").write_bytes(update(OLD, build=version.BUILD))
        (folder / "release-keys.bin").write_bytes(root_body())

    def _at_folder(self, patch: pytest.MonkeyPatch, name: str) -> None:
        real = getattr(slots, name)
        patch.setattr(real, "__defaults__", (*real.__defaults__[:-1], str(self.folder / "boot.dat")))

    def _statvfs(self, _place: str) -> tuple[int, ...]:
        used = sum((entry.stat().st_size + 4095) // 4096 for entry in os.scandir(self.folder))
        return (4096, 4096, self.size // 4096, self.size // 4096 - used, 0)

    def store(self) -> Slots:
        found = Slots(NorPartition(self.cells, 0, 4), Sealer(bytes(16), b"", b"vafa-slots"), 7, False, 2)
        found.open()
        return found

    def kept(self) -> Builds:
        return builds.read(self.store())

    def put(self, content: bytes, name: str = "program.new") -> str:
        (self.folder / name).write_bytes(content)
        return str(self.folder / name)

    # --- what a board has ---------------------------------------------------------------------------------------------

    def transaction_flash(self) -> NorPartition:
        return NorPartition(self.journal, 0, JOURNAL_SECTORS)

    def vault_flash(self) -> NorPartition:
        return NorPartition(self.cells, 0, 4)

    def own_key(self) -> bytes:
        return bytes(16)

    def random_number(self, _bits: int) -> int:
        return 7
