"""The rows of `firmware/switch/profile.py` with names beside them: what page and specifications are made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from firmware.switch import profile
from tools.lt87 import names

CLASSES = {profile.KIND_N: "n", profile.KIND_AN: "an", profile.KIND_ANS: "ans", profile.KIND_B: "b"}
# Letters of the response table, in words.
LIVE = {
    profile.DONE: "done",
    profile.REFUSED: "refused",
    profile.UNKNOWN: "no outcome: reversal",
    profile.SECURITY: "outcome unknown: reversal; counted, the third in a row stops value until a sign-on with 00",
}
QUEUED = {
    profile.SETTLE: "settle",
    profile.BURY: "bury",
    profile.TRY_LATER: "keep, try later",
    profile.PAUSE: "keep, pause the queue",
    profile.KEEP: "keep, try late",
}


@dataclass(frozen=True)
class Field:
    """A data element; `prefix` is the number of digits before a variable one, 0 when its length is fixed."""

    de: int
    kind: str
    prefix: int
    length: int
    meaning: str


@dataclass(frozen=True)
class Tag:
    """A tag of DE 48."""

    tag: int
    name: str
    shortest: int
    longest: int
    meaning: str
    repeats: bool


@dataclass(frozen=True)
class Response:
    """A response code: what it means, and what it makes of a live request, a queued advice, a queued reversal."""

    code: str
    meaning: str
    live: str
    advice: str
    reversal: str


def _rows(table: bytes, size: int) -> Iterator[bytes]:
    if len(table) % size:
        raise ValueError("a row of the table is broken")
    for at in range(0, len(table), size):
        yield table[at : at + size]


def fields() -> list[Field]:
    """All data elements, ascending."""
    return [
        Field(row[0], CLASSES[row[1]], row[2], row[3] << 8 | row[4], names.FIELDS[row[0]])
        for row in _rows(profile.FIELDS, profile.FIELD_ROW)
    ]


def tags() -> list[Tag]:
    """All tags, ascending."""
    return [
        Tag(row[0], names.TAGS[row[0]][0], row[1], row[2], names.TAGS[row[0]][1], row[0] in profile.REPEATING)
        for row in _rows(profile.TAGS, profile.TAG_ROW)
    ]


def responses() -> list[Response]:
    """All response codes; the last is any other."""
    return [
        Response(code, names.RESPONSES[code], LIVE[row[2]], QUEUED[row[3]], QUEUED[row[4]])
        for row in _rows(profile.RESPONSES, profile.RESPONSE_ROW)
        for code in [row[:2].decode()]
    ]
