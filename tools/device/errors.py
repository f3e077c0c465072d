"""What can go wrong in this tool, each with a code of docs/troubleshooting.md: what, why and what to do next.

Texts never hold a key, a passphrase, a PIN or a whole UID. Exit codes are those of the command line: 3 no card or
device, 4 no answer, 5 refused for safety, 6 transfer or verify failed, 7 right missing, 9 input file.
"""

from __future__ import annotations


class DeviceError(Exception):
    """`code` and `title` are a heading of the troubleshooting page, `next_step` is what a person does now."""

    code = "D00"
    title = ""
    exit_code = 6
    next_step = ""

    def __init__(self, why: str = "", next_step: str = "") -> None:
        super().__init__(why or self.title)
        if next_step:
            self.next_step = next_step

    def __str__(self) -> str:
        why = str(self.args[0])
        text = self.title if why == self.title else f"{self.title}: {why}"
        return f"{text}. {self.next_step} [{self.code}]"


# --- port and terminal --------------------------------------------------------------------------------------------


class PortMissing(DeviceError):
    """No such port, or not ours to open."""

    code, title, exit_code = "D01", "Port cannot be opened", 3
    next_step = "Check the cable and the name of the port; another program may have it open."


class TerminalSells(DeviceError):
    """Nothing is done to a till in use."""

    code, title, exit_code = "D02", "The terminal is selling", 4
    next_step = "Finish or cancel what is on its screen, and run again when nobody stands at the till."


class TerminalSilent(DeviceError):
    """No prompt, or no answer of the relay."""

    code, title, exit_code = "D03", "The terminal does not answer", 4
    next_step = "Switch it off and on, then run again."


class SafeMode(DeviceError):
    """It started, and sells nothing."""

    code, title, exit_code = "F02", "Safe mode", 4
    next_step = "Switch it off and on. When it comes back here, save its journal (`backup`), then `update` or `flash`."


class CableLost(DeviceError):
    """The port was there and is gone."""

    code, title, exit_code = "D04", "The connection was lost", 4
    next_step = "Plug the cable in and run again: cards already done are skipped, a half-done card is finished."


class ReaderFault(DeviceError):
    """The reader chip does not answer."""

    code, title, exit_code = "D05", "The terminal's reader does not answer", 4
    next_step = "See R01 of the troubleshooting page."


class TerminalProgram(DeviceError):
    """The relay ended, or is another version."""

    code, title, exit_code = "D06", "The terminal cannot run the relay", 4
    next_step = "Bring its firmware up to this version."


class PortBusy(DeviceError):
    """Another program has it open."""

    code, title, exit_code = "D07", "The port is in use", 4
    next_step = "Close that program, then run again."


class NoPortRight(DeviceError):
    """The system's rights on the device file."""

    code, title, exit_code = "D08", "You may not use the port", 3
    next_step = "Linux: sudo usermod -aG dialout $USER, then log out and in again."


class NoBoard(DeviceError):
    """Nothing that looks like a terminal, or none of the asked-for name."""

    code, title, exit_code = "D09", "No such terminal is connected", 3
    next_step = (
        "Check the cable (some only charge); Pico W: hold BOOTSEL while plugging in. `list` shows what is there."
    )


class SeveralBoards(DeviceError):
    """Which one is meant is not clear."""

    code, title, exit_code = "D70", "Several terminals are connected", 3
    next_step = "Choose one with --id or --port, or unplug the others."


class WrongState(DeviceError):
    """It answers, but something else than this command needs."""

    code, title, exit_code = "D71", "The terminal is not in the state this needs", 4
    next_step = "`list` shows its state; docs/first-flash.md tells how to get from one to another."


class NotProvisioned(DeviceError):
    """Its program ends at the prompt at every start until it has settings and keys."""

    code, title, exit_code = "K01", "Not provisioned", 4
    next_step = "Run `provision` (docs/provisioning.md). If its files were copied by hand just now, press RESET."


class WrongBoard(DeviceError):
    """Another chip, or too little flash."""

    code, title, exit_code = "D72", "Another board than this is for", 5
    next_step = "See the list of boards in docs/wiring.md; --id and --port choose among several."


class ImageUnfit(DeviceError):
    """The interpreter's file is damaged, of another kind, or would be written where it must not."""

    code, title, exit_code = "D73", "The image cannot be used", 9
    next_step = "Download it again for this board; docs/first-flash.md names the file."


class ImageUnknown(DeviceError):
    """Its hash stands on no list."""

    code, title, exit_code = "D74", "Nobody vouches for this image", 5
    next_step = "Compare its hash with the source you trust, then: images pin FILE."


class PlanUnfit(DeviceError):
    """A piece would lie outside its region, or the store where it is now would be lost."""

    code, title, exit_code = "D75", "The plan does not fit the flash", 5
    next_step = "Flash nothing. `partition --check` compares the layouts; a new table moves the store: export it first."


class ToolFailed(DeviceError):
    """The program that writes the flash, or the drive, gave up."""

    code, title, exit_code = "D76", "Writing the flash failed", 6
    next_step = "Hold BOOT, press RESET, release BOOT, run again: what is already there is not written again."


class NotBack(DeviceError):
    """After a restart nothing answers."""

    code, title, exit_code = "D77", "The board did not come back", 4
    next_step = "Press RESET (not BOOT) or plug it in anew, then run again: what is already there is not written again."


class OtherVersionRuns(DeviceError):
    """All was written, and something else answers."""

    code, title, exit_code = "D78", "Another version runs than was written", 6
    next_step = "Run `verify`; if all files agree, read docs/update.md about the slot that starts."


class FilesDiffer(DeviceError):
    """Read back, it is not what was built."""

    code, title, exit_code = "D79", "The terminal does not hold this build", 6
    next_step = "Run `flash` again; if the same file differs again, the flash is worn out."


class FileNotWritten(DeviceError):
    """On this computer: the name is taken, or its folder takes no file."""

    code, title, exit_code = "D68", "The file cannot be written", 9
    next_step = "Name another file: a new one, in a folder you may write to."


class KeyFileNotWritten(FileNotWritten):
    """A disk that is full, or a folder that is not ours."""

    next_step = "Make room, or name a folder you may write to, and run again: what stood there before still does."


# --- key file -----------------------------------------------------------------------------------------------------


class KeyFileMissing(DeviceError):
    """Not there, not readable, or there when it should not be."""

    code, title, exit_code = "D10", "Key file cannot be used", 9
    next_step = "Check the file's name and who may read it."


class WrongPassphrase(DeviceError):
    """The file is whole and does not open."""

    code, title, exit_code = "D11", "Wrong passphrase", 7
    next_step = "Type it again. Without it nobody can open this file, not even its maker."


class KeyFileDamaged(DeviceError):
    """The file is not whole."""

    code, title, exit_code = "D12", "Key file is damaged", 9
    next_step = "Use a backup copy of the same file; `keys show` tells whether its check values are right."


class KeyFileForeign(DeviceError):
    """Another format, or values out of range."""

    code, title, exit_code = "D13", "Not a key file of this version", 9
    next_step = "Use the version of this tool that made it."


class PassphraseUnfit(DeviceError):
    """Too short, mistyped, or not where it should be."""

    code, title, exit_code = "D14", "Passphrase cannot be used", 7
    next_step = "Choose at least 12 characters and type them twice alike."


# --- cards --------------------------------------------------------------------------------------------------------


class CardError(DeviceError):
    """Of the card in the field."""


class NoCard(CardError):
    """None in time."""

    code, title, exit_code = "D20", "No card", 3
    next_step = "Lay one card flat on the terminal's reader and run again."


class SeveralCards(CardError):
    """More than one answers."""

    code, title, exit_code = "D21", "Several cards lie on the reader", 5
    next_step = "Leave only the one to be written."


class CardGone(CardError):
    """It was there and is not."""

    code, title, exit_code = "D22", "The card moved away", 6
    next_step = "Lay the same card down again: the tool goes on where it stopped."


class CardGarbled(CardError):
    """Broken frames or unexpected refusals."""

    code, title, exit_code = "D23", "The card's answers make no sense", 6
    next_step = "Lay it down again, away from metal; if it repeats, take another card."


class WrongFamily(CardError):
    """Not the kind the wish names."""

    code, title, exit_code = "D24", "Another kind of card than asked for", 5
    next_step = "Take a card of the kind that was asked for, or leave --family out."


class FamilyUnsupported(CardError):
    """No place for a member, or no identity."""

    code, title, exit_code = "D25", "This kind of card cannot be personalised", 5
    next_step = "docs/personalise.md lists the kinds that can."


class ForeignCard(CardError):
    """Not this office's, and not blank."""

    code, title, exit_code = "D26", "Card of another issuer or key version", 5
    next_step = "Take a blank card, or the key file of the version it was written with."


class OtherMember(CardError):
    """A card changes its member only when told to."""

    code, title, exit_code = "D27", "The card is another member's", 5
    next_step = "Take another card. If this one shall change its owner, run again with --reassign."


class ForeignData(CardError):
    """Neither blank nor ours."""

    code, title, exit_code = "D28", "The card carries other data", 5
    next_step = "Take a blank card. If what it carries may be lost, run again with --overwrite."


class CardLocked(CardError):
    """What has to be written cannot be."""

    code, title, exit_code = "D29", "The card is locked", 5
    next_step = "Take another card: what is locked stays locked."


class CardCopyable(CardError):
    """It obeys what no genuine card obeys."""

    code, title, exit_code = "D30", "The card is a copyable imitation", 5
    next_step = "Take a card from a trusted supplier; this one can be made into any other."


class CardDamaged(CardError):
    """It cannot be finished any more."""

    code, title, exit_code = "D31", "The card was damaged while it was written", 5
    next_step = "Destroy it and take a new card; terminals do not trust it."


class VerifyFailed(CardError):
    """Read back, it is not right."""

    code, title, exit_code = "D32", "The card does not hold what was written", 6
    next_step = "Lay it down again; if it repeats, take another card and destroy this one."


class HostMissing(DeviceError):
    """An NTAG 424 DNA carries a URL."""

    code, title, exit_code = "D33", "The URL's host is missing or unfit", 2
    next_step = "Name the programme's host with --url-host, in lower case."


# --- list and report ----------------------------------------------------------------------------------------------


class ListUnfit(DeviceError):
    """Which members is not clear."""

    code, title, exit_code = "D40", "The list of members cannot be used", 9
    next_step = "Correct the line and run again."


class ReportUnfit(DeviceError):
    """What was done could not be noted, or was noted by something else."""

    code, title, exit_code = "D41", "The report cannot be used", 9
    next_step = "Name another file with --report, or make this one writable."
