"""A shop's terminals in a YAML file: what is wrong is named with its line before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.bench_switch.pki import DEFAULT_FOLDER, ensure
from tools.device.provision_errors import FileUnfit
from tools.device.terminal_file import TerminalFile, load
from tools.sim.demo_signer import demo_signer, release_keys

GOOD = """\
v: 1
firmware: {version: 1.4.0, board: s3}
defaults:
  merchant: M0142
  locale: fa
  tz: Asia/Tehran
  wifi: shop-a
  switch: {host: sw.example, port: 8583, name: sw.example, ca: ca.pem}
  settings: {copies: 2, tier_percent: [100, 100, 110, 125]}
secrets: {file: secrets.enc, prompt: [wifi.shop-a.psk]}
terminals:
  - {serial: f412fa4a8b68, tid: "00014201", till: 1}
  - {tid: "00014202", till: 2, wifi: shop-b, settings: {copies: 1}}
label: {size: 62x29, fields: [tid, serial, board, fw]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ca.pem").write_bytes((DEFAULT_FOLDER / "ca.pem").read_bytes() if ensure(DEFAULT_FOLDER) else b"")
    (tmp_path / "odd.bin").write_bytes(bytes(384))
    short = bytearray(release_keys())
    short[18 + 384] &= 0x7F
    (tmp_path / "short.bin").write_bytes(short)
    return tmp_path


def read(folder: Path, text: str) -> TerminalFile:
    (folder / "shop.yaml").write_text(text)
    return load(folder / "shop.yaml")


def test_a_terminal_is_the_defaults_and_what_it_says_itself(folder: Path) -> None:
    file = read(folder, GOOD)
    first, second = file.entries
    assert (first.tid, first.serial, first.till, first.line) == ("00014201", "f412fa4a8b68", 1, 12)
    assert first.settings == {
        "terminal_id": "00014201",
        "merchant_id": "M0142          ",
        "language": "fa",
        "wifi_ssid": "shop-a",
        "switch_host": "sw.example",
        "switch_port": 8583,
        "switch_name": "sw.example",
        "copies": 2,
        "tier_percent": [100, 100, 110, 125],
    }
    assert (second.settings["wifi_ssid"], second.settings["copies"]) == ("shop-b", 1)
    assert first.files["ca.der"] == ensure(DEFAULT_FOLDER).ca_der.read_bytes(), "PEM becomes DER"
    assert second.secret_names()[-1] == "wifi.shop-b.psk"
    assert (file.label.size_mm, file.secrets_file, file.prompted) == (
        (62, 29),
        folder / "secrets.enc",
        ("wifi.shop-a.psk",),
    )


# What is changed in the good file, the line that is named, and words of the error.
WRONG = [
    ("v: 1\n", "v: 2\n", 1, "1..1"),
    ("v: 1\n", "v: 1\nvv: 1\n", 2, "unknown name 'vv'"),
    ("locale: fa", "locale: de", 5, "language: one of fa en"),
    ("locale: fa", "lokale: fa", 5, "unknown name 'lokale'"),
    ("tz: Asia/Tehran", "tz: Europe/Berlin", 6, "Asia/Tehran"),
    ("port: 8583", "port: 99999", 8, "switch_port: whole number 1..65535"),
    ("port: 8583", 'port: "8583"', 8, "switch_port: whole number"),
    ("port: 8583, ", "", 12, "switch_port is missing"),
    (", ca: ca.pem", "", 12, "switch.ca"),
    ("ca: ca.pem", "ca: other.pem", 8, "other.pem"),
    ("ca: ca.pem", "ca: shop.yaml", 8, "no certificate"),
    ("copies: 2", "copys: 2", 9, "Did you mean copies?"),
    ("copies: 2", "copies: yes", 9, "copies: whole number 1..2"),
    ("copies: 2", "terminal_id: X", 9, "written as tid"),
    ("tier_percent: [100, 100, 110, 125]", "tier_percent: [100, 100, 110, 105]", 9, "falls from a tier"),
    ('"00014201"', "00014201", 12, "in quotes"),
    ('"00014201"', '"1421"', 12, "not 8 letters A-Z a-z, digits"),
    ('"00014201"', '"/etc/abc"', 12, "not 8 letters A-Z a-z, digits"),
    ('"00014201"', '"../../ab"', 12, "not 8 letters A-Z a-z, digits"),
    ('"00014201"', '"VA;tid=X"', 12, "not 8 letters A-Z a-z, digits"),
    ("ca: ca.pem", 'ca: "a\\0b"', 8, "a control character"),
    ("file: secrets.enc", 'file: "a\\0b"', 10, "a control character"),
    ("file: secrets.enc", 'file: "a\\uD800b"', 10, "a control character"),
    ("wifi: shop-a\n", 'wifi: "shop\\ta"\n', 7, "a control character"),
    ("locale: fa", 'name: "A\\nB"', 5, "a control character"),
    ("wifi: shop-a\n", "wifi: no\n", 7, "yes or no to YAML, and a text is wanted. Write it in quotes"),
    ("wifi: shop-a\n", "wifi: 12345678\n", 7, "a number to YAML, and a text is wanted. Write it in quotes"),
    ("locale: fa", "config_keys: odd.bin", 5, "key 1 is no modulus of 3072 bits"),
    ("locale: fa", "release_keys: odd.bin", 5, "no release keys"),
    ("locale: fa", "release_keys: short.bin", 5, "key 2 is no modulus of 3072 bits"),
    ("copies: 2", "redeem_threshold: 1000000000, point_value: 100000, copies: 2", 9, "nobody can reach it"),
    ("f412fa4a8b68", "f412fa4a8b", 12, "12 or 16 hexadecimal digits"),
    ("f412fa4a8b68", "412512748968", 12, "in quotes"),
    ('"00014202"', '"00014201"', 13, "stands in line 12 already"),
    ("till: 2", "till: 2, till: 3", 13, "till stands twice"),
    ("till: 2", "till: 0", 13, "1..9999"),
    ("size: 62x29", "size: 620x29", 14, "620x29 mm"),
    ("fw]", "secret]", 14, "one of tid, serial"),
    ("fields: [tid", "fields: tid, x: [tid", 14, "unknown name 'x'"),
    ("merchant: M0142", "merchant: !!python/name:os.system M0142", 4, "nothing this file may hold"),
    ("merchant: M0142", "merchant: [", 6, "expected"),
    ("version: 1.4.0", "version: 1.4", 2, "neither text nor whole number"),
    ("  locale: fa", "\tlocale: fa", 5, "a tab. Write spaces"),
    ("port: 8583", 'port: "۸۵۸۳"', 8, "switch_port: whole number"),
    ("port: 8583", "port: ۰۸۵۸۳", 8, "leading zero"),
    ("till: 2", "till: ۰", 13, "1..9999"),
]


@pytest.mark.parametrize(
    ("good", "bad", "line", "told"), WRONG, ids=[f"{n}-{row[1][:18]}" for n, row in enumerate(WRONG)]
)
def test_what_is_wrong_is_named_with_file_and_line(folder: Path, good: str, bad: str, line: int, told: str) -> None:
    assert GOOD.count(good) == 1
    with pytest.raises(FileUnfit) as refused:
        read(folder, GOOD.replace(good, bad))
    text = str(refused.value)
    assert f"shop.yaml, line {line}: " in text and told in text and "[D80]" in text, text


@pytest.mark.parametrize(
    "raw", [b"", b"\xff\xfe\x00", b"- a\n- b\n", b"just words", b"v: 1\n" * 300_000, b"[" * 1_000_000]
)
def test_what_is_no_such_file_at_all_is_refused(folder: Path, raw: bytes) -> None:
    (folder / "shop.yaml").write_bytes(raw)
    with pytest.raises(FileUnfit):
        load(folder / "shop.yaml")


def test_aliases_that_stand_for_more_than_any_memory_are_refused_at_once(folder: Path) -> None:
    rows = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 20)}]" for n in range(1, 8)]
    with pytest.raises(FileUnfit, match="alias"):
        read(folder, "\n".join(rows))
    with pytest.raises(FileUnfit):
        read(folder, "v: &a [*a]\n")


def test_what_a_terminal_cannot_be_changed_without_is_missed_by_name(folder: Path) -> None:
    (folder / "release.bin").write_bytes(release_keys())
    (folder / "config.bin").write_bytes(demo_signer().modulus)
    release, config = read(folder, GOOD).lacking()
    assert "no release_keys" in release and release.endswith("00014201, 00014202") and "no config_keys" in config
    text = GOOD.replace('tid: "00014201"', 'tid: "00014201", release_keys: release.bin')
    release, config = read(folder, text).lacking()
    assert release.endswith(": 00014202")
    assert not read(
        folder, GOOD.replace("locale: fa", "release_keys: release.bin\n  config_keys: config.bin")
    ).lacking()


def test_a_persian_name_keeps_what_joins_its_letters(folder: Path) -> None:
    name = "کافه\u200cنادری"
    assert read(folder, GOOD.replace("locale: fa", f"name: {name}")).entries[0].settings["merchant_name"] == name


def test_numbers_are_taken_in_persian_digits(folder: Path) -> None:
    text = GOOD.replace("port: 8583", "port: ۸۵۸۳").replace("till: 2", "till: ٢").replace("1.4.0", "۱.۴.۰")
    file = read(folder, text.replace("[100, 100, 110, 125]", "[۱۰۰, ۱۰۰, ۱۱۰, ۱۲۵]"))
    settings = file.entries[1].settings
    assert (settings["switch_port"], settings["tier_percent"]) == (8583, [100, 100, 110, 125])
    assert (file.entries[1].till, file.program.version) == (2, "1.4.0")
    assert read(folder, GOOD.replace("wifi: shop-b", "wifi: ۱۲۳۴")).entries[1].settings["wifi_ssid"] == "۱۲۳۴"


def test_what_is_in_the_wrong_place_is_not_repeated(folder: Path) -> None:
    """A key typed into the file by mistake stands in no error."""
    key = "00112233445566778899aabbccddeeff"
    with pytest.raises(FileUnfit) as refused:
        read(folder, GOOD.replace('"00014201"', f'"{key}"'))
    assert key not in str(refused.value)
