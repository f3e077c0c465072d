"""The switch's message desk fed with bytes alone: whatever they are, it reacts and the books stay right."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select

from host_tests.unit.bench_client import (
    ALI,
    KEY_OUT,
    NOW,
    SARA,
    SPEC,
    STRANGER,
    accrual,
    answered,
    furnish,
    inquiry,
    mac,
    network,
    opened,
    redemption,
    reversal,
    sealed,
)
from tools.bench_switch import Ledger, Programme
from tools.bench_switch.codec import tlv, wire
from tools.bench_switch.desk import Desk
from tools.bench_switch.faults import FaultScript
from tools.bench_switch.log import MessageLog
from tools.bench_switch.schema import PostingRow, TransactionRow

# Bytes that never reach the books.
ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
CALM = settings(
    deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def desk(database):
    ledger = Ledger(database)
    furnish(ledger)
    desk = Desk(ledger, FaultScript(), MessageLog(lambda: NOW), lambda: NOW)
    desk.ledger = ledger
    yield desk
    ledger.close()


def ask(desk, request):
    reaction = desk.handle(sealed(request))
    assert int.from_bytes(reaction.data[:2], "big") == len(reaction.data) - 2
    return answered(request, reaction.data[2:])


@ONE_DATABASE
def test_what_the_switch_did_not_foresee_is_answered_96_and_the_line_stays(desk, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("secret")

    said = []
    desk._log.listen(said.append)
    monkeypatch.setattr(desk.ledger, "inquire", broken)
    assert ask(desk, inquiry()).rc == "96"
    assert not desk.handle(sealed(inquiry())).close
    lines = " ".join(entry.line() for entry in said)
    assert "unforeseen: ZeroDivisionError" in lines and "secret" not in lines


GOOD = [network("001"), inquiry(), accrual(1, 5_000), accrual(2, 5_000, "0221"), redemption(3, 500)]
GOOD.append(reversal(4, GOOD[2]))


@ONE_DATABASE
@CALM
@given(raw=st.binary(max_size=300))
def test_any_bytes_end_the_connection_and_nothing_else(desk, raw):
    reaction = desk.handle(raw)
    assert reaction.close
    assert reaction.data == b""
    assert desk.ledger.balances() == {"ali": 600, "sara": 0}


@ONE_DATABASE
@CALM
@given(which=st.sampled_from(GOOD), data=st.data())
def test_a_message_changed_anywhere_books_nothing(desk, which, data):
    raw = bytearray(sealed(which))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] ^= data.draw(st.integers(1, 255))
    if raw == sealed(which):
        return
    reaction = desk.handle(bytes(raw))
    assert reaction.close or reaction.data
    assert desk.ledger.balances() == {"ali": 600, "sara": 0}
    assert desk.ledger.terminal("VAFA0001").high_seq == 0


@ONE_DATABASE
@CALM
@given(de48=st.binary(max_size=60), which=st.sampled_from(GOOD[1:]))
def test_an_authentic_message_with_any_de48_gets_an_answer_and_books_nothing(desk, de48, which):
    reaction = desk.handle(sealed(which | {"48": de48.hex().upper()}))
    rc = wire.split(reaction.data[2:]).fields["39"]
    assert rc in ("30", "63")
    assert desk.ledger.balances() == {"ali": 600, "sara": 0}


@CALM
@given(data=st.binary(max_size=120))
def test_tlv_is_read_or_refused(data):
    try:
        tags = tlv.read(data)
    except tlv.TlvError:
        return
    again = tlv.read(tlv.write(tags))
    assert again == tags


def test_a_length_has_only_one_spelling():
    raw = sealed(network("001"))
    at = raw.index(b"021", 60)
    for other in (b" 21", b"+21", b"2_1"):
        with pytest.raises(wire.WireError):
            wire.split(raw[:at] + other + raw[at + 3 :])


@pytest.mark.parametrize(
    "change",
    [
        lambda m: {de: v for de, v in m.items() if de != "70"} | {"t": "0200"},  # a secondary bitmap where none belongs
        lambda m: m | {"55": "1234"},  # a field the profile does not have
        lambda m: m | {"t": "0900"},
        lambda m: m | {"41": "NOBODY01"},
    ],
)
def test_messages_that_are_not_lt87_end_the_connection(desk, change):
    import iso8583

    message = change(network("001"))
    raw, _ = iso8583.encode({**message, "128": "0" * 16}, SPEC)
    covered = bytes(raw[:-8])
    reaction = desk.handle(covered + mac(KEY_OUT, covered))
    assert (reaction.close, reaction.data) == (True, b"")


def test_terminal_and_member_are_locked_before_anything_of_them_is_read(desk):
    """SQLite's one write lock hides a missing row lock; the order of statements shows it."""
    seen = []
    engine = desk.ledger._engine
    event.listen(engine, "before_cursor_execute", lambda _c, _cursor, statement, *_: seen.append(statement))
    assert ask(desk, redemption(3, 500)).rc == "00"
    # Who calls, whether a fault waits and what there is to load is asked before, and concerns neither.
    asked = ("FROM terminals", "FROM faults", "FROM publications")
    changes = [s for s in seen if not (s.startswith("SELECT") and any(table in s for table in asked))]
    assert changes[0].startswith("UPDATE terminals")
    sums = next(at for at, s in enumerate(changes) if "sum(postings" in s)
    assert any(s.startswith("UPDATE members") for s in changes[:sums])


STEP = st.tuples(
    st.sampled_from(["earn", "advice", "spend", "reverse", "reverse_unseen", "repeat"]),
    st.sampled_from([ALI, SARA, STRANGER]),
    st.integers(1, 1_200_000),
    st.integers(0, 30),
)


def test_points_are_conserved_through_any_sequence(databases):
    @settings(deadline=None, max_examples=8 if databases.few else 25)
    @given(steps=st.lists(STEP, max_size=25))
    def conserved(steps):
        with databases() as url:
            ledger = Ledger(url)
            try:
                furnish(ledger)
                _play(Desk(ledger, FaultScript(), MessageLog(lambda: NOW), lambda: NOW), ledger, steps)
            finally:
                ledger.close()

    conserved()


def _play(desk, ledger, steps):
    """A model that knows only: what was approved counts once, what was reversed counts never."""
    model = {ALI: 600, SARA: 0, STRANGER: 0}
    sent, originals, undone = [], [], set()
    for number, (step, uid, amount, pick) in enumerate(steps, start=1):
        if step in ("earn", "advice"):
            request = accrual(number, amount, "0200" if step == "earn" else "0220", uid=uid)
            assert ask(desk, request).rc == "00"
            model[uid] += amount // 1000
            if step == "earn":
                originals.append((request, uid, amount // 1000))
        elif step == "spend":
            points = 500 + amount // 1000 // 100 * 100
            request = redemption(number, points, uid=uid)
            answer = ask(desk, request)
            enough = model[uid] >= points
            assert answer.rc in (("00",) if enough else ("51", "14"))
            if enough:
                model[uid] -= points
                originals.append((request, uid, -points))
        elif step == "reverse_unseen":
            unseen = accrual(1000 + number, amount, uid=uid)
            request = reversal(number, unseen)
            assert ask(desk, request).rc == "25"
            assert ask(desk, unseen).rc == "68"
        elif step == "reverse" and originals:
            original, owner, points = originals[pick % len(originals)]
            request = reversal(number, original)
            assert ask(desk, request).rc == "00"
            if original["11"] not in undone:
                undone.add(original["11"])
                model[owner] -= points
        elif sent:
            assert ask(desk, sent[pick % len(sent)]).rc in ("94", "51", "14", "25", "68")
            continue
        else:
            continue
        sent.append(request)
    assert ledger.check() == []
    assert sum(ledger.accounts().values()) == 0
    assert {ALI: ledger.balance("ali"), SARA: ledger.balance("sara")} == {ALI: model[ALI], SARA: model[SARA]}
    assert (ledger.balance_of_card(STRANGER) or 0) == model[STRANGER]


def test_a_scheme_may_pay_by_tier_and_keep_unknown_cards_out(database):
    ledger = Ledger(database, Programme(tier_percent=(100, 110, 125, 150), open_provisional=False))
    furnish(ledger)
    desk = Desk(ledger, FaultScript(), MessageLog(lambda: NOW), lambda: NOW)
    assert ask(desk, accrual(1, 9_000)).points == 13  # gold: 13.5 rounded down
    assert ask(desk, accrual(2, 9_000, uid=SARA)).points == 9
    assert ask(desk, accrual(3, 9_000, uid=STRANGER)).rc == "14"
    assert ledger.check() == []
    ledger.close()


def test_the_check_finds_what_is_wrong_in_the_stored_rows(database):
    ledger = Ledger(database)
    furnish(ledger)
    desk = Desk(ledger, FaultScript(), MessageLog(lambda: NOW), lambda: NOW)
    sale, spend = accrual(1, 50_000), redemption(2, 500)
    for request in (sale, spend, reversal(3, sale)):
        assert ask(desk, request).rc == "00"
    assert ledger.check() == []
    with ledger._session() as session:
        postings = list(session.scalars(select(PostingRow).order_by(PostingRow.id)))
        postings[2].points += 1  # the sale's member side
        session.get_one(TransactionRow, 3).rc = "51"
    problems = "\n".join(ledger.check())
    assert "transaction 2: its postings sum to 1" in problems
    assert "transaction 2 answered 50 points and booked 51" in problems
    assert "transaction 3 was refused with 51 and has postings" in problems
    assert "transaction 4 does not exactly undo 2" in problems
    ledger.close()


def test_the_tags_are_those_of_the_published_page():
    page = (Path(__file__).parents[2] / "docs" / "lt87.md").read_text()
    rows = re.findall(r"^\| ([0-9A-F]{2}) \| ([A-Z][A-Z0-9_]+) \| (\d+)(?:\.\.(\d+))? \|", page, re.MULTILINE)
    published = {int(tag, 16): (name, int(low), int(high or low)) for tag, name, low, high in rows}
    ours = {tag: (name.replace("_", ""), low, high) for tag, (name, low, high, _) in tlv.TAGS.items()}
    page = {tag: (name.replace("_", ""), low, high) for tag, (name, low, high) in published.items()}
    assert ours.items() <= page.items()  # the page also has tags no message of this cut carries


def published_examples():
    """The messages printed in the protocol's page: titles and bytes, first plain, then packed."""
    page = (Path(__file__).parents[2] / "docs" / "lt87.md").read_text()
    found = re.findall(r"^`([^`\n]+)` \((\d+) bytes\)\n\n```\n([0-9a-f\n]+)```", page, re.MULTILINE)
    examples = [(title, bytes.fromhex(text.replace("\n", ""))) for title, _, text in found]
    assert [len(raw) for _, raw in examples] == [int(size) for _, size, _ in found]
    return examples


def test_the_published_examples_are_understood_and_rebuilt_byte_for_byte():
    out, into = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c"), bytes.fromhex("603deb1015ca71be2b73aef0857d7781")
    examples = published_examples()
    assert len(examples) == 12
    for _, raw in examples:
        message = wire.split(raw)
        key = into if message.mti in ("0810", "0210") else out
        assert message.mac_right(key)
        assert not message.bad_characters()
        plain = {de: value for de, value in message.fields.items() if de not in ("p", "1", "64", "128")}
        assert wire.join(plain, key, message.tpdu) == raw
        assert message.packed == (raw[0] == 0x60)


def test_the_published_examples_are_answered_as_the_page_says():
    for examples in (published_examples()[:6], published_examples()[6:]):
        _answered_as_the_page_says(examples)


def _answered_as_the_page_says(examples):
    out, into = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c"), bytes.fromhex("603deb1015ca71be2b73aef0857d7781")
    at = 1_795_000_007
    ledger = Ledger()
    ledger.add_terminal("T0000001", "MERCHANT0000001", out, into, kid=7)
    ledger.add_member("ali", 1001)
    ledger.add_card(ALI, "ali")
    desk = Desk(ledger, FaultScript(), MessageLog(lambda: at), lambda: at)
    balances = []
    for title, raw in examples:
        if title.startswith(("0810", "0210")):
            continue
        message = desk.handle(raw).data[2:]
        if raw[0] == 0x60:
            assert message[:5] == raw[:1] + raw[3:5] + raw[1:3]
            assert mac(into, message[5:-8]) == message[-8:]
            # The oracle of the other spelling reads what was said, put into its own.
            fields = wire.split(message).fields
            message = wire.join({de: value for de, value in fields.items() if de not in ("p", "1", "64", "128")}, into)
        answer = opened(message, into)
        assert (answer.rc, answer.tags[0x60]) == ("00", b"\x07")
        balances.append(ledger.balance("ali"))
    assert balances == [0, 125, 250, 125]
    assert ledger.check() == []
    with ledger._session() as session:
        assert set(session.scalars(select(TransactionRow.merchant_id))) == {"MERCHANT0000001"}
    ledger.close()
