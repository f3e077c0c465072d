"""The table as other people's codecs want it: one specification a codec, for the plain and the packed spelling.

* pyiso8583: its `spec` dictionary, both spellings.
* iso_8583 (npm): its custom formats. It knows neither packed lengths nor a packed message type, nor bytes in a variable
  field: DE 48 is text to it, and of a packed message it reads the fixed fields, as its type `b`.
* iso8583sim: a file for `iso8583sim serve --rules`, with the field table beside the rules; that program reads the rules
  and has its own 1987 fields, the rest is for whoever sets it up. Under the AGPL, it is never imported here.
"""

from __future__ import annotations

from typing import Any

from tools.lt87 import layouts
from tools.lt87.table import fields, responses

_MTI = 4
_BITMAP = 8


def pyiso8583(wire: str) -> dict[str, dict[str, Any]]:
    """A specification for `iso8583.encode` and `iso8583.decode`."""
    packed = wire == "bcd"

    def entry(kind: str, prefix: int, length: int, desc: str = "") -> dict[str, Any]:
        made: dict[str, Any] = {
            "data_enc": "b" if kind == "b" else "latin-1",
            "len_enc": "bcd" if packed else "ascii",
            "len_type": (prefix + 1) // 2 if packed else prefix,
            "max_len": length,
            "desc": desc,
        }
        if packed and kind == "n":
            made |= {"data_enc": "b", "len_count": "nibbles", "left_pad": "0"}
        return made

    spec = {
        "h": entry("ans", 0, 0),
        "t": {**entry("ans", 0, _MTI), "data_enc": "b" if packed else "latin-1", "max_len": 2 if packed else _MTI},
        "p": entry("b", 0, _BITMAP),
        "1": entry("b", 0, _BITMAP),
    }
    return spec | {str(f.de): entry(f.kind, f.prefix, f.length, f.meaning) for f in fields()}


def iso_8583(wire: str) -> dict[str, dict[str, Any]]:
    """Custom formats for the constructor of npm's `iso_8583`."""
    packed = wire == "bcd"
    formats: dict[str, dict[str, Any]] = {
        "0": {"ContentType": "n", "Label": "MTI", "LenType": "fixed", "MaxLen": _MTI},
        "1": {"ContentType": "b", "Label": "Bitmap", "LenType": "fixed", "MaxLen": _BITMAP},
    }
    for f in fields():
        length = f.length
        if f.kind == "b":
            kind = "z" if f.prefix else "b"  # of a fixed binary field it counts hexadecimal digits
            length = length if f.prefix else 2 * length
        elif packed and f.kind == "n" and not f.prefix:
            kind, length = "b", length + length % 2
        else:
            kind = "n" if f.kind == "n" else "z"
        size = "fixed" if not f.prefix else "l" * f.prefix + "var"
        formats[str(f.de)] = {"ContentType": kind, "Label": f.meaning, "LenType": size, "MaxLen": length}
    return formats


def iso8583sim(wire: str) -> dict[str, Any]:
    """A rules file; `fields` are definitions in that program's own words, `content` says what a variable one holds."""
    types = {"n": "n", "an": "an", "ans": "s", "b": "b"}
    variable = {2: "ll", 3: "lll"}
    requests = [mti for request, _ in layouts.MESSAGES for mti in request.split("/")]
    return {
        "rules": [{"match": {"mti": requests}, "respond": responses()[0].code}],
        "format": "bcd" if wire == "bcd" else "ascii-binary",
        "header": "2b",
        "tpdu": wire == "bcd",
        "mac": "AES-CMAC, 8 bytes",
        "fields": {
            str(f.de): {
                "field_type": variable.get(f.prefix, types[f.kind]),
                "content": types[f.kind],
                "max_length": f.length,
                "description": f.meaning,
            }
            for f in fields()
        },
        "echoed": {
            answer: [de for de in layouts.PRESENCE if layouts.letter(de, answer) == "E"]
            for _, answer in layouts.MESSAGES
        },
    }


def specification(codec: str, wire: str) -> dict[str, Any]:
    """The specification of one of CODECS in one of WIRES."""
    return {"pyiso8583": pyiso8583, "iso_8583": iso_8583, "iso8583sim": iso8583sim}[codec](wire)
