"""What the terminal can be asked over its serial port, one module a group (docs/console.md says each method).

`group.name` is the function `name(rooms, params)` of the module `group`, plain or `async` (`name_` where the language
has that name); what has no group is in `base`. A module tells `RIGHTS = {"name": 0..3}` (what is not in it cannot be
asked), `CHANGES = ("name",)` for what may not be done for a torn line, `ARGUMENTS = {"name": "seq reason"}` for words
that people type behind it, and `WORDS = {"word": "name"}` for words of other names: the group's own name typed alone,
or a second word.
Here: which groups there are, and how a method looks at what it was given.
"""

from firmware.core.errors import RpcError

# `module:word,word`, where words other than the module's name lead to it. One string takes the least of the heap.
GROUPS = (
    "base:hello,ping,status sale balance receipt totals queue mem log clock config rights device:reboot "
    "health reader link flash test"
)
BAD_PARAMS = -32602


def group_of(word: str) -> str:
    """The module a word leads to; "" when there is none."""
    for entry in GROUPS.split():
        name, _, words = entry.partition(":")
        if word == name or word in words.split(","):
            return name
    return ""


def words() -> "list[str]":
    """Every first word."""
    found = []
    for entry in GROUPS.split():
        name, _, others = entry.partition(":")
        found += others.split(",") if others else [name]
    return found


def whole(params: "dict[str, object]", name: str, low: int, high: int, default: "int | None" = None) -> int:
    """An integer within its bounds. Raises RpcError."""
    value = params.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise RpcError(BAD_PARAMS, "{}: a whole number, {} to {}".format(name, low, high))
    return value


def text(params: "dict[str, object]", name: str, longest: int, default: "str | None" = None) -> str:
    """A printable text of 1 to `longest` characters, or the default. Raises RpcError."""
    value = params.get(name)
    if value is None and default is not None:
        return default
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # typed by a person, a text of digits looks like a number
    if not isinstance(value, str) or not 0 < len(value) <= longest or not _printable(value):
        raise RpcError(BAD_PARAMS, "{}: a printable text, 1 to {} characters".format(name, longest))
    return value


def _printable(value: str) -> bool:
    """Neither controls nor halves of a pair: it may come into the log and onto the port."""
    return not [code for code in codes(value) if code < 0x20 or 0x7E < code < 0xA0 or 0xD800 <= code < 0xE000]


def codes(value: str) -> "list[int]":
    """Of each character. Cut out, not iterated over: the interpreter keeps each character that it hands out for good,
    and whoever sends enough different ones fills its table of names (host_tests/terminal/test_table_of_names.py)."""
    return [ord(value[at : at + 1]) for at in range(len(value))]
