"""Why a terminal that was looked for by its program stands at its Python prompt, and what leads from there.

The terminal is asked, changes nothing and stays where it is: a restart helps only one that has its keys.
"""

from __future__ import annotations

from pathlib import Path

from tools.device import provision_on_terminal
from tools.device.errors import DeviceError, NotProvisioned, TerminalProgram
from tools.device.probing import Found
from tools.device.provision_session import SETUP, ProvisioningSession
from tools.device.terminal import prompt

_RESTART = "Restart it: press RESET, or switch it off and on. Then its program runs, and this can be asked."
_FLASH = "It has no program that runs: `flash` it (docs/first-flash.md)."


def way_on(found: Found) -> str:
    """The next step for one at its prompt. Raises NotProvisioned."""
    try:
        session = ProvisioningSession(
            prompt(found.port, Path(provision_on_terminal.__file__), SETUP, maintenance=False)
        )
        try:
            state = session.look()
        finally:
            session.close(restart=False)
    except TerminalProgram as error:
        return _FLASH if str(error.args[0]).startswith("ImportError") else _RESTART
    except DeviceError:
        return _RESTART
    if state.keys == "no":
        raise NotProvisioned(found.name)
    return _RESTART
