"""The bench switch over real TLS, asked by an independent terminal."""

import ssl
import threading

import pytest

from host_tests.patience import PATIENCE_S
from host_tests.unit.bench_client import (
    ALI,
    KEY_IN,
    KEY_OUT,
    MERCHANT,
    NOW,
    SARA,
    STRANGER,
    TERMINAL,
    Client,
    accrual,
    answered,
    bench,
    inquiry,
    network,
    redemption,
    reversal,
    sealed,
    tlv,
    untlv,
    value,
)


@pytest.fixture
def switch(tmp_path, database):
    with bench(tmp_path, database) as running:
        yield running
        assert running.ledger.check() == []


@pytest.fixture
def client(switch):
    with Client(switch) as connected:
        yield connected


def test_sign_on_tells_the_time_and_the_highest_seq_of_value_messages_only(client):
    answer = client.ask(network("001"))
    assert (answer.rc, answer.tags[0x0E], answer.tags[0x0F]) == ("00", NOW.to_bytes(4, "big"), bytes(4))
    client.ask(inquiry())
    client.ask(accrual(7, 5_000))
    client.ask(accrual(3, 5_000, "0221"))
    assert client.ask(network("001")).tags[0x0F] == (7).to_bytes(4, "big")


def test_echo_and_sign_off_carry_no_high_seq(client):
    for function in ("301", "002"):
        answer = client.ask(network(function))
        assert answer.rc == "00"
        assert set(answer.tags) == {0x01, 0x0E, 0x60}
    assert client.ask(network("999")).rc == "12"


def test_only_the_pinned_ca_and_the_right_name_get_a_connection(switch, tmp_path):
    with Client(switch) as connected:
        assert connected.socket.version() == "TLSv1.2"
    with Client(switch, name="127.0.0.1"):
        pass
    with pytest.raises(ssl.SSLCertVerificationError):
        Client(switch, name="other.vafa.test")


def test_inquiry_tells_balance_tier_visits_and_the_next_reward(client):
    answer = client.ask(inquiry(SARA))
    assert (answer.rc, answer.balance) == ("00", 0)
    assert answer.tags[0x44] == b"sara"
    assert answer.tags[0x10] == bytes(4)
    assert answer.tags[0x25][:5] == b"\x01" + (500).to_bytes(4, "big")
    assert client.ask(inquiry(ALI)).tags[0x10][0] == 3
    unknown = client.ask(inquiry(STRANGER))
    assert unknown.rc == "14"
    assert "54" not in unknown.fields


def test_accrual_books_the_points_of_the_rule_once(switch, client):
    answer = client.ask(accrual(1, 125_999))
    assert (answer.rc, answer.points, answer.balance) == ("00", 125, 725)
    assert len(answer.fields["38"]) == 6
    assert switch.ledger.balance("ali") == 725


def test_the_switch_decides_online_and_keeps_a_promise_made_offline(switch, client):
    assert client.ask(value("0200", 1, 10_000, 9_999)).points == 10
    assert client.ask(value("0220", 2, 10_000, 12)).points == 12
    assert switch.ledger.balance("ali") == 600 + 10 + 12


def test_a_repeated_accrual_answers_94_with_the_first_answers_content(switch, client):
    first = client.ask(accrual(1, 125_000))
    client.ask(accrual(2, 1_000))
    again = client.ask(accrual(1, 125_000))
    assert (again.rc, again.points, again.fields["38"]) == ("94", 125, first.fields["38"])
    assert again.balance == 726  # the present balance, not the one of then
    assert switch.ledger.balance("ali") == 726


def test_the_same_seq_with_other_content_is_refused(switch, client):
    client.ask(accrual(1, 125_000))
    assert client.ask(accrual(1, 126_000)).rc == "12"
    assert client.ask(accrual(1, 125_000, uid=SARA)).rc == "12"
    assert client.ask(redemption(1, 500)).rc == "12"
    assert switch.ledger.balances() == {"ali": 725, "sara": 0}


def test_an_advice_and_its_repeats_book_once_whatever_the_digit(switch, client):
    advice = accrual(9, 50_000, "0221", de7="1122000500")
    assert client.ask(advice).rc == "00"
    for mti, de7 in (("0220", "1122000501"), ("0221", "1122000502"), ("0200", "1122000503")):
        again = client.ask(accrual(9, 50_000, mti, de7=de7))
        assert (again.rc, again.points) == ("94", 50)
    assert switch.ledger.balance("ali") == 650


def test_concurrent_duplicates_from_threads_book_once(tmp_path, shared_database):
    with bench(tmp_path, shared_database) as switch:
        answers = asked_at_once(switch, [accrual(1, 125_000)] * 8)
        assert sorted(a.rc for a in answers) == ["00"] + ["94"] * 7
        assert switch.ledger.balance("ali") == 725
        assert switch.ledger.check() == []


def test_concurrent_redemptions_cannot_overspend(tmp_path, shared_database):
    with bench(tmp_path, shared_database) as switch:
        switch.ledger.add_terminal("VAFA0002", MERCHANT, KEY_OUT, KEY_IN)
        requests = [redemption(seq, 500, **{"41": f"VAFA000{1 + seq % 2}"}) for seq in range(1, 9)]
        answers = asked_at_once(switch, requests)
        assert sorted(a.rc for a in answers) == ["00"] + ["51"] * 7
        assert switch.ledger.balance("ali") == 100
        assert switch.ledger.check() == []


def test_first_taps_of_one_unknown_card_on_many_connections_open_one_member(tmp_path, shared_database):
    with bench(tmp_path, shared_database) as switch:
        for n in range(2, 6):
            switch.ledger.add_terminal(f"VAFA000{n}", MERCHANT, KEY_OUT, KEY_IN)
        asked = [accrual(1, 3_000, uid=STRANGER, **{"41": f"VAFA000{n}"}) for n in range(1, 6)]
        assert [a.rc for a in asked_at_once(switch, asked)] == ["00"] * 5
        assert switch.ledger.balance_of_card(STRANGER) == 15
        assert len(switch.ledger.members()) == 3


def asked_at_once(switch, requests):
    """Each request on a connection and in a thread of its own, all sent at the same moment."""
    answers = [None] * len(requests)
    gate = threading.Barrier(len(requests))

    def ask(at):
        with Client(switch) as own:
            gate.wait(PATIENCE_S)
            answers[at] = own.ask(requests[at])

    threads = [threading.Thread(target=ask, args=(at,)) for at in range(len(requests))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert None not in answers
    return answers


def test_an_unknown_card_earns_provisionally_and_never_spends(switch, client):
    answer = client.ask(accrual(1, 800_000, uid=STRANGER, auth=0))
    assert (answer.rc, answer.points, answer.tags[0x44]) == ("00", 800, b"")
    assert client.ask(inquiry(STRANGER)).balance == 800
    assert client.ask(redemption(2, 500, uid=STRANGER, auth=0)).rc == "57"
    assert client.ask(redemption(3, 500, uid="DEADBEE5")).rc == "14"
    assert switch.ledger.balance_of_card(STRANGER) == 800


def test_redemption_spends_what_is_there_and_tells_what_is_short(switch, client):
    answer = client.ask(redemption(1, 500))
    assert (answer.rc, answer.points, answer.balance) == ("00", -500, 100)
    short = client.ask(redemption(2, 500))
    assert (short.rc, short.points, short.balance) == ("51", 0, 100)
    assert client.ask(redemption(1, 500)).rc == "94"
    assert client.ask(redemption(2, 500)).rc == "51"
    assert switch.ledger.accounts() == {"member": 100, "issued": -600, "redeemed": 500}


def test_the_last_point_decides(switch, client):
    client.ask(accrual(1, 699_000, uid=SARA))
    assert client.ask(redemption(2, 700, uid=SARA)).rc == "51"
    client.ask(accrual(3, 1_000, uid=SARA))
    assert client.ask(redemption(4, 700, uid=SARA)).balance == 0


@pytest.mark.parametrize("points", [400, 550])
def test_redemption_keeps_threshold_and_step(switch, client, points):
    assert client.ask(redemption(1, points)).rc == "13"
    assert switch.ledger.balance("ali") == 600


def test_a_uid_alone_never_spends_and_nobody_spends_offline(switch, client):
    assert client.ask(redemption(1, 500, auth=0)).rc == "57"
    assert client.ask(value("0220", 2, 50_000, -500)).rc == "57"
    assert client.ask(value("0200", 3, 50_000, 500, pcode="009100")).rc == "13"
    assert switch.ledger.balance("ali") == 600


def test_senseless_accruals_are_refused(switch, client):
    assert client.ask(value("0200", 1, 0, 0)).rc == "13"
    assert client.ask(value("0200", 2, 5_000, -5, pcode="210091")).rc == "13"
    assert client.ask(value("0200", 3, 5_000, 5, pcode="950000")).rc == "12"
    assert switch.ledger.balance("ali") == 600


@pytest.mark.parametrize(("state", "rc"), [("lost", "41"), ("stolen", "43")])
def test_a_blocked_card_gets_nothing(switch, client, state, rc):
    switch.ledger.set_card(ALI, state)
    assert [client.ask(m).rc for m in (accrual(1, 9_000), redemption(2, 500), inquiry())] == [rc] * 3
    assert switch.ledger.balance("ali") == 600


def test_a_reversal_undoes_exactly_its_original_once(switch, client):
    sale = accrual(1, 125_000)
    client.ask(sale)
    assert client.ask(reversal(2, sale)).rc == "00"
    assert switch.ledger.balance("ali") == 600
    assert client.ask(reversal(2, sale, "0421")).rc == "94"
    assert client.ask(reversal(3, sale)).rc == "00"
    assert switch.ledger.balance("ali") == 600


def test_a_reversed_redemption_gives_the_points_back(switch, client):
    spend = redemption(1, 600)
    client.ask(spend)
    assert client.ask(reversal(2, spend)).rc == "00"
    assert switch.ledger.balance("ali") == 600
    assert switch.ledger.accounts()["redeemed"] == 0


def test_a_reversed_accrual_may_leave_a_negative_balance(switch, client):
    sale = accrual(1, 500_000, uid=SARA)
    client.ask(sale)
    client.ask(redemption(2, 500, uid=SARA))
    assert client.ask(reversal(3, sale)).rc == "00"
    answer = client.ask(inquiry(SARA))
    assert answer.balance == -500
    assert answer.fields["54"][27:28] == "D"


def test_a_request_that_comes_after_its_reversal_is_refused_and_never_booked(switch, client):
    sale = accrual(1, 125_000)
    assert client.ask(reversal(2, sale)).rc == "25"
    assert client.ask(sale).rc == "68"
    assert client.ask(reversal(2, sale, "0421")).rc == "25"
    assert client.ask(reversal(4, sale)).rc == "25"
    assert client.ask(accrual(3, 125_000, de7="1122000001")).rc == "00"
    assert switch.ledger.balance("ali") == 725


def test_a_late_repeat_of_a_reversed_request_is_not_called_done(switch, client):
    sale = accrual(1, 125_000)
    client.ask(sale)
    client.ask(reversal(2, sale))
    assert client.ask(sale).rc == "68"
    assert switch.ledger.balance("ali") == 600


def test_a_reversal_of_a_refused_request_changes_nothing(switch, client):
    spend = redemption(1, 700)
    assert client.ask(spend).rc == "51"
    assert client.ask(reversal(2, spend)).rc == "00"
    assert switch.ledger.balance("ali") == 600


def test_visits_count_purchases_once_a_day_and_forget_reversed_ones(client):
    assert client.ask(accrual(1, 9_000, uid=SARA)).tags[0x11] == b"\0\1"
    assert client.ask(accrual(2, 9_000, uid=SARA)).tags[0x11] == b"\0\1"
    earlier = accrual(3, 9_000, uid=SARA) | {"13": "1120"}
    assert client.ask(earlier).tags[0x11] == b"\0\2"
    last_year = client.ask(accrual(4, 9_000, uid=SARA) | {"13": "1231"})
    assert (last_year.tags[0x11], last_year.tags[0x12]) == (b"\0\3", bytes.fromhex("261122"))
    client.ask(reversal(5, earlier))
    assert client.ask(inquiry(SARA)).tags[0x11] == b"\0\2"


def test_purchases_lift_the_tier(client):
    assert client.ask(accrual(1, 9_999_999, uid=SARA)).tags[0x10][0] == 0
    assert client.ask(accrual(2, 1, uid=SARA)).tags[0x10][0] == 1


def test_a_wrong_mac_answers_63_under_the_terminals_key_and_books_nothing(switch, client):
    request = accrual(1, 125_000)
    good = sealed(request)
    flipped_amount = good.replace(b"000000125000", b"000000135000")
    for bad in (good[:-1] + bytes((good[-1] ^ 1,)), sealed(request, KEY_IN), flipped_amount):
        client.send(bad)
        answer = answered(request, client.receive())
        assert (answer.rc, answer.points) == ("63", 0)
    other_kid = request | {"48": tlv(untlv(request["48"]) | {0x60: b"\x02"})}
    assert client.ask(other_kid).rc == "63"
    assert client.ask(network("001")).tags[0x0F] == bytes(4)
    assert client.ask(request).rc == "00"
    assert switch.ledger.balance("ali") == 725


def test_a_message_without_mac_is_not_trusted(client):
    import iso8583

    from host_tests.unit.bench_client import SPEC

    raw, _ = iso8583.encode(accrual(1, 125_000), SPEC)
    client.send(bytes(raw))
    assert answered(accrual(1, 125_000), client.receive()).rc == "63"


def test_a_blocked_terminal_gets_58_and_an_unknown_one_no_answer(switch, client):
    with pytest.raises(EOFError):
        client.ask(accrual(1, 5_000, **{"41": "NOBODY01"}))
    switch.ledger.block_terminal(TERMINAL)
    with Client(switch) as again:
        assert [again.ask(m).rc for m in (network("001"), accrual(1, 5_000), inquiry())] == ["58"] * 3
        switch.ledger.block_terminal(TERMINAL, False)
        assert again.ask(network("001")).tags[0x0F] == bytes(4)


def test_incomplete_but_authentic_messages_answer_30(switch, client):
    sale = accrual(1, 5_000)
    tags = untlv(sale["48"])
    incomplete = [
        {de: v for de, v in sale.items() if de != "37"},
        sale | {"48": tlv({t: v for t, v in tags.items() if t != 9})},
        sale | {"48": sale["48"] + "0904"},
        sale | {"48": sale["48"] + tlv({9: b"\1"})},
        sale | {"48": tlv(tags | {7: bytes(5)})},
        sale | {"12": "03:000"},
        sale | {"13": "1399"},
        sale | {"48": tlv(tags | {1: b"\x80\0\0\1"})},
    ]
    assert [client.ask(m).rc for m in incomplete] == ["30"] * len(incomplete)
    assert client.ask(sale | {"4": "00000000500x"}).rc == "13"
    assert client.ask(sale).rc == "00"
    assert switch.ledger.balance("ali") == 605


@pytest.mark.parametrize("size", [0, 31, 2_054, 65_535])
def test_a_frame_of_impossible_length_closes_the_connection(switch, client, size):
    client.socket.sendall(size.to_bytes(2, "big") + b"x" * 40)
    with pytest.raises(EOFError):
        client.receive()
    with Client(switch) as again:
        assert again.ask(network("001")).rc == "00"


def test_messages_may_come_in_pieces_and_in_heaps(client):
    asked = [accrual(n, 1_000 * n) for n in range(1, 9)]
    stream = b"".join(len(m).to_bytes(2, "big") + m for m in map(sealed, asked))
    for at in range(0, len(stream), 97):
        client.socket.sendall(stream[at : at + 97])
    assert [answered(m, client.receive()).points for m in asked] == list(range(1, 9))


def test_the_log_shows_messages_decoded_and_nothing_secret(switch, client):
    heard = []
    stop = switch.log.listen(heard.append)
    client.ask(accrual(1, 5_000))
    stop()
    client.ask(inquiry())
    came, went = [entry for entry in heard if entry.mti]  # a note of the connection may come late
    assert (came.mti, came.tags["SEQ"], came.fields["4"]) == ("0200", 1, "000000005000")
    assert (went.mti, went.fields["39"], went.tags["POINTS"]) == ("0210", "00", 5)
    text = repr(switch.log.entries())
    assert "ali" not in text
    assert KEY_OUT.hex() not in text.lower()
    assert not {"64", "128", "48", "2"} & {de for e in switch.log.entries() for de in e.fields}


def test_books_survive_a_restart(tmp_path, shared_database):
    with bench(tmp_path, shared_database) as switch, Client(switch) as client:
        client.ask(accrual(1, 125_000))
    from tools.bench_switch import BenchSwitch

    with BenchSwitch(shared_database, tmp_path / "pki") as again, Client(again) as client:
        assert client.ask(accrual(1, 125_000)).rc == "94"
        assert again.ledger.balance("ali") == 725


def test_a_stopped_switch_comes_back_with_its_books_and_its_port(switch):
    port = switch.port
    with Client(switch) as client:
        client.ask(accrual(1, 125_000))
        switch.stop()
        switch.stop()
        with pytest.raises((EOFError, OSError)):
            client.ask(network("301"))
    assert switch.ledger.balance("ali") == 725
    switch.start()
    assert switch.port == port
    with Client(switch) as client:
        assert client.ask(accrual(1, 125_000)).rc == "94"
