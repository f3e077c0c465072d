"""The reader's half of EV2 for tests of modelled cards, written from the data sheet; shares nothing with the models."""

from __future__ import annotations

from binascii import crc32
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from tools.sim.cards.ntag424 import Ntag424App

PLAIN, MAC, FULL = 0, 1, 3
ZERO = bytes(16)
UID = bytes.fromhex("04DE5F1EACC040")
NDEF, PRIVATE = 2, 3
APPLICATION = bytes.fromhex("00a4040c07d276000085010100")


def h(text: str) -> bytes:
    return bytes.fromhex(text.replace(" ", ""))


def cmac(key: bytes, data: bytes) -> bytes:
    mac = CMAC(algorithms.AES(key))
    mac.update(data)
    return mac.finalize()


def cbc(key: bytes, iv: bytes, data: bytes, *, back: bool = False) -> bytes:
    cipher = Cipher(algorithms.AES(key), modes.CBC(iv))
    return (cipher.decryptor() if back else cipher.encryptor()).update(data)


def script(*pieces: str) -> Callable[[int], bytes]:
    """Random bytes that are not: those of a published trace, in order."""
    left = [h(piece) for piece in pieces]

    def entropy(size: int) -> bytes:
        piece = left.pop(0)
        assert len(piece) == size
        return piece

    return entropy


def crc(key: bytes) -> bytes:
    return (crc32(key) ^ 0xFFFFFFFF).to_bytes(4, "little")


class Pcd:
    """Speaks to anything with `apdu`. `sw` is the last status word; a refusal gives empty data."""

    RND_A = h("13C5DB8A5930439FC3DEF9A4C675360F")

    def __init__(self, card: object) -> None:
        self.card = card
        self.sw = 0
        self.enc = self.mac = self.ti = b""
        self.counter = 0

    def raw(self, apdu: bytes | str) -> bytes:
        answer = self.card.apdu(h(apdu) if isinstance(apdu, str) else apdu)
        self.sw = int.from_bytes(answer[-2:], "big")
        return answer[:-2]

    def plain(self, ins: int, data: bytes = b"") -> bytes:
        return self.raw(bytes([0x90, ins, 0, 0]) + (bytes([len(data)]) + data if data else b"") + b"\x00")

    def authenticate(self, number: int, key: bytes = ZERO, *, first: bool = True) -> bool:
        challenge = self.plain(0x71 if first else 0x77, bytes([number, 0] if first else [number]))
        if self.sw != 0x91AF:
            return False
        rnd_b = cbc(key, ZERO, challenge, back=True)
        answer = self.plain(0xAF, cbc(key, ZERO, self.RND_A + rnd_b[1:] + rnd_b[:1]))
        if self.sw != 0x9100:
            return False
        opened = cbc(key, ZERO, answer, back=True)
        if first:
            self.ti, opened, self.counter = opened[:4], opened[4:20], 0
        assert opened[:16] == self.RND_A[1:] + self.RND_A[:1]
        mixed = bytes(a ^ b for a, b in zip(self.RND_A[2:8], rnd_b[:6], strict=True))
        context = h("00010080") + self.RND_A[:2] + mixed + rnd_b[6:] + self.RND_A[8:]
        self.enc, self.mac = cmac(key, b"\xa5\x5a" + context), cmac(key, b"\x5a\xa5" + context)
        return True

    def secured(self, ins: int, header: bytes = b"", data: bytes = b"", mode: int = FULL, *, spoil: int = 0) -> bytes:
        if mode == FULL and data:
            data += b"\x80" + bytes(-(len(data) + 1) % 16)
            data = cbc(self.enc, self._iv(b"\xa5\x5a"), data)
        body = header + data
        if mode != PLAIN:
            tag = bytearray(self.tag(ins, body))
            tag[0] ^= spoil
            body += tag
        answer = self.plain(ins, body)
        while self.sw == 0x91AF:
            answer += self.plain(0xAF)
        self.counter += 1
        if self.sw not in (0x9100, 0x9190) or mode == PLAIN:
            return answer
        answer, tag = answer[:-8], bytearray(answer[-8:])
        assert tag == self.tag(self.sw & 0xFF, answer)
        if mode == FULL and answer:
            answer = cbc(self.enc, self._iv(b"\x5a\xa5"), answer, back=True)
            answer = answer[: answer.rindex(b"\x80")]
        return answer

    def change_key(self, number: int, new: bytes, version: int = 1, old: bytes = ZERO, *, own: bool = False) -> None:
        data = new if own else bytes(a ^ b for a, b in zip(new, old, strict=True))
        data += bytes([version]) + (b"" if own else crc(new))
        if own:  # the answer has no MAC
            ciphered = cbc(self.enc, self._iv(b"\xa5\x5a"), data + b"\x80" + bytes(14))
            body = bytes([number]) + ciphered
            self.plain(0xC4, body + self.tag(0xC4, body))
        else:
            self.secured(0xC4, bytes([number]), data)

    def read(self, file: int, at: int, size: int, mode: int = PLAIN) -> bytes:
        header = bytes([file]) + at.to_bytes(3, "little") + size.to_bytes(3, "little")
        return self.plain(0xAD, header) if not self.mac else self.secured(0xAD, header, mode=mode)

    def write(self, file: int, at: int, data: bytes, mode: int = PLAIN) -> None:
        header = bytes([file]) + at.to_bytes(3, "little") + len(data).to_bytes(3, "little")
        self.plain(0x8D, header + data) if not self.mac else self.secured(0x8D, header, data, mode)

    def lost(self) -> "Pcd":
        """Without a session: the application selected anew."""
        self.raw(APPLICATION)
        self.enc = self.mac = self.ti = b""
        return self

    def tag(self, first: int, body: bytes) -> bytes:
        prefix = bytes([first]) + self.counter.to_bytes(2, "little") + self.ti
        return cmac(self.mac, prefix + body)[1::2]

    def _iv(self, label: bytes) -> bytes:
        return cbc(self.enc, ZERO, label + self.ti + self.counter.to_bytes(2, "little") + bytes(8))


def card(*random: str) -> Ntag424App:
    """An NTAG 424 DNA with its application selected; `random` are its random bytes."""
    app = Ntag424App(UID, script(*random)) if random else Ntag424App(UID)
    assert app.apdu(APPLICATION) == h("9000")
    return app


def opened(number: int = 0, key: bytes = ZERO, app: Ntag424App | None = None) -> Pcd:
    """A session with it."""
    pcd = Pcd(app or card())
    assert pcd.authenticate(number, key)
    return pcd


def with_sdm(settings: str, app: Ntag424App | None = None) -> Pcd:
    """Its NDEF file with these settings, and nobody authenticated."""
    pcd = opened(app=app)
    pcd.secured(0x5F, b"\x02", h(settings))
    assert pcd.sw == 0x9100
    return pcd.lost()
