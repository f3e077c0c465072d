"""Two lines in one row: in shorter wordings where they must be, never so that a value loses what it is."""

from __future__ import annotations

from firmware.screen.faces import Faces
from firmware.screen.lines import ASIDE, BIG, HINT, NOTE, TEXT, TITLE, compose, fitting, pair
from firmware.text import catalogue

PERSIAN = Faces(catalogue.load("fa"))
TOP, END = (BIG, "ذخیره شد"), (HINT, "OK: ادامه")
WIDE = (TEXT, "سطری که همه پهنا را می‌گیرد")
RRN = fitting(["ارجاع 633511000777", "633511000777"])


def said(*lines: tuple[int, str]) -> list[list[str]]:
    """What each row of the only page says, from its beginning to its end."""
    (page,) = compose([TOP, *lines, END], PERSIAN)
    return [[text for _x, text in sorted(band.parts, reverse=True)] for band in page[1:-1]]


def folds(*lines: tuple[int, str]) -> int:
    return len(compose([TOP, *lines, END], PERSIAN))


def test_shorter_wordings_share_a_row_before_there_is_a_second_page() -> None:
    balance = pair("مانده", fitting(["حدود 12,450", "~12,450", "~12450"]))
    age = fitting(["برآورد 12 دقیقه پیش", "12 دقیقه پیش"])
    assert said(WIDE, (NOTE, "در انتظار"), (TEXT, balance), (TEXT, age))[2] == ["مانده ~12,450", "12 دقیقه پیش"]


def test_no_wording_is_shorter_than_it_must_be() -> None:
    assert said(WIDE, WIDE, (TEXT, fitting(["+125 امتیاز", "+125"])), (TEXT, RRN))[2] == ["+125 امتیاز", "633511000777"]


def test_a_row_of_two_values_is_shared_with_nobody() -> None:
    clerk = fitting(["12 صندوقدار\t1 کارت", "12 صندوقدار"])
    assert folds(WIDE, WIDE, (TEXT, clerk), (TEXT, "قفل")) == 2


def test_no_value_is_shown_without_its_label_to_make_room() -> None:
    assert folds(WIDE, WIDE, (TEXT, pair("یک برچسب نسبتاً بلند", "12,450")), (TEXT, RRN)) == 2


def test_what_stands_aside_goes_up_to_a_title_or_an_inverse_row_only_when_it_must() -> None:
    aside = (ASIDE, "500,000 ریال")
    (page,) = compose([(TITLE, "بن"), aside, TOP, WIDE, END], PERSIAN)
    assert [len(band.parts) for band in page[:2]] == [1, 1]
    (page,) = compose([(TITLE, "بن"), aside, TOP, WIDE, WIDE, END], PERSIAN)
    assert [text for _x, text in page[0].parts] == ["بن", "500,000 ریال"] and page[0].inverse
    assert said((NOTE, "مسدود"), aside, WIDE, WIDE)[0] == ["مسدود", "500,000 ریال"]


def test_no_number_loses_its_separators_to_share_a_row() -> None:
    amount = fitting(["1,234,567 ریال", "1234567 ریال", "1234567"])
    for letters in range(4, 40):
        shared = compose([TOP, WIDE, WIDE, (TEXT, "م" * letters), (TEXT, amount), END], PERSIAN)
        said_all = " ".join(text for page in shared for band in page for _x, text in band.parts)
        assert "1,234,567" in said_all, f"beside {letters} letters: {said_all}"
