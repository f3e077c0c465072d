"""Whether SUN data were made by a card of this office: what the switch does, for the card office (NT4H2421Gx 9.3).

On the `cryptography` package, sharing nothing with the card models or the firmware. Knows no card and no reader.
"""

from __future__ import annotations

import hmac

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tools.issuer.keys import SUN_MAC, SUN_META, IssuerKeys, cmac

_ENCRYPTED = 1
_UID_AND_COUNTER = 0xC7  # UID of 7 bytes and read counter mirrored (section 9.3.3)
_SESSION = bytes.fromhex("3cc300010080")  # SV2 of the file read MAC (section 9.3.9.1)


def verified_uid(keys: IssuerKeys, said: bytes) -> bytes | None:
    """The UID in SUN data of form 01h (form byte, PICCData 16, MAC 8) when the MAC is right, else None."""
    if len(said) != 25 or said[0] != _ENCRYPTED:
        return None
    decryptor = Cipher(algorithms.AES(keys.aes_key(SUN_META, b"")), modes.CBC(bytes(16))).decryptor()
    plain = decryptor.update(said[1:17])
    if plain[0] != _UID_AND_COUNTER:
        return None
    uid, counter = plain[1:8], plain[8:11]
    session = cmac(keys.aes_key(SUN_MAC, uid), _SESSION + uid + counter)
    return uid if hmac.compare_digest(cmac(session, b"")[1::2], said[17:]) else None
