"""The catalogue: every text a person reads, keyed by name, and two lines for every code, in one language at a time.

The texts lie in a table beside this module, packed, and are read there at each use: in the heap stay the language's
alphabet and a buffer. People write them in `en.txt` and `fa.txt`; tools/texts compiles those, and
tools/texts/table.py tells the format. All languages have the same names. Digits in texts are ASCII: another script's
are put in where characters become glyphs (firmware/text/visual.py).
"""

from binascii import crc32

from micropython import const

from firmware.core.errors import SettingsError
from firmware.core.tables import open_table
from firmware.text import days as dates
from firmware.text import digits
from firmware.text.money import Money

LANGUAGES = ("fa", "en")  # in the table's order
_RIGHT_TO_LEFT = const(("fa",))
_UNKNOWN_CODE = const("X00")

_TABLE = const("texts.tbl")
_MAGIC = const(b"VTX2")
_LANGUAGES = const(2)
_ROWS_AT = const(8)  # behind the magic and the places of the alphabets
_CHECK = const(2)  # bytes that tell a name from the others of its row
_ROOM = const(160)  # for a row before its texts, then for a text as it is read; behind it for one as it lies there
_PACKED = const(64)
_ALPHABET = const(512)
_STACK = const(14)


class Catalogue:
    """Texts of one language, its days, and what this terminal's amounts are in (`money`). `rtl`: a row begins at the
    right. Raises SettingsError for a language there is none of, OSError when the table is missing."""

    def __init__(self, language: str) -> None:
        self.money = Money()
        self.language = ""
        self.rtl = False
        self._which = self._first_pair = 0
        self._alphabet = bytearray(_ALPHABET)
        self._stack = bytearray(_STACK)
        self._buffer = bytearray(_ROOM + _PACKED)
        self._table = open_table(__file__, _TABLE)
        if self._at(0, len(_MAGIC)) != _MAGIC:
            raise OSError(_TABLE)
        self.use(language)

    def use(self, language: str) -> None:
        """Speak this language from now on. Raises SettingsError."""
        if language not in LANGUAGES:
            raise SettingsError("no catalogue for language " + language)
        which = LANGUAGES.index(language)
        place = self._at(len(_MAGIC) + 2 * which, 2)
        self._first_pair = self._at(place[0] | place[1] << 8, 1)[0]
        self._table.readinto(self._alphabet)
        self._which = which
        self.language, self.rtl = language, language in _RIGHT_TO_LEFT

    def get(self, name: str, *fields: object) -> str:
        """The text of this name with its fields filled in."""
        text = self._find(name)
        if text is None:
            raise KeyError(name)
        return text.format(*fields)

    def error(self, code: str) -> "tuple[str, str]":
        """(what happened, what to do next) of a code; a code nobody wrote a text for gets the general one."""
        text = self._find(code) or self.get(_UNKNOWN_CODE)
        what, _, next_step = text.partition(" | ")
        return what, next_step

    def age(self, seconds: int) -> str:
        """How long ago, in one unit."""
        name, count = digits.age(seconds)
        return self.get(name, count)

    def day(self, days: int) -> str:
        """A calendar day, counted since 1970-01-01, with its year."""
        return dates.full(days, self.language)

    def short_day(self, days: int) -> str:
        """Month and day alone, where the year is clear."""
        return dates.short(days, self.language)

    # --- the table ----------------------------------------------------------------------------------------------------

    def _at(self, place: int, size: int, room: int = 0) -> memoryview:
        """What stands there, until this room of the buffer is used again."""
        part = memoryview(self._buffer)[room : room + size]
        self._table.seek(place)
        self._table.readinto(part)
        return part

    def _find(self, name: str) -> "str | None":
        """The text of this name as it is written, in three reads."""
        crc = crc32(name.encode())
        place = self._at(_ROWS_AT + 2 * (crc >> 26), 2)
        begin = place[0] | place[1] << 8
        row = self._at(begin, _ROOM)
        count = row[0]
        low, high = crc & 0xFF, crc >> 8 & 0xFF
        sizes = 1 + _CHECK * count
        for at in range(1, sizes, _CHECK):
            if row[at] == low and row[at + 1] == high:
                break
        else:
            return None
        mine = sizes + self._which * count + at // _CHECK
        size = row[mine]
        return self._expanded(self._at(begin + sizes + _LANGUAGES * count + sum(row[sizes:mine]), size, _ROOM))

    def _expanded(self, packed: memoryview) -> str:
        """Pairs into what they stand for, characters into UTF-8."""
        alphabet, stack, said, first_pair = self._alphabet, self._stack, self._buffer, self._first_pair
        length, literal = 0, False
        for first in packed:
            if literal or not first:
                if literal:
                    said[length] = first
                    length += 1
                literal = not literal
                continue
            stack[0] = first
            top = 0
            while top >= 0:
                code = stack[top]
                low, high = alphabet[2 * code], alphabet[2 * code + 1]
                if code >= first_pair:
                    stack[top] = high
                    top += 1
                    stack[top] = low
                    continue
                top -= 1
                point = low | high << 8
                if point < 0x80:
                    said[length] = point
                    length += 1
                    continue
                if point < 0x800:
                    said[length] = 0xC0 | point >> 6
                    length += 1
                else:
                    said[length] = 0xE0 | point >> 12
                    said[length + 1] = 0x80 | point >> 6 & 0x3F
                    length += 2
                said[length] = 0x80 | point & 0x3F
                length += 1
        return str(memoryview(said)[:length], "utf-8")


def load(language: str) -> Catalogue:
    """The catalogue in a language of the settings. Raises SettingsError for another."""
    return Catalogue(language)
