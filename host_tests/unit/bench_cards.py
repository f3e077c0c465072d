"""Cards that prove themselves to the bench switch, from the data sheet's pages, and a desk for them to be laid on.

The card's half of both proofs is written here again with `cryptography` alone; with the switch it shares the office's
keys and nothing else.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from host_tests.unit.bench_client import (
    KEY_IN,
    KEY_OUT,
    MERCHANT,
    NOW,
    TERMINAL,
    Answer,
    accrual,
    answered,
    furnish,
    inquiry,
    redemption,
    sealed,
    u32,
)
from tools.bench_switch import Ledger
from tools.bench_switch.desk import Desk
from tools.bench_switch.faults import FaultScript
from tools.bench_switch.log import MessageLog
from tools.bench_switch.proof import Prover
from tools.issuer.keys import IssuerKeys, cmac

OFFICE = IssuerKeys(1, *(bytes([n]) * 16 for n in range(0x11, 0x16)))
OTHER = "VAFA0002"
SUN_CARD = "04DE5F1EACC040"
RELAY_CARD = "04AABBCCDDEEF0"
GROUP_CARD = "04112233445566"
CTR, AUTH, SDM, EV2 = 0x08, 0x09, 0x32, 0x33
PROVEN, COPY, UNDECIDED = ("00", 2), ("59", 0), ("00", 0)  # response code, tag 09


def encrypted(key: bytes, data: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor().update(data)


def decrypted(key: bytes, data: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.CBC(bytes(16))).decryptor().update(data)


def sun(counter: int, uid: str = SUN_CARD, keys: IssuerKeys = OFFICE, *, plain: bool = False) -> bytes:
    """What a card writes at its `counter`-th reading, as tag 32 carries it."""
    name, count = bytes.fromhex(uid), counter.to_bytes(3, "little")
    session = cmac(keys.aes_key(3, name), bytes.fromhex("3CC300010080") + name + count)
    mac = cmac(session, b"")[1::2]
    if plain:
        return b"\x02" + name + count + mac
    return b"\x01" + encrypted(keys.aes_key(2, name), b"\xc7" + name + count + b"\x5a\xcf\x60\x94\x41") + mac


class Ev2Card:
    """The card's side of AuthenticateEV2First with key 4."""

    def __init__(self, uid: str = RELAY_CARD, keys: IssuerKeys = OFFICE, rnd_b: bytes = bytes(range(16))) -> None:
        self.uid = uid
        self._key = keys.aes_key(4, bytes.fromhex(uid))
        self._rnd_b = rnd_b

    def begin(self) -> bytes:
        return b"\x01\x04" + encrypted(self._key, self._rnd_b)

    def end(self, step: bytes) -> bytes:
        assert (step[0], len(step)) == (2, 33)
        plain = decrypted(self._key, step[1:])
        assert plain[16:] == self._rnd_b[1:] + self._rnd_b[:1], "the switch does not know the key"
        return b"\x03" + encrypted(self._key, b"\x9d\x00\xc4\xdf" + plain[1:16] + plain[:1] + bytes(12))


class Counter:
    """A desk with the demo's people, one card a way, and a clock that stands until it is told to go on."""

    def __init__(
        self, database: str = "sqlite://", keys: IssuerKeys | None = OFFICE, *, new: bool = True, points: int = 5_000
    ) -> None:
        self.now = NOW
        self.ledger = Ledger(database)
        if new:
            furnish(self.ledger)
            self.ledger.add_terminal(OTHER, MERCHANT, KEY_OUT, KEY_IN)
            for name, uid, way in (
                ("zari", SUN_CARD, "sun"),
                ("omid", RELAY_CARD, "relay"),
                ("nima", GROUP_CARD, "group"),
            ):
                self.ledger.add_member(name, points=points)
                self.ledger.add_card(uid, name, way)
        self.faults = FaultScript()
        self.log = MessageLog(lambda: self.now)
        self.desk = Desk(self.ledger, self.faults, self.log, lambda: self.now, Prover(keys, self.ledger))
        self._seq = 100

    def ask(self, request: dict[str, str]) -> Answer:
        return answered(request, self.desk.handle(sealed(request)).data[2:])

    def prove(self, said: bytes, uid: str = SUN_CARD, at: str = TERMINAL) -> Answer:
        return self.ask(inquiry(uid, auth=0, extra={SDM: said}, **{"41": at}))

    def step(self, said: bytes, uid: str = RELAY_CARD, at: str = TERMINAL) -> Answer:
        return self.ask(inquiry(uid, auth=0, extra={EV2: said}, **{"41": at}))

    def relay(self, card: Ev2Card, at: str = TERMINAL) -> Answer:
        return self.step(card.end(self.step(card.begin(), card.uid, at).tags[EV2]), card.uid, at)

    def spend(
        self, uid: str = SUN_CARD, counter: int = 0, auth: int = 2, at: str = TERMINAL, points: int = 500
    ) -> Answer:
        return self.ask(self.spending(uid, counter, auth, at, points))

    def spending(
        self, uid: str = SUN_CARD, counter: int = 0, auth: int = 2, at: str = TERMINAL, points: int = 500
    ) -> dict[str, str]:
        self._seq += 1
        extra = {CTR: u32(counter)} if counter else {}
        return redemption(self._seq, points, uid=uid, auth=auth, extra=extra, **{"41": at})

    def notes(self) -> str:
        return "\n".join(entry.note for entry in self.log.entries())


def verdict(answer: Answer) -> tuple[str, int | None]:
    """Response code and tag 09."""
    return answer.rc, answer.tags[AUTH][0] if AUTH in answer.tags else None


def earn(
    counter: Counter,
    seq: int,
    count: int,
    at: str = TERMINAL,
    *,
    uid: str = GROUP_CARD,
    auth: int = 2,
    mti: str = "0200",
) -> str:
    """The code of an accrual of 9 points whose terminal says the card's counter."""
    extra = {CTR: u32(count)} if count else {}
    return counter.ask(accrual(seq, 9_000, mti, uid=uid, auth=auth, extra=extra, **{"41": at})).rc
