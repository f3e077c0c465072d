"""Session and queue against the bench switch over real TLS: two readings of docs/lt87.md, written apart, meet here."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable

import pytest

from firmware.core.errors import LinkError, NoAnswer
from firmware.core.types import AUTH_AES, AUTH_UID, CLOCK_OK, OFFLINE, REDEMPTION
from firmware.switch import session
from firmware.switch.forward import Forward
from firmware.switch.link import Link, tpdu_to
from firmware.switch.mac import MacKeys
from firmware.switch.messages import Identity, Messages, reversal_of
from firmware.switch.session import Session
from host_tests.patience import PATIENCE_S
from host_tests.unit import bench_client
from host_tests.unit.bench_cards import OFFICE, RELAY_CARD, SUN_CARD, Ev2Card, sun
from host_tests.unit.bench_client import KEY_IN, KEY_OUT, MERCHANT, TERMINAL, bench
from host_tests.unit.switch_kit import FakeClock, FakeJournal, log, transaction
from tools.bench_switch.programme import Programme
from tools.issuer.keys import IssuerKeys

ALI, SARA, STRANGER = (bytes.fromhex(uid) for uid in (bench_client.ALI, bench_client.SARA, bench_client.STRANGER))
T0 = bench_client.NOW
SILENT_MS = 1500  # until a request counts as not answered


@pytest.fixture(autouse=True)
def short_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real sockets need real time; the table itself is tested on virtual time."""
    monkeypatch.setattr(session, "_BACK_OFF_MS", (200, 400))


class Station:
    def isconnected(self) -> bool:
        return True


class Terminal:
    """The switch room, joined as `app` joins it."""

    def __init__(
        self, switch, *records, mac_out: bytes = KEY_OUT, packed: bool = False, timeout_ms: int = 60_000
    ) -> None:
        self.switch = switch
        self.journal = FakeJournal(*records)
        self.log = log()
        self.members = []
        identity = Identity(TERMINAL, MERCHANT, 1, 364, ruleset=1, firmware="vafa 0.1.0")
        self.messages = Messages(identity, MacKeys(1, mac_out, KEY_IN), packed)
        ca = switch.identity.ca_der.read_bytes()
        link = Link(
            [(switch.host, switch.port)],
            switch.identity.switch_name,
            ca,
            "",
            "",
            Station(),  # type: ignore[arg-type]
            tpdu=tpdu_to(1) if packed else b"",
        )
        numbers = itertools.count(1)
        clock = FakeClock()
        self.session = Session(
            link, self.messages, clock, self.journal, self.log, lambda: next(numbers), timeout_ms=timeout_ms, jitter=0
        )
        self.forward = Forward(self.journal, self.session, self.messages, clock, self.log, self.members.append)

    async def until(self, what: Callable[[], object]) -> None:
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while not what():
            assert asyncio.get_running_loop().time() < deadline, self.log.newest(64)
            await asyncio.sleep(0.01)


def play(
    tmp_path,
    story: Callable[[Terminal], Awaitable[None]],
    *records,
    online: bool = True,
    issuer_keys: IssuerKeys | None = None,
    **options,
) -> None:
    """Run a story with a furnished switch; afterwards its books must balance."""

    async def run(switch) -> None:
        terminal = Terminal(switch, *records, **options)
        tasks = [asyncio.create_task(terminal.session.run()), asyncio.create_task(terminal.forward.run())]
        try:
            if online:
                await terminal.until(terminal.session.online)
            await story(terminal)
        finally:
            while not all(task.done() for task in tasks):
                for task in tasks:
                    task.cancel()
                await asyncio.sleep(0.02)

    with bench(tmp_path, programme=Programme(open_provisional=False), issuer_keys=issuer_keys) as switch:
        asyncio.run(run(switch))
        assert switch.ledger.check() == []


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_the_working_day_of_a_card(tmp_path, packed):
    async def story(t: Terminal) -> None:
        assert t.journal.told[0][0] == "continue_above"
        found = await t.session.inquire(ALI, 1, 0)
        assert (found.rc, found.balance, found.member.name, found.member.tier) == ("00", 600, "ali", 3)
        earned = await t.session.request(transaction(seq=1, uid=ALI, time_utc=T0))
        assert (earned.rc, earned.points, earned.balance, len(earned.approval)) == ("00", 125, 725, 6)
        spent = await t.session.request(
            transaction(seq=2, uid=ALI, verb=REDEMPTION, points=-500, amount=50_000, time_utc=T0)
        )
        assert (spent.rc, spent.points, spent.balance) == ("00", -500, 225)
        again = await t.session.request(
            transaction(seq=2, uid=ALI, verb=REDEMPTION, points=-500, amount=50_000, time_utc=T0)
        )
        assert (again.rc, again.points, again.balance) == ("94", -500, 225)
        assert t.switch.ledger.balances()["ali"] == 225

    play(tmp_path, story, packed=packed)


@pytest.mark.parametrize(
    ("change", "rc"),
    [
        ({"uid": STRANGER}, "14"),
        ({"verb": REDEMPTION, "points": -700, "amount": 70_000}, "51"),
        ({"verb": REDEMPTION, "points": -500, "amount": 50_000, "auth": AUTH_UID}, "57"),
        ({"amount": 0, "points": 0}, "13"),
    ],
)
def test_refusals_come_through(tmp_path, change, rc):
    async def story(t: Terminal) -> None:
        reply = await t.session.request(transaction(**{"seq": 1, "uid": ALI, "time_utc": T0, **change}))
        assert (reply.rc, reply.points) == (rc, 0) and (reply.member is None) == (change.get("uid") == STRANGER)
        assert t.switch.ledger.balances()["ali"] == 600

    play(tmp_path, story)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_request_without_an_answer_is_undone_whether_or_not_it_was_booked(tmp_path, when):
    async def story(t: Terminal) -> None:
        t.switch.faults.next("silent", mti="0200", when=when)
        sale = transaction(seq=1, uid=ALI, time_utc=T0)
        t.journal.append(sale)
        with pytest.raises(NoAnswer):
            await t.session.request(sale)
        assert not t.session.online()
        undo = t.forward.reverse(sale)
        await t.until(lambda: undo.seq in t.journal.gone)
        assert t.journal.told[-1] == ("settle", undo.seq)
        assert t.switch.ledger.balances()["ali"] == 600

    play(tmp_path, story, timeout_ms=SILENT_MS)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_the_queue_settles_advices_once_and_buries_what_is_refused(tmp_path, packed):
    records = [
        transaction(seq=1, mode=OFFLINE, uid=ALI, time_utc=T0),
        transaction(seq=2, mode=OFFLINE, uid=STRANGER, time_utc=T0),
        transaction(seq=3, mode=OFFLINE, uid=SARA, time_utc=T0, auth=AUTH_UID),
        reversal_of(transaction(seq=9, uid=ALI, time_utc=T0), 4, T0 + 1, CLOCK_OK),
        transaction(seq=9, uid=ALI, time_utc=T0),
    ]

    async def story(t: Terminal) -> None:
        t.switch.faults.next("silent", mti="0220", when="after")
        t.journal.answered.add(9)
        await t.until(lambda: len(t.journal.gone) == 4)
        done = [told for told in t.journal.told if told[0] in ("settle", "bury")]
        assert sorted(done) == [("bury", 2, "14"), ("settle", 1), ("settle", 3), ("settle", 4)]
        assert t.switch.ledger.balances() == {"ali": 725, "sara": 125}
        assert sorted((m.uid, m.points) for m in t.members) == [(SARA, 125), (ALI, 725)]

    play(tmp_path, story, *records, packed=packed, timeout_ms=SILENT_MS)


def test_cards_prove_themselves_through_the_terminal_and_spend_once(tmp_path):
    sun_uid, relay_uid = bytes.fromhex(SUN_CARD), bytes.fromhex(RELAY_CARD)

    def spending(seq: int, uid: bytes, counter: int = 0):
        points = {"verb": REDEMPTION, "points": -500, "amount": 50_000}
        return transaction(seq=seq, uid=uid, auth=AUTH_AES, time_utc=T0, card_counter=counter, **points)

    async def story(t: Terminal) -> None:
        for name, uid, way in (("zari", sun_uid, "sun"), ("omid", relay_uid, "relay")):
            t.switch.ledger.add_member(name, points=2_000)
            t.switch.ledger.add_card(uid, name, way)
        assert (await t.session.request(spending(1, sun_uid, 61))).rc == "57"
        found = await t.session.inquire(sun_uid, AUTH_UID, 0, sun=sun(61))
        assert (found.rc, found.auth, found.counter, found.balance) == ("00", AUTH_AES, 61, 2_000)
        assert (await t.session.request(spending(2, sun_uid, found.counter))).rc == "00"
        assert (await t.session.request(spending(3, sun_uid, found.counter))).rc == "57"
        assert (await t.session.inquire(sun_uid, AUTH_UID, 0, sun=sun(60))).rc == "59"
        card = Ev2Card()
        step, reply = await t.session.relay(relay_uid, card.begin())
        assert (reply.rc, reply.auth) == ("00", None)
        step, reply = await t.session.relay(relay_uid, card.end(step))
        assert (step, reply.rc, reply.auth, reply.balance) == (b"", "00", AUTH_AES, 2_000)
        assert (await t.session.request(spending(4, relay_uid))).rc == "00"
        assert (await t.session.request(spending(5, relay_uid))).rc == "57"
        assert t.switch.ledger.balance("zari") == t.switch.ledger.balance("omid") == 1_500

    play(tmp_path, story, issuer_keys=OFFICE)


def test_a_wrong_mac_key_never_gets_online(tmp_path):
    async def story(t: Terminal) -> None:
        await t.until(lambda: t.session.fault != "")
        assert t.session.fault == "L07" and not t.session.online()
        with pytest.raises(LinkError):
            await t.session.request(transaction(seq=1, uid=ALI, time_utc=T0))

    play(tmp_path, story, online=False, mac_out=KEY_IN)
