"""A file that cannot be written: told as such, nothing of it left, and found out before a till is stopped for it."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tools.device import backup, cli, contact, decommission, flash, flash_store, new_file, support_bundle, wipe
from tools.device import export as exports
from tools.device.errors import FileNotWritten
from tools.device.probing import Answers, Found


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes names and no bytes."""

    def no_room(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(new_file.os, "fsync", no_room)


def test_parts_are_all_there_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {tmp_path / "new" / "deep" / name: name.encode() for name in "abc"}
    written: list[int] = []

    def full_at_the_third(descriptor: int) -> None:
        written.append(descriptor)
        if len(written) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(new_file.os, "fsync", full_at_the_third)
        with pytest.raises(FileNotWritten, match="No space left"):
            new_file.save(parts)
    assert list(tmp_path.iterdir()) == []
    new_file.save(parts)
    assert {path: path.read_bytes() for path in (tmp_path / "new" / "deep").iterdir()} == parts
    assert all(path.stat().st_mode & 0o077 == 0 for path in parts)
    with pytest.raises(FileNotWritten, match="a exists"):
        new_file.save(parts)
    assert {path: path.read_bytes() for path in (tmp_path / "new" / "deep").iterdir()} == parts


def test_a_folder_that_held_something_stays(tmp_path: Path, full: None) -> None:
    (tmp_path / "office").mkdir()
    with pytest.raises(FileNotWritten):
        new_file.save({tmp_path / "office" / "more" / "a": b"1"})
    assert [path.name for path in tmp_path.rglob("*")] == ["office"]


def test_a_folder_that_is_a_file_is_no_name_that_is_taken(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileNotWritten) as told:
        new_file.tried(tmp_path / "file" / "a")
    assert "a exists" not in str(told.value)


COMMANDS = {
    "backup": ["backup", "--maintenance", "--yes", "--to"],
    "decommission": ["decommission", "--yes", "--to"],
    "wipe": ["wipe", "--maintenance", "--yes", "--save"],
    "export": ["export", "--keys", "none.json", "--to"],
    "bundle": ["bundle", "--to"],
}


@pytest.fixture
def till(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that sells and must not be touched."""

    def disturbed(*_way: object, **_options: object) -> None:
        raise AssertionError("it was disturbed")

    found = Found(Answers.APPLICATION, "P", "s3", "abcd", "VAFA0001")
    monkeypatch.setattr(contact.Contact, "all", lambda _self: [found])
    for module, name in (
        (backup, "prompt"),
        (wipe, "prompt"),
        (flash, "prompt_with"),
        (decommission, "asked"),
        (support_bundle, "asked"),
        (exports, "opened"),
    ):
        monkeypatch.setattr(module, name, disturbed)


def tool(*arguments: str) -> tuple[Result, dict[str, Any]]:
    result = CliRunner().invoke(cli.main, ["--json", *arguments], catch_exceptions=False)
    return result, json.loads(result.stdout.splitlines()[-1])


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_is_told_before_the_till_is_disturbed(till: None, full: None, tmp_path: Path, command: str) -> None:
    result, last = tool(*COMMANDS[command], str(tmp_path / "new" / "folder" / "file"))
    assert (result.exit_code, last["code"]) == (9, "D68") and "No space" in last["why"], result.output
    assert list(tmp_path.iterdir()) == []


def test_a_flash_that_could_not_save_the_store_stops_no_till(
    till: None, full: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flash_store, "FOLDER", tmp_path / "build" / "backups")
    result, last = tool("flash", "--yes")
    assert (result.exit_code, last["code"]) == (9, "D68") and list(tmp_path.iterdir()) == [], result.output


@pytest.mark.parametrize("command", [*COMMANDS, "flash"])
def test_no_file_of_a_default_folder_is_in_the_way(
    till: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("backups", "exports/export", "support"):
        (tmp_path / "build" / folder).mkdir(parents=True)
        for name in ("backup", "decommission", "bundle", "store", "journal.csv"):
            (tmp_path / "build" / folder / name).write_text("")
    words = COMMANDS.get(command, ["flash", "--yes", "--to"])[:-1]
    with pytest.raises(AssertionError, match="it was disturbed"):
        tool(*words)


@pytest.mark.parametrize("name", ["journal.csv", "journal.json", "verdict.txt", "capture.txt"])
def test_each_name_of_an_export_is_tried_before_the_journal_is_read(till: None, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("of last year")
    result, last = tool(*COMMANDS["export"], str(tmp_path))
    assert (result.exit_code, last["code"]) == (9, "D68") and f"{name} exists" in last["why"], result.output
    assert [path.name for path in tmp_path.iterdir()] == [name]
    if name == "capture.txt":  # what was recorded into this folder is read there
        _, last = tool(*COMMANDS["export"], str(tmp_path), "--capture", str(tmp_path / name))
        assert last["code"] != "D68"


@pytest.mark.parametrize("command", COMMANDS)
def test_what_can_be_written_is_not_in_the_way(till: None, tmp_path: Path, command: str) -> None:
    with pytest.raises(AssertionError, match="it was disturbed"):
        tool(*COMMANDS[command], str(tmp_path / "new" / "file"))
    assert list(tmp_path.iterdir()) == []
