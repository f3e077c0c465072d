"""The printer's driver against the model: bytes as the printer wants them, never more than it takes, never for ever."""

import io

import pytest
import qrcode
import zxingcpp
from escpos.printer import Dummy
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from drivers.escpos import EscPos
from host_tests.unit.paper_kit import Bench, bench
from tools.sim.chips import printer as model
from tools.sim.chips.paper import Code, Picture

_ZEROS = 640
_START = b"\x1b@\x1bt\x00"


def flow(made: Bench, whole: bool = True, seconds: int = 60) -> int:
    """Let the driver send what it holds; milliseconds it took."""
    began = made.clock.now_us
    while made.driver.busy(whole) and made.clock.now_us - began < seconds * 1_000_000:
        made.clock.advance(5_000)
    made.clock.advance(50_000)
    return (made.clock.now_us - began) // 1000


class Collected:
    """A UART that takes everything and hears nothing."""

    def __init__(self) -> None:
        self.sent = bytearray()

    def write(self, data: memoryview) -> int:
        self.sent += data
        return len(data)

    def any(self) -> int:
        return 0


def commands(made: Bench) -> bytes:
    """What was sent without what asks and what comes before the first command."""
    sent = bytes(made.line.sent).lstrip(b"\x00")
    return sent.replace(b"\x1dr\x01", b"").replace(b"\x10\x04\x04", b"").replace(b"\x10\x04\x02", b"")


# --- the same bytes as somebody else's driver -------------------------------------------------------------------------


def test_cut_qr_code_and_placing_are_the_bytes_of_python_escpos() -> None:
    theirs = Dummy()
    theirs.set(align="center")
    theirs.qr("VAFA:632700000101:VAFA0001:20261123", native=True, size=5, ec=1)
    theirs.set(align="left")
    theirs.cut(mode="PART", feed=True)
    content = b"VAFA:632700000101:VAFA0001:20261123"
    with bench() as made:
        made.driver.qr(content.decode())
        made.driver.cut()
        flow(made)
        ours = commands(made)
    for command in (
        b"\x1ba\x01", b"\x1d(k\x04\x001A2\x00", b"\x1d(k\x03\x001C\x05", b"\x1d(k\x03\x001E1",
        b"\x1d(k\x26\x001P0" + content, b"\x1d(k\x03\x001Q0", b"\x1ba\x00",
    ):  # fmt: skip
        assert command in theirs.output, command
        assert command in ours, command
    assert ours.endswith(b"\x1dV\x42\x00")


def test_a_picture_is_the_bytes_of_python_escpos() -> None:
    image = Image.new("1", (384, 8), 1)
    for x in range(384):
        image.putpixel((x, x % 8), 0)
    theirs = Dummy()
    theirs.image(image, impl="bitImageRaster", center=False)
    dots = bytes(byte ^ 0xFF for byte in image.tobytes())
    with bench() as made:
        made.driver.band(48, dots)
        flow(made)
        assert commands(made) == _START + theirs.output


# --- what the model prints --------------------------------------------------------------------------------------------


def test_lines_and_cut_arrive_as_printed() -> None:
    with bench() as made:
        assert made.driver.ready()
        made.driver.line("Vafa  1,250")
        made.driver.line("", 3, 1)
        made.driver.line("caf\u00e9", 1, 2)
        made.driver.cut()
        flow(made)
        assert made.printer.receipts == [["Vafa  1,250", "", "caf?"]]
        assert not made.printer.unknown and not made.printer.lost
        last = made.printer.strips[0].pieces[-1]
        assert (last.place, last.bold) == (2, True)


@pytest.mark.parametrize("paper_mm", [58, 80])
def test_the_code_on_the_paper_is_read_back_by_a_reader(paper_mm: int) -> None:
    with bench(paper_mm) as made:
        made.driver.line("before", 2, 1)
        made.driver.qr("VAFA:632700000101:VAFA0001:20261123")
        made.driver.cut()
        flow(made)
        picture = Image.open(io.BytesIO(made.printer.receipt_png(-1))).convert("L")
        assert picture.width == model.DOTS[paper_mm] + 32
        (found,) = zxingcpp.read_barcodes(picture)
        assert found.text == "VAFA:632700000101:VAFA0001:20261123"
        (code,) = [piece for piece in made.printer.strips[0].pieces if isinstance(piece, Code)]
        drawn = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, border=0)
        drawn.add_data(code.text)
        assert len(drawn.get_matrix()) * code.module < 384, "it fits the narrow paper"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([0x10, 0x04, 0x05, 0x14, 0x01, 0x02, 0xFF]), min_size=48, max_size=48))
def test_no_picture_is_taken_for_a_question(row: list[int]) -> None:
    with bench() as made:
        made.driver.band(48, bytes(row) * 2)
        made.driver.cut()
        flow(made)
        (picture,) = made.printer.strips[0].pieces
        assert isinstance(picture, Picture)
        assert len(picture.dots) == 96
        for sent, printed in zip(row * 2, picture.dots, strict=True):
            assert printed == sent or (sent, printed) == (0x10, 0x18)


# --- ready ------------------------------------------------------------------------------------------------------------


def test_without_paper_or_with_an_open_cover_it_is_not_ready_and_says_so_again_when_it_is() -> None:
    with bench() as made:
        made.printer.paper = False
        assert not made.driver.ready() and made.driver.heard
        made.printer.load_paper()
        made.printer.cover_open = True
        assert not made.driver.ready() and made.driver.heard
        made.printer.close_cover()
        assert made.driver.ready()


@pytest.mark.parametrize("answers", [model.SILENT, model.GARBAGE])
def test_a_printer_that_is_silent_or_talks_nonsense_is_not_ready_within_its_bound(answers: str) -> None:
    with bench() as made:
        made.printer.answers = answers
        before = made.clock.now_us
        assert not made.driver.ready() and not made.driver.heard
        assert made.clock.now_us - before < 70_000
        made.printer.answers = model.NORMAL
        assert made.driver.ready() and made.driver.heard


# --- the line's own speed, and the printer's --------------------------------------------------------------------------


def picture(made: Bench, bands: int) -> None:
    """So many bands, each when the driver takes it."""
    for _ in range(bands):
        made.driver.band(48, b"\x55" * 384)
        while made.driver.busy():
            made.clock.advance(5_000)
    made.driver.cut()


@pytest.mark.parametrize("baud", [9_600, 115_200])
def test_the_line_is_never_given_more_than_it_carries_in_a_moment(baud: int) -> None:
    with bench(baud=baud) as made:
        made.driver.band(48, b"\x55" * 384)
        began = made.clock.now_us
        while made.driver.busy(True):
            carried = (made.clock.now_us - began) * baud // 10_000_000
            assert len(made.line.sent) <= carried + baud // 500 + 1, "20 ms of the line ahead of it"
            made.clock.advance(1_000)


def test_a_slow_printer_is_never_sent_more_than_it_holds() -> None:
    with bench() as made:
        made.printer.pace_us = 8_000  # a row of dots: 15 mm a second, less than the line brings
        picture(made, 90)
        flow(made)
        assert made.printer.lost == 0
        assert made.printer.cuts == 1 and made.printer.images == 90


def test_a_printer_that_knows_no_gs_r_is_fed_by_the_lines_speed() -> None:
    with bench() as made:
        made.printer.answers = model.NO_MARKS
        picture(made, 12)
        took = flow(made)
        assert made.printer.cuts == 1 and made.printer.images == 12
        assert took < 3_000


def test_xoff_stops_the_line_until_xon() -> None:
    with bench() as made:
        made.printer.answers, made.printer.handshake, made.printer.pace_us = model.NO_MARKS, True, 2_000
        picture(made, 40)
        flow(made)
        assert made.printer.lost == 0 and made.printer.images == 40


# --- trouble in the middle --------------------------------------------------------------------------------------------


def ends_in(made: Bench) -> tuple[str, int]:
    """The error that ends it, and after how many milliseconds."""
    began = made.clock.now_us
    with pytest.raises(OSError) as error:
        for _ in range(100_000):
            if not made.driver.busy():
                made.driver.band(48, b"\x55" * 384)
            made.clock.advance(5_000)
    return str(error.value), (made.clock.now_us - began) // 1000


def test_the_end_of_the_roll_in_the_middle_is_an_error_in_bounded_time() -> None:
    with bench() as made:
        made.driver.line("a")
        made.printer.paper = False
        what, ms = ends_in(made)
        assert what == "no paper or cover open" and ms < 5_000 and made.driver.heard


def test_a_pulled_plug_in_the_middle_is_an_error_in_bounded_time() -> None:
    with bench() as made:
        made.driver.line("a")
        flow(made, False)
        made.printer.plugged = False
        what, ms = ends_in(made)
        assert what == "does not answer" and ms < 8_000 and not made.driver.heard


def test_a_printer_that_answers_and_takes_nothing_is_given_up() -> None:
    with bench() as made:
        made.driver.line("a")
        flow(made)
        made.printer.pace_us = 10**9
        what, ms = ends_in(made)
        assert what == "takes nothing" and ms < 25_000


def test_after_an_error_the_next_line_begins_anew_and_the_torn_paper_is_cut_off() -> None:
    with bench() as made:
        made.driver.line("torn")
        made.driver.band(48, b"\xff" * 384)
        made.printer.paper = False
        ends_in(made)
        made.printer.load_paper()
        made.driver.line("whole")
        made.driver.cut()
        flow(made)
        assert made.printer.receipts[-1] == ["whole"]
        assert made.printer.receipts[:-1] == [["torn"]]


def test_what_the_uart_does_not_take_is_held_and_bounded() -> None:
    class Deaf(Collected):
        def write(self, data: memoryview) -> int:
            return 0

    driver = EscPos(Deaf())
    with pytest.raises(OSError):
        for _ in range(1000):
            driver.line("x" * 40)


@pytest.mark.parametrize("text", ["\ud800", "وفا", "a\x10\x04b", "\n", "é\U0010ffff"])
def test_any_text_is_printed_as_ascii_in_lines_and_codes(text: str) -> None:
    with bench() as made:
        made.driver.line(text)
        made.driver.qr("A" + text)
        made.driver.cut()
        flow(made)
        strip = made.printer.strips[-1]
        assert strip.codes[0].startswith("A") and "?" in strip.codes[0] and (strip.codes[0] + strip.lines[0]).isascii()
        assert not made.printer.unknown


def test_rubbish_on_the_paper_is_drawn_too() -> None:
    with bench() as made:
        made.line.write(b"\x80\xb0\xdb\xe0\xff\n\x1dV\x00")
        made.clock.advance(50_000)
        assert made.printer.receipt_png(-1)[:4] == b"\x89PNG"
