"""The session against a scripted switch on virtual time: only the right answer counts, nothing waits for ever."""

import asyncio
import gc
import itertools

import pytest

from firmware.core.errors import BadAnswer, CertificateEarly, CertificateRefused, LinkDown, NoAnswer, StoreFull
from firmware.core.types import CLOCK_NEVER_SET, CLOCK_OK, REDEMPTION
from firmware.switch.link import LinkClosed, WifiDown
from firmware.switch.session import SwitchUnable, back_off_ms, jitter_of
from host_tests.unit.session_kit import Answers, Bench, now, until, virtual
from host_tests.unit.switch_kit import (
    MAC_OUT,
    NOW,
    UID,
    answer,
    messages,
    split,
    transaction,
)
from tools.sim import onhost


@virtual
async def test_sign_on_takes_high_seq_and_the_time_and_says_online():
    bench = Bench()
    assert not bench.session.online()
    async with bench.running() as session:
        assert bench.journal.told == [("continue_above", 41)] and bench.clock.set == [NOW + 5]
        assert session.sign_ons == 1 and session.fault == "" and session.queued


@virtual
async def test_without_a_session_nothing_is_sent_and_the_flow_hears_it_at_once():
    bench = Bench()
    started = now()
    with pytest.raises(LinkDown):
        await bench.session.request(transaction())
    assert now() == started and bench.link.pipes == []


@virtual
async def test_a_request_is_sent_once_and_its_answer_comes_back():
    bench = Bench()
    async with bench.running() as session:
        reply = await session.request(transaction())
        assert (reply.rc, reply.points, reply.balance) == ("00", 125, 1375)
        assert [fields["t"] for fields, _ in bench.link.sent] == ["0200"]


@virtual
async def test_answers_in_any_order_find_their_requests():
    delays = {42: 900, 43: 500, 44: 100}
    bench = Bench()
    bench.on_value = lambda raw: [
        (delays[(seq := int.from_bytes(split(raw)[1][1], "big"))], answer(raw, points=seq, balance=seq))
    ]
    async with bench.running() as session:
        replies = await asyncio.gather(*[session.request(transaction(seq=seq)) for seq in (42, 43, 44)])
        assert [reply.points for reply in replies] == [42, 43, 44]


WRONG = {
    "another SEQ": lambda raw: answer(raw, seq=41),
    "another STAN": lambda raw: answer(raw, de11="000999"),
    "another DE 7": lambda raw: answer(raw, de7="0101000000"),
    "another terminal": lambda raw: answer(raw, de41="T0000002"),
    "another class": lambda raw: answer(raw, mti="0230"),
    "MAC of the other direction": lambda raw: answer(raw, key=MAC_OUT),
    "another key id": lambda raw: answer(raw, kid=9),
    "reflected": lambda raw: raw,
    "garbage": lambda raw: b"\x00" * 64,
    "no SEQ": lambda raw: answer(raw, de48=""),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_not_the_answer_changes_nothing_and_the_right_one_still_counts(name):
    async def story() -> None:
        bench = Bench()
        bench.on_value = lambda raw: [(10, WRONG[name](raw)), (900, answer(raw, points=125, balance=1375))]
        async with bench.running() as session:
            set_before = list(bench.clock.set)
            task = asyncio.create_task(session.request(transaction()))
            await asyncio.sleep(0.5)
            assert not task.done() and bench.clock.set == set_before
            assert bench.logged("L09") or bench.logged("L10")
            assert (await task).balance == 1375

    onhost.run_virtual(story())


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_alone_is_no_answer_within_six_seconds(name):
    async def story() -> None:
        bench = Bench()
        bench.on_value = lambda raw: [(10, WRONG[name](raw))]
        async with bench.running() as session:
            started = now()
            with pytest.raises(NoAnswer):
                await session.request(transaction())
            assert 5.9 < now() - started < 6.1
            assert not session.online()

    onhost.run_virtual(story())


@virtual
async def test_a_replayed_answer_does_not_answer_the_next_request():
    bench = Bench()
    old: list[bytes] = []

    def switch(raw: bytes) -> Answers:
        old.append(answer(raw, points=125, balance=1375))
        return [(10, old[0])]

    bench.on_value = switch
    async with bench.running() as session:
        assert (await session.request(transaction(seq=42))).balance == 1375
        with pytest.raises(NoAnswer):
            await session.request(transaction(seq=43))


@virtual
async def test_after_no_answer_the_session_is_made_anew_before_it_says_online():
    bench = Bench(lambda raw: [])
    async with bench.running() as session:
        await asyncio.sleep(6)
        with pytest.raises(NoAnswer):
            await session.request(transaction())
        assert not session.online()
        with pytest.raises(LinkDown):
            await session.request(transaction(seq=43))
        await until(session.online)
        assert len(bench.link.pipes) == 2 and bench.link.pipes[0].closed and session.sign_ons == 2
        assert [fields["11"] for fields, _ in bench.link.sent] == ["000043"]


@virtual
async def test_a_relay_hands_each_step_on_and_tells_the_verdict():
    bench, card = Bench(), b"\x02" + bytes(range(32))
    first, last = b"\x01\x04" + bytes(16), b"\x03" + bytes(32)
    said = {first: [(0x33, card)], last: [(0x09, b"\x02")]}
    bench.on_value = lambda raw: [(20, answer(raw, balance=800, tags=said[split(raw)[1][0x33]]))]
    async with bench.running() as session:
        step, reply = await session.relay(UID, first)
        assert (step, reply.auth) == (card, None)
        step, reply = await session.relay(UID, last)
        assert (step, reply.auth, reply.balance) == (b"", 2, 800)
        assert [tags[0x09] for _, tags in bench.link.sent] == [b"\x00", b"\x00"], "nothing is claimed of such a card"
        assert len({fields["11"] for fields, _ in bench.link.sent}) == 2
        said[first] = [(0x33, card[:-1])]
        with pytest.raises(BadAnswer):
            await session.relay(UID, first)


@virtual
async def test_an_inquiry_with_sun_data_tells_counter_and_verdict():
    bench, sun = Bench(), b"\x01" + bytes(24)
    bench.on_value = lambda raw: [(20, answer(raw, balance=800, tags=[(0x08, b"\0\0\0\x3d"), (0x09, b"\x02")]))]
    async with bench.running() as session:
        reply = await session.inquire(UID, 0, 0, sun=sun)
        assert (reply.auth, reply.counter) == (2, 61)
        await session.inquire(UID, 1, 0, 7)
        assert [(tags.get(0x32), tags.get(0x08)) for _, tags in bench.link.sent] == [(sun, None), (None, b"\0\0\0\7")]


@virtual
async def test_a_late_answer_is_ignored():
    bench = Bench(lambda raw: [(6500, answer(raw, points=125, balance=1375))])
    async with bench.running() as session:
        inquiry = asyncio.create_task(session.inquire(UID, 1, 0))
        with pytest.raises(NoAnswer):
            await inquiry
        bench.link.pipes[0].push(answer(bench.link.pipes[0].sent[-1], points=1, balance=1))
        await until(session.online)
        assert bench.clock.set == [NOW + 5, NOW + 5]  # the two sign-ons, nothing else


@virtual
async def test_a_connection_that_ends_while_waiting_is_no_answer_at_once():
    bench = Bench(lambda raw: [(100, LinkClosed("reset"))])
    async with bench.running() as session:
        started = now()
        with pytest.raises(NoAnswer):
            await session.request(transaction())
        assert now() - started < 0.2 and not session.online()


@virtual
async def test_a_connection_that_ends_while_sending_is_no_answer_for_bytes_may_be_out():
    bench = Bench(lambda raw: [(-1, LinkClosed("broken pipe"))])
    async with bench.running() as session:
        with pytest.raises(NoAnswer):
            await session.request(transaction())
        assert not session.online()


@virtual
async def test_lost_wifi_is_offline_at_once_and_coming_back_needs_no_back_off():
    bench = Bench()
    async with bench.running() as session:
        await asyncio.sleep(10)
        bench.link.errors = [WifiDown("not joined") for _ in range(4)]
        bench.link.is_up = False
        assert not session.online()
        await asyncio.sleep(40)
        bench.link.errors, bench.link.is_up = [], True
        back = now()
        await until(session.online)
        assert now() - back < 0.5


@virtual
async def test_reconnecting_backs_off_by_the_table():
    bench = Bench()
    bench.link.errors = [WifiDown("x")] * 6
    async with bench.running(signed_on=False) as session:
        await until(session.online, 600)
        gaps = [round(b - a) for a, b in itertools.pairwise(bench.link.connect_times)]
        assert gaps == [5, 15, 45, 120, 120, 120]


def test_jitter_is_at_most_a_tenth_and_the_same_for_one_terminal():
    jitters = {jitter_of(f"T{n:07d}") for n in range(300)}
    assert min(jitters) >= 0 and max(jitters) <= 100 and len(jitters) > 50
    assert jitter_of("T0000001") == jitter_of("T0000001")
    assert (back_off_ms(0, 100), back_off_ms(9, 0)) == (5500, 120_000)


@virtual
async def test_a_switch_that_drops_after_sign_on_is_not_hammered():
    bench = Bench()
    bench.on_network = lambda raw: [(20, answer(raw)), (30, LinkClosed("bye"))]
    async with bench.running(signed_on=False):
        await asyncio.sleep(300)
        assert len(bench.link.connect_times) <= 6


@virtual
async def test_a_refused_certificate_and_a_refused_sign_on_are_told_apart():
    bench = Bench()
    bench.link.errors = [CertificateRefused("wrong CA")]
    bench.on_network = lambda raw: [(20, answer(raw, "12"))]
    async with bench.running(signed_on=False) as session:
        await until(lambda: session.fault != "")
        assert session.fault == "K02" and not session.online()
        await until(lambda: session.fault == "L07")
        assert not session.online() and bench.journal.told == []


@virtual
async def test_a_high_seq_the_store_does_not_take_is_a_sign_on_that_failed_and_is_tried_again():
    bench = Bench()
    taken, full = bench.journal.continue_above, [True, True]

    def continue_above(high_seq: int) -> None:
        if full:
            full.pop()
            raise StoreFull("no room for a promise of numbers")
        taken(high_seq)

    bench.journal.continue_above = continue_above
    async with bench.running(signed_on=False) as session:
        await until(lambda: session.fault == "L07")
        assert not session.online() and bench.logged("S03")
        await until(session.online)
        assert session.fault == "" and full == []


@virtual
async def test_an_echo_goes_out_after_five_idle_minutes_and_silence_to_it_ends_the_session():
    bench = Bench()
    async with bench.running() as session:
        await asyncio.sleep(299)
        assert len(bench.link.pipes[0].sent) == 1
        await asyncio.sleep(3)
        assert split(bench.link.pipes[0].sent[1])[0]["70"] == "301" and session.online()
        bench.on_network = lambda raw: []
        await until(lambda: not session.online(), 310)


@virtual
async def test_silence_on_a_queued_message_costs_the_session_only_when_an_echo_is_silent_too():
    bench = Bench(lambda raw: [])
    async with bench.running() as session:
        out = messages().advice(transaction(mode=1), NOW, repeat=False)
        flight = await session.post(out)
        await until(lambda: session.landed(flight), 6.1)
        assert flight.answer is None
        await asyncio.sleep(1)
        assert session.online() and split(bench.link.pipes[0].sent[-1])[0]["70"] == "301"
        bench.on_network = lambda raw: []
        flight = await session.post(out)
        await until(lambda: session.landed(flight), 6.1)
        await until(lambda: not session.online(), 8)


@pytest.mark.parametrize("rc", ["63", "68", "91", "96"])
def test_a_switch_that_has_not_decided_leaves_the_outcome_unknown(rc):
    async def story() -> None:
        bench = Bench(lambda raw: [(10, answer(raw, rc, points=0, balance=1375))])
        async with bench.running() as session:
            with pytest.raises(SwitchUnable) as refused:
                await session.request(transaction())
            assert refused.value.rc == rc and isinstance(refused.value, BadAnswer)

    onhost.run_virtual(story())


@virtual
async def test_the_third_mac_refusal_in_a_row_stops_value_until_a_sign_on_succeeds():
    bench = Bench(lambda raw: [(10, answer(raw, "63"))])
    async with bench.running() as session:
        bench.on_network = lambda raw: [(10, answer(raw, "63"))]
        for count in (1, 2, 3):
            assert not session.value_stopped()
            with pytest.raises(BadAnswer):
                await session.request(transaction(seq=41 + count))
        assert session.value_stopped() and not session.online()
        await asyncio.sleep(10)
        assert session.value_stopped()
        bench.on_network = lambda raw: [(10, answer(raw))]
        await until(session.online)
        assert not session.value_stopped()


@virtual
async def test_an_authentic_answer_whose_content_makes_no_sense_is_bad_answer():
    bench = Bench(lambda raw: [(10, answer(raw, de54="9102000X000000000400"))])
    async with bench.running() as session:
        with pytest.raises(BadAnswer):
            await session.request(transaction())


@virtual
async def test_more_than_eight_in_flight_are_not_sent():
    bench = Bench(lambda raw: [(3000, answer(raw, points=1, balance=1))])
    async with bench.running() as session:
        tasks = [asyncio.create_task(session.request(transaction(seq=seq))) for seq in range(1, 10)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(result).__name__ for result in results] == ["Reply"] * 8 + ["LinkDown"]
        assert len(bench.link.sent) == 8


@virtual
async def test_a_flow_given_up_while_waiting_leaves_the_session_working():
    bench = Bench(lambda raw: [(1000, answer(raw, points=125, balance=1375))])
    async with bench.running() as session:
        task = asyncio.create_task(session.request(transaction()))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.sleep(2)
        assert session.online() and bench.logged("L09")
        assert (await session.request(transaction(seq=43))).balance == 1375


@virtual
async def test_sign_off_says_good_bye_and_ends_the_session():
    bench = Bench()
    async with bench.running() as session:
        await session.sign_off()
        assert split(bench.link.pipes[0].sent[-1])[0]["70"] == "002" and not session.online()


REDEEM = {"verb": REDEMPTION, "points": -500, "amount": 50_000}


@pytest.mark.parametrize("rc", ["00", "10", "94"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, {"points": 125, "approval": ""}),
        ({}, {"points": 125, "approval": "      "}),
        ({}, {"points": None}),
        ({}, {"points": -1}),
        (REDEEM, {"points": 0}),
        (REDEEM, {"points": -499}),
        (REDEEM, {"points": 500}),
        (REDEEM, {"points": None}),
        (REDEEM, {"points": -500, "approval": ""}),
    ],
)
def test_a_yes_that_does_not_say_what_was_booked_leaves_the_outcome_unknown(rc, change, said):
    async def story() -> None:
        bench = Bench(lambda raw: [(10, answer(raw, rc, balance=1375, **said))])
        async with bench.running() as session:
            with pytest.raises(BadAnswer):
                await session.request(transaction(**change))

    onhost.run_virtual(story())


@virtual
async def test_of_an_accrual_the_switchs_figure_counts_and_a_refusal_needs_none():
    bench = Bench(lambda raw: [(10, answer(raw, points=250, balance=1375))])
    async with bench.running() as session:
        assert (await session.request(transaction())).points == 250
        bench.on_value = lambda raw: [(10, answer(raw, "51", balance=1375))]
        assert (await session.request(transaction(seq=43, **REDEEM))).rc == "51"


@virtual
async def test_an_impossible_time_is_told_once_and_the_answer_counts_as_of_our_own_clock():
    bench = Bench(lambda raw: [(10, answer(raw, points=125, balance=1375, host_utc=5))])
    bench.clock.impossible = True
    async with bench.running() as session:
        for seq in (42, 43):
            reply = await session.request(transaction(seq=seq))
            assert reply.member.points == 1375 and NOW <= reply.member.as_of_utc <= NOW + 2
        assert len([line for line in bench.log.newest(64) if " T01 " in line]) == 1
        assert session.online() and len(bench.link.pipes) == 1


@virtual
async def test_a_fault_nobody_foresaw_in_reading_is_logged_and_ends_the_connection():
    lost: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: lost.append(context))
    bench = Bench()
    async with bench.running() as session:
        bench.link.pipes[0].push(TypeError("unforeseen"))
        await until(lambda: not session.online(), 1)
        assert bench.logged("X00")
        await until(session.online, 20)
        assert bench.link.pipes[0].closed and len(bench.link.pipes) == 2
    gc.collect()
    assert lost == []


@virtual
async def test_a_certificate_that_is_early_may_be_our_own_clocks_fault():
    for quality, code in ((CLOCK_OK, "K24"), (CLOCK_NEVER_SET, "T02")):
        bench = Bench()
        bench.clock.quality = quality
        bench.link.errors = [CertificateEarly("not yet")]
        async with bench.running(signed_on=False) as session:
            await until(lambda session=session: session.fault != "")
            assert session.fault == code


@virtual
async def test_a_switch_of_another_profile_is_refused_with_a_code_of_its_own():
    bench = Bench()
    bench.on_network = lambda raw: [(20, answer(raw, "12", tags=[(0x68, b"\2\0")]))]
    async with bench.running(signed_on=False) as session:
        await until(lambda: session.fault != "")
        assert session.fault == "L32" and not session.online()
        bench.on_network = lambda raw: [(20, answer(raw, tags=[(0x68, b"\1\7")]))]
        await until(session.online)


@virtual
async def test_time_that_leaps_back_on_one_connection_is_not_believed_and_after_a_sign_on_it_is():
    bench = Bench(lambda raw: [(10, answer(raw, points=125, balance=1375, host_utc=NOW - 4000))])
    async with bench.running() as session:
        bench.clock.set.clear()
        assert (await session.request(transaction())).rc == "00"
        assert bench.clock.set == [] and bench.logged("T03")
        bench.on_network = lambda raw: [(20, answer(raw, host_utc=NOW - 4000))]
        bench.link.pipes[-1].push(LinkClosed("away"))
        await until(lambda: session.sign_ons == 2)
        assert bench.clock.set == [NOW - 4000]
