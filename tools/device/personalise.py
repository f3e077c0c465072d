"""From a wish to a member's card: find the one card, see what it is, plan, write, verify, report.

Every refusal comes before the first write. A card that moved away while it was written is waited for and finished, the
same card only. Knows no serial port and no command line; waiting goes through `pause`, so that it takes no real time
where there is none. Times in seconds.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from firmware.cards import identify
from firmware.cards.aes_card import AesCard
from firmware.core.errors import CardUnreadable
from tools.device import report as results
from tools.device.aes_office import DesfireOffice, Ntag424Office
from tools.device.card_kinds import CLASSIC, DESFIRES, NTAG424, NTAGS, CardOffice, CardState, Stage, Step
from tools.device.classic_office import ClassicOffice
from tools.device.errors import (
    CardCopyable,
    CardDamaged,
    CardGarbled,
    CardGone,
    DeviceError,
    FamilyUnsupported,
    ForeignCard,
    ForeignData,
    NoCard,
    OtherMember,
    SeveralCards,
    VerifyFailed,
    WrongFamily,
)
from tools.device.ntag_office import NtagOffice
from tools.device.reader import CardNak, CardRelay, Found
from tools.device.report import Report
from tools.issuer.keys import IssuerKeys

_GET_VERSION = b"\x60"
_LOOK_EVERY_S = 0.2
_FINISH_TRIES = 5


@dataclass(frozen=True)
class Wish:
    """`kind` empty takes any. `reassign` lets a card change its member, `overwrite` lets other data be lost."""

    member_no: int
    kind: str = ""
    reassign: bool = False
    overwrite: bool = False


@dataclass(frozen=True)
class Plan:
    """`steps` is empty for a card that is this member's already."""

    state: CardState
    member_no: int
    way: str
    steps: tuple[Step, ...]


class PersonalisationDesk:
    """`tell` is called with a line for the person at the reader, `pause` waits so many seconds."""

    def __init__(
        self,
        relay: CardRelay,
        keys: IssuerKeys,
        url_host: str,
        report: Report,
        tell: Callable[[str], object],
        pause: Callable[[float], Awaitable[object]],
    ) -> None:
        self._relay = relay
        self._keys = keys
        self.url_host = url_host
        self.report = report
        self._tell = tell
        self._pause = pause

    async def wait_card(self, seconds: float, uid: bytes = b"") -> Found:
        """The one card laid down within that time; of one that is waited for, that one. Raises NoCard."""
        left, told = seconds, ""
        while True:
            try:
                found = await self._relay.find()
                if not uid or found.uid == uid:
                    return found
                problem: DeviceError = NoCard("another card lies there")
            except (NoCard, SeveralCards, CardGarbled, CardGone) as error:
                problem = error
            if left <= 0:
                raise problem
            if not isinstance(problem, NoCard) and str(problem) != told:
                told = str(problem)
                self._tell(told)
            await self._pause(_LOOK_EVERY_S)
            left -= _LOOK_EVERY_S

    async def wait_removed(self, uid: bytes, seconds: float) -> bool:
        """Whether this card is gone within that time; another one may lie there already."""
        left = seconds
        while left > 0:
            try:
                if (await self._relay.find()).uid != uid:
                    return True
            except NoCard:
                return True
            except (SeveralCards, CardGarbled, CardGone):
                pass
            await self._pause(_LOOK_EVERY_S)
            left -= _LOOK_EVERY_S
        return False

    @property
    def key_version(self) -> int:
        """Of the keys that are written."""
        return self._keys.version

    async def judge(self, found: Found) -> tuple[CardState, DeviceError | None]:
        """What a card is, without writing, and what is wrong with one that says it is done."""
        office = await self._office(found)
        state = await office.inspect()
        if state.stage is Stage.DONE:
            try:
                await office.verify(state.member_no)
            except VerifyFailed as error:
                return state, error
        return state, None

    async def plan(self, found: Found, wish: Wish) -> Plan:
        """What `fulfil` would write, or why it would refuse. Writes nothing, also not in the report."""
        office = await self._office(found)
        state = await self._allowed(office, wish)
        return self._planned(office, state, wish)

    async def fulfil(self, found: Found, wish: Wish, wait_s: float, agree: Callable[[Plan], bool] | None = None) -> str:
        """Make the card the member's and verify it; `results.WRITTEN` or `results.UNCHANGED`.

        `agree` sees the plan before the first write; a plan it does not like ends as REFUSED, with nothing written. Who
        is asked takes time, and the field does not wait: afterwards the card is looked at anew.
        """
        tries = 0
        changed = False
        agreed: Plan | None = None
        while True:
            state = CardState("", found.uid, Stage.BLANK)
            office: CardOffice | None = None
            try:
                office = await self._office(found)
                state = CardState(office.kind, found.uid, Stage.BLANK)
                state = await self._allowed(office, wish)
                plan = self._planned(office, state, wish)
                if plan.steps:
                    if agree is not None and not changed and plan != agreed:
                        if not agree(plan):
                            return results.REFUSED
                        agreed = plan
                        found = await self.wait_card(wait_s, found.uid)
                        continue
                    self.report.add(state, results.BEGUN, wish.member_no, office.way)
                    changed = True
                    await office.write(state, wish.member_no)
                await office.verify(wish.member_no)
                result = results.WRITTEN if changed else results.UNCHANGED
                self.report.add(state, result, wish.member_no, office.way)
                return result
            except (CardGone, CardGarbled, SeveralCards) as error:
                tries += 1
                if tries >= _FINISH_TRIES:
                    self._failed(state, wish, office, error, changed)
                    raise
                self._tell(str(error))
                found = await self._wait_back(found, state, wish, office, wait_s, changed)
            except DeviceError as error:
                self._failed(state, wish, office, error, changed)
                raise

    async def _wait_back(
        self, found: Found, state: CardState, wish: Wish, office: CardOffice | None, wait_s: float, changed: bool
    ) -> Found:
        try:
            return await self.wait_card(wait_s, found.uid)
        except DeviceError as error:
            self._failed(state, wish, office, error, changed)
            raise

    def _failed(
        self, state: CardState, wish: Wish, office: CardOffice | None, error: DeviceError, changed: bool
    ) -> None:
        """A card that was begun is never told as refused: it has to be laid down again."""
        result = results.REFUSED if error.exit_code == 5 and not changed else results.FAILED
        self.report.add(state, result, wish.member_no, office.way if office is not None else "", error)

    def _planned(self, office: CardOffice, state: CardState, wish: Wish) -> Plan:
        if state.stage is Stage.DONE and state.member_no == wish.member_no:
            return Plan(state, wish.member_no, office.way, ())
        office.check_writable()
        return Plan(state, wish.member_no, office.way, tuple(office.steps(state)))

    async def _allowed(self, office: CardOffice, wish: Wish) -> CardState:
        """The card's state, when nothing stands against the wish."""
        if wish.kind and office.kind != wish.kind:
            raise WrongFamily(f"a {office.kind}, not a {wish.kind}")
        said = self.report.of_card(office.uid)
        try:
            state = await office.inspect()
        except ForeignCard:
            if said is not None and said.result == results.BEGUN:
                raise CardDamaged("it was being written when it was taken away, and opens no more") from None
            raise
        begun = said is not None and said.result == results.BEGUN and said.member_no == wish.member_no
        if state.stage is Stage.USED and not (wish.overwrite or begun):
            raise ForeignData()
        owner = state.member_no
        if not owner and said is not None and state.stage is not Stage.BLANK:
            owner = said.member_no  # its payload was torn: the report knows whose it was to be
        if owner not in (0, wish.member_no) and not wish.reassign:
            raise OtherMember()
        return state

    async def _office(self, found: Found) -> CardOffice:
        """Who works on this card, by what it says of itself."""
        if identify.is_random(found.uid):
            raise FamilyUnsupported("its number is another one each time, as a phone's")
        if identify.is_odd(found.uid, found.atqa):
            raise CardCopyable("its number is longer than it says")
        of, kind = identify.family(found.sak)
        if of == identify.ISO_DEP:
            return await self._aes_office(found)
        if of == identify.CLASSIC:
            return ClassicOffice(self._relay, found, CLASSIC, self._keys)
        if of == identify.TYPE2:
            try:
                kind = identify.type2_kind(await self._relay.frame(_GET_VERSION, 8))
            except (CardNak, CardGone) as error:
                if isinstance(error, CardNak) and not error.refused:
                    raise
                await self._relay.again()
                kind = "ultralight"
            if kind in NTAGS:
                return NtagOffice(self._relay, found, kind, self._keys)
        raise FamilyUnsupported(f"a {kind}")

    async def _aes_office(self, found: Found) -> CardOffice:
        try:
            version = await AesCard(self._relay, os.urandom).version()
        except CardUnreadable:
            raise FamilyUnsupported("a card that tells no version") from None
        kind = identify.aes_kind(version)
        if kind == NTAG424:
            return Ntag424Office(self._relay, found, kind, self._keys, self.url_host)
        if kind in DESFIRES:
            return DesfireOffice(self._relay, found, kind, self._keys, self.url_host)
        raise FamilyUnsupported(f"a {kind or 'card of another maker'}, version {version[3]:02x}")
