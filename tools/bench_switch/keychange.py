"""New MAC keys for a terminal, and what the office orders it to do to itself (docs/lt87.md section 16).

Written from the page. The office makes a pair and wraps it under a key from the terminal's master key, which the switch
does not keep; the switch announces it, accepts the old pair and the new one, and forgets the old with the first message
under the new. Each call is one database transaction. A key is never logged and never part of an error.
"""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Callable, Iterator

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from sqlalchemy import delete, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from tools.bench_switch.codec import tlv, wire
from tools.bench_switch.errors import LedgerError
from tools.bench_switch.ledger import Ledger
from tools.bench_switch.log import MessageLog
from tools.bench_switch.schema import KeyChangeRow, MinimumBuildRow, OrderRow, TerminalRow

NEW_KEYS = "101"
PROFILE = (1, 0)
ZEROISE, STOP_VALUE, MINIMUM_BUILD = 2, 3, 4
_KEY_BYTES = 16
_UNSETTLED = re.compile(r"unsettled (-?\d{1,9})\Z")


def next_kid(kid: int) -> int:
    """The key id after this one; 0 follows 255."""
    return (kid + 1) & 0xFF


def _terminal(session: Session, terminal_id: str) -> TerminalRow:
    """The row, locked for the rest of the transaction."""
    session.execute(
        update(TerminalRow).where(TerminalRow.terminal_id == terminal_id).values(blocked=TerminalRow.blocked)
    )
    row = session.get(TerminalRow, terminal_id, populate_existing=True)
    if row is None:
        raise LedgerError("B30", f"no terminal {terminal_id!r}")
    return row


def wrapping_key(master: bytes, kid: int) -> bytes:
    """What a pair is wrapped under: the master key's own for this key id, so that it opens as no other."""
    mac = CMAC(AES(master))
    mac.update(b"\x01vafa-newkey\x00" + bytes((kid,)) + b"\x00\x80")
    return mac.finalize()


def rekey(
    ledger: Ledger,
    terminal_id: str,
    master: bytes,
    now_utc: int,
    keep: Callable[[KeyChangeRow], None] = lambda _row: None,
) -> KeyChangeRow:
    """Make a pair and announce it from now on; one that waited before is replaced, under a key id of its own.

    `keep` is told the pair before the books are: what it raises leaves them as they were.
    """

    def make(session: Session) -> KeyChangeRow:
        terminal = _terminal(session, terminal_id)
        before = session.get(KeyChangeRow, terminal_id)
        kid = next_kid(before.kid if before is not None else terminal.kid)
        if before is not None:
            session.delete(before)
            session.flush()
        out, come = secrets.token_bytes(_KEY_BYTES), secrets.token_bytes(_KEY_BYTES)
        row = KeyChangeRow(
            terminal_id=terminal_id,
            kid=kid,
            mac_out=out.hex(),
            mac_in=come.hex(),
            newkey=(bytes((kid,)) + aes_key_wrap(wrapping_key(master, kid), out + come)).hex(),
            made_utc=now_utc,
        )
        session.add(row)
        session.flush()
        keep(row)
        return row

    return ledger.transact(make)


def cancel(ledger: Ledger, terminal_id: str) -> None:
    """Announce it no more; the terminal forgets it when it next tries it."""

    def drop(session: Session) -> None:
        _terminal(session, terminal_id)
        session.execute(delete(KeyChangeRow).where(KeyChangeRow.terminal_id == terminal_id))

    ledger.transact(drop)


def waiting(ledger: Ledger, terminal_id: str) -> KeyChangeRow | None:
    """The pair that is announced and not in force."""
    return ledger.transact(lambda session: session.get(KeyChangeRow, terminal_id))


def put_in_force(ledger: Ledger, terminal_id: str, kid: int) -> TerminalRow:
    """A message under this key id came: its pair is the terminal's, and the former is forgotten."""

    def put(session: Session) -> TerminalRow:
        terminal = _terminal(session, terminal_id)
        change = session.get(KeyChangeRow, terminal_id)
        if change is not None and change.kid == kid:
            terminal.kid, terminal.mac_out, terminal.mac_in = change.kid, change.mac_out, change.mac_in
            session.delete(change)
        return terminal

    return ledger.transact(put)


def give_order(ledger: Ledger, terminal_id: str, order: int) -> None:
    """ZEROISE or STOP_VALUE, until it is taken back with 0."""

    def give(session: Session) -> None:
        _terminal(session, terminal_id)
        session.execute(delete(OrderRow).where(OrderRow.terminal_id == terminal_id))
        if order:
            session.add(OrderRow(terminal_id=terminal_id, admin=order))

    ledger.transact(give)


def orders(ledger: Ledger) -> dict[str, OrderRow]:
    """What stands, by terminal."""
    return ledger.transact(lambda session: {row.terminal_id: row for row in session.scalars(select(OrderRow))})


def set_minimum_build(ledger: Ledger, terminal_id: str, build: int) -> None:
    """The oldest firmware build this terminal is to run; 0 says nothing of it any more."""

    def put(session: Session) -> None:
        _terminal(session, terminal_id)
        session.execute(delete(MinimumBuildRow).where(MinimumBuildRow.terminal_id == terminal_id))
        if build:
            session.add(MinimumBuildRow(terminal_id=terminal_id, build=build))

    ledger.transact(put)


class KeyDesk:
    """The message desk's part: under which pair a message came, and what its 0810 announces."""

    def __init__(self, ledger: Ledger, log: MessageLog) -> None:
        self._ledger = ledger
        self._log = log

    def speaking(self, request: wire.Split, terminal: TerminalRow, tags: dict[int, bytes]) -> TerminalRow:
        """The terminal with the pair this message is under; the first right one under a new pair puts it in force.
        Raises SQLAlchemyError."""
        kid = tags.get(tlv.KID, b"")
        if len(kid) != 1 or kid[0] == terminal.kid:
            return terminal
        change = waiting(self._ledger, terminal.terminal_id)
        if change is None or change.kid != kid[0] or not request.mac_right(bytes.fromhex(change.mac_out)):
            return terminal
        self._log.note(f"keys KID {change.kid} in force", terminal.terminal_id)
        return put_in_force(self._ledger, terminal.terminal_id, change.kid)

    def announced(self, terminal: TerminalRow) -> dict[int, bytes]:
        """NEWKEY, when a pair waits."""
        with self._told(terminal):
            change = waiting(self._ledger, terminal.terminal_id)
            return {} if change is None else {tlv.NEWKEY: bytes.fromhex(change.newkey)}
        return {}

    def ordered(self, terminal: TerminalRow, tags: dict[int, bytes]) -> dict[int, bytes]:
        """ADMIN, when an order stands; `tags` may report how it is carried out."""
        with self._told(terminal):
            said = _UNSETTLED.match(tags.get(tlv.DIAG, b"").decode("ascii", "replace"))
            unsettled = int(said[1]) if said and tags.get(tlv.ADMIN) == bytes((ZEROISE,)) else None
            order = self._ledger.transact(lambda session: _heard(session, terminal.terminal_id, unsettled))
            return {} if order is None else {tlv.ADMIN: tlv.u(order, 1)}
        return {}

    def minimum_build(self, terminal: TerminalRow) -> dict[int, bytes]:
        """ADMIN and MINBUILD, when there is one; any other ADMIN goes before."""
        with self._told(terminal):
            row = self._ledger.transact(lambda session: session.get(MinimumBuildRow, terminal.terminal_id))
            return {} if row is None else {tlv.ADMIN: tlv.u(MINIMUM_BUILD, 1), tlv.MINBUILD: tlv.u(row.build, 4)}
        return {}

    @contextlib.contextmanager
    def _told(self, terminal: TerminalRow) -> Iterator[None]:
        """A database that fails here announces nothing; the answer is right without."""
        try:
            yield
        except SQLAlchemyError as error:
            self._log.note(f"database: {type(error).__name__}", terminal.terminal_id)


def _heard(session: Session, terminal_id: str, unsettled: int | None) -> int | None:
    row = session.get(OrderRow, terminal_id)
    if row is None:
        return None
    if unsettled is not None and row.admin == ZEROISE:
        row.unsettled = unsettled
    return row.admin


def profile_tags(function: str, tags: dict[int, bytes]) -> tuple[dict[int, bytes], bool]:
    """What a sign-on is told of the page's version, and whether the terminal speaks it."""
    if function != "001":
        return {}, True
    spoken = tags.get(tlv.PROFILE, bytes(PROFILE))
    return {tlv.PROFILE: bytes(PROFILE)}, spoken[0] == PROFILE[0]
