"""Why the terminal started, as far as it can be known: `/resets.dat` keeps the last twelve starts and what was wanted.

The chip alone does not say it: an ESP32-S3 calls a brown-out power-on and a crash of the runtime a reset, a Pico calls
every reset one of the watchdog. So who wants a reset says so before (`intend`), a task that hangs is named before the
watchdog bites, and the battery clock holds what was going on (firmware/service/vitals.py). What is left is told as it
is: the power went, or the watchdog bit and nobody knows for whom.

The file has 20 + 8 bytes a start, 116 at most, so that the file system keeps it beside its name and each writing is one
commit: "VBR1", intent, seconds UTC of it u32, name in 11 bytes; a start: seconds UTC u32, kind, what went on before it,
for how many minutes u16 (FFFF not known). Little-endian. Written once a start and once before a wanted reset: 2,000
writings erase each of two sectors 42 times (67 on the Pico, whose pages are larger): a million starts wear nothing.
"""

from struct import pack, unpack_from

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Rtc(Protocol):
        """Seven bytes that a battery keeps."""

        def kept(self) -> bytes: ...


PATH = "/resets.dat"
POWER_ON, RESET, WATCHDOG, HUNG, FAULT, WANTED = 1, 2, 3, 4, 5, 6
KINDS = ("", "power on", "reset", "watchdog", "hung", "fault", "wanted")
UNKNOWN, IDLE, CARD, LINE, PRINTING, WRITING = 0, 1, 2, 3, 4, 5
DOING = ("not known", "idle", "at a card", "joining the line", "printing", "writing flash")
NO_MINUTES = const(0xFFFF)
_MAGIC = const(b"VBR1")
_MARK = const(0xC7)  # of the trace, as in vitals
_SALT = const(0x5A)
_HEAD = const(20)
_ONE = const(8)
_KEPT = const(12)
_NAME = const(11)
_DAY_S = const(86_400)
_CRASHES_S = const(600)
_CAUSE_POWER = const(1)  # machine.PWRON_RESET, WDT_RESET
_CAUSE_WATCHDOG = const(3)


class Start:
    """One start: when, why, and what was going on before for how many minutes."""

    def __init__(self, utc: int, kind: int, doing: int, minutes: int) -> None:
        self.utc = utc
        self.kind = kind
        self.doing = doing
        self.minutes = minutes


class Record:
    """What the file holds; empty when there is none or it is damaged."""

    def __init__(self, raw: bytes = b"") -> None:
        self.intent = self.intended_utc = 0
        self.name = ""
        self.starts: "list[Start]" = []
        if len(raw) >= _HEAD and raw[:4] == _MAGIC and not (len(raw) - _HEAD) % _ONE:
            self.intent, self.intended_utc = unpack_from("<BI", raw, 4)
            self.name = bytes([byte for byte in raw[9:_HEAD] if 0x20 <= byte < 0x7F]).decode()
            for at in range(_HEAD, len(raw), _ONE):
                self.starts.append(Start(*unpack_from("<IBBH", raw, at)))

    def packed(self) -> bytes:
        """As it lies in the file."""
        name = self.name.encode()[:_NAME]
        raw = _MAGIC + pack("<BI", self.intent, self.intended_utc) + name + bytes(_NAME - len(name))
        for start in self.starts[-_KEPT:]:
            raw += pack("<IBBH", start.utc, start.kind, start.doing, start.minutes)
        return raw

    def of_day(self, now_utc: int, kinds: "tuple[int, ...]") -> int:
        """Starts of these kinds within a day."""
        return len([one for one in self.starts if one.kind in kinds and 0 <= now_utc - one.utc <= _DAY_S])

    def crashes(self) -> int:
        """How often it crashed within the ten minutes before the last start, that one included."""
        crashed = [one for one in self.starts if one.kind in (WATCHDOG, HUNG, FAULT)]
        return len([one for one in crashed if 0 <= self.starts[-1].utc - one.utc <= _CRASHES_S])


def read(path: str = PATH) -> Record:
    """What is known."""
    try:
        with open(path, "rb") as file:
            return Record(file.read(_HEAD + _KEPT * _ONE))
    except OSError:
        return Record()


def _write(record: Record, path: str) -> None:
    """A file system that fails hinders no start and no reset."""
    try:
        with open(path, "wb") as file:
            file.write(record.packed())
    except OSError:
        return


def intend(kind: int, name: str, now_utc: int, path: str = PATH) -> None:
    """A reset follows, for this."""
    record = read(path)
    record.intent, record.name, record.intended_utc = kind, name, now_utc
    _write(record, path)


def forgo(path: str = PATH) -> None:
    """It does not: what hung goes on."""
    record = read(path)
    if record.intent:
        record.intent, record.name = 0, ""
        _write(record, path)


def judged(cause: int, intent: int) -> int:
    """Why it started, from what the chip says and what was wanted."""
    if intent:
        return intent
    return POWER_ON if cause == _CAUSE_POWER else WATCHDOG if cause == _CAUSE_WATCHDOG else RESET


def began(cause: int, now_utc: int, start: int, rtc: "Rtc", path: str = PATH) -> str:
    """A start, noted; the line that tells of it. `start` is its number."""
    record = read(path)
    try:
        trace = found(rtc.kept(), start - 1)
    except OSError:
        trace = None
    doing, minutes = trace if trace is not None else (UNKNOWN, NO_MINUTES)
    kind, name = judged(cause, record.intent), record.name if record.intent else ""
    record.starts.append(Start(now_utc, kind, min(doing, len(DOING) - 1), minutes))
    record.intent, record.name = 0, name  # the name of the last reset stays to be told
    _write(record, path)
    return "start {}: {}{}; before: {}".format(start, KINDS[kind], " " + name if name else "", told(record.starts[-1]))


def told(start: Start) -> str:
    """What was going on before it."""
    if start.minutes == NO_MINUTES:
        return DOING[start.doing]
    return "{}, up {} min".format(DOING[start.doing], start.minutes)


def found(raw: bytes, start: int) -> "tuple[int, int] | None":
    """(what was going on, minutes) of the trace that this start left; None when there is none."""
    whole = len(raw) == 7 and raw[0] == _MARK and raw[6] == (sum(raw[:6]) + _SALT) & 0xFF
    if not whole or raw[4] | raw[5] << 8 != start & 0xFFFF:
        return None
    return raw[1], raw[2] | raw[3] << 8
