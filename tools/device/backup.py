"""`backup`: the journal's raw region and the terminal's files into one checked archive, before anything is touched.

Works at the Python prompt (`--maintenance` asks a selling terminal there): nothing is sold while it is read. What came
is held against the terminal's own SHA-256. Keys never leave: their region and their files are not asked for.
"""

from __future__ import annotations

import binascii
import contextlib
import hashlib
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import click

from firmware.store.frames import FRAMES_AT, is_blank, parse_header
from tools.device import archive as archives
from tools.device import new_file
from tools.device import regions_on_terminal as regions_there
from tools.device import wipe_on_terminal as wipe_there
from tools.device.archive import SECTOR, ArchiveUnfit, Backup, Counts
from tools.device.contact import Contact, contact_options
from tools.device.errors import TerminalSilent
from tools.device.file_names import file_name
from tools.device.probing import Answers, Found
from tools.device.terminal import prompt
from tools.device.wipe import State, Wiper

PROGRAM = Path(wipe_there.__file__)  # counts what waits; the other program comes with the setup
SETUP = (
    "from firmware.board import this_board\nwiping = Wipe(this_board(), print)\nregions = Regions(this_board(), print)"
)
FOLDER = Path("build/backups")
_REGION_MAX = 2 * 1024 * 1024
_FILE_MAX = 256 * 1024
FOLDERS = ("config", "")
# Keys, and who may log in; programs are the release's own.
_KEPT_BACK = re.compile(r"(?:config/)?(?:keys\.json|client\.key|staff\.(?:dat|new)|.*\.(?:vfu|bundle|mpy|py))")


class Session(Protocol):
    """The programs on the terminal: `run` calls a function of theirs and gives the lines it says."""

    def run(self, call: str, heard: Callable[[str], object]) -> None: ...
    def close(self) -> None: ...


def at_prompt(contact: Contact, *, maintenance: bool, also: str = "") -> Session:
    """Both programs, and perhaps another, at the prompt of the terminal that is meant."""
    found = contact.one()
    text = Path(regions_there.__file__).read_text(encoding="utf-8")
    return prompt(found.port, PROGRAM, f"{text}\n{SETUP}\n{also}", maintenance=maintenance)


class Copier:
    """Takes a stopped terminal's regions and files over its prompt."""

    def __init__(self, session: Session, say: Callable[[str], object]) -> None:
        self._session = session
        self._say = say
        self.board = ""
        self.serial = ""
        self.sectors: dict[str, int] = {}

    def about(self) -> None:
        """Board, chip number and the size of each region."""

        def heard(words: list[str]) -> None:
            if words[0] == "board" and len(words) == 3:
                self.board, self.serial = words[1], words[2]
            elif words[0] == "size" and len(words) == 3:
                self.sectors[words[1]] = int(words[2])

        self.run("regions.about()", heard)
        if not self.board or not self.sectors:
            raise TerminalSilent("it did not say what it is")

    def run(self, call: str, heard: Callable[[list[str]], object]) -> None:
        """A call over there; `heard` gets the words of each line whose sum fits."""

        def checked(line: str) -> None:
            text, _, crc = line.strip().rpartition(" ")
            with contextlib.suppress(ValueError):
                if binascii.crc32(text.encode()) == int(crc, 16):
                    heard(text.split(" "))

        self._session.run(call, checked)

    def region(self, name: str) -> tuple[bytes, int]:
        """Its bytes, and how many places could not be read. Raises ArchiveUnfit when they are not what lies there."""
        size = self.sectors[name] * SECTOR
        if not 0 < size <= _REGION_MAX:
            raise ArchiveUnfit(f"region {name} is said to have {size} bytes")
        taking = _Taking(bytearray(b"\xff" * size))
        told = -1

        def heard(words: list[str]) -> None:
            nonlocal told
            if words[0] == "piece" and len(words) == 5 and words[1] == name:
                taking.put(int(words[2]) * SECTOR + int(words[3]), words[4])
                done = int(words[2]) * 100 // self.sectors[name] // 20
                if done > told:
                    told = done
                    self._say(f"{name}: {done * 20} %")
            elif words[0] == "over" and len(words) == 5:
                taking.end(words[3], int(words[4]))

        self.run(f"regions.send({name!r})", heard)
        return taking.content(name)

    def files(self) -> dict[str, bytes]:
        """Those that hold no key."""
        listed: list[tuple[str, int]] = []

        def heard(words: list[str]) -> None:
            if words[0] == "entry" and len(words) == 3:
                listed.append((words[1], int(words[2])))

        for folder in FOLDERS:
            self.run(f"regions.files({folder!r})", heard)
        wanted = [(name, size) for name, size in listed if not _KEPT_BACK.fullmatch(name) and size <= _FILE_MAX]
        return {name: self._file(name, size) for name, size in wanted}

    def _file(self, name: str, size: int) -> bytes:
        taking = _Taking(bytearray(size))

        def heard(words: list[str]) -> None:
            if words[0] == "bytes" and len(words) == 4:
                taking.put(int(words[2]), words[3])
            elif words[0] == "over" and len(words) == 5:
                taking.end(words[3], 0)

        self.run(f"regions.file({name!r})", heard)
        return taking.content(name)[0]


class _Taking:
    """Pieces put together, and the sum they must have."""

    def __init__(self, room: bytearray) -> None:
        self._room = room
        self._sum = ""
        self._unread = 0

    def put(self, at: int, text: str) -> None:
        raw = binascii.a2b_base64(text)
        if at + len(raw) <= len(self._room):
            self._room[at : at + len(raw)] = raw

    def end(self, digest: str, unread: int) -> None:
        self._sum, self._unread = digest, unread

    def content(self, name: str) -> tuple[bytes, int]:
        if not self._sum:
            raise TerminalSilent(f"it did not send all of {name}")
        if hashlib.sha256(self._room).hexdigest() != self._sum:
            raise ArchiveUnfit(f"what came of {name} is not what lies there", "Look at the cable and run again.")
        return bytes(self._room), self._unread


def counts_of(state: State, raw: bytes, unread: int) -> Counts:
    """What a wipe counted, as an archive keeps it. What is settled is counted nowhere: whether there ever was anything,
    only the region tells."""
    empty = not unread and never_held(raw)
    return Counts(state.waiting, state.unanswered, state.dead, state.high, state.gaps, state.code, empty)


def never_held(raw: bytes) -> bool:
    """Whether no record ever stood in this region: it is blank but for the header of its first generation."""
    for at in range(0, len(raw), SECTOR):
        sector = raw[at : at + SECTOR]
        header = parse_header(sector)
        first = is_blank(sector, 0, FRAMES_AT) or (header is not None and header.generation == 1)
        if not first or not is_blank(sector, FRAMES_AT, SECTOR):
            return False
    return True


def taken(session: Session, say: Callable[[str], object], now_utc: int) -> Backup:
    """The backup of the terminal at this prompt."""
    # Read before anything is counted: opening a journal may mend its newest record.
    copier = Copier(session, say)
    copier.about()
    raw, unread = copier.region("txlog")
    files = copier.files()
    state = Wiper(session, say).look()
    return Backup(
        state.name,
        copier.serial,
        copier.board,
        now_utc,
        counts_of(state, raw, unread),
        {"txlog": raw},
        files,
        {"txlog": unread},
    )


@click.command()
@click.option(
    "--maintenance", is_flag=True, help="Stop a terminal that sells, after a question; it restarts at the end."
)
@click.option(
    "--to",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="The archive, a new file. [default: build/backups/TERMINAL-TIME.zip]",
)
@contact_options
def backup(contact: Contact, maintenance: bool, path: Path | None) -> None:
    """Save a terminal's journal and files into one archive.

    Its keys are not in it. A terminal that sells is stopped only with --maintenance, after a question.
    """
    found = contact.one(Answers.APPLICATION, Answers.PROMPT)
    if contact.dry_run:
        _told_beforehand(contact, found, path)
        return
    new_file.tried(path or new_file.unnamed(FOLDER))
    if maintenance:
        contact.may_stop(found, ", save its journal, and have it sell again")
    session = at_prompt(contact, maintenance=maintenance)
    try:
        now = int(time.time())
        made = taken(session, contact.output.say, now)
    finally:
        session.close()
    target = path or default_path(made)
    archives.write(target, made)
    told(contact, made, target)
    if not made.whole:
        raise ArchiveUnfit(
            f"{sum(made.unread.values())} places of the flash could not be read; the rest is in {target}",
            "Keep the file and the terminal; what those places held is not in it.",
        )


def _told_beforehand(contact: Contact, found: Found, path: Path | None) -> None:
    where = str(path) if path else "a new file in build/backups"
    if found.answers is Answers.APPLICATION:
        contact.told_only(found, f"with --maintenance it would be stopped, its journal and files saved in {where}")
        return
    session = at_prompt(contact, maintenance=False)
    try:
        copier = Copier(session, contact.output.say)
        copier.about()
    finally:
        session.close()
    contact.output.event("result", dry_run=True, serial=copier.serial, sectors=copier.sectors)
    contact.output.say(f"dry run: {copier.sectors['txlog'] * SECTOR // 1024} KB of journal and the files, into {where}")


def default_path(made: Backup) -> Path:
    """By terminal and time."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(made.taken_utc))
    return FOLDER / f"{file_name(made.terminal or made.serial)}-{stamp}.zip"


def told(contact: Contact, made: Backup, target: Path) -> None:
    """For people and programs."""
    counts = made.counts
    contact.output.event(
        "result",
        file=str(target),
        terminal=made.terminal,
        serial=made.serial,
        unsettled=counts.unsettled,
        code=counts.code,
        sha256={name: archives.digest(raw) for name, raw in made.regions.items()},
    )
    said = f"does not open ({counts.code})" if counts.code else f"holds {counts.unsettled} not settled with the switch"
    contact.output.say(f"terminal {made.terminal or made.serial}: its journal {said}")
    contact.output.say(f"saved in {target}: {', '.join([*made.regions, *made.files])}")
    contact.output.say(
        "It is sealed with the terminal's master key, which is not in it. Keep it like the shop's books."
    )
