"""Rarely wanted modules: one and the same to all as long as a visit lasts, gone after the last, whole or not at all."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from firmware.core import visiting
from firmware.core.visiting import Visit, only_visit, visit

NAMES = ("house_of_visits.guest", "house_of_visits.ill", "house_of_visits.lodger")


@pytest.fixture(autouse=True)
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A package of a rare module, one that breaks off while it is loaded, and one that stays."""
    package = tmp_path / "house_of_visits"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "guest.py").write_text("class Trouble(Exception):\n    pass\n")
    (package / "ill.py").write_text("from house_of_visits import guest\nraise MemoryError\n")
    (package / "lodger.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    thresholds = [-1]

    def threshold(*value: int) -> int:
        thresholds.extend(value)
        return thresholds[-1]

    monkeypatch.setattr(visiting, "gc", SimpleNamespace(collect=lambda: None, threshold=threshold))
    over: list[int] = []
    monkeypatch.setattr(visiting, "when_over", [lambda: over.append(1)])
    only_visit("house_of_visits.guest house_of_visits.ill")
    yield SimpleNamespace(thresholds=thresholds, over=over)
    only_visit("")
    assert Visit.lasting == 0
    for name in ("house_of_visits", *NAMES):
        sys.modules.pop(name, None)


def here(name: str) -> bool:
    package = sys.modules.get("house_of_visits")
    assert (name in sys.modules) == hasattr(package, name.rpartition(".")[2])
    return name in sys.modules


def test_a_rare_module_goes_after_its_visit_and_another_stays(house) -> None:
    importlib.import_module("house_of_visits.lodger")
    with visit("house_of_visits.guest"):
        assert here("house_of_visits.guest")
    assert not here("house_of_visits.guest")
    assert here("house_of_visits.lodger")
    assert house.over == [1]
    assert house.thresholds[1] > 0 > house.thresholds[-1], (
        "collected often while it is loaded, and as before afterwards"
    )


def test_as_long_as_one_visit_lasts_all_get_the_same_classes(house) -> None:
    long = visit("house_of_visits.guest").begin()
    first = sys.modules["house_of_visits.guest"].Trouble
    with visit("house_of_visits.guest"):
        assert sys.modules["house_of_visits.guest"].Trouble is first
    assert here("house_of_visits.guest") and not house.over
    long.end()
    assert not here("house_of_visits.guest")


def test_a_story_that_fails_ends_its_visit() -> None:
    with pytest.raises(ValueError), visit("house_of_visits.guest"):  # noqa: PT011 (any)
        raise ValueError
    assert not here("house_of_visits.guest")


def test_a_heap_without_room_leaves_nothing_half_loaded(house) -> None:
    with pytest.raises(MemoryError):
        visit("house_of_visits.ill")
    assert not here("house_of_visits.guest") and "house_of_visits.ill" not in sys.modules
    assert house.thresholds[-1] == -1


def test_where_nobody_tells_what_is_rare_all_stay() -> None:
    only_visit("")
    importlib.import_module("house_of_visits.guest")
    with visit("house_of_visits.guest"):
        pass
    assert here("house_of_visits.guest")
