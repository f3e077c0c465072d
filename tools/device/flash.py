"""`flash`: interpreter and files onto a board, told beforehand, verified afterwards, done when the new version answers.

The order is: look, refuse what would lose something, save, write, read back, start, ask. Whatever is cut short, the
same command goes on: what agrees by hash is not written again. No chip is ever erased as a whole.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import click

from tools.device import board_seen, flash_chip, flash_plan, flash_store, images, new_file
from tools.device import files as filing
from tools.device.board_seen import Seen
from tools.device.built import built
from tools.device.contact import Contact, contact_options
from tools.device.errors import DeviceError, FilesDiffer, ImageUnfit, OtherVersionRuns, WrongBoard
from tools.device.esptool_run import Esptool
from tools.device.files import Filing, Held
from tools.device.flash_plan import Plan
from tools.device.flash_store import Allowed
from tools.device.images import Image
from tools.device.ports import Drive
from tools.device.probing import Answers, Found
from tools.device.secrets_cli import Declined
from tools.device.terminal import TerminalPrompt, prompt_with

_PIECE_S = 12.0  # a piece with all the erases it may take, the hash of the largest file
_CHANGES = "boot.dat"  # the terminal writes it, too


class Flashing:
    """One board."""

    def __init__(self, contact: Contact, image: Image | None, folder: Path | None, allowed: Allowed) -> None:
        self._contact = contact
        self._folder = folder
        self._wanted = ""  # the version that has to answer at the end
        self._output = contact.output
        self._image = image
        self._allowed = allowed
        self._stopped: Found | None = None  # it sold, and stands at its prompt because of us

    def run(self) -> None:
        """Do it, or with --dry-run tell it."""
        found = self._contact.one(Answers.APPLICATION, Answers.PROMPT, Answers.ROM, Answers.BOOTSEL)
        try:
            self._flash(found)
        except BaseException:
            self._sell_again()
            raise

    def _flash(self, found: Found) -> None:
        found = self._at_rest(found)
        seen: Seen | None = None
        if found.answers is Answers.PROMPT:
            seen = self._seen(found)
        board = seen.board if seen else found.board
        plan = self._plan(board)
        self._show(plan)
        started = time.monotonic()
        told = self._store(found, seen)
        self._output.event("store", text=told)
        self._output.say(told)
        if self._contact.dry_run:
            self._output.event("result", dry_run=True)
            self._output.say("dry run: nothing was written")
            self._sell_again()
            return
        if not self._contact.agreed("Write this?"):
            raise Declined()
        found = self._interpreter(found, seen, plan)
        sent = self._files(found, plan)
        self._started(found, plan, sent, time.monotonic() - started)

    # --- before anything is written ----------------------------------------------------------------------------------

    def _at_rest(self, found: Found) -> Found:
        """A selling terminal is asked first, and only told about in a dry run."""
        if found.answers is not Answers.APPLICATION or self._contact.dry_run:
            return found
        new_file.tried(new_file.unnamed(flash_store.FOLDER))
        self._contact.may_stop(found)
        session = prompt_with(found.port, "pass\n", maintenance=True, stay=True)
        self._stopped = found  # from here on nobody but us has it sell again
        session.close()
        self._stopped = flash_chip.wait_for(self._contact, found, (Answers.PROMPT,))
        return self._stopped

    def _sell_again(self) -> None:
        if self._stopped is not None:
            with contextlib.suppress(DeviceError):
                prompt_with(self._stopped.port, "import machine\n").leave("machine.reset()")
            self._stopped = None

    def _seen(self, found: Found) -> Seen:
        session = prompt_with(found.port, board_seen.program(), stay=True)
        try:
            return board_seen.look(session)
        finally:
            session.close()

    def _plan(self, board: str) -> Plan:
        made = built(self._folder, board)
        self._wanted = made.version
        if self._image is None:
            return Plan(board, "", (), made.files)
        if self._image.board != board:
            raise WrongBoard(f"{self._image.path.name} is for {self._image.board}, connected is {board or 'unknown'}")
        return flash_plan.plan(self._image, made.files)

    def _show(self, plan: Plan) -> None:
        written = {piece.place: piece for piece in plan.pieces}
        rows = []
        for place in flash_plan.places(plan.board):
            piece = written.get(place.name)
            what = f"{len(piece.content)} bytes" if piece else "files" if place.name == "vfs" else "stays"
            rows.append((place.name, f"{place.start:#x}", f"{place.size // 1024} KB", what))
            self._output.event(
                "region",
                region=place.name,
                start=place.start,
                size=place.size,
                write=len(piece.content) if piece else 0,
                sha256=piece.sha256 if piece else "",
            )
        self._output.table(f"{plan.board}: what is written", ("region", "#start", "#size", "write"), rows)
        for name, content in plan.files.items():
            self._output.event("file", file=name, size=len(content), sha256=filing.digest(content))
        total = sum(len(content) for content in plan.files.values())
        self._output.say(f"{len(plan.files)} files, {total // 1024} KB: {', '.join(plan.files)}")

    def _store(self, found: Found, seen: Seen | None) -> str:
        ask = not self._contact.dry_run
        if seen is not None:
            return flash_store.at_prompt(self._contact, found.port, seen, self._allowed, ask=ask)
        if found.answers is Answers.ROM:
            tool = Esptool(found.port)
            chip = flash_chip.s3_chip(tool)
            return flash_store.in_loader(self._contact, tool, chip.serial, self._allowed, ask=ask)
        if found.answers is Answers.BOOTSEL:
            return "store not readable here, not touched"
        unsent = found.hello.get("unsent")
        return (
            "store not counted: it opens still"
            if unsent is None
            else f"{unsent} unsent: stop"
            if unsent
            else "0 unsent"
        )

    # --- writing ----------------------------------------------------------------------------------------------------

    def _interpreter(self, found: Found, seen: Seen | None, plan: Plan) -> Found:
        """The board at the prompt of the plan's interpreter."""
        if self._image is None or (seen is not None and flash_chip.is_there(found.port, seen, plan)):
            if found.answers is not Answers.PROMPT:
                raise ImageUnfit(f"a board in {found.answers.value} needs one", "Name it with --image.")
            self._output.say("interpreter: unchanged")
            return found
        if found.answers is Answers.PROMPT:
            found = flash_chip.to_loader(self._contact, found)
        if found.answers is Answers.ROM:
            flash_chip.write_s3(self._contact, Esptool(found.port), plan)
        else:
            flash_chip.write_pico(self._contact, Drive(Path(found.port), found.detail), self._image)
        back = flash_chip.wait_for(self._contact, found, (Answers.PROMPT, Answers.APPLICATION))
        if back.answers is Answers.APPLICATION:
            back = self._at_rest(back)
        if found.answers is Answers.BOOTSEL:  # only now can anybody count
            told = flash_store.at_prompt(self._contact, back.port, self._seen(back), self._allowed, ask=True)
            self._output.say(told)
        return back

    def _files(self, found: Found, plan: Plan) -> int:
        """How many bytes went over."""
        session = prompt_with(found.port, filing.program(), stay=True, silence_s=_PIECE_S)
        try:
            desk = Filing(session, self._output.progress)
            _room(desk, plan)
            sent = bring(desk, plan.files)
            check_files(desk, plan.files)
        except BaseException:
            session.close()
            raise
        self._output.say(f"verified {len(plan.files)} of {len(plan.files)} files")
        session.leave("import machine; machine.reset()")
        self._stopped = None
        return sent

    def _started(self, found: Found, plan: Plan, sent: int, seconds: float) -> None:
        """Only the running version says that it is done."""
        until = time.monotonic() + self._contact.timeout_s
        while True:  # a program that starts says lines before it answers
            back = flash_chip.wait_for(self._contact, found, (Answers.APPLICATION, Answers.PROMPT))
            running = running_version(back)
            if running or time.monotonic() > until:
                break
        if running != self._wanted:
            raise OtherVersionRuns(f"{running or 'none'} answers, written was {self._wanted}")
        state = "the program runs" if back.answers is Answers.APPLICATION else "at its prompt: provision it"
        self._output.event(
            "result",
            running=running,
            state=back.answers.name.lower(),
            port=back.port,
            sent=sent,
            seconds=round(seconds),
        )
        self._output.say(f"written {sent / 1024:.0f} KB in {seconds:.0f} s")
        self._output.say(f"running {running}, {state}")


def bring(desk: Filing, wanted: dict[str, bytes]) -> int:
    """Every file that is not there yet; how many bytes were sent."""
    found = desk.look(list(wanted))
    return sum(desk.put(name, content, found) for name, content in wanted.items())


def check_files(desk: Filing, wanted: dict[str, bytes]) -> list[str]:
    """The names of those that are as built. Raises FilesDiffer."""
    found = desk.look(list(wanted))
    right = [name for name, content in wanted.items() if found.get(name) == Held(len(content), filing.digest(content))]
    wrong = [name for name in wanted if name not in right and not (name == _CHANGES and name in found)]
    if wrong:
        raise FilesDiffer(", ".join(f"{name} {'is missing' if name not in found else 'differs'}" for name in wrong))
    return right


def _room(desk: Filing, plan: Plan) -> None:
    """The file system must end where the store begins. Raises PlanUnfit."""
    size, _free = desk.space()
    place = next(place for place in flash_plan.places(plan.board) if place.name == "vfs")
    if size != place.size:
        raise flash_plan.PlanUnfit(f"the file system has {size} bytes, its place {place.size}")


def running_version(found: Found) -> str:
    """Of the program that answers; at the prompt, of the one that would."""
    if found.answers is Answers.APPLICATION:
        return found.firmware
    session: TerminalPrompt = prompt_with(found.port, board_seen.program(), afresh=False, stay=True)
    try:
        return board_seen.look(session).program
    finally:
        session.close()


@click.command()
@click.option(
    "--image",
    "image_path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="The interpreter as downloaded (.bin for the S3, .uf2 for the Pico W). Without it only the files are written.",
)
@click.option(
    "--build",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="A folder that `make firmware` wrote, such as build/firmware/s3. Default: built now, keys of development.",
)
@click.option("--discard", default="", metavar="N", help="So many unsent transactions are at stake; or `unreadable`.")
@click.option("--serial", default="", help="The terminal's name, for a store that cannot be counted.")
@contact_options
def flash(contact: Contact, image_path: Path | None, folder: Path | None, discard: str, serial: str) -> None:
    """Put interpreter and program onto a board.

    They are verified, and it is done when the new version answers. A terminal that sells is stopped after a question.
    """
    image = images.checked(image_path, "") if image_path else None
    Flashing(contact, image, folder, Allowed(discard, serial)).run()
