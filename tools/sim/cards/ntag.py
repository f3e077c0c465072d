"""NTAG213/215/216 (data sheet rev 3.2): pages, password, counter, signature.

AUTH0 is the first protected page; with PROT set reads are protected too. Password and PACK always read as zeros. A NAK
drops the tag out of ACTIVE. It knows nothing of what is stored.
"""

from __future__ import annotations

from tools.sim.cards.frames import Answer, with_crc
from tools.sim.cards.iso14443a import ACK, Card

_GET_VERSION, _READ, _FAST_READ, _WRITE, _COMPATIBILITY_WRITE = 0x60, 0x30, 0x3A, 0xA2, 0xA0
_READ_CNT, _PWD_AUTH, _READ_SIG = 0x39, 0x1B, 0x3C
NAK_ARGUMENT, NAK_CRC, NAK_AUTH_LIMIT = 0x0, 0x1, 0x4
_WRITE_US = 4_100
# By type: pages, first configuration page, storage size byte of GET_VERSION, size byte of the capability container.
_TYPES = {"ntag213": (45, 0x29, 0x0F, 0x12), "ntag215": (135, 0x83, 0x11, 0x3E), "ntag216": (231, 0xE3, 0x13, 0x6D)}
_PROT, _CONFIG_LOCK, _COUNTER_ON, _COUNTER_PROTECTED = 0x80, 0x40, 0x10, 0x08


class Ntag(Card):
    """A tag with a 7-byte UID as delivered; `pages` puts content in by page number."""

    atqa_low = 0x04
    sak = 0x00

    def __init__(self, uid: bytes, kind: str = "ntag213", *, pages: dict[int, bytes] | None = None) -> None:
        if len(uid) != 7:
            raise ValueError("an NTAG has a UID of 7 bytes")
        self.kind = kind
        self.page_count, self._config, self._storage, size = _TYPES[kind]
        self.memory = bytearray(self.page_count * 4)
        self.signature = bytes(range(32))
        self.counter = 0
        self.wrong_passwords = 0
        self.authenticated = False
        self._counted = False
        self._compatible: int | None = None
        super().__init__(uid)
        check = (0x88 ^ uid[0] ^ uid[1] ^ uid[2], uid[3] ^ uid[4] ^ uid[5] ^ uid[6])
        self.memory[:10] = bytes([*uid[:3], check[0], *uid[3:], check[1], 0x48])
        self.memory[12:16] = bytes([0xE1, 0x10, size, 0x00])
        self.memory[16:24] = bytes.fromhex("0103a00c340300fe")
        self.set_page(self._config, bytes.fromhex("040000ff"))
        self.set_page(self._config + 1, bytes.fromhex("00050000"))
        self.set_page(self._config + 2, b"\xff\xff\xff\xff")
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

    def protect(self, password: bytes, pack: bytes, auth0: int, *, reads: bool = True, limit: int = 0) -> None:
        """Set PWD, PACK, AUTH0, PROT and AUTHLIM."""
        self.set_page(self._config, self.page(self._config)[:3] + bytes([auth0]))
        access = (self.memory[(self._config + 1) * 4] & 0x78) | (_PROT if reads else 0) | limit & 7
        self.set_page(self._config + 1, bytes([access]) + self.page(self._config + 1)[1:])
        self.set_page(self._config + 2, password)
        self.set_page(self._config + 3, pack + b"\x00\x00")

    def power_up(self, now_us: int) -> None:
        """The counter counts the first read after each power-up."""
        self._counted = False
        super().power_up(now_us)

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
            return Answer.of(with_crc(bytes([0x00, 0x04, 0x04, 0x02, 0x01, 0x00, self._storage, 0x03])))
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
        if code == _READ_CNT and arguments == b"\x02":
            return self._read_counter()
        if code == _READ_SIG and arguments == b"\x00":
            return Answer.of(with_crc(self.signature))
        return self.nak(NAK_ARGUMENT)

    @property
    def _auth0(self) -> int:
        return self.memory[self._config * 4 + 3]

    @property
    def _access(self) -> int:
        return self.memory[(self._config + 1) * 4]

    def _last_readable(self) -> int:
        """The page before which reading stops without the password."""
        if self.authenticated or not self._access & _PROT:
            return self.page_count
        return min(self.page_count, self._auth0)

    def _shown(self, page: int) -> bytes:
        return bytes(4) if page >= self._config + 2 else self.page(page)

    def _count(self) -> None:
        if self._access & _COUNTER_ON and not self._counted:
            self._counted = True
            self.counter = min(self.counter + 1, 0xFFFFFF)

    def _read(self, start: int) -> Answer | None:
        end = self._last_readable()
        if start >= end:
            return self.nak(NAK_ARGUMENT)
        self._count()
        # Section 10.2: beyond the last readable page reading goes on at page 0.
        return Answer.of(with_crc(b"".join(self._shown((start + i) % end) for i in range(4))))

    def _fast_read(self, start: int, end: int) -> Answer | None:
        if start > end or end >= self._last_readable():
            return self.nak(NAK_ARGUMENT)
        self._count()
        return Answer.of(with_crc(b"".join(self._shown(page) for page in range(start, end + 1))))

    def _may_write(self, page: int) -> bool:
        if not 2 <= page < self.page_count or page >= self._auth0 and not self.authenticated:
            return False
        if page in (self._config, self._config + 1) and self._access & _CONFIG_LOCK:
            return False
        locks = self.memory[10] | self.memory[11] << 8  # static lock bytes: bit n locks page n for 3..15
        return not (3 <= page <= 15 and locks >> page & 1)

    def _store(self, page: int, content: bytes) -> Answer | None:
        if not self._may_write(page):
            return self.nak(NAK_ARGUMENT)
        old = self.page(page)
        if page == 2:  # serial number bytes stay, lock bits only go from 0 to 1
            content = old[:2] + bytes([old[2] | content[2], old[3] | content[3]])
        elif page in (3, self._config - 1):  # one-time and dynamic lock bits
            content = bytes(a | b for a, b in zip(old, content, strict=True))
        self.program(self.memory, page * 4, content)
        return Answer.nibble(ACK, delay_us=_WRITE_US)

    def _password(self, given: bytes) -> Answer | None:
        limit = self._access & 7
        if limit and self.wrong_passwords >= limit:
            return self.nak(NAK_AUTH_LIMIT)
        if given != self.page(self._config + 2):
            self.wrong_passwords += 1
            return self.nak(NAK_ARGUMENT)
        self.wrong_passwords = 0
        self.authenticated = True
        return Answer.of(with_crc(self.page(self._config + 3)[:2]))

    def _read_counter(self) -> Answer | None:
        if not self._access & _COUNTER_ON or self._access & _COUNTER_PROTECTED and not self.authenticated:
            return self.nak(NAK_ARGUMENT)
        return Answer.of(with_crc(self.counter.to_bytes(3, "little")))
