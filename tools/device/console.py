"""`console`: the terminal's words with line editing, history and completion; its log lines appear above the line.

Words go out as they are typed; the terminal's own `help` says which there are. What opens a right, names a card or may
be a secret is not kept in the history. With words behind the command, or lines on standard input that is no keyboard,
it sends those, prints the answers and ends, with the exit code of what was refused.
"""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.patch_stdout import patch_stdout

from tools.device.contact import Contact, contact_options
from tools.device.errors import CableLost
from tools.device.probing import Answers, opened
from tools.rpc.client import Line

if TYPE_CHECKING:
    from prompt_toolkit.input import Input
    from prompt_toolkit.output import Output as Screen

HISTORY = Path("~/.local/state/vafa/console-history")
_ANSWER_S = 1.0
_HELP_S = 1.5
_LEAST = ("help", "status", "log", "export", "maintenance", "right", "answer", "letters")
_PRIVATE_WORDS = ("answer", "forget", "zeroise", "right", "rights", "clock")
# Seconds, code and text: a line of the log, which comes when something happens and answers nothing; but what needs a
# right and got none is told by the log alone.
_LOGGED = re.compile(r"\d+ ([A-Z]\d\d) (\w+)")
_REFUSED = re.compile(r"(-?\d{4,5}|[A-Z]\d\d) ")
_UNTOLD = ("log",)  # a word that is answered by lines which look like others
_BUSY, _UNKNOWN = ("busy: ", "not now: "), "unknown command"
_RIGHTS = ("K04", "K05", "K06", "K07", "1002", "1003")
_USAGE = ("-32601", "-32602")
_EXPORTED = re.compile(r"J[0-9a-f]+ ")
_ENDED = re.compile(r"J[0-9a-f]+ (end|stopped) |export stopped")
_REST_S = 0.3  # longer than between two lines of one answer
_PRIVATE = re.compile(r"[0-9A-Fa-f]{6,}|[{}\"]")  # digits that open something, UIDs, requests


def private(words: str) -> bool:
    """Whether a line is not to be kept."""
    first = words.split(maxsplit=1)[0] if words.split() else ""
    return first in _PRIVATE_WORDS or bool(_PRIVATE.search(words))


class Discreet(History):
    """Another history without what is private."""

    def __init__(self, inner: History) -> None:
        super().__init__()
        self._inner = inner

    def load_history_strings(self) -> Iterable[str]:
        """Newest first."""
        return self._inner.load_history_strings()

    def store_string(self, string: str) -> None:
        """Keep it, or not."""
        if not private(string):
            self._inner.store_string(string)

    def append_string(self, string: str) -> None:
        """Nor does the arrow bring a private line back while this session lasts."""
        if not private(string):
            super().append_string(string)


def kept_history(path: Path = HISTORY) -> History:
    """In a file of this user alone; in memory where none can be written."""
    path = path.expanduser()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
    except OSError:
        return Discreet(InMemoryHistory())
    return Discreet(FileHistory(str(path)))


def words_of(lines: Iterable[str]) -> list[str]:
    """What `help` lists: words between commas, without what stands behind them in brackets."""
    found: set[str] = set(_LEAST)
    for line in lines:
        for part in line.partition(": ")[2].split(",") if ": " in line else line.split(","):
            word = part.split("[")[0].strip()
            if re.fullmatch(r"[a-z_]+", word):
                found.add(word)
    return sorted(found)


class Shell:
    """One terminal and one person."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._failed = ""

    def listen(self) -> None:
        """Print what the terminal says until the person leaves or the cable does."""
        try:
            while not self._over.is_set():
                with self._lock:
                    self._line.wait(0.05)
                    said = self._line.said()
                for text in said:
                    print(text, flush=True)
        except OSError as error:
            self._failed = str(error.strerror or error)

    def run(self, history: History, given: Input | None = None, screen: Screen | None = None) -> None:
        """Until Ctrl-D. Raises CableLost."""
        with self._lock:
            words = words_of(self._line.type("help", _HELP_S))
        session: PromptSession[str] = PromptSession(
            "vafa> ", history=history, completer=WordCompleter(words), input=given, output=screen
        )
        listener = threading.Thread(target=self.listen, daemon=True)
        with patch_stdout(raw=True):
            listener.start()
            try:
                while not self._failed:
                    typed = session.prompt().strip()
                    if typed:
                        with self._lock:
                            self._line.send(typed)
            except (EOFError, KeyboardInterrupt):
                pass
            finally:
                self._over.set()
                listener.join(1)
        if self._failed:
            raise CableLost(self._failed)


def refusal(first: str, lines: list[str]) -> int:
    """The exit code of an answer to this first word: 0 when it is no refusal, else as docs/support.md lists them."""
    logged = [found for found in map(_LOGGED.match, lines) if found]
    told = [line for line in lines if not _LOGGED.match(line)]
    codes = [found[1] for found in logged if found[2] == first and found[1] != "I00"]
    if len(told) == 1:
        if told[0].startswith(_UNKNOWN):
            return 2
        found = _REFUSED.match(told[0])
        codes += [found[1]] if found else ["1001"] * told[0].startswith(_BUSY)
    if not codes:
        return 0
    return 7 if codes[0] in _RIGHTS else 2 if codes[0] in _USAGE else 4


def _unanswered(first: str, lines: list[str]) -> bool:
    if first == "export":
        return not refusal(first, lines) and not any(map(_ENDED.match, lines))
    return first not in _UNTOLD and not refusal(first, lines) and all(map(_LOGGED.match, lines))


def _torn(first: str, lines: list[str]) -> bool:
    """Whether an export ended otherwise than whole."""
    ends = [found for found in map(_ENDED.match, lines) if found]
    return first == "export" and not refusal(first, lines) and not (ends and ends[0][1] == "end")


def _shown(contact: Contact, line: Line, told: list[str]) -> list[str]:
    """Show what has come and put it to what was told."""
    came = line.said()
    for text in came:
        if contact.output.as_json:
            contact.output.event("line", text=text)
        else:
            click.echo(text)
    told += came
    return came


def _sent(contact: Contact, line: Line, words: str, seconds: float) -> int:
    """Type words and show what comes until they are answered as a whole; the exit code. Raises CableLost."""
    first, _, _ = words.partition(" ")
    told: list[str] = []
    patience = max(contact.timeout_s, seconds)
    end = time.monotonic() + patience
    came: list[str] = []
    try:
        line.said()
        line.send(words)
        line.wait(_REST_S if first == "export" else seconds)  # more lines of one would come than are kept
        # What a person has to look at is answered when they have; an export ends with its last line, minutes later.
        while ((came := _shown(contact, line, told)) or _unanswered(first, told)) and time.monotonic() < end:
            if first == "export" and any(map(_EXPORTED.match, came)):
                end = time.monotonic() + patience
            line.wait(_REST_S)
    except OSError as error:
        _shown(contact, line, told)
        if _unanswered(first, told):  # else it said that it restarts
            raise CableLost(str(error.strerror or error)) from None
    if _torn(first, told) or (first in _UNTOLD and came):
        contact.output.say(f"`{words}` did not come to its end: what came is not whole")
        return 4
    if _unanswered(first, told):
        contact.output.say(f"no answer to `{words}` yet; it may still go on: the terminal shows its end")
        return 4
    return refusal(first, told)


@click.command()
@click.argument("words", nargs=-1)
@click.option("--wait", "wait_s", type=float, default=_ANSWER_S, show_default=True, help="Seconds to listen at least.")
@contact_options
def console(contact: Contact, words: tuple[str, ...], wait_s: float) -> None:
    """Type a running terminal's words.

    `help` lists them, Ctrl-D leaves. The terminal goes on selling. With WORDS it types those and waits for their
    answer, at most --timeout, and for the end of an `export` while its lines come; exit code 2: unknown words, 4: not
    now, no answer or half of one, 7: a right is missing.
    """
    found = contact.one()
    if found.answers is Answers.PROMPT:
        contact.output.say(f"{found.name} is at its Python prompt: use repl, or restart it")
        raise SystemExit(5)
    with Line(opened(found.port, read_s=0)) as line:
        if words or not sys.stdin.isatty():
            given = [" ".join(words)] if words else map(str.strip, sys.stdin)
            codes = [_sent(contact, line, typed, wait_s) for typed in given if typed]
            sys.exit(next(filter(None, codes), 0))
        contact.output.say(f"{found.name}: help lists the words, Tab completes them, Ctrl-D leaves")
        Shell(line).run(kept_history())
