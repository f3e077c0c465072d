"""The mutations still fit the product: a stale one would guard nothing, and `make mutants` is not part of every run."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tools.mutants.__main__ import unbroken

ROOT = Path(__file__).resolve().parents[2]
LISTS = sorted((ROOT / "tools" / "mutants").glob("*.toml"))


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_every_mutation_finds_its_place_once_and_names_a_test_that_is_there(path: Path) -> None:
    for mutant in tomllib.loads(path.read_text(encoding="utf-8"))["mutant"]:
        text = (ROOT / mutant["file"]).read_text(encoding="utf-8")
        assert text.count(mutant["old"]) == 1, f"{mutant['name']} is stale"
        assert mutant["new"] != mutant["old"], mutant["name"]
        assert (ROOT / mutant["test"].split()[0].split("::")[0]).exists(), mutant["name"]


def test_what_has_to_be_green_first_is_all_that_is_named_and_no_more() -> None:
    named = ["a.py", "a.py -k x", "a.py::t", "b.py -k x", "b.py -k y", "b.py -k six-of", "b.py::t", "c.py d.py"]
    assert unbroken(named) == ["a.py", "b.py -k 'x or y'", "b.py -k six-of", "b.py::t", "c.py d.py"]
