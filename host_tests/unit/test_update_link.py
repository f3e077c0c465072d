"""A program from the switch to the other slot: chunk by chunk, through cuts, and nothing but the newest right one."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path
from time import ticks_ms  # type: ignore[attr-defined]

import pytest

from firmware import version
from firmware.core.errors import StoreError
from firmware.service import builds, install, slots
from firmware.store.slots import Slots
from host_tests.unit.bench_client import KEY_IN, KEY_OUT, MERCHANT, NOW
from host_tests.unit.download_kit import Office, Terminal
from host_tests.unit.update_kit import Place, root_body, update
from tools.bench_switch.errors import LedgerError
from tools.release import development, program
from tools.sim.onhost import run_virtual

BUILD = version.BUILD + 1


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    (tmp_path / "root").mkdir()
    return Place(tmp_path / "root", monkeypatch)


@pytest.fixture
def office() -> Office:
    return Office()


def terminal(office: Office, place: Place) -> Terminal:
    found = Terminal(office, place.folder.parent)
    found.board.transaction_flash, found.board.page_only = place.transaction_flash, False
    found.journal.highest_seq, found.journal.gaps = lambda: 41, lambda: 0  # type: ignore[attr-defined]
    found.orders = type("Orders", (), {"minimum": type("Minimum", (), {"build": 0})()})()  # type: ignore[attr-defined]
    return found


def opened(found: Terminal) -> Slots:
    store = found.small_values()
    store.open()
    return store


def play(found: Terminal, until: Callable[[], bool], seconds: int = 600) -> bool:
    async def go() -> bool:
        found.downloads._not_before = ticks_ms()  # it was made outside virtual time
        async with found.running():
            for _ in range(seconds * 2):
                await asyncio.sleep(0.5)
                if until():
                    return True
            return False

    return run_virtual(go())


def publish(office: Office, content: bytes, at: str = "") -> None:
    office.ledger.publish_program(content, at, NOW)


def test_a_newer_program_comes_into_the_other_slot_and_is_tried_by_a_restart(office: Office, place: Place) -> None:
    content = update()
    publish(office, content)
    one = terminal(office, place)
    assert play(one, lambda: one.resets > 0), one.log.newest(20)
    assert (place.folder / "slot_b.vfu").read_bytes() == content
    assert slots.read().trial == "b"
    kept = builds.read(opened(one))
    assert (kept.tried, kept.tried_root, kept.seq, kept.gaps) == (BUILD, 1, 41, 0)
    assert sorted(path.name for path in place.folder.iterdir()) == [
        "boot.dat", "release-keys.bin", "slot_a.vfu", "slot_b.vfu",
    ]  # fmt: skip


def test_nothing_happens_while_somebody_is_at_the_till(office: Office, place: Place) -> None:
    publish(office, update())
    one = terminal(office, place)
    one.busy = True
    assert not play(one, lambda: one.resets > 0, 300)
    assert not (place.folder / "program.new").exists()


def test_a_restart_goes_on_where_the_last_write_left_it(office: Office, place: Place) -> None:
    content = update()
    publish(office, content)
    one = terminal(office, place)
    assert play(one, lambda: len(office.asked) > 120)
    there = (place.folder / "program.new").stat().st_size
    assert there > 20_000
    office.asked.clear()
    two = terminal(office, place)
    assert play(two, lambda: two.resets > 0)
    assert (place.folder / "slot_b.vfu").read_bytes() == content
    assert len(office.asked) <= (len(content) - there) // 240 + 3


def test_a_cut_between_the_rename_and_the_trial_loads_nothing_again(office: Office, place: Place) -> None:
    content = update()
    publish(office, content)
    pin = BUILD.to_bytes(4, "big") + len(content).to_bytes(4, "big") + hashlib.sha256(content).digest()[:8]
    place.put(pin, "program.pin")
    place.put(content, "slot_b.vfu")
    one = terminal(office, place)
    assert play(one, lambda: one.resets > 0)
    assert slots.read().trial == "b"
    assert not office.asked


def test_what_lies_in_the_slot_is_verified_again_before_it_is_tried(office: Office, place: Place) -> None:
    content = update()
    publish(office, content)
    pin = BUILD.to_bytes(4, "big") + len(content).to_bytes(4, "big") + hashlib.sha256(content).digest()[:8]
    place.put(pin, "program.pin")
    place.put(content[:-1] + b"\0", "slot_b.vfu")
    one = terminal(office, place)
    assert play(one, lambda: one.logged("U21")), one.log.newest(9)
    assert slots.read().trial == ""


@pytest.mark.parametrize(
    ("facts", "code"),
    [({"channel": "release"}, "U22"), ({"epoch": 40}, "U25"), ({"needs": BUILD}, "U22"), ({"abi": 5}, "U22")],
)
def test_what_does_not_fit_is_told_once_and_not_loaded_again(
    office: Office, place: Place, facts: dict[str, object], code: str
) -> None:
    publish(office, update(b"VBN3" + bytes(900), **facts))
    one = terminal(office, place)
    assert play(one, lambda: one.logged(code))
    asked = len(office.asked)
    assert not play(one, lambda: len(office.asked) > asked, 300)
    assert slots.read().trial == ""
    assert not (place.folder / "program.new").exists()


def test_a_build_below_the_switchs_minimum_is_refused(office: Office, place: Place) -> None:
    publish(office, update(b"VBN3" + bytes(900)))
    one = terminal(office, place)
    one.orders.minimum.build = BUILD + 1  # type: ignore[attr-defined]
    assert play(one, lambda: one.logged("U23"))


def test_a_build_that_did_not_pass_is_not_loaded_again(office: Office, place: Place) -> None:
    publish(office, update())
    one = terminal(office, place)
    store = opened(one)
    kept = builds.read(store)
    kept.refused = BUILD
    builds.keep(store, kept)
    assert play(one, lambda: one.logged("U23"))
    assert not office.asked


@pytest.mark.parametrize(("label", "refused"), [(BUILD + 2, 0), (BUILD, BUILD + 1), (BUILD + 1, BUILD + 1)])
def test_a_build_under_another_ones_label_or_one_that_did_not_pass_is_not_tried(
    office: Office, place: Place, label: int, refused: int
) -> None:
    content = update(b"VBN3" + bytes(900), build=BUILD + 1)
    publish(office, content)
    pin = label.to_bytes(4, "big") + len(content).to_bytes(4, "big") + hashlib.sha256(content).digest()[:8]
    place.put(pin, "program.pin")
    place.put(content)
    one = terminal(office, place)
    store = opened(one)
    kept = builds.read(store)
    kept.refused = refused
    builds.keep(store, kept)
    assert play(one, lambda: one.logged("U23")), one.log.newest(9)
    assert slots.read().trial == "" and one.resets == 0


def test_small_values_that_fail_once_refuse_no_build(
    office: Office, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(office, update(b"VBN3" + bytes(900)))
    one = terminal(office, place)
    keep, fails = builds.keep, [1]

    def once(store: Slots, found: builds.Builds) -> None:
        if fails:
            fails.pop()
            raise StoreError("for the moment")
        keep(store, found)

    monkeypatch.setattr(builds, "keep", once)
    assert play(one, lambda: one.resets > 0, 900), one.log.newest(9)
    assert not fails and slots.read().trial == "b"


def test_another_boards_program_and_another_terminals_are_not_even_told(office: Office, place: Place) -> None:
    publish(office, update(board="pico"))
    office.ledger.add_terminal("99999999", MERCHANT, KEY_OUT, KEY_IN)
    publish(office, update(), "99999999")
    one = terminal(office, place)
    assert not play(one, lambda: bool(office.asked), 120)
    assert not one.logged("U22")


def test_one_slot_says_that_it_is_updated_over_usb(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "root").mkdir()
    place = Place(tmp_path / "root", monkeypatch, 440 * 1024)
    publish(office, update())
    one = terminal(office, place)
    assert play(one, lambda: one.logged("U29"))
    assert not office.asked
    assert (place.folder / "slot_a.vfu").exists()


def test_without_release_keys_nothing_is_said_of_programs_and_none_is_loaded(office: Office, place: Place) -> None:
    (place.folder / "release-keys.bin").unlink()
    publish(office, update())
    one = terminal(office, place)
    assert not play(one, lambda: bool(office.asked), 120)


def test_keys_roll_over_the_line_one_root_after_the_other_and_then_their_program(office: Office, place: Place) -> None:
    old, new = development.signers(), development.next_signers()
    keys = [key.modulus for key in new]
    two = program.root_file(program.root_body(2, keys, epoch=1), ((0, old[0]), (1, old[1])), ((0, new[0]), (1, new[1])))
    three = program.root_file(program.root_body(3, keys[::-1]), ((1, new[1]), (2, new[2])), ((0, new[2]), (1, new[1])))
    publish(office, three)
    publish(office, two)
    content = update(root=3, signers=((1, new[1]), (2, new[0])))
    publish(office, content)
    one = terminal(office, place)
    assert play(one, lambda: one.resets > 0), one.log.newest(20)
    assert install.root_in_force().version == 3
    assert (place.folder / "slot_b.vfu").read_bytes() == content


def test_a_root_file_of_others_changes_nothing(office: Office, place: Place) -> None:
    new = development.next_signers()
    keys = [key.modulus for key in new]
    forged = program.root_file(program.root_body(2, keys), ((0, new[0]), (1, new[1])), ((0, new[0]), (1, new[1])))
    publish(office, forged)
    one = terminal(office, place)
    assert play(one, lambda: one.logged("U27"))
    assert (place.folder / "release-keys.bin").read_bytes() == root_body()


def test_the_switch_takes_a_file_once_and_nothing_that_is_none(office: Office) -> None:
    publish(office, update())
    for content, code in ((update(), "B90"), (update()[:-1], "B91"), (b"VFU1", "B91"), (b"", "B91")):
        with pytest.raises(LedgerError) as refused:
            publish(office, content)
        assert refused.value.code == code
    with pytest.raises(LedgerError) as refused:
        publish(office, update(), "NOSUCH01")
    assert refused.value.code == "B30"
    assert office.ledger.withdraw_program(BUILD, "s3") == 1
    assert not office.ledger.programs()
