"""The Persian texts are written as docs/persian.md asks: the same names and fields as the English ones, Persian letters
and signs, half-spaces where they show, Latin only where it stands on a keypad or in a file, and room on the panel."""

from __future__ import annotations

import re

import pytest

from firmware.screen.faces import Faces
from firmware.screen.lines import NOTE, PANEL_WIDTH, TEXT, TITLE, WRAP, compose
from tools.texts import source

FA, EN = source.read("fa"), source.read("en")
TEXTS = {name: text for name, text in FA.items() if not source.is_code(name)}
ERRORS = {code: text.split(source.BETWEEN) for code, text in FA.items() if source.is_code(code)}

ZWNJ = "\u200c"
JOINS_BOTH = "بپتثجچحخسشصضطظعغفقکگلمنهیئ"
LETTERS = JOINS_BOTH + "آاأدذرزژوؤءإ" + "\u064b"
SIGNS = "،؛؟.:!()·+-~%/*@{}<>"
# What stands on the keypad, at the console, in a file, or is the name of a thing everybody calls so.
LATIN = {
    "OK", "CANCEL", "CLEAR", "MENU", "UP", "DOWN",
    "slot", "a", "vfu", "switch", "name", "provision", "right", "DNS", "TLS", "Python",
}  # fmt: skip
NUMBERS = ("1,234", "123", "12/30")  # what the fields of a row hold on most days
ASKED_AGAIN = ("C01", "C02", "C03", "C04", "C05")
PAPER_DOTS, PAPER_SCALE = 384, 2  # of the narrow paper; its letters are the panel's, doubled


class Persian:
    rtl = True


FACES = Faces(Persian())
FACE = FACES.of("")


def width(text: str, big: bool = False) -> int:
    return FACE.width(text, big, True)


def wordings(text: str) -> list[str]:
    return text.split("\n")


def test_there_is_a_text_for_every_english_one_in_the_same_order_under_the_same_headings() -> None:
    def outline(language: str) -> list[str]:
        lines = (source.FOLDER / f"{language}.txt").read_text(encoding="utf-8").splitlines()
        head = next(at for at, line in enumerate(lines) if not line)
        return [line if line.startswith("#") else line.partition(": ")[0] for line in lines[head:]]

    assert outline("fa") == outline("en")


@pytest.mark.parametrize("name", FA)
def test_a_text_has_the_fields_of_the_english_one(name: str) -> None:
    assert FA[name].count("{}") == EN[name].count("{}")


@pytest.mark.parametrize("name", FA)
def test_letters_and_signs_are_persian_and_the_typeface_has_them(name: str) -> None:
    text = FA[name].replace("\t", "").replace("\n", "").replace(source.BETWEEN, " ")
    strange = {letter for letter in text if letter not in LETTERS + SIGNS + ZWNJ + " 0123456789_"}
    assert not {letter for letter in strange if not (letter.isascii() and letter.isalpha())}, strange
    assert set(re.findall("[A-Za-z]+", text)) <= LATIN
    assert not re.search(r"[,;?]", text), "Persian has its own comma, semicolon and question mark"


@pytest.mark.parametrize("name", FA)
def test_half_spaces_stand_only_where_they_part_letters_that_would_join(name: str) -> None:
    text = FA[name]
    for at, letter in enumerate(text):
        if letter == ZWNJ:
            assert text[at - 1 : at] in tuple(JOINS_BOTH), "nothing to part"
            assert text[at + 1 : at + 2] in tuple(LETTERS), "a half-space at the end of a word"
    assert not re.search(r"\b(ن?می) ", text), "the verb's prefix is parted by a half-space"
    assert not re.search(r" (ها|های|ترین|تر)\b", text), "a word's ending is parted by a half-space"


@pytest.mark.parametrize("name", FA)
def test_blanks_and_ends_are_tidy(name: str) -> None:
    for piece in FA[name].split(source.BETWEEN):
        assert "  " not in piece
        assert piece == piece.rstrip()
        assert piece == piece.lstrip() or EN[name].startswith(" ")
        assert not re.search(r" [،؛؟!:.]", piece), "no blank before a sign"
        assert piece[-1:] not in tuple("،؛-.") or name == "idle_no_time"


@pytest.mark.parametrize("code", ERRORS)
def test_what_happened_fits_a_row_and_what_to_do_two(code: str) -> None:
    what, next_step = ERRORS[code]
    assert _whole(NOTE, what), f"{width(what)} px: {what}"
    rows = compose([(WRAP, next_step)], FACES)[0]
    assert len(rows) <= 2, next_step
    if code in ASKED_AGAIN:  # beside an amount and the big words that ask for the card again
        assert len(rows) == 1, next_step


@pytest.mark.parametrize("name", [name for name in TEXTS if name.startswith("big_")])
def test_big_words_are_big(name: str) -> None:
    assert width(TEXTS[name].replace("{}", "12"), True) <= PANEL_WIDTH


@pytest.mark.parametrize("name", [name for name in TEXTS if not name.startswith(("big_", "r_", "age_"))])
def test_a_text_fits_its_row_with_common_numbers(name: str) -> None:
    role = TITLE if name.startswith("title_") else TEXT
    assert any(_whole(role, _filled(wording)) for wording in wordings(TEXTS[name])), width(_filled(TEXTS[name]))


@pytest.mark.parametrize("name", [name for name in TEXTS if name.startswith("r_")])
def test_a_receipt_line_fits_narrow_paper(name: str) -> None:
    assert PAPER_SCALE * width(_filled(TEXTS[name])) <= PAPER_DOTS


def _filled(text: str) -> str:
    for number in NUMBERS[: text.count("{}")]:
        text = text.replace("{}", number, 1)
    return text


def _whole(role: int, text: str) -> bool:
    """Whether a row shows all of it."""
    parts = compose([(role, text)], FACES)[0][0].parts
    return [shown for _x, shown in parts] == text.split("\t")
