"""The reader task: watches the field, reads each card once, and hands it to whoever waits (port `Reader`).

While somebody waits the field is powered for some milliseconds in every 60, so a card is noticed within 100 ms. While
nobody waits the task only follows a card that lies there until it is taken away, and looks after the chip once a
second. A card is new when it was away for three polls; one that lies still is told once. Two cards are told, never
chosen from. Knows no screen and no sound: `on_seen` is called the moment a card is recognised, before it is read.
Times in milliseconds.
"""

import asyncio
from time import ticks_diff, ticks_ms

from micropython import const

from drivers.iso14443a import Iso14443A
from drivers.rc522_errors import ChipAbsent, Collision, FrameError, NoAnswer, RC522Error
from firmware.cards.member_card import MemberCards
from firmware.core.errors import (
    CardError,
    CardLeft,
    CardTimeout,
    CardUnreadable,
    CardUnsupported,
    ReaderDead,
    TwoCards,
)
from firmware.core.reference import masked
from firmware.core.types import CardData, CardSeen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from drivers.iso14443a import Target
    from drivers.rc522 import MFRC522
    from firmware.cards.keys import CardKeys
    from firmware.core.log import Log

POLL_MS = const(60)  # start to start while somebody waits
_FOLLOW_MS = const(200)  # while only a lying card is followed
_IDLE_MS = const(1000)  # while there is nothing to do but look after the chip
_SETTLE_MS = const(6)  # field before the first frame: 5 ms by ISO 14443-3 6.2.4, and one for the scheduler's grain
_MISSES_UNTIL_GONE = const(3)
_READ_TRIES = const(3)
_GARBLED_UNTIL_TOLD = const(5)
_REVIVE_FIRST_MS = const(200)
_REVIVE_MAX_MS = const(5000)

# What lies on the reader and was told, when it is not one known card.
_SEVERAL = b"several"
_GARBLED = b"garbled"


class CardReader:
    """Start `run` as a task. `beat` is called at least once a second while the task lives, for its supervisor."""

    def __init__(
        self,
        chip: "MFRC522",
        keys: "CardKeys | None",
        log: "Log",
        on_seen: "Callable[[CardSeen], object] | None" = None,
        beat: "Callable[[], object] | None" = None,
    ) -> None:
        self._chip = chip
        self._picc = Iso14443A(chip)
        self.cards = MemberCards(chip, self._picc, keys, log)
        self._log = log
        self._on_seen = on_seen
        self._beat = beat
        self._alive = False
        self._dead_logged = False
        self._revive_ms = _REVIVE_FIRST_MS
        self._waiting = False
        self._kick = asyncio.Event()
        self._answered = asyncio.Event()
        self._answer: "CardData | CardError | None" = None
        self._resting = b""  # first UID bytes of the card already told, or one of the words above, or nothing
        self._misses = 0
        self._garbled = 0
        self.reinitialised = 0

    # --- port -----------------------------------------------------------------------------------------------------

    async def wait_card(self, timeout_ms: int) -> CardData:
        """The next card newly laid on the reader. Raises CardTimeout and the other CardErrors; one caller at a time."""
        if self._waiting:
            raise RuntimeError("somebody waits already")
        self._answer = None
        self._answered.clear()
        self._waiting = True
        self._kick.set()
        try:
            await asyncio.wait_for_ms(self._answered.wait(), timeout_ms)
        except asyncio.TimeoutError:
            pass  # an answer of the last moment counts; it is looked at below
        except asyncio.CancelledError:
            if self._answer is not None:
                self._resting = b""  # nobody heard of this card: the next wait shall
            raise
        finally:
            self._waiting = False
        answer, self._answer = self._answer, None
        if answer is None:
            raise CardTimeout()
        if isinstance(answer, CardData):
            return answer
        raise answer

    def healthy(self) -> bool:
        """Whether the reader chip answered when it was last asked."""
        return self._alive

    # --- task -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Poll for ever. Ends only by cancellation, with the field off."""
        try:
            while True:
                if self._beat is not None:
                    self._beat()
                started = ticks_ms()
                if self._alive:
                    await self._round()
                    await self._pause(self._period() - ticks_diff(ticks_ms(), started))
                else:
                    await self._revive()
        finally:
            self._chip.field_off()

    async def _round(self) -> None:
        try:
            if not self._chip.check():
                await self._set_up()
                self.reinitialised += 1
                self._log.event("reader lost its registers, set up again")
            if self._waiting or self._resting:
                self._chip.field_on()
                try:
                    await asyncio.sleep_ms(_SETTLE_MS)
                    await self._look()
                finally:
                    self._chip.field_off()
        except ChipAbsent:
            self._alive = False
            self._revive_ms = _REVIVE_FIRST_MS
            self._resting = b""
            self._tell_dead()

    async def _revive(self) -> None:
        """One attempt to bring the chip up, with a growing pause after a failure."""
        try:
            version = await self._set_up()
        except ChipAbsent:
            self._tell_dead()
            left = self._revive_ms
            self._revive_ms = min(self._revive_ms * 2, _REVIVE_MAX_MS)
            while left > 0:
                await asyncio.sleep_ms(_REVIVE_FIRST_MS)
                left -= _REVIVE_FIRST_MS
                if self._beat is not None:
                    self._beat()
                if self._waiting:
                    break  # somebody wants to know now
            return
        self._alive = True
        self._dead_logged = False
        self._log.event("reader answers, version {:02x}".format(version))

    async def _set_up(self) -> int:
        """Initialise the chip; one that answers but does not keep what it is told counts as absent."""
        version = await self._chip.init()
        if not self._chip.check():
            raise ChipAbsent()
        return version

    async def _look(self) -> None:
        """One poll with the field on."""
        if self._resting and await self._still_there():
            return
        if not self._waiting:
            return
        try:
            target = await self._picc.select(wake=True)
        except NoAnswer:
            self._garbled = 0
            return
        except Collision:
            if await self._collides_again():
                self._told_resting(TwoCards(), _SEVERAL)
            return
        except FrameError:
            # Half in the field, or a foreign emitter: mostly it is better at the next poll.
            self._garbled += 1
            if self._garbled >= _GARBLED_UNTIL_TOLD:
                self._told_resting(CardUnreadable("garbled"), _GARBLED)
            return
        self._garbled = 0
        if self._on_seen is not None:
            self._on_seen(CardSeen(target.uid, target.sak, target.atqa))
        await self._read(target)

    async def _still_there(self) -> bool:
        """Whether what was told still lies there, so that there is nothing new to say."""
        try:
            first = await self._picc.peek()
        except NoAnswer:
            self._misses += 1
            if self._misses >= _MISSES_UNTIL_GONE:
                self._resting = b""
            return True
        except Collision:
            first = _SEVERAL
        except FrameError:
            first = self._resting
        self._misses = 0
        if first == self._resting:
            return True
        if first != _SEVERAL:
            self._resting = b""  # another card, or one of the two was taken away
            return False
        if self._waiting and await self._collides_again():
            self._told_resting(TwoCards(), _SEVERAL)
        return True

    async def _collides_again(self) -> bool:
        """Whether a collision repeats, so that it was no spark."""
        for _ in range(2):
            try:
                await self._picc.peek()
                return False
            except Collision:
                return True
            except NoAnswer:
                continue  # the collision left the cards half selected: WUPA only resets such a card
            except FrameError:
                return False
        return False

    async def _read(self, target: "Target") -> None:
        """Read a selected card and tell the result, or why there is none."""
        first = target.first
        for attempt in range(_READ_TRIES):
            try:
                if attempt:
                    await self.cards.select_again(target.uid)
                self._told_resting(await self.cards.read(target), first)
                return
            except CardUnsupported as error:
                self._log.event("card of an unsupported family: {}".format(error))
                self._told_resting(error, first)
                return
            except TwoCards as error:
                self._told_resting(error, _SEVERAL)
                return
            except CardLeft as error:
                self._tell(error)  # it may come back at once, and is new then
                return
            except ChipAbsent:
                raise
            except RC522Error as error:
                self._log.event("card {} try {}: {}".format(masked(target.uid), attempt + 1, type(error).__name__))
        self._told_resting(CardUnreadable("no valid answer"), first)

    # --- telling --------------------------------------------------------------------------------------------------

    def _told_resting(self, answer: "CardData | CardError", resting: bytes) -> None:
        """Tell, and then do not tell again while it lies there; when nobody waits any more it stays untold."""
        if self._tell(answer):
            self._resting = resting
            self._misses = self._garbled = 0

    def _tell(self, answer: "CardData | CardError") -> bool:
        if not self._waiting or self._answer is not None:
            return False
        if not isinstance(answer, (CardData, ReaderDead)):
            self._log.error(answer, "card")
        self._answer = answer
        self._answered.set()
        return True

    def _tell_dead(self) -> None:
        """Tell every wait, but log it once a failure: the waits come three times a second."""
        if not self._dead_logged:
            self._dead_logged = True
            self._log.fault(ReaderDead.code, "reader does not answer")
        self._tell(ReaderDead())

    def _period(self) -> int:
        if self._waiting:
            return POLL_MS
        return _FOLLOW_MS if self._resting else _IDLE_MS

    async def _pause(self, ms: int) -> None:
        """Until the next poll is due, or somebody begins to wait."""
        if self._waiting:
            self._kick.clear()
            await asyncio.sleep_ms(max(ms, 1))
            return
        try:
            await asyncio.wait_for_ms(self._kick.wait(), max(ms, 1))
        except asyncio.TimeoutError:
            return
        self._kick.clear()
