"""From letters as they are written to glyphs in the order of reading: cleaned, Persian, in the form neighbours ask for.

Takes any str. Control characters, marks and what only directs a renderer go; what no glyph is baked for becomes one
box. Arabic yeh and kaf become the Persian ones, Arabic digits too. Codes of forms are those of Unicode's presentation
blocks, where a letter's forms follow each other: isolated, final, initial, medial.
"""

from array import array

from micropython import const

MAX_LETTERS = const(256)  # of a text; a row of the panel holds some 30
BOX = const(0xFFFD)
_SPACE = const(0x20)
_NO_BREAK = const(0xA0)
_TATWEEL = const(0x640)
_LAM = const(0xFEDD)
_LAM_ALEF = const(0xFEF5)
_JEH = const(0xFB8A)
_KEHEH = const(0xFB8E)
_YEH = const(0xFBFC)
_JOINER = const(0x200D)
_NON_JOINER = const(0x200C)
# Low bytes of the isolated forms U+FExx of the letters U+0621 to U+063A and U+0641 to U+064A.
_FIRST = b"\x80\x81\x83\x85\x87\x89\x8d\x8f\x93\x95\x99\x9d\xa1\xa5\xa9\xab\xad\xaf\xb1\xb5\xb9\xbd\xc1\xc5\xc9\xcd"
_SECOND = const(b"\xd1\xd5\xd9\xdd\xe1\xe5\xe9\xed\xef\xf1")
_RIGHT_ONLY = const(b"\x81\x83\x85\x87\x8d\x93\xa9\xab\xad\xaf\xed")
_ALEFS = const(b"\x81\x83\x87\x8d")  # in the order of their ligatures with lam
# Letters beyond Arabic's: the low byte, then the isolated form. Other kinds of heh are drawn as heh.
_OTHERS = const(
    b"\x71\xfe\x8d\x7e\xfb\x56\x86\xfb\x7a\x98\xfb\x8a\xa9\xfb\x8e\xaf\xfb\x92"
    b"\xbe\xfe\xe9\xc0\xfe\xe9\xc1\xfe\xe9\xcc\xfb\xfc\xd5\xfe\xe9"
)
# U+00C0 to U+00FF without their accents, U+2010 to U+2044 as ASCII (a dot: not one of them)
_PLAIN = const(b"AAAAAAACEEEEIIIIDNOOOOO*OUUUUYPsaaaaaaaceeeeiiiidnooooo/ouuuuypy")
_SIGNS = const(b"------..''''\"\"\"\"..\xb7............ ..'\".....<>........./")
_KEPT = (0xAB, 0xB7, 0xBB, 0xD7, 0x60C, 0x61B, 0x61F, _TATWEEL, 0x66A, 0x66C, 0x2026, _NO_BREAK)


def shaped(text: str) -> "array[int]":
    """Codes of the glyphs in the order of reading. A no-break space stays one: between digits it means something."""
    # Bytes are walked, not characters: each new character would stay in the interpreter's table of names.
    letters = min(len(text), MAX_LETTERS)
    raw = text[:letters].encode("utf-8", "surrogatepass")
    out = array("H", bytes(2 * letters))
    count = at = 0
    reach = 0  # of what stands before: 0 joins nothing at its left, 1 can, 2 is drawn so already
    while at < len(raw):
        code = raw[at]
        at += 1
        if code >= 0x80:
            end = at + (1 if code < 0xE0 else 2 if code < 0xF0 else 3)
            code &= 0x3F >> end - at
            while at < end:
                code = code << 6 | raw[at] & 0x3F
                at += 1
        form = _form(code)
        if form < 0xFB50 or form == BOX:
            if code == _JOINER or form == _TATWEEL:
                if reach == 1:
                    out[count - 1] += 2
                reach = 2
            elif form or code == _NON_JOINER:
                reach = 0
            if not form or (form == BOX and count and out[count - 1] == BOX):
                continue
        else:
            kind = _kind(form)
            if reach and kind:
                before = out[count - 1] if count else 0
                if reach == 1 and _LAM <= before <= _LAM + 1 and form >= 0xFE00 and form & 0xFF in _ALEFS:
                    out[count - 1] = _LAM_ALEF + 2 * _ALEFS.find(form & 0xFF) + before - _LAM
                    reach = 0
                    continue
                if reach == 1:
                    out[count - 1] = before + 2
                form += 1
            reach = 1 if kind == 2 else 0
        out[count] = form
        count += 1
    return out[:count]


def _kind(form: int) -> int:
    """Of a letter in its isolated form: 0 joins nothing, 1 joins at its right, 2 at both sides."""
    if form < 0xFE00:
        return 1 if form == _JEH else 2
    if form == 0xFE80 or form >= _LAM_ALEF:
        return 0
    return 1 if form & 0xFF in _RIGHT_ONLY else 2


def _form(code: int) -> int:
    """The isolated form of a letter, the character itself, 0 for what is not drawn, or the box."""
    if code < 0x7F:
        return code if code >= _SPACE else _SPACE if code in (9, 10, 13) else 0
    if 0x621 <= code <= 0x63A:
        return 0xFE00 | _FIRST[code - 0x621]
    if 0x641 <= code <= 0x64A:
        return _persian(0xFE00 | _SECOND[code - 0x641])
    if 0x660 <= code <= 0x669 or 0x6F0 <= code <= 0x6F9:
        return 0x6F0 | code & 15
    if code in _KEPT:
        return code
    if code < 0x600:
        if 0xC0 <= code <= 0xFF:
            return _PLAIN[code - 0xC0]
        return 0 if code <= 0x9F or code == 0xAD or 0x300 <= code <= 0x36F else BOX
    if code < 0x700:
        if code in (0x66B, 0x6D4):
            return 0x2E
        for at in range(0, len(_OTHERS), 3):
            if _OTHERS[at] == code & 0xFF:
                return _OTHERS[at + 1] << 8 | _OTHERS[at + 2]
        # what directs, and the signs of vowels
        return 0 if code <= 0x61C or 0x64B <= code <= 0x65F or code == 0x670 or 0x6D6 <= code <= 0x6ED else BOX
    return _far(code)


def _far(code: int) -> int:
    """The same for what lies beyond the Arabic block."""
    if code <= 0x206F:
        if code < 0x2000:
            return BOX
        if 0x2010 <= code <= 0x2044 and _SIGNS[code - 0x2010] != 0x2E:
            return _SIGNS[code - 0x2010]
        if code <= 0x200A or code in (0x2028, 0x2029, 0x202F, 0x205F):
            return _SPACE
        return 0 if code <= 0x200F or 0x202A <= code <= 0x202E or code >= 0x2060 else BOX
    if code in (0x2212, 0x3000):
        return 0x2D if code == 0x2212 else _SPACE
    if 0xFB56 <= code <= 0xFEFC:
        return _of_form(code)
    return 0 if code == 0xFEFF else BOX


def _of_form(code: int) -> int:
    """A letter that came as one of its forms, in the isolated one; the ligatures of lam stay."""
    if code >= _LAM_ALEF:
        return code
    if code >= 0xFE80:
        low = code & 0xFF
        while low not in _FIRST and low not in _SECOND:
            low -= 1
        return _persian(0xFE00 | low)
    for at in range(0, len(_OTHERS), 3):
        first = _OTHERS[at + 1] << 8 | _OTHERS[at + 2]
        if first < 0xFE00 and first <= code < first + (2 if first == _JEH else 4):
            return first
    return 0 if 0xFE00 <= code <= 0xFE0F or code >= 0xFE70 else BOX


def _persian(form: int) -> int:
    """Kaf and yeh as they are written in Persian."""
    if form == 0xFED9:
        return _KEHEH
    return _YEH if form >= 0xFEEF else form
