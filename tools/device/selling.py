"""What a person is told to do about a terminal that sells: something the command that was given can do."""

from __future__ import annotations

import click

from tools.device.errors import TerminalSells

_ASKED = "Run again with --maintenance when nobody stands at the till."


def left_alone(why: str = "", otherwise: str = "") -> TerminalSells:
    """The refusal of a command that stops no terminal as it was given; `otherwise` is the next step of one that has no
    option for it."""
    context = click.get_current_context(silent=True)
    can_stop = context is not None and any(option.name == "maintenance" for option in context.command.params)
    return TerminalSells(why, _ASKED if can_stop else otherwise)
