"""A program on trial: what it has to show before it stays, and the way back to the one before.

It stays once all of this is so in one start: ten minutes without a reset, no task died, the reader answers, the journal
is loaded and holds what it held when the update was taken, and the switch answered a sign-on or an echo under its MAC
or, with the line down, a sale of this start stands in the journal and was not taken back; at last the quick checks of
what a program alone may have spoilt (`checks.TRIED`). A program that loses records
goes back at once, one that does not get there in a day, too. One that fails at its starts, or hangs, never comes here:
each start costs a try (firmware/service/slots.py). Durations in seconds.
"""

from micropython import const

from firmware.core.errors import StoreError
from firmware.core.types import APPROVED, SETTLED, VOID
from firmware.core.visiting import visit
from firmware.service import builds, install, slots
from firmware.service.builds import UNKNOWN, Builds
from firmware.service.manifest import NOT_NOW, RETURNED
from firmware.version import BUILD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from firmware.app import App
    from firmware.core.visiting import Visit
    from firmware.switch.messages import Answer

PROVEN_S = const(600)
LONGEST_S = const(86_400)
_LOOK_S = const(30)


class Trial:
    """The trial of what runs. Ask `turn` while nobody needs the terminal."""

    def __init__(self, app: "App", kept: Builds) -> None:
        self._app = app
        self._kept = kept
        self._heard = app.session.online()
        self._sold_above = app.journal.highest_seq()
        self._looked_s = 0
        self.missing = ""
        self.testing: "Visit | None" = None  # the checks are loaded, a turn of its own: then they look
        app.session.on_network.append(self._hear)

    def _hear(self, answer: "Answer") -> None:
        if answer.rc == "00":
            self._heard = True

    def turn(self) -> bool:
        """Whether it goes on. Ends with a restart into the program before when this one did not pass."""
        now_s = self._app.uptime_s()
        if self.testing is not None:
            self._test(self.testing)
            return self._ended(now_s)
        if now_s - self._looked_s < _LOOK_S:
            return True
        self._looked_s = now_s
        if self._app.journal.loading():
            self.missing = "the journal is being read"
            return True
        lost = self._lost()
        if lost:
            self._back(lost)
            return False
        self.missing = self._lacks(now_s)
        if not self.missing:
            self.testing = visit("firmware.service.boot_record", "firmware.service.checks").begin()
            return True
        return self._ended(now_s)

    def _test(self, begun: "Visit") -> None:
        """The checks that were loaded for it, which go then."""
        from firmware.service import checks

        try:
            self.missing = checks.tried(self._app)
        finally:
            self.testing = None
            begun.end()

    def _ended(self, now_s: int) -> bool:
        """Whether it goes on, by what is missing."""
        if not self.missing:
            return not self._confirmed()
        if now_s < LONGEST_S:
            return True
        self._back(self.missing)
        return False

    def _lost(self) -> str:
        """What of the journal is not there any more, "" for nothing."""
        journal, kept, now = self._app.journal, self._kept, Builds()
        install.marks_of(self._app.board)(now)
        if kept.generation and (now.salt != kept.salt or now.generation < kept.generation):
            return "the journal is another one"
        if journal.highest_seq() < kept.seq:
            return "the journal ends before SEQ {}".format(kept.seq)
        if kept.gaps != UNKNOWN and journal.gaps() > kept.gaps:
            return "{} records of the journal are missing".format(journal.gaps() - kept.gaps)
        return ""

    def _lacks(self, now_s: int) -> str:
        """What it has not shown yet, "" for nothing."""
        app = self._app
        if now_s < PROVEN_S:
            return "{} s of {}".format(now_s, PROVEN_S)
        if not app.reader.healthy():
            return "the reader does not answer"
        died = [name for name, count in app.supervisor.restarts() if count]
        if died:
            return "task {} died".format(" ".join(died))
        if not self._heard and not (not app.session.online() and self._sold()):
            return "neither an answer of the switch nor a sale"
        return ""

    def _sold(self) -> bool:
        """What was taken back, refused or never answered shows nothing."""
        last = self._app.journal.last()
        if last is None or last.transaction.seq <= self._sold_above:
            return False
        return last.transaction.verb != VOID and last.state in (APPROVED, SETTLED)

    def _confirmed(self) -> bool:
        """Both are written; what a cut leaves out, the next start does."""
        log = self._app.log
        try:
            slots.confirm()
            with visit("firmware.store.slots"):
                store = self._app.small_values()
                store.open()
                self._kept.confirmed()
                builds.keep(store, self._kept)
        except OSError as error:
            log.fault(NOT_NOW, "the trial is not confirmed, the flash does not take it: {}".format(error))
            return False
        except StoreError as error:
            log.error(error, builds.NAME)
        log.event("build {} passed its trial and stays".format(BUILD))
        self._app.session.on_network.remove(self._hear)
        return True

    def _back(self, why: str) -> None:
        app = self._app
        app.log.fault(RETURNED, "build {} goes back: {}".format(BUILD, why))
        try:
            slots.give_up()
        except OSError as error:
            app.log.fault(
                NOT_NOW, "the flash does not take it: {}".format(error)
            )  # each start costs a try all the same
        app.board.reset()


def of(app: "App") -> "Callable[[], bool] | None":
    """The turns of the trial of what runs; None when nobody can say what it has to show: then it is not confirmed, and
    after its tries the program before runs."""
    try:
        with visit("firmware.store.slots"):
            store = app.small_values()
            store.open()
            return Trial(app, builds.read(store)).turn
    except StoreError as error:
        app.log.error(error, builds.NAME)
        return None
