"""An update comes into the slot that does not run, whole or not at all, and floors rise once it is confirmed."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest

from firmware import version
from firmware.service import builds, install, slots
from firmware.service.manifest import UpdateRefused
from firmware.service.over_usb import OverUsb, lying_there, try_it
from host_tests.unit.update_kit import NEW, OLD, Place, root_body, update
from tools.release import development, program


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(tmp_path, monkeypatch)


def code(place: Place, content: bytes, again: bool = False) -> str:
    path = place.put(content)
    root = install.root_in_force()
    found = install.Update(path, root, install.here("s3", place.store(), root, again))
    try:
        for _ in found.opening():
            pass
    except UpdateRefused as refused:
        assert found.manifest is None
        return refused.code
    assert found.manifest is not None
    return ""


def put_in(place: Place, content: bytes) -> None:
    assert code(place, content) == ""
    root = install.root_in_force()
    found = install.Update(install.NEW, root, install.here("s3", place.store(), root))
    list(found.opening())
    assert found.manifest is not None
    install.take(install.target(), install.NEW, found.manifest, place.store(), install.marks_of(place))


def test_a_whole_update_goes_into_the_other_slot_and_on_trial(place: Place) -> None:
    content = update()
    put_in(place, content)
    assert (place.folder / "slot_b.vfu").read_bytes() == content
    assert not (place.folder / "program.new").exists()
    state = slots.read()
    assert (state.active, state.trial, state.tries) == ("a", "b", 3)
    assert place.kept().tried == version.BUILD + 1
    assert place.kept().lowest == 0, "floors rise after the confirmation only"


def test_an_update_cut_anywhere_or_with_another_payload_is_refused(place: Place) -> None:
    content = update()
    for size in (0, 1, 2047, 2048, 2049, len(content) // 2, len(content) - 1):
        assert code(place, content[:size]) == "U21", size
    assert code(place, content + b"\0") == "U21"
    assert code(place, content[:2048] + update(NEW[::-1])[2048:]) == "U21", "the head of one and the program of another"
    for at in range(2048, len(content), 6007):
        assert code(place, content[:at] + bytes((content[at] ^ 4,)) + content[at + 1 :]) == "U21", at
    assert code(place, content) == ""


def test_what_was_confirmed_is_the_floor_and_survives_the_loss_of_a_slot(place: Place) -> None:
    store = place.store()
    kept = builds.read(store)
    kept.epoch, kept.root, kept.lowest = 5, 1, version.BUILD + 7
    builds.keep(store, kept)
    assert code(place, update(epoch=4, build=version.BUILD + 9)) == "U23"
    assert code(place, update(epoch=5, build=version.BUILD + 6)) == "U23"
    assert code(place, update(epoch=14, build=version.BUILD + 9)) == "U25"
    assert code(place, update(epoch=13, build=version.BUILD + 9)) == ""


def test_only_a_new_root_lowers_the_floor_and_an_older_root_file_is_refused(place: Place) -> None:
    store = place.store()
    kept = builds.read(store)
    kept.epoch, kept.root = 9000, 1
    builds.keep(store, kept)
    assert code(place, update()) == "U23"
    old, new = development.signers(), development.next_signers()
    body = program.root_body(2, [key.modulus for key in new], epoch=version.EPOCH)
    install.change_root(program.root_file(body, ((0, old[0]), (1, old[1])), ((0, new[0]), (1, new[1]))))
    assert code(place, update()) == "U20"
    signed = update(root=2, signers=((0, new[0]), (2, new[2])))
    assert code(place, signed) == ""
    kept = place.kept()
    kept.tried_root = 2
    kept.confirmed()
    assert (kept.root, kept.epoch) == (2, version.EPOCH)
    builds.keep(place.store(), kept)
    (place.folder / "release-keys.bin").write_bytes(root_body())
    with pytest.raises(UpdateRefused) as refused:
        code(place, update())
    assert refused.value.code == "U27"


def test_during_a_trial_nothing_else_is_installed(place: Place) -> None:
    put_in(place, update())
    place.runs = "b"
    with pytest.raises(UpdateRefused) as refused:
        install.target()
    assert refused.value.code == "U29"


def test_a_slot_that_was_passed_over_is_the_one_written(place: Place) -> None:
    """Slot a runs for good and was found damaged: slot b runs, and is what a trial goes back to."""
    place.put(update(OLD), "slot_b.vfu")
    place.runs = "b"
    put_in(place, update())
    state = slots.read()
    assert (state.active, state.trial) == ("b", "a")


def test_a_trial_given_up_is_told_once_and_its_build_remembered(place: Place) -> None:
    put_in(place, update())
    slots.give_up()
    told: list[str] = []
    for _ in range(2):
        builds.at_start(place.store(), told.append)
    assert len(told) == 1
    assert told[0].startswith(f"U28 build {version.BUILD + 1} was tried")
    assert (place.kept().refused, place.kept().tried) == (version.BUILD + 1, 0)


def test_a_slot_on_trial_that_boot_passed_over_is_given_up(place: Place) -> None:
    put_in(place, update())
    told: list[str] = []
    builds.at_start(place.store(), told.append)  # a runs although b has its tries
    assert told
    assert slots.given_up() == "b"


def test_a_program_on_trial_says_nothing_at_its_start(place: Place) -> None:
    put_in(place, update())
    place.runs = "b"
    told: list[str] = []
    builds.at_start(place.store(), told.append)
    assert not told
    assert slots.on_trial()


def test_room_is_made_only_when_it_is_needed(place: Place) -> None:
    place.put(bytes(300_000), "slot_b.vfu")
    install.make_room("b", 350_000)
    assert (place.folder / "slot_b.vfu").exists()
    place.put(bytes(400_000), "other")
    install.make_room("b", 350_000)
    assert not (place.folder / "slot_b.vfu").exists()
    with pytest.raises(UpdateRefused) as refused:
        install.make_room("b", 700_000)
    assert refused.value.code == "U29"
    assert (place.folder / "slot_a.vfu").exists(), "never what runs"


# --- over USB ---------------------------------------------------------------------------------------------------------


def test_an_update_is_judged_by_its_head_before_it_is_sent(place: Place) -> None:
    said: list[str] = []
    usb = OverUsb(place, said.append)  # type: ignore[arg-type]
    try_it(lambda: usb.judge(b64encode(update()[:2048]).decode()), said.append)
    assert said == [f"board s3 build {version.BUILD} slot b as {install.NEW}", "done"]
    for facts, code in (({"board": "pico"}, "U22"), ({"build": version.BUILD - 1}, "U23"), ({"epoch": 99}, "U25")):
        head = b64encode(update(**facts)[:2048]).decode()
        try_it(lambda head=head: usb.judge(head), said.append)  # type: ignore[misc]
        assert said[-1].startswith(f"refused {code} ")
    assert not (place.folder / "program.new").exists()


def test_over_usb_the_same_build_may_come_again_and_an_older_one_not(place: Place) -> None:
    said: list[str] = []
    usb = OverUsb(place, said.append)  # type: ignore[arg-type]
    place.put(update(build=version.BUILD))
    try_it(usb.install, said.append)
    assert said[-1] == "done"
    place.put(update(build=version.BUILD - 1))
    try_it(usb.install, said.append)
    assert said[-1].startswith("refused U23 ")


def test_over_usb_what_was_to_be_installed_before_the_program_that_runs_was_built_is_refused(place: Place) -> None:
    said: list[str] = []
    usb = OverUsb(place, said.append)  # type: ignore[arg-type]
    for until, ends in ((version.BUILT_UTC - 1, "refused U24 "), (version.BUILT_UTC, "done")):
        content = update(until_utc=until)
        try_it(lambda content=content: usb.judge(b64encode(content[:2048]).decode()), said.append)  # type: ignore[misc]
        assert said[-1].startswith(ends)
        place.put(content)
        try_it(usb.install, said.append)
        assert said[-1].startswith(ends)


def test_with_one_slot_the_program_is_replaced_without_a_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(tmp_path, monkeypatch, 440 * 1024)
    with pytest.raises(UpdateRefused) as refused:
        install.target()
    assert refused.value.code == "U29"
    said: list[str] = []
    usb = OverUsb(place, said.append)  # type: ignore[arg-type]
    usb.judge(b64encode(update()[:2048]).decode())
    assert said[-1].endswith(f"slot a as {tmp_path / 'slot_a.vfu'}")
    usb.make_room(410_000)
    assert not (tmp_path / "slot_a.vfu").exists(), "there is no room for both"


def test_safe_mode_installs_what_lies_there_and_nothing_forged(place: Place) -> None:
    place.runs = ""
    said: list[str] = []
    assert not lying_there(place, said.append)  # type: ignore[arg-type]
    place.put(update()[:-1])
    assert not lying_there(place, said.append)  # type: ignore[arg-type]
    assert said[-1].startswith("refused U21")
    place.put(update())
    assert lying_there(place, said.append)  # type: ignore[arg-type]
    assert slots.read().trial == "b"
