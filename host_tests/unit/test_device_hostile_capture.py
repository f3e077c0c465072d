"""Files made to stop `journal` get a code or an answer, in time and memory that their length alone decides."""

from __future__ import annotations

import json
import tracemalloc
from binascii import b2a_base64, crc32
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from firmware.store import frames
from firmware.store.frames import Header
from firmware.store.journal import KIND
from host_tests.unit.test_device_journal import NAME, SEALER, TMK, Shop, events, run
from host_tests.unit.test_store_export import lines_of
from tools.device import audit as audits
from tools.device import capture as captures
from tools.device import cli, evidence

ZEROS = Path("/dev/zero")


def numbered(texts: list[str]) -> str:
    heads = [f"J{number:x} {text}" for number, text in enumerate(texts)]
    return "\n".join(f"{head} {crc32(head.encode()):08x}" for head in heads) + "\n"


def with_headers(generations: list[int], sectors: int) -> bytes:
    """Headers that nobody vouches for, and a sector without one."""
    texts = [f"begin 1 {sectors} 1 1"]
    for sector, generation in enumerate(generations):
        raw = frames.pack_header(Header(KIND, sectors, generation, 0x5A17, 0, 0, 0))
        texts.append(f"{sector:x}.{generation:x}.0 {b2a_base64(raw).decode().strip()}")
    like_a_frame = bytes.fromhex("67120000300001011190090d") + b"\x11" * 52
    texts.append(f"{len(generations):x}.7.40 {b2a_base64(like_a_frame).decode().strip()}")
    return numbered([*texts, f"end {len(texts)} {len(texts) - 1} 0"]).encode()


def command(capture: Path, keys: Path, *options: str) -> Result:
    words = ["--json", "journal", str(capture), "--keys", str(keys), *options]
    return CliRunner().invoke(cli.main, words, catch_exceptions=False)


@pytest.mark.parametrize(("stored", "typed"), [("\ud800", ""), (NAME, "\udcff")])
def test_a_name_that_is_no_text_is_told(tmp_path: Path, stored: str, typed: str) -> None:
    lines = lines_of(Shop(3).reopened())
    result = run(tmp_path, lines, "--terminal", typed, keys={"tmk": TMK.hex(), "terminal_id": stored})
    assert result.exit_code == 9 and events(result)[-1]["code"] == "D54"


@pytest.mark.skipif(not ZEROS.exists(), reason="needs a file without an end")
def test_a_file_without_an_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captures, "_SIZE_MAX", 1_000_000)
    (tmp_path / "keys.json").write_text(json.dumps({"tmk": TMK.hex(), "terminal_id": NAME}))
    (tmp_path / "capture.txt").write_text("\n".join(lines_of(Shop(3).reopened())))
    assert events(command(ZEROS, tmp_path / "keys.json"))[-1]["code"] == "D50"
    assert events(command(tmp_path / "capture.txt", ZEROS))[-1]["code"] == "D54"


def test_keys_behind_the_length_of_a_key_file_do_not_count(tmp_path: Path) -> None:
    lines = lines_of(Shop(3).reopened())
    result = run(tmp_path, lines, keys={"tmk": TMK.hex(), "terminal_id": NAME, "more": " " * 100_000})
    assert events(result)[-1]["code"] == "D54"


@pytest.mark.parametrize("apart", [1, 1000, (1 << 26) - 2])
def test_forged_generations_cost_no_more_the_farther_they_lie_apart(apart: int) -> None:
    sectors = 64
    taken = captures.parsed(with_headers([1, 1 + apart], sectors))[0]
    tried: list[int] = []
    original = evidence._Lengths.__init__

    def counted(self: evidence._Lengths, salt: int, generations: set[int]) -> None:
        tried.append(len(generations))
        assert len(generations) <= 2 * (4 * sectors + 1)
        original(self, salt, generations)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evidence._Lengths, "__init__", counted)
        assert audits.audit(taken, SEALER).refused == 4
    assert tried


def test_the_generation_of_a_record_is_told_for_every_length_without_a_table_for_each() -> None:
    generations = range(1, 20_001)
    lengths = evidence._Lengths(0x5A17, generations)
    raw = bytearray(b"\xff" * 4096)
    tracemalloc.start()
    try:
        for length in range(frames.MAX_BODY + 1):
            generation = 1 + 77 * length
            frame = frames.pack_frame(1, 1, 5, bytes([length & 0xFF]) * length, frames.seed(0x5A17, generation))
            raw[64 : 64 + len(frame)] = frame
            assert lengths.generation_at(raw, 64) == generation
            raw[64 + 8] ^= 1
            assert lengths.generation_at(raw, 64) == 0
        assert tracemalloc.get_traced_memory()[0] < 2_000_000
    finally:
        tracemalloc.stop()


def test_one_long_line_of_records_is_looked_at_from_its_end_only(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    monkeypatch.setattr(captures.binascii, "crc32", lambda data: looked.append(len(data)) or crc32(data))
    assert captures.parsed(b"J0 a " * 5_000 + b"00000000\n" + b"J0 " + b" " * 200_000) == []
    assert 0 < sum(looked) < 20_000


def test_a_line_counts_behind_whatever_a_terminal_program_writes_before_it() -> None:
    lines = lines_of(Shop(9).reopened())
    stamped = [f"[2026-11-22 10:00:0{n % 10}] J1 {'x' * 300 * (n % 2)} {line}  " for n, line in enumerate(lines)]
    assert captures.parsed("\r\n".join(stamped).encode()) == captures.parsed("\n".join(lines).encode())
    assert captures.parsed("\n".join(stamped).encode())[0].complete


def test_a_sector_claimed_with_any_number_of_generations_takes_no_more_memory() -> None:
    data = b2a_base64(b"\1" * 64).decode().strip()
    texts = [f"0.{generation:x}.0 {data}" for generation in range(1, 2001)]
    taken = captures.parsed(numbered(["begin 1 8 1 1", *texts, "end 2001 2000 0"]).encode())[0]
    assert len(taken.lives()) == 16 and not taken.complete


def test_places_of_lost_lines_are_kept_apart_and_found() -> None:
    data = b2a_base64(b"\1" * 8).decode().strip()
    places = [(1, 0), (1, 64), (1, 640), (2, 64), (2, 128)]
    texts = ["begin 1 8 2 1", *(f"{generation - 1:x}.{generation:x}.{at:x} {data}" for generation, at in places)]
    lines = numbered([*texts, "end 6 5 0"]).splitlines()
    taken = captures.parsed("\n".join([lines[0], lines[2], lines[4], lines[6]]).encode())[0]
    assert taken.missing == 3
    assert taken.holes == [((0, 0), (1 << 32, 0))]
    taken = captures.parsed("\n".join([*lines[:2], *lines[3:5], lines[6]]).encode())[0]
    assert taken.holes == [((1, 0), (1, 640)), ((2, 64), (1 << 32, 0))]
    for before, after, inside in (
        ((1, 640), (1, 641), True),
        ((1, 641), (2, 63), False),
        ((1, 641), (2, 64), True),
        ((0, 0), (0, 5), False),
        ((3, 0), (3, 1), True),
    ):
        assert taken.in_hole(before, after) == inside
