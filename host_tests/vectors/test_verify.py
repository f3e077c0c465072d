"""Signatures: what `cryptography` signs is taken, and nothing that resembles it."""

import hashlib
import itertools

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, utils

from firmware.core import verify
from tools.release.signing import EXPONENT, SIZE, new_signer
from tools.sim.demo_signer import _P, _Q, demo_signer

ROLE = b"vafa-config-1"
SIGNER = demo_signer()
N = _P * _Q
D = pow(EXPONENT, -1, (_P - 1) * (_Q - 1))
DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
CONTENT = b"VFD1 any bytes at all"
DIGEST = hashlib.sha256(ROLE + b"\0" + CONTENT).digest()


def good(signature: bytes, digest: bytes = DIGEST, modulus: bytes = SIGNER.modulus) -> bool:
    return verify.signed(modulus, digest, signature)


def raw(block: bytes) -> bytes:
    """A signature whose block is this one: what the owner of the key could make, and a forger hopes to come near."""
    return pow(int.from_bytes(block, "big"), D, N).to_bytes(SIZE, "big")


def block(info: bytes = DIGEST_INFO, digest: bytes = DIGEST, filling: int | None = None, tail: bytes = b"") -> bytes:
    rest = b"\0" + info + digest + tail
    count = SIZE - 2 - len(rest) if filling is None else filling
    return (b"\0\1" + b"\xff" * count + rest).ljust(SIZE, b"\0")


@pytest.mark.parametrize("size", [0, 1, 63, 64, 1000])
def test_what_cryptography_signs_is_taken_under_its_role_alone(size):
    content = bytes(i & 255 for i in range(size))
    signature = SIGNER.sign(ROLE, content)
    digest = verify.begun(ROLE)
    digest.update(content)
    assert good(signature, digest.digest())
    assert not good(signature, hashlib.sha256(b"vafa-rules-1\0" + content).digest())
    assert not good(signature, hashlib.sha256(content).digest())


def test_the_blocks_of_these_tests_are_right_when_nothing_is_wrong():
    assert raw(block()) == SIGNER.sign(ROLE, CONTENT)
    assert good(raw(block()))


def test_a_signature_with_any_bit_turned_is_none():
    right = SIGNER.sign(ROLE, CONTENT)
    for bit in [*range(0, SIZE * 8, 97), 0, 1, SIZE * 8 - 1]:
        wrong = bytearray(right)
        wrong[bit // 8] ^= 0x80 >> bit % 8
        assert not good(bytes(wrong)), bit


@pytest.mark.parametrize("s", [0, 1, N - 1, N, N + 1, 2, (1 << SIZE * 8) - 1])
def test_numbers_that_no_key_made_are_refused(s):
    assert not good(s.to_bytes(SIZE, "big"))


def test_a_signature_that_is_a_multiple_of_the_modulus_too_large_is_refused():
    s = int.from_bytes(SIGNER.sign(ROLE, CONTENT), "big")
    if s + N < 1 << SIZE * 8:
        assert not good((s + N).to_bytes(SIZE, "big"))
    for content in itertools.count():  # one whose s + n still fits 384 bytes
        text = b"%d" % content
        s = int.from_bytes(SIGNER.sign(ROLE, text), "big")
        if s + N < 1 << SIZE * 8:
            digest = hashlib.sha256(ROLE + b"\0" + text).digest()
            assert good(s.to_bytes(SIZE, "big"), digest)
            assert not good((s + N).to_bytes(SIZE, "big"), digest)
            return


FORGED = {
    "rubbish behind the digest, padding shortened": block(filling=SIZE - 2 - 1 - 19 - 32 - 8, tail=b"\xaa" * 8),
    "padding of eight bytes and the rest behind": block(filling=8, tail=b"\xaa"),
    "no padding": block(filling=0),
    "another byte in the padding": block().replace(b"\xff\xff\0\x30", b"\xff\xfe\0\x30"),
    "block type 2": b"\0\2" + block()[2:],
    "block type 0": b"\0\0" + block()[2:],
    "a first byte that is not 0": b"\1" + block()[1:],
    "no zero before the algorithm": block().replace(b"\xff\0\x30\x31", b"\xff\xff\x30\x31"),
    "SHA-1 named": block(info=bytes.fromhex("3021300906052b0e03021a05000414"), digest=DIGEST[:20]),
    "SHA-512 named": block(info=bytes.fromhex("3051300d060960864801650304020305000440"), digest=DIGEST * 2),
    "the algorithm without its NULL": block(info=bytes.fromhex("302f300b0609608648016503040201") + b"\x04\x20"),
    "rubbish in the parameters": block(info=bytes.fromhex("3033300f0609608648016503040201040201ff0420")),
    "a long length": block(info=bytes.fromhex("308131300d060960864801650304020105000420")),
    "the digest alone": b"\0\1" + b"\xff" * (SIZE - 3 - 32) + b"\0" + DIGEST,
    "another digest": block(digest=hashlib.sha256(b"").digest()),
    "nothing": bytes(SIZE - 1) + b"\x02",
}


@pytest.mark.parametrize("what", FORGED)
def test_a_block_that_only_resembles_the_right_one_is_refused(what):
    assert len(FORGED[what]) == SIZE
    assert FORGED[what] != block()
    assert not good(raw(FORGED[what]))


def test_lengths_are_exact():
    right = SIGNER.sign(ROLE, CONTENT)
    for wrong in (b"", right[:-1], right + b"\0", b"\0" + right, right[1:]):
        assert not good(wrong)
    assert not good(right, DIGEST[:31])
    assert not good(right, DIGEST + b"\0")
    assert not good(right, modulus=SIGNER.modulus[1:])
    assert not good(right, modulus=b"\0" + SIGNER.modulus)


def test_a_modulus_that_is_no_key_verifies_nothing():
    for modulus in (bytes(SIZE), b"\x7f" + b"\xff" * (SIZE - 1), b"\xff" * (SIZE - 1) + b"\xfe"):
        assert not good(bytes(SIZE - 1) + b"\1", modulus=modulus)


def test_another_padding_scheme_is_another_signature():
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    assert not good(SIGNER._key.sign(DIGEST, pss, utils.Prehashed(hashes.SHA256())))


def test_of_several_keys_each_that_signed_is_told_by_its_place():
    other = new_signer()
    keys = other.modulus + SIGNER.modulus
    assert verify.signers(keys, DIGEST, SIGNER.sign(ROLE, CONTENT)) == [1]
    assert verify.signers(keys, DIGEST, other.sign(ROLE, CONTENT)) == [0]
    assert verify.signers(b"", DIGEST, SIGNER.sign(ROLE, CONTENT)) == []
    assert verify.signers(other.modulus, DIGEST, SIGNER.sign(ROLE, CONTENT)) == []
