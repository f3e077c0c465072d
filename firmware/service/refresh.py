"""What changed at the switch of members this terminal knows: loaded into memory, then put into the member cache.

Balances are the switch's own word, so the MAC of the messages is enough; nothing of them touches a file system. A
record counts only for a member the cache holds, when it is newer than what the cache has and nothing of the card waits
for the switch: what waits may be in the balance already. Loaded when it is due. Times in UTC seconds.
"""

import hashlib

from micropython import const

from firmware.core.errors import BadMessage, StoreError
from firmware.core.types import Member
from firmware.switch import download, tlv
from firmware.switch.download import DIGEST, MEMBERS, Pin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.app import App

HEAD = const(12)  # "VMD1", the cursor to say next, the time the balances are of
ROW = const(21)  # UID 10, its length, points i32, tier, visits u16, last visit
_MAGIC = const(b"VMD1")
_TIMEOUT_MS = const(6000)
_APPLIED = const(4)  # records put into the cache at a time


class Refresh:
    """One delta after the other. The cursor `since` is lost with the power: then the newest come again."""

    def __init__(self, app: "App", since: int = 0) -> None:
        self._app = app
        self.since = since
        self._pin: "Pin | None" = None
        self._raw = bytearray()
        self._next = 0  # record to be put next; 0 while loading

    async def piece(self) -> bool:
        """A chunk, or a few records; True when there is no more to do. Raises LinkError, BadMessage."""
        if self._next:
            return self._apply()
        app, offset, pin = self._app, len(self._raw), self._pin
        number, now_utc, quality = app.board.random_number(31), app.clock.now_utc(), app.clock.quality
        asked = download.request(app.messages, MEMBERS, number, now_utc, quality, offset, pin, self.since)
        answer = await app.session.ask(asked, _TIMEOUT_MS)
        found = download.chunk(answer, MEMBERS, offset) if answer.rc == "00" else None
        if found is None:
            self._begin(None)
            return True
        if pin is None or not found.pin.same(pin) or found.offset != offset:
            self._begin(found.pin)
            if found.offset:
                return False
        self._raw += found.data
        if len(self._raw) < found.pin.total:
            return False
        self._check(found.pin)
        self._next = HEAD
        return False

    def _begin(self, pin: "Pin | None") -> None:
        self._pin = pin
        self._raw = bytearray()
        self._next = 0

    def _check(self, pin: Pin) -> None:
        raw = self._raw
        whole = hashlib.sha256(raw).digest()[:DIGEST] == pin.digest
        if not whole or raw[:4] != _MAGIC or (len(raw) - HEAD) % ROW:
            self._begin(None)
            raise BadMessage("a member delta that is not whole")

    def _apply(self) -> bool:
        raw, app = self._raw, self._app
        as_of_utc = int.from_bytes(raw[8:HEAD], "big")
        for _ in range(_APPLIED):
            if self._next >= len(raw):
                self.since = int.from_bytes(raw[4:8], "big")
                self._begin(None)
                return True
            row = bytes(raw[self._next : self._next + ROW])
            self._next += ROW
            try:
                self._put(row, as_of_utc)
            except StoreError as error:
                app.log.error(error, "member cache")
        return False

    def _put(self, row: bytes, as_of_utc: int) -> None:
        uid = row[: row[10]]
        if len(uid) not in (4, 7, 10):
            return
        known = self._app.members.get(uid)
        if known is None or known.as_of_utc >= as_of_utc or self._app.journal.pending_points(uid):
            return
        points, tier, visits = tlv.signed32(row[11:15]), row[15], tlv.unsigned(row[16:18])
        last_utc = tlv.date_utc(row[18:21])
        member = Member(uid, known.member_no, known.name, points, as_of_utc, tier, visits, last_utc)
        member.rung, member.best, member.years = known.rung, known.best, known.years  # the delta says nothing of them
        self._app.members.put(member)
