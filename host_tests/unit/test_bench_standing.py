"""What the switch tells of a member's standing: tier, rung, segments, lines; whatever is undone or repeated."""

import datetime

import pytest

from host_tests.unit.bench_client import (
    ALI,
    MERCHANT,
    NOW,
    SARA,
    STRANGER,
    accrual,
    ask,
    furnish,
    inquiry,
    reversal,
)
from host_tests.unit.test_bench_taking_back import refund, void
from tools.bench_switch import Ledger, LedgerError, Programme, standing
from tools.bench_switch.desk import Desk
from tools.bench_switch.faults import FaultScript
from tools.bench_switch.log import MessageLog

TIER, VISITS, RUNG, SEGMENT, YEARS, WINBACK = 0x10, 0x11, 0x13, 0x14, 0x19, 0x15
EXPIRING, BENEFIT, SUGGEST, NOTE, TEXT = 0x16, 0x23, 0x24, 0x52, 0x70
DAY_S = 86_400
TODAY = standing.day_of(NOW)


class Shop:
    """A desk over furnished books, with a clock that can be set."""

    def __init__(self, database, programme=None):
        self.now = NOW
        self.ledger = Ledger(database, programme or Programme())
        furnish(self.ledger)
        self.desk = Desk(self.ledger, FaultScript(), MessageLog(lambda: self.now), lambda: self.now)
        self.seq = 0

    def sell(self, amount, uid=SARA, mti="0200", **more):
        self.seq += 1
        day = standing.day_of(self.now)
        request = accrual(self.seq, amount, mti, uid=uid, **more)
        request["13"] = f"{day.month:02d}{day.day:02d}"
        return request, ask(self.desk, request)

    def tap(self, uid=SARA):
        return ask(self.desk, inquiry(uid=uid)).tags

    def history(self, member, visits, days_ago, amount=100_000):
        last = standing.day_of(self.now) - datetime.timedelta(days=days_ago)
        self.ledger.add_history(member, visits, last, amount, MERCHANT, self.now)


@pytest.fixture
def shop(database):
    made = Shop(database)
    yield made
    assert made.ledger.check() == []
    made.ledger.close()


def bcd(day):
    return bytes.fromhex(day.strftime("%y%m%d"))


def test_a_tier_is_told_with_its_last_day_a_year_on_and_once_it_was_reached(shop):
    assert shop.tap()[TIER] == b"\0\0\0\0"
    _, answer = shop.sell(9_999_999)
    assert answer.tags[TIER] == b"\0\0\0\0"
    _, answer = shop.sell(1)
    ends = bcd(TODAY + datetime.timedelta(days=365))
    assert answer.tags[TIER] == b"\1" + ends
    shop.now += 3 * DAY_S
    assert shop.tap()[TIER] == b"\1" + ends, "the day stays"


def test_a_tier_that_was_reached_with_a_sale_that_is_reversed_is_gone(shop):
    request, answer = shop.sell(60_000_000)
    assert answer.tags[TIER][:1] == b"\2"
    shop.seq += 1
    ask(shop.desk, reversal(shop.seq, request))
    assert shop.tap()[TIER] == b"\0\0\0\0"


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_a_tier_goes_with_its_purchases_in_whatever_order_they_are_voided(shop, order):
    sold = {seq: shop.sell(amount)[0] for seq, amount in ((1, 60_000_000), (2, 300_000_000))}
    shop.seq = 10
    for which in order:
        shop.seq += 1
        left = ask(shop.desk, void(shop.seq, sold[which], uid=SARA)).tags[TIER][:1]
        assert left == {(1, 2): {1: b"\3", 2: b"\0"}, (2, 1): {2: b"\2", 1: b"\0"}}[order][which]
    assert shop.tap()[TIER] == b"\0\0\0\0"


def test_a_tier_goes_with_a_refund_and_comes_back_until_its_day_when_that_is_reversed(shop):
    _, answer = shop.sell(60_000_000)
    told = answer.tags[TIER]
    shop.seq, back = 2, refund(2, 1, 60_000_000, -60_000, uid=SARA)
    shop.now += 3 * DAY_S
    assert ask(shop.desk, back).tags[TIER] == b"\0\0\0\0"
    assert ask(shop.desk, reversal(3, back)).rc == "00"
    assert shop.tap()[TIER] == told


def test_a_tier_ends_and_the_purchases_of_the_last_year_decide(shop):
    shop.sell(60_000_000)
    shop.now += 200 * DAY_S
    shop.sell(12_000_000)
    shop.now += 170 * DAY_S
    assert shop.tap()[TIER] == b"\1" + bcd(standing.day_of(shop.now) + datetime.timedelta(days=365))
    _, answer = shop.sell(1_000)
    assert answer.tags[TIER][:1] == b"\1", "what was bought before that does not lift it again"


def test_a_tier_given_by_hand_does_not_end(shop):
    shop.sell(1_000, ALI)
    shop.now += 400 * DAY_S
    assert shop.tap(ALI)[TIER][:1] == b"\3"


def test_full_years_of_membership_may_bring_a_tier(database):
    shop = Shop(database, Programme(tier_from_years=(1, 3, 0)))
    shop.ledger.set_facts("sara", enrolled=TODAY - datetime.timedelta(days=3 * 366))
    _, answer = shop.sell(1_000)
    assert answer.tags[TIER][:1] == b"\2"
    assert answer.tags[YEARS] == b"\3"
    assert YEARS not in shop.sell(1_000, ALI)[1].tags, "nobody knows since when"
    shop.ledger.close()


def test_the_rungs_are_climbed_by_what_happens(shop):
    assert shop.tap()[RUNG] == b"\1"
    rungs = []
    for _ in range(7):
        rungs.append(shop.sell(1_000)[1].tags[RUNG][0])
        shop.now += DAY_S
    assert rungs == [2, 3, 3, 3, 3, 4, 4]
    shop.now += 71 * DAY_S
    assert shop.tap()[RUNG] == b"\3", "who has lapsed does not always come here"


def test_whose_referral_was_credited_is_an_advocate(shop):
    from sqlalchemy.orm import Session

    from tools.bench_switch.member_tables import ReferralRow

    shop.sell(1_000)
    sold = shop.ledger.transactions(last=1)[0].id
    ali, sara = shop.ledger.member("ali").id, shop.ledger.member("sara").id
    with shop.ledger._session() as session:
        assert isinstance(session, Session)
        session.add(ReferralRow(member_id=ali, referrer_id=sara, purchase_id=sold, credit_id=sold))
    assert shop.tap()[RUNG] == b"\5"
    with shop.ledger._session() as session:
        session.delete(session.get_one(ReferralRow, ali))


@pytest.mark.parametrize(
    ("visits", "days", "bits"), [(3, 70, 0), (3, 71, 2), (2, 71, 0), (2, 180, 0), (1, 181, 4), (3, 181, 6)]
)
def test_who_has_lapsed_and_who_bought_nothing_for_six_months(shop, visits, days, bits):
    shop.history("sara", visits, days)
    assert shop.tap()[SEGMENT][0] == bits
    assert shop.sell(1_000)[1].tags[SEGMENT] == b"\0", "there is a visit today"


def test_the_fifth_that_bought_most_are_best_customers(shop):
    for number, amount in enumerate((500, 400, 300, 200, 100), 1):
        shop.ledger.add_member(f"buyer {number}")
        shop.ledger.add_card(f"0{number}AABBCC", f"buyer {number}")
        shop.history(f"buyer {number}", 1, 5, amount * 1000)
    marks = [shop.tap(f"0{number}AABBCC")[SEGMENT][0] for number in range(1, 6)]
    assert marks == [1, 0, 0, 0, 0]
    shop.sell(900_000)
    assert shop.tap()[SEGMENT] == b"\1", "as much as the last of them, whoever is counted"
    shop.now += 601
    assert shop.tap("01AABBCC")[SEGMENT] == b"\0", "six buyers: one is a fifth, and another it is"


def test_four_buyers_have_no_best_among_them(shop):
    for name in ("ali", "sara"):
        shop.history(name, 2, 5)
    assert shop.tap()[SEGMENT] == b"\0"


def test_lines_are_told_at_a_tap_and_not_with_a_sale(shop):
    for kind, text in (("note", "tea without sugar"), ("suggest", "saffron"), ("say", "New: cake")):
        shop.ledger.set_line("sara", kind, text)
    shop.ledger.announce_expiry("sara", 120, TODAY + datetime.timedelta(days=9))
    shop.sell(90_000)
    told = shop.tap()
    assert (told[NOTE], told[SUGGEST], told[TEXT]) == (b"tea without sugar", b"saffron", b"New: cake")
    assert told[EXPIRING] == (90).to_bytes(4, "big") + bcd(TODAY + datetime.timedelta(days=9)), (
        "never more than there are"
    )
    assert not {NOTE, SUGGEST, EXPIRING} & set(shop.sell(1_000)[1].tags)
    assert not {NOTE, SUGGEST, EXPIRING} & set(shop.tap(ALI))
    shop.ledger.set_line("ali", "note", "waits outside")
    shop.ledger.set_line("sara", "note", "")
    assert NOTE not in shop.tap()
    assert shop.tap(ALI)[NOTE] == b"waits outside"


def test_points_expire_once_when_their_day_is_over(shop):
    shop.sell(90_000)
    shop.ledger.announce_expiry("sara", 60, TODAY)
    assert shop.ledger.expire(shop.now) == []
    shop.now += DAY_S
    assert EXPIRING not in shop.tap()
    assert [points for _, points in shop.ledger.expire(shop.now)] == [60]
    assert shop.ledger.expire(shop.now) == []
    assert shop.ledger.balance("sara") == 30


def test_a_tier_has_its_benefits(shop):
    shop.ledger.set_benefits(3, b"\1\2")
    assert shop.tap(ALI)[BENEFIT] == b"\1\2"
    assert BENEFIT not in shop.tap()
    shop.ledger.set_benefits(3, b"")
    assert BENEFIT not in shop.tap(ALI)


def test_a_win_back_is_kept_once_and_not_when_it_is_undone(shop):
    shop.history("sara", 3, 80)
    request, _ = shop.sell(1_000, extra={WINBACK: b"\1"})
    ask(shop.desk, request)
    assert [days for _, days in shop.ledger.winbacks()] == [80]
    shop.seq += 1
    ask(shop.desk, reversal(shop.seq, request))
    assert shop.ledger.winbacks() == []


@pytest.mark.parametrize("takes_back", ["reversal", "void"])
def test_the_days_of_a_win_back_are_counted_from_a_visit_that_stands(shop, takes_back):
    shop.history("sara", 3, 80)
    shop.now -= 10 * DAY_S
    request, _ = shop.sell(5_000)
    shop.seq += 1
    ask(shop.desk, reversal(shop.seq, request) if takes_back == "reversal" else void(shop.seq, request, uid=SARA))
    shop.now += 10 * DAY_S
    shop.sell(1_000, extra={WINBACK: b"\1"})
    assert [days for _, days in shop.ledger.winbacks()] == [80]


@pytest.mark.parametrize("text", ["x" * 42, "ف" * 31, "a\x07b"])
def test_a_line_that_no_screen_holds_is_refused(shop, text):
    with pytest.raises(LedgerError) as error:
        shop.ledger.set_line("sara", "note", text)
    assert error.value.code == "B99"


def test_a_nameless_member_has_a_standing_too(shop):
    _, answer = shop.sell(1_000, STRANGER)
    assert (answer.tags[RUNG], answer.tags[SEGMENT]) == (b"\2", b"\0")
