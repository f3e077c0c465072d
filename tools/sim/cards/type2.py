"""What NTAG21x (data sheet rev 3.2) and Ultralight EV1 (MF0ULx1 rev 3.3) share: pages, lock bits, password, signature.

AUTH0 is the first protected page; with PROT set reads are protected too. Password and PACK always read as zeros. A NAK
drops the tag out of ACTIVE. It knows nothing of what is stored.
"""

from __future__ import annotations

from dataclasses import dataclass

from tools.sim.cards.frames import Answer, with_crc
from tools.sim.cards.iso14443a import ACK, Card

_GET_VERSION, _READ, _FAST_READ, _WRITE, _COMPATIBILITY_WRITE = 0x60, 0x30, 0x3A, 0xA2, 0xA0
_PWD_AUTH, _READ_SIG = 0x1B, 0x3C
NAK_ARGUMENT, NAK_CRC, NAK_LIMIT = 0x0, 0x1, 0x4
WRITE_US = 4_100
_PROT, _CONFIG_LOCK = 0x80, 0x40
# ECDSA signatures of NXP (secp128r1) known for a UID: the example of AN11350.
_SIGNATURES = {
    bytes.fromhex("04E10CDA993C80"): bytes.fromhex("8B76052EE42F5567BEB53238B3E3F9950707C0DCC956B5C5EFCFDB709B2D82B3")
}


@dataclass(frozen=True)
class Layout:
    """Pages of a type; `lock_step` pages behind each dynamic lock bit, none without dynamic lock bytes."""

    pages: int
    config: int
    version: bytes
    lock_step: int = 0
    content: bytes = b""
    config_content: bytes = bytes.fromhex("040000ff00050000ffffffff00000000")


class Type2(Card):
    """A tag with a 7-byte UID as delivered; `pages` puts content in by page number."""

    atqa_low = 0x04
    sak = 0x00

    def __init__(self, uid: bytes, kind: str, layout: Layout, *, pages: dict[int, bytes] | None = None) -> None:
        if len(uid) != 7:
            raise ValueError(f"an {kind} has a UID of 7 bytes")
        self.kind = kind
        self._layout = layout
        self._config = layout.config
        self.memory = bytearray(layout.pages * 4)
        self.signature = _SIGNATURES.get(uid, bytes(range(32)))
        self.wrong_passwords = 0
        self.authenticated = False
        self._compatible: int | None = None
        super().__init__(uid)
        check = (0x88 ^ uid[0] ^ uid[1] ^ uid[2], uid[3] ^ uid[4] ^ uid[5] ^ uid[6])
        self.memory[:10] = bytes([*uid[:3], check[0], *uid[3:], check[1], 0x48])
        self.memory[12 : 12 + len(layout.content)] = layout.content
        self.memory[self._config * 4 : self._config * 4 + 16] = layout.config_content
        for number, content in (pages or {}).items():
            self.set_page(number, content)

    def page(self, number: int) -> bytes:
        """A page as stored."""
        return bytes(self.memory[number * 4 : number * 4 + 4])

    def set_page(self, number: int, content: bytes) -> None:
        """Store a page without asking."""
        if len(content) != 4:
            raise ValueError("a page has 4 bytes")
        self.memory[number * 4 : number * 4 + 4] = content

    def protect(
        self, password: bytes, pack: bytes, auth0: int, *, reads: bool = True, limit: int = 0, more: int = 0
    ) -> None:
        """Set PWD, PACK, AUTH0, PROT and AUTHLIM, and `more` bits of ACCESS."""
        self.set_page(self._config, self.page(self._config)[:3] + bytes([auth0]))
        access = (self.memory[(self._config + 1) * 4] & 0x78) | (_PROT if reads else 0) | limit & 7 | more
        self.set_page(self._config + 1, bytes([access]) + self.page(self._config + 1)[1:])
        self.set_page(self._config + 2, password)
        self.set_page(self._config + 3, pack + b"\x00\x00")

    def forget(self) -> None:
        """The password is good until the tag leaves ACTIVE."""
        self.authenticated = False
        self._compatible = None

    def bad_frame(self) -> Answer | None:
        """Transmission error."""
        return self.nak(NAK_CRC)

    def command(self, data: bytes) -> Answer | None:
        """A whole command in ACTIVE."""
        if self._compatible is not None:
            page, self._compatible = self._compatible, None
            return self._store(page, data[:4]) if len(data) == 16 else self.nak(NAK_ARGUMENT)
        code, arguments = data[0], data[1:]
        if code == _GET_VERSION and not arguments:
            return Answer.of(with_crc(self._layout.version))
        if code == _READ and len(arguments) == 1:
            return self._read(arguments[0])
        if code == _FAST_READ and len(arguments) == 2:
            return self._fast_read(*arguments)
        if code == _WRITE and len(arguments) == 5:
            return self._store(arguments[0], arguments[1:])
        if code == _COMPATIBILITY_WRITE and len(arguments) == 1 and self._may_write(arguments[0]):
            self._compatible = arguments[0]
            return Answer.nibble(ACK)
        if code == _PWD_AUTH and len(arguments) == 4:
            return self._password(arguments)
        if code == _READ_SIG and arguments == b"\x00":
            return Answer.of(with_crc(self.signature))
        return self.more(code, arguments)

    def more(self, code: int, arguments: bytes) -> Answer | None:
        """Commands of one family only."""
        return self.nak(NAK_ARGUMENT)

    def was_read(self) -> None:
        """A read succeeded."""

    @property
    def _auth0(self) -> int:
        return self.memory[self._config * 4 + 3]

    @property
    def access(self) -> int:
        """The ACCESS byte."""
        return self.memory[(self._config + 1) * 4]

    def _last_readable(self) -> int:
        """The page before which reading stops without the password."""
        if self.authenticated or not self.access & _PROT:
            return self._layout.pages
        return min(self._layout.pages, self._auth0)

    def _shown(self, page: int) -> bytes:
        return bytes(4) if page >= self._config + 2 else self.page(page)

    def _read(self, start: int) -> Answer | None:
        end = self._last_readable()
        if start >= end:
            return self.nak(NAK_ARGUMENT)
        self.was_read()
        # Section 10.2: beyond the last readable page reading goes on at page 0.
        return Answer.of(with_crc(b"".join(self._shown((start + i) % end) for i in range(4))))

    def _fast_read(self, start: int, end: int) -> Answer | None:
        if start > end or end >= self._last_readable():
            return self.nak(NAK_ARGUMENT)
        self.was_read()
        return Answer.of(with_crc(b"".join(self._shown(page) for page in range(start, end + 1))))

    def _may_write(self, page: int) -> bool:
        if not 2 <= page < self._layout.pages or page >= self._auth0 and not self.authenticated:
            return False
        if page in (self._config, self._config + 1) and self.access & _CONFIG_LOCK:
            return False
        return not self._locked(page)

    def _locked(self, page: int) -> bool:
        """Static lock bits 3..15 lock their page; each dynamic one locks a row of pages from 16 on."""
        if 3 <= page <= 15:
            return bool((self.memory[10] | self.memory[11] << 8) >> page & 1)
        if not self._layout.lock_step or not 16 <= page < self._config - 1:
            return False
        locks = int.from_bytes(self.page(self._config - 1)[:2], "little")
        return bool(locks >> (page - 16) // self._layout.lock_step & 1)

    def _store(self, page: int, content: bytes) -> Answer | None:
        if not self._may_write(page):
            return self.nak(NAK_ARGUMENT)
        old = self.page(page)
        once = page == 3 or self._layout.lock_step and page == self._config - 1
        if page == 2:  # serial number bytes stay, lock bits only go from 0 to 1
            content = old[:2] + bytes([old[2] | content[2], old[3] | content[3]])
        elif once:  # one-time and dynamic lock bits
            content = bytes(a | b for a, b in zip(old, content, strict=True))
        # Lock, one-time and capability pages are protected against tearing (NTAG21x section 10.4), others are not.
        if not (self.torn and (page == 2 or once)):
            self.program(self.memory, page * 4, content)
        return Answer.nibble(ACK, delay_us=WRITE_US)

    def _password(self, given: bytes) -> Answer | None:
        limit = self.access & 7
        if limit and self.wrong_passwords >= limit:
            return self.nak(NAK_LIMIT)
        if given != self.page(self._config + 2):
            self.wrong_passwords += 1
            return self.nak(NAK_ARGUMENT)
        self.wrong_passwords = 0
        self.authenticated = True
        return Answer.of(with_crc(self.page(self._config + 3)[:2]))
