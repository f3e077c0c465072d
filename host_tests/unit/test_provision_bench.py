"""Provisioning as a technician gives the command: keys made or injected, the switch told, the terminal looked at."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from host_tests.unit.test_provision_terminal import SERIAL, Board, Prompt, state
from host_tests.unit.test_terminal_file import GOOD
from tools.bench_switch.answers import digits_for
from tools.bench_switch.cli import main as switch
from tools.bench_switch.ledger import Ledger
from tools.bench_switch.pki import DEFAULT_FOLDER, ensure
from tools.device import cli, provision, running, secret_store, site
from tools.device.contact import Contact
from tools.device.probing import Answers, Found
from tools.device.running import Running
from tools.issuer import keyfile

PASSPHRASE = "nine words nobody would guess"
FILE = (
    GOOD.replace(", prompt: [wifi.shop-a.psk]", "")
    .replace("f412fa4a8b68", f'"{SERIAL}"')
    .replace("version: 1.4.0, ", "")
)


class Shop:
    """A folder with the file and its secrets, a board at the cable, and the switch's books."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.board: Any = Board(folder / "config")
        self.books = f"sqlite:///{folder}/books.db"
        (folder / "ca.pem").write_bytes(ensure(DEFAULT_FOLDER).ca_der.read_bytes())
        (folder / "shop.yaml").write_text(FILE)
        self.secrets = folder / "secrets.enc"
        store = secret_store.new(self.secrets, PASSPHRASE, cost=1 << 14)
        store.put({"card_group": "77" * 16, "wifi.shop-a.psk": "a wifi word"})
        machine = types.SimpleNamespace(unique_id=lambda: bytes.fromhex(SERIAL))
        monkeypatch.setitem(sys.modules, "machine", machine)
        found = Found(Answers.PROMPT, "port", "s3", SERIAL)
        monkeypatch.setattr(Contact, "one", lambda *_wanted: found)
        for module in (provision, site):
            monkeypatch.setattr(module, "prompt", lambda *_way, **_more: Prompt(self.board))
        monkeypatch.setattr(running, "waited_for", self.started)

    def started(self, _port: str, tid: str, _seconds: float) -> tuple[Running | None, str]:
        return Running(tid, "s3", SERIAL, "0.1.0", state(self.board).parts), ""

    def run(self, *arguments: object, type: str = "") -> Result:
        given = ["--json", *map(str, arguments)]
        return CliRunner().invoke(cli.main, given, input=type, env={"SHOP": PASSPHRASE})

    def provision(self, *more: object, type: str = "") -> Result:
        way = ("provision", "--file", self.folder / "shop.yaml", "--passphrase-env", "SHOP", "--yes")
        return self.run(*way, *more, type=type)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    return Shop(tmp_path, monkeypatch)


def test_keys_are_made_here_kept_sealed_entered_at_the_switch_and_given_to_the_terminal(shop: Shop) -> None:
    done = shop.provision()
    assert done.exit_code == 9 and "--generate" in done.stderr and state(shop.board).keys == "no"
    done = shop.provision("--generate", "--books", shop.books)
    assert done.exit_code == 0 and "entered at the switch" in done.stderr, done.output
    store = secret_store.opened(shop.secrets, PASSPHRASE)
    keys = {name: store.value(f"tid.00014201.{name}") for name in ("tmk", "mac_out", "mac_in")}
    assert len(set(keys.values())) == 3
    books = Ledger(shop.books)
    row = books.terminals()[0]
    books.close()
    assert (row.terminal_id, row.merchant_id, row.kid) == ("00014201", "M0142", 1)
    assert (row.mac_out, row.mac_in) == (keys["mac_out"], keys["mac_in"])
    assert f"(check {keyfile.check_value(bytes.fromhex(keys['tmk']))})" in " ".join(done.stderr.split()), (
        "as on its label"
    )
    kept = shop.board.vault().load()
    assert kept["tmk"].hex() == keys["tmk"] and kept["mac_in"].hex() == keys["mac_in"]
    assert not any(key in done.output for key in keys.values())
    done = shop.provision("--generate", "--books", shop.books)
    assert done.exit_code == 0 and '"unchanged"' in done.stdout, "a second run makes no keys"
    assert secret_store.opened(shop.secrets, PASSPHRASE).value("tid.00014201.tmk") == keys["tmk"]


def test_the_switch_answers_a_right_out_of_the_sealed_file(shop: Shop) -> None:
    assert shop.provision("--generate").exit_code == 0
    tmk = bytes.fromhex(secret_store.opened(shop.secrets, PASSPHRASE).value("tid.00014201.tmk"))
    way = ["answer", "00014201", "members", "1A2B3C4D", "--secrets", str(shop.secrets), "--passphrase-env", "SHOP"]
    done = CliRunner().invoke(switch, way, env={"SHOP": PASSPHRASE})
    assert digits_for(tmk, "1A2B3C4D", "members") in done.output


def test_two_people_inject_the_keys_of_a_terminal(shop: Shop) -> None:
    parts = [f"{n:02x}" * 16 for n in range(1, 7)]
    done = shop.provision("--inject", type="".join(part + "\n" for part in parts))
    assert done.exit_code == 0, done.output
    assert shop.board.vault().load()["tmk"] == b"\x03" * 16 and keyfile.check_value(b"\x03" * 16) in done.stderr
    assert not any(part in done.output for part in (*parts, "03" * 16))


def test_other_keys_at_the_switch_stop_it_before_the_terminal_is_touched(shop: Shop) -> None:
    books = Ledger(shop.books)
    books.add_terminal("00014201", "M0142", "11" * 16, "22" * 16, 1)
    books.close()
    done = shop.provision("--generate", "--books", shop.books)
    assert done.exit_code == 9 and "[D87]" in done.stderr and state(shop.board).keys == "no"


def test_a_terminal_that_says_otherwise_afterwards_is_no_success(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {**state(shop.board).parts, "tmk": "000000"}
    monkeypatch.setattr(running, "waited_for", lambda *_way: (Running("00014201", parts=parts), ""))
    done = shop.provision("--generate")
    assert done.exit_code == 6 and "[D84]" in done.stderr
    monkeypatch.setattr(running, "waited_for", lambda *_way: (None, "S08"))
    done = shop.provision("--generate")
    assert done.exit_code == 6 and "says S08" in done.stderr


def test_another_program_board_or_terminal_than_the_files_is_refused(shop: Shop) -> None:
    file = shop.folder / "shop.yaml"
    for wrong, code in (
        (FILE.replace("board: s3", "board: pico"), "D86"),
        (FILE.replace("{board: s3}", "{version: 9.9.9}"), "D86"),
        (FILE.replace(SERIAL, "f412fa4a8b68"), "D83"),
    ):
        assert wrong != FILE
        file.write_text(wrong)
        done = shop.provision("--generate")
        assert done.exit_code == 5 and f"[{code}]" in done.stderr, done.output
    assert state(shop.board).keys == "no"


def test_a_terminal_with_keys_nobody_has_here_gets_no_new_ones(shop: Shop) -> None:
    assert shop.provision("--generate").exit_code == 0
    before = shop.board.vault().load()
    shop.secrets.unlink()
    store = secret_store.new(shop.secrets, PASSPHRASE, cost=1 << 14)
    store.put({"card_group": "77" * 16, "wifi.shop-a.psk": "a wifi word"})
    done = shop.provision("--generate")
    assert done.exit_code == 5 and "[D85]" in done.stderr and shop.board.vault().load() == before
    assert not secret_store.opened(shop.secrets, PASSPHRASE).has("tid.00014201.tmk")


@pytest.mark.parametrize("command", ["provision", "verify"])
def test_another_terminal_at_the_cable_is_called_by_its_name_before_any_key_is_compared(
    shop: Shop, command: str
) -> None:
    assert shop.provision("--generate").exit_code == 0
    file = shop.folder / "shop.yaml"
    file.write_text(FILE.replace("00014201", "VAFA0002"))
    before = shop.board.vault().load()
    done = shop.run(command, "--file", file, "--passphrase-env", "SHOP", "--yes")
    assert done.exit_code == 5 and "[D83]" in done.stderr, done.output
    told = " ".join(done.stderr.split())
    assert "this is 00014201, the file says VAFA0002. Connect VAFA0002" in told and "wipe" not in told
    assert shop.board.vault().load() == before


def test_provision_and_verify_warn_of_what_the_file_leaves_out(shop: Shop) -> None:
    for words in (("provision", "--yes", "--generate", "--dry-run"), ("verify",)):
        done = shop.run(*words, "--file", shop.folder / "shop.yaml", "--passphrase-env", "SHOP")
        assert "warning K29: no release_keys: these terminals take no update (U27)" in done.stderr


def test_a_till_whose_program_does_not_tell_is_stopped_for_a_comparison_when_a_person_agrees(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shop.provision("--generate").exit_code == 0
    stopped: list[object] = []

    def prompt(*_way: object, **_more: object) -> Prompt:
        stopped.append(_more)
        return Prompt(shop.board)

    found = Found(Answers.APPLICATION, "port", "s3", SERIAL, "00014201")
    monkeypatch.setattr(Contact, "one", lambda *_wanted: found)
    monkeypatch.setattr(running, "asked", lambda _port: None)
    monkeypatch.setattr(provision, "prompt", prompt)
    words = ("verify", "--file", shop.folder / "shop.yaml", "--passphrase-env", "SHOP", "--maintenance")
    assert shop.run(*words, "--dry-run").exit_code == 0
    assert shop.run(*words, type="n\n").exit_code == 5 and not stopped
    assert shop.run(*words, "--yes").exit_code == 0 and len(stopped) == 1


def test_a_dry_run_stops_no_till(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_way: object, **_more: object) -> Prompt:
        raise AssertionError("it was stopped")

    assert shop.provision("--generate").exit_code == 0
    parts = state(shop.board).parts
    found = Found(Answers.APPLICATION, "port", "s3", SERIAL, "00014201")
    monkeypatch.setattr(Contact, "one", lambda *_wanted: found)
    monkeypatch.setattr(provision, "prompt", stopped)
    for changed, said in (({}, "unchanged"), ({"settings": "000000", "whole": "000000"}, "planned")):
        told = Running("00014201", "s3", SERIAL, "0.1.0", parts={**parts, **changed})
        monkeypatch.setattr(running, "asked", lambda _port, told=told: told)
        done = shop.provision("--dry-run")
        assert done.exit_code == 0 and f'"{said}"' in done.stdout, done.output
    assert "would write: " in done.stderr
    monkeypatch.setattr(running, "asked", lambda _port: None)
    done = shop.provision("--dry-run")
    assert done.exit_code == 4 and "[D02]" in done.stderr and "without --dry-run" in done.stderr, done.output


def test_a_dry_run_makes_no_keys_and_writes_nothing(shop: Shop) -> None:
    before = shop.secrets.read_bytes()
    done = shop.provision("--generate", "--dry-run")
    assert done.exit_code == 0 and "would make" in done.stderr, done.output
    assert shop.secrets.read_bytes() == before and state(shop.board).keys == "no"


def test_the_wifi_of_a_terminal_changes_on_site_without_any_file(shop: Shop) -> None:
    done = shop.run("provision", "--wifi", "shop-c", "--yes", type="a third word\n")
    assert done.exit_code == 6 and "not provisioned" in done.stderr
    assert shop.provision("--generate").exit_code == 0
    before = shop.board.vault().load()
    done = shop.run("provision", "--wifi", "shop-c", "--yes", type="short\n")
    assert done.exit_code == 9 and shop.board.vault().load() == before
    assert "type it anew" in done.stderr and "secrets" not in done.stderr, "no file of secrets is in play"
    done = shop.run("provision", "--wifi", "open", type="\nn\n")
    assert done.exit_code == 5 and "to open, which has no password?" in done.stderr, done.output
    done = shop.run("provision", "--wifi", "shop-c", "--yes", type="a third word\n")
    assert done.exit_code == 0 and "a third word" not in done.output, done.output
    assert shop.board.vault().load() == {**before, "wifi_psk": b"a third word"}
