"""The program at the terminal's prompt, on a modelled flash: all of it or nothing, and never another's keys."""

from __future__ import annotations

import contextlib
import os
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware.core.errors import VafaError
from firmware.service import slots as slots_of_programs
from firmware.service.provisioned import Provisioned, to_bytes
from firmware.settings import check, declared_keys
from firmware.store.seal import Sealer
from firmware.store.slots import Slots
from firmware.store.vault import Vault
from tools.device import provision_on_terminal, provisioner
from tools.device.errors import TerminalProgram
from tools.device.provision_errors import NotInFile, NotTaken, OtherMaster
from tools.device.provision_session import ProvisioningSession, State
from tools.device.terminal_file import Entry
from tools.sim import demo
from tools.sim.chips.nor import Nor, NorPartition

SERIAL = "020000000001"


class Board:
    """One with a key store, and files in a folder."""

    name = "s3"
    page_only = False

    def __init__(self, folder: Path) -> None:
        self.nor = Nor(6 * 4096, None, seed=1)
        self.folder = folder
        self.own = bytes([9]) * 16

    def vault_flash(self) -> NorPartition:
        return NorPartition(self.nor, 0, 6, False)

    def own_key(self) -> bytes:
        return self.own

    def random_number(self, _bits: int) -> int:
        return 5

    def vault(self) -> Vault:
        return Vault(self.vault_flash(), Sealer(self.own, b"", b"vafa-keys"))

    def slots(self) -> Slots:
        return Slots(self.vault_flash(), Sealer(self.own, b"", b"vafa-slots"), 5, False, 2)


class Prompt:
    """The prompt with the program run on this computer; `cut` ends it before so many calls."""

    def __init__(self, board: Board, cut: int = 1_000_000) -> None:
        self._board = board
        self._cut = cut
        self._lines: list[str] = []
        self._names: dict[str, Any] = {
            "provisioning": provision_on_terminal.Provisioning(board, self._lines.append, str(board.folder))
        }

    def run(self, call: str, heard: Callable[[str], object]) -> None:
        self._cut -= 1
        if self._cut < 0:
            raise NotTaken("cut")
        try:
            eval(call, self._names)  # noqa: S307 (as the prompt does)
        except (ValueError, VafaError) as error:
            raise TerminalProgram(f"{type(error).__name__}: {error}") from None
        for line in self._lines:
            heard(line)
        self._lines.clear()

    def sell_at_end(self) -> None: ...
    def close(self) -> None: ...


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Board]:
    monkeypatch.setitem(sys.modules, "machine", types.SimpleNamespace(unique_id=lambda: bytes.fromhex(SERIAL)))
    return Board(tmp_path / "config")  # type: ignore[return-value]


def target(**changes: Any) -> provisioner.Wanted:
    entry = Entry(
        "VAFA0001",
        1,
        settings=demo.settings("switch.example", 8583),
        files={"ca.der": b"a certificate" * 90, "config-keys.bin": bytes(384)},
    )
    keys: dict[str, str | int] = {**demo.keys(), **changes}  # type: ignore[dict-item]
    return provisioner.Wanted(entry, keys, provisioner._parts(entry, keys))  # noqa: SLF001


def provisioned(board: Board, wanted: provisioner.Wanted, cut: int = 1_000_000) -> provisioner.Plan:
    session = ProvisioningSession(Prompt(board, cut))
    work = provisioner.plan(wanted, session.look())
    if not work.nothing:
        provisioner.write(session, wanted, work, lambda _what: None)
    return work


def state(board: Board) -> State:
    return ProvisioningSession(Prompt(board)).look()


def test_a_blank_terminal_takes_everything_and_then_nothing_more(board: Board) -> None:
    wanted = target()
    assert state(board).keys == "no"
    work = provisioned(board, wanted)
    assert list(work.files) == ["settings.json", "ca.der", "config-keys.bin"] and len(work.keys) == 6
    assert state(board).parts == wanted.parts and state(board).serial == SERIAL
    assert provisioned(board, wanted).nothing
    assert not (board.folder / "keys.json").exists()
    start = Provisioned(board.vault(), board.slots(), str(board.folder))
    start.open()
    assert start.load().settings.secret_bytes("tmk") == demo.TMK, "the firmware starts with it"


def test_cut_off_after_any_call_it_is_as_before_or_done_and_the_next_run_converges(
    tmp_path: Path, board: Board
) -> None:
    wanted, cut = target(), 0
    for cut in range(1, 40):
        made = Board(tmp_path / f"cut{cut}")
        with contextlib.suppress(NotTaken):
            provisioned(made, wanted, cut)
            break
        found = state(made)
        assert found.keys == "no" and found.tid == "", "nothing counts before all of it came"
        provisioned(made, wanted)
        assert state(made).parts == wanted.parts
    assert cut > 10


def test_power_cut_between_two_files_is_finished_by_the_next_run(
    tmp_path: Path, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, real = target(), os.rename
    for cut in range(3):
        made, left = Board(tmp_path / f"power{cut}"), [cut]

        def rename(source: str, to: str, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(5, "power")
            real(source, to)

        monkeypatch.setattr(provision_on_terminal.os, "rename", rename)
        with pytest.raises(OSError, match="power"):
            provisioned(made, wanted)
        monkeypatch.setattr(provision_on_terminal.os, "rename", real)
        assert state(made).keys == "no", "without keys it does not start half provisioned"
        provisioned(made, wanted)
        assert state(made).parts == wanted.parts


def test_another_master_key_or_name_is_refused_before_anything_is_sent(board: Board) -> None:
    provisioned(board, target())
    before = state(board).parts
    with pytest.raises(OtherMaster):
        provisioned(board, target(tmk="11" * 16))
    other = target()
    other.entry.tid = "VAFA0002"
    with pytest.raises(NotInFile, match="this is VAFA0001, the file says VAFA0002"):
        provisioner.same_terminal(other.entry, state(board))
    session = ProvisioningSession(Prompt(board))
    session.keys({**demo.keys(), "tmk": "11" * 16})
    with pytest.raises(OtherMaster):
        session.commit()
    assert state(board).parts == before


def test_keys_the_switch_renewed_stay_and_everything_else_is_put_right(board: Board) -> None:
    provisioned(board, target())
    kept = board.vault().load()
    assert kept is not None
    board.vault().save({**kept, "kid": b"\x02", "mac_out": b"\x31" * 16, "mac_in": b"\x32" * 16})
    work = provisioned(board, target(wifi_psk="another wifi word"))
    assert work.keys == ["wifi_psk"] and "number 2 stay" in work.told[0]
    now = board.vault().load()
    assert now is not None and (now["kid"], now["mac_out"]) == (b"\x02", b"\x31" * 16)
    assert now["wifi_psk"] == b"another wifi word"
    assert provisioner.differences(target(wifi_psk="another wifi word"), state(board).parts) == []
    renewing = provisioner.plan(target(), state(board), renew=True)
    assert {"kid", "mac_out", "mac_in"} <= set(renewing.keys)


def test_the_wifi_changes_alone(board: Board) -> None:
    wanted = target()
    provisioned(board, wanted)
    session = ProvisioningSession(Prompt(board))
    session.wifi("shop-ب", "another wifi word")
    session.commit()
    after = state(board).parts
    assert {name for name in after if after[name] != wanted.parts[name]} == {"settings", "wifi_psk", "whole"}
    with pytest.raises(NotTaken):
        blank = ProvisioningSession(Prompt(Board(board.folder.parent / "blank")))
        blank.wifi("shop-b", "another wifi word")


def test_small_values_of_another_board_are_begun_anew_with_the_keys(board: Board) -> None:
    slots = board.slots()
    slots.open()
    slots.put("starts", b"\0\0\0\1")
    board.own = bytes([7]) * 16
    provisioned(board, target())
    start = Provisioned(board.vault(), board.slots(), str(board.folder))
    start.open()
    assert start.load().number == 1


def test_no_key_is_said_even_when_its_program_ends_badly(board: Board) -> None:
    session = ProvisioningSession(Prompt(board))
    with pytest.raises(NotTaken) as ended:
        session.keys({**demo.keys(), "mac_in": "no digits at all here: 0123456789"})
    assert "0123456789" not in str(ended.value) and demo.TMK.hex() not in str(ended.value)


def test_starts_without_keys_are_forgotten_so_that_a_bench_does_not_end_in_safe_mode(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten: list[bool] = []
    monkeypatch.setattr(slots_of_programs, "started_well", lambda: forgotten.append(True))
    provisioned(board, target())
    assert forgotten == [True]


def test_newer_release_keys_of_the_terminal_stay(board: Board) -> None:
    wanted = target()
    wanted.entry.files["release-keys.bin"] = b"VRK1\0\1" + bytes(1164)
    found = provisioner.Wanted(wanted.entry, wanted.keys, provisioner._parts(wanted.entry, wanted.keys))  # noqa: SLF001
    provisioned(board, found)
    (board.folder / "release-keys.bin").write_bytes(b"VRK1\0\2" + bytes(1164))
    work = provisioned(board, found)
    assert work.nothing and "root 2 stay" in work.told[0]


def test_keys_are_checked_as_the_terminal_checks_them() -> None:
    assert to_bytes(check(declared_keys(), demo.keys()))["tmk"] == demo.TMK


def test_a_file_that_arrived_damaged_is_not_put_in_place(board: Board) -> None:
    class Noisy(Prompt):
        def run(self, call: str, heard: Callable[[str], object]) -> None:
            super().run(call.replace("piece('ca.der', b'YSBj", "piece('ca.der', b'YSBk"), heard)

    session, wanted = ProvisioningSession(Noisy(board)), target()
    work = provisioner.plan(wanted, session.look())
    with pytest.raises(NotTaken, match=r"ca\.der"):
        provisioner.write(session, wanted, work, lambda _what: None)
    session.commit()
    assert not (board.folder / "ca.der").exists()
