"""Published vectors for AES-CMAC and AN10922, as listed by RFC 4493 section 4 and NXP AN10922 section 2.2.1."""

import pytest

from firmware.core.cmac import Cmac, tag_equal

KEY = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
MESSAGE = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)


@pytest.mark.parametrize(
    ("length", "tag"),
    [
        (0, "bb1d6929e95937287fa37d129b756746"),
        (16, "070a16b46b4d4144f79bdd9dd04a287c"),
        (40, "dfa66747de9ae63030ca32611497c827"),
        (64, "51f0bebf7e3b9d92fc49741779363cfe"),
    ],
)
def test_rfc4493(length: int, tag: str) -> None:
    assert Cmac(KEY).tag(memoryview(MESSAGE)[:length]).hex() == tag


@pytest.mark.parametrize(
    ("key", "message", "diversified"),
    [
        (
            "00112233445566778899AABBCCDDEEFF",
            "0104782E21801D803042F54E585020416275",
            "a8dd63a3b89d54b37ca802473fda9175",
        ),
        # a message that fits one block is padded to two all the same
        ("f3f9377698707b688eaf84abe39e3791", "0104deadbeeffeed", "0bb408baff98b6ee9f2e1585777f6a51"),
    ],
)
def test_an10922_pads_to_32_bytes(key: str, message: str, diversified: str) -> None:
    assert Cmac(bytes.fromhex(key)).tag_padded_to(bytes.fromhex(message), 32).hex() == diversified


def test_tags_compare_whole() -> None:
    tag = Cmac(KEY).tag(b"")
    assert tag_equal(tag, bytes(tag))
    for at in range(len(tag)):
        assert not tag_equal(tag, tag[:at] + bytes([tag[at] ^ 1]) + tag[at + 1 :])
    assert not tag_equal(tag, tag[:8])


def test_key_length_is_checked() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Cmac(b"short")
