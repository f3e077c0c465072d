"""The idle screen: line, queue, reader, printer, each trouble told once; and what the counter may choose."""

from __future__ import annotations

import asyncio

import pytest

from firmware.core.errors import CardTimeout, ReaderDead
from firmware.core.types import ACCRUAL, AUTH_LEGACY, CLOCK_OK, OFFLINE, CardData, Reply, Transaction
from firmware.screen import screens
from firmware.screen.signals import SILENT
from host_tests.unit.cashier_kit import ALI, START_UTC, FakeReader, World, member


class Reader(FakeReader):
    """One that can die: each wait fails at once until it is alive again."""

    alive = True
    waits = 0

    def healthy(self) -> bool:
        return self.alive

    async def wait_card(self, timeout_ms: int, prove: bool = False) -> CardData:
        self.waits += 1
        for _ in range(max(1, timeout_ms // 20)):
            if not self.alive:
                raise ReaderDead()
            if self.laid is not None:
                return await super().wait_card(timeout_ms, prove)
            await asyncio.sleep(0.02)
        raise CardTimeout()


def test_a_dead_reader_is_told_once_stands_on_the_idle_screen_and_keys_go_on() -> None:
    world = World()
    world.reader = reader = Reader()
    world.switch.replies = [Reply("00", 0, 640, "", member(640))]

    async def story(w: World) -> None:
        await w.sees("READY")
        reader.alive = False
        await w.sees("R01")
        await w.sees("Reader fault")
        await w.sees("FAULT")
        await w.keys("OK")
        await w.sees("READY")
        await w.sees("R01")
        refusals, waits = w.sounder.tones.count(400), reader.waits
        await asyncio.sleep(60)
        assert (w.sounder.tones.count(400), reader.waits) == (refusals, waits)
        await w.keys("4")
        await w.sees("SALE")
        await w.keys("CANCEL")
        reader.alive = True
        await w.sees("Amount or card", 5000)
        await w.tap()
        await w.sees("640")

    world.play(story)
    assert len([line for line in world.log.newest(200) if "R01" in line]) == 1


def test_a_sale_that_meets_a_dead_reader_says_so_once_and_goes_on_when_it_is_back() -> None:
    world = World()
    world.reader = reader = Reader()
    world.switch.replies = [Reply("00", 50, 690, "123456", member(690))]

    async def story(w: World) -> None:
        await w.sees("READY")
        await w.keys("5", "000", "0", "OK")
        await w.sees("TAP CARD")
        reader.alive = False
        await w.sees("MENU 6 3")
        count = w.sounder.tones.count(400)
        await asyncio.sleep(8)
        assert w.sounder.tones.count(400) == count
        reader.alive = True
        await w.sees("Hold card still")
        await w.tap()
        await w.sees("EARNED")

    world.play(story)


def test_a_printer_that_is_away_is_told_once_and_stands_on_the_idle_screen() -> None:
    world = World()
    world.printer.paper = False
    world.switch.replies = [Reply("00", 50, 690, "123456", member(690)) for _ in range(2)]

    async def sold(w: World, amount: str) -> None:
        await w.keys(*amount, "OK")
        await w.sees("TAP CARD")
        await w.tap()
        await w.sees("EARNED")
        await w.keys("OK")

    async def story(w: World) -> None:
        await w.sees("READY")
        await sold(w, "50000")
        await w.sees("NO PRINT")
        await w.sees("No paper")
        await w.keys("OK")
        await w.sees("READY")
        await w.sees("P32")
        await sold(w, "60000")
        await w.sees("READY")
        assert any("P32" in row for row in w.canvas.rows)
        w.printer.paper = True
        await asyncio.sleep(40)
        assert not any("P32" in row for row in w.canvas.rows)

    world.play(story)
    assert world.sounder.tones.count(400) == 0


def test_offline_the_idle_screen_tells_how_many_wait_and_since_when() -> None:
    world = World()
    world.switch.up = False
    for seq in (1, 2, 3):
        told = START_UTC - 720
        world.journal.append(Transaction(seq, ACCRUAL, OFFLINE, ALI.uid, AUTH_LEGACY, 50_000, 50, told, CLOCK_OK))

    async def story(w: World) -> None:
        await w.sees("LAST SALE")
        await w.keys("OK")
        await w.sees("OFFLINE")
        await w.sees("3 waiting 12 min")
        await w.sees("14:05")

    world.play(story)


def test_language_sounds_and_brightness_are_chosen_and_count_at_once() -> None:
    world = World()

    async def story(w: World) -> None:
        text = w.counter.panel.text
        await w.sees("READY")
        await w.keys("DOWN")
        await w.sees("THIS TERMINAL")
        await w.keys("1")
        await asyncio.sleep(0.3)
        assert text.language == "fa"
        await w.sees(text.get("title_choices"))
        await w.keys("2")
        await w.sees("THIS TERMINAL")
        await w.keys("3", "3", "4")
        await w.sees("Bright 4/4")
        await w.sees("Sounds: off")

    world.play(story)
    assert world.chosen == b"en\x04" + bytes((SILENT,))


def test_a_silent_terminal_shows_by_its_lamps_what_it_does_not_sound() -> None:
    world = World()

    async def story(w: World) -> None:
        await w.sees("READY")
        w.counter.panel.signals.sounds = SILENT
        w.sounder.tones.clear()
        w.counter.panel.signals.refused()
        await asyncio.sleep(0.2)
        assert w.lamps.lit == "red"
        w.counter.panel.signals.ok()
        await asyncio.sleep(0.2)
        assert w.lamps.lit == "green"
        assert not any(w.sounder.tones)

    world.play(story)


@pytest.mark.parametrize("language", ["en", "fa"])
def test_the_menu_names_every_language_in_itself(language: str) -> None:
    from firmware.cashier.menu import rows

    world = World()

    async def story(w: World) -> None:
        await w.sees("READY")
        w.counter.panel.text.use(language)
        own = [row for row in rows(w.counter) if row.startswith("0 ")]
        assert own == ["0 زبان / Language"]

    world.play(story)


@pytest.mark.parametrize("language", ["en", "fa"])
@pytest.mark.parametrize("code", ["P32", "P33", "R01"])
def test_a_part_that_does_not_work_is_named_on_black_beside_its_code(language: str, code: str) -> None:
    from firmware.screen.faces import Faces
    from firmware.screen.lines import NOTE, compose
    from firmware.text import catalogue

    text = catalogue.load(language)
    status = screens.Status(True, 0, 0, 0, (14, 5), "", paper="" if code == "R01" else code)
    status.reader = code if code == "R01" else ""
    (page,) = compose(screens.idle(text, status), Faces(text))
    black = [[part for _x, part in band.parts] for band in page if band.role == NOTE]
    assert black == [[text.error(code)[0], code]]


def test_more_important_news_take_the_printers_row() -> None:
    from firmware.text import catalogue

    text = catalogue.load("en")
    status = screens.Status(True, 1, 90_000, 2, (14, 5), "Shop", fill=90, paper="P32")
    said = [line[1] for line in screens.idle(text, status)]
    assert not any("P32" in line for line in said)
    assert any("rejected" in line for line in said) and any("90" in line for line in said)
