"""Every scripted fault of the bench switch, as a terminal meets it, and what it leaves in the books."""

import time

import pytest

from host_tests.unit.bench_client import (
    KEY_IN,
    KEY_OUT,
    MERCHANT,
    NOW,
    Client,
    accrual,
    answered,
    bench,
    inquiry,
    network,
    opened,
    reversal,
    sealed,
)
from tools.bench_switch import Fault, FaultError


@pytest.fixture
def switch(tmp_path, database):
    with bench(tmp_path, database) as running:
        yield running
        assert running.ledger.check() == []


@pytest.fixture
def client(switch):
    with Client(switch) as connected:
        yield connected


SALE = accrual(1, 125_000)


def told(switch):
    """What the switch says of each request to a network with a simulated time."""
    said = []
    switch.on_reaction = lambda port, reaction: said.append((port, reaction.reason, reaction.close))
    return said


@pytest.mark.parametrize(("when", "balance", "reversed_with"), [("after", 725, "00"), ("before", 600, "25")])
def test_silence_loses_the_answer_or_the_request(switch, client, when, balance, reversed_with):
    said = told(switch)
    switch.faults.next("silent", mti="0200", when=when)
    assert client.ask(network("001")).rc == "00"  # another message type is not met
    client.send(sealed(SALE))
    assert client.ask(inquiry()).balance == balance  # the next answer on the line is the next request's
    port = client.socket.getsockname()[1]
    assert said == [(port, "", False), (port, f"silent {when} booking", False), (port, "", False)]
    assert client.ask(reversal(2, SALE)).rc == reversed_with
    assert switch.ledger.balance("ali") == 600


def test_a_late_answer_is_overtaken(switch, client):
    switch.faults.next("late", ms=300, mti="0200")
    before = time.monotonic()
    client.send(sealed(SALE))
    assert client.ask(inquiry()).balance == 725
    assert answered(SALE, client.receive()).points == 125
    assert time.monotonic() - before >= 0.3


def test_a_network_with_a_time_of_its_own_does_the_holding_back(switch, client):
    held = []
    switch.on_reaction = lambda _port, reaction: held.append(reaction.delay_ms)
    switch.faults.next("late", ms=3_600_000)
    assert client.ask(SALE).rc == "00"
    assert held == [3_600_000]


def test_refusal_on_request_books_nothing_but_the_seq_counts_as_seen(switch, client):
    switch.faults.next("refuse", rc="91", count=2)
    assert client.ask(SALE).rc == "91"
    assert client.ask(inquiry()).rc == "91"
    assert client.ask(network("001")).tags[0x0F] == bytes((0, 0, 0, 1))
    assert client.ask(SALE).rc == "00"


def test_garbage_comes_in_a_good_frame_or_without_one(switch, client):
    switch.faults.next("garbage")
    client.send(sealed(SALE))
    assert len(client.receive()) == 64
    assert client.ask(SALE).rc == "94"
    switch.faults.next("garbage", n=5)
    client.send(sealed(inquiry()))
    assert len(client._take(5)) == 5
    assert client.ask(inquiry()).rc == "00"


@pytest.mark.parametrize(("when", "balance"), [("after", 725), ("before", 600)])
def test_closing_instead_of_answering(switch, client, when, balance):
    said = told(switch)
    switch.faults.next("close", when=when)
    with pytest.raises(EOFError):
        client.ask(SALE)
    assert switch.ledger.balance("ali") == balance
    assert [one[1:] for one in said] == [(f"close {when} booking", True)]


def test_closing_within_the_answer(switch, client):
    switch.faults.next("close_after_bytes", n=20)
    client.send(sealed(SALE))
    with pytest.raises(EOFError) as left:
        client.receive()
    assert len(left.value.args[0]) == 18  # the length was taken before
    assert switch.ledger.balance("ali") == 725


def test_a_doubled_answer(switch, client):
    switch.faults.next("duplicate")
    client.send(sealed(SALE))
    assert client.receive() == client.receive()
    assert client.ask(inquiry()).balance == 725


def test_a_replayed_answer_is_authentic_but_another_requests(switch, client):
    first = inquiry()
    client.ask(first)
    switch.faults.next("replay")
    client.send(sealed(SALE))
    answer = opened(client.receive())
    assert answer.fields["t"] == "0110"
    assert answer.fields["11"] == first["11"]
    assert switch.ledger.balance("ali") == 725


def test_a_replay_with_nothing_to_replay_is_silence(switch, client):
    said = told(switch)
    switch.faults.next("replay")
    client.send(sealed(network("001")))
    assert client.ask(inquiry()).rc == "00"
    assert [bool(reason) for _, reason, _ in said] == [True, False]


def test_a_spoilt_mac(switch, client):
    switch.faults.next("wrong_mac")
    client.send(sealed(SALE))
    with pytest.raises(AssertionError, match="MAC"):
        opened(client.receive())


@pytest.mark.parametrize(("n", "changed"), [(0, 8), (3, 3)])
def test_a_garbled_answer_has_its_length_and_some_other_bytes(switch, client, n, changed):
    right = client.ask(SALE)
    switch.faults.next("garble", n=n)
    client.send(sealed(SALE))
    garbled = client.receive()
    switch.faults.next("wrong_mac")  # one bit of it, so that the bytes can be compared
    client.send(sealed(SALE))
    near = client.receive()
    assert len(garbled) == len(near)
    assert sum(one != other for one, other in zip(garbled[:-1], near[:-1], strict=True)) in (changed - 1, changed)
    with pytest.raises(AssertionError, match="MAC"):
        opened(garbled)
    assert client.ask(inquiry()).balance == 600 + right.points


def test_answers_come_in_another_order(switch, client):
    switch.faults.next("reorder", mti="0200")
    other = inquiry()
    client.send(sealed(SALE))
    client.send(sealed(other))
    assert answered(other, client.receive()).balance == 725
    assert answered(SALE, client.receive()).points == 125


def test_an_answer_that_nothing_overtakes_is_lost_after_a_minute(tmp_path):
    now = [NOW]
    with bench(tmp_path, now=lambda: now[0]) as switch, Client(switch) as client:
        said = told(switch)
        switch.faults.next("reorder", mti="0200")
        client.send(sealed(SALE))
        while not said:
            time.sleep(0.01)
        now[0] += 61
        assert client.ask(inquiry()).balance == 725
        client.socket.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.receive()


def test_a_fault_of_one_terminal_leaves_the_others_alone(switch, client):
    switch.ledger.add_terminal("VAFA0002", MERCHANT, KEY_OUT, KEY_IN)
    switch.faults.next("refuse", rc="91", terminal="VAFA0002")
    switch.ledger.script_fault(Fault("refuse", rc="96", terminal="VAFA0002"))
    assert client.ask(SALE).rc == "00"
    codes = [client.ask(accrual(seq, 9_000, **{"41": "VAFA0002"})).rc for seq in (1, 2, 3)]
    assert codes == ["91", "96", "00"]


def test_a_wrong_clock_is_told_under_a_right_mac(switch, client):
    switch.faults.next("wrong_clock", seconds=-86_400)
    assert client.ask(network("301")).tags[0x0E] == (NOW - 86_400).to_bytes(4, "big")
    assert client.ask(network("301")).tags[0x0E] == NOW.to_bytes(4, "big")


def test_cut_and_downed_connections(switch, client):
    switch.drop_connections()
    with pytest.raises((EOFError, ConnectionError)):
        client.ask(network("301"))
    switch.set_down(True)
    with pytest.raises((OSError, EOFError)), Client(switch) as refused:
        refused.ask(network("301"))
    switch.set_down(False)
    with Client(switch) as again:
        assert again.ask(network("301")).rc == "00"


def test_faults_from_another_process_come_through_the_database(switch, client):
    switch.ledger.script_fault(Fault("refuse", count=2, mti="0200", rc="91"))
    assert client.ask(inquiry()).rc == "00"
    assert [client.ask(accrual(n, 1_000)).rc for n in (1, 2, 3)] == ["91", "91", "00"]
    assert switch.ledger.scripted_faults() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "explode"},
        {"kind": "late", "ms": -1},
        {"kind": "silent", "when": "never"},
        {"kind": "silent", "mti": "sale"},
        {"kind": "refuse", "rc": "999"},
        {"kind": "silent", "count": 0},
        {"kind": "silent", "terminal": "TOOLONGID"},
    ],
)
def test_a_fault_that_cannot_be_is_refused(switch, wrong):
    with pytest.raises(FaultError):
        switch.faults.next(**wrong)
