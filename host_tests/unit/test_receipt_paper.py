"""From lines to paper: Persian as pictures, Latin as text, and nothing lost whenever paper, plug or power go."""

import asyncio
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from drivers.escpos import EscPos
from firmware.receipt.lines import BIG, HEADING, PAIR, PLAIN, QR, RULE, STRONG
from firmware.receipt.raster import Raster
from firmware.receipt.spool import Spool
from host_tests.unit.paper_kit import Bench, Letters, bench
from tools.sim.chips import printer as model
from tools.sim.chips.paper import Picture, Text

ENGLISH = [(BIG, "Corner Shop"), (PAIR, "Terminal: T0000001"), (RULE, ""), (STRONG, "Points: +125"), (QR, "VAFA:1:T:2")]
PERSIAN = [
    (BIG, "فروشگاه نمونه"),
    (PAIR, "شماره پایانه: VAFA0001"),
    (RULE, ""),
    (STRONG, "امتیاز: +125"),
    (PLAIN, "Bring a friend"),
    (HEADING, "از خرید شما سپاسگزاریم"),
    (QR, "VAFA:1:T:2"),
]


def kinds(made: Bench, index: int = -1) -> str:
    """What a receipt is made of: t text, p picture, q code."""
    return "".join(type(piece).__name__[0].lower() for piece in made.printer.strips[index].pieces)


def dots(made: Bench, index: int = -1) -> Image.Image:
    return Image.open(io.BytesIO(made.printer.receipt_png(index))).convert("L")


# --- what goes as what ------------------------------------------------------------------------------------------------


def test_english_is_text_and_its_words_are_as_they_were() -> None:
    with bench() as made:
        assert made.spool.hand(ENGLISH, ("CUSTOMER COPY",))
        made.run()
        assert made.printer.receipts == [
            ["Corner Shop", "Terminal: T0000001", "-" * 32, "Points: +125", "CUSTOMER COPY"]
        ]
        assert kinds(made) == "ttttct" and made.printer.strips[0].codes == ["VAFA:1:T:2"]
        assert not made.printer.unknown and not made.printer.images


@pytest.mark.parametrize("paper_mm", [58, 80])
def test_persian_is_pictures_latin_words_and_rules_are_text(paper_mm: int) -> None:
    with bench(paper_mm) as made:
        assert made.spool.hand(PERSIAN, ("نسخه مشتری",), True)
        made.run()
        assert made.printer.receipts == [["-" * made.form.columns, "Bring a friend"]]
        assert kinds(made) == "ptptpcp"
        widths = {piece.width for piece in made.printer.strips[0].pieces if isinstance(piece, Picture)}
        assert widths == {model.DOTS[paper_mm] // 8}
        latin = next(piece for piece in made.printer.strips[0].pieces if isinstance(piece, Text) and "B" in piece.text)
        assert latin.place == 2


def test_an_english_receipt_with_a_persian_name_draws_the_name_alone() -> None:
    with bench() as made:
        assert made.spool.hand([(BIG, "فروشگاه"), *ENGLISH[1:]])
        made.run()
        assert kinds(made) == "ptttc"


def test_a_label_begins_at_the_right_and_its_value_ends_at_the_left() -> None:
    raster = Raster(Letters(), 384)
    rows = b"".join(bytes(band) for band in raster.pair("مانده پیشین:", "125", False, True))
    image = Image.frombytes("1", (384, 24), rows)
    left, _top, right, _bottom = image.getbbox() or (384, 0, 0, 0)
    assert left < 6 and right > 378
    assert image.crop((60, 0, 240, 24)).getbbox() is None, "three digits end at the left"
    assert image.crop((260, 0, 324, 24)).getbbox() is not None, "two words begin at the right"


def test_a_pair_too_wide_for_its_row_takes_two_and_a_long_text_is_broken_at_spaces() -> None:
    raster = Raster(Letters(), 384)
    label, value = "شماره پذیرنده در این فروشگاه بزرگ:", "DEMO-SHOP-00001-DEMO"
    assert len(list(raster.pair("مانده:", "125", False, True))) == 3
    assert len(list(raster.pair(label, value, False, True))) == 6
    words = "این یک خط بلند است که باید در دو سطر بشکند تا خوانده شود"
    assert len(list(raster.text(words, False, 0, True))) == 6
    assert len(list(raster.text("ا" * 200, False, 0, True))) >= 6
    assert list(raster.text("", False, 0, True)) == []


# --- doubling ---------------------------------------------------------------------------------------------------------


def scale2x(pixels: list[list[int]]) -> list[list[int]]:
    """The rule as AdvanceMAME states it."""
    high, wide = len(pixels), len(pixels[0])

    def at(x: int, y: int) -> int:
        return pixels[y][x] if 0 <= x < wide and 0 <= y < high else 0

    out = [[0] * (2 * wide) for _ in range(2 * high)]
    for y in range(high):
        for x in range(wide):
            e, b, d, f, h = at(x, y), at(x, y - 1), at(x - 1, y), at(x + 1, y), at(x, y + 1)
            four = [e, e, e, e]
            if b != h and d != f:
                four = [d if d == b else e, f if b == f else e, d if d == h else e, f if h == f else e]
            out[2 * y][2 * x : 2 * x + 2] = four[:2]
            out[2 * y + 1][2 * x : 2 * x + 2] = four[2:]
    return out


class Pattern:
    """A typeface that draws given pixels."""

    ROW_PX, BIG_PX, MARGIN_PX = 12, 16, 0

    def __init__(self, rows: list[int]) -> None:
        self._rows = rows

    def width(self, text: str, big: bool, rtl: bool) -> int:
        return 192

    def draw(self, frame, text, x, y, big, ink, rtl) -> None:
        for row, bits in enumerate(self._rows):
            for column in range(192):
                frame.pixel(x + column, y + row, bits >> column & 1)


class One:
    """Letters of one kind."""

    rtl = False

    def __init__(self, face: Pattern) -> None:
        self._face = face

    def of(self, text: str) -> Pattern:
        return self._face


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 2**192 - 1), min_size=12, max_size=12))
def test_letters_are_doubled_by_scale2x(rows: list[int]) -> None:
    raster = Raster(One(Pattern(rows)), 384)
    image = Image.frombytes("1", (384, 24), b"".join(bytes(band) for band in raster.text("x", False, 0, False)))
    pixels = [[bits >> column & 1 for column in range(192)] for bits in rows]
    assert [[1 if image.getpixel((x, y)) else 0 for x in range(384)] for y in range(24)] == scale2x(pixels)


# --- copies -----------------------------------------------------------------------------------------------------------


def test_both_copies_are_whole_receipts_each_with_its_mark() -> None:
    with bench(copies=2) as made:
        assert made.spool.hand(ENGLISH, ("CUSTOMER COPY", "MERCHANT COPY"))
        made.run()
        first, second = made.printer.receipts
        assert first[:-1] == second[:-1]
        assert (first[-1], second[-1]) == ("CUSTOMER COPY", "MERCHANT COPY")


# --- time -------------------------------------------------------------------------------------------------------------


def test_handing_over_returns_at_once_and_each_turn_is_short() -> None:
    """At the slowest line a receipt takes half a minute, and nobody waits for it."""
    with bench(baud=9_600) as made:
        began = made.clock.now_us
        assert made.spool.hand(PERSIAN, ("",), True)
        assert made.clock.now_us - began < 200_000  # what `ready` asks
        longest = 0
        while made.spool._work is not None:
            began = made.clock.now_us
            made.spool._advance()
            longest = max(longest, made.clock.now_us - began)
            made.clock.advance(10_000)
        assert longest < 5_000
        made.clock.advance(1_000_000)
        assert len(made.printer.receipts) == 1 and not made.printer.lost


def test_jobs_wait_in_turn_and_one_too_many_is_refused_with_a_word() -> None:
    with bench() as made:
        made.printer.pace_us = 5_000
        taken = [made.spool.hand([(PLAIN, f"receipt {n}"), *PERSIAN], ("",), True) for n in range(4)]
        assert taken == [True, True, True, False] and made.spool.code == "P34"
        made.run(120)
        assert [receipt[0] for receipt in made.printer.receipts] == ["receipt 0", "receipt 1", "receipt 2"]


def test_whoever_waits_hears_how_it_ended() -> None:
    with bench() as made:
        beats = []

        async def story() -> bool:
            made.spool.hand(ENGLISH)
            waiting = asyncio.create_task(made.spool.printed(lambda: beats.append(1)))
            while not waiting.done():
                made.clock.advance(10_000)
                await asyncio.sleep(0.001)
            return waiting.result()

        assert asyncio.run(story())
        made.printer.paper = False
        assert not made.spool.hand(ENGLISH)
        assert asyncio.run(made.spool.printed(lambda: None)) is False
        assert beats


def test_without_a_printer_nothing_is_missing() -> None:
    with bench() as made:
        spool = Spool(None, made.log, made.form)
        assert not spool.fitted and spool.hand(ENGLISH) and spool.code == ""
        assert asyncio.run(spool.printed(lambda: None))


# --- nothing is lost --------------------------------------------------------------------------------------------------


def whole(made: Bench) -> list[tuple[bytes, int]]:
    """Every picture of the newest receipt."""
    return [(piece.dots, piece.width) for piece in made.printer.strips[-1].pieces if isinstance(piece, Picture)]


def reference() -> tuple[list[tuple[bytes, int]], int]:
    """An undisturbed receipt, and the bytes it takes."""
    with bench() as made:
        made.spool.hand(PERSIAN, ("",), True)
        made.run()
        return whole(made), len(made.line.sent)


WHOLE, BYTES = reference()
PLACES = sorted({*range(760), *range(760, BYTES, 37), *range(BYTES - 40, BYTES)})


def paper_out(made: Bench) -> None:
    made.printer.paper = False


def unplugged(made: Bench) -> None:
    made.printer.plugged = False


def switched_off(made: Bench) -> None:
    made.printer.plugged = False
    made.printer.switch_on()


def cover(made: Bench) -> None:
    made.printer.cover_open = True


def terminal_cut(made: Bench) -> None:
    """The terminal's own power: what was on the line is lost, driver and spool know nothing any more."""
    made.restart()


@pytest.mark.parametrize("trouble", [paper_out, unplugged, switched_off, cover, terminal_cut])
def test_trouble_at_any_byte_is_told_once_and_the_reprint_is_whole(trouble) -> None:
    for at in PLACES[:: 11 if trouble is not terminal_cut else 7]:
        with bench() as made:
            made.line.cut_after = at

            def go(made: Bench = made) -> None:
                trouble(made)

            made.line.on_cut = go
            spool = made.spool
            spool.hand(PERSIAN, ("",), True)
            if trouble is terminal_cut and at < 9:
                continue
            while spool is made.spool and spool._work is not None:
                made.clock.advance(10_000)
                spool._advance()
            if trouble is not terminal_cut:
                assert made.faults() in ([], ["P32"], ["P33"]), at
                assert spool.code or len(made.printer.receipts) >= 1, at
            made.printer.plugged = True
            made.printer.close_cover()
            made.printer.load_paper()
            made.clock.advance(1_000_000)
            for _ in range(3):  # a question may still be open
                if made.spool.hand(PERSIAN, ("",), True):
                    break
                made.clock.advance(100_000)
            made.run()
            if trouble is terminal_cut:  # what was printed before it still hangs on the same paper
                assert whole(made)[-2:] == WHOLE[-2:] and whole(made)[-3][0].endswith(WHOLE[-3][0]), at
            else:
                assert whole(made) == WHOLE, f"{trouble.__name__} after byte {at}"
            assert not made.printer.lost, at


@pytest.mark.parametrize(("baud", "off_ms"), [(9_600, 2_000), (9_600, 3_000), (115_200, 1_000), (115_200, 2_000)])
def test_a_printer_whose_power_was_away_is_not_said_to_be_out_of_paper_while_its_roll_is_full(
    baud: int, off_ms: int
) -> None:
    codes = set()
    for begun in (200, 400, 1_000, 2_000):
        with bench(58, baud, 1) as made:
            made.printer.pace_us = 2_000
            made.spool.hand(PERSIAN, ("",), True)
            for ms in range(0, begun + off_ms, 10):
                if ms == begun:
                    made.printer.plugged = False
                made.clock.advance(10_000)
                made.spool._advance()
            made.printer.plugged = True
            made.printer.switch_on()
            assert made.run() < 30_000
            codes.add(made.spool.code)
    assert codes <= {"", "P33"} and "P33" in codes


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=60), st.integers(0, BYTES))
def test_a_printer_that_answers_anything_at_all_stops_nothing(noise: bytes, at: int) -> None:
    with bench() as made:
        made.line.cut_after = at
        made.line.on_cut = lambda: made.board._printer_says(noise)
        made.spool.hand(PERSIAN, ("",), True)
        took = made.run(120)
        assert made.spool._work is None and took < 60_000
        made.clock.advance(1_000_000)
        if not made.spool.hand(ENGLISH):
            made.clock.advance(1_000_000)
            assert made.spool.hand(ENGLISH)
        made.run()
        assert made.printer.receipts[-1][0] == "Corner Shop"


def test_a_driver_that_never_was_started_gives_no_garbage_after_a_cut_in_a_picture() -> None:
    with bench() as made:
        made.line.write(b"\x1dv0\x00\x48\x00\x08\x00" + b"\xff" * 100)
        made.driver = EscPos(made.line)
        made.driver.line("clean")
        made.driver.cut()
        while made.driver.busy(True):
            made.clock.advance(5_000)
        assert made.printer.receipts[-1] == ["clean"]
