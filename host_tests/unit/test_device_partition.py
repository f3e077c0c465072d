"""The layout of the flash stands in one place: tools, firmware and the page agree, and what cannot be is noticed."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from firmware import board as boards
from tools.device import cli, partition
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
