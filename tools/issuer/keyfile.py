"""The card office's key file: five master keys under a passphrase, with scrypt and AES-256-GCM of `cryptography`.

JSON: `v` 1, `kind`, `version` (of the keys), `kdf` (scrypt with n, r, p and salt), `nonce`, `sealed` (80 key bytes and
the tag) and `sha256` over all of it. The head is authenticated together with the keys. The checksum is no secret: it
only tells a damaged file from a wrong passphrase. What stands in a file is bounded before it costs memory. Sizes in
bytes. Nothing here prints.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import unicodedata
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from tools.device.errors import (
    KeyFileDamaged,
    KeyFileForeign,
    KeyFileMissing,
    KeyFileNotWritten,
    PassphraseUnfit,
    WrongPassphrase,
)
from tools.issuer.keys import KEY_SIZE, IssuerKeys, cmac

KIND = "vafa-issuer-keys"
NAMES = ("master", "group", "sun_meta", "sun_mac", "relay")
PASSPHRASE_MIN = 12
DEFAULT_COST = 1 << 17  # 128 MB and about half a second: each guess costs a thief the same

_FORMAT = 1
_FILE_MAX = 4096
_COSTS = range(14, 19)  # n as a power of two: 16 to 256 MB with r 8
_BLOCK = 8
_PARALLEL_MAX = 4
_SALT_SIZE, _NONCE_SIZE, _TAG_SIZE = 16, 12, 16


def check_value(key: bytes) -> str:
    """The key check value: the first three bytes of CMAC over a zero block, in hex."""
    return cmac(key, bytes(16))[:3].hex().upper()


def check_values(keys: IssuerKeys) -> dict[str, str]:
    """Name of each master key -> its check value."""
    return {name: check_value(getattr(keys, name)) for name in NAMES}


def new_keys(version: int) -> IssuerKeys:
    """Five keys from the operating system's generator."""
    return IssuerKeys(version, *(secrets.token_bytes(KEY_SIZE) for _ in NAMES))


def save(path: Path, keys: IssuerKeys, passphrase: str, cost: int = DEFAULT_COST) -> None:
    """Write a new key file, mode 0600, whole or not at all. Never replaces a file: old cards still need their keys."""
    secret = usable(passphrase)
    head: dict[str, Any] = {
        "v": _FORMAT,
        "kind": KIND,
        "version": keys.version,
        "kdf": {"name": "scrypt", "n": cost, "r": _BLOCK, "p": 1, "salt": secrets.token_hex(_SALT_SIZE)},
        "nonce": secrets.token_hex(_NONCE_SIZE),
    }
    plain = b"".join(getattr(keys, name) for name in NAMES)
    sealed = AESGCM(derived(secret, head["kdf"])).encrypt(bytes.fromhex(head["nonce"]), plain, canonical(head))
    content = {**head, "sealed": sealed.hex()}
    content["sha256"] = checksum(content)
    _write_new(path, json.dumps(content, indent=1).encode() + b"\n")


def load(path: Path, passphrase: str) -> IssuerKeys:
    """The keys of a file. Raises KeyFileMissing, KeyFileForeign, KeyFileDamaged or WrongPassphrase."""
    content = _checked(path)
    head = {name: content[name] for name in ("v", "kind", "version", "kdf", "nonce")}
    key = derived(usable(passphrase, length=False), head["kdf"])
    try:
        plain = AESGCM(key).decrypt(bytes.fromhex(head["nonce"]), bytes.fromhex(content["sealed"]), canonical(head))
    except InvalidTag:
        raise WrongPassphrase() from None
    parts = [plain[i : i + KEY_SIZE] for i in range(0, len(plain), KEY_SIZE)]
    try:
        return IssuerKeys(head["version"], *parts)
    except ValueError as error:
        raise KeyFileDamaged(str(error)) from None


def version_of(path: Path) -> int:
    """The key version a file tells without its passphrase."""
    return int(_checked(path)["version"])


def usable(passphrase: str, *, length: bool = True) -> bytes:
    """As the bytes that are stretched: the same on every keyboard and system (NFKC)."""
    if length and len(passphrase) < PASSPHRASE_MIN:
        raise PassphraseUnfit(f"shorter than {PASSPHRASE_MIN} characters")
    return unicodedata.normalize("NFKC", passphrase).encode()


def derived(secret: bytes, kdf: dict[str, Any]) -> bytes:
    """The file's key, stretched from the passphrase."""
    return Scrypt(salt=bytes.fromhex(kdf["salt"]), length=32, n=kdf["n"], r=kdf["r"], p=kdf["p"]).derive(secret)


def canonical(content: dict[str, Any]) -> bytes:
    """The one spelling that is authenticated."""
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def checksum(content: dict[str, Any]) -> str:
    """Over all but itself; no secret."""
    return hashlib.sha256(canonical({name: value for name, value in content.items() if name != "sha256"})).hexdigest()


def _checked(path: Path) -> dict[str, Any]:
    """A file's content whose every value was looked at before it is used."""
    try:
        with path.open("rb") as file:
            raw = file.read(_FILE_MAX + 1)
    except OSError as error:
        raise KeyFileMissing(f"{path}: {error.strerror or error}") from None
    if len(raw) > _FILE_MAX:
        raise KeyFileForeign(f"{path} is longer than {_FILE_MAX} bytes")
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError):
        raise KeyFileDamaged(f"{path} is no JSON") from None
    if not isinstance(content, dict) or content.get("kind") != KIND:
        raise KeyFileForeign(f"{path} does not say {KIND}")
    if content.get("v") != _FORMAT:
        raise KeyFileForeign(f"{path} has another format")
    names = {"v", "kind", "version", "kdf", "nonce", "sealed", "sha256"}
    if set(content) != names or checksum(content) != content["sha256"]:
        raise KeyFileDamaged(f"the checksum of {path} does not fit")
    sizes = ((content["nonce"], _NONCE_SIZE), (content["sealed"], len(NAMES) * KEY_SIZE + _TAG_SIZE))
    if not (_version_fits(content["version"]) and all(hex_of(text, size) for text, size in sizes)):
        raise KeyFileForeign(f"{path} holds a value out of range")
    if not kdf_fits(content["kdf"]):
        raise KeyFileForeign(f"{path} asks for more work than this tool does")
    return content


def _version_fits(version: object) -> bool:
    return type(version) is int and 1 <= version <= 255


def hex_of(text: object, size: int) -> bool:
    """Whether this is so many bytes in hex."""
    with contextlib.suppress(ValueError):
        return isinstance(text, str) and len(text) == 2 * size and len(bytes.fromhex(text)) == size
    return False


def kdf_fits(kdf: object) -> bool:
    """Whether this asks for no more work than a person waits for."""
    if not isinstance(kdf, dict) or set(kdf) != {"name", "n", "r", "p", "salt"}:
        return False
    numbers = all(type(kdf[name]) is int for name in ("n", "r", "p"))
    return bool(
        kdf["name"] == "scrypt"
        and numbers
        and kdf["n"] in {1 << power for power in _COSTS}
        and kdf["r"] == _BLOCK
        and 1 <= kdf["p"] <= _PARALLEL_MAX
        and hex_of(kdf["salt"], _SALT_SIZE)
    )


def _write_new(path: Path, content: bytes) -> None:
    """The name appears only with the whole content behind it. No hard link: memory sticks know none."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        if path.exists():
            raise FileExistsError
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except FileExistsError:
        raise KeyFileMissing(
            f"{path} exists", "A key file is never replaced: cards need it. Name another file."
        ) from None
    except OSError as error:
        raise KeyFileNotWritten(f"{path}: {error.strerror or error}") from None
