"""What loaded code takes of the heap, module by module, before anything runs: measured on MicroPython itself.

Every module that a running terminal of default settings has loaded (tools.bench.loaded asks one; the boards differ in
their member cache) is imported, one by one, in the order in which they need one another; what the heap grew by after a
collection is the module's. Twice: from .mpy files, where all of it is in the heap, and from a ROM file system, where
byte code and the characters of strings stay where they are. The difference is `code`, plain bytes that are as large on
a board with 32-bit pointers. The rest is `structures`: function and class objects, dictionaries of modules and classes,
tables of constants and of names. They are made of pointers and take half on a board.

Frozen into the image, a module leaves less: names and constants are in flash too, and only what its body makes when it
runs is in the heap. That is measured by running each body once more, already compiled, beside the loaded modules.

No byte is in both. Against a 32-bit interpreter (the WebAssembly port, 1.27) code + structures / 2 was right within
0.2 %. The size of the .mpy files says less: what a module does at import is freed again, names are shared.
Bytes of a 64-bit heap.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tools.bench.loaded import loaded
from tools.firmware.build import write
from tools.firmware.romfs import rom_image
from tools.sim import image

# Modules of the runtime are there before ours, as they are frozen or in C on a board.
_PROGRAM = """
import gc, json, sys
import array, asyncio, binascii, collections, cryptolib, framebuf, hashlib, io, os, select, struct, time, tls, vfs
if {rom}:
    vfs.mount(vfs.VfsRom(memoryview(open({place!r}, "rb").read())), "/rom")
sys.path[:] = ["/rom" if {rom} else {place!r}, ".frozen"]
sizes = []
for name in {names!r}:
    gc.collect()
    before = gc.mem_alloc()
    __import__(name)
    gc.collect()
    sizes.append(gc.mem_alloc() - before)
print(json.dumps(sizes))
"""
_BODIES = """
import gc, json, sys
sys.path[:] = [{tree!r}, ".frozen"]
names = {names!r}
for name in names:
    __import__(name)
made, size = [], 0
for name in names:
    with open({tree!r} + "/" + name.replace(".", "/") + ".py") as file:
        body = compile(file.read(), name, "exec")
    gc.collect()
    before = gc.mem_alloc()
    made.append({{"__name__": name}})
    exec(body, made[-1])
    gc.collect()
    size += gc.mem_alloc() - before
print(json.dumps(size))
"""


@dataclass(frozen=True)
class Module:
    """One loaded module; the table of names grows in steps, and whoever takes it over the edge is charged for it."""

    name: str
    mpy: int
    code: int
    structures: int


def _measure(place: Path, names: Sequence[str], *, rom: bool) -> list[int]:
    return _run(_PROGRAM.format(rom=rom, place=str(place), names=names))


def _run(program: str) -> Any:
    command = [sys.executable, "-m", "micropython_unix", "-X", "heapsize=8M", "-c", program]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise RuntimeError(f"importing the product on MicroPython failed: {done.stderr[-500:]}")
    return json.loads(done.stdout)


def measured(files: dict[str, bytes], names: Sequence[str]) -> list[Module]:
    """These modules, imported in this order from these .mpy files."""
    with TemporaryDirectory() as folder:
        place, rom = Path(folder) / "files", Path(folder) / "rom"
        write(place, files)
        rom.write_bytes(rom_image(files))
        in_heap, in_rom = _measure(place, names, rom=False), _measure(rom, names, rom=True)
    sizes = (len(files[f"{name.replace('.', '/')}.mpy"]) for name in names)
    return [Module(name, size, a - b, b) for name, size, a, b in zip(names, sizes, in_heap, in_rom, strict=True)]


def modules(board: str) -> list[Module]:
    """All that the product loads on this board."""
    staged = image.compiled_modules(image.REPOSITORY, board)
    files = {name: data for name, data in staged.items() if name.endswith(".mpy")}
    return measured(files, loaded(board))


def frozen_structures(board: str) -> int:
    """What is left of all structures when the code is frozen into the image."""
    with TemporaryDirectory() as folder:
        write(Path(folder), image.lean_sources(image.REPOSITORY))
        return _run(_BODIES.format(tree=folder, names=loaded(board)))
