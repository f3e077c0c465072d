"""Wiping a terminal: nothing is erased unless the command names what is lost; the same command makes a cut good."""

from __future__ import annotations

import json
import sys
import types
from binascii import crc32
from collections.abc import Callable
from pathlib import Path
from struct import pack_into
from typing import Any

import pytest
from click.testing import CliRunner, Result

from firmware.core.errors import StoreForeign
from firmware.core.types import ACCRUAL, OFFLINE, Member, Transaction
from firmware.store.journal import Journal
from firmware.store.members import Members
from firmware.store.seal import Sealer
from firmware.store.slots import Slots
from firmware.store.vault import Vault
from tools.device import capture as captures
from tools.device import cli, contact, wipe_on_terminal
from tools.device import wipe as wipes
from tools.device.audit import audit
from tools.device.probing import Answers, Found
from tools.device.wipe_on_terminal import Wipe
from tools.sim.chips.nor import Nor, NorPartition, PowerCut, Torn

TMK = bytes(range(16))
NAME = "VAFA0001"
REGIONS = {"txlog": (0, 8), "members": (8, 8), "vault": (16, 6)}
SETTINGS = json.dumps({"terminal_id": NAME}).encode()


class Till:
    """A board's flash and files with a store in them, and the program at its prompt."""

    page_only = False
    lost = 13  # 11 wait, one had no answer, one was refused

    def __init__(self, folder: Path) -> None:
        self.nor = Nor(22 * 4096, None, seed=1)
        self.folder = folder
        self.sessions = 0
        self.asks = False
        self.answers = Answers.PROMPT
        self.sold_at_end = False
        (folder / "config").mkdir()
        (folder / "config" / "settings.json").write_bytes(SETTINGS)
        (folder / "config" / "ca.der").write_bytes(b"ca")
        Vault(self.vault_flash(), Sealer(self.own_key(), b"", b"vafa-keys")).save({"tmk": TMK})
        slots = Slots(self.vault_flash(), Sealer(self.own_key(), b"", b"vafa-slots"), 5, False, 2)
        slots.open()
        slots.put("settings.json", b"\1")
        slots.put("settings.json.0", SETTINGS)
        self.nor.image[20 * 4096 : 20 * 4096 + 300] = bytes(300)  # tries
        journal = self.journal()
        journal.continue_above(0)
        self.sell(journal, 20)
        journal.settle_all([t.seq for t in journal.pending()][:8])
        journal.bury(next(journal.pending()).seq, "14")
        seq = journal.next_seq()
        journal.append(Transaction(seq, ACCRUAL, 0, b"\1\2\3\4", 2, 5, 5, 5, 2))
        members = Members(self.member_flash(), Sealer(TMK, NAME.encode()), 6)
        members.open()
        members.put(Member(b"\1\2\3\4", 7, "Sara", 12, 5))

    def sell(self, journal: Journal, count: int) -> None:
        for _ in range(count):
            journal.append(Transaction(journal.next_seq(), ACCRUAL, OFFLINE, b"\1\2\3\4", 2, 5, 5, 5, 2))

    def journal(self) -> Journal:
        journal = Journal(self.transaction_flash(), Sealer(TMK, NAME.encode()), 5)
        journal.open()
        return journal

    def _region(self, name: str) -> NorPartition:
        start, count = REGIONS[name]
        return NorPartition(self.nor, start * 4096, count, False)

    def transaction_flash(self) -> NorPartition:
        return self._region("txlog")

    def member_flash(self) -> NorPartition:
        return self._region("members")

    def vault_flash(self) -> NorPartition:
        return self._region("vault")

    def own_key(self) -> bytes:
        return bytes([9]) * 16

    def blank(self, name: str, sectors: slice = slice(None)) -> bool:
        start, count = REGIONS[name]
        return all(
            self.nor.image[n * 4096 : (n + 1) * 4096] == b"\xff" * 4096
            for n in list(range(start, start + count))[sectors]
        )

    # --- the prompt

    def prompt(self, port: str, program: Path, setup: str, *, maintenance: bool) -> Till:
        assert program == Path(wipe_on_terminal.__file__) and setup == wipes.SETUP
        self.sessions += 1
        return self

    def run(self, call: str, heard: Callable[[str], object]) -> None:
        program: Any = self
        wiping = Wipe(program, heard, str(self.folder / "config"), str(self.folder / "wiping"))
        eval(call, {"wiping": wiping})

    def sell_at_end(self) -> None:
        self.sold_at_end = True

    def close(self) -> None:
        self.sessions -= 1

    def tool(self, *options: str) -> tuple[Result, dict[str, Any]]:
        asked = [] if self.asks else ["--yes"]
        result = CliRunner().invoke(
            cli.main, ["--json", "wipe", "--port", "P", *asked, *options], input="n\n", catch_exceptions=False
        )
        assert self.sessions == 0
        return result, json.loads(result.stdout.splitlines()[-1])


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Till:
    machine = types.ModuleType("machine")
    vars(machine)["unique_id"] = lambda: b"\xab\xcd"
    monkeypatch.setitem(sys.modules, "machine", machine)
    made = Till(tmp_path)
    monkeypatch.setattr(wipes, "prompt", made.prompt)
    found = {"build": 7, "slot": "a", "unsent": 13}
    monkeypatch.setattr(
        contact.Contact, "one", lambda *_: Found(made.answers, "P", "s3", "abcd", NAME, hello=dict(found))
    )
    return made


@pytest.mark.parametrize("discard", ["", "0", "12", "14", "unreadable", "013", "13 "])
@pytest.mark.parametrize("what", [[], ["journal"], ["vault"], ["settings"]])
def test_nothing_is_touched_unless_the_number_is_named(terminal: Till, discard: str, what: list[str]) -> None:
    terminal.tool()  # what a start may mend is mended
    before = bytes(terminal.nor.image)
    options = [word for part in what for word in ("--what", part)]
    result, last = terminal.tool(*options, *(["--discard", discard] if discard else []), "--serial", NAME)
    assert result.exit_code == 5 and last["code"] == "D61"
    assert "13 transactions: 11 wait for the switch, 1 had no answer, 1 were refused" in last["why"]
    assert terminal.nor.image == before
    assert sorted(path.name for path in terminal.folder.rglob("*") if path.is_file()) == ["ca.der", "settings.json"]


def test_the_named_number_wipes_everything(terminal: Till) -> None:
    result, last = terminal.tool("--discard", "13")
    assert result.exit_code == 0 and last["wiped"] == ["vault", "members", "journal", "settings"]
    assert terminal.nor.image == b"\xff" * len(terminal.nor.image)
    assert [path.name for path in terminal.folder.rglob("*")] == ["config"]
    again, last = terminal.tool("--discard", "0")
    assert again.exit_code == 0, "an empty terminal can be wiped again"


def test_only_what_was_named_goes_and_members_go_with_the_keys(terminal: Till) -> None:
    assert terminal.tool("--what", "members")[0].exit_code == 0, "the cache holds nothing that is only here"
    assert terminal.blank("members") and not terminal.blank("txlog") and not terminal.blank("vault")
    result, last = terminal.tool("--what", "vault", "--discard", "13")
    assert result.exit_code == 0 and last["wiped"] == ["vault", "members"]
    assert terminal.blank("vault", slice(0, 2)) and terminal.blank("vault", slice(4, 6))
    assert not terminal.blank("vault", slice(2, 4)) and not terminal.blank("txlog")
    assert (terminal.folder / "config" / "settings.json").exists()


def test_a_wiped_journal_alone_starts_anew(terminal: Till) -> None:
    assert terminal.tool("--what", "journal", "--discard", "13")[0].exit_code == 0
    journal = terminal.journal()
    assert journal.pending_count() == 0
    journal.continue_above(500)
    assert journal.next_seq() == 1500


# --- a journal that does not open -------------------------------------------------------------------------------------


def other_keys(terminal: Till) -> str:
    Vault(terminal.vault_flash(), Sealer(terminal.own_key(), b"", b"vafa-keys")).save({"tmk": bytes(16)})
    return "S08"


def damaged_keys(terminal: Till) -> str:
    for sector in (16, 17):
        terminal.nor.image[sector * 4096 + 40] ^= 3
    return "S10"


def no_keys(terminal: Till) -> str:
    terminal.nor.image[16 * 4096 : 18 * 4096] = b"\xff" * 8192
    return "K01"


def something_else(terminal: Till) -> str:
    terminal.nor.image[: 8 * 4096] = bytes(range(256)) * 128
    return "S07"


def reformatted(terminal: Till, head: bytes) -> None:
    for sector in range(8):
        for at in (sector * 4096, sector * 4096 + 32):
            if terminal.nor.image[at : at + 2] == b"VA":
                terminal.nor.image[at : at + len(head)] = head
                pack_into("<I", terminal.nor.image, at + 28, crc32(terminal.nor.image[at : at + 28]))


def earlier(terminal: Till) -> str:
    reformatted(terminal, b"VAFS\2\1")
    return "S09"


def later(terminal: Till) -> str:
    reformatted(terminal, b"VA\4\1")
    return "S11"


def by_a_sector(terminal: Till) -> str:
    image = terminal.nor.image
    image[: 8 * 4096] = image[4096 : 8 * 4096] + image[:4096]
    return "S07"


REFUSED = [other_keys, damaged_keys, no_keys, something_else, earlier, later, by_a_sector]


@pytest.mark.parametrize("spoil", REFUSED)
def test_a_journal_that_does_not_open_goes_only_with_the_terminals_name(
    terminal: Till, spoil: Callable[[Till], str]
) -> None:
    code = spoil(terminal)
    before = bytes(terminal.nor.image)
    for options, refused in (
        ([], "D62"),
        (["--discard", "13"], "D62"),
        (["--discard", "0", "--serial", NAME], "D62"),
        (["--discard", "unreadable"], "D63"),
        (["--discard", "unreadable", "--serial", "VAFA0002"], "D63"),
        (["--discard", "unreadable", "--serial", "abcd"], "D63"),
    ):
        result, last = terminal.tool(*options)
        assert (result.exit_code, last["code"]) == (5, refused)
        assert refused != "D62" or code in last["why"]
    assert terminal.nor.image == before
    assert terminal.tool("--discard", "unreadable", "--serial", NAME)[0].exit_code == 0
    assert terminal.nor.image == b"\xff" * len(terminal.nor.image)


def test_the_name_is_known_from_the_copy_of_the_settings_and_else_the_chips_number_counts(terminal: Till) -> None:
    other_keys(terminal)
    (terminal.folder / "config" / "settings.json").write_text("{")
    assert terminal.tool("--discard", "unreadable", "--serial", "abcd")[1]["code"] == "D63"
    terminal.nor.image[18 * 4096 : 20 * 4096] = b"\xff" * 8192
    assert terminal.tool("--discard", "unreadable", "--serial", NAME)[1]["code"] == "D63"
    assert terminal.tool("--discard", "unreadable", "--serial", "abcd")[0].exit_code == 0


def test_a_journal_that_opens_but_not_all_of_it_is_wiped_by_nobody_who_does_not_say_so(terminal: Till) -> None:
    sales = [at for at in range(64, 4096, 16) if terminal.nor.image[at + 4 : at + 8] == b"\x30\0\1\1"]
    terminal.nor.image[sales[12] : sales[12] + 64] = bytes(64)
    for discard in ("", "12", "13", "unreadable", "12+", "13+unreadable"):
        result, last = terminal.tool("--serial", NAME, *(["--discard", discard] if discard else []))
        assert (result.exit_code, last["code"]) == (5, "D61")
        assert last["why"].startswith("at least 12 transactions") and "1 places cannot be read" in last["why"]
        assert "--discard 12+unreadable" in last["next"]
    assert not terminal.blank("txlog")
    assert terminal.tool("--discard", "12+unreadable")[0].exit_code == 0
    assert terminal.blank("txlog")


@pytest.mark.parametrize("spoil", [None, other_keys, something_else, later])
def test_what_is_saved_first_is_all_of_it(terminal: Till, tmp_path: Path, spoil: Any) -> None:
    if spoil:
        spoil(terminal)
    path = tmp_path / "saved.txt"
    result, last = terminal.tool("--save", str(path))
    assert result.exit_code == 5 and "--save FILE" not in last["next"] and "leave --save out" in last["next"]
    assert "--discard" in last["next"]
    assert "--save FILE" in terminal.tool()[1]["next"]
    taken = captures.read(path)
    assert taken.complete and taken.image() == terminal.nor.image[: 8 * 4096]
    if spoil not in (something_else, later):
        found = audit(taken, Sealer(TMK, NAME.encode()))
        assert sum(row.state in ("pending", "open", "dead") for row in found.rows) == terminal.lost


def test_a_file_that_cannot_be_written_is_told_and_nothing_is_wiped(terminal: Till, tmp_path: Path) -> None:
    (tmp_path / "no").write_text("a file")
    result, last = terminal.tool("--save", str(tmp_path / "no" / "folder"), "--discard", "13")
    assert (result.exit_code, last["code"]) == (9, "D68") and not terminal.blank("txlog")
    taken = tmp_path / "taken.txt"
    taken.write_text("the only copy")
    result, last = terminal.tool("--save", str(taken), "--discard", "13")
    assert (result.exit_code, last["code"]) == (9, "D68") and not terminal.blank("txlog")
    assert taken.read_text() == "the only copy"


def test_lines_that_were_lost_leave_no_file_and_the_same_command_works(
    terminal: Till, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, run = tmp_path / "saved.txt", terminal.run
    for broken in (lambda line: line[:-1], lambda line: "" if " end " in line else line):
        with monkeypatch.context() as patched:
            noisy = lambda call, heard, broken=broken: run(  # noqa: E731
                call, lambda line: heard(broken(line) if call == "wiping.save()" else line)
            )
            patched.setattr(terminal, "run", noisy)
            for discard in ([], ["--discard", "13"]):
                result, last = terminal.tool("--save", str(path), *discard)
                assert (result.exit_code, last["code"]) == (8, "D51") and "cable" in last["next"], result.output
                assert not path.exists() and not terminal.blank("txlog")
    assert terminal.tool("--save", str(path), "--discard", "13")[0].exit_code == 0
    assert captures.read(path).complete and terminal.blank("txlog")


def test_places_the_flash_does_not_give_leave_what_it_gave(
    terminal: Till, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, parsed = tmp_path / "saved.txt", captures.parsed

    def worn(raw: bytes) -> list[captures.Capture]:
        found = parsed(raw)
        found[-1].unread = 2
        return found

    monkeypatch.setattr(captures, "parsed", worn)
    result, last = terminal.tool("--save", str(path), "--discard", "13")
    assert (result.exit_code, last["code"]) == (8, "D51") and "without --save" in last["next"]
    assert path.exists() and not terminal.blank("txlog")
    assert terminal.tool("--discard", "13")[0].exit_code == 0


def test_a_line_that_is_refused_is_mended_and_given_again(terminal: Till, tmp_path: Path) -> None:
    path = tmp_path / "saved.txt"
    result, last = terminal.tool("--save", str(path), "--discard", "7")
    assert (result.exit_code, last["code"]) == (5, "D61") and "--discard 13" in last["next"] and not path.exists()
    terminal.asks = True
    assert terminal.tool("--save", str(path), "--discard", "13")[1]["code"] == "D15" and not path.exists()
    terminal.asks = False
    assert terminal.tool("--save", str(path), "--discard", "13")[0].exit_code == 0
    assert captures.read(path).complete and terminal.blank("txlog")


def test_saved_in_one_command_and_wiped_in_the_next(terminal: Till, tmp_path: Path) -> None:
    path = tmp_path / "saved.txt"
    assert terminal.tool("--save", str(path))[1]["code"] == "D61" and captures.read(path).complete
    assert terminal.tool("--discard", "13")[0].exit_code == 0 and terminal.blank("txlog")


def test_a_store_that_holds_nothing_needs_no_number(terminal: Till) -> None:
    terminal.tool("--discard", "13")
    assert terminal.tool("--discard", "13")[1]["code"] == "D61", "a number that is not so is not agreed to"
    result, last = terminal.tool()
    assert result.exit_code == 0 and last["wiped"], result.output


def test_it_asks_before_it_erases_and_before_it_stops_a_till(terminal: Till) -> None:
    terminal.tool()  # what a start may mend is mended
    before, terminal.asks = bytes(terminal.nor.image), True
    result, last = terminal.tool("--discard", "13")
    assert (result.exit_code, last["code"]) == (5, "D15") and terminal.nor.image == before
    terminal.answers = Answers.APPLICATION
    monitored = terminal.run
    terminal.run = lambda *_way: pytest.fail("it was stopped")  # type: ignore[method-assign]
    result, last = terminal.tool("--discard", "13", "--maintenance")
    assert (result.exit_code, last["code"]) == (5, "D15")
    terminal.run = monitored  # type: ignore[method-assign]
    terminal.asks = False
    assert terminal.tool("--maintenance")[0].exit_code == 5 and terminal.sold_at_end, "refused, it sells again"


def test_a_dry_run_counts_and_neither_erases_nor_stops_a_till(terminal: Till, tmp_path: Path) -> None:
    terminal.tool()
    before, terminal.asks = bytes(terminal.nor.image), True
    result, last = terminal.tool("--dry-run", "--save", str(tmp_path / "saved.txt"))
    assert result.exit_code == 0 and last["unsettled"] == 13 and "--discard 13" in result.stderr
    terminal.answers = Answers.APPLICATION
    terminal.run = lambda *_way: pytest.fail("it was stopped")  # type: ignore[method-assign]
    result, last = terminal.tool("--dry-run", "--maintenance")
    assert result.exit_code == 0 and (last["unsent"], last["build"], last["slot"]) == (13, 7, "a")
    assert terminal.nor.image == before and not (tmp_path / "saved.txt").exists()


# --- cuts and bad flash -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", [[], ["journal"], ["vault"]])
def test_a_cut_at_any_operation_is_made_good_by_the_same_command(
    terminal: Till, tmp_path: Path, what: list[str]
) -> None:
    options = [word for part in what for word in ("--what", part)] + ["--discard", "163"]
    terminal.sell(terminal.journal(), 150)
    terminal.tool()
    full, files = bytes(terminal.nor.image), {p: p.read_bytes() for p in (tmp_path / "config").iterdir()}
    cuts = 0
    for operation in range(1, 40):
        for torn in (Torn.NOTHING, Torn.HALF, Torn.RANDOM_BITS, Torn.DONE):
            terminal.nor.image[:] = full
            (tmp_path / "wiping").unlink(missing_ok=True)
            for path, content in files.items():
                path.write_bytes(content)
            terminal.nor.cut_at(operation, torn)
            try:
                terminal.tool(*options)
                terminal.nor.power_on()
                assert operation > 3
                break
            except PowerCut:
                cuts += 1
                terminal.sessions = 0
                terminal.nor.power_on()
            other, last = terminal.tool("--discard", "7")
            agreed = operation > 1  # before, the newest record was hardened while the journal was counted
            assert other.exit_code == 5 and last["code"] == ("D64" if agreed else "D61")
            assert not agreed or "--discard 163" in last["why"]
            result, last = terminal.tool(*options)
            assert result.exit_code == 0, (operation, torn, result.output)
            for name in ("txlog",) if what == ["journal"] else ("members",) if what else tuple(REGIONS):
                assert terminal.blank(name)
            assert not (tmp_path / "wiping").exists()
    assert cuts >= 12


def test_what_was_sold_after_a_cut_has_to_be_named_anew(terminal: Till) -> None:
    terminal.sell(terminal.journal(), 200)
    terminal.tool()
    terminal.nor.cut_at(3, Torn.DONE)
    with pytest.raises(PowerCut):
        terminal.tool("--what", "journal", "--discard", "213")
    terminal.sessions = 0
    terminal.nor.power_on()
    journal = terminal.journal()
    terminal.sell(journal, 2)
    left = journal.pending_count() + journal.dead_count() + len(list(journal.unanswered()))
    result, last = terminal.tool("--what", "journal", "--discard", "213")
    assert result.exit_code == 5 and last["code"] == "D61"
    assert terminal.tool("--what", "journal", "--discard", str(left))[0].exit_code == 0


def test_a_cut_wipe_of_the_journal_reuses_no_number(terminal: Till) -> None:
    terminal.sell(terminal.journal(), 250)
    high = terminal.journal().last()
    assert high is not None
    full = bytes(terminal.nor.image)
    opened = 0
    for operation in range(1, 8):
        terminal.nor.image[:] = full
        (terminal.folder / "wiping").unlink(missing_ok=True)
        terminal.nor.cut_at(operation, Torn.HALF)
        try:
            terminal.tool("--what", "journal", "--discard", str(terminal.lost + 250))
        except PowerCut:
            terminal.sessions = 0
        terminal.nor.power_on()
        if terminal.blank("txlog"):
            continue
        try:
            assert terminal.journal().next_seq() > high.transaction.seq, operation
            opened += 1
        except StoreForeign:
            pass  # its newest sector is going; it sells nothing until the wipe is finished
    assert opened >= 3


def test_a_sector_that_does_not_erase_is_overwritten_and_told(terminal: Till) -> None:
    terminal.nor.bad_blocks[16] = "silent"
    image = terminal.nor.image

    class Stuck(NorPartition):
        """Block 16 can still be programmed."""

        def writeblocks(self, block_num: int, buf: Any, offset: int | None = None) -> None:
            if block_num == 0:
                for i, byte in enumerate(bytes(buf)):
                    image[16 * 4096 + (offset or 0) + i] &= byte
            else:
                super().writeblocks(block_num, buf, offset)

    terminal.vault_flash = lambda: Stuck(terminal.nor, 16 * 4096, 6, False)  # type: ignore[method-assign]
    result, last = terminal.tool("--discard", "13")
    assert result.exit_code == 6 and last["code"] == "D65"
    assert image[16 * 4096 : 17 * 4096] == bytes(4096), "the keys are gone all the same"
    assert image[17 * 4096 :] == b"\xff" * (5 * 4096)


def test_a_terminal_that_says_nothing_is_not_wiped(terminal: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    before = bytes(terminal.nor.image)
    calls: list[str] = []
    monkeypatch.setattr(terminal, "run", lambda call, heard: (calls.append(call), heard("journal empty 00000000")))
    result, last = terminal.tool("--discard", "0")
    assert result.exit_code == 4 and last["code"] == "D03"
    assert calls == ["wiping.look()"] and terminal.nor.image == before
