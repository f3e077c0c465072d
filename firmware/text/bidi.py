"""From the order of reading to the order of drawing, for one row: the Unicode bidirectional algorithm, as far as a row
without embeddings needs it (UAX 9: W7, N0 to N2, L1, L2, L4), with rules of its own for numbers.

A number and what is written into it (dates, times, masks, references) is one piece that runs left to right, with its
sign at its left; docs/typography.md lists where that differs from UAX 9. In Persian, digits become Persian ones here.
Works in place on what firmware.text.shaping gives.
"""

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from array import array

_LEFT = const(0)  # runs left to right
_RIGHT = const(1)
_NUMBER = const(2)
_OTHER = const(3)
_PERCENT = const(0x25)
_STAR = const(0x2A)
_CARD = const(8)  # four stars, four digits
_INSIDE = const(b"-/.:@,*#_+")  # between letters and digits they belong to the piece
_ENDS = const(b".!?")
_BEFORE = const(b"+-~*#")  # right before a piece too
_PAIRS = const(b"()[]{}\xab\xbb<>")  # an opening bracket has an even place
_PAIRED = const(8)  # these go in pairs, the others only turn


def order(codes: "array[int]", rtl: bool) -> None:
    """Put glyphs into the order of drawing, from left to right."""
    count = len(codes)
    kinds = bytearray(count)
    for at in range(count):
        kinds[at] = _kind(codes[at])
    _pieces(codes, kinds, rtl)
    base = _RIGHT if rtl else _LEFT
    if rtl:
        _ending(codes, kinds)
    _numbers_after_letters(kinds, base)
    _brackets(codes, kinds, base)
    _neutral(kinds, base)
    if rtl:  # kinds become levels
        for at in range(count):
            if kinds[at] == _LEFT:
                kinds[at] = 2
    at = count
    while at and codes[at - 1] == 0x20:
        at -= 1
        kinds[at] = base
    _turn(codes, kinds, 1)
    _turn(codes, kinds, 2)
    for at in range(count):
        code = codes[at]
        if code == 0xA0:
            codes[at] = 0x20
        elif kinds[at] == 1 and code < 0xBC:
            pair = _PAIRS.find(bytes((code,)))
            if pair >= 0:
                codes[at] = _PAIRS[pair ^ 1]


def _kind(code: int) -> int:
    if code < 0x80:
        if 0x30 <= code <= 0x39:
            return _NUMBER
        return _LEFT if 0x41 <= code <= 0x5A or 0x61 <= code <= 0x7A else _OTHER
    if 0x6F0 <= code <= 0x6F9:
        return _NUMBER
    return _RIGHT if 0xFB50 <= code < 0xFFFD or code in (0x61B, 0x61F, 0x640) else _OTHER


def _pieces(codes: "array[int]", kinds: bytearray, rtl: bool) -> None:
    """Make each run of letters, digits and what joins them one kind; in Persian, a number's digits Persian."""
    at, count = 0, len(codes)
    while at < count:
        if kinds[at] == _RIGHT or kinds[at] == _OTHER:
            if codes[at] == _PERCENT:
                if rtl:
                    codes[at] = 0x66A
                elif at and kinds[at - 1] == _NUMBER:
                    kinds[at] = _NUMBER
            at += 1
            continue
        first, end, kind = at, at, _NUMBER
        while at < count and kinds[at] != _RIGHT:
            if kinds[at] == _OTHER:
                code = codes[at]
                if code not in _INSIDE if code < 0x80 else code not in (0xA0, 0x60C, 0x66C):
                    break
            else:
                if kinds[at] == _LEFT:
                    kind = _LEFT
                end = at + 1
            at += 1
        at = end
        sign = first
        while sign and codes[sign - 1] < 0x80 and codes[sign - 1] in _BEFORE:
            sign -= 1
        if not sign or kinds[sign - 1] != _RIGHT:  # after a letter it is a hyphen
            first = sign
        if _a_card(codes, first, end):
            kind = _LEFT
        if rtl and kind == _NUMBER:
            _in_persian(codes, first, end)
        else:
            while first and codes[first - 1] in (0x23, 0x2A):  # a mask: ****9B32
                first -= 1
        for place in range(first, end):
            kinds[place] = kind


def _a_card(codes: "array[int]", first: int, end: int) -> bool:
    """`****5580`: the end of a card's number, which looks like that of `****9B32` whatever its digits are."""
    return end - first == _CARD and codes[first + 3] == _STAR and codes[first + 4] != _STAR


def _in_persian(codes: "array[int]", first: int, end: int) -> None:
    points, point = 0, 0
    for at in range(first, end):
        code = codes[at]
        if 0x30 <= code <= 0x39:
            codes[at] = code + 0x6C0
        elif code == 0x2C:
            codes[at] = 0x66C
        elif code == 0x2E:
            points, point = points + 1, at
    if points == 1:  # of several none is a decimal point
        codes[point] = 0x66B


def _ending(codes: "array[int]", kinds: bytearray) -> None:
    """What ends a sentence in Latin letters alone stands at its end, wherever the row begins."""
    if bytes((_LEFT,)) not in kinds or bytes((_RIGHT,)) in kinds:
        return
    at = len(codes)
    while at and (codes[at - 1] == 0x20 or codes[at - 1] < 0x80 and codes[at - 1] in _ENDS):
        at -= 1
        if codes[at] != 0x20:
            kinds[at] = _LEFT


def _numbers_after_letters(kinds: bytearray, base: int) -> None:
    """W7: a number after Latin letters runs with them."""
    strong = base
    for at in range(len(kinds)):
        if kinds[at] < _NUMBER:
            strong = kinds[at]
        elif kinds[at] == _NUMBER and strong == _LEFT:
            kinds[at] = _LEFT


def _brackets(codes: "array[int]", kinds: bytearray, base: int) -> None:
    """N0: a pair of brackets goes with what it holds."""
    for at in range(len(codes)):
        pair = _pair(codes[at])
        if pair < 0 or pair & 1:
            continue
        close = _closing(codes, at, pair)
        found = _OTHER
        for inside in range(at + 1, close):
            if kinds[inside] != _OTHER:
                found = _LEFT if kinds[inside] == _LEFT else _RIGHT
                if found == base:
                    break
        if found == _OTHER:
            continue
        if found != base and _before(kinds, at, base) != found:
            found = base
        kinds[at] = kinds[close] = found


def _before(kinds: bytearray, at: int, base: int) -> int:
    """The direction of what stands before this place."""
    while at:
        at -= 1
        if kinds[at] != _OTHER:
            return _LEFT if kinds[at] == _LEFT else _RIGHT
    return base


def _pair(code: int) -> int:
    """Which bracket of `_PAIRS` it is, -1 for none; quotation marks too, unlike UAX 9."""
    return _PAIRS.find(bytes((code,)), 0, _PAIRED) if code < 0xBC else -1


def _closing(codes: "array[int]", at: int, pair: int) -> int:
    """Where the bracket that opens here is closed, -1 when it is not (BD16: what it holds must be closed inside)."""
    open_pairs = [pair]
    for place in range(at + 1, len(codes)):
        pair = _pair(codes[place])
        if pair < 0:
            continue
        if not pair & 1:
            open_pairs.append(pair)
            continue
        for depth in range(len(open_pairs) - 1, -1, -1):
            if open_pairs[depth] == pair - 1:
                if depth == 0:
                    return place
                del open_pairs[depth:]
                break
    return -1


def _neutral(kinds: bytearray, base: int) -> None:
    """N1, N2: what has no direction takes the one of both its neighbours, else the row's."""
    at, count = 0, len(kinds)
    before = base
    while at < count:
        if kinds[at] != _OTHER:
            before = _LEFT if kinds[at] == _LEFT else _RIGHT
            at += 1
            continue
        first = at
        while at < count and kinds[at] == _OTHER:
            at += 1
        after = base if at == count else _LEFT if kinds[at] == _LEFT else _RIGHT
        for place in range(first, at):
            kinds[place] = before if before == after else base


def _turn(codes: "array[int]", levels: bytearray, level: int) -> None:
    """L2: reverse every run of at least this level."""
    at, count = 0, len(codes)
    while at < count:
        first = at
        while at < count and levels[at] >= level:
            at += 1
        low, high = first, at - 1
        while low < high:
            codes[low], codes[high] = codes[high], codes[low]
            levels[low], levels[high] = levels[high], levels[low]
            low += 1
            high -= 1
        if at == first:
            at += 1
