"""Card after card for a list of members: skips who has one, waits for the next card, gives nobody another's.

A card that is refused is told and taken away, and the same member waits for another one. Where a run stops, the next
one goes on: the report knows who has a card. Times in seconds.
"""

from __future__ import annotations

from collections.abc import Callable

from tools.device import report as results
from tools.device.errors import CardError, NoCard
from tools.device.members import Row
from tools.device.output import Output, masked
from tools.device.personalise import PersonalisationDesk, Plan, Wish


class Batch:
    """`open_rows` are those without a card, now and at the end."""

    def __init__(
        self,
        desk: PersonalisationDesk,
        rows: list[Row],
        output: Output,
        wait_s: float,
        *,
        reassign: bool = False,
        overwrite: bool = False,
    ) -> None:
        self._desk = desk
        self._rows = rows
        self._output = output
        self._wait_s = wait_s
        self._reassign = reassign
        self._overwrite = overwrite
        self.open_rows = [row for row in rows if desk.report.card_of(row.member_no) is None]

    async def run(self, *, dry_run: bool, agree: Callable[[Plan], bool]) -> None:
        """All open rows, until a card does not come in time."""
        skipped = len(self._rows) - len(self.open_rows)
        if skipped:
            self._output.say(f"{skipped} of {len(self._rows)} members have their card already")
        if dry_run:
            self._output.table(
                "without a card",
                ("#member", "name", "family"),
                [(str(row.member_no), row.name, row.family or "any") for row in self.open_rows],
            )
            return
        for row in list(self.open_rows):
            uid = await self._one(row, agree)
            if not uid:
                return
            self.open_rows.remove(row)
            if self.open_rows and not await self._desk.wait_removed(uid, self._wait_s):
                self._output.say(f"card {masked(uid)} still lies there")
                return

    async def _one(self, row: Row, agree: Callable[[Plan], bool]) -> bytes:
        """The UID of the member's card, whatever cards come first; empty when none came, or the plan was not liked."""
        wish = Wish(row.member_no, row.family, self._reassign, self._overwrite)
        kind = f" ({row.family})" if row.family else ""
        while True:
            self._output.say(f"Next: member {row.member_no} {row.name}{kind}. Lay the card on the reader.")
            try:
                found = await self._desk.wait_card(self._wait_s)
            except NoCard as error:
                self._output.fail(error)
                return b""
            try:
                result = await self._desk.fulfil(found, wish, self._wait_s, agree)
                self._output.event("result", member=row.member_no, result=result)
                if result not in results.DONE:
                    return b""
                self._output.say(f"card {masked(found.uid)}: {result} for member {row.member_no}. Take it away.")
                return found.uid
            except CardError as error:
                self._output.fail(error)
                self._output.say(f"card {masked(found.uid)} is not member {row.member_no}'s. Take it away.")
                if not await self._desk.wait_removed(found.uid, self._wait_s):
                    return b""

    def summary(self) -> None:
        """What came of it, for people."""
        done = len(self._rows) - len(self.open_rows)
        self._output.event("batch", done=done, open=[row.member_no for row in self.open_rows])
        self._output.say(f"{done} of {len(self._rows)} members have their card")
        if self.open_rows:
            self._output.say("Run the same command again for the others.")
