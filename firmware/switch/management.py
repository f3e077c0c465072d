"""The 0800 family: sign-on, echo, new keys; what is said besides, who hears the answers, how many MACs were refused.

Knows orders and messages, not the queue and no flow. Everything here waits for one answer at most; what it raises is a
LinkError. Durations in milliseconds.
"""

from micropython import const

from firmware.core.errors import SignOnRefused
from firmware.core.refusals import VALUE_STOPPED
from firmware.switch.orders import TerminalBlocked
from firmware.switch.profile import (
    BLOCKED,
    ECHO,
    NEW_KEYS,
    PROFILE_MAJOR,
    SECURITY,
    SIGN_OFF,
    SIGN_ON,
    TAG_PROFILE,
    verdict,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from firmware.core.clock import Clock
    from firmware.core.log import Log
    from firmware.switch.exchange import Exchange
    from firmware.switch.messages import Answer, Messages, Outgoing
    from firmware.switch.orders import Orders

_PROOF_MS = const(2000)  # a person's request waits for it and keeps its own time-out
_MAC_REFUSALS = const(3)


class OtherProfile(SignOnRefused):
    """The switch speaks another version of LT-87."""

    code = "L32"


class Management:
    """One session's talk about itself. `orders` None: the switch orders nothing here."""

    def __init__(
        self,
        exchange: "Exchange",
        messages: "Messages",
        clock: "Clock",
        log: "Log",
        session_number: "Callable[[], int]",
        timeout_ms: int,
        orders: "Orders | None",
    ) -> None:
        self._exchange = exchange
        self._messages = messages
        self._clock = clock
        self._log = log
        self._session_number = session_number
        self._timeout_ms = timeout_ms
        self._orders = orders
        self._in_a_row = _MAC_REFUSALS if orders is not None and orders.mac_stopped() else 0  # MAC refusals
        self._asked_for_keys = False
        self.refused = 0  # MAC refusals since the start
        self.proving = False  # keys are being changed: nothing else is sent
        self.on_network: "list[Callable[[Answer], object]]" = []
        self.says: "list[Callable[[], list[tuple[int, bytes]]]]" = []

    def halted(self, spends: bool = False) -> str:
        """Code of what forbids value, or to spend it; "" when nothing does."""
        if self._orders is not None:
            return self._orders.halted(spends)
        return VALUE_STOPPED if self._in_a_row >= _MAC_REFUSALS else ""

    def turn(self) -> None:
        """Often, with a line or without."""
        if self._orders is not None:
            self._orders.turn()

    def count(self, rc: str) -> bool:
        """A response code came. True when it is the third 63 in a row: our key is wrong, and only a sign-on can show
        that it is right again: no restart does, and no other code."""
        if verdict(rc) != SECURITY:
            if self._in_a_row < _MAC_REFUSALS:
                self._in_a_row = 0
            return False
        self._in_a_row += 1
        self.refused += 1
        if self._in_a_row == _MAC_REFUSALS and self._orders is not None:
            self._orders.mac_refused(True)
        self._log.fault(SignOnRefused.code, "the switch refuses our MAC, {} in a row".format(self._in_a_row))
        return self._in_a_row >= _MAC_REFUSALS

    async def sign_on(self, timeout_ms: int) -> "Answer":
        """The answer to a sign-on the switch took. Raises SignOnRefused and its kinds."""
        answer = await self._ask(SIGN_ON, timeout_ms)
        if verdict(answer.rc) == SECURITY and await self._keys_mended():
            answer = await self._ask(SIGN_ON, timeout_ms)
        spoken = answer.tags.get(TAG_PROFILE, b"")
        if spoken and spoken[0] != PROFILE_MAJOR:
            raise OtherProfile("the switch speaks profile {}.{}".format(*spoken))
        if answer.rc != "00":
            raise SignOnRefused("response code " + answer.rc)
        return answer

    def signed_on(self, answer: "Answer") -> None:
        """The session took that answer, too."""
        self._in_a_row = 0
        self._asked_for_keys = False
        if self._orders is not None:
            self._orders.mac_refused(False)
        self.hear(answer)

    async def echo(self) -> None:
        """Is anybody there?"""
        self.hear(await self._ask(ECHO, self._timeout_ms))

    async def sign_off(self) -> None:
        """Good-bye."""
        await self._exchange.ask(self._network(SIGN_OFF), self._timeout_ms)

    async def change_keys(self) -> bool:
        """Prove the keys on offer, if there are any, while nothing is on the line; whether there were."""
        orders = self._orders
        if orders is None or not (orders.offer() and orders.proof_due) or self._exchange.awaiting():
            return False
        await self._prove(orders)
        return True

    def hear(self, answer: "Answer") -> None:
        """Tell whoever listens."""
        for hears in self.on_network:
            hears(answer)

    def _network(self, function: int) -> "Outgoing":
        more: "list[tuple[int, bytes]]" = []
        for says in self.says if function != SIGN_OFF else ():
            more.extend(says())
        now_utc, quality = self._clock.now_utc(), self._clock.quality
        return self._messages.network(function, self._session_number(), now_utc, quality, more)

    async def _ask(self, function: int, timeout_ms: int) -> "Answer":
        answer = await self._exchange.ask(self._network(function), timeout_ms)
        if self.count(answer.rc) and function == ECHO:
            raise SignOnRefused("our MAC is refused")  # only a sign-on can show that it is right again
        orders = self._orders
        if orders is not None:
            orders.proof_due = orders.proof_due or function == SIGN_ON
            orders.heed(answer)
            if orders.report:
                report, orders.report = orders.report, []
                number, now_utc, quality = self._session_number(), self._clock.now_utc(), self._clock.quality
                told = self._messages.network(ECHO, number, now_utc, quality, report)
                await self._exchange.ask(told, timeout_ms)
        if answer.rc == BLOCKED:
            raise TerminalBlocked("response code " + answer.rc)
        return answer

    async def _keys_mended(self) -> bool:
        """The switch does not know our keys: prove those it announced, or ask for some, once in three refusals."""
        orders = self._orders
        if orders is None:
            return False
        if not orders.offer() and self._in_a_row >= _MAC_REFUSALS and not self._asked_for_keys:
            self._asked_for_keys = True
            await self._ask(NEW_KEYS, self._timeout_ms)
        return orders.offer() and await self._prove(orders)

    async def _prove(self, orders: "Orders") -> bool:
        """Ask under the keys on offer. Whoever gets no answer gives the connection up: the switch may have them in
        force already, and the next sign-on finds out."""
        self.proving = True
        try:
            number, now_utc, quality = self._session_number(), self._clock.now_utc(), self._clock.quality
            return orders.proved(await self._exchange.ask(orders.proof(number, now_utc, quality), _PROOF_MS))
        finally:
            self.proving = False
