"""What a message may not spell: a number as the proof of a card, texts no database holds; and what no log shows."""

import pytest

from host_tests.unit.bench_client import (
    ALI,
    accrual,
    ask,
    furnished_desk,
    inquiry,
    redemption,
    tlv,
    untlv,
    value,
)
from host_tests.unit.test_bench_enrolment import enrolment
from tools.bench_switch import Programme

NUMBER = "9121111111"
AUTH, MOBILE, CARD_CTR, ALLOWANCE = 0x09, 0x40, 0x08, 0x30


@pytest.fixture
def desk(database):
    with furnished_desk(database) as desk:
        desk.ledger.set_contact("ali", "0" + NUMBER)
        yield desk


def typed(request, auth=0, more=None):
    tags = {tag: one for tag, one in untlv(request["48"]).items() if tag != 7}
    tags |= {MOBILE: bytes.fromhex(NUMBER), AUTH: bytes((auth,)), **(more or {})}
    return {**request, "22": "011", "48": tlv(tags)}


@pytest.mark.parametrize(
    "request_of",
    [
        lambda: typed(redemption(1, 500), auth=1),
        lambda: typed(redemption(1, 500), auth=2),
        lambda: typed(redemption(1, 500), more={CARD_CTR: bytes((0, 0, 0, 7))}),
        lambda: redemption(1, 500, uid="886D6F6200" + NUMBER),
        lambda: accrual(1, 5_000, uid="886D6F6200" + NUMBER, auth=0),
        lambda: typed(inquiry(), auth=1),
        lambda: inquiry("886D6F6200" + NUMBER),
        lambda: enrolment(1, uid="886D6F6200" + NUMBER),
    ],
    ids=["proven", "proven by AES", "counted", "as a card", "as a card that earns", "asks", "asks as a card", "enrols"],
)
def test_a_typed_number_proves_nothing_and_is_spelt_in_one_way(desk, request_of):
    assert ask(desk, request_of()).rc == "30"
    assert desk.ledger.balance("ali") == 600
    assert ask(desk, typed(accrual(2, 5_000))).rc == "00"


@pytest.mark.parametrize("auth", [0, 1])
def test_nothing_is_ever_reserved_for_a_typed_number(desk, auth):
    desk.ledger.programme = Programme(allowances=True)
    desk.ledger.adjust("ali", 20_000, "a gift", 0)
    asked = {ALLOWANCE: bytes(8)}
    for request in (typed(inquiry(), auth, asked), typed(accrual(1, 5_000), auth, asked)):
        assert ALLOWANCE not in ask(desk, request).tags
    assert desk.ledger.allowances() == []
    assert ALLOWANCE in ask(desk, inquiry(ALI, extra=asked)).tags


@pytest.mark.parametrize("bad", [b"\0", b"7\0", b"\n", b"\x7f"])
@pytest.mark.parametrize("tag", [0x0B, 0x0C, 0x21, 0x45])
def test_a_text_without_letters_is_malformed_for_every_database(desk, tag, bad):
    assert ask(desk, accrual(1, 5_000, extra={tag: bad})).rc == "30"
    assert ask(desk, accrual(1, 5_000)).rc == "00", "its SEQ is free"


def test_an_original_of_zero_bytes_is_malformed(desk):
    assert ask(desk, value("0200", 1, 1_000, -1, pcode="209100", extra={0x29: bytes(12)})).rc == "30"


def test_the_log_joins_no_answer_with_its_sender_and_shows_no_vouchers_number(desk):
    nameless = value("0120", 1, 0, 0, auth=0, pcode="940000", extra={0x50: b"\3\5\1", 3: bytes(4), 0x0D: b"\4"})
    nameless["48"] = tlv({tag: one for tag, one in untlv(nameless["48"]).items() if tag != 7})
    assert ask(desk, {**nameless, "38": "F00001"}).rc == "00"
    named = value("0120", 2, 0, 0, pcode="940000", extra={0x50: b"\3\5\0", 3: bytes(4), 0x0D: b"\4"})
    assert ask(desk, {**named, "38": "F00002"}).rc == "00"
    ask(desk, accrual(3, 5_000, extra={0x21: b"1234567897"}))
    came = [entry for entry in desk._log.entries() if entry.direction == "in"]
    assert [entry.tags.get("SURVEY") for entry in came] == [None, "030500", None]
    assert came[2].tags["VOUCHER"] == "****897"
    assert "1234567897" not in str(desk._log.entries())
