"""Unwrapping against another implementation: what it wrapped opens, and nothing else does."""

import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_wrap, aes_key_wrap_with_padding
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.core.keywrap import KeyDamaged, unwrap, unwrap_padded

KEK = bytes(range(16))


@given(st.integers(2, 8).flatmap(lambda n: st.binary(min_size=8 * n, max_size=8 * n)))
@settings(max_examples=20, deadline=None)
def test_what_was_wrapped_opens(plain):
    assert unwrap(KEK, aes_key_wrap(KEK, plain)) == plain


@given(st.binary(min_size=9, max_size=140))
@settings(max_examples=20, deadline=None)
def test_what_was_wrapped_with_padding_opens(plain):
    assert unwrap_padded(KEK, aes_key_wrap_with_padding(KEK, plain)) == plain


def test_each_bit_counts():
    wrapped = aes_key_wrap(KEK, bytes(range(32)))
    for bit in range(8 * len(wrapped)):
        spoilt = bytearray(wrapped)
        spoilt[bit // 8] ^= 1 << bit % 8
        with pytest.raises(KeyDamaged):
            unwrap(KEK, bytes(spoilt))


@pytest.mark.parametrize("cut", [0, 8, 16, 23, 39, 41])
def test_a_length_that_cannot_be_is_refused(cut):
    with pytest.raises(KeyDamaged):
        unwrap(KEK, (aes_key_wrap(KEK, bytes(32)) + bytes(8))[:cut])


def test_another_wrapping_key_the_other_form_and_a_wrong_padding_are_refused():
    with pytest.raises(KeyDamaged):
        unwrap(bytes(16), aes_key_wrap(KEK, bytes(32)))
    with pytest.raises(KeyDamaged):
        unwrap(KEK, aes_key_wrap_with_padding(KEK, bytes(32)))
    with pytest.raises(KeyDamaged):
        unwrap_padded(KEK, aes_key_wrap(KEK, bytes(32)))
