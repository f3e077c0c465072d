"""Member deltas: what changed at the switch of cards this terminal knows, all of a delta or nothing."""

import asyncio

from firmware.core.types import Member
from host_tests.unit.bench_client import ALI, SARA, STRANGER, accrual, sealed
from host_tests.unit.download_kit import NOW, Office, Terminal
from host_tests.unit.session_kit import until
from tools.bench_switch.programme import POINTS_LIMIT
from tools.bench_switch.published import DELTA_MOST
from tools.sim import onhost


class Cache:
    def __init__(self, *members: Member) -> None:
        self.known = {member.uid: member for member in members}
        self.puts = 0

    def get(self, uid: bytes) -> "Member | None":
        return self.known.get(uid)

    def put(self, member: Member) -> None:
        self.puts += 1
        self.known[member.uid] = member


def member(uid: str, points: int, as_of_utc: int = NOW - 90_000, name: str = "Ali") -> Member:
    return Member(bytes.fromhex(uid), 1001, name, points, as_of_utc)


def terminal_of(office: Office, tmp_path, *members: Member) -> Terminal:
    made = Terminal(office, tmp_path, member_refresh_s=600)
    made.members = Cache(*members)
    return made


def bought(office: Office, seq: int, uid: str, amount: int) -> None:
    assert office.desk.handle(sealed(accrual(seq, amount, uid=uid))).data


def run(test) -> None:
    onhost.run_virtual(test())


def test_known_members_get_the_switchs_figures_and_unknown_ones_are_left_out(tmp_path):
    office = Office()
    bought(office, 1, ALI, 25_000)
    bought(office, 2, SARA, 9_000)
    bought(office, 3, STRANGER, 4_000)

    async def refresh():
        terminal = terminal_of(office, tmp_path, member(ALI, 3), member(SARA, 0, name="Sara"))
        async with terminal.running():
            await until(lambda: terminal.members.puts == 2)
            ali = terminal.members.get(bytes.fromhex(ALI))
            assert (ali.points, ali.name, ali.member_no, ali.tier, ali.visits) == (625, "Ali", 1001, 3, 1)
            assert NOW <= ali.as_of_utc <= NOW + 30
            assert terminal.members.get(bytes.fromhex(SARA)).points == 9
            assert terminal.members.get(bytes.fromhex(STRANGER)) is None
            # Only what changed since comes the next time.
            asked = len(office.asked)
            await asyncio.sleep(650)
            assert terminal.members.puts == 2
            assert office.asked[asked:] == ["904"]
            bought(office, 4, ALI, 75_000)
            await until(lambda: terminal.members.get(bytes.fromhex(ALI)).points == 700, 900)
            assert terminal.members.puts == 3

    run(refresh)


def test_a_member_with_more_points_than_a_message_can_say_is_told_the_most_of_them(tmp_path):
    office = Office()
    office.ledger.add_member("rich", 4711, POINTS_LIMIT)
    office.ledger.add_card(STRANGER, "rich")
    bought(office, 1, STRANGER, 25_000)

    async def refresh():
        terminal = terminal_of(office, tmp_path, member(STRANGER, 3))
        async with terminal.running():
            await until(lambda: terminal.members.puts == 1)
            assert terminal.members.get(bytes.fromhex(STRANGER)).points == POINTS_LIMIT

    run(refresh)


def test_a_balance_is_not_believed_while_something_of_the_card_waits_or_when_the_cache_is_newer(tmp_path):
    office = Office()
    bought(office, 1, ALI, 25_000)
    bought(office, 2, SARA, 9_000)

    async def refresh():
        terminal = terminal_of(office, tmp_path, member(ALI, 3), member(SARA, 4, NOW + 90_000))
        terminal.journal.waiting = {bytes.fromhex(ALI): 7}
        async with terminal.running():
            await until(lambda: "904" in office.asked)
            await asyncio.sleep(30)
        assert terminal.members.puts == 0

    run(refresh)


def test_it_is_not_asked_for_unless_the_configuration_says_so(tmp_path):
    office = Office()
    bought(office, 1, ALI, 25_000)

    async def wait():
        terminal = Terminal(office, tmp_path)
        async with terminal.running():
            await asyncio.sleep(3600)
        assert office.asked == []
        office.publisher.set_config({"member_refresh_s": "300"})
        terminal = Terminal(office, tmp_path)
        terminal.members = Cache(member(ALI, 3))
        async with terminal.running():
            await until(lambda: terminal.members.puts == 1)  # live, without a restart

    run(wait)


def test_a_delta_of_many_cards_comes_whole_over_a_line_that_fails_and_is_bounded(tmp_path):
    office = Office()
    for number in range(DELTA_MOST + 20):
        bought(office, number + 1, f"{number:08X}", 1000 * (number + 1))

    async def refresh():
        cards = [member(f"{number:08X}", -1) for number in range(DELTA_MOST + 20)]
        terminal = terminal_of(office, tmp_path, *cards)
        office.meanwhile = lambda count: office.faults.next("silent", 1, "0800") if count % 2 else None
        async with terminal.running():
            await until(lambda: terminal.members.puts == DELTA_MOST, 3600)
            assert [one.points for one in terminal.members.known.values()] == [-1] * 20 + [
                number + 1 for number in range(20, DELTA_MOST + 20)
            ]

    run(refresh)


def test_a_delta_whose_digest_does_not_fit_changes_nothing(tmp_path, monkeypatch):
    from tools.bench_switch import downloads

    office = Office()
    bought(office, 1, ALI, 25_000)
    monkeypatch.setattr(downloads, "digest_of", lambda content: bytes(8))

    async def refresh():
        terminal = terminal_of(office, tmp_path, member(ALI, 3))
        async with terminal.running():
            await until(lambda: terminal.logged("L10"))
            assert terminal.members.puts == 0

    run(refresh)
