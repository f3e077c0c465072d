"""All of a journal's flash leaves as lines, while it sells on: complete, in bounded pieces, or known not to be."""

from __future__ import annotations

import random
import re
from binascii import a2b_base64, crc32
from typing import Any

import pytest

from firmware.core.types import ACCRUAL, OFFLINE, Transaction
from firmware.service.console import _STOPPED, _UNREAD
from firmware.store.export import Export, Raw
from firmware.store.flash import Flash
from firmware.store.journal import Journal
from firmware.store.seal import Sealer
from host_tests.unit.test_service_console import Port, console, turns
from tools.sim.chips.nor import Nor, NorPartition

SECTORS = 8
SEALER = Sealer(bytes(range(16)), b"VAFA0001")


class Counted(NorPartition):
    """Flash that counts the bytes read."""

    def __init__(self, nor: Nor, page_only: bool) -> None:
        super().__init__(nor, 0, SECTORS, page_only)
        self.read_bytes = 0

    def readblocks(self, block_num: int, buf: Any, offset: int = 0) -> None:
        self.read_bytes += len(buf)
        super().readblocks(block_num, buf, offset)


class Till:
    """A journal that sells; settles what it sold in batches of ten."""

    def __init__(self, page_only: bool = False) -> None:
        self.nor = Nor(SECTORS * 4096, None, seed=1)
        self.flash = Counted(self.nor, page_only)
        self.journal = Journal(self.flash, SEALER, 77, page_only)
        self.journal.open()
        self.journal.continue_above(0)
        self.sold: list[int] = []

    def sell(self, count: int) -> None:
        for _ in range(count):
            seq = self.journal.next_seq()
            self.journal.append(
                Transaction(seq, ACCRUAL, OFFLINE, b"\1\2\3\4", 2, seq * 1000, seq % 500, 1790000000 + seq, 2)
            )
            self.sold.append(seq)
            if len(self.sold) == 10:
                self.journal.settle_all(self.sold)
                self.sold = []
        while self.journal.idle_work():
            pass


def lines_of(journal: Journal, between: Any = lambda: None) -> list[str]:
    export, out = journal.export(), []
    while (line := export.line()) is not None:
        if line:
            out.append(line)
        between()
    return out


def image_of(lines: list[str]) -> bytearray:
    """What the lines say lies on the flash; later lines win."""
    image = bytearray(b"\xff" * (SECTORS * 4096))
    generations = {}
    for number, line in enumerate(lines):
        text, _, crc = line.rpartition(" ")
        assert crc32(text.encode()) == int(crc, 16)
        head, _, rest = text.partition(" ")
        assert head == f"J{number:x}"
        if found := re.fullmatch(r"([0-9a-f]+)\.([0-9a-f]+)\.([0-9a-f]+) (\S+)", rest):
            sector, generation, at = (int(word, 16) for word in found.groups()[:3])
            if generations.setdefault(sector, generation) != generation:
                image[sector * 4096 : (sector + 1) * 4096] = b"\xff" * 4096
                generations[sector] = generation
            data = a2b_base64(found[4])
            image[sector * 4096 + at : sector * 4096 + at + len(data)] = data
    return image


@pytest.mark.parametrize("page_only", [False, True])
@pytest.mark.parametrize("sold", [0, 1, 63, 200, 2000])
def test_a_resting_journal_leaves_whole(sold: int, page_only: bool) -> None:
    till = Till(page_only)
    till.sell(sold)
    lines = lines_of(till.journal)
    assert image_of(lines) == till.nor.image
    head, tail = lines[0].split(" "), lines[-1].split(" ")
    assert head[:3] == ["J0", "begin", "1"] and int(head[3]) == SECTORS
    assert tail[1:] == ["end", str(len(lines) - 1), str(len(lines) - 2), "0", tail[-1]]
    assert max(len(line) for line in lines) <= 126, "two turns of the console"


def test_places_that_were_never_programmed_well_are_sent_too() -> None:
    till = Till()
    till.sell(100)
    till.nor.image[2 * 4096 + 100 : 2 * 4096 + 400] = bytes(300)
    till.nor.image[2 * 4096 : 2 * 4096 + 64] = random.Random(3).randbytes(64)
    again = Journal(till.flash, SEALER, 77)
    again.open()
    assert image_of(lines_of(again)) == till.nor.image


@pytest.mark.parametrize("pace", [3, 7, 20])
def test_a_till_that_sells_meanwhile_leaves_a_state_it_was_in(pace: int) -> None:
    till = Till()
    till.sell(300)
    calls = 0

    def sell() -> None:
        nonlocal calls
        calls += 1
        if calls % pace == 0:
            till.sell(1)

    lines = lines_of(till.journal, sell)
    assert " end " in lines[-1]
    nor = Nor(SECTORS * 4096, None)
    nor.image[:] = image_of(lines)
    copy = Journal(NorPartition(nor, 0, SECTORS, False), SEALER, 77)
    copy.open()
    newest = copy.last()
    assert newest is not None
    assert newest.transaction.seq >= till.journal.highest_seq() - calls // pace - 70
    assert copy.gaps() == 0
    settled = {seq for seq in range(1000, newest.transaction.seq) if (e := copy.find(seq)) and e.state == 4}
    pending = [t.seq for t in copy.pending()]
    assert not settled & set(pending) and len(pending) <= 10
    assert pending == list(range(newest.transaction.seq - len(pending) + 1, newest.transaction.seq + 1))


@pytest.mark.parametrize("sold", [1, 4, 11, 12, 25])
@pytest.mark.parametrize("more", [0, 1, 3, 10, 70, 140])
def test_what_is_written_behind_the_last_line_that_was_sent_is_not_passed_over(sold: int, more: int) -> None:
    till = Till()
    till.sell(sold)
    lines = lines_of(till.journal)
    export = till.journal.export()
    out = []
    while len(out) < len(lines) - 1:  # all but the end
        out.append(export.line())
        if not out[-1]:
            out.pop()
    till.sell(more)
    while (line := export.line()) is not None:
        assert line or more > 60, "nothing is looked at between the last record and the end"
        out += [line] if line else []
    assert image_of([line for line in out if line]) == till.nor.image


def test_what_was_erased_meanwhile_is_told() -> None:
    till = Till()
    till.sell(400)
    export = till.journal.export()
    out = []
    while (line := export.line()) is not None:
        if line:
            out.append(line)
        if len(out) == 30:
            out.append("")
            till.sell(300)
    gone = [line for line in out if " gone " in line]
    assert len(gone) == 1 and gone[0].split(" ")[1] == out[29].split(" ")[1].rpartition(".")[0]
    assert out[-1].split(" ")[4] == "1"


def test_a_ring_that_turns_faster_than_it_is_read_is_not_followed_for_ever() -> None:
    till = Till()
    till.sell(300)
    lines = lines_of(till.journal, lambda: till.sell(80))
    assert " stopped " in lines[-1] and not any(" end " in line for line in lines)


def test_a_call_of_a_till_that_sells_reads_256_bytes_at_most() -> None:
    for sold, everything in ((0, False), (300, False), (2000, False), (100, True)):
        till = Till()
        till.sell(sold)
        flash = Flash(till.flash)
        export, most = Export(flash, Raw(flash), True) if everything else till.journal.export(), 0
        while True:
            till.flash.read_bytes = 0
            line = export.line()
            most = max(most, till.flash.read_bytes)
            if line is None:
                break
        assert 64 <= most <= (4096 + 64 if everything else 256), "where nothing is sold a sector, and its headers"


# --- at the console ---------------------------------------------------------------------------------------------------


def exporting(sold: int = 120) -> "tuple[Any, Port, Any, Till]":
    till = Till()
    till.sell(sold)
    made, port, log = console()
    made.attach_export(till.journal.export)
    return made, port, log, till


def received(port: Port) -> list[str]:
    return [line for line in "".join(port.pieces).split("\r\n") if line.startswith("J")]


def test_the_console_sends_all_of_it_in_pieces_and_log_lines_between_harm_nothing() -> None:
    made, port, log, till = exporting()
    port.incoming = b"export\r\n"
    for turn in range(2000):
        before = len(port.pieces)
        till.flash.read_bytes = 0
        made.turn()
        assert len(port.pieces) - before <= 1 and till.flash.read_bytes <= 256
        if turn % 7 == 0:
            log.event("something")
    assert max(len(piece) for piece in port.pieces) <= 64
    assert "".join(port.pieces).count("something") > 200
    lines = received(port)
    assert " end " in lines[-1]
    assert image_of(lines) == till.nor.image


@pytest.mark.parametrize("key", [b" ", b"q", b"\x03", b"\x00", b"\xff"])
def test_a_key_stops_it_after_the_line_and_is_no_command(key: bytes) -> None:
    made, port, _, _ = exporting()
    port.incoming = b"export\r\n"
    turns(made, 51)
    port.incoming = key
    turns(made, 10)
    text = "".join(port.pieces)
    assert text.endswith(f"# {_STOPPED}\r\n")
    image_of(received(port))
    port.pieces.clear()
    port.incoming = b"\rstatus\r"
    turns(made)
    assert "link online" in "".join(port.pieces)


def test_an_unread_port_ends_it_and_says_so() -> None:
    made, port, _, _ = exporting()
    port.incoming = b"export\r"
    turns(made, 20)
    port.stall_ms = 60
    turns(made, 20)
    assert len(port.pieces) <= 21
    port.stall_ms = 0
    port.incoming = b"\r"
    turns(made, 200)
    text = "".join(port.pieces)
    assert _UNREAD in text and " end " not in text


def test_without_a_journal_the_word_is_unknown() -> None:
    made, port, _ = console()
    port.incoming = b"export\r"
    turns(made)
    assert "unknown command" in "".join(port.pieces)
