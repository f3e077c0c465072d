"""A receipt printer that speaks ESC/POS on a UART: text, pictures, QR codes, cut, and how it is.

Knows no receipt and no language. Code page 437 is set, characters beyond ASCII are printed as `?`. Commands are those
of Epson's ESC/POS reference. What the line cannot carry yet is held, at most `_HELD_MAX` bytes; nothing waits here but
`ready`, 60 ms for each of two answers. Milliseconds, dots.

A line this slow must be filled neither faster than it carries nor faster than the printer prints. So bytes are written
as the baud rate lets them go, and after each 512 bytes the printer is asked something (GS r) it answers only when it
has come that far: not more than two such answers are outstanding. A printer that never answers GS r is fed by the
line's speed alone. XON and XOFF are obeyed.
"""

from time import sleep_ms, ticks_add, ticks_diff, ticks_ms

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ASK_PAPER = const(b"\x10\x04\x04")  # DLE EOT 4: paper roll sensor, answered at once even with a full buffer
_ASK_OFFLINE = const(b"\x10\x04\x02")  # DLE EOT 2: what keeps it from printing
_START = const(b"\x1b@\x1bt\x00")  # ESC @ reset, ESC t 0 code page 437
_CUT = const(b"\x1dV\x42\x00")  # GS V 66: feed to the cutter and cut
_MARK = const(b"\x1dr\x01")  # GS r 1: answered in its turn, after what was sent before it
_QR_MODEL = const(b"\x1d(k\x04\x001A2\x00")  # GS ( k function 165: model 2
_QR_DOTS = const(b"\x1d(k\x03\x001C")  # function 167: dots of a module
_QR_LEVEL_M = const(b"\x1d(k\x03\x001E1")  # function 169: level M, 15 %
_QR_PRINT = const(b"\x1d(k\x03\x001Q0")  # function 181
_QR_MODULE = const(5)
_FIXED_MASK = const(0x93)  # of a status byte, bits 0, 1, 4 and 7 are fixed
_FIXED_BITS = const(0x12)
_MARK_MASK = const(0x90)  # of an answer to GS r, bits 4 and 7 are 0
_PAPER_END = const(0x60)
_OFFLINE = const(0x64)  # of DLE EOT 2: cover open, paper end, error
_XON = const(0x11)
_XOFF = const(0x13)
_ANSWER_MS = const(60)
_HELD_MAX = const(1024)  # a band of 576 bytes, its command and what stands around a line
_AHEAD_MS = const(20)  # so much is written before the line has carried it
_MARK_EACH = const(512)
_MARKS_OPEN = const(2)
_ASK_EACH_MS = const(1000)
_ASKED_MAX = const(3)  # questions without any answer: it is gone
_STUCK_MS = const(20_000)  # it answers and takes nothing
_HEARD_MAX = const(64)  # bytes read at once; one that never stops talking must not keep the processor
# After a start or an abort the printer may still wait for the end of a command: so many zeros end the longest. One that
# waits for none ignores them.
_ZEROS = bytes(64)
_ZEROS_MAX = const(640)


class EscPos:
    """`uart` offers `write`, `read` and `any`. `heard`: what keeps it from printing, if anything, it said itself."""

    def __init__(self, uart: "Any", baud: int = 115_200) -> None:
        self._uart = uart
        self._baud = baud
        self._held = bytearray(_HELD_MAX)
        self._first = self._end = 0  # what of it is held
        self._free = ticks_ms()  # when the line will have carried all
        self._started = False
        self._whole = False  # the last command was sent to its end
        self._zeros = 0  # still to be sent before what is held
        self._torn = False  # paper of an aborted receipt may hang out
        self._ended = False  # its cut was given, not yet made
        self._since = 0  # bytes since the last mark
        self._marks = 0  # not answered yet
        self._marking = True
        self._answers_marks = False
        self._paused = False
        self._moved = self._asked_at = ticks_ms()
        self._asked = 0  # questions since it was heard last
        self._offline = False
        self.heard = True

    def ready(self) -> bool:
        """Whether a printer with paper answers and can print. Waits for its answers."""
        if self._end > self._first or self._marks:
            return False
        paper = self._ask(_ASK_PAPER)
        self.heard = paper >= 0
        if paper < 0:
            self._abandon()  # it may have been unplugged and lost its settings
            return False
        return not paper & _PAPER_END and not max(0, self._ask(_ASK_OFFLINE)) & _OFFLINE

    def busy(self, whole: bool = False) -> bool:
        """Whether it must not be given more yet; with `whole` until it has printed all it was given.

        Raises OSError when it has no paper, does not answer any more or has taken nothing for long. What was held is
        then forgotten and the next line begins anew.
        """
        self._hear()
        self._push()
        waits = self._end > self._first or self._zeros > 0 or self._marks > (0 if whole else _MARKS_OPEN - 1)
        if waits:
            self._look()
        elif self._ended and not self._marks:
            self._torn = self._ended = False
        return waits

    def line(self, text: str, size: int = 0, place: int = 0) -> None:
        """Print one line. `size` 1 emphasised, 2 tall, 3 tall and wide; `place` 0 left, 1 centred, 2 right."""
        self._begin()
        if place:
            self._put(b"\x1ba" + bytes((place,)))  # ESC a
        if size == 1:
            self._put(b"\x1bE\x01")  # ESC E
        elif size:
            self._put(b"\x1d!" + (b"\x11" if size == 3 else b"\x01"))  # GS !
        self._put(_ascii(text) + b"\n")
        if size:
            self._put(b"\x1bE\x00" if size == 1 else b"\x1d!\x00")
        if place:
            self._put(b"\x1ba\x00")
        self._mark(_MARK_EACH)

    def band(self, width: int, dots: "bytes | bytearray") -> None:
        """Print rows of dots, `width` bytes each, the leftmost dot in the highest bit (GS v 0)."""
        self._begin()
        self._put(b"\x1dv0\x00" + bytes((width & 0xFF, width >> 8, len(dots) // width & 0xFF, len(dots) // width >> 8)))
        at = self._put(dots)
        # In a picture, too, DLE and one of these would be taken for a command that is obeyed at once.
        if b"\x10\x04" in dots or b"\x10\x05" in dots or b"\x10\x14" in dots:
            held = self._held
            for place in range(at + 1, at + len(dots)):
                if held[place - 1] == 0x10 and held[place] in (0x04, 0x05, 0x14):
                    held[place - 1] = 0x18  # a dot more
        self._mark(_MARK_EACH)

    def qr(self, text: str) -> None:
        """Print a QR code of model 2, centred (GS ( k); its content is ASCII."""
        self._begin()
        content = _ascii(text)
        size = len(content) + 3
        self._put(b"\x1ba\x01" + _QR_MODEL + _QR_DOTS + bytes((_QR_MODULE,)) + _QR_LEVEL_M)
        self._put(b"\x1d(k" + bytes((size & 0xFF, size >> 8)) + b"1P0" + content)  # function 180: the content
        self._put(_QR_PRINT + b"\x1ba\x00")
        self._mark(_MARK_EACH)

    def cut(self) -> None:
        """Feed to the cutter and cut; the next line starts a new receipt."""
        self._begin()
        self._put(_CUT)
        self._mark(1)
        self._started = False
        self._ended = True

    # --- what is sent -------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        if self._started:
            return
        self._started = True
        self._moved = ticks_ms()
        self._asked = 0
        if not self._whole:
            self._whole = True
            self._zeros = _ZEROS_MAX
        self._put(_START)
        if self._torn and not self._ended:
            self._put(_CUT)
        self._torn, self._ended = True, False
        self._mark(1)

    def _put(self, data: "bytes | bytearray") -> int:
        """Hold it for the line; where it stands."""
        if self._end + len(data) > _HELD_MAX:
            left = self._end - self._first
            if left + len(data) > _HELD_MAX:
                self.heard = False
                raise OSError("printer does not take data")
            self._held[:left] = self._held[self._first : self._end]
            self._first, self._end = 0, left
        at = self._end
        self._held[at : at + len(data)] = data
        self._end += len(data)
        self._since += len(data)
        return at

    def _mark(self, each: int) -> None:
        """Ask for an answer when so many bytes went since the last question."""
        if self._marking and self._since >= each:
            self._put(_MARK)
            self._marks += 1
            self._since = 0

    def _push(self) -> None:
        """Give the UART what the line will have carried soon."""
        now = ticks_ms()
        ahead_ms = ticks_diff(self._free, now)
        if ahead_ms < 0:
            self._free, ahead_ms = now, 0
        room = (_AHEAD_MS - ahead_ms) * self._baud // 10_000
        zeros = self._zeros > 0
        size = min(room, self._zeros, len(_ZEROS)) if zeros else min(room, self._end - self._first)
        if size <= 0 or self._paused:
            return
        what = _ZEROS[:size] if zeros else memoryview(self._held)[self._first : self._first + size]
        taken = self._uart.write(what) or 0
        if taken:
            self._moved = now
        self._free = ticks_add(self._free, -(-taken * 10_000 // self._baud))
        if zeros:
            self._zeros -= taken
            return
        self._first += taken
        if self._first == self._end:
            self._first = self._end = 0

    # --- what is heard ------------------------------------------------------------------------------------------------

    def _hear(self) -> None:
        uart = self._uart
        for _ in range(_HEARD_MAX):
            got = uart.read(1) if uart.any() else None
            if not got:
                return
            byte = got[0]
            if byte in (_XOFF, _XON):
                self._paused = byte == _XOFF
            elif byte & _FIXED_MASK == _FIXED_BITS:
                self._offline = bool(byte & _OFFLINE)
                self._asked = 0
            elif not byte & _MARK_MASK and self._marks:
                self._marks -= 1
                self._answers_marks = True
                self._moved = ticks_ms()
                self._asked = 0

    def _look(self) -> None:
        """Nothing more can be given now: find out why when that lasts. Raises OSError."""
        now = ticks_ms()
        still_ms = ticks_diff(now, self._moved)
        if still_ms < _ASK_EACH_MS:
            return
        if self._offline:
            self.heard = True
            self._abandon()
            raise OSError("no paper or cover open")
        if still_ms >= _STUCK_MS:
            self.heard = False  # what it holds is lost or stuck, and paper is not what it lacks
            self._abandon()
            raise OSError("takes nothing")
        if self._end > self._first or ticks_diff(now, self._asked_at) < _ASK_EACH_MS:
            return  # a question in the middle of a picture would be a part of it
        if self._asked >= _ASKED_MAX:
            self.heard = False
            self._abandon()
            raise OSError("does not answer")
        if self._marks and not self._answers_marks and self._asked == 0 and still_ms >= 2 * _ASK_EACH_MS:
            self._marking, self._marks = False, 0  # it answers what is asked at once, and never GS r
            self._moved = now
            return
        self._asked += 1
        self._asked_at = now
        self._uart.write(_ASK_OFFLINE)

    def _ask(self, question: bytes) -> int:
        """The status byte it answers, -1 when it does not answer or what it says is none."""
        uart = self._uart
        for _ in range(_HEARD_MAX):
            if not uart.any():
                break
            uart.read(1)  # answers to questions nobody waited for
        uart.write(question)
        asked = ticks_ms()
        while not uart.any():
            if ticks_diff(ticks_ms(), asked) > _ANSWER_MS:
                return -1
            sleep_ms(1)
        answer = uart.read(1)
        return answer[0] if answer and answer[0] & _FIXED_MASK == _FIXED_BITS else -1

    def _abandon(self) -> None:
        """Whatever was sent, the next line begins anew."""
        self._first = self._end = self._zeros = self._marks = self._since = self._asked = 0
        self._started = self._whole = self._ended = self._offline = self._paused = False
        self._marking = True
        self._answers_marks = False


def _ascii(text: str) -> bytes:
    # By its bytes, of each character the first: the runtime keeps a character that it hands out for good.
    raw = text.encode("utf-8", "surrogatepass")
    return bytes([byte if 32 <= byte < 127 else 63 for byte in raw if byte & 0xC0 != 0x80])
