"""Messages of LT-87 nobody wrote by hand: hypothesis strategies over the whole table, for codec and oracle tests."""

from __future__ import annotations

from hypothesis import strategies as st

from tools.lt87 import layouts
from tools.lt87.table import Field, Tag, fields, tags

MTIS = [
    mti for pair in (*layouts.MESSAGES, *layouts.LATER) for names in pair for mti in names.split("/")
]  # every message type of the profile
ALPHABET = {"n": "0123456789", "an": "09AZaz ", "ans": "09AZaz ./-=()"}
LONGEST_HERE = 40  # of a variable field: a longer one finds nothing more and takes longer
MAC = b"\x01\x02\x03\x04\xfe\xdc\xba\x98"


def values_of(field: Field, content: st.SearchStrategy[bytes] | None = None) -> st.SearchStrategy[str | bytes]:
    """Any value of a field; `content` makes the bytes of a variable binary one."""
    shortest = field.length if not field.prefix else 1 if field.kind == "n" else 0
    longest = min(field.length, LONGEST_HERE) if field.prefix else field.length
    if field.kind == "b":
        return content if content is not None and field.prefix else st.binary(min_size=shortest, max_size=longest)
    return st.text(ALPHABET[field.kind], min_size=shortest, max_size=longest)


def legal(numbers: set[int]) -> set[int]:
    """DE 95 stands only where DE 90 does, and every message has a time and a terminal."""
    return (numbers | {7, 41}) - (set() if 90 in numbers else {95})


def field_sets(content: st.SearchStrategy[bytes] | None = None) -> st.SearchStrategy[dict[int, str | bytes]]:
    """Any fields a message may have, without its MAC."""
    table = {field.de: field for field in fields() if field.de not in (64, 128)}
    chosen = st.sets(st.sampled_from(sorted(table)), min_size=4).map(legal)
    return chosen.flatmap(lambda numbers: st.fixed_dictionaries({de: values_of(table[de], content) for de in numbers}))


def messages(content: st.SearchStrategy[bytes] | None = None) -> st.SearchStrategy[tuple[str, dict[int, str | bytes]]]:
    """A message type and its fields."""
    return st.tuples(st.sampled_from(MTIS), field_sets(content))


def mac_field(values: dict[int, str | bytes]) -> int:
    """Where the MAC of such a message stands."""
    return 128 if max(values) > 64 else 64


def tag_values(tag: Tag) -> st.SearchStrategy[bytes]:
    """Any value of a tag."""
    return st.binary(min_size=tag.shortest, max_size=tag.longest)


def tag_sets() -> st.SearchStrategy[dict[int, bytes]]:
    """Any tags DE 48 may hold together, each once."""
    table = {tag.tag: tag for tag in tags()}
    chosen = st.sets(st.sampled_from(sorted(table)), max_size=10)
    return chosen.flatmap(lambda numbers: st.fixed_dictionaries({tag: tag_values(table[tag]) for tag in numbers}))
