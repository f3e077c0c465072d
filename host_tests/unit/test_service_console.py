"""The console answers a few words and control bytes, in small pieces, and never waits."""

import random

import pytest

from firmware.core.log import Log
from firmware.service.console import _BUSY, _LEAVING, _NO_ROOM, _WORDS, Console
from tools.sim import onhost


class Port:
    """A serial port; every write is one piece."""

    def __init__(self) -> None:
        self.incoming = b""
        self.pieces: list[str] = []
        self.stall_ms = 0
        self.reads = 0
        self.quiet = True
        self.left = 0
        self.leave_fails = False

    def read(self, count: int) -> bytes:
        assert count == 1, "there is no partial read"
        assert self.incoming, "this read would block"
        self.reads += 1
        byte, self.incoming = self.incoming[:1], self.incoming[1:]
        return byte

    def write(self, text: str) -> None:
        self.pieces.append(text)
        if self.stall_ms:
            onhost.sleep_source(self.stall_ms * 1000)

    def leave(self) -> None:
        """The reset into the Python prompt."""
        if self.leave_fails:
            raise OSError(28, "no space")
        self.left += 1


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands but for what a test lets pass: how long a busy PC takes is not seen."""
    now_us = [1_000_000]
    monkeypatch.setattr(onhost, "ticks_source", lambda: now_us[0])
    monkeypatch.setattr(onhost, "sleep_source", lambda us: now_us.__setitem__(0, now_us[0] + us))


def console() -> "tuple[Console, Port, Log]":
    port = Port()
    readable, status = lambda: bool(port.incoming), lambda: ["link online", "x" * 100]
    made = Console(port, port, readable, status, lambda: port.quiet, port.leave)
    log = Log(8, echo=made.say)
    made.attach(log)
    return made, port, log


def turns(made: Console, count: int = 40) -> None:
    for _ in range(count):
        made.turn()


def test_each_burst_of_a_python_tools_control_bytes_gets_one_line() -> None:
    made, port, _ = console()
    port.incoming = b"\r\x03\r\x01"
    turns(made)
    assert "".join(port.pieces).count("Vafa is running") == 1
    onhost.sleep_source(520_000)
    turns(made)
    port.incoming = b"\x03\x03\x02\x04"
    turns(made)
    text = "".join(port.pieces)
    assert text.startswith("# Vafa is running. Python prompt: type maintenance\r\n")
    assert text.count("Vafa is running") == 2
    assert ">>>" not in text


def test_words_are_answered_as_comment_lines_in_small_pieces() -> None:
    made, port, log = console()
    log.event("signed on")
    port.incoming = b"help\rstatus\nlog 5\r\nnonsense\r"
    turns(made)
    assert max(len(piece) for piece in port.pieces) <= 64
    lines = "".join(port.pieces).split("\r\n")
    assert all(line.startswith("# ") for line in lines if line)
    assert "# help, status, log [count], export, maintenance" in lines
    assert "# link online" in lines
    assert "# " + "x" * 100 in lines
    assert sum("I00 signed on" in line for line in lines) == 2
    assert "# unknown command; help lists them" in lines


def test_a_turn_takes_at_most_64_bytes_and_writes_one_piece() -> None:
    made, port, _ = console()
    port.incoming = b"a" * 500
    made.say("one")
    made.say("two")
    made.turn()
    assert port.reads == 64
    assert port.pieces == ["# one\r\n"]


def test_an_endless_line_takes_bounded_memory() -> None:
    made, port, _ = console()
    port.incoming = b"a" * 5000 + b"\r"
    turns(made, 100)
    assert "unknown command" in "".join(port.pieces)
    assert made._length == 0


def test_a_flood_of_log_lines_is_dropped_and_never_waited_for() -> None:
    made, port, _ = console()
    for number in range(500):
        made.say(str(number))
    turns(made, 100)
    assert len(port.pieces) == 80


def test_a_port_that_stalls_is_muted_until_a_byte_arrives() -> None:
    made, port, _ = console()
    port.stall_ms = 60
    made.say("one")
    made.say("two")
    turns(made)
    assert port.pieces == ["# one\r\n"]
    port.stall_ms = 0
    port.incoming = b"\r"
    turns(made)
    assert "# 1 lines dropped\r\n" in port.pieces


def test_maintenance_says_so_and_then_leaves() -> None:
    made, port, _ = console()
    port.incoming = b"maintenance\r"
    made.turn()
    assert port.left == 0, "the answer first"
    turns(made)
    assert "".join(port.pieces) == f"# {_LEAVING}\r\n"
    assert port.left == 1


def test_maintenance_is_refused_while_the_till_is_in_use_and_not_kept_for_later() -> None:
    made, port, _ = console()
    port.quiet = False
    port.incoming = b"maintenance\r"
    turns(made)
    port.quiet = True
    turns(made)
    assert "".join(port.pieces) == f"# {_BUSY}\r\n"
    assert port.left == 0


def test_a_sale_that_begins_while_the_answer_goes_out_is_not_cut_off() -> None:
    made, port, _ = console()
    made.say("x" * 200)
    port.incoming = b"maintenance\r"
    made.turn()
    port.quiet = False
    turns(made)
    assert port.left == 0
    assert "".join(port.pieces).endswith(f"# {_BUSY}\r\n")


def test_a_flag_that_cannot_be_written_is_told_and_the_terminal_goes_on() -> None:
    made, port, _ = console()
    port.leave_fails = True
    port.incoming = b"maintenance\r"
    turns(made)
    port.incoming = b"help\r"
    turns(made)
    text = "".join(port.pieces)
    assert "cannot write the flag: errno 28" in text
    assert "# help" in text


@pytest.mark.parametrize("line", [b"maintenance now", b"maintenance\xff", b"\xfemaintenance", b"Maintenance"])
def test_only_the_plain_word_leaves(line: bytes) -> None:
    made, port, _ = console()
    port.incoming = line + b"\r"
    turns(made)
    assert "unknown command" in "".join(port.pieces)
    assert port.left == 0


@pytest.mark.parametrize("count", ["2", "\u06f2", "\u0662", "0\u06f2"])
def test_persian_and_arabic_digits_count_as_ascii_ones(count: str) -> None:
    made, port, log = console()
    for name in ("one", "two", "three"):
        log.event(name)
    turns(made)
    port.pieces.clear()
    port.incoming = f"log {count}\r".encode()
    turns(made)
    said = "".join(port.pieces)
    assert ("one" in said, "two" in said, "three" in said) == (False, True, True)


@pytest.mark.parametrize(
    "line", [b"maintenance\xdb\xb5", b"\xd9\xa0maintenance", b"maintenance\xdb", b"m\xd9\xb0aintenance"]
)
def test_a_digit_or_half_of_one_is_no_part_of_a_word(line: bytes) -> None:
    made, port, _ = console()
    port.incoming = line + b"\r"
    turns(made)
    assert "unknown command" in "".join(port.pieces)
    assert port.left == 0


def test_every_byte_value_and_noise_leave_the_console_alive() -> None:
    made, port, _ = console()
    noise = random.Random(1)
    for burst in [bytes([value]) for value in range(256)] + [noise.randbytes(500) for _ in range(40)]:
        port.incoming = burst + b"\n"
        turns(made, 10)
    turns(made, 400)
    assert {line[:2] for line in "".join(port.pieces).split("\r\n")} <= {"# ", ""}
    port.pieces.clear()
    port.incoming = b"help\n"
    turns(made)
    assert "".join(port.pieces) == "# help, status, log [count], export, maintenance\r\n"


class Service:
    """What carries out the words that need a right."""

    def __init__(self, port: Port) -> None:
        self.port = port
        self.taken: list[list[str]] = []
        self.restart = False
        self.full = False

    def take(self, words: list[str]) -> list[str]:
        if self.full:
            raise MemoryError
        self.taken.append(words)
        self.restart = words[0] == "zeroise"
        return ["done " + words[0]]

    def reset(self) -> None:
        self.port.left += 1


def test_words_that_need_a_right_go_to_who_carries_them_out_and_a_restart_follows_its_answer() -> None:
    made, port, _ = console()
    service = Service(port)
    port.incoming = b"forget 04A1B2C3D4E5F6\r"
    turns(made)
    assert "unknown command" in "".join(port.pieces), "a terminal that sells nothing has no such words"
    made.attach_service(lambda: service, service.reset)
    port.pieces.clear()
    port.incoming = b"help\rforget 04A1B2C3D4E5F6\rforget \xff\rzeroise 12\r"
    made.turn()
    assert port.left == 0, "the answer first"
    turns(made)
    assert service.taken == [["forget", "04A1B2C3D4E5F6"], ["zeroise", "12"]]
    assert port.left == 1
    text = "".join(port.pieces)
    assert text.startswith(f"# {_WORDS}, right, answer, forget, zeroise, letters\r\n# done forget\r\n# unknown command")
    assert text.endswith("# done zeroise\r\n")


def test_a_heap_without_room_for_a_rights_code_is_told_and_the_console_goes_on() -> None:
    made, port, _ = console()
    service = Service(port)
    service.full = True
    made.attach_service(lambda: service, service.reset)
    port.incoming = b"right members\r"
    turns(made)
    service.full = False
    port.incoming = b"right members\r"
    turns(made)
    assert "".join(port.pieces) == f"# {_NO_ROOM}\r\n# done right\r\n"
