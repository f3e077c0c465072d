"""EV2 secure messaging of NTAG 424 DNA and DESFire EV2/EV3, the reader's side, on AES-128 of `cryptolib` alone.

An `AuthKey` opens one authentication (`Handshake`); a `Session` wraps commands and opens answers by communication mode.
An answer is used only after its MAC was found right, and whatever goes wrong ends the session. Follows NT4H2421Gx
rev. 3.0, section 9.1, and AN12196 rev. 1.5, sections 5 and 6. Knows no reader, no command and no file.

Counters and keys never leave these objects, except what goes to the card.
"""

from cryptolib import aes
from micropython import const

from firmware.core.cmac import Cmac, tag_equal
from firmware.core.errors import CardUnreadable

# Communication modes, coded as in a file's settings (NT4H2421Gx table 22).
PLAIN = const(0)
MAC = const(1)
FULL = const(3)

MAC_SIZE = const(8)
_BLOCK = const(16)
_ECB = const(1)
_CBC = const(2)
_COUNTER_END = const(0xFFFF)  # the answer to a command at this count would have no number
_OK = const(b"\x00")
_VECTOR_ENC = const(b"\xa5\x5a\x00\x01\x00\x80")
_VECTOR_MAC = const(b"\x5a\xa5\x00\x01\x00\x80")
_IV_COMMAND = const(b"\xa5\x5a")
_IV_ANSWER = const(b"\x5a\xa5")


class Ev2Error(CardUnreadable):
    """A conversation under keys that cannot go on."""


class AnswerForged(Ev2Error):
    """An answer whose MAC or padding does not fit: altered on its way, or not this card's."""


class NotGenuine(Ev2Error):
    """The card could not show that it holds the key."""


class SessionOver(Ev2Error):
    """No session, or one that has ended: the card has to be authenticated anew."""


class AuthKey:
    """Key `number` of one card, open for authentication: it works with the key and does not give it away."""

    def __init__(self, number: int, key: bytes) -> None:
        self.number = number
        self._mac = Cmac(key)
        # One `aes` object goes one direction for its life.
        self._encryptor = aes(key, _ECB)
        self._decryptor = aes(key, _ECB)

    def encrypt(self, data: bytes) -> bytes:
        """CBC with a zero IV, no padding: whole blocks only."""
        out, last = b"", bytes(_BLOCK)
        for at in range(0, len(data), _BLOCK):
            last = self._encryptor.encrypt(_xor(data[at : at + _BLOCK], last))
            out += last
        return out

    def decrypt(self, data: bytes) -> bytes:
        """The reverse of `encrypt`."""
        out, last = b"", bytes(_BLOCK)
        for at in range(0, len(data), _BLOCK):
            block = data[at : at + _BLOCK]
            out += _xor(self._decryptor.decrypt(block), last)
            last = block
        return out

    def derive(self, vector: bytes) -> bytes:
        """A session key from its vector."""
        return self._mac.tag(vector)


class Handshake:
    """One EV2 authentication. `rnd_a` is 16 fresh random bytes, from the terminal's random source."""

    def __init__(self, key: AuthKey, rnd_a: bytes) -> None:
        if len(rnd_a) != _BLOCK:
            raise ValueError("RndA is 16 bytes")
        self._key = key
        self._rnd_a = rnd_a
        self._rnd_b = b""

    def part_two(self, challenge: bytes) -> bytes:
        """The 32 bytes that answer the card's challenge, its encrypted RndB."""
        if len(challenge) != _BLOCK:
            raise AnswerForged("challenge of {} bytes".format(len(challenge)))
        self._rnd_b = self._key.decrypt(challenge)
        return self._key.encrypt(self._rnd_a + _rotated(self._rnd_b))

    def first(self, answer: bytes) -> "Session":
        """The session after AuthenticateEV2First. Raises NotGenuine."""
        if len(answer) != 2 * _BLOCK:
            raise AnswerForged("part two of {} bytes".format(len(answer)))
        plain = self._key.decrypt(answer)
        self._prove(plain[4:20])
        return self._session(plain[:4], 0)

    def non_first(self, answer: bytes, before: "Session") -> "Session":
        """The session after AuthenticateEV2NonFirst: new keys, the transaction and its counter go on."""
        if len(answer) != _BLOCK:
            raise AnswerForged("part two of {} bytes".format(len(answer)))
        self._prove(self._key.decrypt(answer))
        return self._session(before.ti, before.counter)

    def _prove(self, rotated: bytes) -> None:
        if not self._rnd_b or not tag_equal(rotated, _rotated(self._rnd_a)):
            raise NotGenuine("card does not hold the key")

    def _session(self, ti: bytes, counter: int) -> "Session":
        a, b, derive = self._rnd_a, self._rnd_b, self._key.derive
        context = a[:2] + _xor(a[2:8], b) + b[6:] + a[8:]
        return Session(self._key.number, derive(_VECTOR_ENC + context), derive(_VECTOR_MAC + context), ti, counter)


class Session:
    """What both sides share after an authentication with key `number`: two keys, `ti`, and the command `counter`.

    For each command call `wrap`, send it, then `unwrap` the answer of status 00. After any error it is over.
    """

    def __init__(self, number: int, enc_key: bytes, mac_key: bytes, ti: bytes, counter: int = 0) -> None:
        self.number = number
        self.ti = ti
        self.counter = counter
        self._enc_key = enc_key
        self._mac = Cmac(mac_key)
        self._over = False

    def wrap(self, command: int, header: bytes, data: bytes, mode: int) -> bytes:
        """What follows the command byte: the header in clear, the data as the mode wants it, and the MAC."""
        if self._over or self.counter >= _COUNTER_END:
            self._over = True
            raise SessionOver("session has ended")
        if mode == PLAIN:
            return header + data
        if mode == FULL and data:
            cipher = aes(self._enc_key, _CBC, self._iv(_IV_COMMAND))
            data = cipher.encrypt(data + b"\x80" + bytes((-len(data) - 1) % _BLOCK))
        return header + data + self._tag(bytes((command,)), header + data)

    def unwrap(self, answer: bytes, mode: int) -> bytes:
        """The data of an answer that came with status 00. Raises AnswerForged."""
        if self._over:
            raise SessionOver("session has ended")
        # Counted in every mode, so that a command slipped in or lost shows at the next MAC (NT4H2421Gx 9.1.8).
        self.counter += 1
        if mode == PLAIN:
            return answer
        self._over = True  # until all is found right
        split = len(answer) - MAC_SIZE
        if split < 0:
            raise AnswerForged("answer without MAC")
        data = answer[:split]
        if not tag_equal(self._tag(_OK, data), answer[split:]):
            raise AnswerForged("MAC does not fit")
        if mode == FULL and data:
            data = self._decrypted(data)
        self._over = False
        return data

    def end(self) -> None:
        """Nothing more is said in this session."""
        self._over = True

    def _decrypted(self, data: bytes) -> bytes:
        if len(data) % _BLOCK:
            raise AnswerForged("broken block")
        plain = aes(self._enc_key, _CBC, self._iv(_IV_ANSWER)).decrypt(data)
        end = len(plain) - 1
        while end > 0 and plain[end] == 0:
            end -= 1
        if plain[end] != 0x80 or len(plain) - end > _BLOCK:
            raise AnswerForged("padding")
        return plain[:end]

    def _iv(self, label: bytes) -> bytes:
        return aes(self._enc_key, _ECB).encrypt(label + self.ti + self.counter.to_bytes(2, "little") + bytes(8))

    def _tag(self, code: bytes, content: bytes) -> bytes:
        full = self._mac.tag(code + self.counter.to_bytes(2, "little") + self.ti + content)
        return bytes(full[i] for i in range(1, _BLOCK, 2))


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(one[i] ^ other[i] for i in range(len(one)))


def _rotated(value: bytes) -> bytes:
    return value[1:] + value[:1]
