"""One language in a one-byte code: its characters, and pairs of codes for what comes often, pairs of pairs included.

The pair that occurs most is replaced first, again and again, until the 256 codes are used up; among equals the one
whose codes are lower, so the same texts always give the same bytes. An ASCII character that comes rarely gets no code:
code 0 says that the next byte is one as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

CODES = 256
LITERAL = 0
STACK = 14  # places the reader has
_RARE = 8  # fewer than so many
_PLAIN = 0x100  # stands here for a literal, the character behind it
_LEAST = 3  # a pair that comes twice saves nothing: it takes two bytes itself


class Alphabet:
    """`characters` have the codes from 1 on, `pairs` those behind them."""

    def __init__(self, characters: str) -> None:
        self.characters = characters
        self.pairs: list[tuple[int, int]] = []

    @property
    def next_code(self) -> int:
        """The first that is free."""
        return 1 + len(self.characters) + len(self.pairs)

    def codes(self, text: str) -> list[int]:
        """A text without pairs."""
        return [1 + self.characters.index(one) if one in self.characters else _PLAIN + ord(one) for one in text]

    def table(self) -> bytes:
        """The lowest code of a pair u8, then two bytes for each of 256 codes: a code point, or the pair's codes."""
        entries = [(0).to_bytes(2, "little"), *(ord(one).to_bytes(2, "little") for one in self.characters)]
        count = len(entries)
        entries += [bytes(pair) for pair in self.pairs]
        return bytes((count,)) + b"".join(entries).ljust(2 * CODES, b"\0")

    def places(self, code: int) -> int:
        """The most places of the stack it takes to expand this code, its own included."""
        if code <= len(self.characters):
            return 1
        first, second = self.pairs[code - 1 - len(self.characters)]
        return max(1 + self.places(first), self.places(second))


def packed(texts: Sequence[str]) -> tuple[Alphabet, list[bytes]]:
    """The alphabet of these texts and each of them in it. Raises ValueError for what the reader has no room for."""
    counts = Counter("".join(texts))
    alphabet = Alphabet("".join(sorted(one for one in counts if counts[one] >= _RARE or ord(one) >= 0x80)))
    coded = [alphabet.codes(text) for text in texts]
    while alphabet.next_code < CODES:
        pair, times = _most_frequent(coded)
        if times < _LEAST:
            break
        coded = [_replaced(codes, pair, alphabet.next_code) for codes in coded]
        alphabet.pairs.append(pair)
    deepest = max(alphabet.places(code) for code in range(alphabet.next_code))
    if deepest > STACK:
        raise ValueError(f"a pair needs {deepest} places of the stack, the reader has {STACK}")
    return alphabet, [b"".join(bytes((LITERAL, c - _PLAIN)) if c >= _PLAIN else bytes((c,)) for c in s) for s in coded]


def _most_frequent(coded: list[list[int]]) -> tuple[tuple[int, int], int]:
    counts: Counter[tuple[int, int]] = Counter()
    for codes in coded:
        counts.update(pair for pair in zip(codes, codes[1:], strict=False) if max(pair) < _PLAIN)
    best = min(counts, key=lambda pair: (-counts[pair], pair), default=(0, 0))
    return best, counts[best]


def _replaced(codes: list[int], pair: tuple[int, int], by: int) -> list[int]:
    out: list[int] = []
    for code in codes:
        if out and out[-1] == pair[0] and code == pair[1]:
            out[-1] = by
        else:
            out.append(code)
    return out
