"""What is drawn for a text: letters in their forms, in the order of drawing, with the language's digits."""

import pytest

from firmware.text.visual import visual


def drawn(text: str, rtl: bool = True) -> str:
    return "".join(map(chr, visual(text, rtl)))


@pytest.mark.parametrize(
    ("text", "glyphs"),
    [
        ("ب", "ﺏ"),
        ("ببب", "ﺐﺒﺑ"),
        ("دب", "ﺏﺩ"),
        ("سلام", "ﻡﻼﺳ"),
        ("لا", "ﻻ"),
        ("بلأ", "ﻸﺑ"),
        ("می‌روم", "ﻡﻭﺭﯽﻣ"),
        ("كي", "ﯽﮐ"),
        ("پژگچ", "ﭻﮔﮋﭘ"),
        ("مسئول ماء", "ﺀﺎﻣ ﻝﻮﺌﺴﻣ"),
    ],
)
def test_letters_take_the_form_their_neighbours_ask_for(text: str, glyphs: str) -> None:
    assert drawn(text) == glyphs


@pytest.mark.parametrize(
    ("text", "glyphs"),
    [
        ("12450", "۱۲۴۵۰"),
        ("مانده 12,450 ریال", "ﻝﺎﯾﺭ ۱۲٬۴۵۰ ﻩﺪﻧﺎﻣ"),
        ("+125 ت", "ﺕ +۱۲۵"),
        ("ت +125", "+۱۲۵ ﺕ"),
        ("ت ~1,250", "~۱٬۲۵۰ ﺕ"),
        ("ت -500", "-۵۰۰ ﺕ"),
        ("5% ت", "ﺕ ٪۵"),
        ("ت 1405/01/02 14:05", "۱۴:۰۵ ۱۴۰۵/۰۱/۰۲ ﺕ"),
        ("ت 99,999.9", "۹۹٬۹۹۹٫۹ ﺕ"),
        ("ت 12.", ".۱۲ ﺕ"),
        ("ت 1.2.3", "۱.۲.۳ ﺕ"),
        ("ت V1.2", "V1.2 ﺕ"),
        ("ت 2026-11-22", "۲۰۲۶-۱۱-۲۲ ﺕ"),
        ("ت 0912***6789", "۰۹۱۲***۶۷۸۹ ﺕ"),
        ("ت ***6789", "***۶۷۸۹ ﺕ"),
        ("ت ****9B32", "****9B32 ﺕ"),
        ("ت****9B32", "****9B32ﺕ"),
        ("ت ****5580", "****5580 ﺕ"),
        ("ت ******5580", "******۵۵۸۰ ﺕ"),
        ("ت 0912\xa0345", "۰۹۱۲ ۳۴۵ ﺕ"),
        ("ت 12 345", "۳۴۵ ۱۲ ﺕ"),
        ("ت VAFA0001", "VAFA0001 ﺕ"),
        ("ت P51 ب", "ﺏ P51 ﺕ"),
        ("ت 7-A5 12", "7-A5 ۱۲ ﺕ"),
        ("ت٤٥٦", "۴۵۶ﺕ"),
        ("کد-5", "۵-ﺪﮐ"),
    ],
)
def test_numbers_run_left_to_right_and_take_persian_digits(text: str, glyphs: str) -> None:
    assert drawn(text) == glyphs


@pytest.mark.parametrize(
    ("text", "glyphs"),
    [
        ("(ت)", "(ﺕ)"),
        ("ت (OK) ب", "ﺏ (OK) ﺕ"),
        ("OK (CANCEL) ب", "ﺏ OK (CANCEL)"),
        ("«ت» [12]", "[۱۲] «ﺕ»"),
    ],
)
def test_brackets_open_towards_what_they_hold(text: str, glyphs: str) -> None:
    assert drawn(text) == glyphs


@pytest.mark.parametrize(
    ("text", "glyphs"),
    [
        ("Served well?", "Served well?"),
        ("Welcome back!! ", " Welcome back!!"),
        ("Room 5.", "Room 5."),
        ("Served well? ت", "ﺕ ?Served well"),
        ("12!", "!۱۲"),
        ("OK:", ":OK"),
    ],
)
def test_a_sentence_in_latin_letters_alone_ends_with_its_own_sign(text: str, glyphs: str) -> None:
    assert drawn(text).replace("۵", "5") == glyphs


def test_a_persian_name_stands_in_an_english_row() -> None:
    assert drawn("Thank you, علی", rtl=False) == "Thank you, ﯽﻠﻋ"
    assert drawn("Points: 12,450 5%", rtl=False) == "Points: 12,450 5%"


@pytest.mark.parametrize(
    ("text", "glyphs"),
    [
        ("علی😀😀 ب", "ﺏ �ﯽﻠﻋ"),
        ("عَلِيّ", "ﯽﻠﻋ"),
        ("Иван", "�"),
        ("José", "Jose"),
        ("a\x00b\x1b\u202ec\n", " abc"),
        ("\ud800", "�"),
        ("", ""),
    ],
)
def test_what_has_no_glyph_is_left_out_or_one_box(text: str, glyphs: str) -> None:
    assert drawn(text) == glyphs
