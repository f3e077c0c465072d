"""Remote change of the MAC keys (docs/lt87.md section 16): what the switch announced is stored, proved, then in force.

Loaded when the switch announces keys or a pair waits in the key store. Knows the key store and key pairs, no message
and no line. At each step both ends can talk: the new pair stands in the key store beside the old one before the switch
hears of it, and the old one goes only when the switch has answered under the new one. Never log a key.
"""

from micropython import const

from firmware.core.cmac import tag_equal
from firmware.core.errors import StoreError, VafaError
from firmware.core.keywrap import KeyDamaged, unwrap
from firmware.store.seal import derived_key
from firmware.switch.mac import MacKeys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from firmware.core.log import Log
    from firmware.store.vault import Vault

NEXT = "next"  # in the key store: KID, mac_out, mac_in of the pair on offer
_KEY = const(16)
_AHEAD = const(127)
_LABEL = const(b"vafa-newkey")  # each KID has a wrapping key of its own: no pair comes again under another


class KeyOlder(VafaError):
    """The switch announces a key id that is not ahead of the one in force: a repeat, or an older one."""

    code = "K20"


def ahead(kid: int, of: int) -> bool:
    """Whether a key id comes after another: 1 to 127 further, and 0 follows 255 (as in RFC 1982)."""
    return 1 <= (kid - of) & 0xFF <= _AHEAD


def pair_of(raw: bytes) -> MacKeys:
    """The pair in a value of the key store."""
    return MacKeys(raw[0], raw[1 : 1 + _KEY], raw[1 + _KEY : 1 + 2 * _KEY])


class KeyChange:
    """`vault` makes the key store, `keys` are the session's."""

    def __init__(self, keys: MacKeys, vault: "Callable[[], Vault]", log: "Log") -> None:
        self._keys = keys
        self._vault = vault
        self._log = log

    def announced(self, newkey: bytes) -> None:
        """Tag 63: keep the pair and offer it. Raises KeyOlder, KeyDamaged, StoreError: then nothing has changed."""
        kid = newkey[0]
        if not ahead(kid, self._keys.kid):
            raise KeyOlder("KID {}, in force is {}".format(kid, self._keys.kid))
        vault = self._vault()
        kept = self._in_force(vault)
        pair = unwrap(derived_key(kept["tmk"], _LABEL, newkey[:1]), newkey[1:])
        out, come = pair[:_KEY], pair[_KEY:]
        if tag_equal(out, come) or not any(out) or not any(come):
            raise KeyDamaged("keys that may not be used")
        value = newkey[:1] + pair
        if not tag_equal(kept.get(NEXT, b""), value):
            kept[NEXT] = value
            self._save(vault, kept)
            self._log.event("keys KID {} kept, not in force yet".format(kid))
        self._keys.offered = pair_of(value)

    def proved(self) -> None:
        """The switch answered under the pair on offer: it is in force, the former one is erased."""
        self._keys.take_offered()
        self._log.event("keys KID {} in force".format(self._keys.kid))
        try:
            vault = self._vault()
            self._save(vault, self._in_force(vault))
        except StoreError as error:
            self._log.error(error, "key store")  # both pairs stand there: the next start finds out by asking

    def withdrawn(self) -> None:
        """The switch does not know the pair on offer: forget it."""
        self._keys.offered = None
        try:
            vault = self._vault()
            kept = self._in_force(vault)
            if kept.pop(NEXT, None) is not None:
                self._save(vault, kept)
        except StoreError as error:
            self._log.error(error, "key store")

    def _in_force(self, vault: "Vault") -> "dict[str, bytes]":
        """What the key store has to hold: the pair that is in force in its place, also where a cut left it beside."""
        kept = vault.load()
        if kept is None:
            raise StoreError("the key store is empty")
        beside = kept.get(NEXT, b"")
        if beside and beside[0] == self._keys.kid:
            kept["kid"], kept["mac_out"], kept["mac_in"] = beside[:1], beside[1 : 1 + _KEY], beside[1 + _KEY :]
            del kept[NEXT]
        return kept

    def _save(self, vault: "Vault", keys: "dict[str, bytes]") -> None:
        try:
            vault.save(keys)
        except StoreError as error:
            if not vault.copies:
                raise
            self._log.error(error, "key store")  # durable all the same: one of its two sectors fails
