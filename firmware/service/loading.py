"""One file on its way from the switch: chunks into NAME.new, its verification, its taking. Made when a file is wanted.

NAME.new begins with what is pinned, so a start after a power cut goes on where the last sync left it. Sizes in bytes.
"""

import asyncio
import os

from micropython import const

from firmware.core.errors import LinkError
from firmware.core.types import CLOCK_NEVER_SET, CLOCK_OK
from firmware.service import floor
from firmware.service.envelope import (
    AHEAD,
    EXPIRED,
    HEAD,
    NAMES,
    OLDER,
    STAGED,
    UNUSABLE,
    DownloadRefused,
    Envelope,
)
from firmware.service.growing import Growing
from firmware.service.held import HOTLIST_AT
from firmware.switch import download
from firmware.switch.download import CHUNK, HOTLIST, LONGEST, Pin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from firmware.app import App

_TIMEOUT_MS = const(6000)
_AHEAD_S = const(86_400)  # so much two clocks may differ
_ANEW_MOST = const(5)  # a switch that changes its mind more often than this in one file is not asked further


class NotNow(LinkError):
    """The switch does not give the file now."""

    code = "U08"


class Taken:
    """A verified file: `values` of configuration or rules, or where the rows of a hotlist lie."""

    def __init__(self, envelope: Envelope, values: "dict[str, object] | None") -> None:
        self.version = envelope.version
        self.made_utc = envelope.made_utc
        self.at = HOTLIST_AT
        self.size = envelope.size
        self.values = values


class Loading:
    """The loading of one role; `held` is the version in force."""

    def __init__(self, app: "App", folder: str, role: int, held: int) -> None:
        self.role = role
        self.name = NAMES[role]
        self.in_force = "{}/{}.dat".format(folder, self.name)
        self._new = "{}/{}.new".format(folder, self.name)
        self._app = app
        self._held = held
        self._floor = app.in_force.floor[role]  # above what is in force when the file was lost or damaged
        self._pin: "Pin | None" = None
        self._offset = 0
        self._file = Growing(self._new)
        self._anew = 0
        self._resume()

    def complete(self) -> bool:
        """Whether every byte is there."""
        return self._pin is not None and self._offset == self._pin.total

    async def next_chunk(self, wanted: int) -> None:
        """Ask for what follows and keep it. `wanted` is the newest version the switch told of.

        Raises LinkError, BadMessage, DownloadRefused, OSError.
        """
        if self._pin is not None and self._pin.version < wanted:
            self._restart()  # the switch has a newer one than that which was begun
        app, offset, pin = self._app, self._offset, self._pin
        number, now_utc, quality = app.board.random_number(31), app.clock.now_utc(), app.clock.quality
        asked = download.request(app.messages, self.role, number, now_utc, quality, offset, pin)
        answer = await app.session.ask(asked, _TIMEOUT_MS)
        if answer.rc != "00":
            app.log.fault(NotNow.code, "{}: the switch answers {}".format(self.name, answer.rc))
            raise NotNow(answer.rc)
        found = download.chunk(answer, self.role, offset)
        if found is None:
            raise DownloadRefused(UNUSABLE, "the switch tells of a version and has none")
        if pin is None or not found.pin.same(pin) or found.offset != offset:
            self._restart()
            self._need_newer(found.pin.version)
            if found.offset:
                return
            self._begin(found.pin)
        self._write(found.data)
        if self.complete():
            self.close()

    def _resume(self) -> None:
        """Go on with what a former start left, if it makes sense."""
        try:
            size = os.stat(self._new)[6]
            with open(self._new, "rb") as file:
                head = file.read(STAGED)
        except OSError:
            return
        total, offset = int.from_bytes(head[2:6], "big"), size - STAGED
        if len(head) < STAGED or total > LONGEST or not 0 < offset <= total or (offset % CHUNK and offset != total):
            return
        self._pin = Pin(int.from_bytes(head[:2], "big"), total, head[6:STAGED])
        self._offset = offset

    def _restart(self) -> None:
        """Forget what was begun."""
        if self._pin is None:
            return
        self._anew += 1
        if self._anew > _ANEW_MOST:
            raise DownloadRefused(UNUSABLE, "the file changes while it is loaded, again and again")
        self.close()
        self._pin = None
        self._offset = 0

    def _begin(self, pin: Pin) -> None:
        self._file.begin(pin.version.to_bytes(2, "big") + pin.total.to_bytes(4, "big") + pin.digest)
        self._pin = pin

    def _write(self, data: bytes) -> None:
        self._file.write(data, STAGED + self._offset)
        self._offset += len(data)

    def close(self) -> None:
        """What was written so far is kept."""
        self._file.close()

    def drop(self) -> None:
        """Nothing of it is kept."""
        self.close()
        try:
            os.remove(self._new)
        except OSError:
            pass  # it was never begun

    async def verified(self, beat: "Callable[[], object]") -> Taken:
        """Look at everything. Raises DownloadRefused, OSError."""
        assert self._pin is not None
        envelope = Envelope(self._new, self.role)
        for _ in envelope.opening(self._app.in_force.owner):
            beat()
            await asyncio.sleep_ms(0)
        if envelope.version != self._pin.version:
            raise DownloadRefused(UNUSABLE, "version {} came as {}".format(envelope.version, self._pin.version))
        self._need_newer(envelope.version)
        clock = self._app.clock
        if envelope.until_utc and clock.quality != CLOCK_NEVER_SET and clock.now_utc() > envelope.until_utc:
            raise DownloadRefused(EXPIRED, "it was to be taken before; publish it anew")
        if clock.quality == CLOCK_OK and envelope.made_utc > clock.now_utc() + _AHEAD_S:
            raise DownloadRefused(AHEAD, "made more than a day from now; set the publisher's clock, publish it anew")
        if self.role != HOTLIST:
            return Taken(envelope, _values(self.role, envelope.body()))
        from firmware.store import hotlist

        for right in hotlist.checked(self._new, STAGED + HEAD, envelope.size):
            if not right:
                raise DownloadRefused(UNUSABLE, "rows of cards are out of order, or too many")
            beat()
            await asyncio.sleep_ms(0)
        return Taken(envelope, None)

    def _need_newer(self, version: int) -> None:
        """Not a way back, also when the file in force was lost: then the very same one is right."""
        if version <= self._held:
            raise DownloadRefused(OLDER, "version {} is offered, {} is in force".format(version, self._held))
        if version < self._floor:
            raise DownloadRefused(OLDER, "version {} is offered, {} was taken before".format(version, self._floor))

    def take(self) -> None:
        """The one step that puts it in force."""
        assert self._pin is not None
        self.close()
        os.rename(self._new, self.in_force)
        floor.taken(self._app, self.role, self._pin.version)


def _values(role: int, body: bytes) -> "dict[str, object]":
    """Checked values."""
    from firmware.service.remote import values_of  # and the settings: only a file that is whole needs them

    return values_of(role, body)
