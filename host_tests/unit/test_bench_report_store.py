"""The peers of the store's rows are measured in the same run, and the best of them stands there."""

import pytest

from tools.bench import store_costs, store_rivals
from tools.bench.__main__ import PARTS
from tools.bench.store_rivals import Cost


@pytest.fixture
def costs(monkeypatch: pytest.MonkeyPatch) -> dict[str, Cost]:
    measured = {
        "littlefs-append": Cost(1.0, 2_000, 18, 5_000, 2),
        "file-each": Cost(0.2, 400, 4, 50_000, 2),
        "json-file": Cost(2.0, 300, 37, 6_000, 2),
        "journal": Cost(0.01, 60, 1, 4_000, 1),
    }
    monkeypatch.setattr(store_rivals, "measure", lambda _what: measured)
    return measured


def test_the_best_other_way_stands_beside_each_figure_and_never_ours(costs: dict[str, Cost]) -> None:
    peers = store_rivals.store_peers()
    assert peers["store.erases.offline"] == peers["store.erases.online"] == ("file-each", 0.2)
    assert peers["store.bytes.offline"] == ("json-file", 300)
    assert peers["store.programs.online"] == ("file-each", 4)
    assert peers["store.append_ms"] == ("file-each", pytest.approx(4 * 0.4 + 0.2 * 45))
    del costs["file-each"]
    assert store_rivals.store_peers()["store.erases.offline"] == ("littlefs-append", 1.0)


@pytest.mark.usefixtures("costs")
def test_every_peer_of_a_store_row_is_of_this_run(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = (*store_rivals.store_peers(), "store.erases.offline.pico", "store.capacity", "store.boot_bytes")
    monkeypatch.setattr(store_costs, "rows", lambda: [(key, 1.0, "", None, None) for key in keys])
    rows = {row.key: row for row in PARTS["store"]()}
    assert {key: (row.peer, row.peer_value) for key, row in rows.items() if row.peer} == store_rivals.store_peers()
    assert {key for key, row in rows.items() if not row.peer} == {
        "store.erases.offline.pico",
        "store.capacity",
        "store.boot_bytes",
    }


def test_the_rows_named_for_peers_are_rows_of_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_costs, "_SALES", 40)
    named = {key for key, *_rest in store_costs._journal_rows()}
    assert set(store_rivals._STORE_ROWS) <= named
