"""What a card proves with: SUN data it wrote, or an EV2First the switch makes with it through a terminal.

Pure cryptography with the office's keys. Knows no books: whether a counter was seen before is for `grants`, and the
relay's open challenges are kept by whoever is given as `challenges`. NT4H2421Gx 9.1.5 (authentication) and 9.3 (secure
dynamic messaging), AN12196. Times in whole seconds of the switch's clock. Keys and random numbers never leave this
module but encrypted; a challenge goes to the books, which hold the MAC keys too.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tools.issuer.keys import RELAY, SUN_MAC, SUN_META, IssuerKeys, cmac

# Tag 32: form byte, then this many bytes in all.
SUN_ENCRYPTED, SUN_PLAIN = 1, 2
SUN_SIZES = {SUN_ENCRYPTED: 25, SUN_PLAIN: 19}
# Tag 33: step byte, then this many bytes in all. Step 2 goes to the card, so a terminal never sends it.
STEP_BEGIN, STEP_FOR_CARD, STEP_END = 1, 2, 3
STEP_SIZES = {STEP_BEGIN: 18, STEP_END: 33}

RELAY_LIFE_S = 10  # a card is held for a second or two; two exchanges over a slow line still fit

_UID_AND_COUNTER = 0xC7  # PICCDataTag: UID of 7 bytes and read counter, section 9.3.3
_SV2 = bytes.fromhex("3CC300010080")  # session key of the file read MAC, section 9.3.9.1
_ZERO = bytes(16)


@dataclass(frozen=True)
class Verdict:
    """What came of a proof. `proven` None: nothing is decided, `why` says the reason and nobody is suspected.

    `counter` is the card's read counter and `digest` names the SUN data it came in; `reply` is the step for the card.
    """

    proven: bool | None
    counter: int = 0
    digest: str = ""
    reply: bytes = b""
    why: str = ""


def picc_data(meta_key: bytes, encrypted: bytes) -> tuple[bytes, bytes] | None:
    """(UID, counter as on the card) of encrypted PICCData; None when this key gives no sense."""
    plain = _cbc(meta_key).decryptor().update(encrypted)
    return (plain[1:8], plain[8:11]) if plain[0] == _UID_AND_COUNTER else None


def sun_mac(mac_key: bytes, uid: bytes, counter: bytes) -> bytes:
    """The MAC a card writes over nothing: every second byte of CMAC under this read's session key."""
    session_key = cmac(mac_key, _SV2 + uid + counter)
    return cmac(session_key, b"")[1::2]


def sun_counter(keys: IssuerKeys, uid: bytes, said: bytes) -> int | None:
    """The read counter when SUN data of a right form are this card's own, else None."""
    opened: tuple[bytes, bytes] | None = (said[1:8], said[8:11])
    if said[0] == SUN_ENCRYPTED:
        opened = picc_data(keys.aes_key(SUN_META, uid), said[1:17])
    if opened is None or opened[0] != uid:
        return None
    right = sun_mac(keys.aes_key(SUN_MAC, uid), *opened)
    return int.from_bytes(opened[1], "little") if hmac.compare_digest(right, said[-8:]) else None


def second_part(key: bytes, first: bytes, rnd_a: bytes) -> bytes:
    """What the card is sent after it gave E(K, RndB): E(K, RndA || RndB rotated by a byte)."""
    rnd_b = _cbc(key).decryptor().update(first)
    return _cbc(key).encryptor().update(rnd_a + rnd_b[1:] + rnd_b[:1])


def knows_key(key: bytes, rnd_a: bytes, last: bytes) -> bool:
    """Whether the card's E(K, TI || RndA rotated || capabilities) returns our random number."""
    return hmac.compare_digest(_cbc(key).decryptor().update(last)[4:20], rnd_a[1:] + rnd_a[:1])


def _cbc(key: bytes) -> Cipher[modes.CBC]:
    return Cipher(algorithms.AES(key), modes.CBC(_ZERO))


class Challenges(Protocol):
    """Where open challenges are kept: the ledger."""

    def open_challenge(self, terminal_id: str, uid: bytes, rnd_a: bytes, expires_utc: int) -> None: ...

    def take_challenge(self, terminal_id: str, uid: bytes) -> tuple[bytes, int] | None: ...


class Prover:
    """Judges proofs; without the office's keys it decides nothing. Safe from any thread.

    A challenge belongs to one terminal and one UID, lives RELAY_LIFE_S and is answered once, rightly or not.
    """

    def __init__(
        self,
        keys: IssuerKeys | None,
        challenges: Challenges,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._keys = keys
        self._challenges = challenges
        self._random = random

    def judge(self, terminal_id: str, uid: bytes, sun: bytes, step: bytes, now_utc: int) -> Verdict:
        """`sun` or `step` is the whole value of its tag and has a right form."""
        if self._keys is None:
            return Verdict(None, why="this switch has no issuer keys")
        if sun:
            counter = sun_counter(self._keys, uid, sun)
            if counter is None:
                return Verdict(False, why="its SUN data are not its own")
            return Verdict(True, counter, hashlib.sha256(sun).hexdigest())
        key = self._keys.aes_key(RELAY, uid)
        if step[0] == STEP_BEGIN:
            rnd_a = self._random(16)
            self._challenges.open_challenge(terminal_id, uid, rnd_a, now_utc + RELAY_LIFE_S)
            return Verdict(None, reply=bytes((STEP_FOR_CARD,)) + second_part(key, step[2:], rnd_a))
        rnd_a, until = self._challenges.take_challenge(terminal_id, uid) or (b"", now_utc)
        if not rnd_a or now_utc > until:
            return Verdict(None, why="no challenge is open for it")
        if not knows_key(key, rnd_a, step[1:]):
            return Verdict(False, why="it does not know its relay key")
        return Verdict(True)
