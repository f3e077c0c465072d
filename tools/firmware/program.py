"""The signed program of a terminal: which modules it holds, and what its manifest says of it.

A program is the bundle of all modules behind a signed head (tools.release.program); safe mode has a small one of its
own. Numbers come from the tree's own firmware/version.py and boot.py. The same tree gives the same bytes.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

from tools.release import development
from tools.release.program import SignsAsKey, program_file
from tools.sim.bundle import bundle
from tools.texts.table import compiled, languages

_NAMES = ("VERSION", "BUILD", "EPOCH", "BUILT_UTC", "ABI")
_STAGE = "vafa_stage"
_NO_VERSION = {"VERSION": "0.0.0", "BUILD": 1, "EPOCH": 1, "BUILT_UTC": 0, "ABI": 6}


def numbers(tree: Path) -> dict[str, int | str]:
    """What firmware/version.py of this tree says, and boot.py of its `stage`; defaults for a tree without."""
    found: dict[str, int | str] = dict(_NO_VERSION)
    version = tree / "firmware" / "version.py"
    if version.exists():
        found |= _constants(version.read_text(), _NAMES)
    boot = tree / "boot.py"
    said = _constants(boot.read_text(), (_STAGE,)) if boot.exists() else {}
    return {**found, "stage": said.get(_STAGE, 1)}


def _constants(source: str, names: tuple[str, ...]) -> dict[str, int | str]:
    return {
        target.id: ast.literal_eval(node.value)
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id in names
    }


@dataclass(frozen=True)
class Signing:
    """Who signs: two keys as (place in the root file, key), and the root file and channel they belong to."""

    signers: tuple[tuple[int, SignsAsKey], ...]
    root: int
    channel: str


def development_keys() -> Signing:
    """Two of the keys that are public on purpose."""
    first, second, _ = development.signers()
    return Signing(((0, first), (1, second)), 1, development.CHANNEL)


def slot(modules: dict[str, bytes], tree: Path, board: str, signing: Signing | None = None) -> bytes:
    """The `.vfu` of these modules, signed with the keys of development unless told others."""
    facts, signing = numbers(tree), signing or development_keys()
    return program_file(
        bundle(modules),
        board=board,
        version=str(facts["VERSION"]),
        build=int(facts["BUILD"]),
        epoch=int(facts["EPOCH"]),
        abi=int(facts["ABI"]),
        stage=int(facts["stage"]),
        made_utc=int(facts["BUILT_UTC"]),
        signers=signing.signers,
        root=signing.root,
        channel=signing.channel,
    )


def for_board(modules: dict[str, bytes], board: str) -> dict[str, bytes]:
    """Without what this board never loads."""
    others = {f"firmware/store/{name}.mpy" for name in _NOT_ON.get(board, ())}
    return {name: content for name, content in modules.items() if name not in others}


# --- safe mode --------------------------------------------------------------------------------------------------------

_SAFE_ROOTS = (
    "firmware.service.safe",
    "firmware.board",
    "firmware.service.rpc",
    "firmware.service.methods.base",
    "firmware.service.methods.device",
    "firmware.service.faults",
)
# What safe mode never calls: chips other than the screen, and whatever opens the store to sell.
_NOT_SAFE = (
    "drivers.rc522",
    "drivers.keypad",
    "drivers.buzzer",
    "drivers.leds",
    "drivers.escpos",
    "drivers.ds3231",
    "firmware.service.methods.health",
)
_TEXTS, _GLYPHS = "firmware/text/texts.tbl", "firmware/screen/script.tbl"
# The texts of its screen, and of the codes an update can end with: many texts make a better alphabet than few.
_SAID = re.compile(r"[FUX]\d\d|big_no_sale")
SAFE_SOURCE = "firmware/service/safe.py"
WITHOUT_SAFE = ("pico",)  # no room: safe mode runs from the slot there
_OURS = ("firmware", "drivers")
# Each board's member cache; the other one has no business there, and the small board no room for it.
_NOT_ON = {
    "s3": ("buckets", "bucket_sector"),
    "pico": ("members", "member_index", "index", "summary"),
}


def safe_modules(tree: Path) -> list[str]:
    """Every module safe mode can reach, imports within functions too."""
    found: set[str] = set()

    def visit(name: str) -> None:
        path = tree / (name.replace(".", "/") + ".py")
        if not path.exists():
            path = tree / name.replace(".", "/") / "__init__.py"
        if name in found or name in _NOT_SAFE or not path.exists():
            return
        found.add(name)
        parent = name.rpartition(".")[0]
        if parent:
            visit(parent)
        for needed in _imports(ast.parse(path.read_text(encoding="utf-8"))):
            visit(needed)

    for root in _SAFE_ROOTS:
        visit(root)
    return sorted(found)


def safe(modules: dict[str, bytes], tree: Path, board: str, signing: Signing | None = None) -> bytes:
    """The `.vfu` of safe mode: what it can reach, and the two texts of its screen in every language."""
    files = {_TEXTS: compiled([{n: text for n, text in texts.items() if _SAID.fullmatch(n)} for texts in languages()])}
    if _GLYPHS in modules:
        files[_GLYPHS] = modules[_GLYPHS]
    for name in safe_modules(tree):
        path = name.replace(".", "/")
        package = f"{path}/__init__.mpy"
        at = package if package in modules else f"{path}.mpy"
        files[at] = modules[at]
    return slot(files, tree, board, signing)


def _imports(node: ast.AST) -> list[str]:
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return []
    names: list[str] = []
    if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in _OURS:
        names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    elif isinstance(node, ast.Import):
        names = [alias.name for alias in node.names if alias.name.partition(".")[0] in _OURS]
    for child in ast.iter_child_nodes(node):
        names += _imports(child)
    return names
