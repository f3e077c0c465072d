import random
import struct
import zlib

import pytest

from tools.sim import ocr
from tools.sim.onhost import FrameBuffer


def blank():
    buffer = bytearray(1024)
    return buffer, FrameBuffer(buffer, 128, 64, 0)


def double(fb, text, x, y, colour=1):
    small = bytearray(8 * len(text))
    source = FrameBuffer(small, 8 * len(text), 8, 0)
    source.text(text, 0, 0, 1)
    for row in range(8):
        for column in range(8 * len(text)):
            if source.pixel(column, row):
                fb.fill_rect(x + 2 * column, y + 2 * row, 2, 2, colour)


def test_plain_lines_are_read_from_top_to_bottom():
    buffer, fb = blank()
    fb.text("Amount", 0, 0)
    fb.text("1,250,000 rial", 3, 13)
    fb.text("OK=go  F1=back", 8, 55)
    assert ocr.screen_lines(buffer) == ["Amount", "1,250,000 rial", "OK=go  F1=back"]


def test_left_and_right_text_of_one_line_are_one_line():
    buffer, fb = blank()
    fb.text("Vafa", 0, 0)
    fb.text("12:34", 88, 0)
    assert ocr.screen_lines(buffer) == ["Vafa       12:34"]


def test_inverse_bars_and_frames_do_not_hide_text():
    buffer, fb = blank()
    fb.fill_rect(0, 0, 128, 10, 1)
    fb.text("MENU", 5, 1, 0)
    fb.rect(0, 12, 128, 52, 1)
    fb.text("Last receipt", 6, 20)
    fb.hline(4, 40, 120, 1)
    fb.fill_rect(4, 44, 120, 12, 1)
    fb.text("Settings", 6, 46, 0)
    assert ocr.screen_lines(buffer) == ["MENU", "Last receipt", "Settings"]


def test_double_size_text_normal_and_inverse():
    buffer, fb = blank()
    double(fb, "1,250", 11, 3)
    fb.fill_rect(0, 24, 128, 20, 1)
    double(fb, "+40 pts", 6, 26, 0)
    fb.text("points", 40, 50)
    assert ocr.screen_lines(buffer) == ["1,250", "+40 pts", "points"]


def test_every_character_is_told_from_every_other():
    printable = "".join(chr(c) for c in range(33, 127))
    for start in range(0, len(printable), 14):
        buffer, fb = blank()
        text = "A" + printable[start : start + 14]
        fb.text(text, 1, 29)
        assert ocr.screen_lines(buffer) == [text]


def test_text_is_found_at_any_offset():
    chance = random.Random(4)
    for _ in range(12):
        buffer, fb = blank()
        words = ["Card read", "Ali 2,315", "Thank you"]
        y = chance.randrange(4)
        for word in words:
            fb.text(word, chance.randrange(40), y)
            y += 8 + chance.randrange(1, 12)
        assert ocr.screen_lines(buffer) == words


def test_an_empty_or_drawn_screen_has_no_text():
    buffer, fb = blank()
    assert ocr.screen_lines(buffer) == []
    fb.rect(0, 0, 128, 64, 1)
    fb.hline(10, 20, 100, 1)
    fb.fill_rect(10, 30, 50, 9, 1)
    assert ocr.screen_lines(buffer) == []


def test_a_buffer_of_the_wrong_size_is_refused():
    with pytest.raises(ValueError):
        ocr.screen_lines(bytes(1000))


def test_the_png_has_the_screen_in_it(tmp_path):
    buffer, fb = blank()
    fb.pixel(0, 0, 1)
    fb.pixel(127, 63, 1)
    ocr.to_png(buffer, tmp_path / "s.png", 3)
    data = (tmp_path / "s.png").read_bytes()
    assert struct.unpack(">II", data[16:24]) == (384, 192)
    length = struct.unpack(">I", data[33:37])[0]
    rows = zlib.decompress(data[41 : 41 + length])
    assert rows[:3] == b"\x00\xe0\x00" and rows[-1] == 0b111 and sum(b.bit_count() for b in rows) == 18
