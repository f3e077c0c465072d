"""One connection's messages in flight: each answer to its request, and only to that.

Knows messages and the connection, not what a request is for. An answer is believed only when its MAC is right and MTI
class, DE 7, 11, 41 and SEQ fit a request in flight; anything else is logged and changes nothing. Eight places: seven at
most are the queue's and the echo's, so that a person's request always finds one. Durations in milliseconds.
"""

import asyncio
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from firmware.core.errors import BadAnswer, BadMessage, LinkDown, LinkError, NoAnswer
from firmware.core.spread import Spread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.core.clock import Clock
    from firmware.core.log import Log
    from firmware.switch.link import Connection
    from firmware.switch.messages import Answer, Messages, Outgoing

_IN_FLIGHT = const(8)
_KEPT = const(1)  # of them, for a request a person waits for
_PLACE_MS = const(20)

_TIME_IMPOSSIBLE = const("T01")
_TIME_LEAPS = const("T03")
_LEAP_S = const(3600)
_TRIPS_MS = const((250, 500, 1000, 2000, 3000, 5000, 8000))


class Flight:
    """A request in flight; `event` is set when it has come to an end."""

    def __init__(self, outgoing: "Outgoing", event: "asyncio.Event", timeout_ms: int) -> None:
        self.key = outgoing.key
        self.event = event
        self.begun = ticks_ms()
        self.deadline = ticks_add(self.begun, timeout_ms)
        self.answer: "Answer | None" = None
        self.sent = False  # whether a byte of it may be on the line
        self.lost = False  # the connection ended before an answer came
        self.refusals = 0  # MAC refusals that the session had counted when it was sent


class Exchange:
    """`begin` with a connection, then `ask` or `post`; `close` ends it. `landing` is set when a posted one ended."""

    def __init__(self, messages: "Messages", clock: "Clock", log: "Log") -> None:
        self._messages = messages
        self._clock = clock
        self._log = log
        self._connection: "Connection | None" = None
        self._reading: "asyncio.Task[None] | None" = None
        self._send_lock = asyncio.Lock()
        self._flights: "dict[tuple[str, str, str, str, int], Flight]" = {}
        self._odd_time = False
        self._timed = False  # this connection has told the time
        self._in_line = 0  # asked for a place that no person waits for
        self.landing = asyncio.Event()
        self.error: "LinkError | None" = None  # what the connection ended by
        self.lost = False
        self.heard = ticks_ms()  # when the last answer came
        self.came = 0  # messages that arrived
        self.trips = Spread(_TRIPS_MS)  # from the request to its answer

    def begin(self, connection: "Connection") -> None:
        """Believe in this connection from now on."""
        self.lost = False
        self.error = None
        self._timed = False
        self._connection = connection

    def shaken_ms(self) -> int:
        """How long the handshake of this connection took; -1 without one."""
        return self._connection.shaken_ms if self._connection is not None else -1

    def awaiting(self) -> bool:
        """Whether an answer is awaited, or somebody waits for a place."""
        return bool(self._flights) or self._in_line > 0

    def room(self) -> bool:
        """Whether one more may go that no person waits for."""
        return len(self._flights) + self._in_line < _IN_FLIGHT - _KEPT

    async def place(self, timeout_ms: int) -> None:
        """Wait for a place that no person needs: the queue lets this one go first. Raises LinkDown."""
        deadline = ticks_add(ticks_ms(), timeout_ms)
        self._in_line += 1
        try:
            while len(self._flights) >= _IN_FLIGHT - _KEPT:
                if self.lost or ticks_diff(deadline, ticks_ms()) <= 0:
                    raise LinkDown("too many in flight")
                await asyncio.sleep_ms(_PLACE_MS)
        finally:
            self._in_line -= 1

    async def ask(self, outgoing: "Outgoing", timeout_ms: int) -> "Answer":
        """Send, wait for the matching answer. LinkDown: nothing was sent. NoAnswer: something may have been."""
        flight, connection = self._enter(outgoing, asyncio.Event(), timeout_ms, _IN_FLIGHT)
        try:
            await asyncio.wait_for_ms(self._converse(connection, outgoing.raw, flight), timeout_ms)
        except asyncio.TimeoutError:
            self._tell_silence(flight)
        finally:
            self.forget(flight)
        if flight.answer is not None:
            return flight.answer
        if flight.sent:
            raise NoAnswer("STAN {} unanswered".format(outgoing.key[2]))
        raise LinkDown("nothing was sent")

    async def post(self, outgoing: "Outgoing", timeout_ms: int) -> Flight:
        """Send and do not wait: ask `landed`. Raises LinkDown when nothing was sent."""
        flight, connection = self._enter(outgoing, self.landing, timeout_ms, _IN_FLIGHT - _KEPT)
        gone = False
        try:
            await asyncio.wait_for_ms(self._write(connection, outgoing.raw, flight), timeout_ms)
            gone = True
        except asyncio.TimeoutError:
            gone = flight.sent
        finally:
            if not gone:  # also when whoever sends is cancelled
                self.forget(flight)
        if flight.sent:
            return flight
        self.forget(flight)
        raise LinkDown("nothing was sent")

    def landed(self, flight: Flight) -> bool:
        """Whether a posted message has come to its end: answered, or out of time, or lost with its connection."""
        if flight.answer is None and not flight.lost:
            if ticks_diff(flight.deadline, ticks_ms()) > 0:
                return False
            self._tell_silence(flight)
        self.forget(flight)
        return True

    def forget(self, flight: Flight) -> None:
        """Nobody waits for it any more; an answer that still comes answers nothing."""
        if self._flights.get(flight.key) is flight:
            del self._flights[flight.key]

    def drop(self) -> None:
        """Believe in this connection no longer: what is in flight ends unanswered."""
        self.lost = True
        for flight in self._flights.values():
            flight.lost = flight.answer is None
            flight.event.set()

    async def close(self) -> None:
        """Drop and give the connection back."""
        self.drop()
        reader, self._reading = self._reading, None
        if reader is not None:
            reader.cancel()
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    def _enter(
        self, outgoing: "Outgoing", event: "asyncio.Event", timeout_ms: int, places: int
    ) -> "tuple[Flight, Connection]":
        connection = self._connection
        if connection is None or self.lost:
            raise LinkDown("no connection")
        if len(self._flights) >= places or outgoing.key in self._flights:
            raise LinkDown("too many in flight")
        flight = self._flights[outgoing.key] = Flight(outgoing, event, timeout_ms)
        return flight, connection

    def _tell_silence(self, flight: Flight) -> None:
        self._log.fault(NoAnswer.code, "no answer to STAN {} in time".format(flight.key[2]))

    async def _converse(self, connection: "Connection", raw: bytes, flight: Flight) -> None:
        await self._write(connection, raw, flight)
        if not self.lost:
            await flight.event.wait()

    async def _write(self, connection: "Connection", raw: bytes, flight: Flight) -> None:
        async with self._send_lock:
            if self.lost or connection is not self._connection:
                return
            flight.sent = True
            whole = False
            try:
                await connection.send(raw)
                whole = True
            except LinkError as error:
                self.error = error
            finally:
                if not whole:  # half a frame may be out: nothing sent after it could be understood
                    self.drop()
        if whole and self._reading is None and connection is self._connection:
            # Only now: on the device two tasks must not drive one TLS handshake.
            self._reading = asyncio.create_task(self._read(connection))

    async def _read(self, connection: "Connection") -> None:
        """Hand every answer to its request until the connection ends."""
        try:
            while True:
                self._take(await connection.receive())
        except LinkError as error:
            if connection is self._connection:
                self.error = error
        except Exception as error:  # noqa: BLE001 (nobody awaits this task: what ends it must be told here)
            self._log.error(error, "reading answers")
        finally:
            if connection is self._connection:
                self.drop()

    def _take(self, raw: bytes) -> None:
        """Believe one message, or log it and forget it."""
        self.came += 1
        try:
            answer = self._messages.read_answer(raw)
        except (BadAnswer, BadMessage) as error:
            self._log.error(error, "answer")
            return
        flight = self._flights.get(answer.key)
        if flight is None or flight.answer is not None:
            self._log.fault(BadAnswer.code, "{} STAN {} answers nothing".format(answer.key[0], answer.key[2]))
            return
        self._set_clock(answer)
        flight.answer = answer
        flight.event.set()
        self.heard = ticks_ms()
        self.trips.add(ticks_diff(self.heard, flight.begun))

    def _set_clock(self, answer: "Answer") -> None:
        """Take HOST_TIME, unless it is impossible or far behind what the same connection said before."""
        back = self._timed and self._clock.now_utc() - answer.host_utc > _LEAP_S
        if not back and self._clock.set_from_switch(answer.host_utc) is not None:
            self._odd_time = False
            self._timed = True
            return
        if not self._odd_time:  # once: it comes with every answer
            code = _TIME_LEAPS if back else _TIME_IMPOSSIBLE
            self._log.fault(code, "HOST_TIME {} is not believed".format(answer.host_utc))
        self._odd_time = True
        answer.host_utc = self._clock.now_utc()  # the rest of the answer is right; it is as new as our own clock says
