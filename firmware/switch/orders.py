"""What the switch says of the terminal itself in a 0810: new keys, value stopped, blocked, keys out.

docs/lt87.md section 16. Knows answers, not the line; the session asks and hands over. Being halted outlives a restart:
a terminal that was blocked does not sell because somebody pulled its plug and its antenna. Orders count only in answers
to questions of this moment (a session number is never used twice), so none can be replayed; and only while the switch
repeats them, so what the office has taken back is not carried out.
"""

from micropython import const

from firmware.core.errors import SignOnRefused, VafaError
from firmware.core.refusals import VALUE_STOPPED
from firmware.core.visiting import visit
from firmware.switch.profile import (
    ADMIN_STOP_VALUE,
    ADMIN_ZEROISE,
    BLOCKED,
    ECHO,
    TAG_ADMIN,
    TAG_DIAG,
    TAG_KID,
    TAG_MINBUILD,
    TAG_NEWKEY,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from firmware.core.log import Log
    from firmware.store.vault import Vault
    from firmware.switch.keychange import KeyChange
    from firmware.switch.mac import MacKeys
    from firmware.switch.messages import Answer, Messages, Outgoing
    from firmware.switch.minimum import Minimum

_CHANGING = const(("firmware.switch.keychange", "firmware.store.vault"))
# Letters of what stands.
FREE, HALT_BLOCKED, HALT_STOPPED, HALT_WARNED, HALT_MAC = b"", b"B", b"S", b"Z", b"M"

STOPPED = "L31"
_KEYS_GO = const("K25")


class TerminalBlocked(SignOnRefused):
    """The switch does not want this terminal: stolen, lost, or withdrawn."""

    code = "L30"


class Orders:
    """`vault` makes the key store, `keep` writes the small value down, `unsettled` counts what the switch does not have
    for good (-1: not known yet), `calm` says that nobody stands at the till, `erase` takes the keys out. `halt` is the
    small value as it was kept, `offered` the key store's pair on offer; `minimum` keeps what is said of builds."""

    def __init__(
        self,
        messages: "Messages",
        keys: "MacKeys",
        log: "Log",
        vault: "Callable[[], Vault]",
        keep: "Callable[[bytes], None]",
        unsettled: "Callable[[], int]",
        calm: "Callable[[], bool]",
        erase: "Callable[[], object]",
        minimum: "Minimum",
        halt: bytes = FREE,
        offered: bytes = b"",
    ) -> None:
        self._messages = messages
        self._keys = keys
        self._log = log
        self._vault = vault
        self._keep = keep
        self._unsettled = unsettled
        self._calm = calm
        self._erase = erase
        self._halt = halt
        self._erase_due = False
        self.minimum = minimum
        self.report: "list[tuple[int, bytes]]" = []  # tags the switch has to be told with the next echo
        self.proof_due = True  # the pair on offer was not tried since the sign-on or the announcement
        if offered:
            with visit("firmware.switch.keychange"):
                from firmware.switch.keychange import pair_of

                keys.offered = pair_of(offered)

    def halted(self, spends: bool = False) -> str:
        """Code of what forbids value, or to spend it; "" when nothing does."""
        if HALT_BLOCKED in self._halt:
            return TerminalBlocked.code
        if self._halt == HALT_MAC:
            return VALUE_STOPPED
        return STOPPED if self._halt else self.minimum.forbids() if spends else ""

    def mac_stopped(self) -> bool:
        """Whether the switch refused our MAC three times in a row, and no sign-on has succeeded since."""
        return HALT_MAC in self._halt

    def mac_refused(self, stands: bool) -> None:
        """It did; or a sign-on succeeded."""
        self._set(FREE if stands else HALT_MAC, HALT_MAC if stands else FREE)

    def heed(self, answer: "Answer") -> None:
        """An authentic 0810, whatever its response code."""
        order = answer.tags[TAG_ADMIN][0] if TAG_ADMIN in answer.tags else 0
        self._erase_due = order == ADMIN_ZEROISE
        if self._erase_due:
            self.report = [(TAG_ADMIN, bytes((order,))), (TAG_DIAG, "unsettled {}".format(self._unsettled()).encode())]
        ends = FREE if self._erase_due else HALT_WARNED
        begins = HALT_BLOCKED if answer.rc == BLOCKED else FREE
        if answer.rc == "00":
            ends += HALT_BLOCKED + HALT_STOPPED
        if order in (ADMIN_ZEROISE, ADMIN_STOP_VALUE):
            begins += HALT_STOPPED
        self._set(ends, begins)
        if answer.rc == "00" or TAG_MINBUILD in answer.tags:
            self.minimum.told(int.from_bytes(answer.tags.get(TAG_MINBUILD, b""), "big"))
        offered = self._keys.offered
        if offered is not None and answer.tags[TAG_KID][0] == offered.kid:
            self.proof_due = True  # in force there: were it overwritten by the pair after it, nothing could talk
        elif TAG_NEWKEY in answer.tags:
            try:
                with visit(*_CHANGING):
                    self._changing().announced(answer.tags[TAG_NEWKEY])
                self.proof_due = True
            except VafaError as error:
                self._log.error(error, "new keys")

    def turn(self) -> None:
        """Often: take the keys out when that was ordered. What waits for the switch would be lost with them: while
        something does, the order after this one counts."""
        count = self._unsettled() if self._erase_due and self._calm() else -1  # counting reads the whole journal
        if count < 0:
            return
        self._erase_due = False
        if count and HALT_WARNED not in self._halt:
            self._log.fault(_KEYS_GO, "{} transactions not settled: the keys go at the next order".format(count))
            self._set(FREE, HALT_WARNED)
        else:
            self._erase()

    # --- keys ---------------------------------------------------------------------------------------------------------

    def offer(self) -> bool:
        """Whether a pair of keys is on offer."""
        return self._keys.offered is not None

    def proof(self, number: int, sent_utc: int, clock: int) -> "Outgoing":
        """An echo under the pair on offer."""
        offered = self._keys.offered
        assert offered is not None
        self.proof_due = False
        return self._messages.under(offered).network(ECHO, number, sent_utc, clock)

    def proved(self, answer: "Answer") -> bool:
        """Whether the answer to it puts the new pair in force. Its code under the old pair forgets the new one."""
        offered = self._keys.offered
        assert offered is not None
        if answer.tags[TAG_KID][0] != offered.kid:
            self._log.fault(SignOnRefused.code, "the switch does not know KID {}".format(offered.kid))
            with visit(*_CHANGING):
                self._changing().withdrawn()
            return False
        if answer.rc not in ("00", BLOCKED):
            return False
        with visit(*_CHANGING):
            self._changing().proved()
        return True

    def _changing(self) -> "KeyChange":
        from firmware.switch.keychange import KeyChange

        return KeyChange(self._keys, self._vault, self._log)

    def _set(self, ends: bytes, begins: bytes) -> None:
        halt = FREE
        for letter in (HALT_BLOCKED, HALT_STOPPED, HALT_WARNED, HALT_MAC):
            if letter in begins or letter in self._halt and letter not in ends:
                halt += letter
        if halt == self._halt:
            return
        self._halt = halt
        self._log.fault(self.halted() or "I00", "value {}".format("stopped" if halt else "allowed again"))
        try:
            self._keep(halt)
        except VafaError as error:
            self._log.error(error, "small values")  # until the next start it counts all the same
