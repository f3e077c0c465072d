"""What `accept` measures on a board, and which switch of the models it names: both positions of each, on the models."""

from __future__ import annotations

import binascii
from typing import Any

import pytest

from host_tests.chips.reader_bench import ReaderBench
from tools.device import accept as pc
from tools.device.accept_on_terminal import Accept
from tools.device.acceptance import model_call, report, rows, switches
from tools.sim.cards import make_card
from tools.sim.chips.nor import BLOCK, Nor, NorPartition

NTAG = ("ntag213", "04A1B2C3D4E5F6")
OTHER = ("ntag213", "04A1F2C3D4E5F7")


class Board:
    """A board as the program asks it, on modelled chips."""

    def __init__(self, **rc522: object) -> None:
        self.bench = ReaderBench(**rc522)
        self.nor = Nor(4 * BLOCK, self.bench.clock)
        self.lines: list[str] = []
        self.program = Accept(self, self.lines.append)

    def reader_chip(self) -> Any:
        return self.bench.chip

    def member_flash(self) -> Any:
        return NorPartition(self.nor, 0, 4)

    def lay(self, *cards: tuple[str, str]) -> None:
        for kind, uid in cards:
            self.bench.field.lay(make_card(kind, uid))

    def facts(self) -> dict[str, str]:
        found = {}
        for line in self.lines:
            text, _, crc = line.rpartition(" ")
            assert binascii.crc32(text.encode()) == int(crc, 16)
            _fact, name, value = text.split(" ")
            found[name] = value
        return found


def measured(*cards: tuple[str, str], **rc522: object) -> dict[str, str]:
    board = Board(**rc522)
    board.lay(*cards)
    board.bench.run(board.program.reader())
    board.bench.run(board.program.cards(len(cards)))
    return board.facts()


@pytest.mark.parametrize("strips_crc", [True, False])
@pytest.mark.parametrize("nibble_is_crc_error", [True, False])
@pytest.mark.parametrize("card", [NTAG, ("classic", "9C599B32")])
def test_one_card_tells_what_the_chip_does_with_crc_and_four_bits(card, strips_crc, nibble_is_crc_error):
    facts = measured(card, strips_crc=strips_crc, nibble_is_crc_error=nibble_is_crc_error)
    found = switches(facts)
    assert (found["strips_crc"], found["nibble_is_crc_error"]) == (strips_crc, nibble_is_crc_error)
    assert f"strips_crc={strips_crc}" in model_call(facts)
    assert 0 < int(facts["select_us"]) <= int(facts["select_worst_us"])


@pytest.mark.parametrize("base", ["aligned", "frame", "untold"])
@pytest.mark.parametrize("pair", [(NTAG, OTHER), (("classic", "9C599B32"), ("classic", "9C599BB2"))])
def test_two_cards_tell_what_the_place_of_a_collision_counts_from(pair, base):
    assert switches(measured(*pair, collision_base=base))["collision_base"] == base


@pytest.mark.parametrize("pair", [(("classic", "9C599B32"), ("classic", "9D599B32"))])
def test_cards_that_differ_in_their_first_bit_tell_nothing_and_nothing_is_claimed(pair):
    facts = measured(*pair)
    assert facts["collision_base"] == "unknown" and "collision_base" not in switches(facts)
    assert next(row for row in rows(facts) if row.name == "collision_base").fits is None


@pytest.mark.parametrize(("deaf_us", "told"), [(38, 38), (2_000, 2_000)])
def test_how_long_the_chip_is_deaf_after_a_soft_reset(deaf_us, told):
    found = switches(measured(NTAG, soft_reset_us=deaf_us))
    assert abs(found["soft_reset_us"] - told) <= 300


def test_another_number_of_cards_than_asked_for_is_told_and_nothing_else():
    board = Board()
    board.lay(NTAG, OTHER)
    board.bench.run(board.program.cards(1))
    assert board.facts() == {"cards": "2"}
    assert not board.bench.chip.read(0x14 << 1) & 0x03, "the field is off"


def test_a_blank_sector_is_measured_and_blank_again_and_data_are_never_touched():
    board = Board()
    board.nor.image[0 : 2 * BLOCK] = b"\x12" * 2 * BLOCK
    before = bytes(board.nor.image)
    board.program.flash()
    facts = board.facts()
    assert (facts["flash_sector"], facts["flash_blank"]) == ("3", "1")
    assert bytes(board.nor.image) == before
    full = Board()
    full.nor.image[:] = b"\x12" * full.nor.size
    full.program.flash()
    assert full.facts() == {"flash_sector": "-1"} and full.nor.ops == 0


def test_the_report_says_what_is_off_and_what_was_not_measured():
    facts = {"version": "b2", "strips_crc": "0", "erase_us": "400000", "program_us": "390", "self_test": "failed"}
    by_name = {row.name: row for row in rows(facts)}
    assert by_name["strips_crc"].fits is False and by_name["erase_us"].fits is False
    assert by_name["program_us"].fits is True and by_name["boot_ms"].fits is None
    text = report(facts, {"board": "s3"})
    assert "| `strips_crc` | 0 | True | **other than assumed**" in text
    assert "| `collision_base` | - | aligned | not measured" in text
    assert "strips_crc=False, version=178" in text


class Said:
    """A session whose cards come after some looks."""

    def __init__(self, answers: list[list[str]]) -> None:
        self._answers = answers

    def run(self, _call: str, heard: Any) -> None:
        for text in self._answers.pop(0):
            heard(f"{text} {binascii.crc32(text.encode()):08x}")


class Quiet:
    def say(self, text: str) -> None: ...
    def event(self, name: str, **members: Any) -> None: ...


def test_cards_are_waited_for_and_a_torn_line_counts_as_nothing():
    said = Said([["fact cards 0"], ["fact cards 2"], ["fact cards 1", "fact strips_crc 1"]])
    bench = pc.Bench(said, Quiet())  # type: ignore[arg-type]
    bench.cards(1, 60, sleep=lambda _s: None)
    assert bench.facts == {"strips_crc": "1"}
    bench._heard("fact erase_us 5 00000000")
    assert "erase_us" not in bench.facts


def test_a_card_that_never_comes_ends_the_wait_and_the_rest_is_kept():
    bench = pc.Bench(Said([["fact cards 0"]] * 3), Quiet())  # type: ignore[arg-type]
    bench.facts["version"] = "92"
    bench.cards(2, 0, sleep=lambda _s: None)
    assert bench.facts == {"version": "92"}
