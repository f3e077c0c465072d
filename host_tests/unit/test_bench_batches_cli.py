"""`batch list` and `batch show`: what a person at the switch sees of a shift."""

from __future__ import annotations

import asyncio

import pytest
from click.testing import CliRunner

from firmware.switch.batch import AGREED
from host_tests.unit.batch_kit import Till
from host_tests.unit.bench_client import TERMINAL
from tools.bench_switch.cli import main


@pytest.fixture
def told(tmp_path, monkeypatch):
    """(a till whose books are a file, a function that runs a command on them)."""
    monkeypatch.setenv("COLUMNS", "200")
    url = f"sqlite:///{tmp_path}/books.db"
    till = Till(url)

    def run(*words: str) -> str:
        done = CliRunner().invoke(main, ["--database", url, "batch", *words])
        return f"{done.exit_code} {done.output}"

    yield till, run
    till.ledger.close()


def test_both_totals_and_the_newest_tag_are_shown(told):
    till, run = told
    till.a_little_of_everything()
    asyncio.run(till.close())
    tag, generation = till.journal.last_tag()
    listed = run("list")
    assert "agreed" in listed and f"{tag.hex()}@{generation}" in listed
    shown = run("show", TERMINAL, "1")
    assert shown.startswith("0 ") and "--last-tag" in shown
    assert [row.split()[1:] for row in shown.splitlines() if row.startswith("│ accruals")][0][:2] == ["accruals", "│"]
    assert "offline accruals" in shown and "voided, never sent" in shown and "upload" not in shown


def test_a_dispute_names_each_record_that_is_not_the_same(told):
    till, run = told
    till.sell()
    lost = till.redeem()
    till.switch_loses(lost.seq)
    asyncio.run(till.close())
    till.sell(64_000)
    shown = run("show", TERMINAL, "1")
    assert "disputed" in shown and "upload: 1 missing, 1 same" in shown
    assert "RE 000 50000 -500" in shown and str(lost.seq) in shown


def test_a_batch_that_is_not_there_is_an_error_with_its_code(told):
    assert "[B95]" in told[1]("show", TERMINAL, "7")


def test_books_from_before_there_were_batches_go_on(told):
    till, _ = told
    till.sell()
    with till.ledger._engine.begin() as connection:
        for table in ("batch_records", "transaction_facts", "batches"):
            connection.exec_driver_sql(f"DROP TABLE {table}")
    till.switch_reopens()
    till.sell(64_000)
    assert asyncio.run(till.close()).outcome == AGREED and till.ledger.check() == []
