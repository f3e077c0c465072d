"""NTAG 424 DNA (NT4H2421Gx rev 3.0) above ISO 14443-4, as delivered: zero keys, three files, no SDM.

Not modelled: LRP (SetConfiguration option 05h is refused) and originality keys. The application layer knows no radio.
"""

from __future__ import annotations

from collections.abc import Callable

from tools.sim.cards import sdm
from tools.sim.cards.aes_card import AesCard
from tools.sim.cards.aes_core import AUTHENTICATION, DELAY, LENGTH, PARAMETER, PERMISSION, Key, Refused, Reply
from tools.sim.cards.aes_files import AesApp
from tools.sim.cards.ev2 import FULL, PLAIN
from tools.sim.cards.files import FREE, NEVER, StdFile

CAPABILITY_FILE, NDEF_FILE, PRIVATE_FILE = 1, 2, 3
PICC_NAME, APPLICATION_NAME = bytes.fromhex("D2760000850100"), bytes.fromhex("D2760000850101")
_MASTER_FILE, _APPLICATION_FILE = 0x3F00, 0xE110
_SHORT_ID_BASE = 0xE100  # short file identifier 03h is E103h
_NOT_FOUND, _BAD_P1_P2, _NOT_SELECTED, _WRONG_LENGTH = 0x6A82, 0x6A86, 0x6985, 0x6700
_SECURITY = 0x6982
_CAPABILITIES = bytes.fromhex("001720010000FF0406E104010000000506E10500808283")
_MADE = bytes.fromhex("CF39D449803421")  # batch, week and year
_RANDOM_ID, _FAILURE_LIMIT = 0x00, 0x0A  # options of SetConfiguration, and the size of their data
_CONFIGURATION = {_RANDOM_ID: 1, _FAILURE_LIMIT: 5}
_NO_SIGNATURE = 0x910B
# ECDSA signatures of NXP (secp224r1) known for a UID: the example of AN12196.
_SIGNATURES = {
    bytes.fromhex("04518DFAA96180"): bytes.fromhex(
        "D1940D17CFEDA4BFF80359AB975F9F6514313E8F90C1D3CAAF5941AD"
        "744A1CDF9A83F883CAFE0FE95D1939B1B7E47113993324473B785D21"
    )
}
# AN12196 section 7.4: after this many failures in a row every further one costs one more delayed answer [?].
_FAILURES_BEFORE_DELAY = 50
_DELAY_US = 25_000  # section 9: about 65 % of the frame waiting time, 38.7 ms with FWI 7


class Ntag424App(AesApp):
    """`limit` and `decrement` are TotFailCtrLimit and TotFailCtrDecr of SetConfiguration option 0Ah."""

    signature_status = 0x90
    times_us = {0x71: 1_500, 0x77: 1_500, 0xAF: 3_000, 0xC4: 8_000, 0x8D: 6_000, 0x5F: 7_000, 0x5C: 7_000, 0xD6: 5_000}

    def __init__(self, uid: bytes, entropy: Callable[[int], bytes] | None = None) -> None:
        if len(uid) != 7:
            raise ValueError("an NTAG 424 DNA has a UID of 7 bytes")
        super().__init__(uid, entropy)
        self.version = (bytes.fromhex("04040230001105"), bytes.fromhex("04040201021105"), uid + _MADE)
        self.signature = _SIGNATURES.get(uid, self.signature)
        self.random_id = False
        self.limit: int | None = 1_000
        self.decrement = 10
        self.application_keys = [Key() for _ in range(5)]
        self.application_files = {
            CAPABILITY_FILE: StdFile(32, PLAIN, b"\x00\xe0", content=_CAPABILITIES, iso_id=0xE103),
            NDEF_FILE: StdFile(256, PLAIN, b"\xe0\xee", iso_id=0xE104),
            PRIVATE_FILE: StdFile(128, FULL, b"\x30\x23", content=b"\x00\x7e", iso_id=0xE105),
        }
        self._in_application = False
        self._selected_file: int | None = None
        self._delays = 0
        self.commands |= {0x5C: self._set_configuration, 0xF6: self._get_file_counters}

    @property
    def keys(self) -> list[Key]:
        """PICC level has originality keys only."""
        return self.application_keys if self._in_application else []

    @property
    def files(self) -> dict[int, StdFile]:
        """Those of the one application."""
        if not self._in_application:
            raise Refused(PERMISSION)
        return self.application_files

    def reset(self) -> None:
        """After activation PICC level is selected."""
        super().reset()
        self._in_application, self._selected_file = False, None

    def time_us(self, command: bytes) -> int:
        """A delayed authentication takes most of the waiting time."""
        first = command[:1] == b"\x90" and command[1:2] in (b"\x71", b"\x77") and len(command) > 5
        if first and command[5] < len(self.keys) and self._delayed(self.keys[command[5]]):
            return _DELAY_US
        return super().time_us(command)

    # -- failed authentications (section 9) ----------------------------------------------------------------------------

    def authenticating_key(self, number: int) -> Key:
        """A key whose counter reached the limit is locked; after many failures in a row answers are delayed."""
        key = super().authenticating_key(number)
        if self.limit is not None and key.failures >= self.limit:
            raise Refused(PERMISSION)
        if self._delayed(key):
            self._delays += 1
            raise Refused(DELAY)
        self._delays = 0
        return key

    def _delayed(self, key: Key) -> bool:
        return self._delays <= key.failures_in_a_row - _FAILURES_BEFORE_DELAY

    def tried(self, key: Key, *, good: bool) -> None:
        """TotFailCtr and the count of failures in a row; a success takes some of the former away."""
        if good:
            key.failures, key.failures_in_a_row = max(0, key.failures - self.decrement), 0
        elif self.limit is not None:
            key.failures, key.failures_in_a_row = key.failures + 1, key.failures_in_a_row + 1

    def _set_configuration(self, ins: int, data: bytes) -> Reply:
        if not self._in_application:
            raise Refused(PERMISSION)
        if self.who != 0:
            raise Refused(AUTHENTICATION)
        header, body = self.received(ins, data, 1, FULL)
        if header[0] not in _CONFIGURATION:
            raise Refused(PARAMETER)
        if len(body) != _CONFIGURATION[header[0]]:
            raise Refused(LENGTH)
        if header[0] == _RANDOM_ID:
            self._set_random_id(body[0])
        else:
            self._set_limit(body)
        return self.answer(b"", FULL)

    def _set_random_id(self, config: int) -> None:
        """From the next power-up on, and never back."""
        if config & 0xFD:
            raise Refused(PARAMETER)
        self.random_id |= bool(config & 2)

    def _set_limit(self, body: bytes) -> None:
        limit = int.from_bytes(body[1:3], "little")
        if body[0] & 0xFE or not limit:
            raise Refused(PARAMETER)
        self.limit = limit if body[0] else None
        self.decrement = int.from_bytes(body[3:5], "little")

    def _get_version(self, ins: int, data: bytes) -> Reply:
        """A card with random ID does not tell its UID here."""
        uid = bytes(7) if self.random_id else self.uid
        self.version = (*self.version[:2], uid + _MADE)
        return super()._get_version(ins, data)

    def _read_signature(self, ins: int, data: bytes) -> Reply:
        """Nor does it give a signature over it to anybody (Table 95)."""
        if self.random_id and self.session is None:
            raise Refused(_NO_SIGNATURE)
        return super()._read_signature(ins, data)

    # -- SDM -----------------------------------------------------------------------------------------------------------

    def dynamic_settings(self, number: int, file: StdFile, raw: bytes) -> sdm.Sdm:
        """Only the NDEF file has SDM."""
        if number != NDEF_FILE:
            raise Refused(PERMISSION)
        try:
            return sdm.parse(raw, len(file.memory), len(self.keys), file.sdm)
        except sdm.BadSettings:
            raise Refused(PARAMETER) from None
        except ValueError:
            raise Refused(LENGTH) from None

    def _get_file_counters(self, ins: int, data: bytes) -> Reply:
        file = self.file(data)
        if file.sdm is None or file.sdm.counter_read == NEVER:
            raise Refused(PERMISSION)
        if file.sdm.counter_read not in (FREE, self.who):
            raise Refused(AUTHENTICATION)
        self.header(ins, data, 1, FULL)
        return self.answer(file.sdm.counter.to_bytes(3, "little") + bytes(2), FULL)

    # -- ISO/IEC 7816-4 (section 10.9) ---------------------------------------------------------------------------------

    def iso(self, command: bytes, data: bytes, expected: int | None) -> bytes:
        """SELECT, READ BINARY, UPDATE BINARY."""
        _, ins, p1, p2 = command
        if ins == 0xA4:
            return self._select(p1, p2, data)
        if ins not in (0xB0, 0xD6):
            raise Refused(0x6D00)
        number, at = self._addressed(p1, p2)
        file = self.application_files[number]
        if at >= len(file.memory):
            raise Refused(_BAD_P1_P2)
        if ins == 0xB0:
            if data or expected is None:
                raise Refused(_WRONG_LENGTH)
            if self.session is not None or self.read_mode(file) != PLAIN:
                raise Refused(_SECURITY)
            return self.seen(ins, number)[at : at + expected]
        if not data or expected is not None:
            raise Refused(_WRONG_LENGTH)
        if self.session is not None:
            raise Refused(_SECURITY)
        file.mode_for(file.write_keys, None, PLAIN)
        if at + len(data) > len(file.memory):
            raise Refused(_WRONG_LENGTH)
        self.write(file, at, data, 5)
        return b""

    def program_chain(self, chain: bytes) -> None:
        """UPDATE BINARY in a chain is programmed as WriteData is."""
        if chain[:2] != b"\x00\xd6":
            super().program_chain(chain)
        elif len(chain) > 5 and self.session is None:
            number, at = self._addressed(chain[2], chain[3])
            file = self.application_files[number]
            file.mode_for(file.write_keys, None, PLAIN)
            content = chain[5 : 5 + max(0, len(file.memory) - at)]
            file.memory[at : at + len(content)] = content

    def _select(self, p1: int, p2: int, data: bytes) -> bytes:
        if p2 not in (0x00, 0x0C) or p1 > 4:
            raise Refused(_BAD_P1_P2)
        if p1 == 4:
            if data not in (PICC_NAME, APPLICATION_NAME):
                raise Refused(_NOT_FOUND)
            return self._enter(data == APPLICATION_NAME)
        if not data and p1 in (0, 3):
            return self._enter(False)
        if len(data) != 2 or p1 == 3:
            raise Refused(0x6A87)
        wanted = int.from_bytes(data, "big")
        if p1 == 0 and wanted == _MASTER_FILE:
            return self._enter(False)
        if p1 in (0, 1) and wanted == _APPLICATION_FILE:
            return self._enter(True)
        if p1 != 1 and self._in_application:
            for number, file in self.application_files.items():
                if file.iso_id == wanted:
                    self._selected_file = number
                    return b""
        raise Refused(_NOT_FOUND)

    def _enter(self, application: bool) -> bytes:
        """Selecting a level ends the session."""
        self.session = None
        self._in_application, self._selected_file = application, None
        return b""

    def _addressed(self, p1: int, p2: int) -> tuple[int, int]:
        if not self._in_application:
            raise Refused(_NOT_SELECTED)
        if p1 & 0x80:
            if p1 & 0x60 or p1 & 0x1F == 0x1F:
                raise Refused(_BAD_P1_P2)
            if p1 & 0x1F:
                wanted = _SHORT_ID_BASE + (p1 & 0x1F)
                found = [number for number, file in self.application_files.items() if file.iso_id == wanted]
                if not found:
                    raise Refused(_NOT_FOUND)
                self._selected_file = found[0]
            at = p2
        else:
            at = p1 << 8 | p2
        if self._selected_file is None:
            raise Refused(_NOT_SELECTED)
        return self._selected_file, at


class Ntag424(AesCard[Ntag424App]):
    """The tag with its radio: FSC 128, FWI 7."""

    kind = "ntag424"
    ats = bytes.fromhex("067777710280")

    def __init__(self, uid: bytes) -> None:
        super().__init__(uid, Ntag424App(uid))

    def power_up(self, now_us: int) -> None:
        """With random ID another UID of four bytes at each activation, 08h first (section 8.1)."""
        if self.app.random_id:
            self.take_uid(b"\x08" + self.app.entropy(3))
        super().power_up(now_us)
