"""The office's key file: opens with its passphrase alone, tells damage from a wrong one, exhausts no reader."""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from host_tests.unit.device_kit import KEYS
from tools.device.errors import KeyFileDamaged, KeyFileForeign, KeyFileMissing, PassphraseUnfit, WrongPassphrase
from tools.issuer import keyfile

PASSPHRASE = "nine words nobody would guess"
COST = 1 << 14


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("office") / "office.keys"
    keyfile.save(path, KEYS, PASSPHRASE, cost=COST)
    return path


def resealed(content: dict[str, Any]) -> str:
    """With a checksum that fits, as whoever alters the file on purpose would write it."""
    body = {name: value for name, value in content.items() if name != "sha256"}
    body["sha256"] = hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    return json.dumps(body)


def test_keys_come_back_and_nothing_of_them_stands_in_the_file(made: Path) -> None:
    assert keyfile.load(made, PASSPHRASE) == KEYS
    assert keyfile.version_of(made) == KEYS.version
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    text = made.read_text().lower()
    for name in keyfile.NAMES:
        assert getattr(KEYS, name).hex() not in text and keyfile.check_value(getattr(KEYS, name)).lower() not in text
    assert [path.name for path in made.parent.iterdir()] == [made.name], "no draft is left"


def test_check_values_are_cmac_over_a_zero_block() -> None:
    # The key of RFC 4493; the value is that of `openssl mac -cipher AES-128-CBC` over 16 zero bytes.
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    assert keyfile.check_value(key) == "7AD386"
    assert set(keyfile.check_values(KEYS)) == set(keyfile.NAMES)


def test_a_wrong_passphrase_and_a_damaged_file_are_told_apart(made: Path, tmp_path: Path) -> None:
    with pytest.raises(WrongPassphrase) as refused:
        keyfile.load(made, PASSPHRASE + " ")
    assert "[D11]" in str(refused.value) and PASSPHRASE not in str(refused.value)
    whole = made.read_bytes()
    for position in range(0, len(whole), 7):
        broken = tmp_path / "broken.keys"
        broken.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        with pytest.raises((KeyFileDamaged, KeyFileForeign)):
            keyfile.load(broken, PASSPHRASE)
        broken.write_bytes(whole[:position])
        with pytest.raises((KeyFileDamaged, KeyFileForeign)):
            keyfile.load(broken, PASSPHRASE)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 4},
        {"nonce": "00" * 12},
        {"kdf": {"name": "scrypt", "n": COST, "r": 8, "p": 2, "salt": "00" * 16}},
    ],
    ids=["version", "nonce", "kdf"],
)
def test_the_head_is_under_the_same_seal_as_the_keys(made: Path, tmp_path: Path, change: dict[str, object]) -> None:
    altered = tmp_path / "altered.keys"
    altered.write_text(resealed({**json.loads(made.read_text()), **change}))
    with pytest.raises(WrongPassphrase):
        keyfile.load(altered, PASSPHRASE)


HOSTILE = [
    {"kdf": {"name": "scrypt", "n": 1 << 30, "r": 8, "p": 1, "salt": "00" * 16}},
    {"kdf": {"name": "scrypt", "n": COST, "r": 1 << 20, "p": 1, "salt": "00" * 16}},
    {"kdf": {"name": "scrypt", "n": COST, "r": 8, "p": 1 << 20, "salt": "00" * 16}},
    {"kdf": {"name": "scrypt", "n": 2, "r": 8, "p": 1, "salt": "00" * 16}},
    {"kdf": {"name": "scrypt", "n": COST, "r": 8, "p": True, "salt": "00" * 16}},
    {"kdf": {"name": "plain", "n": COST, "r": 8, "p": 1, "salt": "00" * 16}},
    {"kdf": {"name": "scrypt", "n": COST, "r": 8, "p": 1, "salt": ""}},
    {"kdf": []},
    {"sealed": "00"},
    {"sealed": 7},
    {"nonce": "zz" * 12},
    {"version": 0},
    {"version": 256},
    {"version": "3"},
    {"v": 2},
    {"kind": "else"},
]


@pytest.mark.parametrize("change", HOSTILE, ids=[str(n) for n in range(len(HOSTILE))])
def test_values_out_of_range_are_refused_before_they_cost_anything(
    made: Path, tmp_path: Path, change: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = tmp_path / "hostile.keys"
    hostile.write_text(resealed({**json.loads(made.read_text()), **change}))
    monkeypatch.setattr(keyfile, "Scrypt", None)
    with pytest.raises(KeyFileForeign) as refused:
        keyfile.load(hostile, PASSPHRASE)
    assert "[D13]" in str(refused.value)


def test_what_is_no_key_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.keys"
    with pytest.raises(KeyFileMissing):
        keyfile.load(path, PASSPHRASE)
    for content, kind in (
        (b"", KeyFileDamaged),
        (b"\xff\xfe\x00", KeyFileDamaged),
        (b"[" * 3000, KeyFileDamaged),
        (b"[1]", KeyFileForeign),
        (b"x" * 5000, KeyFileForeign),
    ):
        path.write_bytes(content)
        with pytest.raises(kind):
            keyfile.load(path, PASSPHRASE)


def test_a_key_file_is_never_replaced_and_a_short_passphrase_makes_none(made: Path, tmp_path: Path) -> None:
    before = made.read_bytes()
    with pytest.raises(KeyFileMissing):
        keyfile.save(made, KEYS, PASSPHRASE, cost=COST)
    assert made.read_bytes() == before
    with pytest.raises(PassphraseUnfit):
        keyfile.save(tmp_path / "short.keys", KEYS, "eleven char", cost=COST)
    assert not list(tmp_path.iterdir())


def test_a_passphrase_is_the_same_however_its_letters_were_typed(tmp_path: Path) -> None:
    path = tmp_path / "accents.keys"
    keyfile.save(path, KEYS, "cafe\u0301 au lait, deux fois", cost=COST)
    assert keyfile.load(path, "caf\u00e9 au lait, deux fois") == KEYS


def test_new_keys_differ_and_name_their_version() -> None:
    made = keyfile.new_keys(9)
    assert made.version == 9 and len(set(keyfile.check_values(made).values())) == 5
    assert keyfile.check_values(made) != keyfile.check_values(keyfile.new_keys(9))
