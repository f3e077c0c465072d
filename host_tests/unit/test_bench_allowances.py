"""Points reserved at the switch: who gets how many, what they pay for, and that nobody else can spend them."""

import pytest
from click.testing import CliRunner

from host_tests.unit.bench_client import (
    ALI,
    KEY_IN,
    KEY_OUT,
    MERCHANT,
    NOW,
    SARA,
    STRANGER,
    accrual,
    answered,
    furnish,
    inquiry,
    network,
    redemption,
    reversal,
    sealed,
    u32,
    value,
)
from tools.bench_switch import Ledger, Programme
from tools.bench_switch.cli import main
from tools.bench_switch.desk import Desk
from tools.bench_switch.errors import LedgerError
from tools.bench_switch.faults import FaultScript
from tools.bench_switch.log import MessageLog

HERE, THERE = "VAFA0001", "VAFA0002"
HOUR, MARGIN = 3600, 900
RESERVING = Programme(allowances=True)


class Bench:
    """A desk whose clock the test sets; ali has 5,000 points."""

    def __init__(self, database: str, programme: Programme = RESERVING) -> None:
        self.now = NOW
        self.ledger = Ledger(database, programme)
        furnish(self.ledger)
        self.ledger.add_terminal(THERE, MERCHANT, KEY_OUT, KEY_IN)
        self.ledger.adjust("ali", 4_400, "test", NOW)
        self.desk = Desk(self.ledger, FaultScript(), MessageLog(lambda: self.now), lambda: self.now)
        self.seq = 0

    def ask(self, request, at: str = HERE):
        request = {**request, "41": at}
        return answered(request, self.desk.handle(sealed(request)).data[2:])

    def hold(self, named: int | None = 0, at: str = HERE, uid: str = ALI, auth: int = 1):
        """(id, points, valid until) of the answer to an inquiry that asks for one, None when it told of none."""
        return told(self.ask(inquiry(uid, auth=auth, extra=named_tag(named)), at))

    def offline(self, number: int | None, points: int, at: str = HERE, said: int | None = None, **more):
        self.seq += 1
        tag = {} if number is None else {0x30: u32(number) + u32(points if said is None else said)}
        return self.ask(value("0220", self.seq, points * 100, -points, extra=tag, **more), at)

    def spend(self, points: int, at: str = HERE, release: tuple[int, int] | None = None):
        self.seq += 1
        tag = {0x31: u32(release[0]) + u32(release[1])} if release else {}
        return self.ask(redemption(self.seq, points, extra=tag), at)

    def ended(self, at_utc: int, at: str = HERE):
        """An echo that says: of what ended by then I have nothing unsettled."""
        request = network("301")
        request["48"] += (bytes((0x31, 8)) + u32(0) + u32(at_utc)).hex().upper()
        return self.ask(request, at)

    def states(self):
        return [(row.id, row.terminal_id, row.state) for row in self.ledger.allowances(closed=True)]


def named_tag(number: int | None, points: int = 0):
    return {} if number is None else {0x30: u32(number) + u32(points)}


def told(answer):
    tag = answer.tags.get(0x30)
    return tag and tuple(int.from_bytes(tag[at : at + 4], "big") for at in (0, 4, 8))


def ledger_points(answer) -> int:
    return int(answer.fields["54"][8:20])


@pytest.fixture
def bench(database):
    made = Bench(database)
    yield made
    assert made.ledger.check() == []
    made.ledger.close()


def test_a_fifth_of_the_balance_is_reserved_for_the_card_at_the_terminal_that_asks_and_nobody_else_can_spend_it(bench):
    assert bench.hold(None) is None
    assert bench.hold() == (1, 1_000, NOW + 72 * HOUR)
    here, there = bench.ask(inquiry()), bench.ask(inquiry(), THERE)
    assert (ledger_points(here), here.balance) == (5_000, 5_000)
    assert (ledger_points(there), there.balance) == (5_000, 4_000)
    refused = bench.spend(4_100, THERE)
    assert (refused.rc, refused.balance) == ("51", 4_000)
    assert bench.spend(4_000, THERE).rc == "00"
    assert bench.offline(1, 1_000).rc == "00"
    assert bench.ledger.balance("ali") == 0


def test_all_reserves_of_a_member_together_are_a_fifth(bench):
    assert bench.hold() == (1, 1_000, NOW + 72 * HOUR)
    assert bench.hold(at=THERE) is None
    bench.ledger.adjust("ali", 5_000, "test", NOW)
    assert bench.hold(at=THERE)[1] == 1_000
    assert sum(row.points for row in bench.ledger.allowances()) == 2_000


@pytest.mark.parametrize(
    ("balance", "reserved"), [(2_499, 0), (2_500, 500), (2_999, 500), (3_000, 600), (24_000, 4_800), (90_000, 5_000)]
)
def test_a_reserve_has_whole_steps_at_least_what_may_be_spent_and_at_most_the_cap(balance, reserved):
    bench = Bench("sqlite://")
    bench.ledger.adjust("ali", balance - 5_000, "test", NOW)
    hold = bench.hold()
    assert (hold[1] if hold else 0) == reserved
    bench.ledger.close()


@pytest.mark.parametrize(
    ("way", "auth", "reserved"),
    [
        ("legacy", 0, False),
        ("legacy", 1, True),
        ("group", 1, False),
        ("group", 2, True),
        ("sun", 2, False),
        ("relay", 2, False),
    ],
)
def test_only_a_card_the_terminal_itself_can_be_sure_of_gets_one(bench, way, auth, reserved):
    bench.ledger.set_way(ALI, way)
    assert (bench.hold(auth=auth) is not None) == reserved


@pytest.mark.parametrize("prepare", ["lost", "off", "unknown"])
def test_no_card_that_may_not_spend_and_no_programme_that_does_not_want_it_reserves(prepare):
    bench = Bench("sqlite://", Programme() if prepare == "off" else RESERVING)
    if prepare == "lost":
        bench.ledger.set_card(ALI, "lost")
    assert bench.hold(uid=STRANGER if prepare == "unknown" else ALI) is None
    bench.ledger.close()


def test_what_a_terminal_may_believe_only_grows(bench):
    bench.hold()
    bench.ledger.adjust("ali", 5_000, "test", NOW)
    bench.now += HOUR
    assert bench.hold(1) == (1, 2_000, NOW + 73 * HOUR)
    assert bench.spend(6_000, THERE).rc == "00"
    bench.now -= 2 * HOUR
    assert bench.hold(1) == (1, 2_000, NOW + 73 * HOUR), "a poorer member, an earlier clock"
    assert bench.offline(1, 2_000).rc == "00"


def test_an_answer_that_was_lost_is_told_again_whatever_the_terminal_names(bench):
    bench.hold()
    assert bench.hold(0)[:2] == bench.hold(77)[:2] == (1, 1_000)
    assert bench.states() == [(1, HERE, "open")]


def test_an_accrual_reserves_of_what_was_there_before_it_and_its_undoing_leaves_the_reserve_covered(bench):
    bench.ledger.adjust("ali", -5_000, "test", NOW)
    sale = accrual(1, 90_000_000, extra=named_tag(0))
    assert told(bench.ask(sale)) is None
    second = accrual(2, 1_000, extra=named_tag(0))
    assert told(bench.ask(second))[1] == 5_000
    bench.seq = 10


def test_one_offline_redemption_uses_it_up_and_a_second_is_refused_for_good(bench):
    bench.hold()
    first = bench.offline(1, 500)
    assert (first.rc, first.points, bench.ledger.balance("ali")) == ("00", -500, 4_500)
    second = bench.offline(1, 500)
    assert (second.rc, second.points, bench.ledger.balance("ali")) == ("57", 0, 4_500)
    assert bench.spend(4_500, THERE).rc == "00", "what was not used is free"
    assert bench.states() == [(1, HERE, "used")]


def test_the_same_advice_again_is_booked_once(bench):
    bench.hold()
    bench.offline(1, 500)
    bench.seq -= 1
    again = bench.offline(1, 500)
    assert (again.rc, again.points, bench.ledger.balance("ali")) == ("94", -500, 4_500)


@pytest.mark.parametrize(
    ("number", "change", "rc"),
    [
        (None, {}, "57"),
        (9, {}, "57"),
        (1, {"at": THERE}, "57"),
        (1, {"uid": SARA}, "57"),
        (1, {"auth": 0}, "57"),
        (1, {"points": 1_001}, "57"),
        (1, {"said": 400}, "30"),
    ],
)
def test_an_offline_redemption_without_its_reserve_is_refused(bench, number, change, rc):
    bench.hold()
    bench.ledger.adjust("sara", 2_000, "test", NOW)
    answer = bench.offline(number, **{"points": 500, **change})
    assert (answer.rc, answer.points) == (rc, 0)
    assert (bench.ledger.balance("ali"), bench.ledger.balance("sara")) == (5_000, 2_000)
    assert bench.states() == [(1, HERE, "open")]


def test_a_promise_is_kept_after_its_time_and_below_threshold_and_step(bench):
    bench.hold()
    bench.now += 100 * HOUR
    assert bench.offline(1, 7).rc == "00"


@pytest.mark.parametrize(("state", "rc"), [("lost", "41"), ("stolen", "43")])
def test_what_was_reserved_pays_also_when_the_card_is_blocked_since_and_nothing_else_does(bench, state, rc):
    bench.hold()
    bench.ledger.set_card(ALI, state)
    assert bench.hold(1) is None
    assert [bench.offline(number, 500).rc for number in (None, 9)] == ["57", rc]
    assert bench.offline(1, 1_001).rc == bench.spend(500, release=(9, 1)).rc == rc
    assert bench.offline(1, 500).rc == "00"
    assert bench.offline(1, 500).rc == rc
    assert bench.ledger.balance("ali") == 4_500
    assert bench.states() == [(1, HERE, "used")]


def test_with_an_online_redemption_the_terminal_gives_it_back_first(bench):
    bench.hold()
    assert bench.spend(5_000).rc == "51", "nobody said that the reserve is not spent"
    assert bench.spend(5_000, release=(1, 1_000)).rc == "00"
    assert bench.states() == [(1, HERE, "released")]
    assert bench.offline(1, 500).rc == "57"


def test_a_refused_redemption_gives_it_back_all_the_same_and_an_undone_one_does_not_bring_it_back(bench):
    bench.hold()
    assert bench.spend(5_100, release=(1, 1_000)).rc == "51"
    assert bench.ask(inquiry(), THERE).balance == 5_000
    bench.hold()
    request = redemption(50, 500, extra={0x31: u32(2) + u32(1_000)})
    assert bench.ask(request).rc == "00"
    assert bench.ask(reversal(51, request)).rc == "00"
    assert bench.states() == [(1, HERE, "released"), (2, HERE, "released")]


def test_nobody_gives_back_what_another_terminal_holds(bench):
    bench.hold()
    assert bench.spend(500, THERE, release=(1, 1_000)).rc == "00"
    assert bench.states() == [(1, HERE, "open")]


# --- its end ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "now", "state"),
    [
        (72 * HOUR, 72 * HOUR + MARGIN, "expired"),
        (72 * HOUR - 1, 90 * HOUR, "open"),  # by the terminal's own clock it had not ended when it said so
        (90 * HOUR, 72 * HOUR + MARGIN - 1, "open"),  # a terminal whose clock runs ahead
    ],
)
def test_an_ended_reserve_is_free_when_its_terminal_says_it_has_no_use_of_it_unsettled(bench, said, now, state):
    bench.hold()
    bench.now = NOW + now
    assert bench.ask(network("301")).rc == "00"
    assert bench.states() == [(1, HERE, "open")], "time alone frees nothing"
    assert bench.ended(NOW + said, THERE).rc == "00"
    assert bench.states() == [(1, HERE, "open")], "another terminal's word is nothing"
    assert bench.ended(NOW + said).rc == "00"
    assert bench.states() == [(1, HERE, state)]


def test_a_word_that_comes_late_does_not_free_what_was_raised_since(bench):
    bench.hold()
    bench.now += 80 * HOUR
    assert bench.hold(0) == (1, 1_000, NOW + 152 * HOUR)
    bench.now += 80 * HOUR
    bench.ended(NOW + 80 * HOUR)
    assert bench.states() == [(1, HERE, "open")]


def test_the_office_frees_what_a_blocked_terminal_held(bench):
    bench.hold()
    with pytest.raises(LedgerError, match="B71"):
        bench.ledger.cancel_allowance(1)
    bench.ledger.block_terminal(HERE)
    assert [row.points for row in bench.ledger.allowances(HERE)] == [1_000]
    bench.ledger.cancel_allowance(1)
    assert bench.ask(inquiry(), THERE).balance == 5_000
    with pytest.raises(LedgerError, match="B70"):
        bench.ledger.cancel_allowance(1)


def test_the_office_takes_no_points_that_are_reserved(bench):
    bench.hold()
    with pytest.raises(LedgerError, match="1000 of them reserved"):
        bench.ledger.adjust("ali", -4_001, "test", NOW)
    assert bench.ledger.adjust("ali", -4_000, "test", NOW) == 1_000


# --- a card that changes hands ----------------------------------------------------------------------------------------


def test_what_was_reserved_of_a_member_is_paid_by_that_member_also_when_the_card_is_anothers_now(bench):
    bench.hold()
    bench.ledger.move_card(ALI, "sara")
    assert bench.offline(1, 500).rc == "00"
    assert (bench.ledger.balance("ali"), bench.ledger.balance("sara")) == (4_500, 0)


def test_a_nameless_members_reserve_comes_along_with_its_points(bench):
    bench.ask(accrual(1, 5_000_000, uid=STRANGER))
    bench.seq = 1
    number, points, _ = bench.hold(uid=STRANGER)
    assert points == 1_000
    bench.ledger.move_card(STRANGER, "sara")
    assert bench.offline(number, 1_000, uid=STRANGER).rc == "00"
    assert bench.ledger.balance("sara") == 4_000


def test_an_advice_that_names_anothers_reserve_is_told_of_its_own_member_alone(bench):
    bench.ledger.add_card(STRANGER, "sara")
    number = bench.hold()[0]
    for foreign in (bench.offline(number, 500, uid=STRANGER), bench.offline(number, 500, THERE, uid=STRANGER)):
        assert (foreign.rc, ledger_points(foreign), foreign.tags[0x44]) == ("57", 0, b"sara")
    assert bench.states() == [(1, HERE, "open")]


# --- risk -------------------------------------------------------------------------------------------------------------


def test_only_a_programme_that_takes_the_risk_books_without_a_reserve_and_then_the_balance_may_turn_negative():
    bench = Bench("sqlite://", Programme(offline_risk=True))
    assert bench.offline(None, 3_000).rc == bench.offline(None, 3_000, THERE).rc == "00"
    assert bench.ledger.balance("ali") == -1_000
    assert bench.offline(None, 100, auth=0).rc == "57"
    bench.ledger.set_card(ALI, "lost")
    assert bench.offline(None, 100).rc == "41"
    assert bench.ledger.check() == []
    bench.ledger.close()


def test_the_check_finds_what_was_spent_twice(bench):
    from tools.bench_switch.schema import AllowanceRow

    bench.hold()
    bench.offline(1, 500)
    with bench.ledger._session() as session:
        session.get(AllowanceRow, 1).state = "open"
        session.get(AllowanceRow, 1).used_seq = None
    assert [line for line in bench.ledger.check() if "SEQ 1 was redeemed offline without an allowance" in line]
    with bench.ledger._session() as session:
        session.get(AllowanceRow, 1).used_seq, session.get(AllowanceRow, 1).state = 1, "used"


@pytest.mark.parametrize("change", [{"allowance_percent": 21}, {"allowance_hours": 73}, {"allowance_percent": 0}])
def test_no_programme_reserves_more_than_a_fifth_or_three_days(change):
    with pytest.raises(ValueError, match="20 % and 72 hours"):
        Programme(**change)


def test_on_the_command_line_the_reserves_of_a_blocked_terminal_are_told_and_given_back(tmp_path):
    url = f"sqlite:///{tmp_path}/books.db"
    bench = Bench(url)
    bench.hold()

    def run(*words):
        done = CliRunner().invoke(main, ["--database", url, *words])
        return done.exit_code, done.output

    code, told_of = run("allowance", "list")
    assert code == 0 and "****9B32" in told_of and "1,000" in told_of and ALI not in told_of
    assert "B71" in run("allowance", "cancel", "1")[1]
    code, told_of = run("terminal", "block", HERE)
    assert code == 0 and "1000 points in 1 allowances" in told_of and "allowance cancel` 1" in told_of
    assert run("allowance", "cancel", "1") == (0, "allowance 1 is given back\n")
    assert "0 allowances" in run("allowance", "list")[1]
    assert "cancelled" in run("allowance", "list", "--closed")[1]
    bench.ledger.close()
