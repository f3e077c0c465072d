"""What can go wrong with an update over the cable."""

from __future__ import annotations

from tools.device.errors import DeviceError


class UpdateUnfit(DeviceError):
    """The file on this computer is none."""

    code, title, exit_code = "D95", "Not an update", 9
    next_step = "Take the .vfu of a release, or build one with `make firmware`; compare its SHA-256."


class UpdateRefused(DeviceError):
    """The terminal judged it; its own code says why."""

    code, title, exit_code = "D96", "The terminal refuses the update", 5
    next_step = "Look up the terminal's code on the troubleshooting page; what ran there runs on."


class NoInstaller(DeviceError):
    """What stands at the prompt has no installer."""

    code, title, exit_code = "D97", "Nothing there can install an update", 5
    next_step = "Bring the whole program over with `flash`."


class UpdateDoesNotRun(DeviceError):
    """It is installed, and something else answers."""

    code, title, exit_code = "D98", "The update does not run", 6
    next_step = "Ask `info` and `logs` why; the terminal goes back to the program before by itself."
