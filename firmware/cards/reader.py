"""The reader task: watches the field, reads each card once, and hands it to whoever waits (port `Reader`).

While somebody waits the field is powered for some milliseconds in every 60, so a card is noticed within 100 ms. While
nobody waits the task only follows what lies there until it is taken away; with nothing there the chip sleeps, and is
looked after once a second. A card is new when it was away for three polls; one that lies still is told once. Several
cards are counted and told, never chosen from, and told again only when the set has changed. Knows no screen and no
sound: `on_seen` is called the moment a card is recognised, before it is read. Times in milliseconds.
"""

import asyncio
from time import ticks_diff, ticks_ms

from micropython import const

from drivers.iso14443a import Iso14443A
from drivers.rc522_errors import ChipAbsent, Collision, NoAnswer, RC522Error
from firmware.cards.member_card import MemberCards
from firmware.cards.taps import Taps
from firmware.core.errors import (
    CardError,
    CardLeft,
    CardTimeout,
    CardUnreadable,
    CardUnsupported,
    ReaderDead,
    TwoCards,
    VafaError,
)
from firmware.core.reference import masked
from firmware.core.types import CardData, CardSeen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from drivers.iso14443a import Target
    from drivers.rc522 import MFRC522
    from firmware.cards.aes_member import AesMembers
    from firmware.cards.keys import CardKeys
    from firmware.core.log import Log

POLL_MS = const(60)  # start to start while somebody waits
_FOLLOW_MS = const(200)  # while only a lying card is followed
_IDLE_MS = const(1000)  # while there is nothing to do but look after the chip
_SETTLE_MS = const(6)  # field before the first frame: 5 ms by ISO 14443-3 6.2.4, and one for the scheduler's grain
_MISSES_UNTIL_GONE = const(3)
_READ_TRIES = const(3)
# A tap is read within this, whatever the card does; a relay asks the switch twice, 6 s each at most (Session).
_TAP_MS = const(3000)
_RELAYED_TAP_MS = const(15_000)
_BEAT_MS = const(1000)
_GARBLED_UNTIL_TOLD = const(5)
_CARDS_COUNTED = const(4)
_RESOLVES = const(2)  # of a field that holds but one card after a collision
_REVIVE_FIRST_MS = const(200)
_REVIVE_MAX_MS = const(5000)

# What lies on the reader and was told, when it is not one known card: the first bytes of one are four. Several are
# this word and the UIDs in order.
_SEVERAL = const(b"several")
_GARBLED = const(b"garbled")


class CardReader:
    """Start `run` as a task. `beat` is called at least once a second while it lives, for its supervisor."""

    def __init__(
        self,
        chip: "MFRC522",
        keys: "CardKeys | None",
        log: "Log",
        on_seen: "Callable[[CardSeen], object] | None" = None,
        beat: "Callable[[], object] | None" = None,
        aes: "AesMembers | None" = None,
    ) -> None:
        self._chip = chip
        self._picc = Iso14443A(chip)
        self.cards = MemberCards(chip, self._picc, keys, log, aes)
        self._relays = aes is not None and aes.relays
        self._log, self._late = log, False  # late: this tap has used up its time
        self._on_seen = on_seen
        self._beat = beat
        self._alive = False
        self._asleep = False
        self._dead_logged = False
        self._revive_ms = _REVIVE_FIRST_MS
        self._waiting = False
        self._prove = False
        self._kick = asyncio.Event()
        self._answered = asyncio.Event()
        self._answer: "CardData | CardError | None" = None
        self._resting = b""  # first UID bytes of the card already told, or one of the words above, or nothing
        self._misses = 0
        self._garbled = 0
        self.reinitialised = 0
        self.two_cards = 0
        self.left_early = 0
        self.unreadable = 0
        self._taps = 0
        self.taps = Taps()
        self.guest: "Any" = None  # has the chip for one round, when somebody examines it; leaves it set up

    # --- port -----------------------------------------------------------------------------------------------------

    async def wait_card(self, timeout_ms: int, prove: bool = False) -> CardData:
        """The next card newly laid on the reader, with what spending needs when it is to `prove` itself.

        Raises CardTimeout and the other CardErrors; one caller at a time.
        """
        if self._waiting:
            raise RuntimeError("somebody waits already")
        self._answer = None
        self._answered.clear()
        self._waiting = True
        self._prove = prove
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

    def stir(self) -> int:
        """-1 while a card lies there, else a number that changes with every tap."""
        return -1 if self._resting else self._taps

    def status(self) -> str:
        """One line for the console: the chip, and what happened since the start."""
        from drivers.rc522_health import name_of  # asked for by a technician, and by nobody else

        chip = self._chip
        return (
            "reader {} version {:02x} {}, set up again {} healed {} line faults {} two cards {} left early {} "
            "unreadable {} suspicious {}"
        ).format(
            "ok" if self.healthy() else ReaderDead.code,
            chip.version,
            name_of(chip.version),
            self.reinitialised,
            chip.register_faults + chip.bus_faults + chip.stalls,
            chip.irq_faults,
            self.two_cards,
            self.left_early,
            self.unreadable,
            self.cards.suspicious,
        )

    # --- task -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Poll for ever. Ends only by cancellation, with the field off."""
        try:
            while True:
                if self._beat is not None:
                    self._beat()
                started = ticks_ms()
                if self.guest is not None:
                    self.guest = await self.guest(self._chip)
                if self._alive:
                    await self._round()
                    await self._pause(self._period() - ticks_diff(ticks_ms(), started))
                else:
                    await self._revive()
        finally:
            self._chip.field_off()

    async def _round(self) -> None:
        chip = self._chip
        try:
            if self._asleep:
                await chip.wake()
                self._asleep = False
            if not chip.check():
                await self._set_up()
                self.reinitialised += 1
                if not self.reinitialised & (self.reinitialised - 1):  # seldom the oftener: the log is for others, too
                    self._log.event("reader lost its registers, set up again, {} times".format(self.reinitialised))
            if self._waiting or self._resting:
                chip.field_on()
                try:
                    await asyncio.sleep_ms(_SETTLE_MS)
                    await self._look()
                finally:
                    chip.field_off()
            if not self._waiting and not self._resting:
                chip.sleep()
                self._asleep = True
        except ChipAbsent:
            self._alive = self._asleep = False
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
            only = await self._only_one()
            if only is None:
                return
            target = only
        except ChipAbsent:
            raise
        except RC522Error:
            # Half in the field, or a foreign emitter: mostly it is better at the next poll.
            self._garbled += 1
            if self._garbled >= _GARBLED_UNTIL_TOLD:
                self._told_resting(CardUnreadable("garbled"), _GARBLED)
            return
        self._garbled = 0
        self._taps += 1
        self.taps.begin(target.sak)
        if self._on_seen is not None:
            self._on_seen(CardSeen(target.uid, target.sak, target.atqa))
        await self._read_in_time(target)

    async def _still_there(self) -> bool:
        """Whether what was told still lies there, so that there is nothing new to say."""
        try:
            first = await self._picc.peek()
        except NoAnswer:
            first = b""
        except Collision:
            if not self._waiting:
                return True  # they are counted when somebody wants to know
            only = await self._only_one()
            if only is None:
                return True
            first = only.first
        except ChipAbsent:
            raise
        except RC522Error:
            first = self._resting
        if first == self._resting:
            self._misses = 0
            return True
        if first and not self._resting.startswith(_SEVERAL):
            self._resting = b""  # another card in its place
            return False
        # Gone, or one of several is left: three polls have to agree, because at the edge of the field it flickers.
        self._misses += 1
        if self._misses < _MISSES_UNTIL_GONE:
            return True
        self._resting = b""
        return not first

    async def _only_one(self) -> "Target | None":
        """After a collision: the one card, selected, when a spark was all it was; else None, and several are told.

        A spark is believed only when the whole field, resolved twice, holds the same single card both times: one lost
        answer may hide a card once.
        """
        found: "list[bytes]" = []
        try:
            for _ in range(_RESOLVES):
                cards = await self._picc.select_all(_CARDS_COUNTED)
                if not cards:
                    return None
                found += [card.uid for card in cards if card.uid not in found]
                if len(found) > 1:
                    self._tell_several(min(len(found), _CARDS_COUNTED), _SEVERAL + b"".join(sorted(found)))
                    return None
            return await self._picc.activate(found[0])
        except ChipAbsent:
            raise
        except RC522Error:
            return None

    def _tell_several(self, count: int, which: bytes) -> None:
        """Tell how many lie there, unless just these were told; fewer of them only after three polls."""
        if which == self._resting:
            self._misses = 0
            return
        if self._resting.startswith(_SEVERAL) and len(which) < len(self._resting):
            self._misses += 1
            if self._misses < _MISSES_UNTIL_GONE:
                return
        if self._told_resting(TwoCards(count), which):
            self.two_cards += 1

    async def _read_in_time(self, target: "Target") -> None:
        """Read within the time of one tap: a card that stretches every command must not hold the counter."""
        self._late = False
        limit_ms = _RELAYED_TAP_MS if self._prove and self._relays else _TAP_MS
        watch = asyncio.create_task(self._watch(asyncio.current_task(), limit_ms))
        try:
            await self._read(target)
        except asyncio.CancelledError:
            if not self._late:
                raise
            self.unreadable += 1
            self._told_resting(CardUnreadable("takes too long"), target.first)
        finally:
            watch.cancel()

    async def _watch(self, reading: "Any", left_ms: int) -> None:
        """Signs of life while a card is read, and the end of a reading that takes too long."""
        while left_ms > 0:
            await asyncio.sleep_ms(min(left_ms, _BEAT_MS))
            left_ms -= _BEAT_MS
            if self._beat is not None:
                self._beat()
        self._late = True
        reading.cancel()

    async def _read(self, target: "Target") -> None:
        """Read a selected card and tell the result, or why there is none."""
        first, proving = target.first, self._prove
        for attempt in range(_READ_TRIES):
            try:
                if attempt:
                    await self.cards.select_again(target.uid)
                card = await self.cards.read(target, proving)
                if proving or not self._prove:  # else somebody else waits by now, for more than was asked of the card
                    self._told_resting(card, first)
                return
            except CardUnsupported as error:
                self._log.event("card of an unsupported family: {}".format(error))
                self._told_resting(error, first)
                return
            except TwoCards:
                return  # the next poll counts them
            except CardLeft as error:
                self._left(error)
                return
            except CardUnreadable as error:
                await self._failed_under_keys(target, error)
                return
            except VafaError as error:
                self._log.event("card {}: {}".format(masked(target.uid), type(error).__name__))
                break
            except ChipAbsent:
                raise
            except RC522Error as error:
                self._log.event("card {} try {}: {}".format(masked(target.uid), attempt + 1, type(error).__name__))
        self.unreadable += 1
        self._told_resting(CardUnreadable("no valid answer"), first)

    async def _failed_under_keys(self, target: "Target", error: CardUnreadable) -> None:
        """Not read again, but looked at: a card that was taken away is welcome back, one that lies there is not."""
        try:
            await self.cards.select_again(target.uid)
        except CardLeft as left:
            self._left(left)
            return
        except ChipAbsent:
            raise
        except (RC522Error, VafaError):
            pass
        self.unreadable += 1
        self._told_resting(error, target.first)

    def _left(self, error: CardLeft) -> None:
        self.left_early += 1
        self._tell(error)  # it may come back at once, and is new then

    # --- telling --------------------------------------------------------------------------------------------------

    def _told_resting(self, answer: "CardData | CardError", resting: bytes) -> bool:
        """Tell, and then do not tell again while it lies there; when nobody waits any more it stays untold."""
        if not self._tell(answer):
            return False
        self._resting = resting
        self._misses = self._garbled = 0
        return True

    def _tell(self, answer: "CardData | CardError") -> bool:
        if not self._waiting or self._answer is not None:
            return False
        if not isinstance(answer, (CardData, ReaderDead)):
            self._log.error(answer, "card")
        if not isinstance(answer, ReaderDead):
            self.taps.end(answer)
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
