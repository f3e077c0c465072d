"""Grants and counters in the switch's books: over a restart, from many threads at once, and in any order."""

from concurrent.futures import ThreadPoolExecutor

from hypothesis import given, settings
from hypothesis import strategies as st

from host_tests.unit.bench_cards import (
    COPY,
    EV2,
    GROUP_CARD,
    OTHER,
    PROVEN,
    SDM,
    SUN_CARD,
    UNDECIDED,
    Counter,
    Ev2Card,
    earn,
    sun,
    verdict,
)
from host_tests.unit.bench_client import SARA, inquiry
from tools.bench_switch.schema import GrantRow


def test_grants_and_counters_survive_a_restart(shared_database):
    before = Counter(shared_database)
    assert verdict(before.prove(sun(7))) == PROVEN
    assert verdict(before.prove(sun(8))) == PROVEN
    assert before.spend(counter=7).rc == "59", "two taps: the older says a counter below the highest"
    assert earn(before, 80, 20) == "00"
    begun = Ev2Card().end(before.step(Ev2Card().begin()).tags[EV2])
    before.ledger.close()
    after = Counter(shared_database, new=False)
    after._seq = 500
    after.now = before.now + 30
    assert earn(after, 81, 20) == "00"
    assert after.spend(GROUP_CARD).rc == "59"
    assert verdict(after.step(begun)) == UNDECIDED
    assert verdict(after.prove(sun(7))) == COPY
    assert verdict(after.prove(sun(8))) == PROVEN
    after.now += 1
    assert verdict(after.prove(sun(8))) == COPY
    assert earn(after, 90, 20) == "59", "a counter read before the restart, by a later tap"
    assert after.spend(counter=8).rc == "00"
    assert after.spend(counter=8).rc == "57"
    assert after.ledger.check() == []
    after.ledger.close()


def test_books_from_before_there_were_proofs_go_on(shared_database):
    old = Counter(shared_database)
    with old.ledger._engine.begin() as connection:
        for table in ("grants", "counters_shown", "card_ways"):
            connection.exec_driver_sql(f"DROP TABLE {table}")
    old.ledger.close()
    counter = Counter(shared_database, new=False)
    assert set(counter.ledger.ways().values()) == {"legacy"}
    assert counter.spend(SUN_CARD, auth=1).rc == "00"
    assert earn(counter, 1, 5, uid=SARA, auth=1) == "00"
    assert earn(counter, 2, 4, uid=SARA, auth=1) == "59"
    assert verdict(counter.prove(sun(1))) == PROVEN
    counter.ledger.close()


def at_once(counter, requests):
    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(counter.ask, requests))


def test_one_grant_spent_by_many_at_once_pays_once(shared_database):
    counter = Counter(shared_database)
    counter.prove(sun(1))
    answers = at_once(counter, [counter.spending(counter=1) for _ in range(8)])
    assert sorted(answer.rc for answer in answers) == ["00"] + ["57"] * 7
    assert counter.ledger.balance("zari") == 4_500
    assert counter.ledger.check() == []
    counter.ledger.close()


def test_one_reading_shown_at_two_terminals_at_once_is_proven_at_one(shared_database):
    counter = Counter(shared_database)
    requests = [inquiry(SUN_CARD, auth=0, extra={SDM: sun(1)}, **{"41": at}) for at in ("VAFA0001", OTHER)] * 4
    said = {}
    for request, answer in zip(requests, at_once(counter, requests), strict=True):
        said.setdefault(request["41"], set()).add(verdict(answer))
    assert sorted(said.values(), key=str) == sorted([{PROVEN}, {COPY}], key=str)
    counter.ledger.close()


def test_the_check_finds_a_grant_that_was_used_for_nothing(shared_database):
    counter = Counter(shared_database)
    counter.prove(sun(1))
    request = counter.spending(counter=1)
    assert counter.ask(request).rc == "00"
    with counter.ledger._session() as session:
        session.get_one(GrantRow, 1).used_seq = 999
    assert counter.ledger.check() == ["VAFA0001: SEQ 999 used a grant and is no redemption of its card"]
    counter.ledger.close()


# --- any order of taps, spends and waiting ----------------------------------------------------------------------------

TERMINALS = ("VAFA0001", OTHER)
STEP = st.tuples(
    st.sampled_from(["read", "show", "show", "spend", "spend", "said", "relay", "wait"]),
    st.integers(0, 5),
    st.sampled_from(TERMINALS),
    st.sampled_from([1, 30, 150, 269, 299, 301]),
)


def test_in_any_order_no_reading_pays_twice_and_none_pays_late_or_elsewhere(databases):
    @settings(deadline=None, max_examples=6 if databases.few else 20)
    @given(steps=st.lists(STEP, max_size=20))
    def paid_once(steps):
        with databases() as url:
            _play(Counter(url, points=20_000), steps)

    paid_once()


def _play(counter, steps):
    """A model of one card: readings made, the newest shown, where and when; proofs not spent yet."""
    highest, home, since, readings, paid = 0, "", 0, 1, 0
    grants: list[tuple[int, str, int]] = []  # counter, terminal, until; the newest last
    try:
        for step, back, at, seconds in steps:
            said = max(1, readings - back)
            if step == "read":
                readings += 1
            elif step == "wait":
                counter.now += seconds
            elif step == "relay":
                assert verdict(counter.relay(Ev2Card(SUN_CARD), at)) == PROVEN
                grants.append((0, at, counter.now + 300))
            elif step == "show":
                unused = any(grant[:2] == (said, at) for grant in grants)
                again = (said, at) == (highest, home) and counter.now <= since + 30 and unused
                assert verdict(counter.prove(sun(said), at=at)) == (PROVEN if again or said > highest else COPY)
                if said > highest:
                    highest, home, since = said, at, counter.now
                    grants.append((said, at, since + 300))
            else:
                said = said if step == "said" else 0
                fits = [grant for grant in grants if grant[1] == at and counter.now <= grant[2]]
                fits = [grant for grant in fits if not said or grant[0] in (said, 0)]
                copy = said and (said < highest or (said == highest and home != at))
                expected = "59" if copy else "00" if fits else "57"
                assert counter.spend(counter=said, at=at).rc == expected
                if expected == "00":
                    # The newest of those that are alike: `remove` would take the first.
                    del grants[max(place for place, grant in enumerate(grants) if grant == fits[-1])]
                    paid += 1
        assert counter.ledger.balance("zari") == 20_000 - 500 * paid
        assert counter.ledger.check() == []
    finally:
        counter.ledger.close()
