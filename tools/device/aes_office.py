"""Personalises NTAG 424 DNA and DESFire EV2/EV3 over a terminal that relays APDUs; every key stays on the PC.

Contents and settings first, under the factory keys, then keys 4 to 1, and key 0 last: while key 0 has version 0 the
card can be finished by laying it down again, and once it has the office's version everything else is right. Which state
a card is in follows from key versions, file settings and the SUN data anybody can read, so a card of another office
is left alone without a wrong authentication (its counter of failures, TotFailCtr, is never used up). Steps and commands
are those of docs/cards.md; order of bytes and modes are the cards room's.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Awaitable
from typing import TypeVar

from firmware.cards import aes_layout as layout
from firmware.cards import card_office as office
from firmware.cards.aes_card import AesCard, CardRefused
from firmware.cards.aes_card import KeyRefused as AesKeyRefused
from firmware.cards.ev2 import FULL, PLAIN, AuthKey, Ev2Error, NotGenuine
from firmware.cards.sun import sun_data
from tools.device.card_kinds import CardOffice, CardState, Stage, Step, same
from tools.device.errors import CardGarbled, ForeignCard, ForeignData, HostMissing, VerifyFailed
from tools.device.reader import CardRelay, Found
from tools.device.sun_check import verified_uid
from tools.issuer.keyfile import check_value
from tools.issuer.keys import KIND_AES, PAYLOAD_SIZE, IssuerKeys

T = TypeVar("T")

_NOT_FOUND = (0x91A0, 0x91F0, 0x6A82)  # no such application, no such file
_KEYS = range(layout.AES_KEYS)
_OFFSETS = 9  # three of three bytes at the end of the NDEF file's settings
_PAYLOAD_FILE_SIZE = 128


class AesOffice(CardOffice):
    """What both cards have in common: five keys with versions, and the payload's file."""

    derived_as = KIND_AES

    def __init__(self, relay: CardRelay, found: Found, kind: str, keys: IssuerKeys, host: str) -> None:
        super().__init__(relay, found, kind, keys)
        self.host = host
        self.card = AesCard(relay, os.urandom)
        self.versions: list[int] = []

    async def inspect(self) -> CardState:
        """Raises ForeignCard, ForeignData."""
        return await self._told(self._inspect())

    async def write(self, state: CardState, member_no: int) -> None:
        """Raises what the card answers."""
        await self._told(self._write(member_no))

    async def verify(self, member_no: int) -> None:
        """Every key opens, has its version, and the payload is what terminals want to see."""
        try:
            await self._told(self._verify(member_no))
        except ForeignCard as error:
            raise VerifyFailed(str(error.args[0])) from None

    @abstractmethod
    async def _inspect(self) -> CardState:
        """As `inspect`."""

    @abstractmethod
    async def _select(self) -> None:
        """Make the programme's application the selected one."""

    @abstractmethod
    async def _contents(self, member_no: int) -> None:
        """Files and their settings, in a session of key 0."""

    async def _read_versions(self) -> None:
        self.versions = [await self.card.key_version(number) for number in _KEYS]
        ours = self.keys.version
        strange = {version for version in self.versions if version not in (0, ours)}
        if strange or self.versions != sorted(self.versions):  # keys 4 to 1 come before 0, so never the other way
            raise ForeignCard(f"its keys have version {max(strange or self.versions)}, the key file {ours}")

    @property
    def _finished(self) -> bool:
        return self.versions[layout.CARD_MASTER] == self.keys.version

    async def _open(self, number: int) -> None:
        """A session of one of the card's keys as it is now."""
        key = self.keys.aes_key(number, self.uid) if self.versions[number] else office.FACTORY_KEY
        await self.card.authenticate(AuthKey(number, key))

    async def _payload(self) -> bytes:
        return await self.card.read(layout.PAYLOAD_FILE, 0, PAYLOAD_SIZE, layout.PAYLOAD_MODE)

    async def _write(self, member_no: int) -> None:
        finished = self._finished
        await self._open(layout.CARD_MASTER)
        if not finished:
            await self._contents(member_no)
        await self.card.write(layout.PAYLOAD_FILE, 0, self.payload(member_no), FULL)
        same(await self._payload(), self.payload(member_no), "the payload reads back differently")
        if finished:
            return
        for number in reversed(_KEYS):
            if self.versions[number] == 0:
                await office.change_key(self.card, number, self._own(number), self.keys.version)

    async def _verify(self, member_no: int) -> None:
        await self.relay.again()
        await self._select()
        await self._read_versions()
        if not self._finished:
            raise VerifyFailed("its keys are not all changed")
        for number in reversed(_KEYS):
            await self._open(number)
        same(await self.card.card_uid(), self.uid, "it has another number than it showed")
        await self._open(layout.GROUP_READ)
        same(await self._payload(), self.payload(member_no), "the payload")

    def _own(self, number: int) -> bytes:
        return self.keys.aes_key(number, self.uid)

    def _key_steps(self) -> list[Step]:
        roles = ("card master, the last write", "group read", "SUN meta", "SUN MAC", "relay")
        return [
            Step(f"key {number}: {roles[number]}", f"version {self.keys.version}", check_value(self._own(number)))
            for number in reversed(_KEYS)
            if not self.versions or self.versions[number] == 0
        ]

    def _payload_step(self) -> Step:
        by = self.versions and self.versions[layout.CARD_MASTER]
        opened = check_value(self._own(layout.CARD_MASTER)) if by else "maker's"
        return Step("member payload, read back", f"file {layout.PAYLOAD_FILE}", f"key 0 {opened}")

    async def _told(self, work: Awaitable[T]) -> T:
        """The cards room's errors as this tool's."""
        try:
            return await work
        except (AesKeyRefused, NotGenuine):
            raise ForeignCard("it does not take its key") from None
        except (CardRefused, Ev2Error) as error:
            raise CardGarbled(str(error)) from None

    async def _exists(self, asked: Awaitable[T]) -> T | None:
        try:
            return await asked
        except CardRefused as error:
            if error.status in _NOT_FOUND:
                return None
            raise


class Ntag424Office(AesOffice):
    """NTAG 424 DNA: SUN in file 2, the payload in file 3. `host` stands in the URL of the NDEF file."""

    way = "sun"
    # NT4H2421Gx section 8.2.3, tables 5 and 6: as delivered.
    _DELIVERED = {2: bytes.fromhex("0000e0ee000100"), 3: bytes.fromhex("00033023800000")}

    async def _select(self) -> None:
        await self.card.select_df(layout.NTAG424_DF_NAME)

    async def _inspect(self) -> CardState:
        await self._select()
        await self._read_versions()
        if self._finished:
            return await self._inspect_finished()
        self._settings = {file: await self.card.file_settings(file) for file in self._DELIVERED}
        # Where SUN data lie in the file follows from the host, so a card begun for another host is ours as well.
        ours = {layout.NDEF_FILE: _sun_told(0, 0)[:-_OFFSETS], layout.PAYLOAD_FILE: self._payload_told()}
        for file, settings in self._settings.items():
            if settings != self._DELIVERED[file] and not settings.startswith(ours[file]):
                raise ForeignCard(f"file {file} has the settings of another office")
        if self._settings[layout.PAYLOAD_FILE] == self._payload_told():
            await self._open(layout.CARD_MASTER)
            return self.state(Stage.STARTED, await self._payload())
        if any(self.versions):
            raise ForeignCard("keys are changed and files are not")
        ndef = (await self.card.read(layout.NDEF_FILE, 0, layout.NDEF_READ_SIZE, PLAIN)).rstrip(b"\0")
        if not ndef:
            return self.state(Stage.BLANK)
        begun = bool(self.host) and self._ndef()[0].startswith(ndef)
        return self.state(Stage.STARTED if begun else Stage.USED)

    async def _inspect_finished(self) -> CardState:
        """Ours shows in its SUN data, which only keys 2 and 3 of this office can make."""
        said = sun_data(await self.card.read(layout.NDEF_FILE, 0, layout.NDEF_READ_SIZE, PLAIN))
        if said is None or verified_uid(self.keys, said) != self.uid:
            raise ForeignCard("its SUN data are not this office's")
        await self._open(layout.GROUP_READ)
        state = self.state(Stage.DONE, await self._payload())
        return state if state.member_no else self.state(Stage.STARTED)

    def check_writable(self) -> None:
        """Raises HostMissing."""
        if not self._finished:
            self._ndef()

    def steps(self, state: CardState) -> list[Step]:
        """All, or only the payload of a finished card."""
        if self._finished:
            return [self._payload_step()]
        return [
            Step(f"URL https://{self.host}/c?p=..&m=..", f"file {layout.NDEF_FILE}", "key 0 maker's"),
            Step("who may read and write the payload", f"settings of file {layout.PAYLOAD_FILE}", "key 0 maker's"),
            self._payload_step(),
            Step("SUN on: UID, counter and MAC in the URL", f"settings of file {layout.NDEF_FILE}", "key 0 maker's"),
            *self._key_steps(),
        ]

    async def _contents(self, member_no: int) -> None:
        """SUN is switched on last: settings that are right say that the content is."""
        content, picc_data_at, mac_at = self._ndef()
        signs = self._settings[layout.NDEF_FILE] == _sun_told(picc_data_at, mac_at)
        if not signs:
            await self.card.write(layout.NDEF_FILE, 0, content, PLAIN)
        if self._settings[layout.PAYLOAD_FILE] != self._payload_told():
            await office.change_file_settings(self.card, layout.PAYLOAD_FILE, office.payload_settings())
        await self.card.write(layout.PAYLOAD_FILE, 0, self.payload(member_no), FULL)
        if not signs:
            settings = office.sun_settings(picc_data_at, mac_at)
            await office.change_file_settings(self.card, layout.NDEF_FILE, settings)

    async def _verify(self, member_no: int) -> None:
        await super()._verify(member_no)
        await self._select()
        said = sun_data(await self.card.read(layout.NDEF_FILE, 0, layout.NDEF_READ_SIZE, PLAIN))
        if said is None or verified_uid(self.keys, said) != self.uid:
            raise VerifyFailed("its SUN data do not verify")

    @staticmethod
    def _payload_told() -> bytes:
        return office.settings_as_told(office.payload_settings(), _PAYLOAD_FILE_SIZE)

    def _ndef(self) -> tuple[bytes, int, int]:
        try:
            return office.ndef_file(self.host)
        except (ValueError, UnicodeError) as error:
            raise HostMissing(str(error)) from None


def _sun_told(picc_data_at: int, mac_at: int) -> bytes:
    """The settings of the NDEF file as the card tells them when SUN is on."""
    return office.settings_as_told(office.sun_settings(picc_data_at, mac_at), layout.NDEF_SIZE)


class DesfireOffice(AesOffice):
    """DESFire EV2 and EV3: an application of the programme's own with the payload's file. The card level is left."""

    way = "relay"

    async def _select(self) -> None:
        await self.card.select_application(layout.DESFIRE_AID)

    async def _inspect(self) -> CardState:
        self._made = await self._application()
        if not self._made:
            self.versions = [0] * layout.AES_KEYS
            return self.state(Stage.BLANK)
        await self._read_versions()
        self._file = True
        if self._finished:
            await self._open(layout.GROUP_READ)
            state = self.state(Stage.DONE, await self._payload())
            return state if state.member_no else self.state(Stage.STARTED)
        await self._open(layout.CARD_MASTER)
        self._file = await self._exists(self.card.file_settings(layout.PAYLOAD_FILE)) is not None
        if not self._file:
            return self.state(Stage.STARTED)
        return self.state(Stage.STARTED, await self._payload())

    async def _application(self) -> bool:
        try:
            await self._select()
        except CardRefused as error:
            if error.status in _NOT_FOUND:
                return False
            raise
        return True

    def steps(self, state: CardState) -> list[Step]:
        """All, or only the payload of a finished card."""
        if self._finished:
            return [self._payload_step()]
        made = [] if self._made else [Step("application F56AF0, five AES keys", "card level")]
        return [
            *made,
            Step("file of 32 bytes for the payload", f"file {layout.PAYLOAD_FILE}", "key 0 maker's"),
            self._payload_step(),
            *self._key_steps(),
        ]

    async def _write(self, member_no: int) -> None:
        if not self._made:
            await self.card.select_application(bytes(3))
            try:
                await office.create_application(self.card)
            except CardRefused as error:
                raise ForeignData(f"it makes no application (status {error.status:04x})") from None
            self._file = False
        await self._select()
        await super()._write(member_no)

    async def _contents(self, member_no: int) -> None:
        if not self._file:
            await office.create_payload_file(self.card)
