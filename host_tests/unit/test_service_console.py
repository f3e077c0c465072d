"""The console answers a few words and control bytes, in small pieces, and never waits."""

import time

from firmware.core.log import Log
from firmware.service.console import Console


class Port:
    """A serial port; every write is one piece."""

    def __init__(self) -> None:
        self.incoming = ""
        self.pieces: list[str] = []
        self.stall_ms = 0
        self.reads = 0

    def read(self, count: int) -> str:
        assert count == 1, "there is no partial read"
        assert self.incoming, "this read would block"
        self.reads += 1
        byte, self.incoming = self.incoming[0], self.incoming[1:]
        return byte

    def write(self, text: str) -> None:
        self.pieces.append(text)
        if self.stall_ms:
            time.sleep(self.stall_ms / 1000)


def console() -> "tuple[Console, Port, Log]":
    port = Port()
    made = Console(port, port, lambda: bool(port.incoming), lambda: ["link online", "x" * 100])
    log = Log(8, echo=made.say)
    made.attach(log)
    return made, port, log


def turns(made: Console, count: int = 40) -> None:
    for _ in range(count):
        made.turn()


def test_control_bytes_of_a_python_tool_get_one_line() -> None:
    made, port, _ = console()
    port.incoming = "\r\x03\r\x01"
    turns(made)
    port.incoming = "\x03\x03\x02\x04"
    turns(made)
    text = "".join(port.pieces)
    assert text.startswith("# Vafa is running. Python prompt:")
    assert text.count("Vafa is running") == 2
    assert ">>>" not in text


def test_words_are_answered_as_comment_lines_in_small_pieces() -> None:
    made, port, log = console()
    log.event("signed on")
    port.incoming = "help\rstatus\nlog 5\r\nnonsense\r"
    turns(made)
    assert max(len(piece) for piece in port.pieces) <= 64
    lines = "".join(port.pieces).split("\r\n")
    assert all(line.startswith("# ") for line in lines if line)
    assert "# help, status, log [count]" in lines
    assert "# link online" in lines
    assert "# " + "x" * 100 in lines
    assert sum("I00 signed on" in line for line in lines) == 2
    assert "# unknown command; help lists them" in lines


def test_a_turn_takes_at_most_64_bytes_and_writes_one_piece() -> None:
    made, port, _ = console()
    port.incoming = "a" * 500
    made.say("one")
    made.say("two")
    made.turn()
    assert port.reads == 64
    assert port.pieces == ["# one\r\n"]


def test_an_endless_line_takes_bounded_memory() -> None:
    made, port, _ = console()
    port.incoming = "a" * 5000 + "\r"
    turns(made, 100)
    assert "unknown command" in "".join(port.pieces)
    assert len(made._line) == 0


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
    port.incoming = "\r"
    turns(made)
    assert "# 1 lines dropped\r\n" in port.pieces
