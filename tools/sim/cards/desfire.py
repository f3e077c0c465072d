"""MIFARE DESFire EV2 and EV3 above ISO 14443-4: card level, AES applications, standard data files, EV2 authentication.

The commands are those of the NTAG 424 DNA plus what makes applications and files. As delivered the card key is a DES
key and anyone may create applications (key settings 0Fh); `card_key` gives the card an AES one instead. Not modelled:
DES and the authentications of EV1 (0Ah, 1Ah, AAh), SetConfiguration, key sets, backup, value and record files, ISO
names of applications, writing in several frames with 3Dh, SUN of the EV3: they answer 911Ch, 917Eh or 919Eh.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tools.sim.cards.aes_card import AesCard
from tools.sim.cards.aes_core import (
    AUTHENTICATION,
    LENGTH,
    NO_SUCH_KEY,
    PARAMETER,
    PERMISSION,
    Key,
    Refused,
    Reply,
)
from tools.sim.cards.aes_files import AesApp
from tools.sim.cards.ev2 import FULL, MAC, PLAIN
from tools.sim.cards.files import FREE, NotAuthenticated, StdFile

NO_APPLICATION, DUPLICATE, OUT_OF_MEMORY = 0x91A0, 0x91DE, 0x910E
CARD_LEVEL = bytes(3)
# Key settings: who may change the master key, list, create and delete, and these settings; the high nibble is the key
# that changes the others (0 the master key, Eh each its own, Fh none).
_MASTER_CHANGEABLE, _FREE_LISTING, _FREE_CREATION, _SETTINGS_CHANGEABLE = 1, 2, 4, 8
_OWN_KEY, _FROZEN = 0xE, 0xF
_AES, _WITH_ISO_IDS, _MORE_SETTINGS, _MOST_KEYS, _MOST_APPLICATIONS = 0x80, 0x20, 0x10, 14, 28
_AIDS_IN_A_FRAME = 19
_FRAME_DATA = 59
_STORAGE = 4096
_ISO_NAME = bytes.fromhex("D2760000850100")
_GENERATIONS = {
    "ev2": ("04010112001805", "04010102011805"),
    "ev3": ("04010133001805", "04010103001805"),
}


@dataclass
class Application:
    """Keys, their settings, and files."""

    settings: int
    keys: list[Key]
    files: dict[int, StdFile] = field(default_factory=dict)


class DesfireApp(AesApp):
    """`generation` is "ev2" or "ev3"; `card_key` an AES card master key, None for the DES key of delivery."""

    block_safe = False
    times_us = {
        0x71: 12_000, 0x77: 12_000, 0xAF: 14_000, 0x5A: 4_000, 0xCA: 40_000, 0xCD: 25_000, 0xC4: 18_000, 0xC6: 18_000,
        0x8D: 12_000, 0x5F: 12_000, 0xDA: 30_000, 0xDF: 15_000, 0xFC: 180_000,
    }  # fmt: skip
    default_us = 3_000

    def __init__(
        self,
        uid: bytes,
        generation: str = "ev2",
        entropy: Callable[[int], bytes] | None = None,
        card_key: bytes | None = None,
    ) -> None:
        if len(uid) != 7:
            raise ValueError("a DESFire has a UID of 7 bytes")
        super().__init__(uid, entropy)
        hardware, software = _GENERATIONS[generation]
        self.version = (bytes.fromhex(hardware), bytes.fromhex(software), uid + bytes.fromhex("BA54C7D1102616"))
        self.card = Application(0x0F, [Key(card_key)] if card_key is not None else [])
        self.applications: dict[bytes, Application] = {}
        self._selected = CARD_LEVEL
        self.commands |= {
            0x5A: self._select_application,
            0xCA: self._create_application,
            0xDA: self._delete_application,
            0x6A: self._get_application_ids,
            0x6F: self._get_file_ids,
            0x45: self._get_key_settings,
            0x54: self._change_key_settings,
            0x6E: self._free_memory,
            0xC6: self._change_key_ev2,
            0xCD: self._create_file,
            0xBD: self._read_in_frames,
            0x3D: self._write_data,
            0xDF: self._delete_file,
            0xFC: self._format,
        }

    # -- levels --------------------------------------------------------------------------------------------------------

    @property
    def level(self) -> Application:
        """What is selected: an application, or the card itself."""
        return self.applications[self._selected] if self._selected != CARD_LEVEL else self.card

    @property
    def keys(self) -> list[Key]:
        """Of the selected level."""
        return self.level.keys

    @property
    def files(self) -> dict[int, StdFile]:
        """Of the selected application."""
        if self._selected == CARD_LEVEL:
            raise Refused(PERMISSION)
        return self.level.files

    def reset(self) -> None:
        """After activation card level is selected."""
        super().reset()
        self._selected = CARD_LEVEL

    def authenticating_key(self, number: int) -> Key:
        """Every AES key may be tried for ever; a DES key takes no EV2 authentication."""
        if self.level is self.card and not self.card.keys and number == 0:
            raise Refused(AUTHENTICATION)
        return super().authenticating_key(number)

    def key_changer(self, number: int) -> int:
        """As the key settings say."""
        settings = self.level.settings
        if number == 0:
            if not settings & _MASTER_CHANGEABLE:
                raise Refused(PERMISSION)
            return 0
        if settings >> 4 == _FROZEN:
            raise Refused(PERMISSION)
        return number if settings >> 4 == _OWN_KEY else settings >> 4

    def _master_or(self, freedom: int) -> None:
        """The master key of this level, or a freedom its settings give."""
        if self.who != 0 and not self.level.settings & freedom:
            raise NotAuthenticated

    # -- applications --------------------------------------------------------------------------------------------------

    def _select_application(self, ins: int, data: bytes) -> Reply:
        if len(data) != 3:
            raise Refused(LENGTH)
        if data != CARD_LEVEL and data not in self.applications:
            raise Refused(NO_APPLICATION)
        self.session = None
        self._selected = data
        return 0, b""

    def _at_card_level(self) -> None:
        if self._selected != CARD_LEVEL:
            raise Refused(PERMISSION)

    def _create_application(self, ins: int, data: bytes) -> Reply:
        self._at_card_level()
        self._master_or(_FREE_CREATION)
        header, rest = self.received(ins, data, 5, MAC)
        aid, settings, options = header[:3], header[3], header[4]
        if rest:
            raise Refused(PARAMETER)  # ISO identifiers and names, key set parameters
        if options & 0xC0 != _AES or options & (_MORE_SETTINGS | _WITH_ISO_IDS) or not 1 <= options & 15 <= _MOST_KEYS:
            raise Refused(PARAMETER)
        if aid == CARD_LEVEL or aid in self.applications:
            raise Refused(DUPLICATE)
        if len(self.applications) >= _MOST_APPLICATIONS:
            raise Refused(0x91CE)
        if not self.torn:  # rolled back (MF3D(H)x2 short data sheet section 8.5)
            self.applications[aid] = Application(settings, [Key() for _ in range(options & 15)])
        return self.answer(b"", MAC)

    def _delete_application(self, ins: int, data: bytes) -> Reply:
        """With the card's master key, or the application's own when it is the selected one."""
        if self.who != 0:
            raise NotAuthenticated
        aid = self.header(ins, data, 3, MAC)
        if aid not in self.applications:
            raise Refused(NO_APPLICATION)
        if self._selected not in (CARD_LEVEL, aid):
            raise Refused(PERMISSION)
        reply = self.answer(b"", MAC)
        if not self.torn:
            del self.applications[aid]
        if self._selected == aid:
            self.session, self._selected = None, CARD_LEVEL
            return 0, b""
        return reply

    def _get_application_ids(self, ins: int, data: bytes) -> Reply:
        self._at_card_level()
        self._master_or(_FREE_LISTING)
        self.header(ins, data, 0, MAC)
        aids = list(self.applications)
        whole = b"".join(aids)
        parts = [whole[i : i + 3 * _AIDS_IN_A_FRAME] for i in range(0, len(whole), 3 * _AIDS_IN_A_FRAME)] or [b""]
        return self.in_parts(parts, self.answer(whole, MAC)[1][len(whole) :])

    def _format(self, ins: int, data: bytes) -> Reply:
        self._at_card_level()
        if self.who != 0:
            raise NotAuthenticated
        self.header(ins, data, 0, MAC)
        if not self.torn:
            self.applications.clear()
        return self.answer(b"", MAC)

    def _free_memory(self, ins: int, data: bytes) -> Reply:
        self.header(ins, data, 0, MAC)
        return self.answer(self._free().to_bytes(3, "little"), MAC)

    def _free(self) -> int:
        """Rooms of 32 bytes: one for an application and each of its files, and what the files hold."""
        used = 0
        for application in self.applications.values():
            used += 32 + sum(32 + -(-len(file.memory) // 32) * 32 for file in application.files.values())
        return _STORAGE - used

    def iso(self, command: bytes, data: bytes, expected: int | None) -> bytes:
        """Of ISO/IEC 7816-4 the selection of card level by its name."""
        if command[1] != 0xA4:
            raise Refused(0x6D00)
        if command[2] != 4 or data != _ISO_NAME:
            raise Refused(0x6A82)
        self.session, self._selected = None, CARD_LEVEL
        return b""

    # -- keys ----------------------------------------------------------------------------------------------------------

    def _get_key_settings(self, ins: int, data: bytes) -> Reply:
        self._master_or(_FREE_LISTING)
        self.header(ins, data, 0, MAC)
        kind = _AES | len(self.keys) if self.keys else 0x01
        return self.answer(bytes([self.level.settings, kind]), MAC)

    def _change_key_settings(self, ins: int, data: bytes) -> Reply:
        if self.who != 0:
            raise NotAuthenticated
        if not self.level.settings & _SETTINGS_CHANGEABLE:
            raise Refused(PERMISSION)
        _, body = self.received(ins, data, 0, FULL)
        if len(body) != 1:
            raise Refused(LENGTH)
        if not self.torn:
            self.level.settings = body[0]
        return self.answer(b"", MAC)

    def _change_key_ev2(self, ins: int, data: bytes) -> Reply:
        if data[:1] not in (b"", b"\x00"):
            raise Refused(NO_SUCH_KEY)  # one key set only
        return self.new_key(ins, data, 2)

    # -- files ---------------------------------------------------------------------------------------------------------

    def _get_file_ids(self, ins: int, data: bytes) -> Reply:
        files = self.files
        self._master_or(_FREE_LISTING)
        self.header(ins, data, 0, MAC)
        return self.answer(bytes(sorted(files)), MAC)

    def _create_file(self, ins: int, data: bytes) -> Reply:
        files = self.files
        self._master_or(_FREE_CREATION)
        header = self.header(ins, data, 7, MAC)
        number, mode, rights, size = header[0], header[1], header[2:4], int.from_bytes(header[4:], "little")
        nibbles = (rights[0] >> 4, rights[0] & 15, rights[1] >> 4, rights[1] & 15)
        if number > 0x1F or mode > FULL or not size or any(len(self.keys) <= nibble < FREE for nibble in nibbles):
            raise Refused(PARAMETER)
        if number in files:
            raise Refused(DUPLICATE)
        if size + 32 > self._free():
            raise Refused(OUT_OF_MEMORY)
        if not self.torn:
            files[number] = StdFile(size, mode if mode & 1 else PLAIN, rights)
        return self.answer(b"", MAC)

    def _read_in_frames(self, ins: int, data: bytes) -> Reply:
        """ReadData of EV1: what does not go into a frame is fetched with AFh."""
        _, answer = self._read_data(ins, data)
        parts = [answer[i : i + _FRAME_DATA] for i in range(0, len(answer), _FRAME_DATA)]
        return self.in_parts(parts, b"")

    def _delete_file(self, ins: int, data: bytes) -> Reply:
        files = self.files
        self._master_or(_FREE_CREATION)
        number = self.header(ins, data, 1, MAC)[0]
        if number not in files:
            raise Refused(0x91F0)
        if not self.torn:
            del files[number]
        return self.answer(b"", MAC)


class Desfire(AesCard[DesfireApp]):
    """The card with its radio: FSC 64, FWI 8."""

    ats = bytes.fromhex("067577810280")

    def __init__(self, uid: bytes, generation: str = "ev2") -> None:
        self.kind = f"desfire-{generation}"
        super().__init__(uid, DesfireApp(uid, generation))
