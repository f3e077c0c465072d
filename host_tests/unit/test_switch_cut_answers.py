"""Answers that end after n of their bytes, for every n and every message type of the table: all is booked, once.

The books at the switch are compared with what the terminal believes after each cut. A message type without a story here
fails the first test.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from firmware.core.errors import LinkError
from firmware.core.types import CLOCK_OK, OFFLINE
from firmware.switch import download
from firmware.switch.batch import AGREED, Closing
from host_tests.unit.bench_client import NOW, TERMINAL
from host_tests.unit.house_kit import UID, House, Patient, until
from tools.lt87 import layouts
from tools.sim import onhost


async def sign_on(house: House) -> None:
    house.line.close()
    await until(lambda: not house.line.cut)


async def echo(house: House) -> None:
    house.session.probe()
    await until(lambda: not house.line.cut)
    await asyncio.sleep(0.1)


async def chunk(house: House) -> None:
    asked = download.request(house.messages, download.CONFIG, next(house.numbers), NOW, CLOCK_OK, 0, None)
    try:
        await house.session.ask(asked, 6000)
    except LinkError:
        pass


async def inquiry(house: House) -> None:
    try:
        reply = await house.session.inquire(UID, 1, 0)
        assert reply.balance == house.believed
    except LinkError:
        pass


async def online(house: House) -> None:
    await house.sold()


async def advice(house: House) -> None:
    house.sale(OFFLINE)
    await until(lambda: not house.line.cut, 300)


async def remark(house: House) -> None:
    house.remark()
    await until(lambda: not house.line.cut, 300)


async def reversal(house: House) -> None:
    """A sale whose answer never comes, and then the answer to its reversal."""
    house.faults.next("silent", mti="0200", when="after")
    assert not await house.sold()
    await until(lambda: not house.line.cut, 300)


async def closing(house: House) -> None:
    """A batch of one sale; the second try is answered as the first was."""
    closing = Closing(house.journal, house.session, house.messages, house.clock, house.log, lambda: next(house.numbers))
    closed = await closing.close(house.batch, Patient())
    assert closed.outcome == AGREED
    assert closed.totals.low <= closed.totals.high
    house.batch = closed.next()


async def totals(house: House) -> None:
    cut, house.line.cut = house.line.cut, ""
    await house.sold()
    house.line.cut = cut
    await closing(house)


async def upload(house: House) -> None:
    house.faults.next("refuse", rc="95", mti="0500")
    await totals(house)


# Request and answer of the table, as the line sees them; what makes the terminal send one.
STORIES: dict[str, list[tuple[str, Callable[[House], Awaitable[None]]]]] = {
    "0800": [("0800", sign_on), ("0800", echo), ("0800", chunk)],
    "0100": [("0100", inquiry)],
    "0120/0121": [("0120", remark)],
    "0200": [("0200", online)],
    "0220/0221": [("0220", advice)],
    "0420/0421": [("0420", reversal)],
    "0320/0321": [("0320", upload)],
    "0500/0501": [("0500", totals)],
}


def test_every_message_type_of_the_table_has_a_story() -> None:
    assert set(STORIES) == {request for request, _ in layouts.MESSAGES}


CUTS = [
    pytest.param(mti, story, packed, id=f"{story.__name__}-{'packed' if packed else 'plain'}")
    for stories in STORIES.values()
    for mti, story in stories
    for packed in ((False, True) if story is advice else (False,))  # the spelling changes no rule of what follows
]


@pytest.mark.parametrize(("mti", "story", "packed"), CUTS)
def test_an_answer_cut_after_any_of_its_bytes_loses_nothing_and_books_nothing_twice(
    mti: str, story: Callable[[House], Awaitable[None]], packed: bool
) -> None:
    async def play() -> int:
        async with House(packed=packed) as house:
            at = 0
            while True:
                house.line.cut, house.line.at = mti, at
                await story(house)
                assert house.line.cut == "", "the answer never came to be cut"
                await house.settled()
                if at >= house.line.answer_size:
                    break
                at += 1
            assert house.ledger.check() == []
            seqs = [row.seq for row in house.ledger.transactions(TERMINAL)]
            assert len(seqs) == len(set(seqs))
            return at

    assert onhost.run_virtual(play()) > 60
