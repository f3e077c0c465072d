"""The session with the switch, the `Switch` port: sign-on, echo, what a person asks, what the queue sends.

Knows messages and the link, not the queue (`forward`) and not the journal beyond HIGH_SEQ. No call waits longer than
its time-out, 6 s by default. What is on the line and which answer counts is `exchange`'s. Durations in milliseconds.
"""

import asyncio
from binascii import crc32
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from firmware.core.errors import (
    BadAnswer,
    BadMessage,
    CertificateEarly,
    LinkDown,
    LinkError,
    NoAnswer,
    SignOnRefused,
    StoreError,
)
from firmware.core.types import ACCRUAL, AUTH_UID, CLOCK_NEVER_SET, ENROL
from firmware.switch.exchange import Exchange
from firmware.switch.management import Management
from firmware.switch.messages import booked_points
from firmware.switch.orders import TerminalBlocked
from firmware.switch.profile import BLOCKED, SECURITY, TAG_EV2, UNKNOWN, approved, verdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Sequence

    from firmware.core.clock import Clock
    from firmware.core.log import Log
    from firmware.core.ports import Journal
    from firmware.core.types import Reply, Transaction
    from firmware.switch.exchange import Flight
    from firmware.switch.link import Link
    from firmware.switch.messages import Answer, Messages, Outgoing
    from firmware.switch.orders import Orders

_BACK_OFF_MS = const((5000, 15000, 45000, 120000))
_CLOCK_UNKNOWN = const("T02")
_SLICE_MS = const(250)
_TURN_MS = const(20)
_SIGN_ON_MS = const(10000)  # holds a full TLS handshake on a slow board

_BLOCKED_MS = const(600_000)
_WORKED_MS = const(5000)  # a session that lasted this long is worth another try at once


class SwitchUnable(BadAnswer):
    """The switch answered that it has not decided (63, 68, 91, 96): the outcome is unknown. `rc` says which."""

    def __init__(self, rc: str) -> None:
        super().__init__("response code " + rc)
        self.rc = rc


def back_off_ms(tries: int, jitter: int) -> int:
    """How long to wait after the `tries`-th failure in a row, counted from 0 (docs/lt87.md section 9)."""
    wait = _BACK_OFF_MS[min(tries, len(_BACK_OFF_MS) - 1)]
    return wait + wait * jitter // 1000


def jitter_of(terminal_id: str) -> int:
    """0..100 thousandths: the same for one terminal, spread over many."""
    return crc32(terminal_id.encode()) % 101


class Session:
    """`run` keeps the session up; the other coroutines use it. `session_number` gives 31 fresh random bits a call."""

    def __init__(
        self,
        link: "Link",
        messages: "Messages",
        clock: "Clock",
        journal: "Journal",
        log: "Log",
        session_number: "Callable[[], int]",
        timeout_ms: int = 6000,
        echo_after_ms: int = 300_000,
        jitter: int = 0,
        sign_on_ms: int = _SIGN_ON_MS,
        orders: "Orders | None" = None,
    ) -> None:
        self._link = link
        self._exchange = Exchange(messages, clock, log)
        self._management = Management(self._exchange, messages, clock, log, session_number, timeout_ms, orders)
        self._messages = messages
        self._clock = clock
        self._journal = journal
        self._log = log
        self._session_number = session_number
        self._timeout_ms = timeout_ms
        self._echo_after_ms = echo_after_ms
        self._jitter = jitter
        self._sign_on_ms = sign_on_ms
        self._signed_on = False
        self._probe = False
        self._hurried = False
        self.landing = self._exchange.landing  # set when something posted has ended
        self.trips = self._exchange.trips
        self.before_answer: "Callable[[], object] | None" = None  # called before a person's answer is handed over
        self.queued = True  # set by `wake` and by every sign-on, cleared by store-and-forward before it looks
        self.on_network = self._management.on_network  # each hears every 0810 to a sign-on or an echo
        self.says = self._management.says  # tags a sign-on or an echo carries besides
        self.sign_ons = 0
        self.fault = ""  # code of what keeps the terminal offline, "" when nothing does

    # --- the Switch port ----------------------------------------------------------------------------------------------

    def online(self) -> bool:
        """Signed on and, as far as known, reachable."""
        return self._signed_on and not self._exchange.lost and self._link.up()

    def value_stopped(self) -> bool:
        """The switch refused our MAC three times in a row, until a sign-on succeeds; or it wants no value from here."""
        return self.halted() != ""

    def halted(self, spends: bool = False) -> str:
        """Code of what forbids value, or to spend it; "" when nothing does."""
        return self._management.halted(spends)

    def wake(self) -> None:
        """Something was appended to the queue."""
        self.queued = True

    def hurry(self) -> None:
        """Somebody waits for a connection: try now. One that stands is asked whether it does."""
        self._hurried = self._probe = True

    def probe(self) -> None:
        """An echo soon: something is to be said or asked for with it."""
        self._probe = True

    def shaken_ms(self) -> int:
        """How long the handshake of this connection took; -1 without one."""
        return self._exchange.shaken_ms()

    def stir(self) -> int:
        """-1 while an answer is awaited, else a number that changes with every message that arrives."""
        return -1 if self._exchange.awaiting() else self._exchange.came

    async def inquire(
        self,
        uid: bytes,
        auth: int,
        member_no: int,
        counter: int = 0,
        sun: bytes = b"",
        allowance: "tuple[int, int] | None" = None,
        more: "Sequence[tuple[int, bytes]]" = (),
    ) -> "Reply":
        """0100/0110; `sun` is offered as proof, `allowance` asked for, `more` tags said. Raises
        LinkDown, NoAnswer, BadAnswer."""
        return (await self._ask(uid, auth, member_no, counter, sun, b"", allowance, more))[1]

    async def relay(self, uid: bytes, step: bytes) -> "tuple[bytes, Reply]":
        """0100/0110 with a step of the switch's EV2First: (its tag 33 or b"", what it said). Raises as above."""
        return await self._ask(uid, AUTH_UID, 0, 0, b"", step)

    async def _ask(
        self,
        uid: bytes,
        auth: int,
        member_no: int,
        counter: int,
        sun: bytes,
        step: bytes,
        allowance: "tuple[int, int] | None" = None,
        more: "Sequence[tuple[int, bytes]]" = (),
    ) -> "tuple[bytes, Reply]":
        timeout_ms = await self._after_proof()
        number, now_utc, quality = self._session_number(), self._clock.now_utc(), self._clock.quality
        outgoing = self._messages.inquiry(uid, auth, number, now_utc, quality, counter, sun, step, allowance, more)
        answer = await self._live(outgoing, timeout_ms)
        reply = self._reply(answer, uid, member_no)
        return answer.tags.get(TAG_EV2, b""), reply

    async def request(self, transaction: "Transaction", allowance: "tuple[int, int] | None" = None) -> "Reply":
        """0200/0210 (0100/0110 of an enrolment) of an ONLINE transaction in the journal; sent once. An accrual asks
        for an `allowance`, a redemption gives it back. Raises LinkDown, NoAnswer, BadAnswer."""
        timeout_ms = await self._after_proof()
        answer = await self._live(self._messages.request(transaction, allowance), timeout_ms)
        reply = self._reply(answer, transaction.uid, transaction.member_no)
        if approved(reply.rc):
            self._check_approval(transaction, booked_points(answer), reply.approval)
        return reply

    # --- for the rarer families: batch, downloads, key change ---------------------------------------------------------

    async def ask(self, outgoing: "Outgoing", timeout_ms: int) -> "Answer":
        """One exchange no person waits for; the answer has any response code. Raises LinkDown (nothing was sent; also
        when no place became free in time), NoAnswer.

        A place is always left for a person's request. Silence closes nothing by itself: an echo finds out.
        """
        self._need_online()
        await self._exchange.place(timeout_ms)
        self._need_online()
        refused = self._management.refused
        try:
            answer = await self._exchange.ask(outgoing, timeout_ms)
        except NoAnswer:
            self._probe = self._probe or not self._exchange.lost
            raise
        if verdict(answer.rc) != SECURITY or refused == self._management.refused:
            self._count_security(answer.rc)
        return answer

    # --- for the queue ------------------------------------------------------------------------------------------------

    def room(self) -> bool:
        """Whether one more queued message may go: a place is always kept for a person's request."""
        return not self._management.proving and self._exchange.room()

    async def post(self, outgoing: "Outgoing") -> "Flight":
        """Send one queued message; `landed` tells when it has ended. Raises LinkDown when nothing was sent."""
        self._need_online()
        flight = await self._exchange.post(outgoing, self._timeout_ms)
        flight.refusals = self._management.refused
        return flight

    def landed(self, flight: "Flight") -> bool:
        """Whether a posted message has ended: `answer`, whatever its code, else None. True once; do not ask again.

        Silence on a queued message closes nothing by itself: an echo finds out whether it is the line or the message.
        """
        if not self._exchange.landed(flight):
            return False
        answer = flight.answer
        if answer is None:
            self._probe = self._probe or not flight.lost
        elif verdict(answer.rc) != SECURITY or flight.refusals == self._management.refused:
            self._count_security(answer.rc)  # of several refused together one counts: the next was sent unknowing
        return True

    def abandon(self, flight: "Flight") -> None:
        """Nobody will ask for it."""
        self._exchange.forget(flight)

    # --- keeping it up ------------------------------------------------------------------------------------------------

    async def run(self, alive: "Callable[[], object] | None" = None) -> None:
        """Connect, sign on, watch, reconnect; for ever. `alive` is called often, at least every 40 s."""
        failures = 0
        while True:
            signed_on, least_ms = None, 0
            try:
                await self._open(alive)
                signed_on = ticks_ms()
                await self._watch(alive)
            except LinkError as error:
                self._log.error(error, "session")
                self.fault = error.code
                if isinstance(error, CertificateEarly) and self._clock.quality == CLOCK_NEVER_SET:
                    self.fault = _CLOCK_UNKNOWN
                    self._log.fault(_CLOCK_UNKNOWN, "the clock was never set: it may be this terminal that is early")
                if isinstance(error, TerminalBlocked):
                    signed_on, least_ms = None, _BLOCKED_MS + _BLOCKED_MS // 1000 * self._jitter
            except BadMessage as error:
                self._log.error(error, "sign-on")
                self.fault = error.code
            finally:
                await self._close()
            if signed_on is not None and ticks_diff(ticks_ms(), signed_on) >= _WORKED_MS:
                failures = 0
                wait_ms = _SLICE_MS + 20 * self._jitter  # the jitter keeps a town from coming back in one moment
            else:
                wait_ms = max(least_ms, back_off_ms(failures, self._jitter))
                failures += 1
            if await self._rest(wait_ms, alive):
                failures = 0

    async def sign_off(self) -> None:
        """Say good-bye before an orderly stop; errors do not matter then."""
        if not self.online():
            return
        try:
            await self._management.sign_off()
        except LinkError as error:
            self._log.error(error, "sign-off")
        self._drop()

    async def _open(self, alive: "Callable[[], object] | None") -> None:
        """A connection with a successful sign-on, or LinkError."""
        if alive is not None:
            alive()
        self._exchange.begin(await self._link.connect())
        self._probe = False
        try:
            answer = await self._management.sign_on(self._sign_on_ms)
        except LinkError:
            self._raise_cause()
            raise
        high_seq = self._messages.high_seq(answer)
        try:
            self._journal.continue_above(high_seq)
        except StoreError as error:
            self._log.error(error, "HIGH_SEQ")
            raise SignOnRefused("the store does not take HIGH_SEQ") from error
        self._link.keep()
        self._signed_on = True
        self.sign_ons += 1
        self.fault = ""
        self._log.event("signed on")
        self.queued = True
        self._management.signed_on(answer)

    async def _watch(self, alive: "Callable[[], object] | None") -> None:
        """Ends by a LinkError when the connection is lost or proves dead."""
        exchange = self._exchange
        while not exchange.lost:
            if alive is not None:
                alive()
            if not self._link.up():
                raise LinkDown("Wi-Fi lost")
            self._management.turn()
            if await self._management.change_keys():
                continue
            silent = self._probe or ticks_diff(ticks_ms(), exchange.heard) >= self._echo_after_ms
            if silent and exchange.room():  # else the queue fills the line, and its answers tell
                self._probe = False
                await self._management.echo()
            await asyncio.sleep_ms(_SLICE_MS)
        self._raise_cause()

    def _raise_cause(self) -> None:
        """Raise what the connection ended by, when it is known: it says more than a missing answer."""
        if self._exchange.error is not None:
            raise self._exchange.error

    async def _rest(self, wait_ms: int, alive: "Callable[[], object] | None") -> bool:
        """Back off; True when the Wi-Fi came up meanwhile or somebody is in a hurry, which ends the wait at once."""
        was_up = self._link.up()
        deadline = ticks_add(ticks_ms(), wait_ms)
        while (left := ticks_diff(deadline, ticks_ms())) > 0:
            if alive is not None:
                alive()
            self._management.turn()
            await asyncio.sleep_ms(min(left, _SLICE_MS))
            is_up = self._link.up()
            if self._hurried or is_up and not was_up:
                self._hurried = False
                return True
            was_up = is_up
        return False

    def _drop(self) -> None:
        """Believe in this connection no longer: requests in flight end unanswered, `run` closes and reconnects."""
        self._signed_on = False
        self._exchange.drop()

    async def _close(self) -> None:
        self._signed_on = False
        await self._exchange.close()

    # --- one exchange -------------------------------------------------------------------------------------------------

    def _need_online(self) -> None:
        if self._management.proving or not self.online():
            raise LinkDown("not signed on, or keys are being changed")

    async def _after_proof(self) -> int:
        """A change of keys is one round trip, and what is sent after it is sealed anew; what is left of the time."""
        begun = ticks_ms()
        while self._management.proving:
            await asyncio.sleep_ms(_TURN_MS)
        return self._timeout_ms - ticks_diff(ticks_ms(), begun)

    async def _live(self, outgoing: "Outgoing", timeout_ms: int) -> "Answer":
        """An exchange a person waits for: silence is taken for a dead line, so the next sale goes offline at once."""
        self._need_online()
        try:
            answer = await self._exchange.ask(outgoing, timeout_ms)
        except NoAnswer:
            self._drop()
            raise
        if self.before_answer is not None:
            self.before_answer()
        return answer

    def _reply(self, answer: "Answer", uid: bytes, member_no: int) -> "Reply":
        """What a flow may act on, or BadAnswer when the switch has not decided."""
        self._count_security(answer.rc)
        if verdict(answer.rc) in (SECURITY, UNKNOWN):
            raise SwitchUnable(answer.rc)
        try:
            return self._messages.reply(answer, uid, member_no)
        except BadMessage as error:
            refusal = BadAnswer(str(error))
        raise refusal

    def _check_approval(self, transaction: "Transaction", points: "int | None", approval: str) -> None:
        """A yes counts only when it says what was booked (docs/lt87.md sections 2 and 4). Raises BadAnswer.

        Of an accrual and of an enrolment the switch's own figure counts; of all else what was agreed at the counter.
        """
        if not approval:
            raise BadAnswer("approved without DE 38")
        figure_is_the_switchs = transaction.verb in (ACCRUAL, ENROL)
        if points is None or (points < 0 if figure_is_the_switchs else points != transaction.points):
            raise BadAnswer("approved with POINTS {}".format(points))

    def _count_security(self, rc: str) -> None:
        """A response code of a value message: of the third 63 in a row only a sign-on heals; a 58 may mean all that
        this terminal does, which an echo finds out."""
        if self._management.count(rc):
            self._drop()
        self._probe = self._probe or rc == BLOCKED
