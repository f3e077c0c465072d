"""What provisioning left in /config, taken into raw flash, and given back at each start.

Keys go into the key store and their file is deleted: a file system keeps copies, the key store does not. Settings and
CA stay where they are and are copied beside it, so that a damaged file system stops no shop. No value is ever told.
"""

import json
import os

from micropython import const

from firmware.core.errors import SettingsError, StoreError, StoreSealed
from firmware.core.verify import SIGNATURE
from firmware.service.bad_sectors import JOURNAL, MEMBERS
from firmware.service.coherence import contradiction
from firmware.settings import Secret, Settings, check, check_together, declared_keys, declared_settings, undeclared
from firmware.store.vault import VaultDamaged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from firmware.service.held import InForce
    from firmware.settings import Setting
    from firmware.store.slots import Slots
    from firmware.store.vault import Vault

_PIECE = const(160)  # what one value of the small cells holds
_PIECES_MAX = const(12)
_MASTER = const("tmk")
_SIGNERS = const("config-keys.bin")
_STARTS = const("starts")
_HALT = const("halt")  # see switch.orders
_BELOW = const("below")  # see switch.minimum
_OFFERED = const("next")  # see switch.keychange
_GIVE_UP = const("members.drop")  # see service.given_up
_GAIN = const("gain")  # of the reader, in dB
_CHOICES = const("choices")  # see service.choices
_DAMAGED = const(": damaged")


class MasterKeyChanged(SettingsError):
    """keys.json brings another master key, and the store is sealed with the one the terminal has."""

    code = "K03"


class Start:
    """What a start begins with: `settings`, the pinned CA as DER, the number of this start, lines for the log; the bad
    sectors of journal and members as they were kept; what was loaded from the switch; how many sectors hold the keys,
    of two; whether value is stopped, since when the build is too old, and keys on offer (`orders`); whether the member
    cache is to be forgotten; what the counter chose; the reader's gain in dB, 0 as built; the terminal's own
    certificate and its key."""

    halt = b""
    below = b""
    offered = b""
    give_up_members = False
    choices = b""
    gain = 0
    client: "tuple[bytes, bytes] | None" = None

    def __init__(
        self,
        settings: Settings,
        ca_der: bytes,
        number: int,
        told: "list[str]",
        bad: "tuple[bytes, bytes]",
        in_force: "InForce",
        key_copies: int = 2,
    ) -> None:
        self.settings = settings
        self.ca_der = ca_der
        self.number = number
        self.told = told
        self.bad = bad
        self.in_force = in_force
        self.key_copies = key_copies


class Provisioned:
    """`folder` is where provisioning puts its files."""

    def __init__(self, vault: "Vault", slots: "Slots", folder: str = "/config") -> None:
        self._vault = vault
        self._slots = slots
        self._folder = folder
        self._told: "list[str]" = []
        self._offered = b""

    def open(self) -> None:
        """Open the small values. Those of another board are started anew when the keys come from keys.json: they hold
        copies and counters only. Raises StoreSealed when just they are another board's, VaultDamaged when the keys are,
        too, and there is no keys.json."""
        try:
            self._slots.open()
            return
        except StoreSealed as error:
            sealed = error
        given, trouble = self._given()
        if not trouble:
            check(declared_keys(), given)
        try:
            kept = self._vault.load()
        except VaultDamaged:
            if trouble:
                raise
            kept = None
        if kept is not None:
            raise sealed
        if trouble:
            raise SettingsError(trouble)
        self._slots.start_anew()
        self._told.append("small values were sealed on another board: started anew")

    def load(self) -> Start:
        """Everything a start needs. Raises SettingsError when the terminal is not provisioned, a value is wrong, or a
        file is damaged and was never taken over; StoreError.
        """
        keys, unknown = self._keys()
        plain = self._file("settings.json", _is_json)
        ca_der = self._file("ca.der")
        if plain is None or ca_der is None:
            raise SettingsError("{}: missing or damaged".format("settings.json" if plain is None else "ca.der"))
        given = json.loads(plain)
        of_plain = declared_settings()
        values = check(of_plain, given)
        values.update(keys)
        check_together(values)
        wrong = contradiction(values)
        if wrong:
            raise SettingsError(wrong)
        self._copy_to_cells("settings.json", plain)
        self._copy_to_cells("ca.der", ca_der)
        in_force = self._in_force(values)
        number = int.from_bytes(self._slots.get(_STARTS) or b"", "big") + 1
        self._slots.put(_STARTS, number.to_bytes(4, "big"))
        settings = Settings(values, undeclared(of_plain, given) + unknown)
        bad = (self._slots.get(JOURNAL) or b"", self._slots.get(MEMBERS) or b"")
        if self._vault.copies < 2:
            self._told.append("keys stand in one sector only, the other fails: replace the terminal")
        start = Start(settings, ca_der, number, self._told, bad, in_force, self._vault.copies)
        start.halt = self._slots.get(_HALT) or b""
        start.below = self._slots.get(_BELOW) or b""
        start.offered = self._offered
        start.give_up_members = bool(self._slots.get(_GIVE_UP))
        start.choices = self._slots.get(_CHOICES) or b""
        start.gain = (self._slots.get(_GAIN) or b"\0")[0]
        start.client = self._client(settings.secret_bytes("tmk"))
        return start

    # --- keys ---------------------------------------------------------------------------------------------------------

    def _keys(self) -> "tuple[dict[str, object], list[str]]":
        declared = declared_keys()
        given, trouble = self._given()
        if trouble:
            kept = self._vault.load()
            if kept is None:
                raise SettingsError(trouble)
            self._offered = kept.get(_OFFERED, b"")
            if trouble.endswith(_DAMAGED):
                self._told.append("keys.json is damaged and was not taken: copy it again")
            return check(declared, _from_bytes(declared, kept)), []
        values = check(declared, given)
        wanted = to_bytes(values)
        try:
            kept = self._vault.load()
        except VaultDamaged:
            kept = None  # half a first record, or lost for good: the store tells whether these keys are its own
        if kept is not None and kept.get(_MASTER) != wanted[_MASTER]:
            raise MasterKeyChanged("keys.json has another master key: empty the store first, then start again")
        if kept != wanted:
            self._vault.save(wanted)
            if self._vault.load() != wanted:
                raise SettingsError("keys.json: the key store did not take it")
        os.remove(self._folder + "/keys.json")
        self._told.append("keys taken into the key store, keys.json deleted")
        return values, undeclared(declared, given)

    def _given(self) -> "tuple[Any, str]":
        """What keys.json says, and what is wrong with it."""
        path = self._folder + "/keys.json"
        try:
            with open(path) as file:
                return json.load(file), ""
        except OSError:
            return None, path + ": missing"
        except ValueError:
            return None, path + _DAMAGED

    # --- what was loaded from the switch ------------------------------------------------------------------------------

    def _in_force(self, values: "dict[str, object]") -> "InForce":
        """Put it over the settings. Whose signature counts stands in config-keys.bin; without it nothing does."""
        from firmware.service import builds, floor
        from firmware.service.held import Owner
        from firmware.service.in_force import at_start

        keys = self._file(_SIGNERS) or b""
        if keys and len(keys) in (SIGNATURE, 2 * SIGNATURE):
            self._copy_to_cells(_SIGNERS, keys)
        elif keys:
            self._told.append("{}: one or two keys of {} bytes".format(_SIGNERS, SIGNATURE))
            keys = b""
        owner = Owner(str(values["merchant_id"]), str(values["terminal_id"]), keys)
        found = at_start(self._folder, owner, values, self._told.append)
        try:
            floor.at_start(self._slots, found)
            builds.at_start(self._slots, self._told.append)
        except StoreError as error:
            self._told.append("{} {}: {}".format(error.code, floor.NAME, error))
        return found

    # --- settings and CA ----------------------------------------------------------------------------------------------

    def _file(self, name: str, sound: "Callable[[bytes], bool] | None" = None) -> "bytes | None":
        """A file, or its copy when the file is missing or damaged, or None."""
        try:
            with open(self._folder + "/" + name, "rb") as file:
                raw = file.read()
        except OSError:
            raw = b""
        if raw and (sound is None or sound(raw)):
            return raw
        kept = self._copy(name)
        if kept is not None:
            self._told.append("{} is missing or damaged: its copy is used".format(name))
        return kept

    def _client(self, master: bytes) -> "tuple[bytes, bytes] | None":
        """The certificate to show the switch and its key, which lies there wrapped under the master key."""
        files = [self._file(name) for name in ("client.der", "client.key")]
        certificate, wrapped = files
        if certificate is None or wrapped is None:
            return None
        from firmware.core.keywrap import KeyDamaged, unwrap_padded

        self._copy_to_cells("client.der", certificate)
        self._copy_to_cells("client.key", wrapped)
        try:
            return certificate, unwrap_padded(master, wrapped)
        except KeyDamaged:
            self._told.append("client.key does not open under this terminal's master key: no certificate is shown")
            return None

    def _copy(self, name: str) -> "bytes | None":
        count = self._slots.get(name)
        if not count:
            return None
        pieces = [self._slots.get("{}.{}".format(name, i)) or b"" for i in range(count[0])]
        return b"".join(pieces)

    def _copy_to_cells(self, name: str, raw: bytes) -> None:
        """A cut leaves a mixture: the count is taken away first, and a copy without it is none. What finds no room has
        no copy: that keeps no terminal from selling."""
        if raw == self._copy(name):
            return
        former = (self._slots.get(name) or b"\0")[0]
        self._slots.put(name, b"")
        count = (len(raw) + _PIECE - 1) // _PIECE
        try:
            for i in range(count, former):
                self._slots.put("{}.{}".format(name, i), b"")
            if count > _PIECES_MAX:
                raise StoreError("too long")
            for i in range(count):
                self._slots.put("{}.{}".format(name, i), raw[i * _PIECE : (i + 1) * _PIECE])
            self._slots.put(name, bytes((count,)))
        except StoreError:
            self._told.append("no room for a copy of {}: it stands in the file system only".format(name))


def _is_json(raw: bytes) -> bool:
    try:
        return isinstance(json.loads(raw), dict)
    except ValueError:
        return False


def to_bytes(values: "dict[str, object]") -> "dict[str, bytes]":
    """Keys as the key store holds them."""
    out = {}
    for name, value in values.items():
        plain = value.reveal() if isinstance(value, Secret) else value
        if isinstance(plain, int):
            out[name] = bytes((plain,))
        elif isinstance(plain, str):
            out[name] = plain.encode()
        elif isinstance(plain, bytes):
            out[name] = plain
    return out


def _from_bytes(declared: "tuple[Setting, ...]", kept: "dict[str, bytes]") -> "dict[str, object]":
    """As keys.json would have given them."""
    out: "dict[str, object]" = {}
    for setting in declared:
        raw = kept.get(setting.name)
        if raw is None:
            continue
        if setting.kind == "int":
            out[setting.name] = raw[0]
        else:
            out[setting.name] = raw.hex() if setting.kind == "hex" else raw.decode()
    return out
