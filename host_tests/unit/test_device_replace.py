"""A new device takes a dead terminal's place: its queue, id and SEQ move once, to one device."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from firmware.core.types import ACCRUAL, OFFLINE, Transaction
from firmware.store.journal import Journal
from firmware.store.seal import Sealer
from firmware.store.vault import Vault
from host_tests.unit.test_device_backup import Bench
from host_tests.unit.test_device_wipe import NAME, TMK
from host_tests.unit.test_store_export import lines_of
from tools.device import archive as archives
from tools.device import cli, contact
from tools.device import replace as replaces
from tools.device.archive import Backup, Counts
from tools.device.probing import Answers, Found
from tools.device.provision_on_terminal import Provisioning
from tools.device.replace import LEDGER
from tools.sim.chips.nor import Nor, PowerCut

KEYS = {"tmk": TMK.hex(), "terminal_id": NAME, "kid": 1, "mac_out": "11" * 16, "mac_in": "22" * 16, "wifi_psk": "x"}


class New(Bench):
    """A device fresh from its box, and the office around it."""

    def __init__(self, folder: Path, office: Path, old: Bench) -> None:
        super().__init__(folder)
        self.nor = Nor(22 * 4096, None, seed=2)
        for path in (folder / "config").iterdir():
            path.unlink()
        self.office = office
        self.office.mkdir()
        (office / "keys.json").write_text(json.dumps(KEYS))
        (office / "old.keys").write_text(json.dumps(KEYS))
        raw = bytes(old.nor.image[: 8 * 4096])
        settings = (old.folder / "config" / "settings.json").read_bytes()
        self.moved = Backup(NAME, "0a0a", "s3", 5, Counts(), {"txlog": raw}, {"config/settings.json": settings})
        archives.write(office / "old.zip", self.moved)
        self.connected = [Found(Answers.PROMPT, "NEW", "s3", "abcd")]
        self.cut_after = -1

    def random_number(self, bits: int) -> int:
        return 4711

    def prompt(self, port: str, program: Path, setup: str, *, maintenance: bool) -> New:
        self.sessions += 1
        return self

    def sell_at_end(self) -> None:
        pass

    def run(self, call: str, heard: Callable[[str], object]) -> None:
        if call.startswith("regions.put"):
            self.cut_after -= 1
            if self.cut_after == 0:
                raise PowerCut
        there: Any = self
        if call.startswith("provisioning"):
            if call == "provisioning.look()":
                self.work = Provisioning(there, heard, str(self.folder / "config"))
            vars(self.work)["_say"] = heard
            eval(call, {"provisioning": self.work})
        else:
            super().run(call, heard)

    def tool(self, *options: str) -> tuple[Result, dict[str, Any]]:
        given = ["--backup", str(self.office / "old.zip"), "--keys", str(self.office / "old.keys")]
        given += ["--ledger", str(self.office / LEDGER.name), *options]
        result = CliRunner().invoke(cli.main, ["--json", "replace", *given])
        self.sessions = 0
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result, json.loads(result.stdout.splitlines()[-1])


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    machine = types.ModuleType("machine")
    vars(machine)["unique_id"] = lambda: b"\xab\xcd"
    monkeypatch.setitem(sys.modules, "machine", machine)
    (tmp_path / "old").mkdir()
    return Bench(tmp_path / "old")


@pytest.fixture
def new(old: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> New:
    (tmp_path / "new").mkdir()
    made = New(tmp_path / "new", tmp_path / "office", old)
    monkeypatch.setattr(replaces, "at_prompt", made.at_prompt)
    monkeypatch.setattr(replaces, "prompt", made.prompt)
    monkeypatch.setattr(replaces, "running", lambda _port, _name: {"unsent": made.lost})
    monkeypatch.setattr(contact.Contact, "all", lambda _self: made.connected)
    return made


def test_queue_id_and_seq_are_those_of_the_old_one(old: Bench, new: New) -> None:
    before = old.journal()
    result, last = new.tool("--old-gone", NAME)
    assert result.exit_code == 0, result.output
    assert (last["moved"], last["terminal"], last["serial"]) == (old.lost, NAME, "abcd")
    after = new.journal()
    assert [t.seq for t in after.pending()] == [t.seq for t in before.pending()]
    assert [t.seq for t, _ in after.dead()] == [t.seq for t, _ in before.dead()]
    assert after.next_seq() > max(t.seq for t in before.pending())
    assert (new.folder / "config" / "settings.json").read_bytes() == new.moved.files["config/settings.json"]
    kept = Vault(new.vault_flash(), Sealer(new.own_key(), b"", b"vafa-keys")).load()
    assert kept is not None and kept["tmk"] == TMK and kept["mac_out"] == bytes([0x11]) * 16
    assert TMK.hex() not in result.output + (new.office / LEDGER.name).read_text()


def test_a_recording_of_the_export_moves_as_well(old: Bench, new: New) -> None:
    capture, settings = new.office / "capture.txt", new.office / "settings.json"
    capture.write_text("\r\n".join(lines_of(old.journal())) + "\r\n")
    settings.write_bytes(new.moved.files["config/settings.json"])
    (new.office / "ca.der").write_bytes(b"ca")
    given = ["--keys", str(new.office / "old.keys"), "--ledger", str(new.office / "l"), "--capture", str(capture)]
    result = CliRunner().invoke(cli.main, ["replace", *given, "--settings", str(settings), "--old-gone", NAME])
    assert result.exit_code == 0, result.output
    assert len(list(new.journal().pending())) == 11
    assert (new.folder / "config" / "ca.der").read_bytes() == b"ca"
    assert not (new.folder / "config" / "capture.txt").exists()


def test_a_cable_pulled_in_the_middle_leaves_no_keys_and_the_same_command_finishes(new: New) -> None:
    new.cut_after = 2
    with pytest.raises(PowerCut):
        new.tool("--old-gone", NAME)
    assert Vault(new.vault_flash(), Sealer(new.own_key(), b"", b"vafa-keys")).load() is None
    result, _ = new.tool("--old-gone", NAME)
    assert result.exit_code == 0, result.output
    assert new.nor.image[: 8 * 4096] == new.moved.regions["txlog"]
    assert not (new.folder / "replacing").exists()


def test_nothing_moves_that_could_not_be_noted(new: New) -> None:
    before = bytes(new.nor.image)
    result, last = new.tool("--old-gone", NAME, "--ledger", str(new.office / "old.keys" / LEDGER.name))
    assert (result.exit_code, last["code"]) == (9, "D68") and new.nor.image == before, result.output


@pytest.mark.parametrize("said", ["", "VAFA0002"])
def test_nothing_moves_before_somebody_says_that_the_old_one_is_gone(new: New, said: str) -> None:
    before = bytes(new.nor.image)
    result, last = new.tool(*(["--old-gone", said] if said else []))
    assert result.exit_code == 5 and last["code"] == "D92" and new.nor.image == before


def test_an_old_one_that_is_connected_and_runs_is_believed_before_the_person(
    new: New, monkeypatch: pytest.MonkeyPatch
) -> None:
    new.connected.append(Found(Answers.APPLICATION, "OLD", "s3", "0a0a", NAME))
    monkeypatch.setattr(contact.Contact, "one", lambda _self, *_wanted: new.connected[0])
    result, last = new.tool("--old-gone", NAME)
    assert result.exit_code == 5 and last["code"] == "D92" and "runs" in last["why"]


def test_one_journal_has_one_successor(new: New, monkeypatch: pytest.MonkeyPatch) -> None:
    assert new.tool("--old-gone", NAME)[0].exit_code == 0
    new.nor.image[:] = b"\xff" * len(new.nor.image)
    monkeypatch.setattr(sys.modules["machine"], "unique_id", lambda: b"\xee\xee")
    result, last = new.tool("--old-gone", NAME)
    assert result.exit_code == 5 and last["code"] == "D92" and "abcd" in last["why"]


@pytest.mark.parametrize("what", ["own journal", "own keys", "same device", "other size"])
def test_a_device_that_has_something_to_lose_is_refused(new: New, what: str) -> None:
    if what == "own journal":
        journal = Journal(new.transaction_flash(), Sealer(TMK, b"VAFA0009"), 3)
        journal.open()
        journal.continue_above(0)
        journal.append(Transaction(journal.next_seq(), ACCRUAL, OFFLINE, b"\1\2\3\4", 2, 5, 5, 5, 2))
    elif what == "own keys":
        Vault(new.vault_flash(), Sealer(new.own_key(), b"", b"vafa-keys")).save({"tmk": bytes(16)})
    else:
        new.moved.serial = "abcd" if what == "same device" else "0a0a"
        new.moved.regions["txlog"] += b"" if what == "same device" else b"\xff" * 4096
        (new.office / "old.zip").unlink()
        archives.write(new.office / "old.zip", new.moved)
    before = bytes(new.nor.image)
    result, last = new.tool("--old-gone", NAME)
    # a ring of another number of sectors does not even open with its own keys
    assert result.exit_code in (5, 6) and last["code"] in ("D91", "D55", "D53") and new.nor.image == before


def test_an_altered_or_unreadable_journal_does_not_move(new: New) -> None:
    raw = bytearray(new.moved.regions["txlog"])
    raw[0:64] = bytes(64)
    new.moved.regions["txlog"] = bytes(raw)
    (new.office / "old.zip").unlink()
    archives.write(new.office / "old.zip", new.moved)
    before = bytes(new.nor.image)
    result, _ = new.tool("--old-gone", NAME)
    assert result.exit_code in (6, 7) and new.nor.image == before
