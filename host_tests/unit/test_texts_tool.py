"""The catalogue's table: what the compiler writes is what the terminal reads, in few reads and little heap."""

from __future__ import annotations

import re
from binascii import crc32
from pathlib import Path

import pytest

from firmware.text import catalogue
from tools.texts import packing, source, table

EN, FA = source.read("en"), source.read("fa")
LANGUAGES = {"en": EN, "fa": FA}


def test_the_committed_table_is_what_the_sources_say() -> None:
    """`make texts` writes it."""
    built, missing = table.built()
    assert built == source.TABLE.read_bytes()
    assert missing == {"en": [], "fa": []}
    assert source.LANGUAGES == catalogue.LANGUAGES


def test_both_languages_have_the_same_names_in_the_same_order_with_the_same_fields() -> None:
    assert list(EN) == list(FA)
    for name, text in EN.items():
        assert text.count("{}") == FA[name].count("{}"), name
    assert _headings("fa") == _headings("en")


def _headings(language: str) -> list[str]:
    """The comment over each group."""
    groups = (source.FOLDER / f"{language}.txt").read_text(encoding="utf-8").split("\n\n")[1:]
    return [group.splitlines()[0] for group in groups]


def test_nothing_is_left_in_english() -> None:
    """Alike are only texts without a word: fields, signs."""
    alike = [name for name, text in EN.items() if text == FA[name]]
    assert [name for name in alike if re.search("[A-Za-z]{2}", EN[name])] == []


def test_fonts_and_catalogues_take_at_most_24_kb_of_flash() -> None:
    face = Path(catalogue.__file__).parents[1] / "screen" / "script.tbl"
    assert source.TABLE.stat().st_size + face.stat().st_size <= 24 * 1024


class Counting:
    """A table that counts what is read of it."""

    def __init__(self, content: bytes) -> None:
        self.content, self.place, self.reads, self.bytes = content, 0, 0, 0

    def seek(self, place: int) -> None:
        self.place = place

    def readinto(self, buffer: bytearray | memoryview) -> int:
        part = self.content[self.place : self.place + len(buffer)]
        buffer[: len(part)] = part
        self.place += len(part)
        self.reads += 1
        self.bytes += len(part)
        return len(part)


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    opened = Counting(source.TABLE.read_bytes())
    monkeypatch.setattr(catalogue, "open_table", lambda _file, _name: opened)
    return opened


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_takes_three_reads_and_an_unknown_name_two(language: str, counting: Counting) -> None:
    text = catalogue.load(language)
    worst = 0
    for name in LANGUAGES[language]:
        before, counting.bytes = counting.reads, 0
        assert text._find(name) is not None
        assert counting.reads - before == 3
        worst = max(worst, counting.bytes)
    assert worst <= 220
    before = counting.reads
    assert text._find("no such name") is None
    assert counting.reads - before == 2


def test_a_catalogue_keeps_less_than_one_kb(counting: Counting) -> None:
    text = catalogue.load("fa")
    kept = [value for value in vars(text).values() if isinstance(value, (bytes, bytearray, str, dict, list, tuple))]
    assert sum(map(len, kept)) <= 800
    before = {name: id(value) for name, value in vars(text).items() if isinstance(value, bytearray)}
    for name in FA:
        text._find(name)
    text.use("en")
    assert {name: id(value) for name, value in vars(text).items() if isinstance(value, bytearray)} == before


def test_another_file_is_not_taken_for_the_table(counting: Counting) -> None:
    counting.content = b"VTX0" + counting.content[4:]
    with pytest.raises(OSError, match="texts"):
        catalogue.load("en")


def test_what_packing_makes_is_small_and_has_no_waste() -> None:
    for texts in (EN, FA):
        alphabet, coded = packing.packed(list(texts.values()))
        letters = sum(map(len, texts.values()))
        assert sum(map(len, coded)) <= 0.55 * letters
        assert max(alphabet.places(code) for code in range(alphabet.next_code)) <= packing.STACK


def test_any_characters_come_back_as_they_were_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """One, two and three bytes in UTF-8, rare and frequent ones, and every length of a text."""
    words = {f"n{n}": ("aé۱\u200c€~" * 9)[n % 7 : n + 3] for n in range(50)} | {"z": "", "y": "{}Z"}
    other = {name: text[::-1] for name, text in words.items()}
    made = table.compiled([other, words])
    monkeypatch.setattr(catalogue, "open_table", lambda _file, _name: Counting(made))
    for language, said in (("fa", other), ("en", words)):
        text = catalogue.load(language)
        assert {name: text._find(name) for name in words} == said


def test_names_of_one_hash_are_a_fault_of_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "key", lambda name: (crc32(name.encode()) % 3, crc32(name.encode()) % 7))
    with pytest.raises(ValueError, match="hash"):
        table.compiled([EN, FA])


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("a:b", "not"),
        ("A1: b", "not"),
        ("a: b\na: c", "already"),
        ("P10: no next step", "next"),
        ("a: {0}", "field"),
        ("a: {", "field"),
        ("a: b\\x", "backslash"),
    ],
)
def test_a_bad_line_is_named_with_its_place(line: str, why: str) -> None:
    with pytest.raises(source.BadSource, match=rf"en.txt:{1 + line.count(chr(10))}: .*{why}"):
        source.parsed(line, "en.txt")


def test_a_name_nobody_asks_for_is_a_fault_and_a_missing_one_is_listed() -> None:
    assert source.merged({"a": "1", "b": "2"}, {"b": "3"}) == ({"a": "1", "b": "3"}, ["a"])
    with pytest.raises(source.BadSource, match="c"):
        source.merged({"a": "1"}, {"c": "3"})


def test_line_breaks_and_tabs_are_written_with_a_backslash() -> None:
    assert source.parsed("# said nothing\n\na:  1\\t2\\n3 : {}\n", "") == {"a": " 1\t2\n3 : {}"}
