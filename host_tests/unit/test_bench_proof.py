"""A card proves itself to the bench switch once and spends once; copies, replays and late comers do not."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from host_tests.unit.bench_cards import (
    AUTH,
    COPY,
    CTR,
    EV2,
    GROUP_CARD,
    OTHER,
    PROVEN,
    RELAY_CARD,
    SDM,
    SUN_CARD,
    UNDECIDED,
    Counter,
    Ev2Card,
    earn,
    sun,
    verdict,
)
from host_tests.unit.bench_client import ALI, SARA, STRANGER, accrual, inquiry, reversal, sealed, u32
from tools.bench_switch import proof
from tools.issuer.keys import IssuerKeys

CALM = settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
PAGE = Path(__file__).parents[2] / "docs" / "lt87.md"
FOREIGN = IssuerKeys(1, *(bytes([n]) * 16 for n in range(0x21, 0x26)))


@pytest.fixture
def counter(database):
    made = Counter(database)
    yield made
    assert made.ledger.check() == []
    made.ledger.close()


@pytest.fixture
def in_memory():
    """For what is tried with many bytes: the judge is the same, whatever keeps the books."""
    made = Counter()
    yield made
    assert made.ledger.check() == []
    made.ledger.close()


# --- the published vectors, and the page ------------------------------------------------------------------------------


def test_the_published_vectors_of_sun_and_ev2first():
    key = bytes(16)
    uid, count = bytes.fromhex("04DE5F1EACC040"), bytes.fromhex("3D0000")
    opened = proof.picc_data(key, bytes.fromhex("EF963FF7828658A599F3041510671E88"))
    assert opened == (uid, count)
    assert proof.sun_mac(key, uid, count).hex().upper() == "94EED9EE65337086"
    rnd_a = bytes.fromhex("13C5DB8A5930439FC3DEF9A4C675360F")
    second = proof.second_part(key, bytes.fromhex("A04C124213C186F22399D33AC2A30215"), rnd_a)
    assert second.hex().upper() == "35C3E05A752E0144BAC0DE51C1F22C56B34408A23D8AEA266CAB947EA8E0118D"
    last = bytes.fromhex("3FA64DB5446D1F34CD6EA311167F5E4985B89690C04A05F17FA7AB2F08120663")
    assert proof.knows_key(key, rnd_a, last)
    assert not proof.knows_key(key, rnd_a[::-1], last)
    assert not proof.knows_key(bytes(15) + b"\1", rnd_a, last)


def test_the_worked_example_of_the_page_is_what_the_switch_computes():
    block = PAGE.read_text().split("**The published vectors**")[1].split("```")[1]
    lines = {}
    for line in filter(None, block.splitlines()):
        name, said = re.match(r"\s*(.+?)\s{2,}([0-9A-F ]+)", line).groups()
        lines.setdefault(name, bytes.fromhex(said))
    whole, key = lines["tag 32, encrypted"], bytes(16)
    assert (whole[0], whole[1], whole[2]) == (SDM, len(whole) - 2, 1)
    opened = proof.picc_data(key, whole[3:19])
    assert opened is not None
    uid, count = opened
    assert lines["PICCData"][:11] == b"\xc7" + uid + count
    assert lines["SV2"] == bytes.fromhex("3CC300010080") + uid + count
    assert proof.cmac(key, lines["SV2"]) == lines["session key"]
    assert proof.sun_mac(key, uid, count) == whole[19:]
    assert lines["tag 32, plain"] == bytes((SDM, 19, 2)) + uid + count + whole[19:]
    begin, middle, end = (lines[f"tag 33, {name}"] for name in ("begin", "for the card", "end"))
    assert [(tag[0], tag[1], tag[2]) for tag in (begin, middle, end)] == [(EV2, 18, 1), (EV2, 33, 2), (EV2, 33, 3)]
    assert proof.second_part(key, begin[4:], lines["RndA"]) == middle[3:]
    assert proof.knows_key(key, lines["RndA"], end[3:])


# --- SUN --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("plain", [False, True])
def test_sun_data_prove_a_card_and_pay_once(counter, plain):
    answer = counter.prove(sun(61, plain=plain))
    assert verdict(answer) == PROVEN
    assert (answer.tags[CTR], answer.balance, answer.tags[0x44]) == (u32(61), 5_000, b"zari")
    assert counter.spend(counter=61).rc == "00"
    again = counter.spend(counter=61)
    assert (again.rc, again.points) == ("57", 0)
    assert verdict(counter.prove(sun(62, plain=plain))) == PROVEN
    assert counter.spend().rc == "00"  # a terminal that does not repeat the counter
    assert counter.ledger.balance("zari") == 4_000


@pytest.mark.parametrize("auth", [0, 1, 2])
@pytest.mark.parametrize(("uid", "name"), [(SUN_CARD, "zari"), (RELAY_CARD, "omid")])
def test_a_card_that_has_to_prove_itself_never_spends_on_the_terminals_word(counter, uid, name, auth):
    assert counter.spend(uid, auth=auth).rc == "57"
    assert counter.ledger.balance(name) == 5_000
    assert counter.ask(accrual(1, 9_000, uid=uid, auth=0)).rc == "00"


def test_a_proof_does_not_help_a_terminal_that_says_it_read_a_legacy_card(counter):
    counter.prove(sun(1))
    assert counter.spend(auth=1).rc == "57"
    assert counter.spend(auth=2).rc == "00"


@pytest.mark.parametrize(("uid", "auth"), [(ALI, 1), (ALI, 2), (GROUP_CARD, 2)])
def test_legacy_and_group_cards_spend_on_the_terminals_word(counter, uid, auth):
    assert counter.spend(uid, auth=auth).rc == "00"
    assert counter.spend(uid, auth=0).rc == "57"


def test_a_group_card_spends_by_aes_only(counter):
    assert counter.spend(GROUP_CARD, auth=1).rc == "57"
    assert counter.spend(GROUP_CARD, 5, auth=1).rc == "57"
    assert counter.spend(GROUP_CARD, auth=2).rc == "00"
    assert counter.ledger.balance("nima") == 4_500


def test_the_same_bytes_after_a_lost_answer_get_the_same_answer_and_no_second_grant(counter):
    counter.faults.next("silent", mti="0100")
    lost = inquiry(SUN_CARD, auth=0, extra={SDM: sun(7)})
    assert counter.desk.handle(sealed(lost)).data == b""
    for _ in range(2):
        again = counter.prove(sun(7))
        assert (verdict(again), again.tags[CTR]) == (PROVEN, u32(7))
    assert "copy" not in counter.notes()
    assert counter.spend(counter=7).rc == "00"
    assert verdict(counter.prove(sun(7))) == COPY, "what was spent by was not lost"
    assert counter.spend(counter=7).rc == "57"


def test_what_was_shown_elsewhere_before_or_too_long_ago_is_a_copys(counter):
    assert verdict(counter.prove(sun(7))) == PROVEN
    assert verdict(counter.prove(sun(7), at=OTHER)) == COPY
    assert verdict(counter.prove(sun(7, plain=True))) == COPY, "the same reading in other bytes"
    counter.now += 30
    assert verdict(counter.prove(sun(7))) == PROVEN
    counter.now += 1
    assert verdict(counter.prove(sun(7))) == COPY
    assert counter.spend(counter=7).rc == "00", "the proof it repeats still holds"
    assert verdict(counter.prove(sun(6))) == COPY
    assert verdict(counter.prove(sun(8), at=OTHER)) == PROVEN
    notes = counter.notes()
    assert notes.count("suspected copy, card ****C040") == 4
    assert SUN_CARD not in notes


def test_a_grant_lives_five_minutes_and_belongs_to_its_terminal_and_its_counter(counter):
    counter.prove(sun(1))
    assert counter.spend(counter=1, at=OTHER).rc == "59", "said at another terminal"
    assert counter.spend(at=OTHER).rc == "57"
    assert counter.spend(counter=2).rc == "57"
    counter.now += 301
    assert counter.spend(counter=1).rc == "57"
    counter.prove(sun(3))
    counter.now += 300
    assert counter.spend(counter=3).rc == "00"


def test_a_refusal_leaves_a_grant_and_a_reversal_does_not_bring_it_back(counter):
    counter.prove(sun(1))
    assert counter.spend(counter=1, points=6_000).rc == "51"
    assert counter.spend(counter=1, points=550).rc == "13"
    request = counter.spending(counter=1)
    assert counter.ask(request).rc == "00"
    assert counter.ask(request).rc == "94", "a repeat needs no grant"
    assert counter.ask(reversal(900, request)).rc == "00"
    assert counter.ledger.balance("zari") == 5_000
    assert counter.ask(request).rc == "68"
    assert counter.spend(counter=1).rc == "57"
    assert verdict(counter.prove(sun(1))) == COPY, "it was spent by"
    assert counter.spend(counter=1).rc == "57"
    assert verdict(counter.prove(sun(2))) == PROVEN
    assert counter.spend(counter=2).rc == "00"


@CALM
@given(at=st.integers(1, 24), flip=st.integers(1, 255), plain=st.booleans())
def test_sun_data_changed_anywhere_are_a_copys(in_memory, at, flip, plain):
    said = bytearray(sun(9, plain=plain))
    said[at % (len(said) - 1) + 1] ^= flip
    answer = in_memory.prove(bytes(said))
    # PICCData are one block: a change garbles all of it. The padding after the counter is not checked by any key.
    assert verdict(answer) == COPY
    assert CTR not in answer.tags
    assert in_memory.spend().rc == "57"


@pytest.mark.parametrize(
    "said",
    [sun(9, keys=FOREIGN), sun(9, keys=FOREIGN, plain=True), sun(9, uid=RELAY_CARD), sun(9, RELAY_CARD, plain=True)],
)
def test_another_offices_or_another_cards_sun_data_are_a_copys(counter, said):
    assert verdict(counter.prove(said)) == COPY
    assert counter.spend().rc == "57"
    assert verdict(counter.prove(sun(1))) == PROVEN, "the true card is not locked out by it"


def test_a_wrong_mac_with_a_high_counter_does_not_raise_the_highest(counter):
    counter.prove(sun(0xFFFFFF)[:-1] + b"\0")
    assert verdict(counter.prove(sun(1))) == PROVEN


# --- the relay --------------------------------------------------------------------------------------------------------


def test_a_relayed_card_is_proven_and_pays_once(counter):
    card = Ev2Card()
    first = counter.step(card.begin())
    assert first.rc == "00"
    assert AUTH not in first.tags
    second = counter.step(card.end(first.tags[EV2]))
    assert verdict(second) == PROVEN
    assert EV2 not in second.tags
    assert CTR not in second.tags
    assert counter.spend(RELAY_CARD, at=OTHER).rc == "57"
    assert counter.spend(RELAY_CARD).rc == "00"
    assert counter.spend(RELAY_CARD).rc == "57"
    assert verdict(counter.relay(card)) == PROVEN
    assert counter.spend(RELAY_CARD).rc == "00"


def test_a_challenge_is_answered_once_rightly_or_not(counter):
    card = Ev2Card()
    end = card.end(counter.step(card.begin()).tags[EV2])
    assert verdict(counter.step(end[:-20] + bytes(20))) == COPY
    assert verdict(counter.step(end)) == UNDECIDED
    end = card.end(counter.step(card.begin()).tags[EV2])
    assert verdict(counter.step(end)) == PROVEN
    assert verdict(counter.step(end)) == UNDECIDED, "a replay is no second grant"
    assert counter.spend(RELAY_CARD).rc == "00"
    assert counter.spend(RELAY_CARD).rc == "57"


def test_a_challenge_is_its_terminals_and_its_cards_and_only_the_newest(counter):
    card = Ev2Card()
    first = card.end(counter.step(card.begin()).tags[EV2])
    assert verdict(counter.step(first, at=OTHER)) == UNDECIDED
    assert verdict(counter.step(first, uid=SUN_CARD)) == UNDECIDED
    counter.step(card.begin())
    assert verdict(counter.step(first)) == COPY


def test_a_challenge_lives_ten_seconds(counter):
    card = Ev2Card()
    for wait, expected in ((10, PROVEN), (11, UNDECIDED)):
        end = card.end(counter.step(card.begin()).tags[EV2])
        counter.now += wait
        assert verdict(counter.step(end)) == expected


def test_no_two_challenges_are_alike(counter):
    steps = {counter.step(Ev2Card().begin()).tags[EV2] for _ in range(8)}
    assert len(steps) == 8


def test_a_card_without_the_key_is_a_copy(counter):
    card, copy = Ev2Card(), Ev2Card(keys=FOREIGN)
    middle = counter.step(copy.begin()).tags[EV2]
    with pytest.raises(AssertionError, match="does not know the key"):
        copy.end(middle)
    assert verdict(counter.step(b"\x03" + middle[1:])) == COPY, "reflected"
    assert verdict(counter.relay(card)) == PROVEN


# --- counters ---------------------------------------------------------------------------------------------------------


def test_a_counter_below_the_highest_or_shown_by_another_tap_is_a_copys(counter):
    assert counter.ask(inquiry(GROUP_CARD, auth=2, extra={CTR: u32(20)})).rc == "00"
    assert earn(counter, 1, 20) == "00", "the same tap says it twice"
    assert earn(counter, 2, 20, OTHER) == "59"
    assert earn(counter, 3, 19) == "59"
    assert counter.spend(GROUP_CARD, 19).rc == "59"
    assert counter.ask(inquiry(GROUP_CARD, auth=2, extra={CTR: u32(19)})).rc == "59"
    assert earn(counter, 4, 0, OTHER) == "00", "a terminal that knows none"
    assert earn(counter, 5, 21, OTHER) == "00"
    assert earn(counter, 6, 20) == "59"
    assert earn(counter, 3, 19) == "59", "a repeat of a refusal"
    assert counter.notes().count("suspected copy, card ****5566") == 5
    assert counter.notes().count("suspicious tap of card ****5566: no counter after 20") == 1


def test_an_advice_is_booked_whatever_its_counter_and_the_log_tells(counter):
    earn(counter, 1, 20)
    for seq, count, at in ((2, 5, "VAFA0001"), (3, 20, OTHER), (4, 99, OTHER)):
        assert earn(counter, seq, count, at, mti="0220") == "00"
    assert earn(counter, 5, 21) == "00", "an advice does not raise the highest: it may be older than it looks"
    assert counter.ledger.balance("nima") == 5_000 + 5 * 9
    assert counter.notes().count("advice of card ****5566") == 2
    assert "copy" not in counter.notes()


@pytest.mark.parametrize(("uid", "auth"), [(GROUP_CARD, 0), (SARA, 0), (SUN_CARD, 0), (SUN_CARD, 2), (RELAY_CARD, 2)])
def test_a_mere_claim_does_not_lock_the_true_card_out(counter, uid, auth):
    counter.ask(inquiry(uid, auth=auth, extra={CTR: u32(0xFFFFFF)}))
    assert earn(counter, 1, 0xFFFFFE, uid=uid, auth=auth) == "00"
    assert earn(counter, 2, 3, OTHER, uid=uid, auth=auth) == "00"
    if uid == SUN_CARD:
        assert verdict(counter.prove(sun(3))) == PROVEN


def test_a_card_made_anew_begins_again(counter):
    counter.prove(sun(9))
    counter.ledger.set_way(SUN_CARD, "sun")
    assert counter.spend().rc == "57", "what was proven before is not of this card"
    assert verdict(counter.prove(sun(1))) == PROVEN
    counter.ledger.set_way(SUN_CARD, "group")
    assert counter.spend(auth=2).rc == "00"
    assert counter.ledger.ways()[SUN_CARD] == "group"


# --- who is not asked, and what is malformed --------------------------------------------------------------------------


def test_without_issuer_keys_nothing_is_decided_and_nobody_is_suspected():
    counter = Counter(keys=None)
    assert verdict(counter.prove(sun(1))) == UNDECIDED
    begun = counter.step(Ev2Card().begin())
    assert verdict(begun) == UNDECIDED
    assert EV2 not in begun.tags
    assert counter.spend().rc == "57"
    assert "no issuer keys" in counter.notes()


def test_unknown_and_blocked_cards_are_answered_as_without_a_proof(counter):
    stranger = "04" + "99" * 6
    assert verdict(counter.prove(sun(1, stranger), stranger)) == ("14", 0)
    assert verdict(counter.prove(b"\x02" + bytes(18), STRANGER)) == ("14", 0)
    counter.ledger.set_card(SUN_CARD, "stolen")
    assert verdict(counter.prove(sun(1))) == ("43", 0)
    counter.ledger.set_card(RELAY_CARD, "lost")
    begun = counter.step(Ev2Card().begin())
    assert begun.rc == "41"
    assert EV2 not in begun.tags
    counter.ledger.set_card(SUN_CARD, "active")
    assert verdict(counter.prove(sun(1))) == PROVEN


GOOD_END = b"\x03" + bytes(32)


@pytest.mark.parametrize(
    "extra",
    [
        {SDM: b"\x03" + bytes(24)},
        {SDM: b"\x01" + bytes(23)},
        {SDM: b"\x02" + bytes(24)},
        {SDM: b"\x01" + bytes(18)},
        {SDM: b"\x02" + bytes(17)},
        {SDM: b"\x01" + bytes(25)},
        {EV2: b"\x01\x04" + bytes(15)},
        {EV2: b"\x01\x04" + bytes(17)},
        {EV2: b"\x01\x01" + bytes(16)},
        {EV2: b"\x02" + bytes(32)},
        {EV2: b"\x03" + bytes(17)},
        {EV2: b"\x04" + bytes(32)},
        {EV2: GOOD_END, SDM: sun(1)},
        {CTR: bytes(4)},
        {CTR: bytes(3) + b"\1" + b"\1"},
        {AUTH: b"\3"},
    ],
)
def test_what_is_malformed_is_30_and_changes_nothing(counter, extra):
    answer = counter.ask(inquiry(SUN_CARD, extra=extra))
    assert verdict(answer) == ("30", None)
    assert verdict(counter.prove(sun(1))) == PROVEN


@pytest.mark.parametrize("extra", [{SDM: sun(1)}, {EV2: GOOD_END}, {CTR: bytes(4)}, {AUTH: b"\3"}])
def test_a_proof_belongs_into_an_inquiry(counter, extra):
    assert counter.ask(accrual(1, 9_000, extra=extra)).rc == "30"
    assert counter.ask(accrual(1, 9_000, "0220", extra=extra)).rc == "30"
    assert counter.ask(accrual(1, 9_000)).rc == "00"


@CALM
@given(tag=st.sampled_from([CTR, AUTH, SDM, EV2]), value=st.binary(max_size=40), uid=st.sampled_from([SUN_CARD, ALI]))
def test_any_bytes_for_a_proof_are_answered_and_prove_nothing(in_memory, tag, value, uid):
    answer = in_memory.ask(inquiry(uid, extra={tag: value}))
    assert answer.rc in ("00", "30", "59")
    assert answer.tags.get(AUTH) in (None, b"\0")
    assert in_memory.spend().rc == "57"


def test_the_log_names_what_came_and_shows_none_of_it(counter):
    said, begin = sun(5), Ev2Card().begin()
    counter.prove(said)
    end = Ev2Card().end(counter.step(begin).tags[EV2])
    counter.step(end)
    text = repr(counter.log.entries())
    for secret in (said[1:], begin[2:], end[1:]):
        assert secret.hex() not in text.lower()
    assert "25 bytes, kind 1" in text


def test_the_card_is_locked_before_its_counter_is_read(counter):
    seen = []
    engine = counter.ledger._engine
    event.listen(engine, "before_cursor_execute", lambda _c, _cursor, statement, *_: seen.append(statement))
    counter.prove(sun(1))
    first = next(at for at, statement in enumerate(seen) if "card_ways" in statement or "grants" in statement)
    assert any(statement.startswith("UPDATE members") for statement in seen[:first])
