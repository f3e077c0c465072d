"""A program, or the next release keys, on its way from the switch: chunks, verification, the slot, the trial.

Made when the switch told of a newer one, while nobody needs the terminal. What is loaded lies in `install.NEW`, beside
it which file it is, so a start after a power cut goes on where the last sync left it. Sizes in bytes.
"""

import asyncio
import os

from micropython import const

from firmware import version
from firmware.core.errors import LinkError, StoreError
from firmware.core.types import CLOCK_NEVER_SET, CLOCK_OK
from firmware.service import builds, install, slots
from firmware.service.growing import Growing
from firmware.service.manifest import DAMAGED, NOT_NOW, OLDER, ROOT_FILE, UpdateRefused
from firmware.switch import download
from firmware.switch.download import CHUNK, PROGRAM_LONGEST, ROOT, Pin
from firmware.switch.profile import TAG_PROGRAM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from firmware.app import App
    from firmware.service.builds import Builds

_TIMEOUT_MS = const(6000)
_TURN_MS = const(500)
_QUIET_MS = const(1500)
_ANEW_MOST = const(5)
_PIN = const(16)  # version 4, total 4, digest 8
PIN = "/program.pin"


class NotNow(LinkError):
    """The switch does not give the file now."""

    code = "U08"


def told(board: str, root: int) -> "list[tuple[int, bytes]]":
    """What sign-on and echo say of the program that runs here; nothing without release keys."""
    if not root:
        return []
    return [(TAG_PROGRAM, version.BUILD.to_bytes(4, "big") + root.to_bytes(2, "big") + board.encode())]


def root_version() -> int:
    """Of the release keys that lie here; 0: none that are sound."""
    try:
        return install.root_in_force().version
    except UpdateRefused:
        return 0


class Fetching:
    """The loading of one role; `own` is the build, or the root's version, in force. Raises UpdateRefused when nothing
    of that kind can be taken here."""

    def __init__(self, app: "App", role: int, own: int, quiet: "Callable[[int], bool]") -> None:
        self.role = role
        self._app = app
        self._quiet = quiet
        self._own = own
        self._root = install.root_in_force()
        self._slot = "" if role == ROOT else install.target()
        self._refused = 0 if role == ROOT else self._kept().refused
        self._pin: "Pin | None" = None
        self._offset = 0
        self._file = Growing(install.NEW)
        self._anew = 0
        self._small = bytearray()  # a root file
        self._path = install.NEW
        if role != ROOT:
            self._resume()

    def _kept(self) -> "Builds":
        return builds.read(self._store())

    def _store(self) -> "Any":
        store = self._app.small_values()
        store.open()
        return store

    # --- chunks -------------------------------------------------------------------------------------------------------

    def complete(self) -> bool:
        """Whether every byte is there."""
        return self._pin is not None and self._offset == self._pin.total

    async def next_chunk(self, wanted: int) -> None:
        """Ask for what follows and keep it. Raises LinkError, BadMessage, UpdateRefused, OSError."""
        if wanted == self._refused:
            raise UpdateRefused(OLDER, "build {} did not pass its trial here".format(wanted))
        if self._pin is not None and self._pin.version < wanted:
            self._restart()
        app, offset, pin = self._app, self._offset, self._pin
        number, now_utc, quality = app.board.random_number(31), app.clock.now_utc(), app.clock.quality
        runs = told(app.board.name, self._root.version)[0][1]
        asked = download.request(app.messages, self.role, number, now_utc, quality, offset, pin, 0, runs)
        answer = await app.session.ask(asked, _TIMEOUT_MS)
        if answer.rc != "00":
            app.log.fault(NotNow.code, "program: the switch answers {}".format(answer.rc))
            raise NotNow(answer.rc)
        found = download.chunk(answer, self.role, offset)
        if found is None:
            raise UpdateRefused(DAMAGED, "the switch tells of a version and has none")
        if pin is None or not found.pin.same(pin) or found.offset != offset:
            self._restart()
            if found.pin.version <= self._own:
                raise UpdateRefused(OLDER, "{} is offered, {} is in force".format(found.pin.version, self._own))
            if found.offset:
                return
            self._begin(found.pin)
        self._write(found.data)
        if self.complete():
            self.close()

    def _resume(self) -> None:
        """Go on with what a former start left, if it makes sense."""
        try:
            with open(PIN, "rb") as file:
                raw = file.read(_PIN + 1)
        except OSError:
            return
        pin = Pin(int.from_bytes(raw[:4], "big"), int.from_bytes(raw[4:8], "big"), raw[8:])
        if len(raw) != _PIN or pin.total > PROGRAM_LONGEST:
            return
        size = _size(install.NEW)
        if size < 0 and _size(slots.file_of(self._slot)) == pin.total:  # cut between the rename and the trial
            self._path, size = slots.file_of(self._slot), pin.total
        if 0 <= size <= pin.total:
            self._pin = pin
            self._offset = size if size == pin.total else size // CHUNK * CHUNK

    def _restart(self) -> None:
        """Forget what was begun."""
        if self._pin is None:
            return
        self._anew += 1
        if self._anew > _ANEW_MOST:
            raise UpdateRefused(DAMAGED, "the file changes while it is loaded, again and again")
        self.close()
        self._pin = None
        self._offset = 0
        self._small = bytearray()
        self._path = install.NEW

    def _begin(self, pin: Pin) -> None:
        self._pin = pin
        if self.role == ROOT:
            if pin.total != ROOT_FILE:
                raise UpdateRefused(DAMAGED, "release keys of {} bytes".format(pin.total))
            return
        self._remove(PIN)
        self._remove(install.NEW)
        install.make_room(self._slot, pin.total)
        with open(PIN, "wb") as file:
            file.write(pin.version.to_bytes(4, "big") + pin.total.to_bytes(4, "big") + pin.digest)
        self._file.begin()

    def _write(self, data: bytes) -> None:
        if self.role == ROOT:
            self._small.extend(data)
        else:
            self._file.write(data, self._offset)
        self._offset += len(data)

    def close(self) -> None:
        """What was written so far is kept."""
        self._file.close()

    def drop(self) -> None:
        """Nothing of it is kept."""
        self.close()
        if self.role != ROOT:
            self._remove(PIN)
            self._remove(install.NEW)

    def _remove(self, path: str) -> None:
        try:
            os.remove(path)
        except OSError:
            pass  # it was never begun

    # --- all is there -------------------------------------------------------------------------------------------------

    async def finish(self, beat: "Callable[[], object]") -> None:
        """Verify and take it; a program is tried by a restart, when nobody is in the middle of something. Raises
        UpdateRefused, OSError, StoreError."""
        app = self._app
        if self.role == ROOT:
            app.log.event("release keys: root {} is in force".format(install.change_root(bytes(self._small)).version))
            return
        place = install.here(app.board.name, self._store(), self._root)
        place.lowest = max(place.lowest, app.orders.minimum.build)
        if app.clock.quality != CLOCK_NEVER_SET:
            place.now_utc = max(place.now_utc, app.clock.now_utc())
        place.clock_right = app.clock.quality == CLOCK_OK
        update = install.Update(self._path, self._root, place)
        for _ in update.opening():
            beat()
            await asyncio.sleep_ms(0)
        found = update.manifest
        assert found is not None and self._pin is not None
        if found.build != self._pin.version or found.build == self._refused:
            raise UpdateRefused(OLDER, "told as build {}, it is {}".format(self._pin.version, found.build))
        await self._until_quiet(beat)
        install.take(self._slot, self._path, found, self._store(), self._mark)
        self._remove(PIN)
        app.log.event("build {} is in slot {}, its trial begins with a restart".format(found.build, self._slot))
        await asyncio.sleep_ms(_TURN_MS)  # the line goes out first
        await self._until_quiet(beat)
        app.watch.restart("update")

    async def _until_quiet(self, beat: "Callable[[], object]") -> None:
        while not self._quiet(_QUIET_MS):
            beat()
            await asyncio.sleep_ms(_TURN_MS)

    def _mark(self, kept: "Builds") -> None:
        journal = self._app.journal
        install.marks_of(self._app.board)(kept)
        kept.seq, kept.gaps = journal.highest_seq(), min(journal.gaps(), builds.UNKNOWN - 1)


def _size(path: str) -> int:
    try:
        return os.stat(path)[6]
    except OSError:
        return -1


def refused(app: "App", error: Exception) -> None:
    """Tell it once."""
    code = getattr(error, "code", NOT_NOW)
    app.log.fault(code if isinstance(error, (UpdateRefused, StoreError)) else NOT_NOW, "program: {}".format(error))
