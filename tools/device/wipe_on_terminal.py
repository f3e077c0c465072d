"""Runs on the terminal at its Python prompt, sent there as text: tells what a wipe would lose, saves, and wipes.

Says lines `words... sum`; sum is CRC-32 of what stands before it. Erased are whole sectors, each looked at afterwards;
one that does not come out blank is overwritten with zeros and told. What was agreed stands in a file until all is done,
so that a wipe the power cut short is finished by the same command; with it stands which journal that was and how its
newest sector read, so that an old file speaks for no later sale. The PC imports it, too: its tests run it on a modelled
flash. No value of a key, card or setting is ever said, except the terminal's own name.
"""

import json
import os
from binascii import crc32, hexlify

from firmware.core.errors import VafaError
from firmware.store import frames
from firmware.store.flash import Flash
from firmware.store.frames import SECTOR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from firmware.board import Board
    from firmware.store.frames import Header
    from firmware.store.journal import Journal

# In this order: without keys nothing that is left can be read, and the settings hold the name that is asked for.
ALL = ("vault", "members", "journal", "settings")
UNREADABLE = "unreadable"
_KEYS, _SLOTS, _TRIES = (0, 1), (2, 3), (4, 5)  # sectors of the vault's region
_PAGE = 256
_ZEROS = bytes(64)
# How well the file of an unfinished wipe fits the journal that is there now.
OTHER, SAME_JOURNAL, UNTOUCHED = 0, 1, 2
_LAST = "last"  # in the file: only the newest sector is left, and its header is gone


def _is_zero(raw: "bytes | bytearray") -> bool:
    """Whether this is a whole sector of zeros."""
    return all(raw[at : at + len(_ZEROS)] == _ZEROS for at in range(0, SECTOR, len(_ZEROS)))


class Wipe:
    """`say` takes a line. `folder` holds the files of provisioning, `flag` what was agreed."""

    def __init__(
        self, board: "Board", say: "Callable[[str], object]", folder: str = "/config", flag: str = "/wiping"
    ) -> None:
        self._board = board
        self._say = say
        self._folder = folder
        self._flag = flag
        self._buffer = bytearray(SECTOR)

    # --- looking ------------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """What is there, and what was agreed when a wipe was not finished."""
        device = self._board.transaction_flash()
        flash = Flash(device, self._board.page_only, self._buffer)
        agreed = self._agreed()
        if agreed:
            # Before the journal opens: that may mend its newest record.
            self._tell("unfinished {} {} {} {}".format(agreed[0], agreed[1], agreed[2], self._fit(flash, agreed)))
        name = self._name()
        self._tell("terminal {} {}".format(name or "-", hexlify(self._unique()).decode()))
        if all([self._blank(flash, sector) for sector in range(flash.sectors)]):
            self._tell("journal empty")
            return
        try:
            journal = self._opened(device, name)
        except VafaError as error:
            self._tell("journal closed " + error.code)
            return
        if journal is None:
            self._tell("journal closed K01")
            return
        waiting = [t.seq for t in journal.pending()]
        unanswered = [t.seq for t in journal.unanswered()]
        dead = [t.seq for t, _rc in journal.dead()]
        high = max(waiting + unanswered + dead + [0])
        counts = len(waiting), len(unanswered), len(dead), high, journal.gaps()
        self._tell("journal open {} {} {} {} {}".format(*counts))

    def save(self) -> None:
        """Everything in the journal's region as the console's `export` sends it, whether it opens or not."""
        from firmware.store.export import Export, Raw

        flash = Flash(self._board.transaction_flash(), self._board.page_only, self._buffer)
        export = Export(flash, Raw(flash), True)
        while True:
            line = export.line()
            if line is None:
                return
            if line:
                self._say(line)

    def _unique(self) -> bytes:
        from machine import unique_id

        return unique_id()

    def _name(self) -> str:
        """The terminal's id by its settings or their copy, "" when neither can be read."""
        for raw in (self._settings_file, self._settings_copy):
            try:
                name = json.loads(raw())["terminal_id"]
            except (OSError, ValueError, KeyError, TypeError, VafaError):
                continue
            if isinstance(name, str) and name and all([" " < char <= "~" for char in name]):
                return name  # another would break the line that says it
        return ""

    def _settings_file(self) -> bytes:
        with open(self._folder + "/settings.json", "rb") as file:
            return file.read()

    def _settings_copy(self) -> bytes:
        from firmware.store.seal import Sealer
        from firmware.store.slots import Slots

        sealer = Sealer(self._board.own_key(), b"", b"vafa-slots")
        slots = Slots(self._board.vault_flash(), sealer, 0, self._board.page_only, _SLOTS[0], self._buffer)
        slots.open()
        count = slots.get("settings.json") or b"\0"
        return b"".join([slots.get("settings.json.{}".format(i)) or b"" for i in range(count[0])])

    def _opened(self, device: "Any", name: str) -> "Journal | None":
        """The journal, by the firmware's own code; None when the terminal has no keys or no name."""
        from firmware.store.journal import Journal
        from firmware.store.seal import Sealer

        master = self._master()
        if not master or not name:
            return None
        journal = Journal(device, Sealer(master, name.encode()), 0, self._board.page_only, self._buffer)
        journal.open()
        return journal

    def _master(self) -> bytes:
        """Out of the key store, else out of the file that was to go there."""
        from binascii import unhexlify

        from firmware.store.seal import Sealer
        from firmware.store.vault import Vault

        wrapping = Sealer(self._board.own_key(), b"", b"vafa-keys")
        kept = Vault(self._board.vault_flash(), wrapping, self._board.page_only, self._buffer).load()
        if kept is not None:
            return kept.get("tmk", b"")
        try:
            with open(self._folder + "/keys.json") as file:
                return unhexlify(json.load(file)["tmk"])
        except (OSError, ValueError, KeyError, TypeError):
            return b""

    # --- what was agreed ----------------------------------------------------------------------------------------------

    def _agreed(self) -> "list[str]":
        """The words of the file: number, high, parts, identity and perhaps _LAST. Empty when there is no such file, or
        one without an identity: who was meant by it, nobody can say."""
        try:
            with open(self._flag, "rb") as file:
                words = file.read(200).decode().split(" ")
        except (OSError, ValueError):
            return []
        return words if len(words) in (4, 5) and len(words[3].split(".")) in (1, 4) else []

    def _order(self, flash: Flash) -> "list[tuple[int, int]]":
        """Generation and sector as they are erased: oldest first, so that whatever is left still knows the newest
        number and what was settled. Nobody vouches for these generations; 0 when one cannot be read."""
        headers = [self._header(flash, sector) for sector in range(flash.sectors)]
        return sorted([(header.generation if header else 0, sector) for sector, header in enumerate(headers)])

    def _header(self, flash: Flash, sector: int) -> "Header | None":
        for copy in (0, frames.HEADER):
            try:
                header = frames.parse_header(flash.read(sector, copy, frames.HEADER))
            except VafaError:
                return None
            if header is not None:
                return header
        return None

    def _bytes(self, flash: Flash, sector: int) -> "bytes | bytearray":
        """In the shared buffer; empty when the flash does not give them."""
        try:
            return flash.read_sector(sector)
        except VafaError:
            return b""

    def _left(self, flash: Flash) -> "list[int]":
        """Sectors that are neither blank nor all zeros, in the order of erasing."""
        left = []
        for _generation, sector in self._order(flash):
            raw = self._bytes(flash, sector)
            if not (frames.is_blank(raw, 0, SECTOR) or _is_zero(raw)):
                left.append(sector)
        return left

    def _identity(self, flash: Flash, left: "list[int]") -> str:
        """The sector that goes last: the journal's salt, its generation, where it lies, and the sum of its records."""
        if not left:
            return "-"
        header = self._header(flash, left[-1])
        salt, generation = (header.salt, header.generation) if header else (0, 0)
        return "{:08x}.{}.{}.{:08x}".format(
            salt, generation, left[-1], crc32(self._bytes(flash, left[-1])[frames.FRAMES_AT :])
        )

    def _fit(self, flash: Flash, agreed: "list[str]") -> int:
        """UNTOUCHED: no record was written since. SAME_JOURNAL: later numbers tell what was sold since."""
        left = self._left(flash)
        now, then = self._identity(flash, left).split("."), agreed[3].split(".")
        if not left or now == then:
            return UNTOUCHED
        # The wipe takes the header of the newest sector first: the cut fell then, or while that sector was erased.
        taken = [str(sector) for sector in left] == then[2:3] and self._header(flash, left[0]) is None
        if taken and (now[3] == then[3] or agreed[4:] == [_LAST]):
            return UNTOUCHED
        return SAME_JOURNAL if now[0] == then[0] != "00000000" else OTHER

    def _agree(self, words: "list[str]") -> None:
        with open(self._flag, "wb") as file:
            file.write(" ".join(words).encode())

    # --- wiping -------------------------------------------------------------------------------------------------------

    def wipe(self, what: "tuple[str, ...]", agreed: str, high: int) -> None:
        """Erase these; `agreed` and `high` are what a second call after a power cut is compared with."""
        flash = Flash(self._board.transaction_flash(), self._board.page_only, self._buffer)
        words = [agreed, str(high), ",".join(what), self._identity(flash, self._left(flash))]
        self._agree(words)
        failed = 0
        for part in ALL:
            if part in what:
                failed += self._wipe(part, words)
        if not failed:
            os.remove(self._flag)
        self._tell("over {}".format(failed))

    def _wipe(self, part: str, agreed: "list[str]") -> int:
        board = self._board
        if part == "members":
            return self._erase(part, board.member_flash())
        if part == "journal":
            device = board.transaction_flash()
            flash = Flash(device, board.page_only, self._buffer)
            sectors, left = [sector for _, sector in self._order(flash)], self._left(flash)
            if not left:
                return self._erase(part, device)
            sectors.remove(left[-1])
            failed = self._erase(part, device, sectors)
            if flash.program(left[-1], 0, bytes(frames.FRAMES_AT)):  # from here on nobody sells on in it
                self._agree(agreed + [_LAST])
            return failed + self._erase(part, device, left[-1:])
        self._remove(("keys.json", "staff.dat", "staff.new") if part == "vault" else ("settings.json", "ca.der"))
        return self._erase(part, board.vault_flash(), list(_KEYS + _TRIES if part == "vault" else _SLOTS))

    def _remove(self, names: "tuple[str, ...]") -> None:
        for name in names:
            try:
                os.remove(self._folder + "/" + name)
            except OSError:
                pass  # not there, which is what is wanted

    def _erase(self, part: str, device: "Any", sectors: "list[int] | None" = None) -> int:
        """How many sectors did not come out blank; those are full of zeros."""
        flash = Flash(device, self._board.page_only, self._buffer)
        failed = 0
        sectors = list(range(flash.sectors)) if sectors is None else sectors
        for done, sector in enumerate(sectors):
            if not (self._blank(flash, sector) or flash.erase(sector) or flash.erase(sector)):
                failed += 1
                for at in range(0, SECTOR, _PAGE):
                    flash.program(sector, at, bytes(_PAGE))
                self._tell("failed {} {}".format(part, sector))
            if done % 16 == 15 or done + 1 == len(sectors):
                self._tell("erased {} {} {}".format(part, done + 1, len(sectors)))
        return failed

    def _blank(self, flash: Flash, sector: int) -> bool:
        """One that the flash does not give is not."""
        raw = self._bytes(flash, sector)
        return len(raw) == SECTOR and frames.is_blank(raw, 0, SECTOR)

    def _tell(self, text: str) -> None:
        self._say("{} {:08x}".format(text, crc32(text.encode())))
