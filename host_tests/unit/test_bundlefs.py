"""The program's bundle: what is in it is imported from it on the device's interpreter; a damaged one is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from drivers.bundlefs import BundleDamaged, BundleFS
from firmware.screen.script import Script
from host_tests.patience import PATIENCE_S
from tools.sim import image
from tools.sim.bundle import bundle
from tools.sim.layout import LAYOUTS

FILES = {
    "a.py": b"x = 1\n",
    "pack/__init__.py": b"# package\n",
    "pack/b.py": b"y = 2\n" * 400,
    "deep/er/c.bin": bytes(range(256)),
    "pack/empty.py": b"",
    "pack/glyphs.tbl": bytes(range(200)),
}


def written(tmp_path: Path, raw: bytes) -> str:
    path = tmp_path / "program.bundle"
    path.write_bytes(raw)
    return str(path)


def read(system: BundleFS, path: str) -> bytes:
    out, buf = bytearray(), bytearray(100)
    file = system.open(path, "rb")
    while count := file.readinto(buf):
        out += buf[:count]
    return bytes(out)


def test_every_file_reads_back_and_folders_are_folders(tmp_path: Path) -> None:
    system = BundleFS(written(tmp_path, bundle(FILES)))
    for name, content in FILES.items():
        assert read(system, "/" + name) == content
        assert system.stat(name)[0] == 0x8000 and system.stat(name)[6] > 0
    for folder in ("pack", "deep", "deep/er"):
        assert system.stat("/" + folder)[0] == 0x4000
    for missing in ("/", "b.py", "pack/c.py", "packs"):
        with pytest.raises(OSError):
            system.open(missing, "rb")
    with pytest.raises(OSError):
        system.open("a.py", "wb")


def test_a_table_is_read_from_any_place_while_others_are_read(tmp_path: Path) -> None:
    files = {"one.tbl": bytes(range(200)), "two.tbl": bytes(range(100, 250)), "a.py": b"x = 1\n"}
    system = BundleFS(written(tmp_path, bundle(files)))
    one, two = system.open("/one.tbl", "rb"), system.open("/two.tbl", "rb")
    piece = bytearray(50)
    one.seek(20)
    two.seek(120)
    assert one.readinto(piece) == 50 and piece == files["one.tbl"][20:70]
    assert read(system, "a.py") == files["a.py"]
    assert two.readinto(piece) == 30 and piece[:30] == files["two.tbl"][120:], "an entry ends where it ends"
    assert two.readinto(piece) == 0 and two.read(5) == b""
    assert one.readinto(piece) == 50 and piece == files["one.tbl"][70:120]
    one.close()
    assert two.seek(1000) == 150 and two.readinto(piece) == 0
    assert system.stat("one.tbl")[6] == 200


def test_a_bundle_cut_off_anywhere_or_with_any_byte_changed_is_refused(tmp_path: Path) -> None:
    good = bundle({"a.py": b"x = 1\n", "pack/b.py": b"y"})
    for size in range(len(good)):
        with pytest.raises(BundleDamaged):
            BundleFS(written(tmp_path, good[:size]))
    for at in range(len(good)):
        damaged = bytearray(good)
        damaged[at] ^= 0x10
        with pytest.raises(BundleDamaged):
            BundleFS(written(tmp_path, bytes(damaged)))
    with pytest.raises(BundleDamaged):
        BundleFS(written(tmp_path, good + b"\xff"))


def test_the_same_files_give_the_same_bundle_and_what_cannot_be_told_apart_is_refused() -> None:
    assert bundle(FILES) == bundle(dict(reversed(FILES.items())))
    same = {"plumless": b"1", "buckeroo": b"2"}  # two words with one CRC-32
    with pytest.raises(ValueError, match="CRC-32"):
        bundle(same)


def test_the_product_fits_the_smallest_boards_files_with_room_for_what_the_switch_gives() -> None:
    files = image.staged_files(image.REPOSITORY, "pico")
    blocks = sum(-(-len(content) // image.BLOCK) for content in files.values())
    room = LAYOUTS["pico"].partitions["vfs"][1] // image.BLOCK
    assert blocks <= room - 10, f"{blocks} of {room} blocks: 40 KB are for settings, rules and a hotlist"


def test_the_product_is_imported_from_its_bundle_by_the_devices_interpreter(tmp_path: Path) -> None:
    staged = image.staged_files(image.REPOSITORY)
    assert sorted(staged) == [
        *("boot.dat", "boot.py", "bundlefs.mpy", "main.py", "safe.vfu", "slot_a.vfu", "slots.mpy")
    ]
    for name in ("bundlefs.mpy", "slot_a.vfu"):
        (tmp_path / name).write_bytes(staged[name])
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys\n"
        f"sys.path[:] = [{str(tmp_path)!r}, '.frozen']\n"
        "from bundlefs import BundleFS\n"
        f"os.mount(BundleFS({str(tmp_path / 'slot_a.vfu')!r}, 2048), '/app')\n"
        "sys.path[:] = ['/app', '.frozen']\n"
        "import firmware.cards.reader, firmware.store.journal, drivers.rc522\n"
        "from firmware.screen.script import Script\n"
        "print(firmware.cards.reader.__file__, firmware.core.errors.VafaError.code)\n"
        "print(Script().width('\\u0633\\u0644\\u0627\\u0645', False, True))\n"
        "try:\n    import firmware.nothing\nexcept ImportError:\n    print('missing')\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "micropython_unix", str(program)],
        env={**os.environ, "MICROPYPATH": ".frozen"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.stdout.split() == [
        "/app/firmware/cards/reader.mpy",
        "X00",
        str(Script().width("سلام", False, True)),
        "missing",
    ], done.stderr
