"""What does not fit: gaps close, what can be spared goes, neighbours share a row, then there are pages that turn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.core.log import Log
from firmware.screen import canvas as canvas_module
from firmware.screen.canvas import Canvas
from firmware.screen.faces import Faces
from firmware.screen.lines import BIG, GAP, HINT, NOTE, SPARE, TEXT, TITLE, WITH, WRAP, compose, ends, fitting, pair
from firmware.text import catalogue
from host_tests.screens.test_screen_canvas import Panel
from host_tests.unit.screen_kit import FACES, pages_of
from tools.sim.ocr import screen_lines

PERSIAN = Faces(catalogue.load("fa"))
HEAD = [(TITLE, "عنوان"), (BIG, "ثبت شد")]
FOOT = [(HINT, "OK: ادامه")]


def rows(*texts: str) -> list[tuple[int, str]]:
    return [(TEXT, text) for text in texts]


def heights(page: list) -> list[tuple[int, int]]:
    return [(band.y, band.height) for band in page]


def test_gaps_share_what_is_free_and_close_when_nothing_is() -> None:
    (page,) = compose([(TITLE, "a"), (GAP, ""), (TEXT, "b"), (GAP, ""), (TEXT, "c"), (HINT, "d")], FACES)
    assert heights(page) == [(0, 8), (16, 8), (32, 8), (56, 8)]
    (page,) = compose([*HEAD, (GAP, ""), *rows("ب " * 30, "پ " * 30), *FOOT], PERSIAN)
    assert heights(page) == [(0, 12), (12, 16), (28, 12), (40, 12), (52, 12)]


def test_what_can_be_spared_is_shown_where_there_is_room_and_gone_where_there_is_none() -> None:
    spare, long = (SPARE, "اگر جا باشد"), ["سطری که همه پهنا را", "سطر بلند دیگری از همان"]
    (roomy,) = pages_of([*HEAD, spare, *rows(long[0]), *FOOT], PERSIAN)
    assert spare[1] in roomy
    (tight,) = pages_of([*HEAD, spare, *rows(*long), *FOOT], PERSIAN)
    assert spare[1] not in tight and set(long) <= set(tight)


def test_short_neighbours_share_a_row_before_there_is_a_second_page() -> None:
    (page,) = compose([*HEAD, *rows("+125 امتیاز", "قطعی", "مرجع 633511001001"), *FOOT], PERSIAN)
    beside = page[2].parts
    assert [text for _x, text in beside] == ["+125 امتیاز", "قطعی"]
    assert beside[0][0] > 64 > beside[1][0], "a row begins at the right"


def test_no_more_rows_are_shared_than_must() -> None:
    (page,) = compose([HEAD[1], *rows("یک", "دو", "سه", "چهار"), *FOOT], PERSIAN)
    assert [len(band.parts) for band in page[1:-1]] == [2, 1, 1]


def test_a_paragraph_and_an_inverse_row_share_with_nobody() -> None:
    pages = pages_of([*HEAD, (NOTE, "الف"), (NOTE, "ب"), (WRAP, "پ"), *FOOT], PERSIAN)
    assert [page[2:-1] for page in pages] == [["الف"], ["ب", "پ"]]


def test_each_page_has_title_big_line_and_hint_and_no_row_is_lost() -> None:
    many = [f"سطر شماره {n} که دراز است" for n in range(7)]
    pages = pages_of([*HEAD, *rows(*many), *FOOT], PERSIAN)
    assert len(pages) == 4
    for page in pages:
        assert page[:2] == ["عنوان", "ثبت شد"] and page[-1] == "OK: ادامه"
    assert [row for page in pages for row in page[2:-1]] == many


def test_an_inverse_row_goes_with_what_follows_it() -> None:
    long = "سطری که همه پهنا را"
    pages = pages_of([*HEAD, *rows(long), (NOTE, "برای فروشنده"), *rows(long + "د"), *FOOT], PERSIAN)
    assert [page[2:-1] for page in pages] == [[long], ["برای فروشنده", long + "د"]]


def test_a_persian_name_in_english_is_drawn_and_takes_the_room_it_needs() -> None:
    (page,) = compose([(TITLE, ends("علی", "14:05")), (TEXT, "x"), (HINT, "y")], FACES)
    assert heights(page) == [(0, 12), (12, 8), (56, 8)]


LINE = st.tuples(
    st.sampled_from([TITLE, BIG, TEXT, NOTE, HINT, GAP, WRAP, SPARE]),
    st.one_of(
        st.text(max_size=300),
        st.builds(pair, st.text(max_size=20), st.text("9,", max_size=20)),
        st.builds(ends, st.text("ابپ ", max_size=60), st.text(max_size=8)),
        st.lists(st.text("abc ", max_size=30), min_size=1, max_size=3).map(fitting),
    ),
)


@pytest.mark.parametrize("faces", [FACES, PERSIAN], ids=["English", "Persian"])
@given(lines=st.lists(LINE, max_size=12))
def test_any_lines_at_all_stay_on_the_panel_and_apart(faces: Faces, lines: list[tuple[int, str]]) -> None:
    for page in compose(lines, faces):
        end = 0
        for band in page:
            assert band.y >= end
            end = band.y + band.height
            assert end <= 64
            right = 0
            for x, text in sorted(band.parts):
                assert x >= right
                right = x + band.face.width(text, band.big, faces.rtl)
            assert right <= 128


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    now = [0]
    monkeypatch.setattr(canvas_module, "ticks_ms", lambda: now[0])
    return now


def test_pages_turn_by_themselves_when_they_were_read_and_at_once_when_asked(clock: list[int]) -> None:
    panel = Panel()
    canvas = Canvas(panel, Log(8), catalogue.load("fa"))
    lines = [*HEAD, *rows(*[f"سطر شماره {n} که دراز است" for n in range(5)]), *FOOT]
    canvas.draw(lines)
    first = bytes(panel.buffer)
    clock[0] = 2499
    canvas.draw(lines)
    assert bytes(panel.buffer) == first and panel.shown == 1
    clock[0] = 2500
    canvas.draw(lines)
    second = bytes(panel.buffer)
    assert second != first
    canvas.turn(1)
    canvas.turn(1)
    assert bytes(panel.buffer) == first
    canvas.turn(-2)
    assert bytes(panel.buffer) == second
    canvas.draw(lines[:-1])
    canvas.draw(lines)
    assert bytes(panel.buffer) == first, "other lines begin on their first page"


def test_a_language_that_changes_is_drawn_anew() -> None:
    class Language:
        rtl = False

    panel, language = Panel(), Language()
    canvas = Canvas(panel, Log(8), language)
    canvas.draw([(TEXT, "VAFA0001")])
    left = bytes(panel.buffer)
    language.rtl = True
    canvas.draw([(TEXT, "VAFA0001")])
    assert bytes(panel.buffer) != left


def test_a_row_that_belongs_to_the_one_above_is_on_its_page() -> None:
    rows_of_two = [(role, f"سطر شماره {n} که دراز است") for n in range(3) for role in (TEXT, WITH)]
    pages = pages_of([(TITLE, "عنوان"), *rows_of_two, *FOOT], PERSIAN)
    assert [len(page) - 2 for page in pages] == [2, 2, 2]


def test_two_inverse_rows_do_not_melt_into_one_block() -> None:
    for faces, words in ((PERSIAN, ("عنوان", "صف پر است")), (FACES, ("TRAINING", "EARNED"))):
        for more in (1, 8):
            panel = Panel()
            canvas = Canvas(panel, Log(8), catalogue.load("fa" if faces is PERSIAN else "en"))
            canvas.draw([(TITLE, words[0]), (NOTE, words[1]), *rows(*["x"] * more), (HINT, "y")])
            height = faces.of("").ROW_PX
            edges = [panel.buffer[y // 8 * 128] >> y % 8 & 1 for y in range(2 * height)]
            assert edges.count(0) == 1
            assert [line.strip() for line in screen_lines(bytes(panel.buffer))][:2] == list(words)


def test_a_text_without_end_is_measured_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = []
    face = PERSIAN.of("")
    width = face.width

    def counted(text: str, big: bool, rtl: bool) -> int:
        measured.append(len(text))
        return width(text, big, rtl)

    monkeypatch.setattr(face, "width", counted)
    compose([(TITLE, "م" * 400), (TEXT, "ن" * 400), (WRAP, "و" * 400), *FOOT], PERSIAN)
    assert len(measured) < 120 and max(measured) <= 64
