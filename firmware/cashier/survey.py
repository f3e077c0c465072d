"""After a sale: one question for the customer, or why a member had stayed away. It never keeps anybody waiting.

A key that is no answer ends it; one that begins the next sale begins it. An answer counts a moment after its key: when
another digit follows at once, the two were the next amount. The answer is a REMARK in the journal, sent after all that
moves points; when it cannot be kept it is given up, a customer's word is no reason to stop selling. Milliseconds.
"""

from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from firmware.core.errors import Refused, StoreFull, TimedOut
from firmware.core.types import AUTH_UID, OFFLINE, OFFLINE_FORCED, OFFLINE_LINK_DOWN, REMARK, Transaction
from firmware.screen import keys as key
from firmware.screen import survey as screens
from firmware.switch import tlv
from firmware.switch.profile import TAG_REASON, TAG_SURVEY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.counter import Counter
    from firmware.core.types import CardData
    from firmware.loyalty.facts import Facts

_ASKED_MS = const(8_000)
_MEANT_MS = const(2_000)  # between two digits of an amount somebody types there is less
_THANKS_MS = const(1_500)
_DAY_S = const(86_400)
_TEHRAN_OFFSET_S = const(12_600)
_BEGINS = (key.SALE, key.REDEEM, key.BALANCE, key.MENU)


async def ask(counter: "Counter", card: "CardData", facts: "Facts") -> int:
    """Ask what is due after this sale, and keep the answer; the key that begins the next story, or NO_KEY."""
    if counter.switch.halted() or counter.books.policy.fill(counter.journal.pending_count()):
        return key.NO_KEY  # what room there is belongs to sales
    rules = counter.books.rules
    if rules.survey_reason and (facts.lapsed or facts.six_months):
        asked = _Asked(counter, "", screens.REASONS)
    else:
        asked = _Asked(counter, rules.survey_question, rules.survey_answers)
    ended_by = await asked.run()
    if not asked.digit:
        return ended_by
    if asked.question:
        said = (TAG_SURVEY, bytes((rules.survey_id, asked.digit, asked.nameless)))
    else:
        said = (TAG_REASON, bytes((asked.digit,)))
    if not _keep(counter, card, tlv.pack([said]), asked.nameless):
        return ended_by
    if ended_by != key.NO_KEY:
        return ended_by
    return await asked.show(screens.thanks(counter.panel.text, asked.nameless), _THANKS_MS)


class _Asked:
    """One question on the screen. `digit` is the answer, 0 none; without a `question` it is the reason that is asked
    for, which makes no sense without a name."""

    def __init__(self, counter: "Counter", question: str, answers: int) -> None:
        self._panel = counter.panel
        self.question = question
        self._answers = answers
        self.digit = 0
        self.nameless = False

    async def run(self) -> int:
        """Until it is answered, skipped or over; a key that begins another story."""
        deadline = ticks_add(ticks_ms(), _ASKED_MS)
        while True:
            pressed = await self.show(self._lines(), max(0, ticks_diff(deadline, ticks_ms())))
            typed = key.typed(pressed)
            if self.question and pressed in (key.UP, key.DOWN):
                self.nameless = not self.nameless
            elif len(typed) == 1 and 1 <= int(typed) <= self._answers:
                return await self._meant(pressed, int(typed))
            else:
                return pressed if typed or pressed in _BEGINS else key.NO_KEY

    def _lines(self) -> "list[tuple[int, str]]":
        text = self._panel.text
        if not self.question:
            return screens.reason(text)
        return screens.question(text, self.question, self._answers, self.nameless)

    async def _meant(self, pressed: int, digit: int) -> int:
        """Whether this digit was the answer; if it was the first of an amount, both are given back to whoever sells."""
        more = await self.show(screens.chosen(self._panel.text, digit, self.nameless), _MEANT_MS)
        if key.typed(more):
            self._panel.give_back(more)
            return pressed
        if more in (key.CANCEL, key.CLEAR):
            return key.NO_KEY
        self.digit = digit
        return more if more in _BEGINS else key.NO_KEY

    async def show(self, lines: "list[tuple[int, str]]", ms: int) -> int:
        """The next key while these lines are shown, NO_KEY when the time is over."""
        try:
            pressed = await self._panel.key_or_card(lambda: lines, ms, with_card=False)
        except TimedOut:
            return key.NO_KEY
        assert isinstance(pressed, int)
        return pressed


def _keep(counter: "Counter", card: "CardData", details: bytes, nameless: bool) -> bool:
    """Whether it is in the journal. Raises StoreError but for a journal that is full."""
    reason = OFFLINE_FORCED if counter.switch.online() else OFFLINE_LINK_DOWN
    try:
        if nameless:
            _keep_nameless(counter, details, reason)
        else:
            counter.books.record(REMARK, OFFLINE, card, 0, 0, reason, details=details)
    except (StoreFull, Refused) as error:
        counter.log.error(error, "answer given up")
        return False
    return True


def _keep_nameless(counter: "Counter", details: bytes, reason: int) -> None:
    """No card, no member, no clerk, and of its time the day alone: nothing to join it with the sale by."""
    books, journal, clock = counter.books, counter.journal, counter.clock
    books.need_value()
    now = clock.now_utc()
    day_utc = now - (now + _TEHRAN_OFFSET_S) % _DAY_S
    remark = Transaction(
        journal.next_seq(),
        REMARK,
        OFFLINE,
        b"",
        AUTH_UID,
        0,
        0,
        day_utc,
        clock.quality,
        offline_reason=reason,
        ruleset=books.rules.ruleset,
        details=details,
    )
    journal.append(remark)
    counter.switch.wake()
