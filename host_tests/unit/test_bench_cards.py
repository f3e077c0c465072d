"""Modelled cards, the terminal's reader and the bench switch on one bench: whoever made them, they agree on a proof."""

from __future__ import annotations

import itertools

import pytest

from firmware.core.types import AUTH_AES, AUTH_UID, CLOCK_OK, CardData, Reply
from firmware.switch.mac import MacKeys
from firmware.switch.messages import Identity, Messages
from host_tests.unit.bench_cards import EV2, Counter
from host_tests.unit.bench_client import KEY_IN, KEY_OUT, MERCHANT, NOW, TERMINAL
from host_tests.unit.reader_kit import AES, DESFIRE, ISSUER, STRANGER, Shop, aes_card


class Line:
    """The terminal's messages to a desk and its answers back, without a network; the relay's `authority`."""

    def __init__(self) -> None:
        self.counter = Counter(keys=ISSUER)
        self._messages = Messages(Identity(TERMINAL, MERCHANT, 1, 364), MacKeys(1, KEY_OUT, KEY_IN))
        self._numbers = itertools.count(1)
        for name, uid, way in (("maryam", AES, "sun"), ("sohrab", DESFIRE, "relay")):
            self.counter.ledger.add_member(name, points=1_000)
            if self.counter.ledger.balance_of_card(uid) is None:
                self.counter.ledger.add_card(uid, name, way)
            else:
                self.counter.ledger.set_way(uid, way)

    def inquire(self, uid: bytes, sun: bytes = b"", step: bytes = b"") -> tuple[bytes, Reply]:
        out = self._messages.inquiry(uid, AUTH_UID, next(self._numbers), NOW, CLOCK_OK, 0, sun, step)
        answer = self._messages.read_answer(self.counter.desk.handle(out.raw).data[2:])
        assert answer.key == out.key
        return answer.tags.get(EV2, b""), self._messages.reply(answer, uid)

    async def __call__(self, uid: bytes, step: bytes) -> tuple[bytes, Reply]:
        return self.inquire(uid, step=step)


def proven(card: object, way: str, line: Line) -> CardData:
    told = Shop(way=way, authority=line).tap(card, prove=True)  # type: ignore[arg-type]
    assert isinstance(told, CardData)
    return told


def test_what_a_card_writes_when_it_is_read_is_proven_and_spends_once():
    line, card = Line(), aes_card()
    counters = []
    for _ in range(2):
        told = proven(card, "sun", line)
        assert (told.auth, len(told.sun)) == (AUTH_UID, 25)
        _, reply = line.inquire(told.uid, told.sun)
        assert (reply.rc, reply.auth) == ("00", AUTH_AES)
        counters.append(reply.counter)
        assert [line.counter.spend(AES, reply.counter).rc for _ in range(2)] == ["00", "57"]
    assert counters[1] > counters[0] > 0
    assert line.counter.ledger.balance("maryam") == 0
    _, reply = line.inquire(bytes.fromhex(AES), proven(aes_card(issuer=STRANGER), "sun", line).sun)
    assert (reply.rc, reply.auth) == ("59", AUTH_UID)


@pytest.mark.parametrize(("kind", "uid"), [("ntag424", AES), ("desfire-ev2", DESFIRE), ("desfire-ev3", DESFIRE)])
def test_a_card_relayed_through_the_reader_is_proven_and_a_strangers_is_not(kind, uid):
    line = Line()
    line.counter.ledger.set_way(uid, "relay")
    told = proven(aes_card(kind), "relay", line)
    assert (told.auth, told.suspect) == (AUTH_AES, False)
    assert line.counter.spend(uid).rc == "00"
    assert line.counter.spend(uid).rc == "57"
    told = proven(aes_card(kind, STRANGER), "relay", line)
    assert told.auth == AUTH_UID
    assert line.counter.spend(uid).rc == "57"
