"""The second typeface: cells side by side, nothing outside them, both sizes, lit and dark."""

import pytest
from framebuf import MONO_VLSB, FrameBuffer  # type: ignore[import-not-found]

from firmware.screen.script import Script

SALE = "خرید 12,450 ریال"


def drawn(text: str, *, big: bool = False, ink: int = 1, rtl: bool = True, x: int = 3, y: int = 5) -> list[str]:
    buffer = bytearray(b"\x00" if ink else b"\xff") * 1024
    Script().draw(FrameBuffer(buffer, 128, 64, MONO_VLSB), text, x, y, big, ink, rtl)
    lit = "#." if ink else ".#"
    return [
        "".join(lit[0] if buffer[(row >> 3) * 128 + at] >> (row & 7) & 1 else lit[1] for at in range(128))
        for row in range(64)
    ]


def test_ink_stays_in_the_row_and_in_the_width_that_was_measured() -> None:
    for big, height in ((False, Script.ROW_PX), (True, Script.BIG_PX)):
        width = Script().width(SALE, big, True)
        rows = drawn(SALE, big=big)
        inside = [row[3 : 3 + width] for row in rows[5 : 5 + height]]
        assert sum(row.count("#") for row in rows) == sum(row.count("#") for row in inside) > 60


def test_dark_on_lit_is_the_same_picture() -> None:
    assert drawn(SALE, ink=0) == drawn(SALE)
    assert drawn(SALE, ink=0, big=True) == drawn(SALE, big=True)


def test_drawing_leaves_what_is_there() -> None:
    buffer = bytearray(1024)
    frame = FrameBuffer(buffer, 128, 64, MONO_VLSB)
    frame.hline(0, 9, 128, 1)
    Script().draw(frame, SALE, 0, 0, False, 1, True)
    assert all(frame.pixel(x, 9) for x in range(128))


@pytest.mark.parametrize("letter", "بپتثجچحخسشصضطظعغفقکگلمنهیئ")
def test_joined_letters_touch_on_the_row_above_the_baseline(letter: str) -> None:
    for big, row in ((False, 8), (True, 10)):
        bar, ends = "\u0640", Script()
        line = drawn(bar + letter + bar, big=big, x=0, y=0)[row]
        width, whole = ends.width(bar, big, True), ends.width(bar + letter + bar, big, True)
        assert line[: width + 1] == line[whole - width - 1 : whole] == "#" * (width + 1), line


def test_what_does_not_fit_the_frame_is_cut_at_its_edge() -> None:
    rows = drawn("ب" * 200, x=-40, y=55)
    assert any("#" in row for row in rows)


def test_measuring_is_adding() -> None:
    script = Script()
    assert script.width("دا", False, True) == script.width("د", False, True) + script.width("ا", False, True)
    assert script.width("", False, True) == 0
