"""A board's flash with a store in it, the technician's words, and the start that follows."""

from __future__ import annotations

import json
from pathlib import Path

from firmware.core.cmac import Cmac
from firmware.core.errors import SettingsError, StoreError  # noqa: F401 (for the tests)
from firmware.core.log import Log
from firmware.core.types import ACCRUAL, OFFLINE, ONLINE, Member, Transaction
from firmware.service import zeroise
from firmware.service.custody import Custody
from firmware.service.provisioned import Provisioned, Start
from firmware.store.buckets import Buckets
from firmware.store.journal import Journal
from firmware.store.members import Members
from firmware.store.seal import Sealer
from firmware.store.slots import Slots
from firmware.store.vault import Vault
from tools.bench_switch.answers import digits_for
from tools.sim.chips.nor import Nor, NorPartition

TMK = bytes.fromhex("5a17c0de5a17c0de0011223344556677")
KEYS = {
    "tmk": TMK.hex(),
    "kid": 1,
    "mac_out": "c1c2c3c4c5c6c7c8d1d2d3d4d5d6d7d8",
    "mac_in": "e1e2e3e4e5e6e7e8f1f2f3f4f5f6f7f8",
    "card_group": "a1a2a3a4a5a6a7a8b1b2b3b4b5b6b7b8",
    "wifi_psk": "canary-of-the-wifi",
}
NAME = "VAFA0001"
PLAIN = {
    "terminal_id": NAME,
    "merchant_id": "DEMO-SHOP-00001",
    "switch_host": "switch.vafa.test",
    "switch_port": 8583,
    "switch_name": "switch.vafa.test",
}
REGIONS = {"txlog": (0, 8), "members": (8, 8), "vault": (16, 6)}
SARA, ALI = bytes.fromhex("04A1B2C3D4E5F6"), bytes.fromhex("9C599B32")


class Board:
    """A board's flash; what it holds outlives every start."""

    page_only = False
    name = "s3"

    def __init__(self) -> None:
        self.nor = Nor(22 * 4096, None, seed=1)
        self._random = 0x1A2B3C4C

    def transaction_flash(self) -> NorPartition:
        return self._region("txlog")

    def member_flash(self) -> NorPartition:
        return self._region("members")

    def vault_flash(self) -> NorPartition:
        return self._region("vault")

    def own_key(self) -> bytes:
        return bytes(range(0x40, 0x50))

    def random_number(self, bits: int) -> int:
        self._random += 1
        return self._random & ((1 << bits) - 1)

    def _region(self, name: str) -> NorPartition:
        start, count = REGIONS[name]
        return NorPartition(self.nor, start * 4096, count, self.page_only)

    def region(self, name: str) -> bytes:
        start, count = REGIONS[name]
        return bytes(self.nor.image[start * 4096 : (start + count) * 4096])


class Terminal:
    """One start of a terminal on a board: what App gives to the custody."""

    def __init__(self, board: Board, *, buckets: bool = False) -> None:
        self.board = board
        self.now_s = 5
        self.quiet = True
        self.said: list[str] = []
        self.log = Log(64, self.said.append)
        self.sector = bytearray(4096)
        self.master = Cmac(TMK)
        sealer = Sealer(TMK, NAME.encode())
        cache = Buckets if buckets else Members
        self.members = cache(board.member_flash(), sealer, 6, board.page_only)
        self.members.open()
        self.journal = Journal(board.transaction_flash(), sealer, 5, board.page_only)
        self.journal.open()
        self.custody = Custody(self)  # type: ignore[arg-type]

    def calm(self) -> bool:
        return self.quiet

    def uptime_s(self) -> int:
        return self.now_s

    def type(self, line: str) -> str:
        """What the console shows of it."""
        before = len(self.said)
        answer = self.custody.take(line.split())
        return " / ".join(self.said[before:] + answer)

    def right(self, name: str) -> str:
        """Ask, have it answered by the switch, answer."""
        shown = self.type("right " + name)
        nonce = shown.split("nonce ")[1][:8]
        return self.type("answer " + digits_for(TMK, nonce, name))


def provisioned(board: Board, folder: Path) -> Start:
    """A start as main.py makes it: finish what was begun, then take what there is. Raises SettingsError, StoreError."""
    sector = bytearray(4096)
    vault = Vault(board.vault_flash(), Sealer(board.own_key(), b"", b"vafa-keys"), board.page_only, sector)
    slots = Slots(board.vault_flash(), Sealer(board.own_key(), b"", b"vafa-slots"), 7, board.page_only, 2, sector)
    found = Provisioned(vault, slots, str(folder))
    found.open()
    if zeroise.due(slots):
        zeroise.finish(board, vault, slots, str(folder), sector)  # type: ignore[arg-type]
    return found.load()


def with_store(folder: Path, *, buckets: bool = False) -> Board:
    """A terminal that sold: three transactions wait, one had no answer, two members are known."""
    (folder / "settings.json").write_text(json.dumps(PLAIN))
    (folder / "keys.json").write_text(json.dumps(KEYS))
    (folder / "ca.der").write_bytes(b"ca" * 40)
    board = Board()
    provisioned(board, folder)
    terminal = Terminal(board, buckets=buckets)
    journal = terminal.journal
    journal.continue_above(0)
    for mode in (OFFLINE, OFFLINE, OFFLINE, ONLINE):
        journal.append(Transaction(journal.next_seq(), ACCRUAL, mode, ALI, 2, 5, 5, 5, 2))
    terminal.members.put(Member(SARA, 1002, "Sara the canary", 640, 5))
    terminal.members.put(Member(ALI, 1001, "Ali the canary", 1000, 5))
    while terminal.members.idle_work():  # in a rush one may wait in memory only
        pass
    return board


def keys_there(board: Board, folder: Path) -> bool:
    """Whether a start finds whole keys; when it finds none it says so. Raises StoreError."""
    try:
        return provisioned(board, folder).settings.secret_bytes("tmk") == TMK
    except SettingsError as error:
        assert error.code == "K01"
        return False
