"""What the card office writes is what the programme's cards hold, and what it must not touch it leaves as it was."""

from __future__ import annotations

from typing import Any

import pytest

from firmware.core.types import AUTH_AES, AUTH_LEGACY
from host_tests.unit.device_kit import ALI, HOST, KEYS, OTHER_KEYS, SARA, UIDS, Desk, blank
from tools.device import report as results
from tools.device.card_kinds import Stage
from tools.device.errors import (
    CardCopyable,
    CardDamaged,
    CardGone,
    CardLocked,
    DeviceError,
    FamilyUnsupported,
    ForeignCard,
    ForeignData,
    HostMissing,
    NoCard,
    OtherMember,
    SeveralCards,
    VerifyFailed,
    WrongFamily,
)
from tools.device.personalise import Wish
from tools.issuer.keys import KIND_CLASSIC, KIND_NTAG, IssuerKeys
from tools.sim.cards import make_card
from tools.sim.cards.personal import personalise

KINDS = tuple(UIDS)
AES_KINDS = ("ntag424", "desfire-ev2", "desfire-ev3")


def image(card: Any) -> object:
    """Everything a card holds, keys included; not how often it was read."""
    if card.kind in AES_KINDS:
        app = card.app
        if card.kind == "ntag424":
            applications = {b"": (app.application_keys, app.application_files)}
        else:
            applications = {aid: (one.keys, one.files) for aid, one in app.applications.items()}
        return {
            aid: (
                [(key.value, key.version) for key in keys],
                {
                    number: (file.mode, file.rights, bytes(file.memory), file.sdm and file.sdm.encoded)
                    for number, file in files.items()
                },
            )
            for aid, (keys, files) in applications.items()
        }
    return bytes(card.memory)


def failures(card: Any) -> int:
    """How many wrong authentications an AES card has counted."""
    app = card.app
    keys = app.application_keys if card.kind == "ntag424" else [k for a in app.applications.values() for k in a.keys]
    return sum(key.failures for key in keys)


def laid(card: Any, keys: IssuerKeys = KEYS, **options: Any) -> Desk:
    desk = Desk(keys, **options)
    desk.field.lay(card)
    return desk


def members_card(kind: str, member_no: int, keys: IssuerKeys = KEYS) -> Any:
    return personalise(blank(kind), keys, member_no, host=HOST)


@pytest.mark.parametrize("kind", KINDS)
def test_a_blank_card_becomes_the_card_the_programme_describes(kind: str) -> None:
    card = blank(kind)
    desk = laid(card)
    assert desk.fulfil(Wish(ALI, kind)) == results.WRITTEN
    assert image(card) == image(members_card(kind, ALI))
    reading: Any = desk.as_terminal_reads()
    assert (reading.auth, reading.member_no) == (AUTH_AES if kind in AES_KINDS else AUTH_LEGACY, ALI)
    assert [line["result"] for line in desk.report.lines] == [results.BEGUN, results.WRITTEN]
    assert desk.report.lines[-1] | {"time": ""} == {
        "v": 1,
        "event": "card",
        "time": "",
        "uid": UIDS[kind],
        "kind": kind,
        "member": ALI,
        "key_version": KEYS.version,
        "way": {"ntag424": "sun", "desfire-ev2": "relay", "desfire-ev3": "relay"}.get(kind, "legacy"),
        "result": results.WRITTEN,
    }


@pytest.mark.parametrize("kind", ["classic", "ntag213", "ntag424"])
def test_the_same_through_registers_and_bus_of_the_reader_chip(kind: str) -> None:
    card = blank(kind)
    assert laid(card, whole_chip=True).fulfil(Wish(ALI)) == results.WRITTEN
    assert image(card) == image(members_card(kind, ALI))


@pytest.mark.parametrize("kind", KINDS)
def test_a_card_made_elsewhere_from_the_same_keys_is_found_done(kind: str) -> None:
    card = members_card(kind, ALI)
    before = image(card)
    desk = laid(card)
    assert desk.fulfil(Wish(ALI)) == results.UNCHANGED
    assert image(card) == before
    state, problem = desk.run(desk.desk.judge(desk.run(desk.relay.find())))
    assert (state.stage, state.member_no, problem) == (Stage.DONE, ALI, None)


@pytest.mark.parametrize("kind", KINDS)
def test_a_plan_names_every_write_and_no_key_and_changes_nothing(kind: str) -> None:
    card = blank(kind)
    before = image(card)
    desk = laid(card)
    plan = desk.run(desk.desk.plan(desk.run(desk.relay.find()), Wish(ALI)))
    assert image(card) == before and not desk.report.lines
    text = str(plan.steps).lower()
    secrets = [KEYS.legacy_key(KIND_CLASSIC, card.uid), KEYS.legacy_key(KIND_NTAG, card.uid)]
    secrets += [*(KEYS.aes_key(n, card.uid) for n in range(5))]
    for key in (*secrets, KEYS.master, KEYS.group, KEYS.sun_meta, KEYS.sun_mac, KEYS.relay):
        assert key.hex()[:8] not in text
    if kind in AES_KINDS:
        keys = [step.what.split(":")[0] for step in plan.steps if step.what.startswith("key ")]
        assert keys == ["key 4", "key 3", "key 2", "key 1", "key 0"] and plan.steps[-1].what.startswith("key 0")
    assert "last write" in str(plan.steps[-1])


@pytest.mark.parametrize("kind", KINDS)
def test_a_plan_that_is_not_agreed_to_writes_nothing(kind: str) -> None:
    card = blank(kind)
    before = image(card)
    desk = laid(card)
    found = desk.run(desk.relay.find())
    assert desk.run(desk.desk.fulfil(found, Wish(ALI), 0, lambda plan: False)) == results.REFUSED
    assert image(card) == before and not desk.report.lines


def refused(card: Any, wish: Wish, kind: type[DeviceError], keys: IssuerKeys = KEYS) -> None:
    """The wish is refused with this error, nothing is written, and the report says so."""
    before = image(card)
    desk = laid(card, keys)
    with pytest.raises(kind) as error:
        desk.fulfil(wish, wait_s=0)
    assert image(card) == before
    assert error.value.exit_code == 5
    assert [(line["result"], line["code"]) for line in desk.report.lines] == [(results.REFUSED, kind.code)]


@pytest.mark.parametrize("kind", KINDS)
def test_another_members_card_stays_anothers_unless_told_otherwise(kind: str) -> None:
    card = members_card(kind, SARA)
    refused(card, Wish(ALI), OtherMember)
    assert laid(card).fulfil(Wish(ALI, reassign=True)) == results.WRITTEN
    assert image(card) == image(members_card(kind, ALI))


@pytest.mark.parametrize("kind", KINDS)
def test_a_card_of_another_issuer_is_left_alone(kind: str) -> None:
    refused(members_card(kind, ALI, OTHER_KEYS), Wish(ALI, reassign=True, overwrite=True), ForeignCard)


@pytest.mark.parametrize("kind", AES_KINDS)
def test_a_card_of_another_key_version_is_left_alone_without_trying_a_key(kind: str) -> None:
    newer = IssuerKeys(4, KEYS.master, KEYS.group, KEYS.sun_meta, KEYS.sun_mac, KEYS.relay)
    card = members_card(kind, ALI)
    refused(card, Wish(ALI, reassign=True), ForeignCard, newer)
    assert failures(card) == 0


def test_no_wrong_key_is_tried_on_an_ntag_424_of_another_office_with_our_version() -> None:
    card = members_card("ntag424", ALI, OTHER_KEYS)
    for _ in range(3):
        refused(card, Wish(ALI), ForeignCard)
    assert failures(card) == 0


@pytest.mark.parametrize("kind", AES_KINDS)
def test_no_wrong_key_is_tried_on_a_card_finished_after_it_was_pulled(kind: str) -> None:
    for n in range(10, 60, 7):
        card = blank(kind)
        desk = laid(card)
        desk.field.pull_at_frame(card, n, "after")
        desk.on_pause = lambda desk=desk, card=card: card in desk.field.cards or desk.field.lay(card)
        assert desk.fulfil(Wish(ALI), wait_s=5) == results.WRITTEN
        assert failures(card) == 0


def test_other_data_are_not_lost_unless_told_otherwise() -> None:
    tag = make_card("ntag213", UIDS["ntag213"], pages={4: b"\x03\x0fT2", 5: b"abcd"})
    classic = make_card("classic", UIDS["classic"], blocks={4: b"a door key card."})
    chip: Any = blank("ntag424")
    chip.app.application_files[2].memory[:12] = b"\x00\x0a\xd1\x01\x06U\x04a.ir/"
    for card in (tag, classic, chip):
        refused(card, Wish(ALI), ForeignData)
        assert laid(card).fulfil(Wish(ALI, overwrite=True)) == results.WRITTEN


def test_locked_cards_are_not_begun() -> None:
    pages: Any = blank("ntag213")
    pages.memory[10] = 0x20  # page 5
    config: Any = blank("ntag213")
    config.memory[0x2A * 4] = 0x40  # CFGLCK
    stranger: Any = blank("ntag213")
    stranger.protect(b"pass", b"ok", 4, reads=False)
    sector = make_card("classic", UIDS["classic"], blocks={7: b"\xff" * 6 + bytes.fromhex("78778869") + b"\xff" * 6})
    for card in (pages, config, stranger, sector):
        refused(card, Wish(ALI, overwrite=True), CardLocked)


@pytest.mark.parametrize(("mark", "auth0", "passwords"), [(b"", 4, 0), (b"", 5, 0), (b"VAFA", 4, 0), (b"VAFA", 5, 1)])
def test_a_protected_tag_gets_one_password_and_only_if_it_says_that_it_is_ours(
    mark: bytes, auth0: int, passwords: int
) -> None:
    tag: Any = make_card("ntag213", UIDS["ntag213"], pages={4: mark} if mark else {})
    tag.protect(b"pass", b"ok", auth0, limit=3)
    refused(tag, Wish(ALI, overwrite=True), ForeignCard)
    assert tag.wrong_passwords == passwords


def test_a_tag_that_limits_its_passwords_or_does_not_count_its_taps_is_finished() -> None:
    for access in (0x80, 0x90, 0x9B):
        tag = members_card("ntag213", ALI)
        tag.memory[0x2A * 4] = access
        assert laid(tag).fulfil(Wish(ALI)) == results.WRITTEN
        assert image(tag) == image(members_card("ntag213", ALI))


@pytest.mark.parametrize("kind", ["classic", "ntag213"])
def test_a_frame_that_came_broken_is_no_refusal(kind: str) -> None:
    """A spark makes a card answer NAK 1 or 5; that must not brand a good one foreign, locked or damaged."""
    for member_no in (0, ALI):
        for n in range(1, 40):
            card: Any = members_card(kind, member_no) if member_no else blank(kind)
            command, heard = card.command, iter(range(1, 1000))

            def broken(data: bytes, n: int = n, card: Any = card, command: Any = command, heard: Any = heard) -> Any:
                return card.bad_frame() if next(heard) == n else command(data)

            card.command = broken
            assert laid(card).fulfil(Wish(ALI), wait_s=2) in results.DONE, n


def test_imitations_and_cards_that_name_nobody_are_refused() -> None:
    refused(make_card("classic-magic", UIDS["classic"]), Wish(ALI), CardCopyable)
    for kind, uid in (("phone", "08010203"), ("desfire", "04DE5F1EACC040"), ("ultralight-ev1", "04A1B2C3D4E5F9")):
        desk = laid(make_card(kind, uid))
        with pytest.raises(FamilyUnsupported):
            desk.fulfil(Wish(ALI), wait_s=0)


def test_a_wish_for_a_kind_takes_no_other() -> None:
    refused(blank("ntag213"), Wish(ALI, "ntag424"), WrongFamily)


def test_two_cards_are_told_and_neither_is_touched() -> None:
    one, other = blank("classic"), blank("ntag213")
    before = image(one), image(other)
    desk = laid(one)
    desk.field.lay(other)
    with pytest.raises(SeveralCards):
        desk.fulfil(Wish(ALI), wait_s=1)
    assert (image(one), image(other)) == before and len(desk.told) == 1


def test_a_url_needs_its_host() -> None:
    card = blank("ntag424")
    desk = laid(card)
    desk.desk.url_host = ""
    before = image(card)
    with pytest.raises(HostMissing):
        desk.fulfil(Wish(ALI), wait_s=0)
    assert image(card) == before


def test_a_card_begun_for_another_host_is_finished_for_this_one_and_looked_at_without_any() -> None:
    card = blank("ntag424")
    desk = laid(card)
    desk.desk.url_host = "another.vafa.test"
    desk.field.pull_at_frame(card, 32)
    with pytest.raises(NoCard):
        desk.fulfil(Wish(ALI), wait_s=0)
    desk.begin_anew()
    desk.field.lay(card)
    desk.desk.url_host = ""
    state, _ = desk.run(desk.desk.judge(desk.run(desk.relay.find())))
    assert (state.stage, state.member_no) == (Stage.STARTED, ALI)
    desk.desk.url_host = HOST
    assert desk.fulfil(Wish(ALI)) == results.WRITTEN
    assert image(card) == image(members_card("ntag424", ALI))


def test_a_card_changed_while_a_person_is_asked_is_not_written() -> None:
    card, other = blank("ntag213"), blank("ntag215")
    desk = laid(card)

    def agree(plan: Any) -> bool:
        desk.line.close()  # the terminal takes its field away meanwhile
        desk.field.remove(card)
        desk.field.lay(other)
        return True

    before = image(card), image(other)
    found = desk.run(desk.relay.find())
    with pytest.raises(NoCard):
        desk.run(desk.desk.fulfil(found, Wish(ALI), 0, agree))
    assert (image(card), image(other)) == before
    desk.field.remove(other)
    desk.field.lay(card)
    asked: list[Any] = []
    found = desk.run(desk.relay.find())
    result = desk.run(desk.desk.fulfil(found, Wish(ALI), 0, lambda plan: not asked.append(plan)))
    assert result == results.WRITTEN and len(asked) == 1 and not desk.told


def test_a_card_that_moves_away_is_waited_for_and_no_other_is_taken_in_its_place() -> None:
    card, other = blank("classic"), make_card("classic", "11223344")
    desk = laid(card)
    desk.field.pull_at_frame(card, 25)
    pauses: list[int] = []

    def people() -> None:
        pauses.append(1)
        if len(pauses) == 1:
            desk.field.lay(other)
        if len(pauses) == 4:
            desk.field.remove(other)
            desk.field.lay(card)

    desk.on_pause = people
    before = image(other)
    assert desk.fulfil(Wish(ALI), wait_s=5) == results.WRITTEN
    assert image(card) == image(members_card("classic", ALI)) and image(other) == before
    assert any(CardGone.code in text for text in desk.told)


def test_a_card_that_does_not_come_back_ends_the_wait() -> None:
    card = blank("ntag213")
    desk = laid(card)
    desk.field.pull_at_frame(card, 22)
    with pytest.raises(NoCard):
        desk.fulfil(Wish(ALI), wait_s=3)
    assert [line["result"] for line in desk.report.lines] == [results.BEGUN, results.FAILED]


def begun_in_report(kind: str, member_no: int) -> Desk:
    """A desk whose report says that a card of this kind was being written for a member."""
    card = blank(kind)
    desk = laid(card)
    state = desk.run(desk.desk.judge(desk.run(desk.relay.find())))[0]
    desk.field.remove(card)
    desk.report.add(state, results.BEGUN, member_no, "legacy")
    return desk


def test_the_report_tells_whose_a_card_with_a_torn_payload_was_to_be() -> None:
    for kind, spoiled in (
        ("ntag213", make_card("ntag213", UIDS["ntag213"], pages={4: b"\x07\xff\x00\x12"})),
        ("classic", make_card("classic", UIDS["classic"], blocks={4: b"\x07\xff" * 8})),
    ):
        desk = begun_in_report(kind, SARA)
        desk.field.lay(spoiled)
        with pytest.raises((OtherMember, ForeignData)):
            desk.fulfil(Wish(ALI), wait_s=0)
        assert desk.fulfil(Wish(SARA), wait_s=0) == results.WRITTEN


def test_a_card_that_opens_no_more_after_it_was_begun_is_damaged_not_foreign() -> None:
    desk = begun_in_report("classic", ALI)
    desk.field.lay(
        make_card("classic", UIDS["classic"], blocks={7: b"\x55" * 6 + bytes.fromhex("78778869") + bytes(6)})
    )
    with pytest.raises(CardDamaged):
        desk.fulfil(Wish(ALI), wait_s=0)


def test_verification_finds_what_does_not_hold() -> None:
    card: Any = members_card("ntag213", ALI)
    card.memory[0x2C * 4] ^= 1  # PACK
    with pytest.raises(ForeignCard):
        laid(card).fulfil(Wish(ALI), wait_s=0)
    card = members_card("ntag424", ALI)
    card.app.application_keys[4].value = bytes(16)
    desk = laid(card)
    state, problem = desk.run(desk.desk.judge(desk.run(desk.relay.find())))
    assert state.stage is Stage.DONE and isinstance(problem, VerifyFailed)


def noted_writes(card: Any, lost: int = -1) -> list[int]:
    """Addresses of what a card's memory is asked to store, as they come; nothing is stored at `lost`."""
    written: list[int] = []
    program = card.program

    def store(memory: bytearray, at: int, data: bytes) -> None:
        written.append(at)
        if at != lost:
            program(memory, at, data)

    card.program = store
    return written


def test_what_begins_to_protect_a_card_is_written_last() -> None:
    classic, tag = blank("classic"), blank("ntag213")
    trailer, auth0 = 7 * 16, 0x29 * 4
    for card, last in ((classic, trailer), (tag, auth0)):
        written = noted_writes(card)
        assert laid(card).fulfil(Wish(ALI)) == results.WRITTEN
        assert written[-1] == last and written.count(last) == 1


@pytest.mark.parametrize(
    ("kind", "lost"),
    [("classic", 4 * 16), *(("ntag213", page * 4) for page in (4, 6, 8, 0x2A, 0x2B, 0x2C))],
    ids=["block", "mark", "page", "last page", "ACCESS", "PWD", "PACK"],
)
def test_a_card_whose_memory_does_not_hold_is_not_protected_and_can_be_finished(kind: str, lost: int) -> None:
    card = blank(kind)
    program = card.program
    written = noted_writes(card, lost)
    desk = laid(card)
    with pytest.raises(VerifyFailed):
        desk.fulfil(Wish(ALI), wait_s=0)
    assert not {7 * 16, 0x29 * 4} & set(written)
    assert [line["result"] for line in desk.report.lines] == [results.BEGUN, results.FAILED]
    card.program = program
    assert desk.fulfil(Wish(ALI)) == results.WRITTEN
    assert image(card) == image(members_card(kind, ALI))


def test_nothing_counts_as_written_that_does_not_verify() -> None:
    card = blank("ntag213")
    noted_writes(card, 0x29 * 4)
    desk = laid(card)
    with pytest.raises(VerifyFailed):
        desk.fulfil(Wish(ALI), wait_s=0)
    assert [line["result"] for line in desk.report.lines] == [results.BEGUN, results.FAILED]


def test_the_field_is_off_when_the_relay_is_closed() -> None:
    desk = laid(blank("classic"))
    desk.run(desk.relay.find())
    assert desk.field.on
    desk.relay.close()
    assert not desk.field.on
