"""Who signed the programs that lie on a terminal, by its own release keys or by those on this computer.

Judges as the terminal does when a slot is filled (firmware/service/manifest.py); changes nothing. What the terminal
keeps beside a program proves little to somebody who could write both: release keys on this computer settle that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from firmware.service import manifest
from tools.device.errors import DeviceError, FilesDiffer
from tools.device.files import Filing, Held
from tools.device.update_errors import UpdateUnfit

PROGRAMS = ("slot_a.vfu", "slot_b.vfu", "safe.vfu")
RELEASE_KEYS = "config/release-keys.bin"
_MEND = "Run `flash` again with a signed build; are the keys others', see docs/update.md."


class ProgramUnsigned(DeviceError):
    """Two release keys did not sign it: nobody answers for what it does."""

    code, title, exit_code = "U20", "Program unsigned", 6
    next_step = _MEND


class ProgramDamaged(DeviceError):
    """Its head or its content is not what was signed."""

    code, title, exit_code = "U21", "Program damaged", 6
    next_step = "Run `flash` again; in a slot that does not run, an update may have been cut short: send it again."


class ProgramUnfit(DeviceError):
    """Signed, for something else."""

    code, title, exit_code = "U22", "Program unfit", 6
    next_step = _MEND


class KeysDamaged(DeviceError):
    """The terminal takes no update with what lies there."""

    code, title, exit_code = "U27", "Keys not changed", 6
    next_step = "Name the right file as `release_keys` in the YAML file and run `provision`."


_ERRORS: dict[str, type[DeviceError]] = {
    kind.code: kind for kind in (ProgramUnsigned, ProgramDamaged, ProgramUnfit, KeysDamaged)
}


@dataclass(frozen=True)
class Verdict:
    """On one program. `code` says what is wrong; with none it is signed, or nobody could judge."""

    text: str
    code: str = ""
    signed: bool = False
    runs: bool = False


def keys_of(path: Path) -> bytes:
    """A root file of this computer. Raises UpdateUnfit."""
    raw = path.read_bytes()
    try:
        manifest.root_of(raw)
    except manifest.UpdateRefused as error:
        raise UpdateUnfit(f"{path.name}: {error}", "Name the root file the releases are signed under.") from None
    return raw


def verdicts(desk: Filing, there: dict[str, Held], board: str, slot: str, keys: bytes | None) -> dict[str, Verdict]:
    """Program file -> verdict. `there` are files that were seen already, `keys` a root file of this computer.

    Raises FilesDiffer for other release keys on the terminal than on this computer.
    """
    kept = desk.head(RELEASE_KEYS, manifest.ROOT_BODY)
    held = kept[0] if kept else None
    if keys is not None and held is not None and held != keys[: manifest.ROOT_BODY]:
        raise FilesDiffer(f"{RELEASE_KEYS} is not what lies here", "Which of the two is right? docs/update.md.")
    running = f"slot_{slot}.vfu"
    found: dict[str, Verdict] = {}
    for name in PROGRAMS:
        head = desk.head(name, manifest.HEAD)
        if head is not None:
            found[name] = _judged(keys or held, board, *head)
        elif name in there or name == running:
            found[name] = Verdict("shorter than a head", manifest.DAMAGED)
    if running in found:
        found[running] = replace(found[running], runs=True)
    return found


def refuse(found: dict[str, Verdict]) -> None:
    """Raises what is wrong with them, the program that runs first."""
    wrong = sorted(((name, one) for name, one in found.items() if one.code), key=lambda pair: not pair[1].runs)
    if wrong:
        text = ", ".join(f"{name}{' (runs)' if one.runs else ''}: {one.code} {one.text}" for name, one in wrong)
        raise _ERRORS[wrong[0][1].code](text)


def _judged(keys: bytes | None, board: str, head: bytes, rest: Held) -> Verdict:
    if keys is None:
        return Verdict("not checked: the terminal has no release keys (K29)")
    try:
        root = manifest.root_of(keys)
    except manifest.UpdateRefused:
        return Verdict("not checked: its release keys are damaged", manifest.ROOT)
    try:
        said = manifest.opened(head, root)
    except manifest.UpdateRefused as error:
        return Verdict(_other_root(head, root) or str(error), error.code)
    if (said.size, said.digest.hex()) != (rest.size, rest.sha256):
        return Verdict("its content is not what was signed", manifest.DAMAGED)
    if said.board.decode() != board or said.channel != root.channel:
        return Verdict(f"for {said.board.decode()} of {said.channel.decode()}", manifest.FOREIGN)
    return Verdict(f"version {said.version}, build {said.build}, by two release keys", signed=True)


def _other_root(head: bytes, root: manifest.Root) -> str:
    """After a change of the keys what was installed before is still signed by the former ones."""
    try:
        said = manifest.parsed(manifest.inside(head)[0])
    except manifest.UpdateRefused:
        return ""
    return f"it names root {said.root}, the keys are root {root.version}" if said.root != root.version else ""
