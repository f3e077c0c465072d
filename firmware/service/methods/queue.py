"""What waits for the switch and what it refused for good: counted, listed, shown, exported; a refused one goes again or
is given up for a reason.

Cards are masked, members and names are not told. A list reads the flash one record at a time and lets others work in
between. Amounts are in the smallest unit, times in seconds since 1970 UTC.
"""

import asyncio

from micropython import const

from firmware.core.errors import RpcError
from firmware.core.reference import masked, rrn_of
from firmware.service.methods import text, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

    from firmware.core.types import Transaction

RIGHTS = {"count": 0, "list": 0, "dead": 0, "show": 0, "export": 0, "retry": 0, "give_up": 0}
CHANGES = ("export", "retry", "give_up")
WORDS = {"queue": "count", "giveup": "give_up"}
ARGUMENTS = {"list": "from", "dead": "from", "show": "seq", "retry": "seq", "give_up": "seq reason"}
_PAGE = const(5)  # entries, so that most answers are one line
_LAST_SEQ = const(0xFFFFFFFF)
_MOST = const(1_000_000)
_LETTERS = const("letters")  # the right of firmware.service.rights that is for them alone
_VERBS = const(("", "sale", "use", "reversal", "refund", "void", "voucher", "voucher use", "member", "remark"))
_STATES = const(("unknown", "approved", "refused", "reversed", "settled", "rejected", "voided"))


def count(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """How many wait, had no answer, were refused for good; the age of the oldest."""
    journal = _read(rooms)
    oldest = journal.oldest_pending_utc()
    return {
        "waiting": journal.pending_count(),
        "unanswered": len(list(journal.unanswered())),
        "rejected": journal.dead_count(),
        "oldest_s": max(0, rooms.clock.now_utc() - oldest) if oldest else 0,
    }


async def list_(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """What waits for the switch, in the order it goes: a page from `from` on; `next` is 0 behind the last."""
    return await _page(params, ((t, "") for t in _read(rooms).pending()))


async def dead(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """What the switch refused for good, with its code; pages as above."""
    return await _page(params, _read(rooms).dead())


def show(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """All that may be told of one. Raises RpcError."""
    seq = whole(params, "seq", 1, _LAST_SEQ)
    entry = _read(rooms).find(seq)
    if entry is None:
        raise RpcError(1004, "no transaction has this SEQ: a receipt's STAN less 1")
    found = told(entry.transaction, "")
    found["state"] = _STATES[entry.state]
    found["offline"] = bool(entry.transaction.mode)
    found["clerk"] = entry.transaction.clerk
    if entry.result is not None:
        found["rc"] = entry.result.rc
    return found


def export(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """All the journal holds, sealed, as lines behind this answer; any byte stops it."""
    rooms.console.begin_export()
    return {"lines": "follow"}


async def retry(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """Offer a refused one to the switch once more. Raises what Letters raises: then it stays."""
    _need(rooms)
    seq = whole(params, "seq", 1, _LAST_SEQ)
    await rooms.letters().send_again(seq)
    return {"seq": seq, "state": "settled"}


def give_up(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """A refused one is never sent again; the reason, 27 letters at most, stays in the journal."""
    _need(rooms)
    seq = whole(params, "seq", 1, _LAST_SEQ)
    rooms.letters().give_up(seq, text(params, "reason", 27))
    return {"seq": seq, "state": "given up"}


def told(t: "Transaction", rc: str) -> "dict[str, object]":
    """One transaction as a stranger may see it."""
    found: "dict[str, object]" = {
        "seq": t.seq, "rrn": rrn_of(t.seq, t.time_utc), "verb": _VERBS[t.verb], "amount": t.amount,
        "points": t.points, "card": masked(t.uid), "utc": t.time_utc,
    }  # fmt: skip
    if t.reference:
        found["ref"] = t.reference
    if rc:
        found["rc"] = rc
    return found


def _need(rooms: "Any") -> None:
    """The right for letters alone will do as well as a technician's."""
    rights = rooms.rights()
    if not rights.stands(_LETTERS):
        rights.need_level(3)


def _read(rooms: "Any") -> "Any":
    """The journal, once it has been read. Raises RpcError."""
    if rooms.journal.loading():
        raise RpcError(1001, "the journal is being read", retry_ms=2000)
    return rooms.journal


async def _page(params: "dict[str, object]", found: "Iterator[tuple[Transaction, str]]") -> "dict[str, object]":
    at = whole(params, "from", 0, _MOST, 0)
    entries: "Any" = []
    for number, (t, rc) in enumerate(found):
        if number == at + _PAGE:
            return {"entries": entries, "next": number}
        if number >= at:
            entries.append(told(t, rc))
        await asyncio.sleep_ms(0)
    return {"entries": entries, "next": 0}
