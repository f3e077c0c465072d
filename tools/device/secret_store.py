"""The secrets of provisioning under a passphrase: names and values, sealed as the card office's key file is.

JSON: `v` 1, `kind`, `kdf`, `nonce`, `sealed` (a JSON object of texts under AES-256-GCM, the head authenticated with it)
and `sha256` over all. Written whole or not at all, mode 0600. Names are `card_group`, `wifi.SSID.psk` and
`tid.TID.tmk|mac_out|mac_in|kid`; keys are 32 hexadecimal digits. There is no way to show a value, only check values.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tools.device.errors import KeyFileDamaged, KeyFileForeign, KeyFileMissing, KeyFileNotWritten, WrongPassphrase
from tools.device.provision_errors import SecretsMissing
from tools.issuer import keyfile

KIND = "vafa-provisioning-secrets"
KEYS = ("tmk", "mac_out", "mac_in")
GROUP = "card_group"
TID = "[0-9A-Za-z_-]{8}"  # what a terminal's id may be: it names files, secrets and fields of a label's code
_FILE_MAX = 1 << 20
_OTHER = "It is another kind of file. Give the sealed one that `secrets new` made."
_COPY = "Use a backup copy of the same file; `secrets show` tells whether its check values are right."
_KEY_NAME = re.compile(rf"card_group|tid\.{TID}\.(tmk|mac_out|mac_in)")
_WIFI_NAME = re.compile(r"wifi\..{1,32}\.psk")
_KID_NAME = re.compile(rf"tid\.{TID}\.kid")


def key_name(tid: str, key: str) -> str:
    """What a terminal's key is called here."""
    return f"tid.{tid}.{key}"


def wifi_name(ssid: str) -> str:
    """What the password of an access point is called here."""
    return f"wifi.{ssid}.psk"


def named(name: str) -> None:
    """That there can be a secret of this name. Raises SecretsMissing."""
    if not any(form.fullmatch(name) for form in (_KEY_NAME, _WIFI_NAME, _KID_NAME)):
        raise SecretsMissing(
            f"{name!r} is no name of a secret", "Names: card_group, wifi.SSID.psk, tid.TID.tmk and the like."
        )


def checked(name: str, value: str) -> str:
    """The value as it is kept. Raises SecretsMissing, which names the secret and never its value."""
    named(name)
    if _KEY_NAME.fullmatch(name):
        if not re.fullmatch("[0-9a-fA-F]{32}", value) or not any(bytes.fromhex(value)):
            raise SecretsMissing(f"{name} is no key of 32 hexadecimal digits, not all zero")
        return value.lower()
    if _WIFI_NAME.fullmatch(name):
        if value and not (8 <= len(value) <= 64 and value.isascii() and value.isprintable()):
            raise SecretsMissing(f"{name} has 8 to 64 ASCII characters, or none for an open network")
        return value
    if not value.isdecimal() or not 0 <= int(value) <= 255:
        raise SecretsMissing(f"{name} is a number of 0 to 255")
    return str(int(value))


class SecretStore:
    """An open file. `path` None keeps what was typed in memory only."""

    def __init__(self, path: Path | None = None, passphrase: str = "", cost: int = keyfile.DEFAULT_COST) -> None:
        self.path = path
        self._passphrase = passphrase
        self._cost = cost
        self._values: dict[str, str] = {}
        self._typed: dict[str, str] = {}  # for this run only
        self._stands = ""  # the checksum of the file this came from

    def __repr__(self) -> str:
        return f"SecretStore({self.path}, {len(self._values)} secrets)"

    def names(self) -> list[str]:
        """What there is."""
        return sorted({**self._values, **self._typed})

    def has(self, name: str) -> bool:
        """Whether there is one of this name."""
        return name in self._values or name in self._typed

    def with_typed(self, values: dict[str, str]) -> SecretStore:
        """These, too, for this run; the file does not learn them."""
        self._typed |= {name: checked(name, value) for name, value in values.items()}
        return self

    def value(self, name: str) -> str:
        """For the one who uses it. Raises SecretsMissing."""
        if not self.has(name):
            raise SecretsMissing(f"{name} is not there")
        return self._typed[name] if name in self._typed else self._values[name]

    def put(self, values: dict[str, str]) -> None:
        """Add or replace some, and write the file."""
        self._values |= {name: checked(name, value) for name, value in values.items()}
        if self.path is not None:
            self._write(self.path)

    def _write(self, path: Path) -> None:
        head: dict[str, Any] = {
            "v": 1,
            "kind": KIND,
            "kdf": {"name": "scrypt", "n": self._cost, "r": 8, "p": 1, "salt": secrets.token_hex(16)},
            "nonce": secrets.token_hex(12),
        }
        key = keyfile.derived(keyfile.usable(self._passphrase), head["kdf"])
        plain = json.dumps(self._values, sort_keys=True).encode()
        sealed = AESGCM(key).encrypt(bytes.fromhex(head["nonce"]), plain, keyfile.canonical(head))
        content = {**head, "sealed": sealed.hex()}
        content["sha256"] = keyfile.checksum(content)
        if path.exists() and _content(path)["sha256"] != self._stands:
            raise KeyFileForeign(f"{path} was changed by somebody else meanwhile", "Run again.")
        _replace(path, json.dumps(content, indent=1).encode() + b"\n")
        self._stands = content["sha256"]


def new(path: Path, passphrase: str, cost: int = keyfile.DEFAULT_COST) -> SecretStore:
    """An empty file; it must not exist."""
    if path.exists():
        raise KeyFileMissing(f"{path} exists", "Terminals depend on the keys in it. Name another file.")
    made = SecretStore(path, passphrase, cost)
    made.put({})
    return made


def opened(path: Path, passphrase: str) -> SecretStore:
    """What a file holds. Raises KeyFileMissing, KeyFileForeign, KeyFileDamaged or WrongPassphrase."""
    content = _content(path)
    head = {name: content[name] for name in ("v", "kind", "kdf", "nonce")}
    key = keyfile.derived(passphrase_bytes(passphrase), head["kdf"])
    try:
        plain = AESGCM(key).decrypt(
            bytes.fromhex(head["nonce"]), bytes.fromhex(content["sealed"]), keyfile.canonical(head)
        )
    except InvalidTag:
        raise WrongPassphrase() from None
    store = SecretStore(path, passphrase, head["kdf"]["n"])
    store._values = json.loads(plain)  # noqa: SLF001 (its own)
    store._stands = content["sha256"]  # noqa: SLF001
    return store


def passphrase_bytes(passphrase: str) -> bytes:
    """Of a file that exists, whatever its length."""
    return keyfile.usable(passphrase, length=False)


def looked_at(path: Path) -> None:
    """What is wrong with the file is told before anybody types. Raises as `opened` does."""
    _content(path)


def _content(path: Path) -> dict[str, Any]:
    """A file whose every value was looked at before it costs anything."""
    try:
        with path.open("rb") as file:
            raw = file.read(_FILE_MAX + 1)
    except OSError as error:
        raise KeyFileMissing(f"{path}: {error.strerror or error}") from None
    if len(raw) > _FILE_MAX:
        raise KeyFileForeign(f"{path} is longer than {_FILE_MAX} bytes", _OTHER)
    if not raw.startswith(b"{"):
        raise KeyFileForeign(f"{path} is no file of secrets", _OTHER)
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError):
        raise KeyFileDamaged(f"{path} is no JSON", _COPY) from None
    if not isinstance(content, dict) or content.get("kind") != KIND or content.get("v") != 1:
        raise KeyFileForeign(f"{path} does not say {KIND}", _OTHER)
    names = {"v", "kind", "kdf", "nonce", "sealed", "sha256"}
    if set(content) != names or keyfile.checksum(content) != content["sha256"]:
        raise KeyFileDamaged(f"the checksum of {path} does not fit", _COPY)
    whole = isinstance(content["sealed"], str) and keyfile.hex_of(content["sealed"], len(content["sealed"]) // 2)
    if not whole or not keyfile.hex_of(content["nonce"], 12) or not keyfile.kdf_fits(content["kdf"]):
        raise KeyFileForeign(f"{path} holds a value out of range")
    return content


def _replace(path: Path, raw: bytes) -> None:
    """The name has the former content or the new one, whenever the power goes."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise KeyFileNotWritten(f"{path}: {error.strerror or error}") from None
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
