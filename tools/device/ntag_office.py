"""Personalises NTAG213/215/216: payload, open mark, password and PACK, ACCESS, a try of the password, and AUTH0 last.

AUTH0 alone switches the protection on (NT2H1311 section 8.5.7), so until the last page is written the tag is open and
no terminal trusts it; from then on it is complete. Which state a tag is in shows in its readable pages. A protected tag
gets one password, its own, and only when its open page says that it is the programme's, as terminals do: a stranger's
might count it and lock itself. Our tags do not count wrong ones (AUTHLIM 0); they count their taps.
"""

from __future__ import annotations

from tools.device.card_kinds import CardOffice, CardState, Stage, Step, same
from tools.device.errors import CardLocked, ForeignCard, VerifyFailed
from tools.device.reader import CardNak
from tools.issuer.keys import KIND_NTAG

_READ, _WRITE, _PWD_AUTH = 0x30, 0xA2, 0x1B
_PAGE = 4
_MARK_PAGE, _MARK = 4, b"VAFA"
_PAYLOAD_PAGE = 5
_LOCKS = 0x01F0  # static lock bits of pages 4 to 8 (section 8.5.2)
# First configuration page; AUTH0, ACCESS, PWD and PACK lie on it and the three after it.
_CONFIG_PAGE = {"ntag213": 0x29, "ntag215": 0x83, "ntag216": 0xE3}
_CFGLCK = 0x40
# Of ACCESS: reading protected, taps counted, their count protected; no limit of wrong passwords (section 8.5.7).
_ACCESS, _ACCESS_MASK = 0x98, 0x9F
# User memory as delivered: lock control and empty NDEF TLV, only the latter on the larger ones (section 8.5.6).
_DELIVERED = (bytes.fromhex("0103a00c340300fe"), bytes.fromhex("0300fe"))


class NtagOffice(CardOffice):
    """One NTAG21x."""

    derived_as = KIND_NTAG

    async def inspect(self) -> CardState:
        """Raises CardLocked, ForeignCard."""
        self._protected = False
        self._locks = int.from_bytes((await self._read(0))[10:12], "little")
        try:
            told = await self._read(_MARK_PAGE)
        except CardNak as nak:
            _if_refused(nak)
            raise ForeignCard("it is protected, and does not say that it is the programme's") from None
        marked = told[:_PAGE] == _MARK
        if told[_PAGE : _PAGE + 3] == self.uid[:3]:  # page 0: reading rolls over before AUTH0 (section 10.2)
            if not marked:
                raise ForeignCard("it is protected, and does not say that it is the programme's")
            return await self._inspect_protected()
        await self._inspect_config(marked)
        payload = await self._read(_PAYLOAD_PAGE)
        if marked or self.looks_ours(payload):
            return self.state(Stage.STARTED, payload)
        return self.state(Stage.BLANK if self._as_delivered(told[:_PAGE] + payload) else Stage.USED)

    async def _inspect_config(self, marked: bool) -> None:
        """An open tag's configuration: as delivered, or half-way to ours."""
        try:
            self._config = await self._read(_CONFIG_PAGE[self.kind])
        except CardNak as nak:
            _if_refused(nak)
            self._config = b""
        if not self._config or self._config[3] < _CONFIG_PAGE[self.kind] + _PAGE:
            if not marked:
                raise CardLocked("it is protected with a password, and not by this office")
            await self._unlock()  # AUTH0 was torn
            self._config = await self._read(_CONFIG_PAGE[self.kind])

    async def _inspect_protected(self) -> CardState:
        await self._unlock()
        payload = await self._read(_PAYLOAD_PAGE)
        self._config = await self._read(_CONFIG_PAGE[self.kind])
        state = self.state(Stage.DONE, payload)
        return state if state.member_no and self._config_right() else self.state(Stage.STARTED, payload)

    def check_writable(self) -> None:
        """Raises CardLocked."""
        if self._locks & _LOCKS:
            raise CardLocked("pages 4 to 8 are locked")
        if self._config[4] & _CFGLCK and not (self._protected and self._config_right()):
            raise CardLocked("its configuration is locked")

    def steps(self, state: CardState) -> list[Step]:
        """Only the payload of a tag whose protection is right."""
        shown = f"PWD {self.legacy_check_value()}"
        first = _CONFIG_PAGE[self.kind]
        wanted = [Step("member payload, read back", f"pages {_PAYLOAD_PAGE} to {_PAYLOAD_PAGE + 3}", self._by(shown))]
        if not (self._protected and self._config_right()):
            wanted += [
                Step("mark of the programme, open", f"page {_MARK_PAGE}"),
                Step("password and PACK", f"pages {first + 2}, {first + 3}", shown),
                Step("ACCESS: reading needs the password, taps are counted; it is tried", f"page {first + 1}"),
                Step(f"AUTH0 {_PAYLOAD_PAGE}: protection begins", f"page {first}, the last write"),
            ]
        return wanted

    async def write(self, state: CardState, member_no: int) -> None:
        """Raises what the tag answers."""
        done = self._protected and self._config_right()
        await self._fresh()
        payload = self.payload(member_no)
        for i in range(0, len(payload), _PAGE):
            await self._write(_PAYLOAD_PAGE + i // _PAGE, payload[i : i + _PAGE])
        same(await self._read(_PAYLOAD_PAGE), payload, "the payload reads back differently")
        if done:
            return
        await self._write(_MARK_PAGE, _MARK)
        same((await self._read(_MARK_PAGE))[:_PAGE], _MARK, "the mark reads back differently")
        first, key, config = _CONFIG_PAGE[self.kind], self.legacy_key(), self._config
        await self._write(first + 2, key[:4])
        await self._write(first + 3, key[4:6] + bytes(2))
        access = bytes([config[4] & ~_ACCESS_MASK | _ACCESS]) + config[5:8]
        await self._write(first + 1, access)
        same((await self._read(first))[4:8], access, "ACCESS reads back differently")
        # A password that did not hold would lock the tag for good: it has to open before it begins to count.
        try:
            await self._unlock()
        except ForeignCard:
            raise VerifyFailed("its password does not hold") from None
        await self._write(first, config[:3] + bytes([_PAYLOAD_PAGE]))

    async def verify(self, member_no: int) -> None:
        """Marked, closed without the password, and with it what terminals want to see."""
        await self.relay.again()
        same(
            (await self._read(_MARK_PAGE))[: _PAGE + 3], _MARK + self.uid[:3], "the mark, and what is closed behind it"
        )
        try:
            await self._read(_PAYLOAD_PAGE)
        except CardNak as nak:
            _if_refused(nak)
        else:
            raise VerifyFailed("it can be read without its password")
        try:
            await self._unlock()
        except ForeignCard:
            raise VerifyFailed("it does not take its password") from None
        same(await self._read(_PAYLOAD_PAGE), self.payload(member_no), "the payload")
        self._config = await self._read(_CONFIG_PAGE[self.kind])
        if not self._config_right():
            raise VerifyFailed("its protection is not what was written")

    async def _fresh(self) -> None:
        if self._protected:
            await self._unlock()
        else:
            await self.relay.again()

    async def _unlock(self) -> None:
        """One password, the card's own."""
        self._protected = True
        key = self.legacy_key()
        await self.relay.again()
        try:
            pack = await self.relay.frame(bytes([_PWD_AUTH]) + key[:4], 2)
        except CardNak as nak:
            _if_refused(nak)
            raise ForeignCard("it does not take this office's password") from None
        if pack != key[4:6]:
            raise ForeignCard("it answers the password as a copy would")

    def _config_right(self) -> bool:
        return self._config[3] == _PAYLOAD_PAGE and self._config[4] & _ACCESS_MASK == _ACCESS

    def _by(self, shown: str) -> str:
        return shown if self._protected else ""

    @staticmethod
    def _as_delivered(content: bytes) -> bool:
        return any(content == start.ljust(len(content), b"\0") for start in (*_DELIVERED, b""))

    async def _read(self, page: int) -> bytes:
        return await self.relay.frame(bytes([_READ, page]), 4 * _PAGE)

    async def _write(self, page: int, content: bytes) -> None:
        await self.relay.frame(bytes([_WRITE, page]) + content)


def _if_refused(nak: CardNak) -> None:
    """Go on with what a refusal means; a frame that came broken means nothing and is raised."""
    if not nak.refused:
        raise nak
