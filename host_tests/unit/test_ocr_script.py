"""Persian is read off the pixels exactly as it was drawn, wherever it stands."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.screen.script import Script
from tools.sim import ocr, ocr_script
from tools.sim.onhost import FrameBuffer
from tools.sim.scenario_expect import plain

SCRIPT = Script()
LETTERS = "ابپتثجچحخدذرزژسشصضطظعغفقکگلمنوهیءآأؤئ"
WORDS = st.lists(st.text(LETTERS, min_size=2, max_size=7), min_size=1, max_size=2).map("\u200c".join)
NUMBERS = st.from_regex(
    r"[1-9][0-9]{0,2}(,[0-9]{3}){0,2}|[+~-][1-9][0-9]{0,4}|14[0-9]{2}/[01][0-9]/[0-3][0-9]|[0-9]{1,12}|[1-9][0-9]?%",
    fullmatch=True,
)
PARTS = st.one_of(WORDS, NUMBERS, st.sampled_from(["(علی)", "نام:", "بله؟", "«ویژه»", "کد،"]))
# Two numbers side by side may be one in groups, as telephone numbers are: no reader can tell.
TEXTS = st.lists(st.tuples(WORDS, PARTS).map(" ".join), min_size=1, max_size=2).map(" ".join)


def blank() -> tuple[bytearray, FrameBuffer]:
    buffer = bytearray(1024)
    return buffer, FrameBuffer(buffer, 128, 64, 0)


def alike(text: str) -> str:
    """Letters whose forms are the same pixels are one to a reader, too."""
    out = plain(text)
    for glyphs in ocr_script.faces(ocr_script.TABLE.read_bytes()):
        first: dict[tuple[int, ...], str] = {}
        for code, columns in glyphs.items():
            letter = ocr_script.letters(chr(code))
            out = out.replace(letter, first.setdefault(columns, letter)) if len(letter) == 1 and code > 255 else out
    return out


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.booleans(), st.booleans(), st.integers(0, 127), st.integers(0, 52))
def test_any_text_comes_back_from_any_place(text: str, big: bool, lit: bool, x: int, y: int) -> None:
    width, height = SCRIPT.width(text, big, True), 16 if big else 12
    if width > 128:
        return
    buffer, frame = blank()
    x, y = x % (129 - width), min(y, 64 - height)
    if lit:
        frame.fill_rect(0, y, 128, height, 1)
    SCRIPT.draw(frame, text, x, y, big, 0 if lit else 1, True)
    assert [alike(line) for line in ocr.screen_lines(buffer)] == [alike(text)]


def right(frame: FrameBuffer, text: str, y: int, big: bool = False, ink: int = 1) -> None:
    SCRIPT.draw(frame, text, 128 - SCRIPT.width(text, big, True), y, big, ink, True)


def test_a_persian_screen_is_read_from_top_to_bottom_and_from_the_right() -> None:
    buffer, frame = blank()
    frame.fill_rect(0, 0, 128, 12, 1)
    right(frame, "فروش", 0, ink=0)
    SCRIPT.draw(frame, "14:05", 0, 0, False, 0, True)
    right(frame, "ثبت شد", 12, big=True)
    right(frame, "+12,500 امتیاز", 28)
    right(frame, "پیگیری 000123456789", 40)
    right(frame, "VAFA0001", 52)
    assert [" ".join(line.split()) for line in ocr.screen_lines(buffer)] == [
        "فروش ۱۴:۰۵", "ثبت شد", "+۱۲٬۵۰۰ امتیاز", "پیگیری ۰۰۰۱۲۳۴۵۶۷۸۹", "VAFA0001",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["Served well?", "Room 5 is free.", "999,999.9 R",
     "OK · CLEAR · CANCEL", "شماره 0912\u00a0345\u00a06789", "پایانه VAFA0001", "عدد 12AB34E9", "کارت ****9B32",
     "خط فرمان Python", "UP DOWN: ادامه", "Tea and cake", "12/34 از 56", "0912***6789"],
)  # fmt: skip
def test_what_runs_from_left_to_right_in_a_persian_row(text: str) -> None:
    buffer, frame = blank()
    right(frame, text, 20)
    right(frame, "فروش", 40)
    assert [plain(line) for line in ocr.screen_lines(buffer)] == [plain(text), "فروش"]


def test_a_persian_name_on_an_english_screen() -> None:
    buffer, frame = blank()
    frame.fill_rect(0, 0, 128, 8, 1)
    frame.text("EARNED", 0, 0, 0)
    frame.text("+125 points", 0, 8)
    SCRIPT.draw(frame, "Thank you, سارا", 0, 52, False, 1, False)
    assert ocr.screen_lines(buffer) == ["EARNED", "+125 points", "Thank you, سارا"]


def test_every_glyph_alone_between_others_is_told_from_every_other() -> None:
    for big, glyphs in zip((False, True), ocr_script.faces(ocr_script.TABLE.read_bytes()), strict=True):
        for code in (*range(0x21, 0x7F), *range(0x6F0, 0x6FA), 0x60C, 0x61B, 0x61F, 0x66A, 0x66C, 0xAB, 0xBB):
            assert code in glyphs
            buffer, frame = blank()
            text = f"Ab{chr(code)}z"
            SCRIPT.draw(frame, text, 3, 20, big, 1, False)
            columns = [sum(buffer[page * 128 + x] << page * 8 for page in range(8)) for x in range(128)]
            assert [ocr_script.line(band, rtl=False) for band in ocr_script.bands(columns)] == [text]


@pytest.mark.parametrize("lit", [False, True])
def test_what_is_no_text_is_not_read(lit: bool) -> None:
    buffer, frame = blank()
    frame.fill_rect(0, 0, 128, 64, 1 if lit else 0)
    assert ocr.screen_lines(buffer) == []
    for x in range(0, 128, 3):
        frame.vline(x, x % 17, 11, 0 if lit else 1)
    assert ocr.screen_lines(buffer) == []
