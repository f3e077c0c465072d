"""What each module of a board's program takes: as source, compiled, in the bundle, and in the heap when it is loaded.

The heap is measured by the real interpreter (tools.bench.code_heap): `code` are bytes that are as many on a board,
`structures` are made of pointers and take half there. Bytes; structures are given as on a board.
"""

from __future__ import annotations

import json
from pathlib import Path

from tools.bench import code_heap
from tools.bench.loaded import reachable
from tools.firmware import program
from tools.sim import image
from tools.sim.bundle import STORED_SUFFIX, deflated

_COLUMNS = ("module", "compiled", "in the bundle", "heap code", "heap structures")


def rows(tree: Path, board: str, *, heap: bool) -> list[dict[str, object]]:
    """One a file, the largest in the bundle first; without `heap` nothing is run."""
    files = program.for_board(image.compiled_modules(tree, board), board)
    sizes = {name: len(raw) if name.endswith(STORED_SUFFIX) else len(deflated(raw)) for name, raw in files.items()}
    measured = _heap(tree, files) if heap else {}
    found = []
    for name, size in sorted(sizes.items(), key=lambda item: (-item[1], item[0])):
        code, structures = measured.get(name, (0, 0))
        told = {"module": name, "compiled": len(files[name]), "in the bundle": size}
        found.append({**told, "heap code": code, "heap structures": structures} if heap else told)
    return found


def _heap(tree: Path, files: dict[str, bytes]) -> dict[str, tuple[int, int]]:
    modules = {name: raw for name, raw in files.items() if name.endswith(".mpy")}
    names = [name for name in reachable(tree) if f"{name.replace('.', '/')}.mpy" in modules]
    found = code_heap.measured(modules, names)
    return {f"{m.name.replace('.', '/')}.mpy": (m.code, m.structures // 2) for m in found}


def lines(told: list[dict[str, object]]) -> list[str]:
    """As a table for people, with a sum."""
    columns = [column for column in _COLUMNS if told and column in told[0]]
    total = {column: sum(int(str(row[column])) for row in told) for column in columns[1:]}
    body = [*told, {"module": f"{len(told)} files", **total}]
    cells = [columns, *([_cell(row[column]) for column in columns] for row in body)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(columns))]
    return [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in cells
    ]


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def written(told: list[dict[str, object]]) -> bytes:
    """For programs."""
    return json.dumps(told, indent=1).encode() + b"\n"
