"""The first flash as docs/first-flash.md tells it: ten steps with the real mpremote, a cable that is pulled, and boards
that stand where they should not. The loader and what lies behind it are played (host_tests/terminal/flash_kit.py)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tests.terminal import flash_kit as kit
from host_tests.terminal.flash_kit import Bench
from host_tests.terminal.test_provision import PASSPHRASE, Laptop
from host_tests.unit.test_device_images import blocks
from tools.device import uf2
from tools.device.esp_image import table
from tools.device.flash_plan import places
from tools.sim import demo
from tools.sim import image as staging
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start
from tools.sim.terminal import Terminal

pytestmark = pytest.mark.timeout(600)  # many processes one after the other; a busy machine takes its time


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[tuple[Bench, Stage]]:
    """The same bench beside a switch and an access point."""
    stage = Stage(Start(provisioned=False))
    try:
        stage.open()
        made = Bench(tmp_path, stage.terminal, stage.run)
        try:
            yield made, stage
        finally:
            made.close()
    finally:
        stage.close()


def asked(bench: Bench) -> list[tuple[str, list[str]]]:
    """What esptool was asked: verb and offsets."""
    return [tuple(json.loads(line)) for line in (bench.folder / "esptool.log").read_text().splitlines()]


def test_ten_steps(shop: tuple[Bench, Stage]) -> None:
    bench, stage = shop
    laptop = Laptop(stage, bench.folder)
    image = str(bench.image)

    code, events, told = bench.tool("list")  # 1
    assert code == 0 and events[-1]["devices"] == 0 and "tools ready, port rights ok" in told
    bench.plug_loader()  # 2
    code, events, told = bench.tool("list")  # 3
    assert code == 0 and (events[0]["state"], events[0]["board"]) == ("rom", "s3"), told
    code, events, told = bench.tool("flash", "--image", image, "--dry-run")
    assert code == 5 and events[-1]["code"] == "D74", told
    assert bench.tool("images", "pin", image, "--yes")[0] == 0
    code, events, told = bench.tool("flash", "--image", image, "--dry-run")  # 4
    assert code == 0 and "store empty" in told and "nothing was written" in told
    assert {event["region"]: event["write"] > 0 for event in events if event["event"] == "region"} == {
        place.name: place.name in ("loader", "table", "interpreter") for place in places("s3")
    }
    assert (bench.folder / "chip.bin").read_bytes().strip(b"\xff") == b""

    code, events, told = bench.tool("flash", "--image", image, "--yes")  # 5, 6, 7
    assert code == 0, told
    assert "verified 3 of 3 regions" in told and "verified 7 of 7 files" in told
    assert events[-1]["event"] == "result" and events[-1]["state"] == "prompt" and events[-1]["running"], events[-1]
    verbs = [verb for verb, _ in asked(bench)]
    assert set(verbs) == {"flash-id", "read-flash", "write-flash", "verify-flash"}
    assert all(offsets == ["0x0", "0x8000", "0x10000"] for verb, offsets in asked(bench) if verb == "write-flash")
    chip = (bench.folder / "chip.bin").read_bytes()
    assert chip[0x8000 : 0x8000 + len(table())] == table()
    beneath = (0x9000, 0x10000), (0x410000, len(chip))
    assert all(chip[start:end].strip(b"\xff") == b"" for start, end in beneath), "what stays is as it was"

    given = ["--file", str(laptop.file), "--passphrase-env", "SHOP"]
    code, events, told = bench.tool("provision", *given, "--yes", SHOP=PASSPHRASE)  # 8
    assert code == 0, told
    assert stage.run_until(lambda: any("READY" in line for line in stage.screen_lines()), 60_000), stage.screen_lines()
    code, events, told = bench.tool("health")  # 9
    assert code in (0, 1) and len(events) > 5, told
    code, events, told = bench.tool("verify", "--maintenance", "--yes")
    assert code == 0 and "verified 7 of 7 files" in told, told
    code, events, told = bench.tool("info")
    assert code == 0 and events[-1]["terminal"] == demo.TERMINAL_ID, told
    code, events, told = bench.tool("label", "--file", str(laptop.file))  # 10
    assert code == 0 and list(bench.folder.rglob("*.png")), told
    code, events, told = bench.tool("bundle")
    assert code == 0 and list(bench.folder.rglob("support/*.zip")), told


def test_the_cable_is_pulled_while_the_interpreter_and_then_the_files_are_written(bench: Bench) -> None:
    bench.plug_loader()
    assert bench.tool("images", "pin", str(bench.image), "--yes")[0] == 0
    command = ["flash", "--image", str(bench.image), "--yes", "--timeout", "4"]
    (bench.folder / "cut").write_text("3")
    code, events, told = bench.tool(*command)
    assert code == 6 and events[-1]["code"] == "D76", told
    (bench.folder / "cut").unlink()

    before = bench.terminal.flash_ops

    def pull() -> None:
        if not bench.pulled and bench.terminal.powered and bench.terminal.flash_ops - before > 1500:
            bench.pull()

    code, events, told = bench.tool(*command, meanwhile=pull)
    assert bench.pulled and code == 4, told
    reached = max(event["done"] for event in events if event.get("what") == "slot_a.vfu")
    bench.plug()
    code, events, told = bench.tool(*command)
    assert code == 0 and "verified 7 of 7 files" in told and "interpreter: unchanged" in told, told
    first = next(event["done"] for event in events if event.get("what") == "slot_a.vfu")
    assert 100_000 < reached < first + 50_000, "the part that came over is gone on with"
    assert sum(verb == "write-flash" for verb, _ in asked(bench)) == 2


def test_another_store_s_place_and_a_store_the_loader_cannot_count_are_refused_and_saved(bench: Bench) -> None:
    assert bench.tool("images", "pin", str(bench.image), "--yes")[0] == 0
    bench.plug_loader()
    chip = bytearray((bench.folder / "chip.bin").read_bytes())
    chip[0x8000 : 0x8000 + len(table())] = table()
    chip[0x410000:0x410004] = b"VAFA"
    (bench.folder / "chip.bin").write_bytes(chip)
    command = ["flash", "--image", str(bench.image), "--yes"]
    code, events, told = bench.tool(*command)
    assert code == 5 and events[-1]["code"] == "D62", told
    saved = bench.folder / next(event["file"] for event in events if event["event"] == "saved")
    assert saved.read_bytes() == chip[0x410000:0x510000]
    code, events, told = bench.tool(*command, "--discard", "unreadable", "--serial", "000000000000")
    assert code == 5 and events[-1]["code"] == "D63", told
    assert (bench.folder / "chip.bin").read_bytes() == chip
    moved = chip[:]
    moved[0x8000 : 0x8000 + len(table())] = table().replace(
        b"\x00\x00\x41\x00\x00\x00\x10\x00", b"\x00\x00\x42\x00\x00\x00\x10\x00"
    )
    moved[0x420000:0x420004] = b"VAFA"
    (bench.folder / "chip.bin").write_bytes(moved)
    code, events, told = bench.tool(*command, "--discard", "unreadable", "--serial", "f412fa4a8b68")
    assert code == 5 and events[-1]["code"] == "D75", told
    assert (bench.folder / "chip.bin").read_bytes() == moved


def test_another_chip_s_image_and_two_boards_are_refused_before_anything_is_asked(bench: Bench) -> None:
    bench.plug_loader()
    bench.image.write_bytes(kit.download(loader=kit.esp_part(b"\x01" * 400, chip=5)))
    code, events, told = bench.tool("flash", "--image", str(bench.image), "--yes")
    assert code == 9 and events[-1]["code"] == "D73", told
    two = f"{bench.port}:{bench.port}"
    code, events, told = bench.tool("flash", "--yes", VAFA_PORTS=two)
    assert code == 3 and events[-1]["code"] == "D70", told
    code, events, told = bench.tool("flash", "--yes", VAFA_PORTS="")
    assert code == 3 and events[-1]["code"] == "D09", told
    assert not (bench.folder / "esptool.log").exists()


def test_a_pico_w_takes_its_file_on_a_drive_and_comes_back_under_its_port(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    bench = Bench(tmp_path, Terminal("pico", tree=tmp_path / "none"))
    try:
        image = tmp_path / "terminal.uf2"
        text = f"MicroPython v1.29.0 {kit.VERSION}".encode().ljust(5000, b".") + uf2.MARK
        image.write_bytes(b"".join(blocks(text)))
        assert bench.tool("images", "pin", str(image), "--yes")[0] == 0
        drive = tmp_path / "RPI-RP2"
        drive.mkdir()
        (drive / "INFO_UF2.TXT").write_text("UF2 Bootloader v3.0\nModel: Raspberry Pi RP2\nBoard-ID: RPI-RP2\n")

        def started() -> None:
            got = drive / image.name
            if got.exists() and got.stat().st_size == image.stat().st_size and (drive / "INFO_UF2.TXT").exists():
                (drive / "INFO_UF2.TXT").unlink()
                start, size = bench.terminal.layout.partitions["vfs"]
                made = staging.volume_image({}, size, program_size=bench.terminal.layout.program_size)
                bench.terminal.nor.image[start : start + size] = made
                bench.plug()

        code, events, told = bench.tool(
            "flash", "--image", str(image), "--yes", meanwhile=started, VAFA_BOOTSEL=str(drive)
        )
        assert code == 0, told
        assert "store not readable here, not touched" in told and "store empty" in told
        assert events[-1]["running"] and bench.terminal.layout.page_only
    finally:
        bench.close()
        bench.terminal.close()
