"""A dead letter holds back later debits of its card, and nothing else; once it is resolved they go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from firmware.core.types import OFFLINE, REDEMPTION, Transaction
from firmware.switch.letters import Letters
from host_tests.unit.bench_client import SARA, TERMINAL
from host_tests.unit.house_kit import UID, House, until
from host_tests.unit.switch_kit import transaction
from tools.bench_switch.programme import Programme
from tools.sim import onhost

OTHER = bytes.fromhex(SARA)


class Shop(House):
    """A house that spends at its own risk."""

    def __init__(self) -> None:
        super().__init__(programme=Programme(offline_risk=True))
        self.letters = Letters(self.journal, self.session, self.messages, self.clock, self.log)
        self.letters.on_resolved = self.forward.resolved

    def add(self, points: int, uid: bytes = UID, allowance: int = 0) -> int:
        seq = self.journal.next_seq()
        spends = {"verb": REDEMPTION, "amount": -100 * points} if points < 0 else {"amount": 1000 * points}
        record: Transaction = transaction(
            seq=seq, mode=OFFLINE, uid=uid, points=points, time_utc=self.clock.now_utc(), allowance=allowance, **spends
        )
        self.journal.append(record)
        self.session.wake()
        return seq

    async def refused(self) -> int:
        """A sale becomes a dead letter."""
        self.faults.next("refuse", rc="62", mti="0220")
        seq = self.add(125)
        await until(lambda: self.journal.dead_count() > 0)
        return seq

    def booked(self) -> list[int | None]:
        return [row.seq for row in self.ledger.transactions(TERMINAL)]

    def dead(self) -> list[int]:
        return [t.seq for t, _ in self.journal.dead()]

    def waiting(self) -> list[int]:
        return [t.seq for t in self.journal.pending()]


def shop(story: Callable[[Shop], Coroutine[Any, Any, None]]) -> None:
    async def played() -> None:
        async with Shop() as house:
            await story(house)
            assert house.ledger.check() == []

    onhost.run_virtual(played())


@pytest.mark.parametrize("resolve", ["again", "given up"])
def test_a_debit_without_a_reserve_waits_behind_a_dead_letter_of_its_card_until_it_is_resolved(resolve: str) -> None:
    async def story(house: Shop) -> None:
        letter = await house.refused()
        held = [house.add(-500), house.add(-100)]
        house.session.wake()
        await asyncio.sleep(4000)
        assert house.waiting() == held and not set(held) & set(house.booked()), "it waits, however long"
        house.line.close()  # a sign-on changes nothing of that
        await asyncio.sleep(60)
        assert house.waiting() == held
        if resolve == "again":
            await house.letters.send_again(letter)
        else:
            house.letters.give_up(letter, "made good")
        await until(lambda: house.waiting() == [], 10)
        assert house.booked()[-2:] == held and house.journal.dead_count() == 0
        assert house.ledger.balance("ali") == 600 - 600 + (125 if resolve == "again" else 0)

    shop(story)


def test_earnings_and_other_cards_pass_a_dead_letter() -> None:
    async def story(house: Shop) -> None:
        letter = await house.refused()
        held = house.add(-500)
        passing = [house.add(10), house.add(-100, uid=OTHER), house.add(20)]
        await until(lambda: house.waiting() == [held], 10)
        assert house.dead() == [letter]
        assert set(passing) <= set(house.booked()) and house.ledger.balance("ali") == 630

    shop(story)


def test_a_letter_later_than_the_debit_does_not_hold_it() -> None:
    async def story(house: Shop) -> None:
        first = await house.refused()
        debit = house.add(-500)
        house.faults.next("refuse", rc="62", mti="0220")
        later = house.add(20)
        await until(lambda: house.dead() == [first, later])
        house.letters.give_up(first, "made good")
        await until(lambda: house.waiting() == [], 10)
        assert house.dead() == [later] and debit in house.booked()

    shop(story)


def test_what_was_reserved_passes_for_the_switch_holds_it_whatever_became_of_earlier_earnings() -> None:
    async def story(house: Shop) -> None:
        letter = await house.refused()
        spent = house.add(-100, allowance=1)
        await until(lambda: house.waiting() == [])
        # No such allowance here: it is refused by its own number, not held back.
        assert house.dead() == [letter, spent]

    shop(story)


def test_a_debit_that_waited_for_an_earlier_record_in_flight_is_held_when_that_one_dies() -> None:
    async def story(house: Shop) -> None:
        house.faults.next("refuse", rc="62", mti="0220")
        letter, held = house.add(125), house.add(-500)
        await until(lambda: house.journal.dead_count() > 0)
        await asyncio.sleep(300)
        assert house.waiting() == [held]
        house.letters.give_up(letter, "made good")
        await until(lambda: house.waiting() == [], 10)

    shop(story)
