"""The office's side of downloads: what is wanted becomes signed files, one for each merchant or terminal it is for.

Names and ranges of settings are written from docs/provisioning.md, not read from the firmware: a terminal refuses a
file with a value it cannot take, so it is refused here first. Times in UTC seconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from tools.bench_switch import rules_file
from tools.bench_switch.booking import CARD_STATES, RC_APPROVED
from tools.bench_switch.errors import LedgerError
from tools.bench_switch.ledger import Ledger
from tools.bench_switch.programme import Programme
from tools.release.files import CONFIG, HOTLIST, RULES, FileError, Signs, hotlist_body, signed, text_body

# What a configuration may set: kind, and the range of a number or the length of a text.
SETTINGS: dict[str, tuple[str, int, int]] = {
    "merchant_name": ("text", 0, 32),
    "language": ("text", 2, 2),
    "brightness": ("int", 1, 4),
    "sounds": ("text", 3, 8),
    "currency": ("int", 0, 999),
    "currency_exponent": ("int", 0, 3),
    "money_unit": ("text", 4, 5),
    "money_whole": ("bool", 0, 1),
    "new_currency": ("int", 0, 999),
    "new_exponent": ("int", 0, 3),
    "new_divisor": ("int", 1, 1_000_000),
    "new_from": ("text", 10, 10),
    "max_amount": ("int", 1, 10**12 - 1),
    "offline_earn": ("bool", 0, 1),
    "offline_records": ("int", 1, 15_000),
    "offline_earns_a_day": ("int", 0, 1000),
    "offline_warn_h": ("int", 1, 720),
    "offline_max_h": ("int", 1, 720),
    "offline_review_above": ("int", 0, 10**12 - 1),
    "offline_redeem": ("bool", 0, 1),
    "offline_redeem_legacy": ("bool", 0, 1),
    "offline_redeem_max": ("int", 1, 10**9),
    "offline_redeem_total": ("int", 1, 10**9),
    "offline_redeem_age_h": ("int", 1, 72),
    "offline_redeem_risk": ("bool", 0, 1),
    "again_within_s": ("int", 0, 3600),
    "member_refresh_s": ("int", 0, 86_400),
    "greet": ("bool", 0, 1),
    "member_channel": ("text", 3, 5),
    "clerk_lock_s": ("int", 0, 86_400),
    "staff_roles": ("ints", 1, 3),
    "staff_limits": ("ints", 0, 10**12 - 1),
}
COUNTS = {"staff_roles": (9, 11), "staff_limits": (5, 8)}  # how many numbers, with a blank between


class Publisher:
    """Publishes through `ledger` what `signer` signs."""

    def __init__(self, ledger: Ledger, signer: Signs, clock: Callable[[], int]) -> None:
        self._ledger = ledger
        self._signer = signer
        self._clock = clock

    # --- configuration ------------------------------------------------------------------------------------------------

    def set_config(self, wanted: dict[str, str | None], merchant: str = "", terminal: str = "") -> int:
        """Want these settings (None: no longer) of a terminal, of a merchant's terminals, or of every merchant's, and
        publish; the number of files."""
        for name, value in wanted.items():
            check_setting(name, value)
        for one in self._places(merchant, terminal):
            for name, value in wanted.items():
                self._ledger.wish(one, terminal, name, value)
        return self.publish_config(merchant, terminal)

    def publish_config(self, merchant: str = "", terminal: str = "") -> int:
        """Sign what is wanted. A terminal of which something of its own is wanted gets a file of its own, after that of
        its merchant, so that it is the newer one."""
        count = 0
        wishes = self._ledger.wishes()
        for one in self._places(merchant, terminal):
            shared = {row.name: row.value for row in wishes if row.merchant_id == one and not row.terminal_id}
            own: dict[str, dict[str, str]] = {"": {}}
            for row in wishes:
                if row.merchant_id == one:
                    own.setdefault(row.terminal_id, {})[row.name] = row.value
            if terminal:
                own = {terminal: own.get(terminal, {})}
            for place, values in sorted(own.items()):
                self._publish(CONFIG, one, place, text_body(CONFIG, {**shared, **values}), "")
                count += 1
        return count

    def _places(self, merchant: str, terminal: str) -> list[str]:
        """The merchants a wish is about."""
        if terminal:
            row = self._ledger.terminal(terminal)
            if row is None:
                raise LedgerError("B30", f"no terminal {terminal!r}")
            return [row.merchant_id]
        found = self._ledger.merchants()
        if merchant and merchant not in found:
            raise LedgerError("B30", f"no terminal of merchant {merchant!r}")
        return [merchant] if merchant else found

    # --- rules and hotlist --------------------------------------------------------------------------------------------

    def publish_rules(self, programme: Programme) -> int:
        """The programme for every merchant that has not got this version yet; the number of files."""
        source = json.dumps(rules_file.source_of(programme), sort_keys=True)
        there = [one for one in self._ledger.publications() if one.role == RULES]
        newest = max((one.version for one in there), default=0)
        if programme.version < newest:
            raise LedgerError("B90", f"version {newest} is published; give these rules a higher one")
        same = [one for one in there if one.version == programme.version]
        if any(one.source != source for one in same):
            raise LedgerError("B90", f"version {newest} is published with other rules; give these a higher one")
        body = text_body(RULES, rules_file.terminal_values(programme))
        waiting = [one for one in self._ledger.merchants() if one not in [row.merchant_id for row in same]]
        for merchant in waiting:
            self._publish(RULES, merchant, "", body, source, programme.version)
        return len(waiting)

    def publish_hotlist(self) -> int:
        """Every card that is blocked, for every merchant; the number of cards."""
        blocked = [(one.uid, int(CARD_STATES[one.state])) for one in self._ledger.cards() if _is_blocked(one.state)]
        try:
            body = hotlist_body(blocked)
        except FileError as error:
            raise LedgerError("B91", str(error)) from error
        for merchant in self._ledger.merchants():
            self._publish(HOTLIST, merchant, "", body, "")
        return len(blocked)

    def _publish(self, role: int, merchant: str, terminal: str, body: bytes, source: str, version: int = 0) -> None:
        version = version or self._ledger.newest_version(role) + 1
        made = self._clock()
        content = signed(self._signer, role, version, merchant, terminal, body, made)
        self._ledger.add_publication(role, version, merchant, terminal, made, content, source)


def _is_blocked(state: str) -> bool:
    return CARD_STATES[state] != RC_APPROVED


def check_setting(name: str, value: str | None) -> None:
    """Raises LedgerError unless a terminal would take it."""
    if name not in SETTINGS:
        hint = "; the programme's rules are published by `rules`" if name in rules_file.TERMINAL else ""
        raise LedgerError("B91", f"{name}: not a setting the switch may change; there are {', '.join(SETTINGS)}{hint}")
    if value is None:
        return
    kind, low, high = SETTINGS[name]
    if kind == "bool" and value not in ("true", "false"):
        raise LedgerError("B91", f"{name}: true or false")
    if kind == "int" and not (value.isascii() and value.isdigit() and str(int(value)) == value):
        raise LedgerError("B91", f"{name}: a whole number")
    if kind == "int" and not low <= int(value) <= high:
        raise LedgerError("B91", f"{name}: {low} to {high}")
    if kind == "ints":
        words = value.split(" ")
        fewest, most = COUNTS[name]
        right = fewest <= len(words) <= most and all(word.isascii() and word.isdigit() for word in words)
        if not right or any(str(int(word)) != word or not low <= int(word) <= high for word in words):
            raise LedgerError("B91", f"{name}: {fewest} to {most} whole numbers, {low} to {high}, a blank between")
    if kind == "text" and (not low <= len(value) <= high or "\n" in value):
        raise LedgerError("B91", f"{name}: one line of {low} to {high} characters")
