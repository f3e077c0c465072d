"""YAML with the line of every value: PyYAML's safe loader, read strictly.

No tags beyond the plain ones, no name twice, no aliases; what looks like a number is one, so that `tid: 00014201`
without quotes is told instead of becoming 6273. Knows no meaning.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import yaml

from tools.device.provision_errors import FileUnfit

_LONGEST = 1 << 20
_DEEPEST = 8
_PLAIN = ("str", "int", "bool", "null", "seq", "map", "float", "timestamp")
_TAG = "tag:yaml.org,2002:"
_UNSEEN = ("Cc", "Cs", "Zl", "Zp")  # control, half a character, line ends; what joins Persian letters is none of these


def read(path: Path) -> yaml.Node:
    """The whole of a file. Raises FileUnfit."""
    try:
        with path.open("rb") as file:
            raw = file.read(_LONGEST + 1)
    except OSError as error:
        raise FileUnfit(f"{path}: {error.strerror or error}", "Check its name.") from None
    if len(raw) > _LONGEST:
        raise FileUnfit(f"{path} is longer than {_LONGEST} bytes")
    try:
        _shallow(path, raw)
        node = yaml.compose(raw, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        if error.problem is not None and "'\\t'" in error.problem:
            raise FileUnfit(f"{path}, line {line}: a tab", "Write spaces in its place.") from None
        raise FileUnfit(f"{path}, line {line}: {error.problem or error.context}") from None
    except (yaml.YAMLError, RecursionError, UnicodeDecodeError):
        raise FileUnfit(f"{path} is no YAML in UTF-8") from None
    if node is None:
        raise FileUnfit(f"{path} is empty")
    _strict(path, node, set())
    return node


def _shallow(path: Path, raw: bytes) -> None:
    """Looked at piece by piece: a pile of brackets costs the parser more with each one. Raises FileUnfit, YAMLError."""
    depth = 0
    for event in yaml.parse(raw, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise FileUnfit(f"{path}, line {event.start_mark.line + 1}: more than {_DEEPEST} levels deep")


def _strict(path: Path, node: yaml.Node, met: set[int]) -> None:
    where = Text(path, "", node)
    if id(node) in met:  # a few lines of aliases stand for more than any memory holds
        raise where.wrong("an alias", "Write it out: anchors and aliases are not used here.")
    met.add(id(node))
    if node.tag.removeprefix(_TAG) not in _PLAIN:
        raise where.wrong(f"{node.tag} is nothing this file may hold")
    if isinstance(node, yaml.SequenceNode):
        for one in node.value:
            _strict(path, one, met)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for name, value in node.value:
            if not isinstance(name, yaml.ScalarNode):
                raise Text(path, "", name).wrong("a name that is no word")
            if name.value in seen:
                raise Text(path, "", name).wrong(f"{name.value} stands twice")
            seen.add(name.value)
            _strict(path, value, met)


class Text:
    """A value and where it stands."""

    def __init__(self, path: Path, name: str, node: yaml.Node) -> None:
        self.path = path
        self.name = name
        self.node = node
        self.line = node.start_mark.line + 1

    def wrong(self, why: str, next_step: str = "") -> FileUnfit:
        """An error that names this line; the value itself may be a secret in the wrong place and is not told."""
        named = f"{self.name}: " if self.name and not why.startswith(self.name) else ""
        return FileUnfit(f"{self.path}, line {self.line}: {named}{why}", next_step)

    def value(self) -> object:
        """The plain value: text, number, true or false, or a list of these."""
        if isinstance(self.node, yaml.SequenceNode):
            return [one.value() for one in self.items()]
        if not isinstance(self.node, yaml.ScalarNode):
            raise self.wrong("a single value is wanted here")
        if any(unicodedata.category(sign) in _UNSEEN for sign in self.node.value):
            raise self.wrong("a control character", "Write it without.")  # no name, file or setting has one
        kind = self.node.tag.removeprefix(_TAG)
        if kind == "int":
            if not re.fullmatch(r"0|-?[1-9][0-9_]{0,18}", self.node.value):
                raise self.wrong("digits with a leading zero are no number", "If it is a text, write it in quotes.")
            return int(self.node.value.replace("_", ""))
        if kind == "bool":
            return self.node.value.lower() in ("true", "yes", "on")
        if kind != "str":
            raise self.wrong("neither text nor whole number", "If it is a text, write it in quotes.")
        return self.node.value

    def counted(self) -> object:
        """The value where numbers are wanted: Persian and Arabic digits without quotes are some, too, which YAML takes
        for a text."""
        if isinstance(self.node, yaml.SequenceNode):
            return [one.counted() for one in self.items()]
        value, node = self.value(), self.node
        plain = isinstance(node, yaml.ScalarNode) and node.style is None
        if plain and isinstance(value, str) and value.isdecimal():
            return Text(self.path, self.name, _as_number(self.node, latin(value))).value()
        return value

    def worded(self) -> object:
        """The value where a text is wanted: digits, yes and no are one only in quotes."""
        value = self.value()
        if isinstance(value, int):
            what = "yes or no" if isinstance(value, bool) else "a number"
            raise self.wrong(f"{what} to YAML, and a text is wanted", f'Write it in quotes: {self.name}: "...".')
        return value

    def items(self) -> list[Text]:
        """Of a list."""
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.wrong("a list is wanted here", "Write it as [a, b].")
        return [Text(self.path, self.name, one) for one in self.node.value]


class Map(Text):
    """Names and values."""

    def __init__(self, path: Path, node: yaml.Node, name: str = "") -> None:
        super().__init__(path, name, node)
        if not isinstance(node, yaml.MappingNode):
            raise self.wrong("names and values are wanted here", "Write it as {name: value} or one a line.")
        self._members = {key.value: (key, value) for key, value in node.value}

    def names(self) -> Iterator[str]:
        """In the file's order."""
        return iter(self._members)

    def only(self, *known: str) -> None:
        """Raises FileUnfit for the first name that is none of these."""
        for name, (key, _) in self._members.items():
            if name not in known:
                raise Text(self.path, "", key).wrong(f"unknown name {name!r}", f"Known here: {', '.join(known)}.")

    def get(self, name: str) -> Text | None:
        """The value, None when there is none."""
        found = self._members.get(name)
        return Text(self.path, name, found[1]) if found is not None else None

    def need(self, name: str) -> Text:
        """The value. Raises FileUnfit when it is missing."""
        found = self.get(name)
        if found is None:
            raise self.wrong(f"{name} is missing", f"Write {name}: ... here.")
        return found

    def map(self, name: str) -> Map:
        """Names and values under this name, empty when it is missing."""
        found = self._members.get(name)
        if found is None:
            return Map(self.path, yaml.MappingNode(_TAG + "map", [], self.node.start_mark, self.node.end_mark), name)
        return Map(self.path, found[1], name)

    def maps(self, name: str) -> list[Map]:
        """A list of names and values."""
        return [Map(self.path, one.node, name) for one in self.need(name).items()]


def latin(text: str) -> str:
    """With the digits 0 to 9 in place of those of other scripts."""
    return "".join(str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in text)


def _as_number(node: yaml.Node, digits: str) -> yaml.ScalarNode:
    return yaml.ScalarNode(_TAG + "int", digits, node.start_mark, node.end_mark)


def text(given: Text, pattern: str, wanted: str) -> str:
    """A text of this form. Raises FileUnfit."""
    value = given.worded()
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise given.wrong(f"not {wanted}")
    return value


def number(given: Text, low: int, high: int) -> int:
    """A whole number in this range. Raises FileUnfit."""
    value = given.counted()
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise given.wrong(f"not a whole number {low}..{high}")
    return value
