"""A receipt can be read where it cannot be printed, and what is wrong with the paper is told once."""

from __future__ import annotations

from firmware.core.types import Reply
from firmware.receipt.lines import Form
from firmware.receipt.spool import Spool
from host_tests.unit.cashier_kit import FakePrinter, World

YES = Reply("00", 125, 12_450, "ABC123")


class NoPrinter(World):
    """A terminal without one."""

    def play(self, story) -> None:
        self.printer = None  # type: ignore[assignment]
        super().play(story)


async def sell_125(w: World) -> None:
    await w.sees("READY")
    await w.keys("SALE", "1", "2", "5", "000", "OK")
    await w.sees("TAP CARD")
    await w.tap()


async def read_through(w: World) -> list[str]:
    """All rows of all pages; DOWN until nothing changes."""
    seen: list[str] = []
    before: list[str] = []
    for _ in range(20):
        rows = list(w.canvas.rows)
        if rows == before:
            return seen
        seen += rows
        before = rows
        await w.keys("DOWN")
        await w.sees("", 100)
    raise AssertionError("it never ends")


def test_without_a_printer_the_receipt_is_read_from_the_outcome_and_nobody_speaks_of_paper() -> None:
    world = NoPrinter()
    world.switch.replies = [YES]

    async def story(w: World) -> None:
        await sell_125(w)
        await w.sees("EARNED")
        await w.sees("DOWN: receipt")
        await w.keys("DOWN")
        await w.sees("Corner Shop")
        rows = await read_through(w)
        for said in ("+125", "12,325", "12,450", "632705000102", "ABC123", "4711"):
            assert any(said in row for row in rows), (said, rows)
        for row, value in (("Amount:", "125,000 rial"), ("Date:", "2026-11-23 05:43")):
            torn = rows[rows.index(row) + 1].strip()
            assert torn == value, "what a row cannot hold beside its label stands whole below it"
        await w.keys("UP")
        await w.keys("OK")
        await w.sees("READY")
        await w.sees("READY", 3000)

    world.play(story)
    assert not any("NO PRINT" in call for call in world.calls)
    assert not [line for line in world.log.newest(200) if " P3" in line]


def test_without_a_printer_the_menu_shows_the_last_receipt_again_and_says_that_it_is_one() -> None:
    world = NoPrinter()
    world.switch.replies = [YES]

    async def story(w: World) -> None:
        await sell_125(w)
        await w.sees("EARNED")
        await w.keys("OK")
        await w.sees("READY")
        await w.keys("MENU", "1")
        await w.sees("REPRINT")
        rows = await read_through(w)
        assert any("+125" in row for row in rows)
        await w.keys("CANCEL")
        await w.sees("MENU")

    world.play(story)


def test_with_a_printer_the_receipt_is_read_too_and_another_key_begins_the_next_sale() -> None:
    world = World()
    world.switch.replies = [YES]

    async def story(w: World) -> None:
        await sell_125(w)
        await w.sees("EARNED")
        await w.keys("DOWN")
        await w.sees("Corner Shop")
        await w.keys("7")
        await w.sees("SALE")

    world.play(story)
    assert len(world.printer.receipts) == 1


class Torn(FakePrinter):
    """Paper that ends in the middle of a receipt."""

    def line(self, text: str, size: int = 0, place: int = 0) -> None:
        if self.paper and len(self._lines) == 5:
            self.paper = False
            self._lines = []
            raise OSError("no paper or cover open")
        super().line(text, size, place)


def test_paper_that_ends_in_the_middle_is_told_once_and_the_reprint_is_whole() -> None:
    world = World()
    world.printer = Torn(world.calls)
    world.switch.replies = [YES, YES, YES]

    async def story(w: World) -> None:
        for told in (True, False):
            await sell_125(w)
            await w.sees("EARNED")
            if told:
                await w.sees("No paper", 25_000)
                await w.keys("OK")
            await w.sees("READY", 25_000)
            w.clock._born -= 300 * 10**6
        w.printer.paper = True
        w.printer.__class__ = FakePrinter
        await w.keys("MENU", "1")
        await w.sees("Printed")

    world.play(story)
    assert world.calls.count("show NO PRINT") == 1
    (receipt,) = world.printer.receipts
    assert receipt[0] == "*** REPRINT ***" and receipt[-1] == "CUSTOMER COPY"


def test_an_outage_is_told_later_when_the_first_outcome_was_left_in_a_hurry() -> None:
    world = World()
    world.printer.paper = False
    world.switch.replies = [YES, Reply("00", 7, 12_457)]

    async def story(w: World) -> None:
        await sell_125(w)
        await w.sees("EARNED")
        await w.keys("7", "000", "OK")
        await w.sees("TAP CARD")
        await w.tap()
        await w.sees("EARNED")
        await w.sees("No paper", 25_000)

    world.play(story)


def test_a_spool_without_a_printer_is_not_fitted() -> None:
    world = World()
    assert not Spool(None, world.log, Form()).fitted
