"""`journal`: read what the console's `export` sent, with the terminal's keys, and say whether all of it is there.

Cards are shown by the end of their UID and members not at all, unless --full; keys and whole mobile numbers never.
"""

from __future__ import annotations

import datetime
import json
import re
import string
from pathlib import Path
from typing import Any

import click

from firmware.core.errors import StoreSealed
from firmware.core.keyed import is_keyed, masked_mobile
from firmware.core.types import ACCRUAL, ENROL, ISSUE, OFFLINE, REDEMPTION, REFUND, REMARK, REVERSAL, USE, VOID
from firmware.store.seal import Sealer
from tools.device import capture as captures
from tools.device.audit import Audit, Row, audit, compared
from tools.device.errors import DeviceError
from tools.device.evidence import GRAVE, UNPROVEN
from tools.device.output import Output, masked

VERBS = {
    ACCRUAL: "earn",
    REDEMPTION: "spend",
    REVERSAL: "reversal",
    REFUND: "refund",
    VOID: "void",
    ISSUE: "voucher",
    USE: "voucher use",
    ENROL: "enrol",
    REMARK: "remark",
}
_KEY_FILE_MAX = 100_000


class CaptureIncomplete(DeviceError):
    """Some lines did not come; what came is in order."""

    code, title, exit_code = "D51", "The export is not complete", 8
    next_step = "Record it again, with a program that reads without pause, from `export` to the line with `end`."


class JournalNotWhole(DeviceError):
    """A record is missing or was altered."""

    code, title, exit_code = "D52", "The journal is not whole", 6
    next_step = (
        "Keep the terminal and this file as they are, and tell the operator: nothing ordinary leaves such a mark."
    )


class KeysDoNotFit(DeviceError):
    """Not one record opens."""

    code, title, exit_code = "D53", "These keys do not open the export", 7
    next_step = "Take the keys of the terminal it came from, and its name with --terminal."


class TerminalKeysUnfit(DeviceError):
    """No keys to read with."""

    code, title, exit_code = "D54", "The file with the terminal's keys cannot be used", 9
    next_step = 'It is JSON with "tmk" (32 hex digits) and, unless --terminal names it, "terminal_id".'


class StoreUnread(DeviceError):
    """The firmware would refuse it."""

    code, title, exit_code = "D55", "The firmware would not open this journal", 6
    next_step = "What single records say is shown. Look the other code up on the troubleshooting page."


class JournalUnproven(DeviceError):
    """A place where a record may have stood."""

    code, title, exit_code = "D56", "Not all of the journal can be proven", 8
    next_step = "Sell once and export again: the next record proves what was written before it."


@click.command()
@click.argument("capture", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--keys",
    "key_file",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="keys.json of the terminal, or any JSON file with its tmk.",
)
@click.option("--terminal", default="", help="The terminal's name, when the file with the keys does not say it.")
@click.option(
    "--last-tag", default="", metavar="TAG", help="The newest tag of an earlier verification: is it still there?"
)
@click.option("--full", is_flag=True, help="Whole UIDs and member numbers: personal data.")
@click.pass_obj
def journal(output: Output, capture: Path, key_file: Path, terminal: str, last_tag: str, full: bool) -> None:
    """Verify and show a recorded journal.

    CAPTURE is a recording of what the console's `export` sent. No terminal is needed.
    """
    tag, generation = _tag(last_tag)
    taken = captures.read(capture)
    found = audit(taken, sealer(key_file, terminal))
    if found.code == StoreSealed.code and not found.frames:
        raise KeysDoNotFit(f"none of its {found.refused} records")
    if tag and (taken.complete or tag in found.tags):
        finding = compared(found, tag, generation)
        found.findings += [finding] if finding is not None else []
    _show(output, found, full=full)
    if taken.recycled:
        output.say(f"{len(taken.recycled)} sectors were recycled while the export ran: what they held was settled.")
    summary = summary_of(found, taken)
    output.event("summary", **summary, code=found.code)
    output.say("  ".join(f"{name.replace('_', ' ')}: {value}" for name, value in summary.items()))
    problem = verdict(found, taken)
    if problem is not None:
        raise problem


def summary_of(found: Audit, taken: captures.Capture) -> dict[str, Any]:
    """What was found, in numbers."""
    return {
        "transactions": len(found.rows),
        "frames": found.frames,
        "complete": taken.complete,
        "missing_lines": taken.missing,
        "mended": found.mended,
        "damaged_places": found.damaged,
        "duplicates": found.duplicates,
        "newest_tag": f"{found.newest_tag.hex()}@{found.newest_generation}" if found.newest_tag else "",
    }


def verdict(found: Audit, taken: captures.Capture) -> DeviceError | None:
    """Why this journal is not proven to be whole; None when it is."""
    if found.code:
        return StoreUnread(f"it says {found.code}")
    if found.altered_or_missing:
        return JournalNotWhole(f"{sum(finding.grave for finding in found.findings)} findings")
    if not taken.complete:
        if taken.unread and taken.ended and not taken.missing:
            return CaptureIncomplete(f"{taken.unread} places of the flash could not be read")
        return CaptureIncomplete(
            f"{taken.missing} lines are missing" if taken.missing else "its last line did not come"
        )
    if found.unproven:
        return JournalUnproven(f"{sum(finding.level == UNPROVEN for finding in found.findings)} places")
    return None


def _tag(text: str) -> tuple[bytes, int]:
    """TAG or TAG@GENERATION, as `newest tag` is told."""
    match = re.fullmatch(r"([0-9a-fA-F]{16})(?:@([0-9]{1,10}))?", text.strip())
    if text and match is None:
        raise click.BadParameter("16 hex digits, or these, @ and a generation", param_hint="--last-tag")
    return (bytes.fromhex(match[1]), int(match[2] or "0")) if match else (b"", 0)


def sealer(path: Path, terminal: str) -> Sealer:
    """The keys of the file, at once in the form that only opens and seals."""
    try:
        content = json.loads(captures.bounded(path, _KEY_FILE_MAX).decode("utf-8"))
    except OSError as error:
        raise TerminalKeysUnfit(f"{path}: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        raise TerminalKeysUnfit(f"{path} is no JSON") from None
    master = content.get("tmk") if isinstance(content, dict) else None
    if not isinstance(master, str) or len(master) != 32 or not set(master) <= set(string.hexdigits):
        raise TerminalKeysUnfit(f"{path} has no tmk")
    name = terminal or content.get("terminal_id")
    if not isinstance(name, str) or not name:
        raise TerminalKeysUnfit(f"{path} does not name the terminal")
    try:
        return Sealer(bytes.fromhex(master), name.encode())
    except UnicodeEncodeError:
        raise TerminalKeysUnfit("the terminal's name is no text") from None


def _show(output: Output, found: Audit, *, full: bool) -> None:
    rows = []
    for row in found.rows:
        values = values_of(row, full=full)
        output.event("transaction", **values)
        time = datetime.datetime.fromtimestamp(row.transaction.time_utc, datetime.timezone.utc)
        rows.append(
            (
                str(values["seq"]),
                time.strftime("%Y-%m-%d %H:%M:%S"),
                str(values["verb"]),
                "offline" if values["offline"] else "online",
                str(values["card"]),
                str(values["amount"]),
                str(values["points"]),
                str(values["state"]),
                str(values["rc"]),
            )
        )
    heads = ("#SEQ", "UTC", "what", "mode", "card", "#amount", "#points", "state", "RC")
    output.table(f"{len(rows)} transactions", heads, rows)
    for row in found.rows:
        if row.reason:
            output.say(f"SEQ {row.transaction.seq} was given up: {row.reason}")
    for finding in found.findings:
        output.event("finding", what=finding.what, grave=finding.grave, level=finding.level)
        output.say({GRAVE: "! ", UNPROVEN: "? "}.get(finding.level, "- ") + finding.what)


def _card(uid: bytes, *, full: bool) -> str:
    """A UID; of a member without a card the number, masked whatever was asked for."""
    if is_keyed(uid):
        return masked_mobile(uid)
    return uid.hex().upper() if full else masked(uid)


def values_of(row: Row, *, full: bool) -> dict[str, Any]:
    """A transaction as it is told; cards and members whole only when `full`."""
    t = row.transaction
    values: dict[str, Any] = {
        "seq": t.seq,
        "verb": VERBS.get(t.verb, str(t.verb)),
        "offline": t.mode == OFFLINE,
        "card": _card(t.uid, full=full),
        "amount": t.amount,
        "points": t.points,
        "time_utc": t.time_utc,
        "original_seq": t.original_seq,
        "state": row.state,
        "rc": row.rc,
        "approval": row.approval,
        "reason": row.reason,
        "generation": row.place[0],
        "at": row.place[1],
    }
    if full:
        values["member"] = t.member_no
    return values
