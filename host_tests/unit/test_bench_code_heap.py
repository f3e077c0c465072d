"""What the heap figures call code and structures is what MicroPython took, nothing twice and nothing left out."""

from __future__ import annotations

from pathlib import Path

from tools.bench import code_heap
from tools.sim import image


def _tree(folder: Path, main: str, **modules: str) -> Path:
    (folder / "firmware").mkdir()
    (folder / "main.py").write_text(main)
    for name, text in {"__init__": "", **modules}.items():
        (folder / "firmware" / f"{name}.py").write_text(text)
    return folder


def test_loaded_is_what_main_reaches_in_functions_too_and_not_what_only_the_type_checker_reads(tmp_path: Path) -> None:
    main = "def run():\n    from firmware import app\n    import firmware.once\n    del sys.modules['firmware.once']\n"
    app = "from firmware.low import x\nif TYPE_CHECKING:\n    from firmware.ports import P\n"
    tree = _tree(tmp_path, main, app=app, low="x = 1\n", ports="", once="", unused="")
    assert code_heap.loaded_modules(tree) == ["firmware.low", "firmware.app"]


def test_characters_are_code_and_objects_are_structures() -> None:
    """A module of one long string is code; one of many small functions is mostly structures."""
    text = image.compile_module(b'T = """' + b"words " * 1000 + b'"""\n', "firmware/a.py")
    functions = "".join(f"def f{n}(): pass\n" for n in range(100)).encode()
    many = image.compile_module(functions, "firmware/b.py")
    files = {"firmware/__init__.mpy": image.compile_module(b"", "firmware/__init__.py")}
    long, small = code_heap.measured(
        {**files, "firmware/a.mpy": text, "firmware/b.mpy": many}, ["firmware.a", "firmware.b"]
    )
    assert 6000 <= long.code <= 6100
    assert long.structures < 1000
    assert small.structures >= 100 * 64  # a function object and its descriptor, 32 bytes each at least
    assert small.code < small.structures
