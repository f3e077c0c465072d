"""A backup holds the journal and the files and no key; it is checked when read, and fails when it is not whole."""

from __future__ import annotations

import hashlib
import json
import sys
import types
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from host_tests.unit.test_device_wipe import NAME, TMK, Till
from tools.device import archive as archives
from tools.device import backup as backups
from tools.device import cli, contact
from tools.device.archive import ArchiveUnfit
from tools.device.probing import Answers, Found
from tools.device.regions_on_terminal import Regions
from tools.device.wipe_on_terminal import Wipe


class Bench(Till):
    """The till with both programs at its prompt. `spoil` alters a line on the way."""

    name = "s3"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.spoil: Callable[[str], str] = lambda line: line
        (folder / "config" / "keys.json").write_text(json.dumps({"tmk": TMK.hex()}))
        (folder / "config" / "staff.dat").write_bytes(b"staff")
        (folder / "fault.txt").write_text("--- main\nValueError: x\n")
        (folder / "slot_a.vfu").write_bytes(b"VFU1")

    def run(self, call: str, heard: Callable[[str], object]) -> None:
        there: Any = self

        def say(line: str) -> None:
            heard(self.spoil(line))

        eval(
            call,
            {
                "wiping": Wipe(there, say, str(self.folder / "config"), str(self.folder / "wiping")),
                "regions": Regions(there, say, str(self.folder) + "/", str(self.folder / "replacing")),
            },
        )

    def at_prompt(self, _contact: object, *, maintenance: bool) -> Bench:
        self.sessions += 1
        return self

    def back_up(self, target: Path) -> tuple[Result, dict[str, Any]]:
        result = CliRunner().invoke(
            cli.main, ["backup", "--json", "--port", "P", "--to", str(target)], catch_exceptions=False
        )
        assert self.sessions == 0
        return result, json.loads(result.stdout.splitlines()[-1])


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    machine = types.ModuleType("machine")
    vars(machine)["unique_id"] = lambda: b"\xab\xcd"
    monkeypatch.setitem(sys.modules, "machine", machine)
    (tmp_path / "there").mkdir()
    made = Bench(tmp_path / "there")
    monkeypatch.setattr(contact.Contact, "all", lambda _self: [Found(Answers.PROMPT, "P", "s3", "abcd")])
    monkeypatch.setattr(backups, "at_prompt", made.at_prompt)
    return made


def test_a_backup_holds_the_journal_and_the_files_and_no_key(bench: Bench, tmp_path: Path) -> None:
    before = bytes(bench.nor.image)
    result, last = bench.back_up(tmp_path / "saved.zip")
    assert result.exit_code == 0, result.output
    kept = archives.read(tmp_path / "saved.zip")
    assert kept.regions["txlog"] == before[: 8 * 4096]
    assert last["sha256"]["txlog"] == hashlib.sha256(before[: 8 * 4096]).hexdigest()
    assert (kept.terminal, kept.serial, kept.board, kept.counts.unsettled) == (NAME, "abcd", "s3", bench.lost)
    assert set(kept.files) == {"config/settings.json", "config/ca.der", "fault.txt"}
    assert (tmp_path / "saved.zip").stat().st_mode & 0o077 == 0
    raw = b"".join(zipfile.ZipFile(tmp_path / "saved.zip").read(name) for name in kept_names(tmp_path / "saved.zip"))
    assert TMK not in raw and TMK.hex().encode() not in raw


@pytest.mark.parametrize("sold", [0, 3])
def test_a_journal_is_empty_when_it_never_held_a_record(bench: Bench, tmp_path: Path, sold: int) -> None:
    bench.nor.image[: 8 * 4096] = b"\xff" * (8 * 4096)
    journal = bench.journal()
    if sold:
        journal.continue_above(0)
        bench.sell(journal, sold)
        journal.settle_all([t.seq for t in journal.pending()])
    bench.back_up(tmp_path / "saved.zip")
    counts = archives.read(tmp_path / "saved.zip").counts
    assert (counts.empty, counts.unsettled, counts.high) == (not sold, 0, 0)


def kept_names(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def test_a_piece_that_came_altered_makes_no_backup(bench: Bench, tmp_path: Path) -> None:
    bench.spoil = lambda line: line if not line.startswith("piece txlog 0") else line.replace("A", "B", 1)
    result, last = bench.back_up(tmp_path / "saved.zip")
    assert result.exit_code == 6 and last["code"] == "D90" and not (tmp_path / "saved.zip").exists()


@pytest.mark.parametrize("part", ["manifest.json", "regions/txlog.bin", "files/config/settings.json"])
def test_an_altered_archive_is_refused(bench: Bench, tmp_path: Path, part: str) -> None:
    bench.back_up(tmp_path / "saved.zip")
    with zipfile.ZipFile(tmp_path / "saved.zip") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    raw = bytearray(parts[part])
    raw[len(raw) // 2] ^= 1
    archives.write_zip(tmp_path / "other.zip", {**parts, part: bytes(raw)})
    with pytest.raises(ArchiveUnfit):
        archives.read(tmp_path / "other.zip")
    archives.write_zip(tmp_path / "more.zip", {**parts, "files/../../x": b"1"})
    with pytest.raises(ArchiveUnfit):
        archives.read(tmp_path / "more.zip")


def test_a_place_that_cannot_be_read_is_told_and_the_rest_is_kept(bench: Bench, tmp_path: Path) -> None:
    real = bench.transaction_flash

    class Failing:
        def __init__(self) -> None:
            self.device = real()

        def ioctl(self, op: int, arg: int) -> int | None:
            return self.device.ioctl(op, arg)

        def readblocks(self, number: int, buf: bytearray, offset: int = 0) -> None:
            if number == 3:
                raise OSError(5)
            self.device.readblocks(number, buf, offset)

        def writeblocks(self, number: int, buf: bytes, offset: int = 0) -> None:
            self.device.writeblocks(number, buf, offset)

    vars(bench)["transaction_flash"] = Failing
    result, last = bench.back_up(tmp_path / "saved.zip")
    assert result.exit_code == 6 and last["code"] == "D90" and "4 places" in last["why"]
    kept = archives.read(tmp_path / "saved.zip")
    assert not kept.whole and kept.regions["txlog"][:4096] == bytes(bench.nor.image[:4096])


def test_a_dry_run_at_the_prompt_writes_no_archive(bench: Bench, tmp_path: Path) -> None:
    before = bytes(bench.nor.image)
    target = tmp_path / "saved.zip"
    arguments = ["--json", "backup", "--dry-run", "--maintenance", "--to", str(target)]
    result = CliRunner().invoke(cli.main, arguments, catch_exceptions=False)
    last = json.loads(result.stdout.splitlines()[-1])
    assert result.exit_code == 0 and last["dry_run"] and last["sectors"]["txlog"] == 8, result.output
    assert not target.exists() and bytes(bench.nor.image) == before and bench.sessions == 0
