"""Methods as words that people type: which one is meant, and its result as lines. Loaded for people only. Pure."""

from firmware.core.errors import RpcError
from firmware.service.methods import BAD_PARAMS, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NO_METHOD = -32601


def listed() -> str:
    """For `help`."""
    return "methods, also as words: " + ", ".join(words())


def named(module: "Any", group: str, typed: "list[str]") -> "tuple[str, dict[str, object]]":
    """The method that words mean, and its parameters, which are the words behind its name. Raises RpcError."""
    known, given = getattr(module, "WORDS", {}), typed[1:]
    name = known.get(typed[0], "") if typed[0] == group or typed[0] in known else typed[0]
    if typed[0] == group and given and (given[0] in module.RIGHTS or given[0] in known):
        name, given = known.get(given[0], given[0]), given[1:]
    if name not in module.RIGHTS:
        raise RpcError(_NO_METHOD, "{}: {}".format(group, ", ".join(module.RIGHTS)))
    names = getattr(module, "ARGUMENTS", {}).get(name, "").split()
    if len(given) > len(names) and not names:
        raise RpcError(BAD_PARAMS, "nothing more is expected behind " + name)
    if len(given) > len(names):
        given = given[: len(names) - 1] + [" ".join(given[len(names) - 1 :])]
    params: "dict[str, object]" = {}
    for index, value in enumerate(given):
        params[names[index]] = int(value) if value.isdigit() else value
    return name, params


def lines_of(result: "dict[str, object]") -> "list[str]":
    """A result as a person reads it."""
    lines = []
    for key, value in result.items():
        if isinstance(value, list) and not (value and isinstance(value[0], int)):
            lines += [_flat(entry) for entry in value] if value else ["{} none".format(key)]
        else:
            lines.append("{} {}".format(key, _flat(value)))
    return lines


def _flat(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(["{} {}".format(key, _flat(entry)) for key, entry in value.items()])
    if isinstance(value, (list, tuple)):
        return " ".join([_flat(entry) for entry in value])
    return "-" if value is None or value == "" else str(value)
