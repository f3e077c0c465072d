"""The layout of the flash stands in one place: tools, firmware and the page agree, and what cannot be is noticed."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from firmware import board as boards
from firmware.core.errors import StoreError, StoreForeign, StoreNotReady
from firmware.core.types import ACCRUAL, OFFLINE, Transaction
from firmware.store.journal import Journal
from firmware.store.seal import Sealer
from tools.device import cli, partition
from tools.sim.chips.nor import Nor, NorPartition
from tools.sim.layout import LAYOUTS

PAGE = Path(__file__).parents[2] / "docs" / "partitions.md"
KB = 1024


def test_the_firmware_asks_for_what_the_layout_says() -> None:
    assert partition.differences("s3") == []
    assert partition.differences("pico") == []
    assert partition.asked_for("s3") == {"txlog": None, "members": None, "vault": None}
    assert set(partition.asked_for("pico").values()) == set(LAYOUTS["pico"].partitions.values()) - {(0, 440 * KB)}


def test_the_regions_have_the_sizes_the_stores_were_measured_with() -> None:
    sizes = {name: {r.name: r.size // KB for r in partition.regions(name)} for name in LAYOUTS}
    assert sizes["s3"] == {"vfs": 1024, "txlog": 1024, "members": 640, "vault": 24}
    assert sizes["pico"] == {"vfs": 440, "vault": 24, "txlog": 128, "members": 256}
    assert sum(sizes["pico"].values()) == 848, "the whole storage area of a Pico W"


def test_the_csv_is_what_gen_esp32part_reads() -> None:
    """Its rules: five fields and flags, a name of at most 15 bytes, data at whole sectors, nothing overlaps."""
    rows = [row for row in partition.table_rows() if not row.startswith("#")]
    end, names = 0x9000, set()
    for row in rows:
        name, kind, subtype, start, size, flags = (cell.strip() for cell in row.split(","))
        assert len(name) <= 15 and name not in names and flags == ""
        assert (kind, subtype) in {("data", "nvs"), ("data", "phy"), ("app", "factory"), ("data", "fat")}
        assert int(start, 0) >= end and int(start, 0) % (0x10000 if kind == "app" else 0x1000) == 0
        names.add(name)
        end = int(start, 0) + int(size, 0)
    assert end <= partition.S3_FLASH
    assert {"vfs", "txlog", "members", "vault"} < names


def test_the_other_tools_argument_says_the_same_as_the_csv() -> None:
    rows = partition.table_rows()
    csv = [tuple(cell.strip() for cell in row.split(",")) for row in rows if not row.startswith("#")]
    given = re.findall(r"(\w+)=(\w+):(0x\w+):(0x\w+)", rows[-1])
    assert given == [(name, subtype, start, size) for name, _, subtype, start, size, _ in csv]


@pytest.mark.parametrize(
    ("name", "place", "problem"),
    [
        ("vault", (440 * KB, 28 * KB), "vault runs into txlog"),
        ("members", (592 * KB, 260 * KB), "members goes beyond the flash"),
        ("vault", (440 * KB, 24 * KB - 1), "vault is not whole sectors"),
        ("txlog", (468 * KB, 124 * KB), "the firmware has txlog at (475136, 131072)"),
    ],
)
def test_a_layout_that_cannot_be_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, place: tuple[int, int], problem: str
) -> None:
    pico = LAYOUTS["pico"]
    changed = dataclasses.replace(pico, partitions={**pico.partitions, name: place})
    monkeypatch.setitem(LAYOUTS, "pico", changed)
    assert problem in partition.differences("pico")
    result = CliRunner().invoke(cli.main, ["--json", "partition", "--board", "pico", "--check"])
    assert result.exit_code == 6 and json.loads(result.stdout.splitlines()[-1])["code"] == "D60"


def test_a_region_the_firmware_calls_otherwise_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boards.Board, "vault_flash", lambda self: self._flash("keys", 440 * KB, 24 * KB))
    assert "the firmware does not ask for vault" in partition.differences("s3")


def test_a_region_the_firmware_has_elsewhere_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boards, "_PICO_VAULT_START", 436 * KB)
    assert partition.differences("pico") == [f"the firmware has vault at ({436 * KB}, {24 * KB})"]


def test_rows_for_tools_go_to_standard_output_alone() -> None:
    result = CliRunner().invoke(cli.main, ["partition", "--board", "s3"])
    assert result.stdout.splitlines() == partition.table_rows()
    assert "journal of transactions" in result.stderr
    both = CliRunner().invoke(cli.main, ["--json", "partition", "--check"])
    assert both.exit_code == 0
    told = [json.loads(line) for line in both.stdout.splitlines()]
    assert [line["region"] for line in told if line.get("board") == "pico" and "region" in line] == [
        "vfs",
        "vault",
        "txlog",
        "members",
    ]


def test_the_page_says_the_same() -> None:
    page = PAGE.read_text()
    for name in LAYOUTS:
        for region in partition.regions(name):
            row = f"| `{region.name}` | {region.start:#x} | {region.size // KB} KB |"
            assert row in page, row
    for row in (*partition.table_rows()[1:-1], *partition.flash_values()):
        assert row in page, row
    assert f"the regions need {sum(r.size for r in partition.regions('s3')) // KB:,} KB" in page
    free = 4096 * KB - 0x10000 - 2048 * KB  # beside an interpreter of 2 MB
    assert free < sum(r.size for r in partition.regions("s3"))
    assert f"leaves {LAYOUTS['pico'].flash_size // KB} KB behind" in page
    assert f"flash = rp2.Flash(start=0, len={dict(LAYOUTS['pico'].partitions)['vfs'][1]})" in page
    assert f"--flash-size {partition.S3_FLASH // KB // KB}M" in partition.table_rows()[-1] + page


# --- a row that was shifted, or resized -------------------------------------------------------------------------------

SEALER = Sealer(bytes(range(16)), b"VAFA0001")
FIRST, SIZE = 16, 16  # sectors of the journal in a flash of 48


def used(turns: int) -> Nor:
    """A flash with a journal in its middle and never-used neighbours; the ring went round so often."""
    nor = Nor(48 * 4096, None)
    nor.image[:] = used_image(turns)
    return nor


@functools.cache
def used_image(turns: int) -> bytes:
    nor = Nor(48 * 4096, None)
    journal = opened(nor, FIRST, SIZE)
    journal.continue_above(0)
    for n in range(turns * SIZE * 63 + 3):
        seq = journal.next_seq()
        journal.append(Transaction(seq, ACCRUAL, OFFLINE, b"\1\2\3\4", 2, n, 1, n, 2))
        if n % 60 == 59:
            journal.settle_all([t.seq for t in journal.pending()])
            while journal.idle_work():
                pass
    return bytes(nor.image)


def opened(nor: Nor, first: int, size: int) -> Journal:
    journal = Journal(NorPartition(nor, first * 4096, size, False), SEALER, 77)
    journal.open()
    return journal


@pytest.mark.parametrize("turns", [0, 1])
@pytest.mark.parametrize(("shift", "size"), [(1, 16), (-1, 16), (-5, 16), (5, 16), (0, 15), (0, 24), (-8, 32), (4, 8)])
def test_a_shifted_or_resized_region_is_recognised_and_left_untouched(turns: int, shift: int, size: int) -> None:
    nor = used(turns)
    first = FIRST + shift
    assert len(list(opened(nor, FIRST, SIZE).pending())) > 0
    before = bytes(nor.image)
    if turns == 0 and shift > 0:
        # The journal's one sector lies outside, the region is blank: a new journal begins, without numbers.
        with pytest.raises(StoreNotReady):
            opened(nor, first, size).next_seq()
        assert nor.image[FIRST * 4096 : (FIRST + 1) * 4096] == before[FIRST * 4096 : (FIRST + 1) * 4096]
        return
    with pytest.raises(StoreForeign) as told:
        opened(nor, first, size)
    assert size != SIZE or str(told.value) == f"region begins {shift} sectors from its place"
    assert nor.image == before
    assert len(list(opened(nor, FIRST, SIZE).pending())) > 0, "with the former table everything is there"


def test_a_region_over_what_something_else_wrote_is_left_untouched() -> None:
    nor = used(0)
    nor.image[20 * 4096 : 21 * 4096] = bytes(4096)
    before = bytes(nor.image)
    with pytest.raises(StoreError):
        opened(nor, 17, 16)
    assert nor.image == before
