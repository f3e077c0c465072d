"""Secrets of provisioning: sealed, never shown, made of two parts that two people know."""

from __future__ import annotations

import io
import json
import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tools.device import cli, components, provision_keys, secret_store
from tools.device.errors import KeyFileDamaged, KeyFileForeign, PassphraseUnfit, WrongPassphrase
from tools.device.provision_errors import PartsRefused, SecretsMissing
from tools.issuer import keyfile

PASSPHRASE = "nine words nobody would guess"
TMK = "0123456789abcdef0123456789abcdef"
ONE, OTHER = bytes(range(16)), bytes(range(100, 116))


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(keyfile, "DEFAULT_COST", 1 << 14)
    path = tmp_path / "secrets.enc"
    secret_store.new(path, PASSPHRASE, cost=1 << 14).put({"tid.00014201.tmk": TMK, "wifi.shop-a.psk": "a wifi word"})
    return path


def run(*arguments: object, type: str = "") -> Result:
    given = ["--json", "secrets", *map(str, arguments), "--passphrase-env", "SHOP"]
    return CliRunner().invoke(cli.main, given, input=type, env={"SHOP": PASSPHRASE})


def test_a_file_opens_with_its_passphrase_and_shows_nothing_without(file: Path) -> None:
    assert secret_store.opened(file, PASSPHRASE).value("tid.00014201.tmk") == TMK
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    raw = file.read_text()
    assert TMK not in raw and "wifi" not in raw and TMK not in repr(secret_store.opened(file, PASSPHRASE))
    with pytest.raises(WrongPassphrase):
        secret_store.opened(file, PASSPHRASE + "!")
    content = json.loads(raw)
    content["sealed"] = f"{int(content['sealed'][:2], 16) ^ 1:02x}" + content["sealed"][2:]
    file.write_text(json.dumps(content))
    with pytest.raises(KeyFileDamaged):
        secret_store.opened(file, PASSPHRASE)


def test_two_who_write_at_once_do_not_lose_each_others_keys(file: Path) -> None:
    mine, theirs = secret_store.opened(file, PASSPHRASE), secret_store.opened(file, PASSPHRASE)
    theirs.put({"tid.00014202.tmk": TMK})
    with pytest.raises(KeyFileForeign):
        mine.put({"tid.00014203.tmk": TMK})
    assert secret_store.opened(file, PASSPHRASE).has("tid.00014202.tmk")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tid.00014201.tmk", "0" * 32),
        ("tid.00014201.tmk", "12"),
        ("tid.00014201.kid", "256"),
        ("wifi.shop-a.psk", "short"),
        ("wifi.shop-a.psk", "x" * 65),
        ("password", "whatever it is"),
    ],
)
def test_an_unfit_secret_is_refused_by_name_alone(file: Path, name: str, value: str) -> None:
    with pytest.raises(SecretsMissing) as refused:
        secret_store.opened(file, PASSPHRASE).put({name: value})
    assert name in str(refused.value) and value not in str(refused.value).replace(name, "")


def test_a_full_disk_is_called_that_and_leaves_the_secrets_as_they_were(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = file.read_bytes()

    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for words, typed in ((("set", file, "wifi.shop-b.psk"), "a wifi word\n"), (("new", tmp_path / "new.enc"), "")):
        done = run(*words, type=typed)
        assert done.exit_code == 9 and "[D68]" in done.stderr and "Make room" in done.stderr, done.output
    assert file.read_bytes() == before and [path.name for path in tmp_path.iterdir()] == [file.name]


@pytest.mark.parametrize(("one", "other"), [(ONE, ONE), (bytes(16), ONE), (ONE, bytes(16)), (ONE, ONE[:15])])
def test_parts_that_let_one_person_know_the_key_are_refused(one: bytes, other: bytes) -> None:
    with pytest.raises(PartsRefused):
        components.combined(one, other)


@pytest.mark.parametrize("command", ["set", "inject", "generate"])
def test_a_misspelt_name_is_refused_before_anything_is_asked(file: Path, command: str) -> None:
    done = CliRunner().invoke(cli.main, ["secrets", command, str(file), "wifi.shop-a.pks"], input=PASSPHRASE + "\n" * 3)
    assert done.exit_code == 9 and "[D81]" in done.stderr and "Passphrase" not in done.stderr, done.output


@pytest.mark.parametrize("at_a_terminal", [True, False])
def test_enter_alone_is_no_password_unless_the_command_says_so(
    file: Path, monkeypatch: pytest.MonkeyPatch, at_a_terminal: bool
) -> None:
    if not at_a_terminal:

        def nobody(_text: str, _instead: str, *, empty: bool = False) -> str:
            raise PassphraseUnfit("there is no terminal")

        monkeypatch.setattr(provision_keys, "hidden", nobody)
    name = "wifi.shop-a.psk"
    done = run("set", file, name, type="\n\n")
    assert done.exit_code != 0 and "kept" not in done.stderr, done.output
    assert at_a_terminal or (done.exit_code == 9 and "[D81]" in done.stderr)
    assert secret_store.opened(file, PASSPHRASE).value(name) == "a wifi word"
    assert run("set", file, name, type="\nanother word\n").exit_code == 0
    assert secret_store.opened(file, PASSPHRASE).value(name) == "another word"
    assert run("set", file, name, "--open").exit_code == 0
    assert secret_store.opened(file, PASSPHRASE).value(name) == ""
    assert run("set", file, "tid.00014201.kid", "--open").exit_code == 9
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    if not at_a_terminal:
        assert provision_keys.value_of(name, "Password (none: Enter)", empty=True) == ""


def test_two_people_inject_a_key_and_see_check_values_only(file: Path) -> None:
    key = bytes(a ^ b for a, b in zip(ONE, OTHER, strict=True))
    done = run("inject", file, "card_group", type=f"{ONE.hex().upper()}\n{OTHER.hex()}\n")
    assert done.exit_code == 0, done.output
    for part in (ONE, OTHER, key):
        assert keyfile.check_value(part) in done.stderr
        assert part.hex() not in done.output.lower()
    assert secret_store.opened(file, PASSPHRASE).value("card_group") == key.hex()
    done = run("inject", file, "card_group", type=f"{ONE.hex()}\n{ONE.hex()}\n")
    assert done.exit_code == 5 and "[D82]" in done.stderr
    assert secret_store.opened(file, PASSPHRASE).value("card_group") == key.hex()


def test_a_generated_key_is_new_each_time_and_replaces_none(file: Path) -> None:
    for tid in ("00014202", "00014203"):
        assert run("generate", file, f"tid.{tid}.tmk").exit_code == 0
    store = secret_store.opened(file, PASSPHRASE)
    made = {store.value(f"tid.{tid}.tmk") for tid in ("00014202", "00014203")}
    assert len(made) == 2
    done = run("generate", file, "tid.00014202.tmk")
    assert done.exit_code == 9 and "already" in done.stderr


def test_another_kind_of_file_is_called_that_and_a_terminals_name_is_no_path(file: Path, tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text("v: 1\n")
    done = run("show", tmp_path / "shop.yaml")
    assert done.exit_code == 9 and "[D13]" in done.stderr and "secrets new" in done.stderr, done.output
    file.write_bytes(file.read_bytes()[:-20])
    done = run("show", file)
    assert "[D12]" in done.stderr and "`secrets show`" in done.stderr and "keys show" not in done.stderr
    with pytest.raises(SecretsMissing):
        secret_store.checked("tid.../../ab.tmk", "11" * 16)


def test_the_switchs_keys_file_is_taken_in_and_shown_by_check_values(file: Path, tmp_path: Path) -> None:
    keys = {
        "tmk": "11" * 16,
        "kid": 3,
        "mac_out": "22" * 16,
        "mac_in": "33" * 16,
        "card_group": "44" * 16,
        "wifi_psk": "",
    }
    (tmp_path / "SHOP0001.keys.json").write_text(json.dumps(keys))
    done = run("import", file, "SHOP0001", tmp_path / "SHOP0001.keys.json")
    assert done.exit_code == 0, done.output
    done = run("show", file)
    told = json.loads(done.stdout)["check"]
    assert told["tid.SHOP0001.tmk"] == keyfile.check_value(b"\x11" * 16) and told["wifi.shop-a.psk"] == "-"
    assert secret_store.opened(file, PASSPHRASE).value("tid.SHOP0001.kid") == "3"
    assert not any(value in done.output for value in (TMK, "11" * 16, "a wifi word"))
