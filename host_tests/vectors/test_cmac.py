"""What AES-CMAC promises besides its published vectors, which are in `published`."""

import pytest

from firmware.core.cmac import Cmac, tag_equal


def test_tags_compare_whole() -> None:
    tag = Cmac(bytes(range(16))).tag(b"")
    assert tag_equal(tag, bytes(tag))
    for at in range(len(tag)):
        assert not tag_equal(tag, tag[:at] + bytes([tag[at] ^ 1]) + tag[at + 1 :])
    assert not tag_equal(tag, tag[:8])


def test_key_length_is_checked() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Cmac(b"short")
