"""Sources as they are compiled: names of numbers gone where that is certain, everything else and each line kept."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tools.firmware.lean import lean, module_of
from tools.sim import image

ROOT = Path(__file__).resolve().parents[2]
TABLE = "firmware/switch/profile.py"


def of(source: str, **others: str) -> str:
    """This source among two modules with constants, as it is compiled."""
    sources = {
        "firmware/kinds.py": "from micropython import const\nSALE = const(7)\nNONE = const(-1)\n_OWN = const(3)\n"
        "LARGE = const(0x40000000)\nWORDS = const('a')\nplain = 5\nSUM = const(1 + 2)\ndef f(): return SALE\n",
        TABLE: "from micropython import const\nTAG = const(9)\nROWS = (1,)\ndef first(): return TAG + ROWS[0]\n",
        "a.py": source,
        **others,
    }
    return lean({path: text.encode() for path, text in sources.items()})["a.py"].decode()


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ("from firmware.kinds import SALE\nx = SALE\n", "pass\nx = 7\n"),
        ("from firmware.kinds import NONE\nx = 3-NONE\n", "pass\nx = 3-(-1)\n"),
        ("from firmware.kinds import SALE, f\nx = f(SALE)\n", "from firmware.kinds import f\nx = f(7)\n"),
        ("from firmware.kinds import SALE as S\nx = S\n", "pass\nx = 7\n"),
        (
            "from firmware.kinds import (\n    SALE,\n    f,\n)\ny = SALE\n",
            "from firmware.kinds import f\n\n\n\ny = 7\n",
        ),
        ("def g():\n    from firmware.kinds import SALE\n    return SALE\n", "def g():\n    pass\n    return 7\n"),
        ("from firmware import kinds\nx = kinds.SALE, kinds.f\n", "from firmware import kinds\nx = 7, kinds.f\n"),
        ("from firmware.kinds import SALE\nx = SALE.to_bytes(1, 'big')\n", "pass\nx = (7).to_bytes(1, 'big')\n"),
        ("from firmware.kinds import SALE\nx = 'لی', SALE\n", "pass\nx = 'لی', 7\n"),
        ("TYPE_CHECKING = False\nx = 1\n", "TYPE_CHECKING = False\nx = 1\n"),
        ("x = 1\n\nTYPE_CHECKING = False\nif TYPE_CHECKING:\n    y = 2\n", "x = 1\n\n\nif 0:\n    y = 2\n"),
    ],
)
def test_a_number_of_another_module_stands_in_place_of_its_name(source: str, made: str) -> None:
    assert of(source) == made


@pytest.mark.parametrize(
    "source",
    [
        "from firmware.kinds import LARGE, WORDS, plain, SUM\nx = LARGE, WORDS, plain, SUM\n",
        "from firmware.kinds import SALE\nSALE = 8\nx = SALE\n",
        "from firmware.kinds import SALE\ndef g(SALE): return SALE\n",
        "from firmware.kinds import SALE\nfor SALE in (1, 2): pass\n",
        "from firmware.kinds import SALE\ndef g():\n    global SALE\n",
        "from firmware import kinds\ndef g(kinds): return kinds.SALE\n",
        "from elsewhere import SALE\nx = SALE\n",
        "from firmware.kinds import SALE\ndef g():\n    from other import SALE\n    return SALE\n",
    ],
)
def test_what_is_doubtful_stays(source: str) -> None:
    assert of(source) == source


def test_a_module_keeps_its_constants_for_the_prompt_and_a_table_does_not() -> None:
    both = {"k.py": b"from micropython import const\nA = const(1)\nx = A\n", TABLE: b"TAG = const(9)\nx = TAG\n"}
    made = lean(both)
    assert made["k.py"] == both["k.py"]
    assert made[TABLE] == b"\nx = 9\n"
    with pytest.raises(ValueError, match="a: TAG has no name on a terminal"):
        of("from firmware.switch.profile import TAG\nTAG = TAG + 1\n")


def test_every_name_that_the_firmware_imports_is_there() -> None:
    made = image.lean_sources(ROOT)
    trees = {module_of(path): ast.parse(source) for path, source in made.items()}
    # What a technician's tool runs at the prompt is sent as it is: of a number only its own module has the name.
    sent = {path.name: ast.parse(path.read_text(encoding="utf-8")) for path in ROOT.glob("tools/**/*on_terminal.py")}
    assert len(sent) > 5
    for module, tree in {**trees, **sent}.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module in trees:
                there = set(_made_in(trees[node.module]))
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    assert alias.name in there or whole in trees, f"{module} imports {alias.name} from {node.module}"
    for path, source in made.items():
        assert source.count(b"\n") == (ROOT / path).read_bytes().count(b"\n"), path
    assert not [name for name in _made_in(trees["firmware.switch.profile"]) if name.startswith("TAG_")]


def _made_in(tree: ast.Module) -> list[str]:
    """The names of a module: what stands at its top, and beneath an `if` or `try` there."""
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.append(node.id)
        elif isinstance(node, ast.ImportFrom):
            names += [alias.asname or alias.name for alias in node.names]
    return names
