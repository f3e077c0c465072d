"""What NTAG 424 DNA and DESFire EV2+ have in common above ISO 14443-4: APDUs, authentication, secure messaging, keys.

After NT4H2421Gx sections 9 and 10. Any error ends the session. It knows no file (`aes_files.py`) and no radio: the card
that carries it tells when the power went, and when a removal tears what is written. `entropy` gives random bytes; tests
hand in those of published traces.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from tools.sim.cards.ev2 import (
    FULL,
    MAC,
    IntegrityError,
    Session,
    decrypt,
    encrypt,
    rotated,
    session_keys,
)
from tools.sim.cards.files import Locked, NotAuthenticated

Reply = tuple[int, bytes]
OK, MORE = 0x00, 0xAF
ILLEGAL, INTEGRITY, NO_SUCH_KEY, LENGTH, PERMISSION = 0x911C, 0x911E, 0x9140, 0x917E, 0x919D
PARAMETER, DELAY, AUTHENTICATION, BOUNDARY, ABORTED = 0x919E, 0x91AD, 0x91AE, 0x91BE, 0x91CA
NO_SUCH_FILE = 0x91F0
_ISO_LENGTH, _ISO_SECURITY, _ISO_CONDITIONS = 0x6700, 0x6982, 0x6985
MAX_ANSWER = 256


class Refused(Exception):
    """The command ends with this status word."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status:04x}")
        self.status = status


@dataclass
class Key:
    """A key, its version, and how often it was tried in vain: ever, and in a row."""

    value: bytes = bytes(16)
    version: int = 0
    failures: int = 0
    failures_in_a_row: int = 0


def key_crc(key: bytes) -> bytes:
    """CRC32NK of ChangeKey: IEEE 802.3 without the final inversion, low byte first (Table 63)."""
    return (zlib.crc32(key) ^ 0xFFFFFFFF).to_bytes(4, "little")


class AesCore:
    """The common part. `torn` says that the power goes while the next command writes."""

    version: tuple[bytes, bytes, bytes]
    signature_status = OK
    times_us: dict[int, int] = {}
    default_us = 1_000

    def __init__(self, uid: bytes, entropy: Callable[[int], bytes] | None = None) -> None:
        self.uid = uid
        self.signature = bytes(56)
        self.entropy = entropy or random.Random(uid.hex()).randbytes
        self.session: Session | None = None
        self.torn = False
        self._continue: Callable[[bytes], Reply] | None = None
        self.commands: dict[int, Callable[[int, bytes], Reply]] = {
            0x71: self._authenticate_first,
            0x77: self._authenticate_next,
            0x60: self._get_version,
            0x51: self._get_card_uid,
            0xC4: self._change_key,
            0x64: self._get_key_version,
            0x3C: self._read_signature,
        }

    # -- what families say of themselves -------------------------------------------------------------------------------

    @property
    def keys(self) -> list[Key]:
        """The keys of the selected level."""
        raise NotImplementedError

    def time_us(self, command: bytes) -> int:
        """How long the command that has come in will keep the card busy."""
        return self.times_us.get(command[1] if len(command) > 1 else 0, self.default_us)

    def reset(self) -> None:
        """Power lost, or a new activation."""
        self.session = self._continue = None

    def authenticating_key(self, number: int) -> Key:
        """The key an authentication asks for. Raises Refused where there is none or it may not be used."""
        if number >= len(self.keys):
            raise Refused(NO_SUCH_KEY)
        return self.keys[number]

    def tried(self, key: Key, *, good: bool) -> None:
        """Count an authentication."""

    def key_changer(self, number: int) -> int:
        """The key that must be authenticated to change key `number`. Raises Refused."""
        return 0

    def iso(self, command: bytes, data: bytes, expected: int | None) -> bytes:
        """A command of class 00: the answer without its 9000. Raises Refused."""
        raise Refused(0x6D00)

    # -- APDUs ---------------------------------------------------------------------------------------------------------

    def apdu(self, command: bytes) -> bytes:
        """One command APDU, one response APDU with its status word."""
        native = command[:1] == b"\x90"
        try:
            return self._native(command) if native else self._iso(command)
        except Refused as refused:
            status = refused.status
        except IntegrityError:
            status = INTEGRITY
        except NotAuthenticated:
            status = AUTHENTICATION if native else _ISO_SECURITY
        except Locked:
            status = PERMISSION if native else _ISO_SECURITY
        self.session = self._continue = None
        return status.to_bytes(2, "big")

    def _native(self, command: bytes) -> bytes:
        if len(command) == 5:
            data = b""
        elif len(command) < 7 or len(command) != command[4] + 6:
            raise Refused(LENGTH)
        else:
            data = command[5:-1]
        if command[2:4] != b"\x00\x00" or command[-1]:
            raise Refused(PARAMETER)
        pending, self._continue = self._continue, None
        if pending is not None:
            if command[1] != MORE:
                raise Refused(ABORTED)
            status, answer = pending(data)
        else:
            handler = self.commands.get(command[1])
            if handler is None:
                raise Refused(ILLEGAL)
            status, answer = handler(command[1], data)
        return answer + bytes([0x91, status])

    def _iso(self, command: bytes) -> bytes:
        if len(command) < 4:
            raise Refused(_ISO_LENGTH)
        if command[0]:
            raise Refused(0x6E00)
        if self._continue is not None:
            raise Refused(_ISO_CONDITIONS)
        data, expected = b"", None
        if len(command) == 5:
            expected = command[4] or MAX_ANSWER
        elif len(command) > 5:
            size = command[4]
            if len(command) not in (5 + size, 6 + size) or not size:
                raise Refused(_ISO_LENGTH)
            data = command[5 : 5 + size]
            expected = (command[-1] or MAX_ANSWER) if len(command) == 6 + size else None
        return self.iso(command[:4], data, expected) + b"\x90\x00"

    # -- secure messaging ----------------------------------------------------------------------------------------------

    def received(self, ins: int, data: bytes, header_size: int, mode: int) -> tuple[bytes, bytes]:
        """Header and plain data of a command; without a session everything is plain."""
        if len(data) < header_size:
            raise Refused(LENGTH)
        header, body = data[:header_size], data[header_size:]
        return header, self.session.open(ins, header, body, mode) if self.session is not None else body

    def header(self, ins: int, data: bytes, size: int, mode: int) -> bytes:
        """The header of a command that has no data."""
        header, body = self.received(ins, data, size, mode)
        if body:
            raise Refused(LENGTH)
        return header

    def answer(self, data: bytes, mode: int) -> Reply:
        return OK, self.session.seal(OK, data, mode) if self.session is not None else data

    @property
    def who(self) -> int | None:
        return None if self.session is None else self.session.key_number

    # -- authentication ------------------------------------------------------------------------------------------------

    def _authenticate_first(self, ins: int, data: bytes) -> Reply:
        if len(data) < 2 or data[1] > 6 or len(data) < 2 + data[1]:
            raise Refused(LENGTH)
        return self._challenge(data[0], None, data[2 : 2 + data[1]].ljust(6, b"\x00"))

    def _authenticate_next(self, ins: int, data: bytes) -> Reply:
        if self.session is None:
            raise Refused(PERMISSION)
        if len(data) != 1:
            raise Refused(LENGTH)
        return self._challenge(data[0], self.session, b"")

    def _challenge(self, number: int, former: Session | None, capabilities: bytes) -> Reply:
        key = self.authenticating_key(number)
        self.session = None
        rnd_b = self.entropy(16)
        ti = former.ti if former is not None else self.entropy(4)

        def respond(data: bytes) -> Reply:
            if len(data) != 32:
                raise Refused(LENGTH)
            plain = decrypt(key.value, data)
            rnd_a = plain[:16]
            self.tried(key, good=plain[16:] == rotated(rnd_b))
            if plain[16:] != rotated(rnd_b):
                raise Refused(AUTHENTICATION)
            counter = former.counter if former is not None else 0
            self.session = Session(number, *session_keys(key.value, rnd_a, rnd_b), ti, counter)
            answer = rotated(rnd_a)
            if former is None:
                answer = ti + answer + bytes(6) + capabilities
            return OK, encrypt(key.value, answer)

        self._continue = respond
        return MORE, encrypt(key.value, rnd_b)

    # -- card and keys -------------------------------------------------------------------------------------------------

    def in_parts(self, parts: list[bytes], sealed: bytes) -> Reply:
        """Send the parts one by one, a MAC over all of them behind the last."""
        if len(parts) == 1:
            return OK, parts[0] + sealed

        def further(data: bytes) -> Reply:
            if data:
                raise Refused(LENGTH)
            return self.in_parts(parts[1:], sealed)

        self._continue = further
        return MORE, parts[0]

    def _get_version(self, ins: int, data: bytes) -> Reply:
        self.header(ins, data, 0, MAC)
        whole = b"".join(self.version)
        return self.in_parts(list(self.version), self.answer(whole, MAC)[1][len(whole) :])

    def _get_card_uid(self, ins: int, data: bytes) -> Reply:
        if self.session is None:
            raise NotAuthenticated
        self.header(ins, data, 0, MAC)
        return self.answer(self.uid, FULL)

    def _read_signature(self, ins: int, data: bytes) -> Reply:
        if self.header(ins, data, 1, MAC) != b"\x00":
            raise Refused(PARAMETER)
        status = self.signature_status
        return status, self.session.seal(status, self.signature, FULL) if self.session is not None else self.signature

    def _get_key_version(self, ins: int, data: bytes) -> Reply:
        number = self.header(ins, data, 1, MAC)[0]
        if number >= len(self.keys):
            raise Refused(NO_SUCH_KEY)
        return self.answer(bytes([self.keys[number].version]), MAC)

    def _change_key(self, ins: int, data: bytes) -> Reply:
        return self.new_key(ins, data, 1)

    def new_key(self, ins: int, data: bytes, header_size: int) -> Reply:
        """ChangeKey and ChangeKeyEV2: the number is the header's last byte. A torn change leaves the old key: changes
        of keys roll back (MF3D(H)x2 short data sheet section 8.5)."""
        if self.session is None:
            raise NotAuthenticated
        header, plain = self.received(ins, data, header_size, FULL)
        number = header[-1]
        if number >= len(self.keys):
            raise Refused(NO_SUCH_KEY)
        if self.session.key_number != self.key_changer(number):
            raise NotAuthenticated
        own = number == self.session.key_number
        if len(plain) != (17 if own else 21):
            raise Refused(LENGTH)
        key = self.keys[number]
        value = plain[:16] if own else bytes(a ^ b for a, b in zip(plain[:16], key.value, strict=True))
        if not own and plain[17:] != key_crc(value):
            raise IntegrityError
        if not self.torn:
            self.keys[number] = Key(value, plain[16])
        if own:
            self.session = None
            return OK, b""
        return self.answer(b"", MAC)
