"""What the heap figures call code and structures is what MicroPython took, nothing twice and nothing left out."""

from __future__ import annotations

from pathlib import Path

from tools.bench import code_heap
from tools.bench.loaded import left_out, loaded, reachable
from tools.sim import image


def _tree(folder: Path, main: str, **modules: str) -> Path:
    (folder / "firmware").mkdir()
    (folder / "main.py").write_text(main)
    for name, text in {"__init__": "", **modules}.items():
        (folder / "firmware" / f"{name}.py").write_text(text)
    return folder


def test_reachable_is_what_functions_import_too_and_not_what_only_the_type_checker_reads(tmp_path: Path) -> None:
    main = "def run():\n    from firmware import app\n    import firmware.late\n"
    app = "from firmware.low import x\nif TYPE_CHECKING:\n    from firmware.ports import P\n"
    tree = _tree(tmp_path, main, app=app, low="x = 1\n", ports="", late="", unused="")
    assert reachable(tree) == ["firmware.low", "firmware.app", "firmware.late"]


def test_loaded_is_what_a_terminal_of_this_board_and_these_settings_has_when_it_sells() -> None:
    """Counting what only another setting, another board or the start needs made the heap look fuller than it is."""
    other_ways = {"firmware.cards.aes_proof", "firmware.cards.aes_card", "firmware.cards.ev2"}
    start = {"firmware.settings", "firmware.service.provisioned", "firmware.store.vault", "firmware.store.slots"}
    index, buckets = {"firmware.store.members", "firmware.store.index"}, {"firmware.store.buckets"}
    never = other_ways | start | {"firmware.store.export", "firmware.cards.card_office"}
    s3, pico, group = set(loaded("s3")), set(loaded("pico")), set(loaded("s3", "group"))
    assert index <= s3
    assert buckets <= pico
    assert not s3 & (never | buckets)
    assert not pico & (never | index)
    assert group - s3 == other_ways
    assert {"firmware.app", "firmware.cards.aes_member", "firmware.text.catalogue", "drivers.rc522"} <= s3 & pico
    assert set(left_out("s3")) >= other_ways | start | buckets | {"firmware.store.export"}
    assert not set(left_out("s3")) & s3


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
