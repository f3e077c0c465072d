"""One terminal after the other: who becomes who, what is noted, and going on after a run that was cut short."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from host_tests.unit.test_terminal_file import GOOD
from tools.bench_switch.pki import DEFAULT_FOLDER, ensure
from tools.device import batch_terminals, cli, provisioner, secret_store
from tools.device.errors import CableLost
from tools.device.probing import Answers, Found
from tools.device.provision import WRITTEN, Bench, Outcome
from tools.device.provision_session import State

PASSPHRASE = "nine words nobody would guess"
NAMED, FREE, THIRD = "f412fa4a8b68", "f412fa4a8b69", "f412fa4a8b70"


class Desk:
    """A row of terminals; the first that was not done yet is plugged in. `faults`: serial -> error, once."""

    def __init__(self, *serials: str) -> None:
        self.row = list(serials)
        self.faults: dict[str, Exception] = {}
        self.began: list[str] = []
        self.states: dict[str, State] = {}

    def all(self) -> list[Found]:
        return [Found(Answers.PROMPT, f"port-{self.row[0]}", "s3", self.row[0])] if self.row else []

    def one(self, bench: Any, found: Found) -> Outcome:
        entry = bench._choose(self.states.get(found.serial, State(serial=found.serial)))  # noqa: SLF001
        self.began.append(f"{found.serial} {entry.tid}")
        if found.serial in self.faults:
            error = self.faults.pop(found.serial)
            if not isinstance(error, CableLost):
                self.row.remove(found.serial)
            raise error
        self.row.remove(found.serial)
        wanted = provisioner.wanted(entry, bench._secrets)  # noqa: SLF001
        return Outcome(WRITTEN, wanted, "s3", found.serial, "1.4.0")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ca.pem").write_bytes(ensure(DEFAULT_FOLDER).ca_der.read_bytes())
    (tmp_path / "shop.yaml").write_text(GOOD.replace(", prompt: [wifi.shop-a.psk]", ""))
    store = secret_store.new(tmp_path / "secrets.enc", PASSPHRASE, cost=1 << 14)
    values = {f"tid.{tid}.{key}": f"{n + 1:02x}" * 16 for n, tid in enumerate(("00014201", "00014202")) for key in
              ("tmk", "mac_out", "mac_in")}  # fmt: skip
    store.put(values | {"card_group": "77" * 16, "wifi.shop-a.psk": "a wifi word", "wifi.shop-b.psk": "b wifi word"})
    return tmp_path


def run(folder: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch, *more: str, type: str = "") -> Result:
    def one(bench: Bench, found: Found) -> Outcome:
        return desk.one(bench, found)

    monkeypatch.setattr(batch_terminals.Contact, "all", lambda _contact: desk.all())
    monkeypatch.setattr(Bench, "one", one)
    monkeypatch.setattr(batch_terminals, "_LOOK_S", 0.01)
    arguments = ["--json", "batch", str(folder / "shop.yaml"), "--passphrase-env", "SHOP", "--timeout", "0.05", *more]
    return CliRunner().invoke(cli.main, arguments, input=type, env={"SHOP": PASSPHRASE})


def ledger(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "shop.ledger.jsonl").read_text().splitlines()]


def test_a_named_terminal_is_itself_and_the_next_gets_the_free_entry_after_asking(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(FREE, NAMED)
    done = run(folder, desk, monkeypatch, type="n\n")
    assert done.exit_code == 8 and "left as it is" in done.stderr and "[D88]" in done.stderr, done.output
    assert desk.began == [], "it stays connected: nobody else can be done"
    done = run(folder, desk, monkeypatch, type="y\n")
    assert done.exit_code == 0, done.output
    assert desk.began == [f"{FREE} 00014202", f"{NAMED} 00014201"]
    assert [(line["event"], line["tid"], line["serial"]) for line in ledger(folder)] == [
        ("begun", "00014202", FREE), ("done", "00014202", FREE), ("begun", "00014201", NAMED),
        ("done", "00014201", NAMED),
    ]  # fmt: skip


def test_a_run_cut_short_goes_on_with_the_same_terminal_under_the_same_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(FREE)
    desk.faults[FREE] = KeyboardInterrupt()  # type: ignore[assignment]
    assert run(folder, desk, monkeypatch, "--yes").exit_code == 130
    with (folder / "shop.ledger.jsonl").open("a") as file:
        file.write('{"v": 1, "event": "do')  # the power went
    desk = Desk(FREE, NAMED)
    done = run(folder, desk, monkeypatch, type="")
    assert done.exit_code == 0, done.output
    assert desk.began[0] == f"{FREE} 00014202", "known from the ledger: nobody is asked again"
    assert run(folder, Desk(THIRD), monkeypatch).exit_code == 0, "all done: no terminal is asked for"


def test_one_that_fails_is_noted_and_the_others_go_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tools.device.provision_errors import NotTaken

    desk = Desk(FREE, NAMED)
    desk.faults[FREE] = NotTaken("it says S08")
    done = run(folder, desk, monkeypatch, "--yes")
    assert done.exit_code == 8 and "left: 00014202" in done.stderr
    assert [(line["event"], line.get("code")) for line in ledger(folder)][1] == ("failed", "D84")
    done = run(folder, Desk(THIRD), monkeypatch, "--yes")
    assert done.exit_code == 8 and "every entry has its terminal" in done.stderr, "its name is not given to another"


def test_another_shops_terminal_takes_nobodys_entry(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(THIRD)
    desk.states[THIRD] = State(serial=THIRD, tid="00019999", keys="yes")
    done = run(folder, desk, monkeypatch, "--yes")
    assert done.exit_code == 8 and "this is 00019999" in done.stderr and "[D83]" in done.stderr, done.output
    assert not (folder / "shop.ledger.jsonl").read_text()


def test_a_cable_that_slips_is_tried_again_and_not_for_ever(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(NAMED)
    desk.faults[NAMED] = CableLost("it went away")
    done = run(folder, desk, monkeypatch, "--yes")
    assert done.exit_code == 8 and "left: 00014202" in done.stderr and desk.began == [f"{NAMED} 00014201"] * 2

    class Loose(Desk):
        def one(self, bench: Any, found: Found) -> Outcome:
            self.faults[found.serial] = CableLost("it went away")
            return super().one(bench, found)

    loose = Loose(FREE)
    assert run(folder, loose, monkeypatch, "--yes").exit_code == 8 and len(loose.began) == 3


def test_a_changed_entry_is_to_do_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(folder, Desk(NAMED, FREE), monkeypatch, "--yes").exit_code == 0
    file = folder / "shop.yaml"
    file.write_text(file.read_text().replace("copies: 1", "copies: 2"))
    done = run(folder, Desk(), monkeypatch, "--dry-run")
    assert done.exit_code == 0 and "1 to do: 00014202" in done.stderr


def test_a_ledger_that_cannot_be_written_is_told_before_a_port_is_touched(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(NAMED)
    looked: list[int] = []
    monkeypatch.setattr(desk, "all", lambda: looked.append(1) or [])
    (folder / "in-the-way").write_text("")
    done = run(folder, desk, monkeypatch, "--yes", "--ledger", str(folder / "in-the-way" / "ledger"))
    assert done.exit_code == 9 and "[D87]" in done.stderr and not looked
    assert run(folder, desk, monkeypatch, "--dry-run").exit_code == 0 and not (folder / "shop.ledger.jsonl").exists()


def test_what_the_file_leaves_out_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(folder, Desk(), monkeypatch, "--dry-run")
    warnings = [json.loads(line) for line in done.stdout.splitlines() if '"warning"' in line]
    assert [one["code"] for one in warnings] == ["K29", "K29"] and "no release_keys" in done.stderr


@pytest.mark.parametrize("line", ['{"v": 2, "event": "done", "tid": "a", "serial": "b"}', "[]", "{}", "words"])
def test_another_tools_file_is_no_ledger(folder: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    (folder / "shop.ledger.jsonl").write_text(line + "\n")
    done = run(folder, Desk(), monkeypatch)
    assert done.exit_code == 9 and "[D87]" in done.stderr
