"""Idempotence, on the whole terminal with the real client: whatever happens to the line or the power while a cash
register sells, the switch has the sale once at most, and the answer to its reference stays what it was."""

from __future__ import annotations

import itertools
import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tests.terminal.register_kit import Till, simulated_time
from tools.device import ecr_test
from tools.ecr import example
from tools.ecr.register import CashRegister, Outcome, Refused
from tools.rpc.client import Line, RpcError
from tools.sim.chips.nor import Torn

LONG = os.environ.get("VAFA_POWER") == "long"
CARD, MEMBER, AMOUNT, POINTS = "gold-card", "ali", 125_000, 125
SETTLED_MS = 45_000  # then a start counts as one that went well: several that do not lead to safe mode
_ALIKE = ("outcome", "points", "discount", "payable", "stan", "rrn")


@pytest.fixture
def till(monkeypatch: pytest.MonkeyPatch) -> Iterator[Till]:
    made = Till(again_within_s=0, outcome_s=3)
    try:
        made.open()
        simulated_time(made, monkeypatch)
        yield made
    finally:
        made.stage.close()


def paired(till: Till) -> tuple[CashRegister, str]:
    register = till.register()
    token = register.pair(till.code)
    return register, token


def customer(till: Till) -> None:
    """Lays the card on when the terminal asks for it, and takes it away again."""
    asked = any("TAP CARD" in row for row in till.stage.screen_lines())
    if asked:
        till.stage.lay(CARD)
    else:
        till.stage.remove(None)


def alike(status: dict[str, Any]) -> dict[str, Any]:
    return {name: status.get(name) for name in _ALIKE}


def booked(till: Till) -> int:
    assert till.stage.ledger_problems() == []
    return till.stage.ledger()[MEMBER] - 1000


def test_a_lost_line_a_doubled_line_and_a_pulled_cable_lose_and_double_no_sale(till: Till) -> None:
    register, token = paired(till)
    till.on_slice = lambda: customer(till)
    lost: list[bytes] = []

    def first_of_each(data: bytes) -> bool:
        method = data.partition(b'"method":"')[2].partition(b'"')[0]
        lost.append(method)
        return lost.count(method) == 1

    def twice(data: bytes) -> bool:
        assert till.cable is not None
        till.cable._port.write(data)
        return False

    def noise(data: bytes) -> bool:
        assert till.cable is not None
        till.cable._port.write(b'\xff{"half a line')
        return False

    count = itertools.count()
    pulled: list[float] = []

    def away(_line: bytes) -> bool:
        """The cable is out for four seconds from the first event on."""
        pulled[:] = pulled or [till.now()]
        return till.now() - pulled[0] < 4

    troubles: list[tuple[str, Callable[[bytes], bool] | None, Callable[[bytes], bool] | None]] = [
        ("none", None, None),
        ("each first request is lost", first_of_each, None),
        ("each request comes twice", twice, None),
        ("noise before each request", noise, None),
        ("each second line of the terminal is lost", None, lambda _line: next(count) % 2 == 0),
        ("the cable is out", None, away),
    ]
    for n, (name, lose, drop) in enumerate(troubles):
        assert till.cable is not None
        till.cable.lose, till.cable.drop = lose or (lambda _data: False), drop or (lambda _line: False)
        lost.clear()
        outcome = register.sell(f"R-{n}", AMOUNT)
        till.run(100)
        assert outcome.approved, name
        assert booked(till) == POINTS * (n + 1), name
        register.close()
        again = till.register(token)
        assert alike(again.status(f"R-{n}")) == alike(outcome.raw), name
        with pytest.raises(Refused) as found:
            again.sell(f"R-{n}", AMOUNT + 1)
        assert found.value.number == 1005
        assert again.sell(f"R-{n}", AMOUNT).rrn == outcome.rrn
        till.run(1000)
        assert booked(till) == POINTS * (n + 1), name
        register = again


def test_the_order_is_taken_within_300_ms_and_shows_what_it_is(till: Till) -> None:
    register, _ = paired(till)
    began, states = till.now(), []
    till.on_slice = lambda: customer(till) if till.now() - began > 2 else None
    outcome = register.sell("R-1", AMOUNT, on_state=lambda state: states.append((state, till.now() - began)))
    assert outcome.approved
    assert states[0][0] == "waiting_card"
    assert states[0][1] <= 0.3
    assert register.terminal["last"] is None
    assert register.totals()["rows"][0]["points"] == POINTS
    assert any(outcome.rrn in line for line in register.receipt("R-1"))


@pytest.fixture
def at_the_example(till: Till, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., int | str]:
    """Runs the example as it is typed, with an amount."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("builtins.input", lambda _ask: till.code())
    monkeypatch.setattr(example, "CashRegister", lambda _port, token, name: till.register(token))

    drawn = iter(("book", "other"))
    monkeypatch.setattr(example.secrets, "token_hex", lambda _size: next(drawn, "more"))

    def run(amount: int, *more: str) -> int | str:
        monkeypatch.setattr(sys, "argv", ["example", "port", str(amount), *more])
        return example.main()

    return run


def test_the_example_pairs_sells_and_goes_on_where_it_was_cut_off(
    till: Till, at_the_example: Callable[..., int | str]
) -> None:
    till.on_slice = lambda: customer(till)
    assert at_the_example(AMOUNT) == 0
    assert stat.S_IMODE(example.BOOKS.stat().st_mode) == 0o600
    books = example.load()
    [receipt] = books["booked"]
    assert (receipt["ref"], receipt["points"], books["open"]) == ("TILL1-book-000001", POINTS, None)
    # It ended before it wrote the outcome down.
    books["open"] = {"ref": receipt["ref"], "amount": AMOUNT, "use": "earn"}
    example.keep(books)
    assert at_the_example(AMOUNT) == 0
    again = example.load()["booked"][1]
    assert alike(again) == alike(receipt)
    assert booked(till) == POINTS
    assert at_the_example(AMOUNT) == 0
    assert booked(till) == 2 * POINTS


def test_books_that_were_lost_begin_anew_and_the_next_sale_is_sold(
    till: Till, at_the_example: Callable[..., int | str]
) -> None:
    till.on_slice = lambda: customer(till)
    assert at_the_example(AMOUNT) == 0
    token = example.load()["token"]
    example.BOOKS.unlink()
    example.keep({**example.load(), "token": token})
    assert at_the_example(AMOUNT) == 0
    assert example.load()["booked"][0]["ref"] == "TILL1-other-000001"
    assert booked(till) == 2 * POINTS


@pytest.mark.parametrize("amount", [99_999_999_999_999, 2_000_000_000, int("9" * 300)])
def test_an_order_the_terminal_refuses_stays_open_in_no_book(
    till: Till, at_the_example: Callable[..., int | str], amount: int
) -> None:
    till.on_slice = lambda: customer(till)
    assert at_the_example(amount) == 1
    assert example.load()["open"] is None
    assert at_the_example(AMOUNT) == 0
    assert booked(till) == POINTS


def test_an_order_left_open_is_followed_to_its_end_and_never_sold_in_place_of_another(
    till: Till, at_the_example: Callable[..., int | str], capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupts() -> None:
        if any("TAP CARD" in row for row in till.stage.screen_lines()):
            till.on_slice = lambda: None
            raise KeyboardInterrupt

    till.on_slice = interrupts
    assert at_the_example(40_000) == 130
    assert "TILL1-book-000001 stays on the terminal" in capsys.readouterr().out
    till.on_slice = lambda: customer(till) if any("125,000" in row for row in till.stage.screen_lines()) else None
    assert at_the_example(AMOUNT) == 0
    first, second = example.load()["booked"]
    assert (first["outcome"], second["ref"], second["points"]) == ("cancelled", "TILL1-book-000002", POINTS)
    assert "TILL1-book-000001 cancelled" in capsys.readouterr().out
    assert booked(till) == POINTS
    # The terminal has forgotten an order that came to nothing; and one that was sold is said to be.
    example.keep({**example.load(), "open": {"ref": "TILL1-000777", "amount": 40_000, "use": "earn"}})
    assert at_the_example(AMOUNT) == 0
    assert "TILL1-000777 not taken" in capsys.readouterr().out
    example.keep({**example.load(), "open": {"ref": "TILL1-book-000002", "amount": 40_000, "use": "earn"}})
    assert at_the_example(AMOUNT) == 0
    assert "TILL1-book-000002 approved" in capsys.readouterr().out
    assert booked(till) == 3 * POINTS


def test_the_example_says_ordinary_mistakes_in_one_line(
    till: Till, at_the_example: Callable[..., int | str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for number in "125":
        till.stage.press(number)
    assert "1001" in str(at_the_example(AMOUNT))
    till.stage.press("CANCEL")
    till.run(1_000)
    monkeypatch.setattr("builtins.input", lambda _ask: "000000" if till.code() != "000000" else "000001")
    assert "K05" in str(at_the_example(AMOUNT))

    def closed(_ask: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", closed)
    assert "six digits" in str(at_the_example(AMOUNT))
    # Another register than ours counts from here on.
    example.keep({**example.load(), "token": "0" * 24})
    assert "not paired" in str(at_the_example(AMOUNT))
    assert example.load()["token"] == ""
    monkeypatch.setattr(example, "CashRegister", CashRegister)
    monkeypatch.setattr(sys, "argv", ["example", str(tmp_path / "no-port"), "5"])
    assert "is it this port" in str(example.main())


def _operations(till: Till, register: CashRegister) -> int:
    """Flash operations of one sale of a register."""
    before = till.stage.terminal.nor.ops
    register.sell("R-0", AMOUNT)
    till.run(3000)
    return till.stage.terminal.nor.ops - before


def _ends(till: Till, token: str, ref: str) -> Outcome:
    register = till.register(token)
    outcome = register.sell(ref, AMOUNT)
    register.close()
    return outcome


@pytest.mark.timeout(1800 if LONG else 600)
@pytest.mark.parametrize("answered", [True, False] if LONG else [False])
def test_a_power_cut_at_each_flash_operation_leaves_one_sale_and_one_answer(till: Till, answered: bool) -> None:
    """The register goes on with the same reference; what was reversed it sells again with another one. The quick form
    takes the sale that has most records: an intent, its reversal, the sale as this terminal's own."""
    register, token = paired(till)
    till.on_slice = lambda: _person(till)
    total = _operations(till, register)
    register.close()
    assert 2 <= total <= 8
    sold, kinds, ends = 1, itertools.cycle(Torn if LONG else (Torn.NOTHING, Torn.DONE, Torn.HALF)), set()
    for op, n in itertools.product(range(1, total + 1), range(len(Torn) if LONG else 1)):
        torn, ref = next(kinds), f"R-{op}-{n}"
        if not answered:
            till.stage.switch_fault("silent", 1, "0200", "", 0)
        till.stage.terminal.cut_at_flash_op(op, torn)
        outcome = _ends(till, token, ref)
        till.stage.switch_normal()
        ends.add(outcome.outcome)
        if not outcome.approved:
            assert outcome.outcome == "reversed", (op, torn)
            outcome = _ends(till, token, ref + "b")
        sold += 1
        assert outcome.approved, (op, torn)
        assert till.stage.run_until(lambda: till.stage.journal()["pending"] == 0, 240_000)
        till.run(200)
        assert booked(till) == POINTS * sold, (op, torn, outcome)
        till.stage.run(SETTLED_MS)
        till.stage.reset()
        till.run(3000)
        told = _ends(till, token, outcome.ref)
        assert alike(told.raw) == alike(outcome.raw), (op, torn)
        assert booked(till) == POINTS * sold, (op, torn)
        till.stage.run(SETTLED_MS)
    assert "reversed" in ends


def _person(till: Till) -> None:
    """Plugs the terminal in again, and lays the card on when it is asked for."""
    if not till.stage.powered():
        till.stage.remove(None)
        till.stage.run(300)
        till.stage.power_on()
    customer(till)


def test_ecr_test_finds_a_terminal_fit_for_a_register_and_books_nothing(till: Till) -> None:
    register, _ = paired(till)
    register.close()
    with till.line() as line:
        found = [ecr_test.line_step(line, till.now), *ecr_test.steps(line, "TEST-1", till.now)]
    assert [step for step in found if not step.ok] == []
    assert len(found) == 10
    assert till.stage.journal() == {"pending": 0, "dead": 0}
    assert booked(till) == 0


def test_ecr_test_sees_a_line_that_loses_answers(till: Till) -> None:
    register, _ = paired(till)
    register.close()
    with till.line() as line:
        count = itertools.count()
        till.cable.drop = lambda _line: next(count) % 10 == 0
        step = ecr_test.line_step(line, till.now)
    assert not step.ok
    assert step.code == "E01"


def test_a_cancelled_sale_is_not_booked_and_a_void_of_what_was_never_sent_is_known_after_a_restart(till: Till) -> None:
    register, token = paired(till)
    register.close()
    stage, line = till.stage, _told_who(till, token)
    stage.net_latency(2500)
    line.call("sale.start", {"ref": "R-1", "amount": AMOUNT})
    stage.lay(CARD)
    assert stage.run_until(lambda: any("Asking switch" in row for row in stage.screen_lines()), 5_000)
    assert line.call("sale.cancel", {"ref": "R-1"})["state"] == "cancelling"
    stage.remove(None)
    till.run(6_000)
    assert line.call("sale.status", {"ref": "R-1"})["outcome"] == "cancelled"
    assert booked(till) == 0
    stage.net_latency(0)
    stage.net(up=False)
    till.run(2_000)
    line.call("sale.start", {"ref": "R-2", "amount": AMOUNT})
    till.run(500)
    stage.lay(CARD)
    till.run(4_000)
    stage.remove(None)
    assert line.call("sale.status", {"ref": "R-2"})["outcome"] == "approved_offline"
    till.run(4_000)
    line.call("sale.void", {"ref": "V-2", "of": "R-2"})
    till.run(500)
    stage.press("OK")
    till.run(1_000)
    before = line.call("sale.status", {"ref": "V-2"})
    assert (before["outcome"], before["points"]) == ("approved", 0)
    stage.reset()
    till.run(6_000)
    line = _told_who(till, token)
    newest = line.call("sale.status")
    assert (newest["ref"], alike(newest)) == ("V-2", alike(before)), "the void is the newest order, not what it ended"
    assert alike(line.call("sale.status", {"ref": "V-2"})) == alike(before)
    with pytest.raises(RpcError) as found:
        line.call("sale.start", {"ref": "V-2", "amount": AMOUNT})
    assert found.value.number == 1005


def _told_who(till: Till, token: str) -> Line:
    line = till.line()
    for _ in range(20):
        try:
            line.call("rights.register", {"token": token})
            return line
        except RpcError:
            till.run(1_000)  # how the last sale ended stands there
    raise AssertionError(till.stage.screen_lines())
