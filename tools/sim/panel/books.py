"""What is written down, for the page: the journal's transactions, the switch's messages and its ledger.

Numbers and codes only: the page has the words, in its own language. The journal is opened by the firmware's own code on
a copy of the flash. A card is shown by the end of its UID.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from tools.bench_switch.log import Entry
from tools.sim import onhost
from tools.sim.chips.nor import Nor
from tools.sim.scenario_journal import journal_copy
from tools.sim.terminal import Terminal

if TYPE_CHECKING:
    from firmware.core.types import JournalEntry

_ROWS = 60
_UID_SHOWN = 4


@functools.cache
def _names() -> tuple[dict[int, str], dict[int, str]]:
    """Verbs and states by the firmware's numbers; `journal_copy` has made its modules importable."""
    from firmware.core import types as t

    verbs = {t.ACCRUAL: "earn", t.REDEMPTION: "spend", t.REVERSAL: "reversal", t.REFUND: "refund", t.VOID: "void"}
    verbs |= {t.ISSUE: "voucher", t.USE: "voucher-use", t.ENROL: "enrol", t.REMARK: "remark"}
    states = {t.OPEN: "open", t.APPROVED: "approved", t.REFUSED: "refused", t.REVERSED: "reversed"}
    return verbs, states | {t.SETTLED: "settled", t.DEAD: "rejected", t.VOIDED: "voided"}


def journal_view(flash: Nor, terminal: Terminal) -> dict[str, Any]:
    """The journal's newest transactions, newest first, and how many wait or were rejected; a code when it does not
    open, as on a flash that was never used."""
    onhost.install()
    from firmware.core.errors import VafaError

    try:
        journal = journal_copy(flash, terminal)
        entries = list(journal.history(0))
        counts = {"waiting": journal.pending_count(), "rejected": journal.dead_count(), "code": ""}
        waiting = {transaction.seq for transaction in journal.pending()}
    except VafaError as error:
        return {"waiting": 0, "rejected": 0, "code": error.code, "rows": []}
    rows = [_row(entry, entry.transaction.seq in waiting) for entry in reversed(entries[-_ROWS:])]
    return {**counts, "rows": rows}


def _row(entry: JournalEntry, waiting: bool) -> dict[str, Any]:
    from firmware.core.types import OFFLINE

    verbs, states = _names()
    transaction, result = entry.transaction, entry.result
    return {
        "seq": transaction.seq,
        "verb": verbs.get(transaction.verb, str(transaction.verb)),
        "offline": transaction.mode == OFFLINE,
        "amount": transaction.amount,
        "points": result.points if result is not None else transaction.points,
        "state": states.get(entry.state, str(entry.state)),
        "waiting": waiting,
        "rc": result.rc if result is not None else "",
        "uid": transaction.uid.hex().upper()[-_UID_SHOWN:],
        "utc": transaction.time_utc,
    }


def message_view(entry: Entry) -> dict[str, Any]:
    """One message, decoded; `number` tells it from the others."""
    return {
        "number": entry.number,
        "way": entry.direction,
        "utc": entry.at_utc,
        "mti": entry.mti,
        "fields": [[de, str(value).strip()] for de, value in entry.fields.items()],
        "tags": [[name, str(value)] for name, value in entry.tags.items()],
        "note": entry.note,
    }
