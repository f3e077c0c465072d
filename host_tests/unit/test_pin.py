"""What is kept of a PIN is the one that public PBKDF2, CMAC and key derivation give, and easy PINs are none."""

import asyncio
import hashlib

import pytest
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFCMAC, CounterLocation, Mode

from firmware.core import pin
from firmware.core.cmac import Cmac

MASTER = bytes(range(16))
SALT = bytes(range(16, 32))


def outside(typed: str, context: bytes) -> bytes:
    key = KBKDFCMAC(
        AES, Mode.CounterMode, 16, 1, 2, CounterLocation.BeforeFixed, b"vafa-pin", context, None
    ).derive(MASTER)  # fmt: skip
    tag = CMAC(AES(key))
    tag.update(hashlib.pbkdf2_hmac("sha256", typed.encode(), SALT, 1000))
    return tag.finalize()


@pytest.mark.parametrize("typed", ["7391", "739164"])
def test_the_verifier_is_what_public_libraries_make_of_it(typed):
    turns: list[int] = []
    key = pin.pin_key(Cmac(MASTER), b"VAFA0001")
    found = asyncio.run(pin.verifier(key, typed, SALT, lambda: turns.append(1)))
    assert found == outside(typed, b"VAFA0001")
    assert found != outside(typed, b"VAFA0002")
    assert len(turns) >= 40  # so often everybody else had a turn


@pytest.mark.parametrize(
    "typed",
    ["1234", "0123", "7890", "4321", "0987", "7777", "1212", "9191", "111111", "123456", "654321", "121212", "123123"],
)
def test_an_easy_pin_is_none(typed):
    assert pin.too_easy(typed)


@pytest.mark.parametrize("typed", ["7391", "1224", "2580", "1243", "1357", "739164", "112233", "135790"])
def test_other_pins_are_taken(typed):
    assert not pin.too_easy(typed)
