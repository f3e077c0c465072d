"""Configuration, rules and hotlist from the switch: the new file or the last good one, whatever the line does."""

import asyncio
import errno
from types import SimpleNamespace

import pytest

from firmware.core.errors import StoreError
from firmware.core.log import Log
from firmware.core.types import AUTH_LEGACY
from firmware.service import envelope, floor
from firmware.service.bad_sectors import small_values
from firmware.service.held import InForce, Owner
from firmware.switch.download import CONFIG, HOTLIST, RULES
from host_tests.unit import custody_kit
from host_tests.unit.bench_client import ALI, MERCHANT, SARA
from host_tests.unit.download_kit import Office, Terminal, files
from host_tests.unit.session_kit import until
from tools.bench_switch.earning import Occasion, breakdown
from tools.release.files import hotlist_body, text_body
from tools.release.signing import new_signer
from tools.sim import onhost
from tools.sim.demo_signer import demo_signer

CARDS = [(f"{number * 7919:08X}", 41 + number % 2 * 2) for number in range(1, 120)]


def run(test) -> None:
    onhost.run_virtual(test())


async def settled(terminal: Terminal, *held: int, seconds: float = 900) -> None:
    async with terminal.running():
        await until(lambda: terminal.held() == list(held), seconds)
        await asyncio.sleep(2)


def blocked(terminal: Terminal, uid: str) -> bool:
    return terminal.counter.books.policy.blocked(bytes.fromhex(uid))


def publish_cards(office: Office, version: int = 1, cards=CARDS, **how) -> None:
    office.publish_raw(HOTLIST, version, hotlist_body(cards), **how)


def test_configuration_rules_and_hotlist_count_at_once_and_after_a_restart(tmp_path):
    office = Office()
    office.publisher.set_config({"offline_earn": "false", "max_amount": "5000000", "merchant_name": "Shop = 1"})
    office.publisher.publish_rules(office.ledger.programme.__class__(version=7, rial_per_point=500, earn_rate=2))
    office.ledger.set_card(ALI, "stolen")
    office.publisher.publish_hotlist()

    async def first():
        terminal = Terminal(office, tmp_path)
        assert not blocked(terminal, ALI)
        async with terminal.running():
            await until(lambda: terminal.held() == [1, 7, 1])
            books, limits = terminal.counter.books, terminal.counter.limits
            assert (books.policy.earn_allowed, limits.max_amount, terminal.counter.shop.name) == (
                False,
                5_000_000,
                "Shop = 1",
            )
            assert (books.rules.earned(1700), books.rules.ruleset, terminal.identity.ruleset) == (6, 7, 7)
            assert blocked(terminal, ALI)
            assert not blocked(terminal, SARA)
            await terminal.session.inquire(bytes.fromhex(SARA), AUTH_LEGACY, 0)
        asked = [entry for entry in office.log.entries() if entry.mti == "0100"][-1]
        assert (asked.tags["RULESET"], asked.tags["CFG"], asked.tags["HOTLIST"]) == (7, 1, 1)
        assert terminal.resets == 0

    run(first)
    assert files(tmp_path) == ["config.dat", "hotlist.dat", "rules.dat"]
    again = Terminal(office, tmp_path)
    assert again.held() == [1, 7, 1]
    assert again.values["offline_earn"] is False
    assert again.counter.books.rules.earned(1700) == 6
    assert blocked(again, ALI)
    # The same rules at both ends: the switch computes by what it published.
    assert sum(breakdown(office.ledger.programme, 1700, Occasion()).values()) == 6


def test_a_load_goes_on_where_a_restart_interrupted_it(tmp_path):
    office = Office()
    publish_cards(office)

    async def once(limit: int) -> Terminal:
        terminal = Terminal(office, tmp_path)
        async with terminal.running():
            await until(lambda: len(office.asked) >= limit or terminal.held()[2] == 1)
            await asyncio.sleep(0.03)
        return terminal

    async def all_of_it():
        chunks = 0
        for cut in range(1, 40):
            terminal = await once(cut)
            if terminal.held()[2] == 1:
                chunks = cut
                break
        assert 8 <= chunks < 39
        # Cut after every chunk, the file was loaded once: no chunk was asked for much more often than there were cuts.
        assert len(office.asked) <= 2 * chunks

    run(all_of_it)
    assert blocked(Terminal(office, tmp_path), CARDS[50][0])


FAULTS = ["silent", "close", "garbage", "garble", "wrong_mac", "replay", "duplicate", "reorder", "late"]


@pytest.mark.parametrize("kind", FAULTS)
def test_a_line_that_fails_at_every_chunk_in_turn_delays_a_file_and_changes_nothing_of_it(tmp_path, kind):
    office = Office()
    publish_cards(office)

    def spoil(count: int) -> None:
        if count % 2:
            office.faults.next(kind, 1, "0800", ms=2000)

    office.meanwhile = spoil

    async def load():
        terminal = Terminal(office, tmp_path)
        await settled(terminal, 0, 0, 1, seconds=3600)
        assert all(blocked(terminal, uid) for uid, _ in CARDS)
        assert not blocked(terminal, SARA)

    run(load)


@pytest.mark.parametrize("at", range(1, 9))
def test_a_version_that_changes_meanwhile_begins_anew_and_is_never_mixed(tmp_path, at):
    office = Office()
    publish_cards(office)
    later = [(uid, 43) for uid, _ in CARDS if int(uid, 16) % 3]

    def change(count: int) -> None:
        if count == at:
            publish_cards(office, 2, later)

    office.meanwhile = change

    async def load():
        terminal = Terminal(office, tmp_path)
        async with terminal.running():
            await until(
                lambda: terminal.held()[2] == 2 or (terminal.held()[2] == 1 and len(office.asked) < at + 1), 900
            )
            await until(lambda: terminal.held()[2] == 2, 900)
        assert [uid for uid, _ in CARDS if blocked(terminal, uid)] == [uid for uid, _ in later]
        assert not terminal.logged("U01")

    run(load)


def test_a_switch_that_changes_the_file_again_and_again_is_given_up(tmp_path):
    office = Office()
    publish_cards(office)
    office.meanwhile = lambda count: publish_cards(office, count + 1)

    async def load():
        terminal = Terminal(office, tmp_path)
        async with terminal.running():
            await until(lambda: terminal.logged("U04"), 900)
            asked = len(office.asked)
            await asyncio.sleep(20)
            assert len(office.asked) == asked
        assert terminal.held() == [0, 0, 0]

    run(load)


def flipped(content: bytes) -> bytes:
    return content[:60] + bytes((content[60] ^ 1,)) + content[61:]


OFF = text_body(CONFIG, {"offline_earn": False})
REFUSED = {
    "altered on its way": ("U01", CONFIG, 4, OFF, {"spoil": flipped}),
    "signed by a stranger": ("U01", CONFIG, 4, OFF, {"signer": "stranger"}),
    "signed for another role": ("U01", CONFIG, 4, OFF, {"signer": "other role"}),
    "an older version in a newer one's name": ("U04", CONFIG, 2, OFF, {"offered": 4}),
    "another merchant's": ("U03", CONFIG, 4, OFF, {"merchant": "SOMEBODY-ELSE-1"}),
    "another terminal's": ("U03", CONFIG, 4, OFF, {"terminal": "VAFA0002"}),
    "late": ("U06", CONFIG, 4, OFF, {"until_utc": 1_795_305_599}),
    "a length that is not its own": ("U01", CONFIG, 4, OFF, {"spoil": lambda content: content + b"x"}),
    "too short": ("U04", CONFIG, 4, OFF, {"spoil": lambda content: content[:400]}),
    "a setting nobody knows": ("U04", CONFIG, 4, OFF.replace(b"offline_earn", b"offline_evil"), {}),
    "a setting of the technician": ("U04", CONFIG, 4, b"config 1\nswitch_host=evil\n", {}),
    "an earning rule": ("U04", CONFIG, 4, b"config 1\nearn_rate=900\n", {}),
    "a value out of range": ("U04", CONFIG, 4, b"config 1\nagain_within_s=3601\n", {}),
    "a value of another kind": ("U04", CONFIG, 4, b"config 1\noffline_earn=1\n", {}),
    "a number spelt otherwise": ("U04", CONFIG, 4, b"config 1\nagain_within_s=060\n", {}),
    "a line twice": ("U04", CONFIG, 4, b"config 1\noffline_earn=true\noffline_earn=true\n", {}),
    "lines out of order": ("U04", CONFIG, 4, b"config 1\noffline_earn=true\nagain_within_s=60\n", {}),
    "no end": ("U04", CONFIG, 4, b"config 1\noffline_earn=true", {}),
    "another form": ("U04", CONFIG, 4, b"config 2\n", {}),
    "a body as long as no configuration": ("U04", CONFIG, 4, b"config 1\n" + b"x=1\n" * 2000, {}),
    "rules without one of them": ("U04", RULES, 4, b"rules 1\nearn_rate=2\n", {}),
    "cards out of order": ("U04", HOTLIST, 4, hotlist_body(CARDS)[12:] + hotlist_body(CARDS)[:12], {}),
    "a card twice": ("U04", HOTLIST, 4, hotlist_body(CARDS)[:12] * 2, {}),
    "half a row": ("U04", HOTLIST, 4, hotlist_body(CARDS)[:-1], {}),
    "a UID with a tail": ("U04", HOTLIST, 4, bytes.fromhex("01020304050000000000" + "04" + "29"), {}),
}


class OtherRole:
    def sign(self, _role: bytes, content: bytes) -> bytes:
        return demo_signer().sign(b"vafa-rules-1", content)


SIGNERS = {"stranger": new_signer, "other role": OtherRole}


@pytest.mark.parametrize("what", REFUSED)
def test_a_file_that_is_not_right_leaves_the_last_good_one_in_force_and_is_told_once(tmp_path, what):
    code, role, version, body, how = REFUSED[what]
    office = Office()
    office.publish_raw(CONFIG, 3, text_body(CONFIG, {"again_within_s": 60}))
    office.publish_raw(RULES, 3, text_body(RULES, dict.fromkeys(RULE_NAMES, 5)))
    publish_cards(office, 3)

    async def load():
        terminal = Terminal(office, tmp_path)
        await settled(terminal, 3, 3, 3)
        before = {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}
        spoilt = {**how, **({"signer": SIGNERS[how["signer"]]()} if "signer" in how else {})}
        office.publish_raw(role, version, body, **spoilt)
        terminal = Terminal(office, tmp_path)
        async with terminal.running():
            await until(lambda: terminal.logged(code), 900)
            asked = len(office.asked)
            await asyncio.sleep(300)  # echoes tell of it again
            assert len(office.asked) == asked
        assert terminal.held() == [3, 3, 3]
        assert {name: (tmp_path / name).read_bytes() for name in files(tmp_path)} == before
        assert terminal.counter.books.policy.earn_allowed
        assert blocked(terminal, CARDS[7][0])
        # The next good one is taken.
        office.publish_raw(role, 5, text_body(role, GOOD[role]) if role != HOTLIST else hotlist_body(CARDS[:3]))
        terminal = Terminal(office, tmp_path)
        await settled(terminal, *[5 if role == one else 3 for one in (CONFIG, RULES, HOTLIST)])

    run(load)


RULE_NAMES = ("earn_rate", "earn_unit", "point_value", "redeem_step", "redeem_threshold")
GOOD = {CONFIG: {"again_within_s": 61}, RULES: dict.fromkeys(RULE_NAMES, 6)}


def test_a_version_not_above_the_one_in_force_is_refused(tmp_path):
    office = Office()
    office.publish_raw(CONFIG, 3, OFF)

    async def load():
        await settled(Terminal(office, tmp_path), 3, 0, 0)
        terminal = Terminal(office, tmp_path)
        terminal.in_force.held[CONFIG] = 5
        terminal.downloads._newest[CONFIG] = 6  # the switch told of one it has not
        async with terminal.running():
            await until(terminal.session.online)
            terminal.downloads._newest[CONFIG] = 6
            await until(lambda: terminal.logged("U02"), 60)
        assert files(tmp_path) == ["config.dat"]

    run(load)


def test_without_a_key_nothing_is_asked_for_and_with_another_nothing_is_believed(tmp_path):
    office = Office()
    office.publish_raw(CONFIG, 3, OFF)

    async def load():
        terminal = Terminal(office, tmp_path, keys=b"")
        async with terminal.running():
            await asyncio.sleep(60)
        assert office.asked == []
        await settled(Terminal(office, tmp_path), 3, 0, 0)
        stranger = Terminal(office, tmp_path, keys=new_signer().modulus)
        assert stranger.held() == [0, 0, 0]
        assert stranger.values["offline_earn"] is True
        assert stranger.logged("U07") or any("U07" in line for line in stranger.log.newest(5))

    run(load)


def test_a_damaged_file_in_force_is_left_out_and_loaded_again(tmp_path):
    office = Office()
    office.publish_raw(CONFIG, 3, OFF)

    async def load():
        await settled(Terminal(office, tmp_path), 3, 0, 0)
        whole = (tmp_path / "config.dat").read_bytes()
        for damaged in (whole[:-1], whole[:70] + b"?" + whole[71:], b"", whole[:20]):
            (tmp_path / "config.dat").write_bytes(damaged)
            terminal = Terminal(office, tmp_path)
            assert terminal.held() == [0, 0, 0]
            assert terminal.values["offline_earn"] is True
            await settled(terminal, 3, 0, 0)
            assert (tmp_path / "config.dat").read_bytes() == whole

    run(load)


@pytest.mark.parametrize("lost", ["deleted", "damaged", "cannot be read"])
def test_a_file_that_was_lost_opens_no_way_back_to_an_older_one(tmp_path, lost, monkeypatch):
    office, older = Office(), Office()
    office.publish_raw(CONFIG, 5, OFF)
    office.publish_raw(HOTLIST, 2, b"")
    older.publish_raw(CONFIG, 3, OFF)
    file = tmp_path / "config.dat"

    def failing(path, *how):
        if path == str(file):
            raise OSError(errno.EIO, "EIO")
        return open(path, *how)

    async def load():
        await settled(Terminal(office, tmp_path), 5, 0, 2)
        if lost == "deleted":
            file.unlink()
        elif lost == "damaged":
            file.write_bytes(file.read_bytes()[:-1])
        with monkeypatch.context() as patch:
            if lost == "cannot be read":
                patch.setattr(envelope, "open", failing, raising=False)
            terminal = Terminal(older, tmp_path)
            assert terminal.held() == [0, 0, 2]
            assert any("U07 config" in line for line in terminal.log.newest(9)) == (lost != "deleted")
            async with terminal.running():
                await until(lambda: terminal.logged("U02"), 60)
                await asyncio.sleep(60)
            assert terminal.held() == [0, 0, 2] and terminal.values["offline_earn"] is True
        if lost != "cannot be read":
            await settled(Terminal(office, tmp_path), 5, 0, 2)
        newer = Office()
        newer.publish_raw(CONFIG, 6, OFF)
        await settled(Terminal(newer, tmp_path), 6, 0, 2)

    run(load)


def test_another_terminals_versions_are_no_floor_and_a_floor_that_is_not_written_is_so_at_the_next_start(tmp_path):
    office = Office()
    office.publish_raw(CONFIG, 5, OFF)

    async def load():
        terminal = Terminal(office, tmp_path)

        def failing():
            raise StoreError("no value goes there")

        terminal.small_values = failing  # type: ignore[method-assign]
        await settled(terminal, 5, 0, 0)
        assert any("taken" in line for line in terminal.log.newest(20))
        assert Terminal(office, tmp_path).in_force.floor == [0, 5, 0, 0]
        (tmp_path / "config.dat").unlink()
        again = Terminal(office, tmp_path)
        assert again.in_force.floor == [0, 5, 0, 0]
        slots = again.small_values()
        slots.open()
        other = InForce(Owner(MERCHANT, "VAFA0009", b""))
        floor.at_start(slots, other)
        assert other.floor == [0, 0, 0, 0]

    run(load)


def test_a_start_knows_what_was_ever_taken(tmp_path):
    board = custody_kit.with_store(tmp_path)
    start = custody_kit.provisioned(board, tmp_path)
    assert start.in_force.floor == [0, 0, 0, 0]
    app = SimpleNamespace(
        small_values=lambda: small_values(board, bytearray(4096)), in_force=start.in_force, log=Log(4)
    )  # type: ignore[arg-type]
    floor.taken(app, HOTLIST, 700)  # type: ignore[arg-type]
    assert custody_kit.provisioned(board, tmp_path).in_force.floor == [0, 0, 0, 700]


def test_while_a_story_runs_nothing_is_loaded_and_nothing_taken(tmp_path):
    office = Office()
    publish_cards(office)
    office.publish_raw(CONFIG, 1, OFF)

    async def load():
        terminal = Terminal(office, tmp_path)
        async with terminal.running():
            await until(lambda: len(office.asked) == 5)
            terminal.busy = True
            await asyncio.sleep(5)
            asked, held = len(office.asked), terminal.held()
            await asyncio.sleep(120)
            assert (len(office.asked), terminal.held()) == (asked, held)
            assert asked <= 6
            terminal.busy = False
            await until(lambda: terminal.held() == [1, 0, 1])

    run(load)


def test_another_currency_counts_only_when_nothing_waits_for_the_switch(tmp_path):
    office = Office()
    office.publish_raw(CONFIG, 1, text_body(CONFIG, {"currency": 840}))
    publish_cards(office)

    async def load():
        terminal = Terminal(office, tmp_path)
        terminal.journal.waiting = {b"\1\2\3\4": 5}
        async with terminal.running():
            await until(lambda: terminal.held()[2] == 1)  # what can be taken is
            await asyncio.sleep(130)
            assert terminal.held() == [0, 0, 1]
            terminal.journal.waiting = {}
            await until(lambda: terminal.held()[0] == 1, 100)
            terminal.busy = True
            await asyncio.sleep(60)
            assert terminal.resets == 0  # not in the middle of a sale
            terminal.busy = False
            await until(lambda: terminal.resets == 1, 5)  # a message is spelt in one currency from its start

    run(load)


def test_a_file_system_without_room_keeps_the_last_good_file_and_is_not_filled_again_and_again(tmp_path, monkeypatch):
    from firmware.service import growing

    office = Office()
    publish_cards(office)

    class Full:
        def __init__(self, file) -> None:
            self.file, self.left = file, 700

        def write(self, data) -> None:
            self.left -= len(data)
            if self.left < 0:
                raise OSError(28)
            self.file.write(data)

        def close(self) -> None:
            self.file.close()

    def narrow(path, mode):
        file = open(path, mode)  # noqa: SIM115 (the caller closes it)
        return file if mode == "rb" else Full(file)

    async def load():
        await settled(Terminal(office, tmp_path), 0, 0, 1)
        publish_cards(office, 2, CARDS[:90])
        terminal = Terminal(office, tmp_path)
        monkeypatch.setattr(growing, "open", narrow, raising=False)
        async with terminal.running():
            await until(lambda: terminal.logged("U05"), 60)
            assert files(tmp_path) == ["hotlist.dat"]
            await asyncio.sleep(7200)
        assert sum(" U05 " in line for line in terminal.log.newest(200)) == 3
        assert terminal.held() == [0, 0, 1]
        assert blocked(terminal, CARDS[100][0])
        monkeypatch.undo()
        await settled(Terminal(office, tmp_path), 0, 0, 2)

    run(load)
