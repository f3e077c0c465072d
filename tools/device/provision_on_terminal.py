"""Runs on the terminal at its Python prompt, sent there as text: tells how it is provisioned, and takes what is new.

Files come in pieces beside their place and are put there all at once when everything has come, then the keys go
straight into the key store: in the file system, which keeps copies, they never are. So a cable pulled at any byte
leaves the terminal as it was, and power cut between two of the last steps leaves what the next run sees and finishes.
Says lines `words... sum`; sum is CRC-32 of what stands before it. No value of a setting or key is ever said.
"""

import hashlib
import json
import os
from binascii import a2b_base64, crc32, hexlify

from firmware.core.errors import StoreSealed, VafaError
from firmware.service import fingerprint
from firmware.service.provisioned import to_bytes
from firmware.settings import check, declared_keys
from firmware.store.seal import Sealer
from firmware.store.slots import Slots
from firmware.store.vault import Vault, VaultDamaged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from firmware.board import Board

_NEW = ".come"
_ROOT = b"VRK1"


class Provisioning:
    """`say` takes a line; `folder` holds the files of provisioning."""

    def __init__(self, board: "Board", say: "Callable[[str], object]", folder: str = "/config") -> None:
        self._board = board
        self._say = say
        self._folder = folder
        self._staged: "list[str]" = []
        self._keys: "dict[str, bytes] | None" = None
        sector = bytearray(4096)
        device, own, salt = board.vault_flash(), board.own_key(), board.random_number(32)
        self._vault = Vault(device, Sealer(own, b"", b"vafa-keys"), board.page_only, sector)
        self._slots = Slots(device, Sealer(own, b"", b"vafa-slots"), salt, board.page_only, 2, sector)

    def look(self) -> None:
        """What board this is, which program, and each part of its provisioning."""
        from machine import unique_id

        from firmware.version import VERSION

        self._tell("board {} {} {}".format(self._board.name, hexlify(unique_id()).decode(), VERSION))
        given = self._settings()
        self._tell("terminal {}".format(_word(given.get("terminal_id"))))
        keys, state = self._kept()
        self._tell("keys " + state)
        files = {name: self._read(name) for name in fingerprint.FILES}
        root = files["release-keys.bin"] or b""
        self._tell("root {}".format(int.from_bytes(root[4:6], "big") if root[:4] == _ROOT else 0))
        found = fingerprint.parts(given, files, keys)
        for name in sorted(found):
            self._tell("part {} {}".format(name, found[name] or "-"))

    def begin(self, name: str) -> None:
        """A file comes."""
        try:
            os.mkdir(self._folder)
        except OSError:
            pass  # it is there
        with open(self._path(name), "wb"):
            pass

    def piece(self, name: str, text: bytes) -> None:
        """More of it, in Base64."""
        with open(self._path(name), "ab") as file:
            file.write(a2b_base64(text))

    def end(self, name: str, digest: bytes) -> None:
        """All of it came; `digest` is its SHA-256."""
        with open(self._path(name), "rb") as file:
            whole = hashlib.sha256(file.read()).digest() == digest
        if whole:
            self._staged.append(name)
        self._tell("file {} {}".format(name, "whole" if whole else "damaged"))

    def keys(self, text: str) -> None:
        """Some or all of what keys.json would hold; what it does not name stays. Kept in memory until `commit`."""
        given = json.loads(text)
        kept, state = self._kept()
        declared = [one for one in declared_keys() if state != "yes" or one.name in given]
        keys = dict(kept)
        keys.update(to_bytes(check(tuple(declared), given)))
        self._keys = keys
        self._tell("keys held")

    def wifi(self, name: str, password: str) -> None:
        """Another access point; the other settings and the keys stay as they are and are told to nobody."""
        given = self._settings()
        given["wifi_ssid"] = name
        whole = json.dumps(given).encode()
        self.begin("settings.json")
        with open(self._path("settings.json"), "wb") as file:
            file.write(whole)
        self._staged.append("settings.json")
        self.keys(json.dumps({"wifi_psk": password}))

    def commit(self) -> None:
        """Put everything in its place. Raises nothing for what the PC has to know: it says it."""
        try:
            kept, state = self._kept()
            if self._keys is not None and state == "yes" and kept["tmk"] != self._keys["tmk"]:
                self._tell("refused K03")
                return
            self._small_values(state)
            for name in self._staged:
                os.rename(self._path(name), self._folder + "/" + name)
            if self._keys is not None and kept != self._keys:
                self._vault.save(self._keys)
            self._remove("keys.json")  # an older way's file would count at the next start
            _forget_starts()
        except VafaError as error:
            self._tell("refused " + error.code)
            return
        self._tell("done")

    def _small_values(self, state: str) -> None:
        """Those of another board are begun anew with the keys; a start would refuse them. Raises StoreError."""
        try:
            self._slots.open()
        except StoreSealed:
            if state == "yes" or self._keys is None:
                raise
            self._slots.start_anew()

    def _kept(self) -> "tuple[dict[str, bytes], str]":
        """The keys, and whether there are any: yes, no or damaged."""
        try:
            kept = self._vault.load()
        except VaultDamaged:
            return {}, "damaged"
        return (kept, "yes") if kept is not None else ({}, "no")

    def _settings(self) -> "dict[str, Any]":
        try:
            given = json.loads(self._read("settings.json") or b"{}")
        except ValueError:
            given = {}
        return given if isinstance(given, dict) else {}

    def _read(self, name: str) -> "bytes | None":
        try:
            with open(self._folder + "/" + name, "rb") as file:
                return file.read()
        except OSError:
            return None

    def _path(self, name: str) -> str:
        return self._folder + "/" + name + _NEW

    def _remove(self, name: str) -> None:
        try:
            os.remove(self._folder + "/" + name)
        except OSError:
            pass  # not there, which is what is wanted

    def _tell(self, text: str) -> None:
        self._say("{} {:08x}".format(text, crc32(text.encode())))


def _forget_starts() -> None:
    """Starts without keys, or cut short on a bench, are no fault of the program: three of them end in safe mode."""
    from firmware.service.slots import started_well

    try:
        started_well()
    except OSError:
        pass  # the program that starts tries it again


def _word(value: object) -> str:
    """One that does not break its line."""
    if isinstance(value, str) and value and all(["!" <= char <= "~" for char in value]):
        return value
    return "-"
