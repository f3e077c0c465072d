"""SUN data in an NDEF file: found where it is, and never an error whatever a card says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.cards.sun import sun_data

P, M = "EF963FF7828658A599F3041510671E88", "94EED9EE65337086"
GOOD = f"cards.example/c?p={P}&m={M}"


def ndef(text: str) -> bytes:
    raw = b"\xd1\x01\x00U\x04" + text.encode()
    return len(raw).to_bytes(2, "big") + raw + bytes(20)


def test_both_forms_are_put_as_the_switch_wants_them() -> None:
    assert sun_data(ndef(GOOD)) == bytes([1]) + bytes.fromhex(P + M)
    plain = sun_data(ndef(f"x?m={M.lower()}&n=000102&u=04c767f2066180"))
    assert plain == bytes.fromhex("0204C767F2066180020100" + M)  # the counter turned round


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("?", "/"),
        GOOD[:-1],
        GOOD + "0",
        GOOD.replace("p=", "q="),
        GOOD.replace("&m", "&M"),
        GOOD.replace("E", "G", 1),
        GOOD + f"&m={M}",
        GOOD + f"&p={P}",
        f"x?p={'0' * 32}&m={'0' * 16}",
        f"x?u=04C767F2066180&m={M}",
        f"x?u=04C767F20661&n=000102&m={M}",
        f"x?u=04C767F2066180&n=000000&m={M}",
        "",
    ],
)
def test_anything_odd_is_no_sun_data(text: str) -> None:
    assert sun_data(ndef(text)) is None


@pytest.mark.parametrize("length", range(len(ndef(GOOD)) - 20))
def test_a_file_cut_short_is_no_sun_data(length: int) -> None:
    assert sun_data(ndef(GOOD)[:length]) is None


@pytest.mark.parametrize("more", [-1, 1, 0xFF00])
def test_a_length_that_lies_is_no_sun_data(more: int) -> None:
    file = ndef(GOOD)[:-20]
    length = int.from_bytes(file[:2], "big") + more
    assert sun_data(file) is not None
    assert sun_data(length.to_bytes(2, "big") + file[2:]) is None


@settings(deadline=None, max_examples=300, derandomize=True)
@given(st.binary(max_size=300), st.lists(st.tuples(st.integers(0, 99), st.integers(0, 255)), max_size=6))
def test_hostile_bytes_never_raise_and_never_make_another_size(noise: bytes, edits: list[tuple[int, int]]) -> None:
    bent = bytearray(ndef(GOOD))
    for at, value in edits:
        bent[at % len(bent)] = value
    for file in (noise, bytes(bent), b"\x00\x40" + noise, memoryview(bent)):
        found = sun_data(file)
        assert found is None or (found[0], len(found)) in ((1, 25), (2, 19))
