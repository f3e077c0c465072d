"""What a terminal is provisioned with, in a few digits that tell none of it: docs/console.md, `config.fingerprint`.

Settings and files by the first bytes of their SHA-256; keys by the check value everybody uses (CMAC over a zero block,
three bytes); the Wi-Fi password by a CMAC under this terminal's master key, because a bare hash of a word a person
chose is guessed in an afternoon. The PC computes the same from a provisioning file: equal parts need no second
writing. Pure: whoever asks has read the files and the key store.
"""

import hashlib
from binascii import hexlify

from micropython import const

from firmware.core.cmac import Cmac

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FILES = ("ca.der", "config-keys.bin", "release-keys.bin")
KEYS = ("tmk", "mac_out", "mac_in", "card_group")
_SHORT = const(8)  # bytes of a hash: told apart, not sealed
_CHECK = const(3)
_WIFI = const(b"vafa-wifi\x00")


def settings_part(given: "dict[str, Any]") -> str:
    """Of settings.json as it was given, whatever the order of its names. A default that is not written down is not
    part of it: so the same file reads the same in a newer program."""
    digest = hashlib.sha256()
    for name in sorted(given):
        digest.update((name + "=" + _plain(given[name]) + "\n").encode())
    return _short(digest.digest())


def file_part(raw: "bytes | None") -> str:
    """Of a file beside the settings; empty when there is none."""
    return _short(hashlib.sha256(raw).digest()) if raw else ""


def key_parts(keys: "dict[str, bytes]") -> "dict[str, str]":
    """Check values by name, empty for what there is none of; `keys` as the key store holds them."""
    parts = {name: check_value(keys.get(name) or b"") for name in KEYS}
    parts["kid"] = str((keys.get("kid") or b"\x00")[0])
    master, password = keys.get("tmk"), keys.get("wifi_psk")
    parts["wifi_psk"] = _digits(Cmac(master).tag(_WIFI + password)) if master and password else ""
    return parts


def check_value(key: bytes) -> str:
    """The first three bytes of CMAC(key, sixteen zeros), as six digits; empty for no key."""
    return _digits(Cmac(key).tag(bytes(16))) if key else ""


def parts(given: "dict[str, Any]", files: "dict[str, bytes | None]", keys: "dict[str, bytes]") -> "dict[str, str]":
    """Everything by name: `settings`, each of FILES, each of KEYS, `kid`, `wifi_psk`; and `whole`, one for all."""
    found = {"settings": settings_part(given)}
    for name in FILES:
        found[name] = file_part(files.get(name))
    found.update(key_parts(keys))
    found["whole"] = whole(found)
    return found


def whole(found: "dict[str, str]") -> str:
    """One for all the parts."""
    text = "\n".join([name + "=" + found[name] for name in sorted(found) if name != "whole"])
    return _short(hashlib.sha256(text.encode()).digest())


def _plain(value: "Any") -> str:
    """One spelling for each value of JSON: the two sides' own encoders differ in blanks and escapes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return "{}:{}".format(len(value), value)
    if isinstance(value, (list, tuple)):
        return "[" + ",".join([_plain(one) for one in value]) + "]"
    return "?"  # nothing that a setting may be


def _short(digest: bytes) -> str:
    return hexlify(digest[:_SHORT]).decode()


def _digits(tag: bytes) -> str:
    return hexlify(tag[:_CHECK]).decode().upper()
