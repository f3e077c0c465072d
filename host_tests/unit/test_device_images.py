"""Interpreter images offline: what a download must be before it comes near a board, and where its pieces may go."""

from __future__ import annotations

import ast
import hashlib
import json
import struct
from pathlib import Path

import pytest
from click.testing import CliRunner

from host_tests.terminal import flash_kit as kit
from tools.device import esp_image, flash_plan, images, uf2, wiring
from tools.device.built import built
from tools.device.errors import ImageUnfit, ImageUnknown, PlanUnfit, WrongBoard
from tools.device.flash_plan import Piece, Plan
from tools.device.output import Output
from tools.sim.layout import LAYOUTS

ROOT = Path(__file__).parents[2]
FILES = {"boot.py": b"1"}


@pytest.fixture(autouse=True)
def _own_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAFA_IMAGES", str(tmp_path / "own" / "images.jsonl"))


def image(tmp_path: Path, raw: bytes, name: str = "image.bin") -> images.Image:
    path = tmp_path / name
    path.write_bytes(raw)
    return images.read(path)


def test_the_list_shows_each_name_and_hash_as_a_whole_in_a_narrow_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    images.own_list().parent.mkdir()
    images.own_list().write_text('{"file": "mine.bin", "sha256": "%s"}\n{"file": "no-hash.bin"}\n' % ("5a" * 32))
    shown = CliRunner().invoke(images.images, ["list"], obj=Output(as_json=False))
    assert shown.exit_code == 0, shown.output
    for row in [*images.stock(), {"file": "mine.bin", "sha256": "5a" * 32}]:
        assert f"{row['file']}\n  sha256 {row['sha256']}\n" in shown.output


# --- ESP32-S3 -----------------------------------------------------------------------------------------------------


def test_the_table_is_what_the_boot_loader_reads() -> None:
    table = esp_image.table()
    # gen_esp32part: magic, type, subtype, offset, size, 16 bytes of name, flags.
    assert table[:32].hex() == "aa5001020090000000600000" + b"nvs".ljust(16, b"\0").hex() + "00000000"
    assert table[64:96].hex() == "aa5000000000010000003000" + b"factory".ljust(16, b"\0").hex() + "00000000"
    assert table[128:160].hex() == "aa5001810000410000001000" + b"txlog".ljust(16, b"\0").hex() + "00000000"
    rows = 7 * 32
    assert table[rows : rows + 32] == b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(table[:rows]).digest()
    assert table[rows + 32 :] == b"\xff" * (0xC00 - rows - 32)
    assert len(esp_image.table_rows_of(table)) == 7


def test_a_download_is_known_by_what_it_says_of_itself(tmp_path: Path) -> None:
    found = image(tmp_path, kit.download(kit.application("v1.29.0")))
    assert (found.board, found.version, found.pinned) == ("s3", "v1.29.0", "")
    assert "MicroPython v1.29.0, ESP-IDF v5.5.1" in found.said


def test_a_loader_built_for_less_flash_learns_of_8_mb_and_stays_whole() -> None:
    small = kit.esp_part(b"\x22" * 500, flash=0x2F)
    found = esp_image.parsed(kit.download(loader=small))
    assert found.loader[3] == 0x3F and esp_image.whole(found.loader, "loader") == found.loader


@pytest.mark.parametrize(
    "at", [0, 12, 40, 2999, esp_image.TABLE_AT, kit.APPLICATION_AT + 12, kit.APPLICATION_AT + 9000, -1]
)
def test_one_wrong_byte_and_the_file_is_refused(tmp_path: Path, at: int) -> None:
    raw = bytearray(kit.download())
    raw[at] ^= 0x40
    with pytest.raises(ImageUnfit):
        image(tmp_path, bytes(raw))


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (kit.download()[:-100], "ends too early|damaged"),
        (kit.download(kit.esp_part(b"\x01" * 400)), "does not say what it is"),
        (kit.download(kit.application(project="arduino")), "calls itself arduino"),
        (kit.application(), "application alone"),
        (kit.download(loader=kit.esp_part(b"\x01" * 400, chip=0)), "another chip"),
        (b"", "no boot loader"),
        (b"MZ" + bytes(70_000), "no boot loader"),
    ],
)
def test_what_is_no_download_for_this_chip_is_refused(tmp_path: Path, raw: bytes, said: str) -> None:
    with pytest.raises(ImageUnfit, match=said):
        image(tmp_path, raw)


def test_an_image_needs_somebody_to_vouch_for_it(tmp_path: Path) -> None:
    found = image(tmp_path, kit.download())
    with pytest.raises(ImageUnknown, match=found.sha256):
        images.checked(found.path, "s3")
    images.own_list().parent.mkdir()
    images.own_list().write_text('not json\n{"sha256": "%s"}\n' % found.sha256)
    assert images.checked(found.path, "s3").pinned == "technician"
    with pytest.raises(ImageUnfit, match="connected is pico"):
        images.checked(found.path, "pico")


def test_the_list_of_the_tool_is_whole() -> None:
    rows = images.stock()
    assert {row["board"] for row in rows} == set(LAYOUTS)
    assert all(len(bytes.fromhex(row["sha256"])) == 32 and row["version"] in row["file"] for row in rows)
    assert len({row["sha256"] for row in rows}) == len(rows)


# --- the map ------------------------------------------------------------------------------------------------------


def test_a_plan_writes_three_places_and_names_all(tmp_path: Path) -> None:
    made = flash_plan.plan(image(tmp_path, kit.download()), FILES)
    assert [(piece.place, piece.at) for piece in made.pieces] == [
        ("loader", 0),
        ("table", 0x8000),
        ("interpreter", 0x10000),
    ]
    names = [place.name for place in flash_plan.places("s3")]
    assert names == ["loader", "table", "nvs", "phy_init", "interpreter", "vfs", "txlog", "members", "vault"]


@pytest.mark.parametrize(
    "piece",
    [
        Piece("txlog", 0x410000, b"\xff"),
        Piece("vfs", 0x310000, b"\xff"),
        Piece("interpreter", 0x20000, b"\xe9"),
        Piece("interpreter", 0x10000, b"\xe9" * (0x300000 + 1)),
        Piece("table", 0x8000, b"\xaa" * 0x1001),
        Piece("loader", 0, b"\xe9" * 0x8001),
        Piece("loader", 0, b""),
    ],
)
def test_a_piece_outside_its_place_is_refused(piece: Piece) -> None:
    with pytest.raises(PlanUnfit):
        flash_plan.check(Plan("s3", "v1.29.0", (piece,), {}))


# --- Pico W -------------------------------------------------------------------------------------------------------


def blocks(content: bytes, start: int = uf2.FLASH_AT, family: int = uf2.RP2040) -> list[bytearray]:
    pages = [content[at : at + 256].ljust(256, b"\0") for at in range(0, len(content), 256)]
    return [
        bytearray(
            struct.pack("<IIIIIIII", 0x0A324655, 0x9E5D5157, 0x2000, start + n * 256, 256, n, len(pages), family)
            + page
            + bytes(220)
            + struct.pack("<I", 0x0AB16F30)
        )
        for n, page in enumerate(pages)
    ]


TERMINALS = b"MicroPython v1.29.0 on 2026-08-24".ljust(700, b".") + uf2.MARK


def test_a_build_for_terminals_is_taken_and_the_stock_one_is_not(tmp_path: Path) -> None:
    found = image(tmp_path, b"".join(blocks(TERMINALS)), "pico.uf2")
    assert (found.board, found.version) == ("pico", "v1.29.0")
    made = flash_plan.plan(found, FILES)
    assert made.pieces[0].at == uf2.FLASH_AT and made.pieces[0].content.startswith(TERMINALS)
    stock = image(tmp_path, b"".join(blocks(TERMINALS[:700])), "stock.uf2")
    with pytest.raises(ImageUnfit, match="the place of the store"):
        flash_plan.plan(stock, FILES)


def test_no_block_may_reach_the_store(tmp_path: Path) -> None:
    last = uf2.STORAGE_AT - 256 * len(blocks(TERMINALS))
    image(tmp_path, b"".join(blocks(TERMINALS, last)), "pico.uf2")
    with pytest.raises(ImageUnfit, match="outside the program's place"):
        image(tmp_path, b"".join(blocks(TERMINALS, last + 256)), "pico.uf2")


@pytest.mark.parametrize("mistake", ["missing", "twice", "family", "end", "cut", "other count"])
def test_a_file_whose_blocks_are_not_all_right_is_refused(tmp_path: Path, mistake: str) -> None:
    made = blocks(TERMINALS)
    if mistake == "missing":
        del made[1]
    elif mistake == "twice":
        made[2][12:16] = made[1][12:16]
    elif mistake == "family":
        made = blocks(TERMINALS, family=0xE48BFF59)
    elif mistake == "end":
        made[1][-1] ^= 1
    elif mistake == "cut":
        del made[-1][100:]
    else:
        made[0][24] ^= 1
    with pytest.raises(ImageUnfit):
        image(tmp_path, b"".join(made), "pico.uf2")


# --- what is frozen, and what is needed beside it -------------------------------------------------------------------


def test_the_pico_s_own_boot_file_ends_where_the_store_begins() -> None:
    text = (ROOT / "tools" / "device" / "pico" / "_boot.py").read_text()
    start, size = LAYOUTS["pico"].partitions["vfs"]
    assert start == 0 and f"_SIZE = 0x{size:X}" in text
    assert uf2.MARK.decode() in text and uf2.MARK.endswith(f"{size:#x}".encode())
    manifest = (ROOT / "tools" / "device" / "pico" / "manifest.py").read_text()
    # Two modules of one name do not link: of the port's own folder only the other one is taken.
    assert "boards/manifest.py" not in manifest and '"rp2.py"' in manifest


def test_the_firmware_needs_no_package_beyond_a_stock_build() -> None:
    stock = {"array", "asyncio", "binascii", "collections", "cryptolib", "deflate", "errno", "esp32", "framebuf", "gc"}
    stock |= {"hashlib", "io", "json", "machine", "micropython", "network", "os", "rp2", "select", "socket", "struct"}
    stock |= {"sys", "time", "tls", "vfs", "bundlefs", "slots"}  # the last two lie beside the program
    needed: set[str] = set()
    for path in [
        *(ROOT / "firmware").rglob("*.py"),
        *(ROOT / "drivers").rglob("*.py"),
        ROOT / "boot.py",
        ROOT / "main.py",
    ]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                needed |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                needed.add(node.module.partition(".")[0])
    assert needed - stock - {"firmware", "drivers", "typing"} == set(), "declare it in package.json and manifest.py"


# --- the files of a build, and the page of wires --------------------------------------------------------------------


def test_a_folder_of_a_build_is_taken_as_its_manifest_says_and_not_otherwise(tmp_path: Path) -> None:
    contents = {"boot.py": b"boot", "main.py": b"main", "slot_a.vfu": b"slot", "boot.dat": b"dat"}
    listed = {f"files/{name}": {"sha256": hashlib.sha256(content).hexdigest()} for name, content in contents.items()}
    (tmp_path / "files").mkdir()
    for name, content in contents.items():
        (tmp_path / "files" / name).write_bytes(content)
    said = {"board": "s3", "version": "1.2.3", "files": {**listed, "vfs.bin": {"sha256": ""}}}
    (tmp_path / "manifest.json").write_text(json.dumps(said))
    made = built(tmp_path, "s3")
    assert made.version == "1.2.3" and list(made.files) == ["slot_a.vfu", "boot.dat", "main.py", "boot.py"]
    with pytest.raises(WrongBoard):
        built(tmp_path, "pico")
    (tmp_path / "files" / "main.py").write_bytes(b"mine")
    with pytest.raises(ImageUnfit, match="main.py is not what"):
        built(tmp_path, "s3")
    with pytest.raises(ImageUnfit, match="no build"):
        built(tmp_path / "files", "s3")


def test_the_page_of_wires_is_what_the_firmware_uses() -> None:
    text = wiring.PAGE.read_text()
    assert wiring.filled(text) == text, "python -m tools.device.wiring"


@pytest.mark.parametrize("board", wiring.BOARDS)
def test_no_pin_is_used_twice_or_needed_by_the_chip_itself(board: str) -> None:
    used = [pin for _, _, pin, _ in wiring.wires(board) if pin is not None]
    assert len(set(used)) == len(used) == 22
    taken = {0, 3, 19, 20, *range(22, 38), 43, 44, 45, 46} if board == "s3" else {23, 24, 25, 29}
    assert not taken & set(used)
    if board == "pico":
        assert set(used) <= set(wiring.PICO_PINS) and len(set(wiring.PICO_PINS.values())) == 26
