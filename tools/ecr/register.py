"""The cash register's end of the line: orders by the register's own reference, safe against a lost answer or cable.

    with CashRegister("/dev/ttyACM0", token=kept) as register:
        outcome = register.sell("2026-000817", 125_000)
        book(outcome)                       # in the register's own books
        register.booked(outcome.ref)

`sell` comes back with what became of the sale, whatever happened to the cable or the terminal meanwhile: it sends the
same reference again as long as nobody knows it, never a new one, and asks until the outcome is final. Whole rials,
signed whole points, seconds. Ports to another language need `Line` (one JSON object a line, CRC, repeats) and this.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from tools.rpc.client import Line, NoAnswer, RequestTooLong, RpcError

BUSY, RIGHT_MISSING, UNKNOWN_REF, OTHER_AMOUNT, TOO_LATE, BAD_PARAMS = 1001, 1002, 1004, 1005, 1006, -32602
FINAL = ("approved", "approved_offline", "declined", "cancelled", "timed_out", "reversed")
WHOLE_S = 180.0  # the terminal ends a sale after 120 s; after three minutes a person looks at its screen
LOOK_S = 1.0
AGAIN_S = 1.0


class Refused(Exception):
    """The terminal does not take the order: `number` as docs/ecr.md lists them, `code` a heading of the manual."""

    def __init__(self, number: int, code: str, text: str) -> None:
        super().__init__(f"{code or number} {text}")
        self.number = number
        self.code = code
        self.text = text


class NotKnown(Exception):
    """Three minutes have passed and nobody can say what became of it: look at the terminal's screen."""


@dataclass
class Outcome:
    """What became of an order. `points` signed, `discount` what points or an offer paid, `payable` what is left."""

    ref: str
    outcome: str
    points: int = 0
    discount: int = 0
    payable: int = 0
    balance: int | None = None
    balance_age_s: int = 0
    estimated: bool = False
    stan: str = ""
    rrn: str = ""
    code: str = ""
    text: str = ""
    raw: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def approved(self) -> bool:
        """Whether it counts."""
        return self.outcome in ("approved", "approved_offline")


class CashRegister:
    """One register at one terminal. `token` is what `pair` gave once; `open_line` opens the port, also after a loss."""

    def __init__(
        self,
        port: str,
        *,
        token: str = "",
        name: str = "register",
        open_line: Callable[[], Line] | None = None,
        sleep: Callable[[float], object] = time.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open = open_line or (lambda: Line.open(port))
        self._token = token
        self._name = name
        self._sleep = sleep
        self._now = now
        self._line: Line | None = None
        self.terminal: dict[str, Any] = {}  # what it said of itself

    def __enter__(self) -> Self:
        """Raises OSError for the port, NoAnswer, Refused."""
        try:
            self._connected()
        except RpcError as error:
            raise Refused(error.number, error.code, error.text) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the port."""
        if self._line is not None:
            self._line.close()
            self._line = None

    # --- once: the register is paired ---------------------------------------------------------------------------------

    def pair(self, read_code: Callable[[], str]) -> str:
        """The token to keep and to give to the next `CashRegister`; `read_code` asks the person for the six digits
        that stand on the terminal's idle screen now."""
        self._ask("rights.pair", {"ecr": self._name[:16]})
        self._token = str(self._ask("rights.confirm", {"code": read_code()})["token"])
        return self._token

    # --- orders -------------------------------------------------------------------------------------------------------

    def sell(
        self,
        ref: str,
        amount: int,
        *,
        use: str = "earn",
        on_state: Callable[[str], object] | None = None,
        within_s: float = WHOLE_S,
    ) -> Outcome:
        """Order a sale and wait for its end. `use`: "earn" points, "burn" them, or "ask" the customer. Raises Refused,
        NotKnown. With a reference that was used before it tells what became of that sale."""
        return self._to_the_end("sale.start", ref, {"ref": ref, "amount": amount, "use": use}, on_state, within_s)

    def ended(self, ref: str, *, within_s: float = WHOLE_S) -> Outcome:
        """Wait for the end of an order that was sent before; orders nothing. Raises Refused, NotKnown."""
        return self._to_the_end("sale.status", ref, {"ref": ref}, None, within_s)

    def knows(self, ref: str) -> bool:
        """Whether the terminal has taken an order with this reference; one it does not know moved nothing."""
        try:
            self.status(ref)
        except Refused as refusal:
            if refusal.number != UNKNOWN_REF:
                raise
            return False
        return True

    def void(self, ref: str, of: str, *, within_s: float = WHOLE_S) -> Outcome:
        """Take back the sale with the reference `of`; this order has one of its own."""
        return self._to_the_end("sale.void", ref, {"ref": ref, "of": of}, None, within_s)

    def balance(self, ref: str, *, within_s: float = WHOLE_S) -> Outcome:
        """The points of the card that is laid on the terminal."""
        return self._to_the_end("balance.start", ref, {"ref": ref}, None, within_s)

    def status(self, ref: str = "") -> dict[str, Any]:
        """How far an order is, and what became of it; without a reference the newest. Raises Refused."""
        return self._ask("sale.status", {"ref": ref} if ref else {})

    def cancel(self, ref: str) -> None:
        """Ask the terminal to end it; what became of it `sell` or `status` tells. Raises Refused: too late."""
        self._ask("sale.cancel", {"ref": ref})

    def booked(self, ref: str) -> None:
        """Tell the terminal that its outcome is in the register's books."""
        self._ask("sale.booked", {"ref": ref})

    def receipt(self, ref: str) -> list[str]:
        """The lines of its receipt."""
        return [str(line) for line in self._ask("receipt.get", {"ref": ref})["lines"]]

    def totals(self) -> dict[str, Any]:
        """What the terminal's open shift adds up to."""
        return self._ask("totals.get", {})

    # --- inside -------------------------------------------------------------------------------------------------------

    def _to_the_end(
        self,
        method: str,
        ref: str,
        params: dict[str, Any],
        on_state: Callable[[str], object] | None,
        within_s: float,
    ) -> Outcome:
        """The whole rule of the line: order; when no answer comes, ask; when nobody knows it, order the same again."""
        end, known, seen = self._now() + within_s, False, ""
        while self._now() < end:
            try:
                status = self._once("sale.status", {"ref": ref}) if known else self._once(method, params)
                if not known and status["state"] == "done":
                    status = self._once("sale.status", {"ref": ref})
                known = True
            except RpcError as error:
                if error.number == UNKNOWN_REF and known:
                    known = False  # the terminal lost its power before anything was recorded
                    continue
                if error.number == BUSY and error.retry_ms:
                    self._sleep(error.retry_ms / 1000)
                    continue
                if error.number == RIGHT_MISSING and self._token:
                    self.close()  # it has started anew, and wants to hear who speaks
                    continue
                raise Refused(error.number, error.code, error.text) from error
            except RequestTooLong as error:
                raise Refused(BAD_PARAMS, "", str(error)) from error
            except (NoAnswer, OSError):
                self.close()
                self._sleep(AGAIN_S)
                continue
            if on_state is not None and status["state"] != seen:
                seen = status["state"]
                on_state(seen)
            if status.get("outcome") in FINAL and status["state"] == "done":
                names = Outcome.__dataclass_fields__
                return Outcome(**{name: status[name] for name in names if name in status}, raw=status)
            self._listen(ref)
        raise NotKnown(f"{ref}: read the outcome from the terminal's screen")

    def _listen(self, ref: str) -> None:
        """Until the terminal tells something of this order, or a moment has passed."""
        try:
            for event in self._connected().events(LOOK_S):
                if event.get("event") == "sale" and event.get("ref") == ref:
                    return
        except (NoAnswer, OSError):
            self.close()

    def _ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Raises Refused, NoAnswer, OSError."""
        try:
            return self._connected().call(method, params)
        except RpcError as error:
            raise Refused(error.number, error.code, error.text) from error

    def _once(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        return self._connected().call(method, params, timeout=5.0)

    def _connected(self) -> Line:
        """The line, opened and greeted. Raises OSError, NoAnswer, RpcError."""
        if self._line is None:
            line = self._open()
            try:
                self.terminal = line.call("hello", {"proto": 1, "ecr": self._name})
                if self._token:
                    line.call("rights.register", {"token": self._token})
            except RpcError as error:
                line.close()
                if error.number != RIGHT_MISSING:
                    raise
                raise Refused(error.number, error.code, error.text) from error  # another register was paired since
            except BaseException:
                line.close()
                raise
            self._line = line
        return self._line
