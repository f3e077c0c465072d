"""The configuration as it counts now, without a secret, and a few digits that tell whether it is what was ordered.

Both are asked only while nobody is at the till: they load the table of settings, or open the key store. What the digits
are made of: firmware/service/fingerprint.py.
"""

import asyncio
import json

from micropython import const

from firmware.core.errors import RpcError
from firmware.service import fingerprint as made

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RIGHTS = {"get": 2, "fingerprint": 0}
WORDS = {"config": "get"}
_FOLDER = const("/config/")
_BUSY = const(1001)
_NOT_PROVISIONED = const(1007)


async def get(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """Right 2. Declared settings alone: what stands in the file by mistake is not told, it may be a secret."""
    _need_calm(rooms)
    given = _settings()
    from firmware.settings import declared_settings

    await asyncio.sleep_ms(0)
    values = {}
    for setting in declared_settings():
        if setting.name in given:
            values[setting.name] = given[setting.name]
    values.update(rooms.in_force.now)
    return {"settings": values, "loaded": rooms.in_force.held[1:]}


async def fingerprint(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """Parts by name, and `whole`."""
    _need_calm(rooms)
    given = _settings()
    files = {}
    for name in made.FILES:
        files[name] = _raw(name)
        await asyncio.sleep_ms(0)
    _need_calm(rooms)  # the key store is read through a buffer of the stores
    from firmware.store.seal import Sealer
    from firmware.store.vault import Vault

    board = rooms.board
    vault = Vault(board.vault_flash(), Sealer(board.own_key(), b"", b"vafa-keys"), board.page_only, rooms.sector)
    keys = vault.load()
    if keys is None:
        raise RpcError(_NOT_PROVISIONED)
    await asyncio.sleep_ms(0)
    found: "dict[str, object]" = {}
    found.update(made.parts(given, files, keys))
    return found


def _need_calm(rooms: "Any") -> None:
    if not rooms.calm():
        raise RpcError(_BUSY, "the till is in use", retry_ms=1000)


def _settings() -> "Any":
    raw = _raw("settings.json")
    try:
        given = json.loads(raw) if raw else None
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise RpcError(_NOT_PROVISIONED, "settings.json is missing or damaged")
    return given


def _raw(name: str) -> "bytes | None":
    try:
        with open(_FOLDER + name, "rb") as file:
            return file.read()
    except OSError:
        return None
