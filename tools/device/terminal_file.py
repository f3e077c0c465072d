"""The YAML file of a shop's terminals (docs/provisioning.md): read strictly, told apart line by line.

Every name and value is looked at before anything is sent: an unknown name, a wrong type or a value out of range is an
error that says file, line and what to do. What a setting may be is asked of firmware/settings.py, which the terminal
asks too; there is no second list. Knows no terminal and no secret: secrets have names here.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from firmware.core.errors import SettingsError, VafaError
from firmware.core.verify import SIGNATURE
from firmware.service import manifest
from firmware.service.coherence import contradiction
from firmware.settings import Secret, check, check_together, declared_keys, declared_settings
from tools.device.secret_store import GROUP, KEYS, TID, key_name, wifi_name
from tools.device.yaml_lines import Map, Text, latin, number, read, text

BOARDS = ("s3", "pico")
LABEL_FIELDS = ("tid", "serial", "board", "fw", "check", "till", "merchant")
_ZONE = "Asia/Tehran"
_LABEL_MM = range(15, 201)
# A short name of the file -> the setting it stands for, and of which kind it is written.
_SHORT = {
    "merchant": "merchant_id",
    "name": "merchant_name",
    "locale": "language",
    "wifi": "wifi_ssid",
    "currency": "currency",
}
_SWITCH = {"host": "switch_host", "port": "switch_port", "name": "switch_name", "nii": "nii", "wire": "wire"}
_SHARED = (*_SHORT, "tz", "switch", "settings", "config_keys", "release_keys", "card_key")
_TEXTS, _NUMBERS = ("text", "rewards"), ("int", "ints")
_LACKING = {
    "release-keys.bin": "no release_keys: these terminals take no update (U27)",
    "config-keys.bin": "no config_keys: these terminals take no configuration, rules and hotlist",
}
_MERCHANT = 15  # DE 42 is filled with spaces on the right


@dataclass(frozen=True)
class Program:
    """What the terminal shall run; empty is any."""

    version: str = ""
    sha256: str = ""
    board: str = ""


@dataclass(frozen=True)
class Label:
    """Width and height in millimetres, and what stands beside the QR code, in this order."""

    size_mm: tuple[int, int] = (62, 29)
    fields: tuple[str, ...] = ("tid", "serial", "board", "fw")


@dataclass
class Entry:
    """One terminal: what settings.json will say, the files beside it, and where this stands in the YAML file."""

    tid: str
    line: int
    serial: str = ""
    till: int = 0
    settings: dict[str, object] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    card_key: bool = True

    def secret_names(self) -> tuple[str, ...]:
        """What it cannot be provisioned without; the first three can be made anew."""
        ssid = str(self.settings.get("wifi_ssid", ""))
        names = tuple(key_name(self.tid, key) for key in KEYS)
        return names + ((GROUP,) if self.card_key else ()) + ((wifi_name(ssid),) if ssid else ())


@dataclass
class TerminalFile:
    """A whole file that was checked."""

    path: Path
    program: Program
    label: Label
    secrets_file: Path | None
    prompted: tuple[str, ...]
    entries: list[Entry]

    def lacking(self) -> list[str]:
        """What the file leaves out and a terminal is poorer for, a line each."""
        return [
            f"K29: {why}: {', '.join(entry.tid for entry in self.entries if name not in entry.files)}"
            for name, why in _LACKING.items()
            if any(name not in entry.files for entry in self.entries)
        ]

    def by_serial(self, serial: str) -> Entry | None:
        """The entry that names this serial number."""
        return next((entry for entry in self.entries if serial and entry.serial == serial), None)

    def by_tid(self, tid: str) -> Entry | None:
        """The entry of this terminal id."""
        return next((entry for entry in self.entries if entry.tid == tid), None)


def load(path: Path) -> TerminalFile:
    """A file in which everything is right. Raises FileUnfit with file, line, and what to do."""
    whole = Map(path, read(path))
    whole.only("v", "firmware", "defaults", "secrets", "terminals", "label")
    if number(whole.need("v"), 1, 1) != 1:
        raise AssertionError
    program = _program(whole.map("firmware"))
    label = _label(whole.map("label"))
    secrets_file, prompted = _secrets(path, whole.map("secrets"))
    defaults = whole.map("defaults")
    defaults.only(*_SHARED)
    entries: list[Entry] = []
    for one in whole.maps("terminals"):
        entry = _entry(defaults, one)
        for former in entries:
            if former.tid == entry.tid or (entry.serial and former.serial == entry.serial):
                what = f"tid {entry.tid}" if former.tid == entry.tid else f"serial {entry.serial}"
                raise one.wrong(f"{what} stands in line {former.line} already")
        entries.append(entry)
    if not entries:
        raise whole.wrong("terminals is empty", "List at least one: - {tid: ..., serial: ...}.")
    return TerminalFile(path, program, label, secrets_file, prompted, entries)


def _program(given: Map) -> Program:
    given.only("version", "sha256", "board")
    version, digest, board = given.get("version"), given.get("sha256"), given.get("board")
    return Program(
        latin(text(version, r"\d{1,3}(\.\d{1,5}){1,2}([-+.][0-9A-Za-z.]{1,20})?", "as 1.4.0")) if version else "",
        text(digest, "[0-9a-fA-F]{64}", "64 hexadecimal digits").lower() if digest else "",
        text(board, "|".join(BOARDS), "one of " + ", ".join(BOARDS)) if board else "",
    )


def _label(given: Map) -> Label:
    given.only("size", "fields")
    size, fields = given.get("size"), given.get("fields")
    made = Label()
    if size is not None:
        width, height = (int(part) for part in text(size, r"\d{1,3}x\d{1,3}", "as 62x29, millimetres").split("x"))
        if width not in _LABEL_MM or height not in _LABEL_MM:
            raise size.wrong(f"a label of {width}x{height} mm", "15 to 200 mm each way.")
        made = Label((width, height), made.fields)
    if fields is not None:
        names = [text(one, "|".join(LABEL_FIELDS), "one of " + ", ".join(LABEL_FIELDS)) for one in fields.items()]
        made = Label(made.size_mm, tuple(dict.fromkeys(names)))
    return made


def _secrets(path: Path, given: Map) -> tuple[Path | None, tuple[str, ...]]:
    given.only("file", "prompt")
    named, prompt = given.get("file"), given.get("prompt")
    names = tuple(
        text(one, rf"card_group|wifi\..{{1,32}}\.psk|tid\.{TID}\.\w+", "a secret's name")
        for one in (prompt.items() if prompt is not None else ())
    )
    return (path.parent / text(named, r".{1,200}", "a file's name") if named else None), names


def _entry(defaults: Map, own: Map) -> Entry:
    own.only("serial", "tid", "till", *_SHARED)
    tid = own.need("tid")
    serial, till = own.get("serial"), own.get("till")
    entry = Entry(
        text(tid, TID, "8 letters A-Z a-z, digits 0-9, - or _: it names files and stands in the label's code"), own.line
    )
    if serial is not None:
        entry.serial = text(serial, "[0-9a-fA-F]{12}|[0-9a-fA-F]{16}", "12 or 16 hexadecimal digits").lower()
    if till is not None:
        entry.till = number(till, 1, 9999)
    lines: dict[str, Text] = {"terminal_id": tid}
    given: dict[str, object] = {"terminal_id": entry.tid}
    for layer in (defaults, own):
        _collect(layer, given, lines)
        _files(layer, entry)
    if "ca.der" not in entry.files:
        raise own.wrong("no switch.ca", "Name the certificate of the switch's authority: switch: {ca: ca.pem}.")
    entry.settings = given
    _check(own, entry, given, lines)
    return entry


def _collect(layer: Map, given: dict[str, object], lines: dict[str, Text]) -> None:
    """The settings a layer says, under the firmware's names."""
    zone = layer.get("tz")
    if zone is not None:
        text(zone, re.escape(_ZONE), f"{_ZONE}: the terminal's days are Tehran's")
    switch = layer.map("switch")
    switch.only(*_SWITCH, "ca")
    said = [(setting, layer.get(name)) for name, setting in _SHORT.items()]
    said += [(setting, switch.get(name)) for name, setting in _SWITCH.items()]
    free = layer.map("settings")
    known = {setting.name: setting for setting in declared_settings()}
    for name in free.names():
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            told = f"Did you mean {near[0]}?" if near else "docs/provisioning.md lists the settings."
            raise free.need(name).wrong(f"no setting {name!r}", told)
        if name == "terminal_id":
            raise free.need(name).wrong("terminal_id is written as tid", "Write tid beside serial.")
        said.append((name, free.need(name)))
    for setting, node in said:
        if node is not None:
            kind = known[setting].kind
            value = node.worded() if kind in _TEXTS else node.counted() if kind in _NUMBERS else node.value()
            given[setting] = value.ljust(_MERCHANT) if setting == "merchant_id" and isinstance(value, str) else value
            lines[setting] = node


def _check(own: Map, entry: Entry, given: dict[str, object], lines: dict[str, Text]) -> None:
    """As the terminal itself will check them."""
    try:
        values = check(declared_settings(), given)
        values.update({setting.name: setting.default for setting in declared_keys()})
        values[GROUP] = Secret(b"\x01" * 16 if entry.card_key else b"")
        check_together(values)
    except SettingsError as error:
        name, _, why = str(error).partition(": ")
        node = lines.get(name)
        if node is None:
            raise own.wrong(f"{name} is {why} for {entry.tid}", "Say it here or under defaults.") from None
        raise node.wrong(f"{name}: {why}") from None
    wrong = contradiction(values)
    if wrong:
        node = lines.get(wrong.partition(":")[0])
        raise node.wrong(wrong) if node is not None else own.wrong(wrong)


def _files(layer: Map, entry: Entry) -> None:
    """The CA and the public keys, which lie beside the YAML file."""
    ca = layer.map("switch").get("ca")
    if ca is not None:
        entry.files["ca.der"] = _certificate(ca, _beside(ca))
    config, release = layer.get("config_keys"), layer.get("release_keys")
    if config is not None:
        raw = _beside(config)
        if len(raw) not in (SIGNATURE, 2 * SIGNATURE):
            raise config.wrong(f"{len(raw)} bytes", f"One or two public keys of {SIGNATURE} bytes each.")
        _moduli(config, raw)
        entry.files["config-keys.bin"] = raw
    if release is not None:
        raw = _beside(release)
        try:
            _moduli(release, manifest.root_of(raw).keys)
        except VafaError as error:
            raise release.wrong(
                f"{len(raw)} bytes, {error}", "The root file with the three public release keys."
            ) from None
        entry.files["release-keys.bin"] = raw
    card_key = layer.get("card_key")
    if card_key is not None:
        value = card_key.value()
        if not isinstance(value, bool):
            raise card_key.wrong("neither true nor false", "false: this terminal holds no card key.")
        entry.card_key = value


def _moduli(node: Text, keys: bytes) -> None:
    """As much as can be told of a public RSA key of 3072 bits: its highest and its lowest bit."""
    for at in range(0, len(keys), SIGNATURE):
        if not keys[at] & 0x80 or not keys[at + SIGNATURE - 1] & 1:
            raise node.wrong(f"key {at // SIGNATURE + 1} is no modulus of 3072 bits", "Use the file its maker wrote.")


def _beside(node: Text) -> bytes:
    name = text(node, ".{1,200}", "a file's name")
    path = node.path.parent / name
    try:
        with path.open("rb") as file:
            return file.read(65_536)
    except OSError as error:
        raise node.wrong(f"{path}: {error.strerror or error}", "Put the file beside this one.") from None


def _certificate(node: Text, raw: bytes) -> bytes:
    """DER, because the terminal's TLS takes nothing else; PEM is turned into it."""
    try:
        made = x509.load_pem_x509_certificate(raw) if b"-----BEGIN" in raw else x509.load_der_x509_certificate(raw)
    except ValueError:
        raise node.wrong("no certificate", "PEM or DER of the authority the switch's certificate comes from.") from None
    return made.public_bytes(Encoding.DER)
