"""Console rights: what destroys or shows something asks for an answer that only the switch can give.

`ask` gives a nonce for one right, and `answer` checks eight digits made of it with the terminal's master key, which the
switch has too (docs/provisioning.md, byte for byte). So nobody carries a password, and an answer opens one right of one
terminal once. Each check is counted before it is made and forgiven after a success: pulling the plug gives no try back.
Waits count uptime and begin again with each start, never the settable clock. Seconds. Never log what is typed here.
"""

from micropython import const

from firmware.core.cmac import tag_equal
from firmware.core.errors import VafaError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Protocol

    from firmware.board import Board
    from firmware.core.cmac import Cmac
    from firmware.store.tries import TryCounter

    class Rooms(Protocol):
        """What of the terminal this needs."""

        board: Board
        master: Cmac
        sector: bytearray

        def uptime_s(self) -> int: ...


RIGHTS = ("members", "zeroise", "letters", "staff", "replace", "support", "technician")
STANDING = ("letters", "support", "technician")  # not used up by one command: it lasts its time
REGISTER, SUPPORT, TECHNICIAN = const(1), const(2), const(3)  # levels of what programs may ask (docs/console.md)
_LEVELS = {"support": SUPPORT, "technician": TECHNICIAN}
VALID_S = const(900)
DIGITS = const(8)
_FREE = const(3)  # wrong answers in a row before the first wait
_TRIES = const(4)  # sectors of the vault's region
_WAITS_S = const((30, 120, 900, 1800))  # the fifth wrong one in a row costs 15 minutes, whatever is pulled meanwhile


class RightMissing(VafaError):
    """The command needs a right that nobody has been given, or the time for its answer is over."""

    code = "K04"


class AnswerWrong(VafaError):
    """The digits do not fit; the try was counted."""

    code = "K05"


class AnswersPaused(VafaError):
    """Too many wrong answers in a row: nothing is checked until the wait is over."""

    code = "K06"

    def __init__(self, left_s: int) -> None:
        super().__init__("too many wrong answers: wait {} s".format(left_s))
        self.retry_ms = left_s * 1000


def answer_to(master: "Cmac", nonce: int, right: str) -> bytes:
    """The eight digits that answer this nonce."""
    tag = master.tag(b"tech" + nonce.to_bytes(4, "big") + right.encode())
    return "{:08d}".format(int.from_bytes(tag[:8], "big") % 100_000_000).encode()


def rights_of(rooms: "Rooms") -> "Rights":
    """Of one terminal. Raises StoreError, and there are no rights, when the counter of tries cannot be read or
    written."""
    from firmware.store.tries import TryCounter

    board = rooms.board
    tries = TryCounter(board.vault_flash(), board.page_only, _TRIES, buffer=rooms.sector)
    tries.open()
    return Rights(rooms.master, tries, rooms.uptime_s, lambda: board.random_number(32))


class Rights:
    """`master` is the CMAC under the terminal's master key, `tries` an open counter, `uptime_s` gives the seconds since
    the start, `fresh` 32 random bits."""

    def __init__(
        self, master: "Cmac", tries: "TryCounter", uptime_s: "Callable[[], int]", fresh: "Callable[[], int]"
    ) -> None:
        self._master = master
        self._tries = tries
        self._uptime_s = uptime_s
        self._fresh = fresh
        self._asked = ""  # the right the nonce is for
        self._nonce = 0
        self._given = ""  # the right that stands open
        self._until_s = 0  # of whichever of the two there is
        self._failed_s = 0  # uptime of the last failure; those of earlier starts count from this one

    def ask(self, right: str) -> str:
        """A new nonce in hex; takes back what was asked or given before. Raises AnswersPaused."""
        self._need_no_pause()
        self._asked, self._nonce, self._given = right, self._fresh(), ""
        self._until_s = self._uptime_s() + VALID_S
        return "{:08X}".format(self._nonce)

    def answer(self, digits: str) -> str:
        """Give the right that was asked for, and tell which. Raises AnswersPaused, RightMissing, AnswerWrong, and
        StoreError when the try cannot be counted: then nothing was checked."""
        self._need_no_pause()
        if not self._asked or self._late():
            raise RightMissing("nothing was asked for, or more than 15 minutes ago")
        self._tries.begin()
        if not tag_equal(digits.encode(), answer_to(self._master, self._nonce, self._asked)):
            self._wrong()
        self._tries.settle()
        right, self._asked = self._asked, ""
        self._given, self._until_s = right, self._uptime_s() + VALID_S
        return right

    def check(self, typed: str, fits: bytes) -> None:
        """Something else a person types, worth nothing after a restart: a register's code. A wrong one counts as
        a wrong answer, a right one forgives none. Raises AnswersPaused, AnswerWrong, StoreError."""
        self._need_no_pause()
        if not tag_equal(typed.encode(), fits):
            self._tries.begin()
            self._wrong()

    def _wrong(self) -> None:
        self._failed_s = self._uptime_s()
        left = _FREE - self._tries.failures()
        then = "{} more before a pause".format(left) if left > 0 else "pause of {} s".format(self._pause_s())
        raise AnswerWrong("wrong answer, " + then)

    def level(self) -> int:
        """What programs may ask now: 0, SUPPORT or TECHNICIAN."""
        return 0 if self._late() else _LEVELS.get(self._given, 0)

    def need_level(self, level: int) -> None:
        """Raises RightMissing below this level. Who uses a level keeps it: it ends when nobody asked for so long."""
        if self.level() < level:
            name = "support" if level == SUPPORT else "technician"
            raise RightMissing("this needs the right {}: type right {}".format(name, name))
        self._until_s = self._uptime_s() + VALID_S

    def need(self, right: str) -> None:
        """Raises RightMissing unless this right stands open."""
        if not self.stands(right):
            raise RightMissing("this needs the right {}: type right {}".format(right, right))

    def stands(self, right: str) -> bool:
        """Whether this right has been given and its time is not over."""
        return self._given == right and not self._late()

    def use_up(self) -> None:
        """What was asked for is being done: the right is gone."""
        self._given = ""

    def over(self) -> bool:
        """Whether one made anew would do the same from now on."""
        asked = self._asked or self._given
        return not (asked and not self._late()) and self._uptime_s() >= self._failed_s + self._pause_s()

    def _late(self) -> bool:
        return self._uptime_s() >= self._until_s

    def _pause_s(self) -> int:
        """How long nothing is checked after the failures so far."""
        beyond = self._tries.failures() - _FREE
        return 0 if beyond < 0 else _WAITS_S[min(beyond, len(_WAITS_S) - 1)]

    def _need_no_pause(self) -> None:
        left_s = self._failed_s + self._pause_s() - self._uptime_s()
        if left_s > 0:
            raise AnswersPaused(left_s)
