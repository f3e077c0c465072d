"""The demo's key for configuration, rules and hotlists: public on purpose, as everything secret of the demo.

No terminal of a shop knows it. Made once, so that no demo has to wait for two primes.
"""

from __future__ import annotations

import functools

from tools.release.program import development_root
from tools.release.signing import Signer, signer_of_primes

_P = int(
    "ebb850cc21e9fb8de78a2711b7e53355e32399640c46b2b72500594ac8820d4882b7c578aef5e28bfbb8fe6e4d223562"
    "f88e64c324ed2a7f91c258c17427e01d4fa0b9c5d1249e7ba879e467abb4b7abcb4de579cbcc08c9129ef04b6d4735f3"
    "a2971066a247a96ba6fe2cb340f100b736e665d94758a4e76abacc78bdc00ba45f407781d4bd92f11b41f1f39fc78edb"
    "b30edcd49a61fba844447dddfbc359ecd6d5136fdd1b4096c21222537e1fb7d89999d625e88c308d3423f5ed18b5d99b",
    16,
)
_Q = int(
    "c28eb2fa8ab39013f5580383f3af09500f989745c19377cf07862e0933b60eba85f79e74cd7b37a2cd2ed22b02835273"
    "457614e23c6a3be7fb87038c7f119792b74901316d7067d52fc2df7bbb46355e95061a9202eae1ea7df9319357864510"
    "b0dfa66b79449a7a337d8d12fa3b6a3eab33d6a4e7dd510c1f2c1dfd95635d75255e881228791be673b48b28a527d40b"
    "85f4b8a91424f4e58fafd6902aac44e780ba8190738c7a3846e6f0e7448546e1cdf6de31149da903108c0aadd829cc7d",
    16,
)


@functools.cache
def demo_signer() -> Signer:
    """Signs what demo terminals load."""
    return signer_of_primes(_P, _Q)


def release_keys() -> bytes:
    """Whose programs demo terminals take: the keys of development."""
    return development_root()
