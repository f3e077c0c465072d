"""Counters the bench switch believes: who once said one says it again at each spend, and one tap's is soon stale."""

import pytest

from host_tests.unit.bench_cards import CTR, GROUP_CARD, OTHER, PROVEN, SUN_CARD, Counter, earn, sun, verdict
from host_tests.unit.bench_client import inquiry, u32

LEGACY_CARD = "04010203040506"


@pytest.fixture
def counter(database):
    made = Counter(database)
    yield made
    assert made.ledger.check() == []
    made.ledger.close()


@pytest.mark.parametrize(("uid", "auth"), [(LEGACY_CARD, 1), (GROUP_CARD, 2)])
@pytest.mark.parametrize("at", ["VAFA0001", OTHER])
def test_who_once_said_a_counter_spends_with_one_and_earns_without(counter, uid, auth, at):
    name = "nima" if uid == GROUP_CARD else "vic"
    if uid == LEGACY_CARD:
        counter.ledger.add_member(name, points=5_000)
        counter.ledger.add_card(uid, name, "legacy")
    assert counter.spend(uid, auth=auth, at=at).rc == "00", "none was ever said"
    assert earn(counter, 1, 40, uid=uid, auth=auth) == "00"
    refused = counter.spending(uid, 0, auth, at)
    assert counter.ask(refused).rc == "59"
    assert counter.ask(refused).rc == "59", "a repeat of a refusal"
    assert earn(counter, 2, 0, at, uid=uid, auth=auth) == "00"
    assert counter.notes().count(f"suspicious tap of card ****{uid[-4:]}: no counter after 40") == 1
    assert earn(counter, 3, 0, at, uid=uid, auth=0) == "00"
    assert "suspicious" not in counter.log.entries()[-1].note, "a UID alone has no counter"
    assert counter.spend(uid, 41, auth, at).rc == "00"
    assert counter.ledger.balance(name) == 4_000 + 3 * 9
    counter.ledger.set_way(uid, "legacy")
    assert counter.spend(uid, auth=auth, at=at).rc == "00", "made anew"


@pytest.mark.parametrize(("auth", "code"), [(1, "59"), (2, "00")])
def test_a_counter_known_from_sun_data_alone_is_not_asked_of_ev2first(counter, auth, code):
    """An AES card the books hold for a legacy one: some shops read it by SUN, some by the group key."""
    counter.ledger.set_way(SUN_CARD, "legacy")
    assert verdict(counter.prove(sun(7))) == PROVEN
    assert counter.spend(auth=auth, at=OTHER).rc == code
    assert counter.spend(counter=7, auth=2).rc == "00", "spent where it was proven"


def test_one_taps_counter_comes_again_from_its_terminal_for_a_short_time_only(counter):
    ask = inquiry(GROUP_CARD, auth=2, extra={CTR: u32(20)})
    assert counter.ask(ask).rc == "00"
    counter.now += 30
    assert counter.ask(ask).rc == "00"
    assert earn(counter, 1, 20) == "00"
    counter.now += 1
    assert counter.ask(ask).rc == "59"
    assert earn(counter, 2, 20) == "59"
    counter.now += 269
    assert counter.spend(GROUP_CARD, 20).rc == "00", "asked for its balance 300 s ago; a person chose how many points"
    counter.now += 1
    assert counter.spend(GROUP_CARD, 20).rc == "59"
    assert counter.spend(GROUP_CARD, 21).rc == "00"
