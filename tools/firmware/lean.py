"""The firmware's sources without what takes room on a terminal and does nothing there; every line keeps its number.

* What only a type checker reads: the compiler cannot know that `TYPE_CHECKING` stays False.
* Names of numbers. MicroPython's `const` works within one module: a constant of another is imported, and so has a name
  in two dictionaries of the heap, an import that runs at each start and a look-up at each use. Here its number stands
  in place of the name. The constant keeps its name where it is made, for the prompt and for programs that a technician
  runs; only tables of numbers (`_TABLES`) that nobody types names of lose them.

Anything doubtful stays as it is: a name that the module also binds in another way, a constant that is no plain number,
one that a board with 32-bit words would keep in the heap.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

_TABLES = ("firmware.switch.profile",)
_SMALL = 1 << 30  # beyond it a 32-bit MicroPython makes an object


def module_of(path: str) -> str:
    """The name by which a file of the tree is imported."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def lean(sources: Mapping[str, bytes]) -> dict[str, bytes]:
    """All modules of a tree, path -> source, as they are compiled. Raises ValueError where a table's number is used in
    a way that needs its name."""
    bare = {path: without_types(source) for path, source in sources.items()}
    trees = {path: ast.parse(source, path) for path, source in bare.items()}
    numbers = {module_of(path): _numbers(tree) for path, tree in trees.items()}
    return {path: _Module(module_of(path), bare[path], tree, numbers).written() for path, tree in trees.items()}


def without_types(source: bytes) -> bytes:
    """One module without what only a type checker reads."""
    return source.replace(b"\nTYPE_CHECKING = False\n", b"\n\n").replace(b"if TYPE_CHECKING:\n", b"if 0:\n")


def _numbers(tree: ast.Module) -> dict[str, int]:
    """Public constants that are plain small numbers."""
    found: dict[str, int] = {}
    for name, node in _definitions(tree):
        try:
            value = ast.literal_eval(node)
        except ValueError:
            continue
        if type(value) is int and abs(value) < _SMALL and not name.startswith("_"):
            found[name] = value
    return found


def _definitions(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """`NAME = const(...)`: name, and what is in the brackets."""
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Name(id="const"), args=[value])):
                yield name, value
            case _:
                pass


@dataclass
class _Module:
    """One module and the numbers of all."""

    name: str
    source: bytes
    tree: ast.Module
    numbers: Mapping[str, Mapping[str, int]]
    _edits: list[tuple[int, int, bytes]] = field(default_factory=list)

    def written(self) -> bytes:
        starts = [0]
        for line in self.source.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        own = dict(self.numbers[self.name]) if self.name in _TABLES else {}
        nodes = list(ast.walk(self.tree))
        asked = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}  # 3.to_bytes is no expression
        known, modules = self._bound(nodes)
        for node in nodes:
            value: int | None = None
            match node:
                case ast.ImportFrom(module=str(module)):
                    self._import(node, module, known, starts)
                case ast.Assign(targets=[ast.Name(id=name)]) if node in self.tree.body and name in own:
                    self._replace(node, b"", starts)
                case ast.Name(id=name, ctx=ast.Load()):
                    value = known.get(name, own.get(name))
                case ast.Attribute(value=ast.Name(id=base), attr=name, ctx=ast.Load()) if base in modules:
                    value = self.numbers[modules[base]].get(name)
                case _:
                    pass
            if value is not None:
                assert isinstance(node, ast.expr)
                self._replace(node, b"%d" % value if value >= 0 and id(node) not in asked else b"(%d)" % value, starts)
        made = self.source
        for start, end, text in sorted(self._edits, reverse=True):
            made = made[:start] + text + made[end:]
        return made

    def _bound(self, nodes: Sequence[ast.AST]) -> tuple[dict[str, int], dict[str, str]]:
        """What imports bind here: names of numbers, names of modules; without those that are bound in two ways."""
        numbers: dict[str, int] = {}
        modules: dict[str, str] = {}
        bound: dict[str, set[object]] = {}
        for node in nodes:
            match node:
                case ast.ImportFrom(module=str(module), names=names):
                    for alias in names:
                        name, whole = alias.asname or alias.name, f"{module}.{alias.name}"
                        bound.setdefault(name, set()).add(whole)
                        if alias.name in self.numbers.get(module, ()):
                            numbers[name] = self.numbers[module][alias.name]
                        elif whole in self.numbers:
                            modules[name] = whole
                case ast.Import(names=names):
                    for alias in names:
                        bound.setdefault(alias.asname or alias.name.partition(".")[0], set()).add(alias.name)
                case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
                    bound.setdefault(name, set()).add(node)
                case (
                    ast.FunctionDef(name=name)
                    | ast.AsyncFunctionDef(name=name)
                    | ast.ClassDef(name=name)
                    | ast.ExceptHandler(name=str(name))
                ):
                    bound.setdefault(name, set()).add(node)
                case ast.Global(names=names) | ast.Nonlocal(names=names):
                    for name in names:
                        bound.setdefault(name, set()).add(node)
                case _:
                    pass
        single = {name for name, ways in bound.items() if len(ways) == 1}
        return (
            {name: value for name, value in numbers.items() if name in single},
            {name: module for name, module in modules.items() if name in single},
        )

    def _import(self, node: ast.ImportFrom, module: str, known: Mapping[str, int], starts: list[int]) -> None:
        """Without the names of numbers; a statement stays, for a block must not be empty."""
        numbers = self.numbers.get(module, ())
        kept = [alias for alias in node.names if alias.name not in numbers or (alias.asname or alias.name) not in known]
        lost = [alias.name for alias in kept if module in _TABLES and alias.name in numbers]
        if lost:
            raise ValueError(f"{self.name}: {lost[0]} has no name on a terminal; bind nothing else to it here")
        if len(kept) < len(node.names):
            text = ast.unparse(ast.ImportFrom(module, kept, node.level)) if kept else "pass"
            self._replace(node, text.encode(), starts)

    def _replace(self, node: ast.stmt | ast.expr, text: bytes, starts: list[int]) -> None:
        assert node.end_lineno is not None and node.end_col_offset is not None
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        self._edits.append((start, end, text + self.source[start:end].count(b"\n") * b"\n"))
