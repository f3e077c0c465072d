"""What is written into one terminal so that it becomes what its entry of the file says, and whether it did.

Works from what the terminal says of itself: equal parts are not written again, keys the switch has renewed since are
left alone, another master key is refused. Every order of interruption is followed by the same plan as before, less what
is done. Asks nobody and shows nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from firmware.service import fingerprint
from firmware.settings import check, declared_keys
from tools.device.provision_errors import NotInFile, OtherMaster, OtherProgram
from tools.device.provision_session import ProvisioningSession, State
from tools.device.secret_store import GROUP, KEYS, SecretStore, key_name, wifi_name
from tools.device.settings_file import written
from tools.device.terminal_file import Entry, Program

FIRST_KID = 1
_OF_SWITCH = ("kid", "mac_out", "mac_in")  # the switch renews these by itself
_ROOT = b"VRK1"


@dataclass(frozen=True)
class Wanted:
    """An entry with its secrets: what the terminal shall be. The keys are as keys.json names them."""

    entry: Entry
    keys: dict[str, str | int] = field(repr=False)
    parts: dict[str, str]

    @property
    def check(self) -> str:
        """What is printed of the keys."""
        return self.parts["tmk"]


@dataclass
class Plan:
    """What is sent. `told` is for people: what differs, and what is left although it differs."""

    files: dict[str, bytes] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    @property
    def nothing(self) -> bool:
        return not self.files and not self.keys

    @property
    def summary(self) -> str:
        return ", ".join([*self.files, *self.keys])


def wanted(entry: Entry, secrets: SecretStore) -> Wanted:
    """Raises SecretsMissing."""
    ssid = str(entry.settings.get("wifi_ssid", ""))
    kid = key_name(entry.tid, "kid")
    keys: dict[str, str | int] = {name: secrets.value(key_name(entry.tid, name)) for name in KEYS}
    keys["kid"] = int(secrets.value(kid)) if secrets.has(kid) else FIRST_KID
    keys[GROUP] = secrets.value(GROUP) if entry.card_key else ""
    keys["wifi_psk"] = secrets.value(wifi_name(ssid)) if ssid else ""
    return Wanted(entry, keys, _parts(entry, keys))


def _parts(entry: Entry, keys: dict[str, str | int]) -> dict[str, str]:
    """As the terminal will tell them, by the terminal's own function."""
    from firmware.service.provisioned import to_bytes

    files: dict[str, bytes | None] = {name: entry.files.get(name) for name in fingerprint.FILES}
    return fingerprint.parts(entry.settings, files, to_bytes(check(declared_keys(), keys)))


def program_fits(program: Program, board: str, version: str) -> None:
    """Raises OtherProgram."""
    if program.board and board and program.board != board:
        raise OtherProgram(f"the file is for {program.board}, this is {board}")
    if program.version and version and program.version != version:
        raise OtherProgram(f"the file wants {program.version}, this is {version}")


def same_terminal(entry: Entry, state: State) -> None:
    """Who it is comes before its keys: another terminal's never fit. Raises NotInFile."""
    if state.keys == "yes" and state.tid and state.tid != entry.tid:
        raise NotInFile(
            f"this is {state.tid}, the file says {entry.tid}", f"Connect {entry.tid}, or name the file of {state.tid}."
        )


def plan(target: Wanted, state: State, *, renew: bool = False) -> Plan:
    """What differs. `renew` also writes MAC keys under another number than the terminal's. Raises OtherMaster."""
    entry, made = target.entry, Plan()
    if state.keys == "yes" and state.parts["tmk"] != target.parts["tmk"]:
        raise OtherMaster(f"check value {state.parts['tmk']}, the file's is {target.parts['tmk']}")
    if state.parts["settings"] != target.parts["settings"]:
        made.files["settings.json"] = written(entry.settings)
    for name, content in entry.files.items():
        if state.parts[name] != target.parts[name]:
            if name == "release-keys.bin" and state.root > _root(content):
                made.told.append(f"release keys of root {state.root} stay: the file has older ones")
            else:
                made.files[name] = content
    fresh = state.keys != "yes"
    renewed = not fresh and state.parts["kid"] != target.parts["kid"] and not renew
    for name in target.keys:
        if fresh or state.parts[name] != target.parts[name] and not (renewed and name in _OF_SWITCH):
            made.keys.append(name)
    if renewed:
        made.told.append(f"MAC keys of number {state.parts['kid']} stay: the switch renewed them")
    return made


def differences(target: Wanted, parts: dict[str, str]) -> list[str]:
    """Names of what is not as the entry says; of the switch's own keys only those under the same number."""
    names = ["settings", *target.entry.files, "tmk", GROUP, "wifi_psk"]
    if parts.get("kid") == target.parts["kid"]:
        names += ["mac_out", "mac_in"]
    return [name for name in names if parts.get(name) != target.parts[name]]


def write(session: ProvisioningSession, target: Wanted, work: Plan, step: Callable[[str], object]) -> None:
    """Send it all, then have it put in place. Raises NotTaken, OtherMaster, CableLost."""
    for name, content in work.files.items():
        step(name)
        session.file(name, content)
    if work.keys:
        step("keys")
        session.keys({name: target.keys[name] for name in work.keys})
    session.commit()


def _root(content: bytes) -> int:
    return int.from_bytes(content[4:6], "big") if content[:4] == _ROOT else 0
