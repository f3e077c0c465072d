"""Loads what the switch has newer: configuration, rules, hotlist, as signed files; and what changed of known members.

One chunk in flight, in the queue's places, and none while a story runs. A file is loaded into NAME.new, verified, and
taken between two stories by one rename: whenever the power goes, the old file or the new one is in force. What is
refused is told once and not loaded again until the switch has a newer one. Durations in milliseconds.
"""

import asyncio
import gc
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from firmware.core.errors import BadMessage, LinkError, StoreError
from firmware.core.types import CLOCK_OK
from firmware.core.visiting import visit
from firmware.switch.download import CONFIG, HOTLIST, MEMBERS, PROGRAM, ROOT, RULES, VERSION_TAGS, newest
from firmware.switch.session import back_off_ms
from firmware.version import BUILD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from firmware.app import App
    from firmware.switch.messages import Answer

_TURN_MS = const(500)
_QUIET_MS = const(1500)  # so long nobody touched the terminal
_NEWS_MS = const(900_000)  # a line busy with sales carries no echo by itself
_REST_MS = const(600_000)
_DEFERRED_MS = const(60_000)
_UNKEPT_MOST = const(3)


class Downloads:
    """The task. `held` are the versions in force by role, `quiet(for_ms)` whether the desk rests."""

    def __init__(self, app: "App", folder: str, refresh_s: int, quiet: "Callable[[int], bool]") -> None:
        self.app = app
        self.folder = folder
        self.refresh_s = refresh_s
        self.held = app.in_force.held
        self._quiet = quiet
        self._newest = [0] * 7
        self._refused = [0] * 7
        self._programs = self._known_programs()
        self._loading: "Any" = None  # a visit lasts as long as there is one (firmware/core/visiting.py)
        self._members: "Any" = None  # so it does with this
        self._since = 0  # of which state of the switch's members the last one was
        self._deferred = 0  # a role whose file is loaded and cannot count yet
        self._deferred_until = ticks_ms()
        self._failures = 0
        self._unkept = 0  # how often in a row the file system did not take a file
        self._not_before = ticks_ms()
        self._news = ticks_ms()
        self._refresh_at = ticks_ms()
        app.session.on_network.append(self._hear)
        app.session.says.append(self._says)
        self._tell_versions()

    def status(self) -> str:
        """For the console: versions in force, and what is newer at the switch."""
        held, new = self.held, self._newest
        text = "config {} rules {} hotlist {}".format(held[CONFIG], held[RULES], held[HOTLIST])
        wanted = ["{}: {}".format(role, new[role]) for role in (CONFIG, RULES, HOTLIST) if new[role] > held[role]]
        if self._newest[PROGRAM] > BUILD:
            wanted.append("build: {}".format(self._newest[PROGRAM]))
        return text + (", newer at the switch " + " ".join(wanted) if wanted else "")

    # --- what the switch says -----------------------------------------------------------------------------------------

    def _hear(self, answer: "Answer") -> None:
        """A sign-on or an echo was answered."""
        self._news = ticks_ms()
        for role in (CONFIG, RULES, HOTLIST, PROGRAM, ROOT):
            told = newest(answer.tags, role)
            if told:
                self._newest[role] = told

    def _says(self) -> "list[tuple[int, bytes]]":
        return self.app.messages.in_force + self._programs

    def _tell_versions(self) -> None:
        """CFG and HOTLIST of every message from now on; RULESET is a matter of the rules."""
        self.app.messages.in_force = [
            (VERSION_TAGS[role], self.held[role].to_bytes(2, "big")) for role in (CONFIG, HOTLIST) if self.held[role]
        ]

    # --- the task -----------------------------------------------------------------------------------------------------

    async def run(self, beat: "Callable[[], object]") -> None:
        """For ever."""
        while True:
            beat()
            role = self._wanted()
            if not role or not self._quiet(_QUIET_MS):
                if not self.app.session.online():
                    self._forget_loading()  # what is there stays on the flash
                self._ask_for_news()
                await asyncio.sleep_ms(_TURN_MS)
                continue
            try:
                await self._piece(role, beat)
                self._failures = 0
            except LinkError:
                self._wait(back_off_ms(self._failures, 0))  # told by the session
                self._failures += 1
            except BadMessage as error:
                self.app.log.error(error, "download")
                self._wait(_REST_MS)
            except OSError as error:
                self.app.log.fault("U05", "download: {}".format(error))
                self._not_kept(role)
            if self._loading is None and self._members is None:
                gc.collect()  # and the code that did it, too
            await asyncio.sleep_ms(0)

    def _wanted(self) -> int:
        """The role of what is to be loaded now, 0 when nothing is."""
        if not self.app.session.online() or ticks_diff(ticks_ms(), self._not_before) < 0:
            return 0
        if self.app.in_force.owner.keys:
            for role in (CONFIG, RULES, HOTLIST):
                later = role == self._deferred and ticks_diff(ticks_ms(), self._deferred_until) < 0
                if self._newest[role] > self.held[role] and self._newest[role] != self._refused[role] and not later:
                    return role
        for role in (ROOT, PROGRAM) if self._programs else ():
            if self._newest[role] > self._own(role) and self._newest[role] != self._refused[role]:
                return role
        if self.refresh_s and ticks_diff(ticks_ms(), self._refresh_at) >= 0 and self.app.clock.quality == CLOCK_OK:
            return MEMBERS
        return 0

    def _ask_for_news(self) -> None:
        if ticks_diff(ticks_ms(), self._news) >= _NEWS_MS and self.app.session.online():
            self._news = ticks_ms()
            self.app.session.probe()

    def _not_kept(self, role: int) -> None:
        """What was begun is removed, the room may be wanted; a file that cannot be kept is not loaded for ever."""
        if self._loading is not None:
            self._loading.drop()
        self._forget_loading()
        self._unkept += 1
        if self._unkept >= _UNKEPT_MOST and role != MEMBERS:
            self._refused[role], self._unkept = self._newest[role], 0
        self._wait(_REST_MS)

    def _wait(self, ms: int) -> None:
        self._not_before = ticks_add(ticks_ms(), ms)

    async def _piece(self, role: int, beat: "Callable[[], object]") -> None:
        """One chunk more, or what comes when all are there."""
        if role == MEMBERS:
            with visit("firmware.service.refresh"):
                await self._refresh()
        elif role in (PROGRAM, ROOT):
            with visit("firmware.service.fetching"):
                await self._fetch(role, beat)
        else:
            with visit("firmware.service.loading"):
                await self._load(role, beat)

    async def _load(self, role: int, beat: "Callable[[], object]") -> None:
        from firmware.service.envelope import DownloadRefused
        from firmware.service.loading import Loading

        if self._loading is None or self._loading.role != role:
            self._forget_loading()
            self._loading = Loading(self.app, self.folder, role, self.held[role])
            visit().begin()
        loading = self._loading
        try:
            if not loading.complete():
                await loading.next_chunk(self._newest[role])
                return
            taken = await loading.verified(beat)
            while not self._quiet(_QUIET_MS):
                beat()
                await asyncio.sleep_ms(_TURN_MS)
            if role == HOTLIST or not self._not_yet(role, taken):
                late = self._take(role, taken)
                self._unkept = 0
                if late:
                    await self._restart(late, beat)
            else:  # it stays as it is loaded; the others go on
                self._deferred, self._deferred_until = role, ticks_add(ticks_ms(), _DEFERRED_MS)
                self._forget_loading()
        except DownloadRefused as refusal:
            self.app.log.fault(refusal.code, "{}: {}".format(loading.name, refusal))
            self._refused[role] = self._newest[role]
            loading.drop()
            self._forget_loading()

    def _known_programs(self) -> "list[tuple[int, bytes]]":
        with visit("firmware.service.fetching"):
            from firmware.service import fetching

            return fetching.told(self.app.board.name, fetching.root_version())

    def _own(self, role: int) -> int:
        """The build that runs, or the version of the release keys."""
        return BUILD if role == PROGRAM else int.from_bytes(self._programs[0][1][4:6], "big")

    async def _fetch(self, role: int, beat: "Callable[[], object]") -> None:
        """A chunk more of a program or of release keys; it ends with a restart, or with what it refused."""
        from firmware.service import fetching
        from firmware.service.manifest import UpdateRefused

        try:
            if self._loading is None or self._loading.role != role:
                self._forget_loading()
                self._loading = fetching.Fetching(self.app, role, self._own(role), self._quiet)
                visit().begin()
            if not self._loading.complete():
                await self._loading.next_chunk(self._newest[role])
                return
            await self._loading.finish(beat)
            self._refused[role] = self._newest[role]  # it is taken: once is enough
            self._programs = self._known_programs()
        except StoreError as error:
            fetching.refused(self.app, error)
            self._not_kept(role)
        except UpdateRefused as error:
            fetching.refused(self.app, error)
            self._refused[role] = self._newest[role]
            if self._loading is not None:
                self._loading.drop()
        self._forget_loading()

    def _not_yet(self, role: int, taken: "Any") -> bool:
        from firmware.service import live

        return live.waits(self.app, role, taken.values)

    async def _restart(self, late: "list[str]", beat: "Callable[[], object]") -> None:
        """Settings that count from the next start only: it comes as soon as nobody is in the middle of something."""
        self.app.log.event("restart for " + " ".join(late))
        await asyncio.sleep_ms(_TURN_MS)  # the line goes out first
        while not self._quiet(_QUIET_MS):
            beat()
            await asyncio.sleep_ms(_TURN_MS)
        self.app.watch.restart("settings")

    def _take(self, role: int, taken: "Any") -> "list[str]":
        """Between two stories, and without a pause: the file is in force, and the terminal works by it. Settings that
        wait for a restart."""
        loading = self._loading
        loading.take()
        self._forget_loading()
        self.held[role] = taken.version
        self._tell_versions()
        self.app.log.event("{} {} is in force".format(loading.name, taken.version))
        if role == HOTLIST:
            self.app.hotlist.use(loading.in_force, taken.at, taken.size)
            self.app.hotlist.covered(taken.made_utc)
            return []
        from firmware.service import live

        return live.put(self.app, role, taken.version, taken.values)

    def _forget_loading(self) -> None:
        if self._loading is not None:
            self._loading.close()
            self._loading = None
            visit().end()

    # --- members ------------------------------------------------------------------------------------------------------

    async def _refresh(self) -> None:
        """The next chunk of what changed, or all of it into the cache."""
        from firmware.service.refresh import Refresh

        if self._members is None:
            self._members = Refresh(self.app, self._since)
            visit().begin()
        if await self._members.piece():
            self._since, self._members = self._members.since, None
            visit().end()
            self._refresh_at = ticks_add(ticks_ms(), self.refresh_s * 1000)
