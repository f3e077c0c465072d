"""`console`: the terminal's words with line editing, history and completion; its log lines appear above the line.

Words go out as they are typed; the terminal's own `help` says which there are. What opens a right, names a card or may
be a secret is not kept in the history. With words behind the command, or lines on standard input that is no keyboard,
it sends those, prints the answers and ends.
"""

from __future__ import annotations

import re
import sys
import threading
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


def _sent(contact: Contact, line: Line, words: str, seconds: float) -> None:
    for text in line.type(words, seconds):
        if contact.output.as_json:
            contact.output.event("line", text=text)
        else:
            click.echo(text)


@click.command()
@click.argument("words", nargs=-1)
@click.option("--wait", "wait_s", type=float, default=_ANSWER_S, show_default=True, help="Seconds for an answer.")
@contact_options
def console(contact: Contact, words: tuple[str, ...], wait_s: float) -> None:
    """Type a running terminal's words.

    `help` lists them, Ctrl-D leaves. The terminal goes on selling.
    """
    found = contact.one()
    if found.answers is Answers.PROMPT:
        contact.output.say(f"{found.name} is at its Python prompt: use repl, or restart it")
        raise SystemExit(5)
    with Line(opened(found.port, read_s=0)) as line:
        if words:
            _sent(contact, line, " ".join(words), wait_s)
        elif not sys.stdin.isatty():
            for typed in sys.stdin:
                _sent(contact, line, typed.strip(), wait_s)
        else:
            contact.output.say(f"{found.name}: help lists the words, Tab completes them, Ctrl-D leaves")
            Shell(line).run(kept_history())
