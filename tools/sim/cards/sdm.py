"""Secure Dynamic Messaging of an NTAG 424 DNA: settings, read counter, and what a reader without a key sees.

NT4H2421Gx section 9.3 and Table 69. ASCII mirroring only, as the chip has. It knows no command.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tools.issuer.keys import cmac
from tools.sim.cards.ev2 import encrypt, short_mac

_FREE, _NONE = 0xE, 0xF
_UID, _COUNTER, _LIMIT, _ENCRYPTED, _ASCII = 0x80, 0x40, 0x20, 0x10, 0x01
_NOT_MIRRORED = COUNTER_END = 0xFFFFFF
_UID_CHARS, _COUNTER_CHARS, _PICC_CHARS, _MAC_CHARS = 14, 6, 32, 16


class BadSettings(Exception):
    """The settings contradict themselves, the file or the chip (Table 71)."""


@dataclass
class Sdm:
    """Settings as ChangeFileSettings brought them; an offset that is not in use is None."""

    encoded: bytes
    options: int
    meta_read: int
    file_read: int
    counter_read: int
    uid_at: int | None = None
    counter_at: int | None = None
    picc_at: int | None = None
    mac_from: int | None = None
    enc_at: int | None = None
    enc_size: int | None = None
    mac_at: int | None = None
    limit: int = COUNTER_END
    counter: int = 0

    @property
    def mirrors_counter(self) -> bool:
        """Whether SDMReadCtr exists for this file."""
        return bool(self.options & _COUNTER)

    @property
    def frees_reading(self) -> bool:
        """An SDMFileRead key lets anybody read, with SDM applied (section 8.2.3.4)."""
        return self.file_read != _NONE

    @property
    def exhausted(self) -> bool:
        """The read counter has reached its limit."""
        return self.mirrors_counter and self.counter >= self.limit

    def dynamic(self, content: bytes, uid: bytes, keys: list[bytes], padding: Callable[[int], bytes]) -> bytes:
        """The file with its placeholders filled in; `padding` gives the random bytes of the encrypted PICCData."""
        shown = bytearray(content)
        number = self.counter.to_bytes(3, "little")
        if self.uid_at is not None:
            _put(shown, self.uid_at, uid)
        if self.counter_at is not None:
            _put(shown, self.counter_at, number[::-1])
        mirrored = uid if self.options & _UID else b""
        if self.options & _COUNTER:
            mirrored += number
        if self.picc_at is not None:
            plain = bytes([self.options & (_UID | _COUNTER) | (len(uid) if self.options & _UID else 0)]) + mirrored
            _put(shown, self.picc_at, encrypt(keys[self.meta_read], plain + padding(16 - len(plain))))
        if self.mac_at is None or self.mac_from is None:
            return bytes(shown)
        key = keys[self.file_read]
        if self.enc_at is not None and self.enc_size is not None:
            enc_key = cmac(key, b"\xc3\x3c\x00\x01\x00\x80" + uid + number)
            iv = encrypt(enc_key, number + bytes(13))
            _put(shown, self.enc_at, encrypt(enc_key, content[self.enc_at : self.enc_at + self.enc_size // 2], iv))
        vector = b"\x3c\xc3\x00\x01\x00\x80" + mirrored
        mac_key = cmac(key, vector + bytes(-len(vector) % 16))
        _put(shown, self.mac_at, short_mac(mac_key, bytes(shown[self.mac_from : self.mac_at])))
        return bytes(shown)


def _put(shown: bytearray, at: int, data: bytes) -> None:
    text = data.hex().upper().encode()
    shown[at : at + len(text)] = text


def parse(raw: bytes, file_size: int, key_count: int, former: Sdm | None) -> Sdm:
    """Settings from the bytes behind the access rights. Raises BadSettings, ValueError where the length is wrong.

    `former` are the settings in force: the read counter goes on, and begins at 0 only when SDM is enabled anew.
    """
    if len(raw) < 3:
        raise ValueError
    options, low, high = raw[0], raw[1], raw[2]
    sdm = Sdm(raw, options, high >> 4, high & 15, low & 15, counter=former.counter if former else 0)
    rest = raw[3:]

    def offset() -> int:
        nonlocal rest
        if len(rest) < 3:
            raise ValueError
        value, rest = int.from_bytes(rest[:3], "little"), rest[3:]
        return value

    if options & _UID and sdm.meta_read == _FREE:
        sdm.uid_at = offset()
    if options & _COUNTER and sdm.meta_read == _FREE:
        place = offset()
        sdm.counter_at = None if place == _NOT_MIRRORED else place
    if sdm.meta_read < _FREE:
        sdm.picc_at = offset()
    if sdm.file_read != _NONE:
        sdm.mac_from = offset()
        if options & _ENCRYPTED:
            sdm.enc_at, sdm.enc_size = offset(), offset()
        sdm.mac_at = offset()
    if options & _LIMIT:
        sdm.limit = offset()
    if rest:
        raise ValueError
    _check_options(sdm, low, key_count)
    _check_places(sdm, file_size)
    return sdm


def _check_options(sdm: Sdm, low: int, key_count: int) -> None:
    uid, counter, encrypted = sdm.options & _UID, sdm.options & _COUNTER, sdm.options & _ENCRYPTED
    wrong = (
        sdm.options & 0x0E
        or not sdm.options & _ASCII
        or low >> 4 != _NONE
        or any(key_count <= key < _FREE for key in (sdm.meta_read, sdm.file_read, sdm.counter_read))
        or sdm.file_read == _FREE
        or (sdm.meta_read != _NONE and not (uid or counter))
        or (sdm.meta_read == _NONE and uid)
        or (sdm.counter_read != _NONE and not counter)
        or (encrypted and (sdm.file_read == _NONE or not (uid and counter)))
        or (sdm.options & _LIMIT and (not counter or sdm.limit <= sdm.counter))
    )
    if wrong:
        raise BadSettings


def _check_places(sdm: Sdm, file_size: int) -> None:
    named = {
        "uid": (sdm.uid_at, _UID_CHARS),
        "counter": (sdm.counter_at, _COUNTER_CHARS),
        "picc": (sdm.picc_at, _PICC_CHARS),
        "enc": (sdm.enc_at, sdm.enc_size or 0),
        "mac": (sdm.mac_at, _MAC_CHARS),
    }
    spans = sorted((at, at + size) for at, size in named.values() if at is not None)
    if any(end > file_size for _, end in spans):
        raise BadSettings
    if any(one[1] > other[0] for one, other in zip(spans, spans[1:], strict=False)):
        raise BadSettings
    if sdm.mac_at is not None and sdm.mac_from is not None and sdm.mac_from > sdm.mac_at:
        raise BadSettings
    if sdm.enc_at is not None and sdm.enc_size is not None and sdm.mac_at is not None and sdm.mac_from is not None:
        inside = sdm.mac_from <= sdm.enc_at and sdm.enc_at + sdm.enc_size <= sdm.mac_at
        if not inside or sdm.enc_size % 32 or not sdm.enc_size:
            raise BadSettings
