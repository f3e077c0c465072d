"""What can go wrong in provisioning, D80 to D89. Texts name files, lines and settings, never a value of a secret."""

from __future__ import annotations

from tools.device.errors import DeviceError


class FileUnfit(DeviceError):
    """The YAML file does not say what to do, or says it wrongly."""

    code, title, exit_code = "D80", "The provisioning file cannot be used", 9
    next_step = "Correct that line; docs/provisioning.md shows a whole file."


class SecretsMissing(DeviceError):
    """A secret the terminal needs is nowhere."""

    code, title, exit_code = "D81", "A secret is missing or unfit", 9
    next_step = "Put it into the secrets file with `secrets set`, or run where it can be asked for."


class PartsRefused(DeviceError):
    """Components that are no key together."""

    code, title, exit_code = "D82", "These parts make no key", 5
    next_step = "Take the two parts from their two envelopes again; both are 32 hexadecimal digits, and they differ."


class NotInFile(DeviceError):
    """Nobody can tell which entry this terminal is."""

    code, title, exit_code = "D83", "The file does not say which terminal this is", 5
    next_step = "Name it with --tid, or write its serial number into the file."


class NotTaken(DeviceError):
    """Written, and yet the terminal says otherwise."""

    code, title, exit_code = "D84", "The terminal did not take what was written", 6
    next_step = "Run again: what is right already stays. If it repeats, read the screen and look its code up."


class OtherMaster(DeviceError):
    """Its store is sealed with another master key."""

    code, title, exit_code = "D85", "The terminal has other keys", 5
    next_step = (
        "Let it send what waits, then `wipe` it, then run again. Or correct the file: perhaps it is another one."
    )


class OtherProgram(DeviceError):
    """The file asks for another program, board or version."""

    code, title, exit_code = "D86", "The terminal has another program than the file asks for", 5
    next_step = "Run `flash` with that version first, or correct `firmware` in the file."


class NotNoted(DeviceError):
    """The ledger or the switch's books do not take it."""

    code, title, exit_code = "D87", "What was done cannot be noted", 9
    next_step = "Name another file with --ledger, or make this one writable."


class BooksRefuse(NotNoted):
    """The switch knows this terminal otherwise, or its books do not open."""

    next_step = (
        "Look at `.venv/bin/python -m tools.bench_switch terminal list`: "
        "number and check values must be those of the file."
    )


class BatchPartly(DeviceError):
    """Some terminals are left."""

    code, title, exit_code = "D88", "Not all terminals are done", 8
    next_step = "Run the same command again: it goes on with the ones that are left."


class DiffersFromFile(DeviceError):
    """Verify found a difference."""

    code, title, exit_code = "D89", "The terminal is not as its file says", 6
    next_step = "Run `provision` with this file, or correct the file when the terminal is right."
