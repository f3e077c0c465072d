"""The message desk: one request's bytes in, what to do on the wire out.

Splits, checks the MAC, lets the books decide, builds the answer and spoils it when a fault is scripted. No sockets:
everything here can be tried with bytes alone.
"""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.exc import SQLAlchemyError

from tools.bench_switch import batch_messages, downloads, flags, keychange, money
from tools.bench_switch.booking import RC_APPROVED, Standing
from tools.bench_switch.codec import tlv, wire
from tools.bench_switch.faults import Fault, FaultScript
from tools.bench_switch.ledger import Ledger
from tools.bench_switch.log import IN, OUT, MessageLog
from tools.bench_switch.messages import (
    ANSWERS,
    ECHO,
    RC_INVALID,
    SIGN_OFF,
    SIGN_ON,
    Refused,
    allowance_tag,
    answer_fields,
    demand_complete,
    is_value,
    letter_done,
    letter_tags,
    read_inquiry,
    read_value,
    released,
    salvage,
    standing_tags,
    terminal_id,
)
from tools.bench_switch.proof import Prover
from tools.bench_switch.schema import TerminalRow

RC_BLOCKED = "58"
RC_SECURITY = "63"
RC_MALFUNCTION = "96"
_GARBAGE_SIZE = 64
_KEPT_ANSWERS = 16
_GARBLED_BYTES = 8
_HELD_S = 60  # an answer held back for longer than any terminal waits is lost


@dataclass(frozen=True)
class Reaction:
    """What the connection shall do: send `data` (frames, ready for the wire) after `delay_ms`, then maybe close.

    No data and no close is a deliberate silence; `reason` says why, for the log and for who waits.
    """

    data: bytes = b""
    delay_ms: int = 0
    close: bool = False
    reason: str = ""


@dataclass(frozen=True)
class _Answer:
    """The content of an answer before it is joined to bytes."""

    rc: str
    tags: Mapping[int, bytes | Sequence[bytes]]
    approval: str = ""
    standing: Standing | None = None
    fields: dict[str, str] = field(default_factory=dict)


class Desk:
    """Answers requests from `ledger`; safe to call from several connections' threads at once."""

    def __init__(
        self,
        ledger: Ledger,
        faults: FaultScript,
        log: MessageLog,
        clock: Callable[[], int],
        prover: Prover | None = None,
    ) -> None:
        self._ledger = ledger
        self._prover = prover or Prover(None, ledger)
        self._downloads = downloads.Downloads(ledger, clock)
        self._keys = keychange.KeyDesk(ledger, log)
        self._faults = faults
        self._log = log
        self._clock = clock
        self._random = random.Random(87)  # repeatable garbage
        self._sent: dict[str, deque[bytes]] = {}
        self._held: dict[str, tuple[bytes, int]] = {}  # by terminal: an answer that overtaking will bring, until when
        self._lock = threading.Lock()

    def handle(self, raw: bytes) -> Reaction:
        """React to one message (without its frame length). Never raises for what the bytes hold."""
        try:
            request = wire.split(raw)
        except wire.WireError as error:
            return self._hang_up(f"unreadable message: {error}")
        if request.mti not in ANSWERS:
            return self._hang_up(f"message type {request.mti!r} is not for a switch")
        terminal, faults_wait = self._ledger.caller(terminal_id(request))
        if terminal is None:
            return self._hang_up(f"unknown terminal {terminal_id(request)!r}")

        fault = self._faults.take(request.mti, terminal.terminal_id, elsewhere=faults_wait)
        self._log.message(IN, request, f"fault: {fault.kind}" if fault else "")
        if fault is not None and fault.kind in ("silent", "close") and not fault.books:
            return self._without_answer(fault)
        try:
            terminal = self._keys.speaking(request, terminal, salvage(request)[0])
        except SQLAlchemyError as error:
            return self._hang_up(f"database: {type(error).__name__}")
        answer = self._answer(request, terminal, fault)
        if fault is not None and fault.kind in ("silent", "close"):
            return self._without_answer(fault)
        message = wire.join(
            answer_fields(request, answer.rc, answer.tags, answer.approval, answer.standing) | answer.fields,
            bytes.fromhex(terminal.mac_in),
            request.answer_tpdu,
        )
        held = self._held.pop(terminal.terminal_id, (b"", 0))
        reaction = self._spoil(message, terminal.terminal_id, fault)
        if held[0] and held[1] >= self._clock():
            reaction = replace(reaction, data=reaction.data + held[0])
        return reaction

    def _hang_up(self, reason: str) -> Reaction:
        self._log.note(reason)
        return Reaction(close=True, reason=reason)

    def _without_answer(self, fault: Fault) -> Reaction:
        reason = f"{fault.kind} {fault.when} booking"
        return Reaction(close=fault.kind == "close", reason=reason)

    def _answer(self, request: wire.Split, terminal: TerminalRow, fault: Fault | None) -> _Answer:
        tags, tlv_fault = salvage(request)
        now_utc = self._clock()
        if fault is not None and fault.kind == "wrong_clock":
            now_utc += fault.seconds
        base = {
            tlv.SEQ: tags.get(tlv.SEQ, bytes(4)),
            tlv.HOST_TIME: tlv.u(max(now_utc, 0), 4),
            tlv.KID: tlv.u(terminal.kid, 1),
        }
        counts = is_value(request) and request.mti not in ("0420", "0421")
        nothing_booked = {**base, tlv.POINTS: tlv.i32(0)} if counts else base
        # A message whose KID is missing or unreadable may still be authentic: then its fault is one of format.
        kid_known = tags.get(tlv.KID, base[tlv.KID]) == base[tlv.KID]
        if not (kid_known and request.mac_right(bytes.fromhex(terminal.mac_out))):
            self._log.note("MAC wrong" if kid_known else "KID unknown", terminal.terminal_id)
            asks = request.mti == "0800" and request.fields.get("70") == keychange.NEW_KEYS
            return _Answer(RC_SECURITY, nothing_booked | (self._keys.announced(terminal) if asks else {}))
        if terminal.blocked:
            ordered = self._keys.ordered(terminal, tags) if request.mti == "0800" else {}
            return _Answer(RC_BLOCKED, nothing_booked | ordered)
        try:
            demand_complete(request, tags, tlv_fault)
            return self._process(request, terminal, tags, base, fault)
        except Refused as refusal:
            self._log.note(str(refusal), terminal.terminal_id)
            return _Answer(refusal.rc, nothing_booked)
        except SQLAlchemyError as error:
            self._log.note(f"database: {type(error).__name__}", terminal.terminal_id)
            return _Answer(RC_MALFUNCTION, nothing_booked)
        except Exception as error:  # noqa: BLE001 (a message nobody foresaw must not cost its terminal the line)
            self._log.note(f"unforeseen: {type(error).__name__}", terminal.terminal_id)
            return _Answer(RC_MALFUNCTION, nothing_booked)

    def _process(
        self,
        request: wire.Split,
        terminal: TerminalRow,
        tags: dict[int, bytes],
        base: dict[int, bytes],
        fault: Fault | None,
    ) -> _Answer:
        refused_with = fault.rc if fault is not None and fault.kind == "refuse" else ""
        self._downloads.follow()
        if request.mti == "0800":
            return self._manage(request, terminal, tags, base, refused_with)
        if not is_value(request) and request.mti == "0100":
            return self._inquire(request, tags, base, refused_with)
        if request.mti in batch_messages.BATCH_MESSAGES:
            said = batch_messages.handle(self._ledger, request, terminal, tags, self._clock(), refused_with)
            for remark in said.remarks:
                self._log.note(remark, terminal.terminal_id)
            return _Answer(said.rc, base, fields=said.fields)

        unit = money.unit_of(self._ledger.programme, request.fields)
        value = read_value(request, tags, self._clock(), terminal.merchant_id, unit)
        reversal = request.mti in ("0420", "0421")
        if refused_with:
            self._ledger.saw(value.terminal_id, value.seq)
            return _Answer(refused_with, base if reversal else {**base, tlv.POINTS: tlv.i32(0)})
        booked = self._ledger.book(value, self._clock())
        for remark in booked.remarks:
            self._log.note(remark, terminal.terminal_id)
        if reversal:
            return _Answer(booked.rc, base)
        answer_tags = {**base, tlv.POINTS: tlv.i32(booked.points), **self._member_tags(booked.standing)}
        answer_tags |= allowance_tag(booked.allowance) | booked.tags
        if booked.standing is not None:
            answer_tags[tlv.SMS] = tlv.u(booked.sms, 1)
        return _Answer(booked.rc, money.told(answer_tags, unit), booked.approval, booked.standing)

    def _inquire(
        self, request: wire.Split, tags: dict[int, bytes], base: dict[int, bytes], refused_with: str
    ) -> _Answer:
        asked = read_inquiry(request, tags)
        if refused_with:
            return _Answer(refused_with, base)
        now_utc, verdict = self._clock(), None
        if asked.sun or asked.step:
            verdict = self._prover.judge(asked.terminal_id, bytes.fromhex(asked.uid), asked.sun, asked.step, now_utc)
        known = self._ledger.inquire(asked, verdict, now_utc)
        for remark in known.remarks:
            self._log.note(remark, asked.terminal_id)
        said = {**base, **self._member_tags(known.standing), **allowance_tag(known.allowance), **known.tags}
        if known.auth is not None:
            said[tlv.AUTH] = tlv.u(known.auth, 1)
        if known.counter:
            said[tlv.CARD_CTR] = tlv.u(known.counter, 4)
        if verdict is not None and verdict.reply and known.rc == RC_APPROVED:
            said[tlv.EV2] = verdict.reply
        unit = money.unit_of(self._ledger.programme, request.fields)
        return _Answer(known.rc, money.told(said, unit), standing=known.standing)

    def _manage(
        self,
        request: wire.Split,
        terminal: TerminalRow,
        said: dict[int, bytes],
        base: dict[int, bytes],
        refused_with: str,
    ) -> _Answer:
        function = request.fields["70"]
        if function in downloads.FUNCTIONS:
            rc, found = (refused_with, {}) if refused_with else self._downloads.answer(terminal, function, said)
            return _Answer(rc, {**base, **found})
        if function not in (SIGN_ON, SIGN_OFF, ECHO, keychange.NEW_KEYS):
            raise Refused(RC_INVALID, f"network function {function}")
        ended = released(said)
        if ended is not None and ended[0] == 0 and not refused_with:
            self._ledger.release_ended(terminal.terminal_id, ended[1], self._clock())
        version, spoken = keychange.profile_tags(function, said)
        base = base | version
        if not spoken:
            return _Answer(RC_INVALID, base)
        tags = {**base, tlv.HIGH_SEQ: tlv.u(terminal.high_seq, 4)} if function == SIGN_ON else base
        if function != SIGN_OFF and not refused_with:
            flags.heard(self._ledger, self._log, terminal.terminal_id, said, self._clock())
            cleared = self._ledger.letter_order(terminal.terminal_id, letter_done(said), self._clock())
            tags = {
                **tags,
                **self._keys.minimum_build(terminal),
                **letter_tags(cleared),
                **self._downloads.newest(terminal, said),
                **self._keys.announced(terminal),
            }
            ordered = self._keys.ordered(terminal, said)
            if ordered:
                tags.pop(tlv.DISPUTE, None)  # one order at a time; a dead letter can wait
            tags = tags | ordered
        return _Answer(refused_with or "00", tags)

    def _member_tags(self, standing: Standing | None) -> dict[int, bytes]:
        return standing_tags(standing, self._ledger.programme) if standing is not None else {}

    def _spoil(self, message: bytes, of_terminal: str, fault: Fault | None) -> Reaction:
        """The reaction that carries the answer, as the fault wants it."""
        with self._lock:
            earlier = self._sent.setdefault(of_terminal, deque(maxlen=_KEPT_ANSWERS))
            replayed = earlier[-1] if earlier else None
            earlier.append(message)
        kind = fault.kind if fault is not None else ""
        if fault is None or kind in ("refuse", "wrong_clock"):
            return self._send(message)
        if kind == "replay":
            if replayed is None:
                return Reaction(reason="replay, but nothing was sent before")
            return self._send(replayed, "replayed")
        if kind == "late":
            return replace(self._send(message, f"{fault.ms} ms late"), delay_ms=fault.ms)
        if kind == "reorder":
            self._held[of_terminal] = self._send(message, "held back").data, self._clock() + _HELD_S
            return Reaction(reason="held behind the next answer")
        if kind == "duplicate":
            once = self._send(message, "sent twice")
            return replace(once, data=once.data * 2)
        if kind == "wrong_mac":
            return self._send(message[:-1] + bytes((message[-1] ^ 0x01,)), "MAC spoilt")
        if kind == "close_after_bytes":
            sent = self._send(message, f"cut after {fault.n} bytes")
            return replace(sent, data=sent.data[: fault.n], close=True)
        if kind == "garble":
            return Reaction(wire.frame(self._garbled(message, fault.n or _GARBLED_BYTES, of_terminal)))
        # Garbage: in a good frame, or without one when `n` says how many bytes.
        with self._lock:
            garbage = self._random.randbytes(fault.n or _GARBAGE_SIZE)
        self._log.note(f"{len(garbage)} bytes of garbage sent", of_terminal)
        return Reaction(garbage if fault.n else wire.frame(garbage))

    def _garbled(self, message: bytes, count: int, of_terminal: str) -> bytes:
        """The message with `count` of its bytes changed."""
        spoilt = bytearray(message)
        with self._lock:
            for at in self._random.sample(range(len(spoilt)), min(count, len(spoilt))):
                spoilt[at] ^= self._random.randint(1, 255)
        self._log.note(f"answer sent with {min(count, len(spoilt))} bytes changed", of_terminal)
        return bytes(spoilt)

    def _send(self, message: bytes, note: str = "") -> Reaction:
        self._log.message(OUT, wire.split(message), note)
        return Reaction(wire.frame(message))
