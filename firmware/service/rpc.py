"""JSON-RPC 2.0 on the serial port, one request a line: reads it, finds its method, sends the answer (docs/console.md).

Loaded for the first line of a program and kept by the console while more come. Knows no room of the terminal: what a
method works on is handed through, so safe mode has the same frame. One request at a time; an answer longer than a line
is fetched in pieces with `next`. A line that comes again because its answer was lost is answered again and not carried
out again. Times are milliseconds.
"""

import asyncio
import json
from time import ticks_diff, ticks_ms

from micropython import const

from firmware.core.errors import RpcError, VafaError
from firmware.core.visiting import visit
from firmware.service.methods import BAD_PARAMS, group_of
from firmware.service.rpc_frames import (
    BUSY,
    NO_JSON,
    NO_METHOD,
    NO_REQUEST,
    OWN,
    TORN,
    UNFORESEEN,
    crc16,
    failure,
    id_in,
)
from firmware.service.rpc_frames import result as made

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Port(Protocol):
        """The console as this needs it."""

        paired: bool
        torn: int

        def frame(self, text: str) -> None: ...
        def say(self, text: str) -> None: ...


_REPLY_BYTES = const(1000)
_PIECE = const(400)  # characters; a quote takes two bytes in a piece, a Persian letter two anyway
_LONGEST = const(12_000)
_METHOD_S = const(30)
_BASE = const("base")
_PEOPLE = const("firmware.service.rpc_words")
_REPEATS_MS = const(5000)  # a program repeats three times within three seconds
_IN_A_SECOND = const(20)
_LARGEST_ID = const(0x7FFFFFFF)


class Rpc:
    """`port` takes the answers, `rooms` is handed to the methods."""

    def __init__(self, port: "Port", rooms: "Any") -> None:
        self._port = port
        self._rooms = rooms
        self._base: "Any" = None
        self._group = ""
        self._methods: "Any" = None  # of the group
        self._people: "Any" = None
        self._task: "Any" = None
        self._typed = False  # the request under way is of a person
        self._checked = False  # its line had a CRC, so the answer gets one
        self._id = 0
        self._asked = ""  # the line under way, or the last one
        self._since = 0  # when it was answered
        self._answered = ""
        self._rest = ""  # of an answer longer than a line
        self._plan: "tuple[str, Any, Any] | None" = (
            None  # group, method, parameters; words not understood yet: "", words
        )
        self._allowed = False
        self._second = 0
        self._count = 0

    def idle(self) -> bool:
        """Nothing is under way."""
        return self._task is None and self._plan is None

    def planned(self) -> bool:
        """There is a piece for `go`."""
        return self._plan is not None

    async def finished(self) -> None:
        """Clear away what is done; what nobody expected is raised here, in the console's own task."""
        task = self._task
        if task is not None and task.done():
            self._task = None
            await task

    def take(self, line: str, too_long: bool = False) -> bool:
        """Begin a line; `go` carries it out. False when it is words and no method has them."""
        if line[:1] != "{":
            return self._words(line)
        if line == self._asked and not too_long:
            if self._task is not None:
                self._port.frame('{{"jsonrpc":"2.0","method":"working","params":{{"id":{}}}}}'.format(self._id))
                return True
            if self._answered and self._checked and ticks_diff(ticks_ms(), self._since) < _REPEATS_MS:
                self._port.frame(self._answered)
                return True
        if self._task is not None:
            self._port.frame(failure(id_in(line), RpcError(BUSY, retry_ms=500), line[-5:-4] == "*"))
            return True
        self._asked, self._answered, self._typed, self._checked, self._id = line, "", False, False, -1
        try:
            if too_long:
                raise RpcError(TORN)
            self._request(self._bare(line))
        except VafaError as error:
            self._port.torn += isinstance(error, RpcError) and error.number == TORN
            self._fail(error)
        return True

    # --- a request ----------------------------------------------------------------------------------------------------

    def _bare(self, line: str) -> str:
        """Without its CRC. Raises RpcError."""
        if line[-5:-4] != "*":
            return line
        self._checked = True
        if line[-4:].lower() != "{:04x}".format(crc16(line[:-5].encode())):
            raise RpcError(TORN)
        return line[:-5]

    def _request(self, text: str) -> None:
        try:
            asked = json.loads(text)
        except ValueError:
            raise RpcError(NO_JSON) from None
        if not isinstance(asked, dict):
            raise RpcError(NO_REQUEST)
        number, method, params = asked.get("id"), asked.get("method"), asked.get("params", {})
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= _LARGEST_ID:
            raise RpcError(NO_REQUEST)
        self._id = number
        if asked.get("jsonrpc") != "2.0" or not isinstance(method, str):
            raise RpcError(NO_REQUEST)
        if not isinstance(params, dict):
            raise RpcError(BAD_PARAMS, "params: an object")
        if method == "next":
            self._reply(self._piece(params))
            return
        self._count_it()
        group, _, name = method.rpartition(".")
        group = group or _BASE
        if not name or group_of(group) != group:
            raise RpcError(NO_METHOD)
        self._plan, self._allowed = (group, name, params), False

    def _count_it(self) -> None:
        """At most so many a second: a sale goes first. Raises RpcError."""
        now = ticks_ms()
        if ticks_diff(now, self._second) >= 1000:
            self._second, self._count = now, 0
        self._count += 1
        if self._count > _IN_A_SECOND:
            raise RpcError(BUSY, "more than 20 requests a second", retry_ms=1000)

    def _loaded(self, group: str) -> "Any":
        """The module of a group; None when `_load` has to be called first."""
        if group == _BASE:
            return self._base
        return self._methods if group == self._group else None

    def _load(self, group: str) -> None:
        """Two of them stay: one tool asks all groups, and all of them together would fill the heap. The base is asked
        between all others. Raises ImportError."""
        if group != _BASE:
            self._group, self._methods = "", None
        module = __import__("firmware.service.methods." + group, None, None, ("RIGHTS",))
        if group == _BASE:
            self._base = module
        else:
            self._group, self._methods = group, module

    def go(self) -> None:
        """The next piece of what `take` began: load its module, look at its right, call it."""
        assert self._plan is not None
        plan, self._plan = self._plan, None
        group, name, params = plan
        module = self._loaded(group)
        try:
            if module is None:
                self._load(group)
                self._plan = plan
            elif not name and self._people is None:
                self._people = __import__(_PEOPLE, None, None, ("named",))
                self._plan = plan
            elif not name:
                self._plan = (group,) + self._people.named(module, group, params)
            elif not self._allowed:
                self._allow(module, name)
                self._plan, self._allowed = plan, True
            else:
                self._call(module, name, params)
        except VafaError as error:
            self._fail(error)
        except ImportError:
            self._fail(RpcError(NO_METHOD, "not in safe mode"))  # its program has few of them
        except Exception as error:  # noqa: BLE001 (whatever a method meets, the port goes on answering)
            self._unforeseen(error)

    def _allow(self, module: "Any", name: str) -> None:
        """Raises RpcError, and what the rights raise."""
        right = module.RIGHTS.get(name)
        if right is None:
            raise RpcError(NO_METHOD)
        if name in getattr(module, "CHANGES", ()) and not self._checked and not self._typed:
            raise RpcError(TORN, "a method that changes something needs the CRC behind its line")
        if right and not (right == 1 and self._port.paired):
            self._rooms.rights().need_level(right)

    def _call(self, module: "Any", name: str, params: "dict[str, object]") -> None:
        result = getattr(module, name + "_" if hasattr(module, name + "_") else name)(self._rooms, params)
        if hasattr(result, "send"):
            self._task = asyncio.create_task(self._awaited(result))
        else:
            self._reply(result)

    async def _awaited(self, result: "Any") -> None:
        try:
            with visit():
                self._reply(await asyncio.wait_for(result, _METHOD_S))
        except asyncio.TimeoutError:
            self._fail(RpcError(BUSY, "no result within {} s".format(_METHOD_S)))
        except VafaError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001 (as in `go`)
            self._unforeseen(error)

    # --- an answer ----------------------------------------------------------------------------------------------------

    def _reply(self, result: "dict[str, object]") -> None:
        if self._typed:
            for line in self._people.lines_of(result):
                self._port.say(line)
            return
        text = json.dumps(result)
        if len(text) > _REPLY_BYTES - 60 or len(text.encode()) > _REPLY_BYTES - 60:  # bytes of a long one: no room
            if len(text) > _LONGEST:
                raise RpcError(OWN, "the answer is too long: ask for a part")
            self._rest = text
            text = json.dumps(self._piece({}))
        self._answer(made(self._id, text, self._checked))

    def _piece(self, params: "dict[str, object]") -> "dict[str, object]":
        """A piece of a long answer, and where the next one begins; 0 when it was the last."""
        at = params.get("from", 0)
        if not isinstance(at, int) or not 0 <= at < len(self._rest):
            raise RpcError(BAD_PARAMS, "from: where the piece before said")
        end = at + _PIECE
        return {"piece": self._rest[at:end], "next": end if end < len(self._rest) else 0}

    def _fail(self, error: VafaError) -> None:
        if self._typed:
            self._port.say("{} {}".format(error.code, error))
        else:
            self._answer(failure(self._id, error, self._checked, self._next_step(error.code)))

    def _unforeseen(self, error: Exception) -> None:
        """What nobody expected: kept as any task's fault is, and answered."""
        watch = getattr(self._rooms, "watch", None)
        if watch is not None:
            watch.fault("console", error)
        self._fail(RpcError(UNFORESEEN, "{} {}".format(type(error).__name__, error)))

    def _next_step(self, code: str) -> str:
        """In the terminal's language; safe mode has no texts at hand."""
        panel = getattr(self._rooms, "panel", None)
        return panel.text.error(code)[1] if panel is not None and code[:1].isalpha() else ""

    def _answer(self, line: str) -> None:
        self._answered, self._since = line, ticks_ms()
        self._port.frame(line)

    # --- words --------------------------------------------------------------------------------------------------------

    def _words(self, line: str) -> bool:
        words = line.split()
        group = group_of(words[0])
        if words[0] == "help":
            self._port.say(__import__(_PEOPLE, None, None, ("listed",)).listed())
            return True
        if not group:
            return False
        if self._task is not None:
            self._port.say("busy: what was asked before is under way")
            return True
        self._typed, self._asked, self._answered = True, "", ""
        try:
            self._count_it()
            self._plan, self._allowed = (group, "", words), False
        except VafaError as error:
            self._fail(error)
        return True
