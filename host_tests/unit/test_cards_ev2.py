"""EV2 sessions and the commands that use them: what is believed, what ends a session, and that all of it is bounded."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from firmware.cards import aes_card
from firmware.cards.aes_card import AesCard, CardRefused, KeyRefused
from firmware.cards.ev2 import (
    FULL,
    MAC,
    PLAIN,
    AnswerForged,
    AuthKey,
    Ev2Error,
    Handshake,
    NotGenuine,
    Session,
    SessionOver,
)
from firmware.cards.keys import CardKeys
from firmware.core.errors import CardError
from tools.issuer.keys import IssuerKeys
from tools.sim.cards import ev2 as model
from tools.sim.cards.ntag424 import Ntag424App

UID = bytes.fromhex("04DE5F1EACC040")
APPLICATION = bytes.fromhex("D2760000850101")
ISSUER = IssuerKeys(7, *(bytes([n]) * 16 for n in range(1, 6)))
FACTORY = bytes(16)


class ModelPipe:
    """Carries APDUs to a modelled card; `spoil` may change an answer, and `sent` keeps what went."""

    def __init__(self, app: Any, spoil: Callable[[int, bytes], bytes] | None = None) -> None:
        self.app = app
        self.spoil = spoil
        self.sent: list[bytes] = []

    async def transceive(self, apdu: bytes) -> bytes:
        self.sent.append(bytes(apdu))
        answer = self.app.apdu(bytes(apdu))
        return self.spoil(len(self.sent), answer) if self.spoil else answer


class Script:
    """Answers what it was told, in hex, whatever is asked; the last one again and again."""

    def __init__(self, *answers: str) -> None:
        self.answers = [bytes.fromhex(answer) for answer in answers]
        self.asked = 0

    async def transceive(self, apdu: bytes) -> bytes:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def card_on(pipe: Any) -> AesCard:
    return AesCard(pipe, random.Random(5).randbytes)


def opened(spoil: Callable[[int, bytes], bytes] | None = None, number: int = 0) -> tuple[AesCard, ModelPipe]:
    """A factory NTAG 424 DNA with a session of key `number`; spoiling begins afterwards."""
    pipe = ModelPipe(Ntag424App(UID))
    card = card_on(pipe)

    async def begin() -> None:
        await card.select_df(APPLICATION)
        await card.authenticate(AuthKey(number, FACTORY))

    asyncio.run(begin())
    pipe.spoil = spoil
    pipe.sent.clear()
    return card, pipe


@pytest.mark.parametrize("mode", [MAC, FULL])
def test_any_flipped_bit_of_a_protected_answer_is_forged_and_ends_the_session(mode: int) -> None:
    def ask(card: AesCard) -> Any:
        return card.file_settings(2) if mode == MAC else card.card_uid()

    for bit in range(8 * ((7 if mode == MAC else 16) + 8)):

        def flip(_: int, answer: bytes, bit: int = bit) -> bytes:
            bad = bytearray(answer)
            bad[bit >> 3] ^= 1 << (bit & 7)
            return bytes(bad)

        card, _ = opened(flip)
        with pytest.raises(AnswerForged):
            asyncio.run(ask(card))
        assert card.session is None
        with pytest.raises(SessionOver):
            asyncio.run(card.card_uid())


def test_an_answer_replayed_or_cut_short_is_forged() -> None:
    card, pipe = opened()
    first: list[bytes] = []
    pipe.spoil = lambda _, answer: first[0] if first else first.append(answer) or answer
    asyncio.run(card.file_settings(2))
    with pytest.raises(AnswerForged):
        asyncio.run(card.file_settings(2))
    for length in range(9):
        card, _ = opened(lambda _, answer, length=length: answer[:length] + b"\x91\x00")
        with pytest.raises(AnswerForged):
            asyncio.run(card.card_uid())


@pytest.mark.parametrize(
    "plain", ["00" * 16, "01" * 16, "80" + "00" * 16 + "00" * 15, "04DE5F1EACC040" + "00" * 9, "81" + "00" * 15]
)
def test_a_genuine_answer_with_broken_padding_is_not_used(plain: str) -> None:
    enc, mac, ti = b"\x01" * 16, b"\x02" * 16, b"\x03" * 4
    iv = model.encrypt(enc, b"\x5a\xa5" + ti + b"\x01\x00" + bytes(8))
    sealed = model.encrypt(enc, bytes.fromhex(plain), iv)
    tag = model.short_mac(mac, b"\x00\x01\x00" + ti + sealed)
    session = Session(0, enc, mac, ti)
    session.wrap(0x51, b"", b"", FULL)
    with pytest.raises(AnswerForged):
        session.unwrap(sealed + tag, FULL)
    with pytest.raises(SessionOver):
        session.wrap(0x51, b"", b"", FULL)


def test_a_read_that_brings_another_length_is_an_error() -> None:
    with pytest.raises(AnswerForged):
        asyncio.run(card_on(Script("00" * 15 + "9100")).read(2, 0, 16, PLAIN))


def test_plain_commands_are_counted_too() -> None:
    card, _ = opened()

    async def story() -> tuple[bytes, bytes]:
        await card.read(2, 0, 16, PLAIN)
        await card.write(2, 0, b"0123", PLAIN)
        return await card.card_uid(), await card.read(2, 0, 4, PLAIN)

    assert asyncio.run(story()) == (UID, b"0123")


def test_a_session_goes_on_under_another_key_and_stops_when_its_numbers_are_used_up() -> None:
    card, pipe = opened()

    async def story() -> None:
        await card.card_uid()
        before = card.session
        assert before is not None
        await card.authenticate_again(AuthKey(3, FACTORY))
        assert card.session is not None and (card.session.ti, card.session.counter) == (before.ti, 1)
        await card.write(3, 0, b"member", FULL)
        assert await card.read(3, 0, 6, FULL) == b"member"
        pipe.app.session.counter = card.session.counter = 0xFFFE
        await card.card_uid()  # the last number there is
        with pytest.raises(SessionOver):
            await card.card_uid()
        assert card.session is None

    asyncio.run(story())


def test_a_card_that_does_not_hold_the_key_is_refused_by_us_and_a_terminal_that_does_not_by_the_card() -> None:
    pipe = ModelPipe(Ntag424App(UID))
    card = card_on(pipe)
    asyncio.run(card.select_df(APPLICATION))
    with pytest.raises(KeyRefused) as refused:
        asyncio.run(card.authenticate(AuthKey(1, b"\x01" * 16)))
    assert refused.value.status == aes_card.AUTHENTICATION_ERROR

    impostor = card_on(Script("11" * 16 + "91AF", "22" * 32 + "9100"))
    with pytest.raises(NotGenuine):
        asyncio.run(impostor.authenticate(AuthKey(1, b"\x01" * 16)))
    assert impostor.session is None


def test_a_challenge_sent_back_as_its_own_answer_proves_nothing() -> None:
    class Mirror:
        said = b""

        async def transceive(self, apdu: bytes) -> bytes:
            if apdu[1] == 0x71:
                return bytes(16) + b"\x91\xaf"
            return apdu[5:37] + b"\x91\x00"

    with pytest.raises(NotGenuine):
        asyncio.run(card_on(Mirror()).authenticate(AuthKey(1, b"\x07" * 16)))


def test_a_relayed_authentication_convinces_the_card_without_a_key_here() -> None:
    app = Ntag424App(UID)
    card = card_on(ModelPipe(app))
    far_away = Handshake(AuthKey(4, FACTORY), bytes(range(16)))

    async def story() -> None:
        await card.select_df(APPLICATION)
        answer = await card.respond(far_away.part_two(await card.challenge(4)))
        assert far_away.first(answer).number == 4
        assert card.session is None  # what the session's keys are, is known far away only

    asyncio.run(story())


@pytest.mark.parametrize(
    "answers", [("",), ("91",), ("9100",), ("00" * 15 + "91AF",), ("00" * 16 + "9100",), ("00" * 16 + "91AF", "9100")]
)
def test_odd_answers_to_an_authentication_are_typed_errors(answers: tuple[str, ...]) -> None:
    with pytest.raises((Ev2Error, CardRefused)):
        asyncio.run(card_on(Script(*answers)).authenticate(AuthKey(0, FACTORY)))


def test_an_answer_in_endless_parts_is_given_up() -> None:
    pipe = Script("0102" + "91AF")
    with pytest.raises(CardRefused):
        asyncio.run(card_on(pipe).version())
    assert pipe.asked <= 16


def test_the_version_comes_in_three_parts_in_and_out_of_a_session() -> None:
    card, pipe = opened()
    assert asyncio.run(card.version())[14:21] == UID
    assert len(pipe.sent) == 3
    card.session = None
    pipe.app.reset()
    version = asyncio.run(card.version())
    assert (version[1], version[3]) == (0x04, 0x30)  # NTAG, 424 DNA's hardware


def test_what_the_card_refuses_ends_the_session_on_both_sides_and_tells_why() -> None:
    card, pipe = opened()
    with pytest.raises(CardRefused) as refused:
        asyncio.run(card.read(3, 0, 16, FULL))  # key 0 may not
    assert refused.value.status == 0x91AE and card.session is None and pipe.app.session is None
    assert isinstance(refused.value, CardError) and "91ae" in str(refused.value)


def test_a_pipe_that_breaks_ends_the_session() -> None:
    card, _ = opened()

    class Broken:
        async def transceive(self, apdu: bytes) -> bytes:
            raise OSError("pulled")

    card._pipe = Broken()
    with pytest.raises(OSError):
        asyncio.run(card.card_uid())
    assert card.session is None


def test_the_terminal_reads_what_the_office_wrote_with_the_key_it_derives() -> None:
    app = Ntag424App(UID)
    app.application_keys[1].value = ISSUER.aes_key(1, UID)
    card = card_on(ModelPipe(app))

    async def story() -> None:
        await card.select_df(APPLICATION)
        await card.authenticate(CardKeys(ISSUER.group).aes_read_key(UID))

    asyncio.run(story())
    assert card.session is not None and card.session.number == 1


def test_no_key_shows_in_what_a_person_may_see() -> None:
    keys = CardKeys(ISSUER.group)
    card, _ = opened()
    secrets = [ISSUER.group, ISSUER.aes_key(1, UID), FACTORY]
    for thing in (keys, keys.aes_read_key(UID), card, card.session, KeyRefused(0x91AE), NotGenuine("x")):
        shown = repr(thing) + str(thing)
        assert not any(secret.hex() in shown or repr(secret)[2:-1] in shown for secret in secrets)
