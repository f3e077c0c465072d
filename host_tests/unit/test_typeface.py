"""The baked table: what it must hold, that it is made of what it says, and what drawing leaves in the heap."""

import pytest

from tools.bench import typeface
from tools.fonts import __main__ as fonts
from tools.fonts.glyphs import BIG, CODES, SMALL, joins
from tools.fonts.patches import pictures
from tools.fonts.table import NOTICE, faces, table

CONTENT = fonts.TABLE.read_bytes()


def test_both_sizes_have_every_glyph_within_their_rows() -> None:
    for face, glyphs in zip((SMALL, BIG), faces(CONTENT), strict=True):
        assert tuple(glyphs) == CODES
        for code, columns in glyphs.items():
            assert 0 < len(columns) <= 20, hex(code)
            assert all(column < 1 << face.height for column in columns), hex(code)
            assert any(columns) or code == 0x20, hex(code)


def test_forms_that_differ_look_different() -> None:
    letters = [code for code in CODES if code >= 0x600]
    for glyphs in faces(CONTENT):
        pictures = [(glyphs[code], joins(code)) for code in letters]
        assert len(set(pictures)) == len(pictures)


def test_only_letters_that_join_touch() -> None:
    for glyphs in faces(CONTENT):
        touching = [hex(code) for code, columns in glyphs.items() if columns[-1] and not joins(code)[1]]
        assert not touching, "an empty column at the right keeps a letter from its neighbour"


def test_what_is_packed_is_what_is_read() -> None:
    small, big = ({code: list(columns) for code, columns in face.items()} for face in faces(CONTENT))
    assert table(small, big, (SMALL.height, BIG.height)) == CONTENT


def test_the_pictures_drawn_by_hand_are_in_the_table() -> None:
    for name, glyphs in zip(("small", "big"), faces(CONTENT), strict=True):
        for code, columns in pictures(name).items():
            assert glyphs[code] == tuple(columns), f"{name} U+{code:04X}: make fonts"


def test_the_licence_goes_with_the_glyphs() -> None:
    assert NOTICE in CONTENT
    licence = fonts.TABLE.with_name("LICENSE.OFL").read_text(encoding="utf-8")
    assert "Vazirmatn Project Authors" in licence and "SIL OPEN FONT LICENSE Version 1.1" in licence


def test_the_table_is_what_the_font_gives() -> None:
    if not fonts.FONTS.is_dir():
        pytest.skip("the font is not at hand: make fonts")
    assert fonts.made(fonts.FONTS) == CONTENT


def test_drawing_names_leaves_nothing_in_the_heap() -> None:
    board, face, _, growth = typeface.measured(200)
    assert growth == 0
    assert face <= 1152 and board <= 2048, "fonts and texts together"
