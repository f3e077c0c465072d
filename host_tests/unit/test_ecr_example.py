"""The example register: a sale that stands in its books is told as sold, whatever becomes of the cable after it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tools.ecr import example
from tools.ecr.register import Outcome
from tools.rpc.client import NoAnswer


class CableOut:
    """A register whose terminal is gone as soon as it has sold."""

    def __init__(self) -> None:
        self.sold: list[str] = []

    def sell(self, ref: str, **_: Any) -> Outcome:
        self.sold.append(ref)
        return Outcome(ref, "approved", 125, 0, 125_000)

    def booked(self, ref: str) -> None:
        raise NoAnswer(f"no answer to sale.booked {ref}")


@pytest.fixture
def books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(example, "BOOKS", tmp_path / "register-books.json")
    return example.load()


def test_a_cable_lost_behind_the_sale_is_a_sale(books: dict[str, Any]) -> None:
    register = CableOut()
    assert example.sale(register, books, {"amount": 125_000, "use": "earn"})  # type: ignore[arg-type]
    kept = example.load()
    assert (len(register.sold), len(kept["booked"]), kept["open"]) == (1, 1, None)
