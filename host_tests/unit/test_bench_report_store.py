"""The store's rows: peers are of the same run and the best of them stands there; what the device tells is checked."""

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from tools.bench import store_costs, store_device, store_rivals
from tools.bench.__main__ import PARTS
from tools.bench.store_rivals import Cost


def _cost(name: str, pending: int, erases: float, programmed: float, pages: float, worst_ms: float) -> Cost:
    return Cost(name, pending, erases, programmed, pages, pages, 5_000, 60, 2, worst_ms)


@pytest.fixture
def costs(monkeypatch: pytest.MonkeyPatch) -> list[Cost]:
    measured = [
        _cost("littlefs-append", 50, 1.0, 2_000, 18, 119),
        _cost("file-each", 50, 0.2, 400, 4, 227),
        _cost("json-file", 50, 2.0, 300, 37, 107),
        _cost("journal", 50, 0.01, 60, 1, 0.8),
        _cost("littlefs-append", 5000, 0.001, 1, 1, 1),
        Cost("file-each", 5000, full_at=1600),
        _cost("journal", 5000, 0.01, 60, 1, 0.8),
    ]
    monkeypatch.setattr(store_rivals, "measure", lambda _what: tuple(measured))
    return measured


def test_the_best_other_way_stands_beside_each_figure_and_never_ours(costs: list[Cost]) -> None:
    peers = store_rivals.store_peers()
    assert peers["store.erases.offline"] == peers["store.erases.online"] == ("file-each", 0.2)
    assert peers["store.bytes.offline"] == ("json-file", 300)
    assert peers["store.programs.online"] == ("file-each", 4)
    assert "store.append_ms" not in peers, "one append beside a whole step of theirs would be unlike things"
    assert peers["store.append_worst_ms"] == ("json-file", 107)
    costs[:] = [cost for cost in costs if cost.name != "file-each"]
    assert store_rivals.store_peers()["store.erases.offline"] == ("littlefs-append", 1.0)


@pytest.mark.usefixtures("costs")
def test_a_way_that_found_no_room_has_no_figure_and_is_nobodys_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_rivals, "_OURS", {"queue": ("journal",)})
    rows = {row.key: row for row in store_rivals.rows()}
    full = rows["rival.queue.file-each.5000.erases"]
    assert (full.value, full.unit) == (None, "full at 1600 files")
    assert rows["rival.queue.journal.5000.erases"].peer == "littlefs-append"
    assert rows["rival.queue.journal.erases"].peer == "file-each"
    assert rows["rival.queue.file-each.erases"].value == 0.2
    assert rows["rival.queue.littlefs-append.erases"].peer == ""


@pytest.mark.usefixtures("costs")
def test_every_peer_of_a_store_row_is_of_this_run(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = (*store_rivals.store_peers(), "store.erases.offline.pico", "store.capacity", "store.boot_bytes")
    monkeypatch.setattr(store_costs, "rows", lambda: [(key, 1.0, "", None, None) for key in keys])
    monkeypatch.setattr(store_device, "rows", list)
    rows = {row.key: row for row in PARTS["store"]()}
    assert {key: (row.peer, row.peer_value) for key, row in rows.items() if row.peer} == store_rivals.store_peers()
    assert {key for key, row in rows.items() if not row.peer} == {
        "store.erases.offline.pico",
        "store.capacity",
        "store.boot_bytes",
    }


@pytest.fixture(scope="module")
def day() -> dict[str, float]:
    (told,) = store_rivals.on_device("shop_day.py", "s3")
    return told


def test_the_rows_named_for_peers_are_rows_of_the_store(monkeypatch: pytest.MonkeyPatch, day: dict[str, float]) -> None:
    monkeypatch.setattr(store_costs, "_SALES", 40)
    monkeypatch.setattr(store_device, "on_device", lambda *_program: [day])
    named = {key for key, *_rest in store_costs._journal_rows() + store_device._day_rows()}
    assert set(store_rivals._STORE_ROWS) <= named


def test_no_sale_of_the_scripted_day_waits_for_an_erase(day: dict[str, float]) -> None:
    assert day["sales"] == 500
    assert 8 <= day["hours"] <= 12
    assert day["pending"] == 0, "what was sold offline is settled at the end"
    assert day["front_erases"] == day["other_erases"] == 0
    assert day["idle_erases"] > 0, "housekeeping erased nothing: the figure for sales would say nothing"
    assert day["rush"] < 1000, "no rush was long enough to wait for an erase: nothing would ever count"
    assert day["worst_idle_ms"] > 45
    again = store_rivals.on_device("shop_day.py", "s3")
    assert again == [day], "the figures are not repeatable"


def test_a_program_that_breaks_on_the_device_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = "Traceback (most recent call last):\nTypeError: no\n"
    for code, out in ((0, trace), (1, json.dumps({"what": "x"})), (0, "")):
        done = SimpleNamespace(returncode=code, stdout=out, stderr="")
        monkeypatch.setattr(subprocess, "run", lambda *_a, done=done, **_k: done)
        monkeypatch.setattr(store_rivals, "_compiled", dict)
        with pytest.raises(RuntimeError, match=r"shop_day\.py"):
            store_rivals.on_device("shop_day.py")


@pytest.mark.parametrize("way", ["json-file", "littlefs-append", "page-file", "file-each", "journal"])
def test_the_page_of_costs_quotes_what_is_measured(way: str) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "store-costs.md").read_text()
    quoted = [
        [cell.strip(" *") for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("|")
    ]
    [row] = [cells for cells in quoted if cells[:2] == [way, "50"]]
    (line,) = store_rivals.on_device("store_rivals.py", way, "50")
    measured = [f"{line['erases']:,.4g}", f"{line['programmed']:,.0f}", f"{line['programs']:,.4g}"]
    assert row[2:5] == measured
    assert row[7] == str(line["worst_erases"])
