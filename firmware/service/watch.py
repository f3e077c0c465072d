"""What the terminal notes of itself while it runs, and what it leaves behind when it ends: figures, trace, records.

Joins the supervisor with the vitals, the fault record and the boot record; knows of rooms only how to ask whether they
are at work. What writes the records is loaded when there is something to write.
"""

import gc
import sys

from micropython import const

from firmware.core.errors import VafaError
from firmware.core.visiting import visit
from firmware.service import faults
from firmware.service.vitals import Vitals
from firmware.version import BUILD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from firmware.service.supervisor import Supervisor

# As in boot_record, which is not loaded.
_IDLE = const(1)
_CARD = const(2)
_LINE = const(3)
_PRINTING = const(4)
_WRITING = const(5)
_LOG_LINES = const(12)


class Watch:
    """`app` is the terminal; its rooms are made later."""

    if TYPE_CHECKING:
        vitals: Vitals

    def __init__(self, app: "Any") -> None:
        self._app = app
        self._recorded: "list[str]" = []
        faults.about.append(self.around)

    def begin(self, supervisor: "Supervisor") -> None:
        """From now on."""
        app = self._app
        with visit("firmware.service.boot_record"):
            from firmware.service import boot_record

            cause = app.board.reset_cause()
            app.log.event(boot_record.began(cause, app.clock.now_utc(), app.start_number, app.rtc))
        self.vitals = Vitals(app.link.signal, self._sign_ons, self._doing, app.rtc, app.start_number)
        supervisor.pulse, supervisor.hung = self.vitals.turn, self.hung
        app.board.lookout(supervisor.look)

    def fault(self, where: str, error: Exception) -> None:
        """A task died of something nobody expected."""
        # Once a task and start: a fault that returns every second must not wear the flash out.
        if where not in self._recorded and not isinstance(error, VafaError):
            self._recorded.append(where)
            faults.record(faults.trace_of(error, sys.print_exception), where)

    def hung(self, name: str) -> None:
        """A task hangs and the watchdog will bite; "": it goes on after all."""
        with visit("firmware.service.boot_record"):
            from firmware.service import boot_record

            if not name:
                boot_record.forgo()
                return
            boot_record.intend(boot_record.HUNG, name, self._app.clock.now_utc())
            self.vitals.lag_task = name
        faults.record("the watchdog resets the terminal", "hung: " + name)

    def restart(self, name: str = "") -> None:
        """Somebody wants a reset. Does not come back."""
        self._want(name)
        self._app.board.reset()

    def leave(self) -> None:
        """Into the Python prompt. Does not come back. Raises OSError."""
        self._want("prompt")
        self._app.board.restart_to_prompt()

    def around(self) -> "list[str]":
        """What goes into a fault record besides its trace."""
        app = self._app
        up_s = app.uptime_s() if hasattr(app, "housekeeping") else 0
        figures = "build {} start {} up {} s heap free {}".format(BUILD, app.start_number, up_s, _free())
        return [figures] + app.log.newest(_LOG_LINES)

    def _want(self, name: str) -> None:
        with visit("firmware.service.boot_record", "firmware.service.slots"):
            from firmware.service import boot_record, slots

            boot_record.intend(boot_record.WANTED, name, self._app.clock.now_utc())
            try:
                slots.wanted()
            except OSError as error:
                self._app.log.fault("S05", "boot.dat: {}".format(error))  # then it counts as a failed start

    def _sign_ons(self) -> int:
        return self._app.session.sign_ons

    def _doing(self) -> int:
        app = self._app
        if app.paper.printing():
            return _PRINTING
        if app.reader.stir() < 0:
            return _CARD
        if not app.housekeeping.resting:
            return _WRITING
        return _IDLE if app.session.online() else _LINE


def _free() -> int:
    """Bytes; measured as it is, for a collection would hide what was short."""
    return gc.mem_free()
