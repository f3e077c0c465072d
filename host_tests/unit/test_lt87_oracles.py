"""Foreign codecs, set up from the table, agree with ours field by field on messages of every type.

iso_8583 (npm) has no packed lengths, no packed message type and no bytes in a variable field: of packed messages it is
shown the fixed fields behind a plain type, and DE 48 holds characters here. It always writes the secondary bitmap.
"""

import iso8583 as pyiso8583
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware.switch import iso8583
from host_tests.unit import lt87_kit
from host_tests.unit.lt87_kit import MAC, mac_field
from tools.lt87 import specs
from tools.lt87.foreign import ForeignError, Iso8583Npm
from tools.lt87.table import fields

CALM = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
TABLE = {field.de: field for field in fields()}
LETTERS = st.text("azAZ09", min_size=1, max_size=40).map(str.encode)


@pytest.fixture(scope="module")
def npm():
    codec = Iso8583Npm()
    yield codec
    codec.close()


def text_of(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.hex()


@given(lt87_kit.messages(), st.sampled_from(["ascii", "bcd"]))
@CALM
def test_pyiso8583_reads_and_writes_every_message_as_we_do(message, wire):
    mti, values = message
    packed, spec = wire == "bcd", specs.pyiso8583(wire)
    raw = bytes(iso8583.encode(mti, values, packed)) + MAC
    theirs, _ = pyiso8583.decode(raw, spec)
    ours = {**values, mac_field(values): MAC}
    assert {de: value.lower() for de, value in theirs.items() if de not in ("p", "1")} == {
        "t": mti, **{str(de): text_of(value).lower() for de, value in ours.items()},
    }  # fmt: skip
    again, _ = pyiso8583.encode({"t": mti, **{str(de): text_of(value) for de, value in ours.items()}}, spec)
    assert iso8583.decode(bytes(again), packed) == (mti, ours)


def for_npm(values: dict[int, str | bytes], wire: str) -> dict[str, str]:
    """Fields as that codec holds them: bytes of a variable field as characters, packed and fixed binary ones as hex."""
    said = {}
    for de, value in values.items():
        field = TABLE[de]
        if isinstance(value, bytes):
            said[str(de)] = value.decode() if field.prefix else value.hex()
        else:
            odd = wire == "bcd" and field.kind == "n" and len(value) % 2
            said[str(de)] = "0" + value if odd else value
    return said


def without_empty(values: dict[int, str | bytes]) -> dict[int, str | bytes]:
    """That codec takes an empty field for a missing one."""
    return {de: value for de, value in values.items() if value}


@given(lt87_kit.messages(LETTERS), st.sampled_from(["ascii", "bcd"]))
@CALM
def test_iso_8583_of_npm_reads_every_message_as_we_write_it(npm, message, wire):
    mti, values = message
    packed = wire == "bcd"
    if packed:
        values = {de: value for de, value in values.items() if not TABLE[de].prefix}
    raw = bytes(iso8583.encode(mti, values, packed)) + MAC
    shown = mti.encode() + raw[2:] if packed else raw
    theirs = npm.decode(shown, wire)
    ours = for_npm({**values, mac_field(values): MAC}, wire)
    assert theirs == {"0": mti, **ours}


@given(lt87_kit.messages(LETTERS), st.sampled_from(["ascii", "bcd"]))
@CALM
def test_what_iso_8583_of_npm_writes_we_would_have_written(npm, message, wire):
    mti, values = message
    packed = wire == "bcd"
    values = without_empty({de: v for de, v in values.items() if not (packed and TABLE[de].prefix)})
    sealed = {**values, mac_field(values): MAC}
    theirs = npm.encode({"0": mti, **for_npm(sealed, wire)}, wire)
    ours = bytes(iso8583.encode(mti, values, packed)) + MAC
    at, secondary = 2 if packed else 4, max(values) > 64
    assert theirs[:4] == mti.encode()
    assert theirs[4] | 0x80 == ours[at] | 0x80 and theirs[5:12] == ours[at + 1 : at + 8]
    assert theirs[20:] == ours[at + (16 if secondary else 8) :]
    assert theirs[12:20] == (ours[at + 8 : at + 16] if secondary else bytes(8))


def test_the_foreign_codec_says_what_it_refuses(npm):
    with pytest.raises(ForeignError):
        npm.encode({"0": "0200", "11": "12345"})
    with pytest.raises(ForeignError):
        npm.decode(b"9999" + bytes(40))
