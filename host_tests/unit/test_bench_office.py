"""The office at several desks at once, and the files terminals' keys are kept in: nothing twice, no key lost."""

import json
import os
import threading
from functools import partial

import pytest
from click.testing import CliRunner

from host_tests.unit.bench_client import KEY_IN, KEY_OUT, TERMINAL, furnish
from tools.bench_switch import Ledger, LedgerError, cli_keychange, cli_terminals, keychange
from tools.bench_switch.cli import main
from tools.bench_switch.office import Entry

ROUNDS = 12


def together(*calls):
    """What each call came to, all begun at once: "" or the code it was refused with."""
    gate, said = threading.Barrier(len(calls)), [""] * len(calls)

    def run(at, call):
        gate.wait()
        try:
            call()
        except LedgerError as error:
            said[at] = error.code

    threads = [threading.Thread(target=run, args=(at, call)) for at, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(said)


def test_two_desks_at_once_make_one_member_and_one_card(shared_database):
    here, there = Ledger(shared_database), Ledger(shared_database)
    furnish(here)
    for n in range(ROUNDS):
        name, uid, terminal = f"reza {'abcdefghijkl'[n]}", f"AA0000{n:02X}", (f"SHOP{n:04}", "SHOP", KEY_OUT, KEY_IN)
        for mine, other, code in (
            (partial(here.add_member, name), partial(there.add_member, name), "B11"),
            (partial(here.add_member, f"a {name}"), partial(there.take_in, [Entry(7000 + n, f"a {name}")]), "B11"),
            (partial(here.add_member, f"x {name}", 100 + n), partial(there.add_member, f"y {name}", 100 + n), "B11"),
            (partial(here.add_card, uid, "ali"), partial(there.add_card, uid, "sara"), "B21"),
            (partial(here.add_terminal, *terminal), partial(there.add_terminal, *terminal), "B31"),
        ):
            assert together(mine, other) == ["", code]
    names = [row.name for row in here.members()]
    assert len(names) == len(set(names))
    assert here.check() == []
    here.close()
    there.close()


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def invoke(*words, code=0):
        done = CliRunner().invoke(main, list(words))
        assert done.exit_code == code, done.output
        assert "Traceback" not in done.output
        return done.output

    return invoke


def terminals():
    ledger = Ledger("sqlite:///build/bench-switch.db")
    rows = ledger.terminals()
    ledger.close()
    return rows


def test_a_terminal_whose_keys_cannot_be_written_is_not_in_the_books(run, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    assert "[B05]" in run("terminal", "add", TERMINAL, "--merchant", "SHOP", "--keys", "file/keys.json", code=1)
    assert terminals() == []

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(cli_terminals.os, "fsync", full)
        assert "No space left" in run("terminal", "add", TERMINAL, "--merchant", "SHOP", code=1)
    assert terminals() == []
    assert not list((tmp_path / "build" / "terminals").iterdir()), "half a file would be taken for a whole one"
    run("terminal", "add", TERMINAL, "--merchant", "SHOP")
    keys = json.loads((tmp_path / "build" / "terminals" / f"{TERMINAL}.keys.json").read_text())
    assert [row.mac_out for row in terminals()] == [keys["mac_out"]]


def test_keys_of_a_terminal_the_books_refuse_are_not_left_lying(run, tmp_path):
    run("terminal", "add", TERMINAL, "--merchant", "SHOP")
    assert "[B31]" in run("terminal", "add", TERMINAL, "--merchant", "SHOP", "--keys", "again.json", code=1)
    assert not (tmp_path / "again.json").exists()
    before = (tmp_path / "build" / "terminals" / f"{TERMINAL}.keys.json").read_bytes()
    assert "[B31]" in run("terminal", "add", TERMINAL, "--merchant", "SHOP", code=1)
    assert (tmp_path / "build" / "terminals" / f"{TERMINAL}.keys.json").read_bytes() == before


@pytest.mark.parametrize("name", ["../A", "A/B", "A\\B", " A", "A ", "", "A" * 9, "\t", "ÄB", "²"])
def test_an_id_is_what_its_field_can_say_and_a_file_can_be_named_by(run, tmp_path, name):
    assert "[B32]" in run("terminal", "add", "--merchant", "SHOP", "--", name, code=1)
    assert not (tmp_path / "build" / "terminals").exists()
    ledger = Ledger("sqlite://")
    with pytest.raises(LedgerError, match="B32"):
        ledger.add_terminal(name, "SHOP", KEY_OUT, KEY_IN)
    if not set(name) & set("/\\"):
        with pytest.raises(LedgerError, match="B32"):
            ledger.add_terminal("A", name + " " * 15, KEY_OUT, KEY_IN)
    ledger.close()


def test_new_keys_that_cannot_be_written_are_not_announced(run, tmp_path, monkeypatch):
    run("terminal", "add", TERMINAL, "--merchant", "SHOP")
    path = tmp_path / "build" / "terminals" / f"{TERMINAL}.keys.json"
    before = path.read_bytes()

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(cli_keychange.os, "fsync", full)
        assert "[B05]" in run("terminal", "rekey", TERMINAL, code=1)
    assert path.read_bytes() == before
    assert "nothing is announced" in run("terminal", "rekey", TERMINAL, "--show")
    run("terminal", "rekey", TERMINAL)
    ledger = Ledger("sqlite:///build/bench-switch.db")
    assert json.loads(path.read_text())["mac_out"] == keychange.waiting(ledger, TERMINAL).mac_out
    ledger.close()
    assert sorted(os.listdir(path.parent)) == [f"{TERMINAL}.keys.json", "card-group.hex"]
    run("terminal", "rekey", TERMINAL, "--cancel")
    assert path.read_bytes() == before
    path.write_text("[]")
    assert "[B33]" in run("terminal", "rekey", TERMINAL, "--cancel", code=1)
