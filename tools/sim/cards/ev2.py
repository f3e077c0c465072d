"""EV2 secure messaging as the card does it (NT4H2421Gx section 9.1; DESFire EV2 and EV3 do the same).

Session keys, command counter, MAC and FULL mode, with the `cryptography` package; it shares nothing with the terminal's
own. Knows no command and no file. Any doubt about a cryptogram raises `IntegrityError`.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tools.issuer.keys import cmac

PLAIN, MAC, FULL = 0, 1, 3
MAC_SIZE = 8
_COMMAND, _RESPONSE = b"\xa5\x5a", b"\x5a\xa5"
_COUNTER_END = 0xFFFF


class IntegrityError(Exception):
    """MAC, padding or CRC does not fit."""


def encrypt(key: bytes, data: bytes, iv: bytes = bytes(16)) -> bytes:
    """AES-128 CBC without padding."""
    return Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor().update(data)


def decrypt(key: bytes, data: bytes, iv: bytes = bytes(16)) -> bytes:
    """AES-128 CBC without padding; a block begun is left out."""
    return Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor().update(data)


def short_mac(key: bytes, message: bytes) -> bytes:
    """CMAC cut to its eight even-numbered bytes (section 9.1.3)."""
    return cmac(key, message)[1::2]


def rotated(block: bytes) -> bytes:
    """One byte to the left."""
    return block[1:] + block[:1]


def session_keys(key: bytes, rnd_a: bytes, rnd_b: bytes) -> tuple[bytes, bytes]:
    """SesAuthENCKey and SesAuthMACKey (section 9.1.7)."""
    mixed = bytes(a ^ b for a, b in zip(rnd_a[2:8], rnd_b[:6], strict=True))
    context = b"\x00\x01\x00\x80" + rnd_a[:2] + mixed + rnd_b[6:] + rnd_a[8:]
    return cmac(key, _COMMAND + context), cmac(key, _RESPONSE + context)


def padded(data: bytes) -> bytes:
    """80h and zeros up to whole blocks; always at least one byte."""
    return data + b"\x80" + bytes(-(len(data) + 1) % 16)


def unpadded(data: bytes) -> bytes:
    """Take the padding off again."""
    body = data.rstrip(b"\x00")
    if not body.endswith(b"\x80") or len(data) - len(body) > 15:
        raise IntegrityError
    return body[:-1]


class Session:
    """What an authentication leaves behind: who is there, keys, transaction identifier and command counter."""

    def __init__(self, key_number: int, enc_key: bytes, mac_key: bytes, ti: bytes, counter: int = 0) -> None:
        self.key_number = key_number
        self.ti = ti
        self.counter = counter
        self._enc_key = enc_key
        self._mac_key = mac_key

    def open(self, command: int, header: bytes, body: bytes, mode: int) -> bytes:
        """Check what followed the header and return the plain command data; the command is counted."""
        if self.counter == _COUNTER_END:
            raise IntegrityError
        if mode == PLAIN:
            self.counter += 1
            return body
        if len(body) < MAC_SIZE:
            raise IntegrityError
        data, given = body[:-MAC_SIZE], body[-MAC_SIZE:]
        if short_mac(self._mac_key, self._prefix(command) + header + data) != given:
            raise IntegrityError
        if mode == FULL and data:
            if len(data) % 16:
                raise IntegrityError
            data = unpadded(self.decrypted(data))
        self.counter += 1
        return data

    def decrypted(self, data: bytes) -> bytes:
        """As many whole cipher blocks as have come in of a command not yet checked."""
        return decrypt(self._enc_key, data, self._iv(_COMMAND))

    def seal(self, status: int, data: bytes, mode: int) -> bytes:
        """Response data as it goes out, after `open` has counted the command."""
        if mode == PLAIN:
            return data
        if mode == FULL and data:
            data = encrypt(self._enc_key, padded(data), self._iv(_RESPONSE))
        return data + short_mac(self._mac_key, self._prefix(status) + data)

    def _prefix(self, first: int) -> bytes:
        return bytes([first]) + self.counter.to_bytes(2, "little") + self.ti

    def _iv(self, label: bytes) -> bytes:
        return encrypt(self._enc_key, label + self.ti + self.counter.to_bytes(2, "little") + bytes(8))
