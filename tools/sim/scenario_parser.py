"""Reads scenario files: lines into words, words into steps by the usage patterns of the verb table.

Knows the shape of the language only: nothing here runs a step or has heard of a terminal. A usage pattern is what a
person reads in docs/scenarios.md: lower-case words stand for themselves, `a|b` is a choice, UPPER-CASE words are
arguments whose kind their name tells, `[...]` may be left out, `...` repeats the group before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_MAX_INCLUDE_DEPTH = 8


class ScenarioError(Exception):
    """A line that cannot be read or a step that did not hold. The text names file and line."""

    def __init__(self, where: str, text: str) -> None:
        super().__init__(f"{where}: {text}")
        self.where = where
        self.text = text


@dataclass(frozen=True)
class Word:
    """One word of a line; `quoted` tells "ok" from ok."""

    text: str
    quoted: bool = False


@dataclass(frozen=True)
class Step:
    """One line of a scenario, matched: `usage` is the pattern it matched, `args` its arguments in order by name."""

    file: str
    line: int
    text: str
    usage: str
    args: Mapping[str, list[str]] = field(default_factory=dict)
    words: frozenset[str] = frozenset()

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}"

    def all(self, name: str) -> list[str]:
        return self.args.get(name, [])

    def one(self, name: str) -> str:
        return self.args[name][0]

    def opt(self, name: str, default: str = "") -> str:
        return self.args.get(name, [default])[0]

    def number(self, name: str, default: int = 0) -> int:
        return int(self.args[name][0]) if name in self.args else default


_WORD = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|(#.*)|([^\s"#]+))')


def split(line: str, where: str) -> list[Word]:
    """The words of a line without its comment."""
    words: list[Word] = []
    at = 0
    line = line.rstrip()
    while at < len(line):
        found = _WORD.match(line, at)
        if not found:
            raise ScenarioError(where, f"cannot read from here: {line[at:].strip()}")
        at = found.end()
        quoted, comment, plain = found.groups()
        if comment is not None:
            break
        if quoted is not None:
            words.append(Word(re.sub(r"\\(.)", r"\1", quoted), quoted=True))
        else:
            words.append(Word(plain))
    return words


def _is_number(word: Word) -> bool:
    return not word.quoted and bool(re.fullmatch(r"[+-]?\d[\d_]*", word.text))


def _is_plain(word: Word) -> bool:
    return not word.quoted


# Kinds of arguments: the name in a pattern, a test, and what a person should have written.
KINDS: dict[str, tuple[Callable[[Word], bool], str]] = {
    "NAME": (lambda w: not w.quoted and bool(re.fullmatch(r"[a-z][a-z0-9-]*", w.text)), "a name"),
    "MEMBER": (lambda w: not w.quoted and bool(re.fullmatch(r"[a-z][a-z0-9-]*", w.text)), "a member's name"),
    "MS": (_is_number, "milliseconds"),
    "N": (_is_number, "a number"),
    "POINTS": (_is_number, "points"),
    "RC": (lambda w: not w.quoted and bool(re.fullmatch(r"[0-9A-Z]{2}", w.text)), "a response code of two characters"),
    "MTI": (lambda w: not w.quoted and bool(re.fullmatch(r"\d{4}", w.text)), "a message type of four digits"),
    "KEY": (_is_plain, "a key"),
    "KEYS": (_is_plain, "digits and keys"),
    "KIND": (lambda w: not w.quoted and bool(re.fullmatch(r"[a-z][a-z0-9-]*", w.text)), "a kind"),
    "UID": (lambda w: bool(re.fullmatch(r"([0-9A-Fa-f]{2}){4,10}", w.text)), "a UID in hex"),
    "TEXT": (lambda w: w.quoted, "a text in quotes"),
    "NAMED": (
        lambda w: not w.quoted and bool(re.fullmatch(r"\{([a-z][a-z0-9_]*|[A-Z]\d\d)\}", w.text)),
        "{name} of a text",
    ),
    "VALUE": (lambda w: True, "a value"),
    "WANTED": (lambda w: bool(re.fullmatch(r"[a-z_]+=.*", w.text)), "NAME=VALUE"),
    "FILE": (lambda w: True, "a file name"),
    "SETTING": (lambda w: not w.quoted and bool(re.fullmatch(r"[a-z][a-z0-9_]*", w.text)), "the name of a setting"),
}

_PART = re.compile(r"\s*(\[|\]|\.\.\.|(?:(?!\.\.\.)[^\s\[\]])+)")
Node = tuple[str, Any]


def compile_usage(usage: str) -> list[Node]:
    """A usage pattern as nodes: ("word", {choices}), ("arg", NAME), ("opt", nodes), ("many", nodes)."""
    parts = _PART.findall(usage)
    nodes, rest = _nodes(parts)
    if rest:
        raise ValueError(f"stray ] in {usage}")
    return nodes


def _nodes(parts: list[str]) -> tuple[list[Node], list[str]]:
    nodes: list[Node] = []
    while parts:
        part, parts = parts[0], parts[1:]
        if part == "]":
            return nodes, [part, *parts]
        if part == "[":
            inner, parts = _nodes(parts)
            if not parts:
                raise ValueError("missing ]")
            parts = parts[1:]
            nodes.append(("opt", inner))
        elif part == "...":
            kind, inner_node = nodes.pop()
            body = inner_node if kind == "opt" else [(kind, inner_node)]
            nodes.append(("many", body))
        elif part[0].isupper():
            if part not in KINDS:
                raise ValueError(f"unknown kind of argument {part}")
            nodes.append(("arg", part))
        else:
            nodes.append(("word", part.split("|")))
    return nodes, []


Match = tuple[dict[str, list[str]], frozenset[str], int]


def match(nodes: list[Node], words: list[Word], at: int = 0) -> Iterator[Match]:
    """Every way the words from `at` fit the nodes, longest options first."""
    if not nodes:
        yield {}, frozenset(), at
        return
    (kind, what), rest = nodes[0], nodes[1:]
    if kind == "word":
        if at < len(words) and not words[at].quoted and words[at].text in what:
            for args, seen, end in match(rest, words, at + 1):
                yield args, seen | {words[at].text}, end
    elif kind == "arg":
        assert isinstance(what, str)
        if at < len(words) and KINDS[what][0](words[at]):
            for args, seen, end in match(rest, words, at + 1):
                yield {**args, what: [words[at].text, *args.get(what, [])]}, seen, end
    elif kind == "opt":
        yield from match([*what, *rest], words, at)
        yield from match(rest, words, at)
    else:  # many: one or more when it stands for an argument, none or more for an optional group
        body: list[Node] = what
        needed = body[0][0] == "arg"
        yield from match([*body, ("opt", [("many", body)]), *rest], words, at)
        if not needed:
            yield from match(rest, words, at)


def _knows(nodes: list[Node], words: list[Word]) -> bool:
    """Whether the words begin with these fixed ones."""
    return len(nodes) <= len(words) and all(
        kind == "word" and not word.quoted and word.text in what
        for (kind, what), word in zip(nodes, words, strict=False)
    )


class Grammar:
    """The usage patterns a file may use."""

    def __init__(self, usages: list[str]) -> None:
        self._compiled = [(usage, compile_usage(usage)) for usage in usages]

    def step(self, words: list[Word], file: str, line: int, text: str) -> Step:
        """The step a line means."""
        for usage, nodes in self._compiled:
            for args, seen, end in match(nodes, words):
                if end == len(words):
                    return Step(file, line, text, usage, args, seen)
        near = [usage for usage, nodes in self._compiled if words[0].text in nodes[0][1]]
        # Usages that also know the second word are what the writer meant.
        near = [usage for usage, nodes in self._compiled if _knows(nodes[:2], words)] or near
        if near:
            raise ScenarioError(f"{file}:{line}", f"cannot read: {text}; write: " + " | or: ".join(near))
        known = sorted({usage.split()[0] for usage, _ in self._compiled})
        raise ScenarioError(f"{file}:{line}", f"no verb {words[0].text!r}; verbs are: {', '.join(known)}")


def parse(path: Path, grammar: Grammar, depth: int = 0) -> list[Step]:
    """All steps of a file, with the files it includes put in place."""
    if depth > _MAX_INCLUDE_DEPTH:
        raise ScenarioError(str(path), "files include each other without end")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ScenarioError(str(path), f"cannot be read: {error.strerror}") from error
    steps: list[Step] = []
    for number, line in enumerate(lines, 1):
        words = split(line, f"{path}:{number}")
        if not words:
            continue
        step = grammar.step(words, str(path), number, line.split(" #")[0].strip())
        if step.usage.startswith("include "):
            steps += parse(path.parent / step.one("FILE"), grammar, depth + 1)
        else:
            steps.append(step)
    return steps
