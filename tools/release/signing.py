"""Keys that sign what terminals load: RSA-3072, and the file a private one lies in under a passphrase.

The file is JSON: `v` 1, `kind`, `kdf` (scrypt with n, r, p and salt), `nonce`, `sealed` (PKCS#8 under AES-256-GCM, the
head authenticated with it). There is no file without a passphrase. The public key goes to terminals as its modulus,
384 bytes big-endian. Nothing here prints.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import unicodedata
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
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

KIND = "vafa-signing-key"
BITS = 3072
SIZE = BITS // 8
EXPONENT = 65537
PASSPHRASE_MIN = 12
DEFAULT_COST = 1 << 17  # 128 MB and about half a second a guess
_COSTS = {1 << power for power in range(14, 19)}
_FILE_MAX = 16_384
_HEAD = ("v", "kind", "kdf", "nonce")


class Signer:
    """A private key at work."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        numbers = key.public_key().public_numbers()
        if key.key_size != BITS or numbers.e != EXPONENT:
            raise KeyFileForeign(f"a signing key is RSA-{BITS} with exponent {EXPONENT}")
        self._key = key
        self.modulus = numbers.n.to_bytes(SIZE, "big")

    def sign(self, role: bytes, content: bytes) -> bytes:
        """PKCS#1 v1.5 with SHA-256 over the role, a zero byte and the content."""
        return self._key.sign(role + b"\0" + content, padding.PKCS1v15(), hashes.SHA256())

    def pkcs8(self) -> bytes:
        """The key itself, for its file."""
        form = serialization.PrivateFormat.PKCS8
        return self._key.private_bytes(serialization.Encoding.DER, form, serialization.NoEncryption())


def new_signer() -> Signer:
    """A key from the operating system's generator."""
    return Signer(rsa.generate_private_key(public_exponent=EXPONENT, key_size=BITS))


def signer_of_primes(p: int, q: int) -> Signer:
    """The key of two primes: of keys that are public on purpose."""
    d = pow(EXPONENT, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=rsa.rsa_crt_dmp1(d, p),
        dmq1=rsa.rsa_crt_dmq1(d, q),
        iqmp=rsa.rsa_crt_iqmp(p, q),
        public_numbers=rsa.RSAPublicNumbers(EXPONENT, p * q),
    )
    return Signer(numbers.private_key())


def signer_of(pkcs8: bytes) -> Signer:
    """The key of its PKCS#8 bytes. Raises KeyFileDamaged or KeyFileForeign."""
    try:
        key = serialization.load_der_private_key(pkcs8, None)
    except (ValueError, TypeError):
        raise KeyFileDamaged("no private key") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise KeyFileForeign("not an RSA key")
    return Signer(key)


def save(path: Path, signer: Signer, passphrase: str, cost: int = DEFAULT_COST) -> None:
    """Write a new file, mode 0600. Never replaces one: terminals know its public part."""
    if len(passphrase) < PASSPHRASE_MIN:
        raise PassphraseUnfit(f"shorter than {PASSPHRASE_MIN} characters")
    head: dict[str, Any] = {
        "v": 1,
        "kind": KIND,
        "kdf": {"name": "scrypt", "n": cost, "r": 8, "p": 1, "salt": secrets.token_hex(16)},
        "nonce": secrets.token_hex(12),
    }
    sealed = AESGCM(_derived(passphrase, head)).encrypt(bytes.fromhex(head["nonce"]), signer.pkcs8(), _canonical(head))
    text = json.dumps({**head, "sealed": sealed.hex()}, indent=1) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeyFileMissing(f"{path} exists", "A key file is never replaced. Name another file.") from None
    except OSError as error:
        raise KeyFileNotWritten(f"{path}: {error.strerror or error}") from None
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def load(path: Path, passphrase: str) -> Signer:
    """The key of a file. Raises KeyFileMissing, KeyFileForeign, KeyFileDamaged or WrongPassphrase."""
    try:
        raw = path.read_bytes()[: _FILE_MAX + 1]
    except OSError as error:
        raise KeyFileMissing(f"{path}: {error.strerror or error}") from None
    content = _checked(path, raw)
    head = {name: content[name] for name in _HEAD}
    try:
        plain = AESGCM(_derived(passphrase, head)).decrypt(
            bytes.fromhex(head["nonce"]), bytes.fromhex(content["sealed"]), _canonical(head)
        )
    except InvalidTag:
        raise WrongPassphrase() from None
    return signer_of(plain)


def _checked(path: Path, raw: bytes) -> dict[str, Any]:
    """What stands in the file, each value looked at before it costs anything."""
    try:
        content = json.loads(raw) if len(raw) <= _FILE_MAX else None
    except (ValueError, RecursionError):
        raise KeyFileDamaged(f"{path} is no JSON") from None
    if not isinstance(content, dict) or content.get("kind") != KIND or content.get("v") != 1:
        raise KeyFileForeign(f"{path} does not say {KIND}")
    kdf = content.get("kdf")
    fits = (
        isinstance(kdf, dict)
        and kdf.get("name") == "scrypt"
        and type(kdf.get("n")) is int
        and kdf["n"] in _COSTS
        and (kdf.get("r"), kdf.get("p")) == (8, 1)
        and _hex_of(kdf.get("salt"), 16)
        and _hex_of(content.get("nonce"), 12)
        and _hex_of(content.get("sealed"), None)
    )
    if not fits:
        raise KeyFileDamaged(f"{path} holds a value out of range")
    return content


def _hex_of(text: object, size: int | None) -> bool:
    with contextlib.suppress(ValueError):
        return isinstance(text, str) and (size is None or len(text) == 2 * size) and len(bytes.fromhex(text)) > 0
    return False


def _derived(passphrase: str, head: dict[str, Any]) -> bytes:
    kdf = head["kdf"]
    secret = unicodedata.normalize("NFKC", passphrase).encode()
    return Scrypt(salt=bytes.fromhex(kdf["salt"]), length=32, n=kdf["n"], r=kdf["r"], p=kdf["p"]).derive(secret)


def _canonical(content: dict[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
