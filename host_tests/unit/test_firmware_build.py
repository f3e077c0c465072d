"""`make firmware`: the same tree gives the same bytes anywhere; what the manifest says is what lies there, signed."""

from __future__ import annotations

import ast
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from firmware import version
from host_tests.patience import PATIENCE_S
from tools.firmware import build, program
from tools.firmware.__main__ import main
from tools.firmware.romfs import rom_image
from tools.release import development
from tools.release.program import HEAD
from tools.sim import image
from tools.sim.layout import LAYOUTS

ROOT = image.REPOSITORY


@pytest.fixture(scope="module")
def made() -> dict[str, bytes]:
    return build.build(ROOT, "s3")


def test_two_builds_are_byte_for_byte_the_same(
    made: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second of a copy elsewhere, with nothing compiled before."""
    tree = tmp_path / "a copy"
    for name in ("firmware", "drivers"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("boot.py", "main.py"):
        shutil.copy(ROOT / name, tree)
    monkeypatch.setattr(image, "BUILD", tmp_path / "build")
    monkeypatch.setattr(image, "_MADE", {})
    again = build.build(tree, "s3")
    assert sorted(again) == sorted(made)
    assert [name for name in made if again[name] != made[name]] == []


def test_the_manifest_is_true_and_signed_by_two_keys(made: dict[str, bytes]) -> None:
    said = json.loads(made["manifest.json"])
    assert (said["version"], said["build"], said["epoch"]) == (version.VERSION, version.BUILD, version.EPOCH)
    assert (said["abi"], said["minimum_boot_stage"], said["board"]) == (version.ABI, 1, "s3")
    assert said["development_keys"] is True
    assert set(said["files"]) == set(made) - {"manifest.json", "manifest.sig"}
    for name, told in said["files"].items():
        assert told == {"size": len(made[name]), "sha256": hashlib.sha256(made[name]).hexdigest()}, name
    seals = made["manifest.sig"]
    for at, signer in zip((0, 385), development.signers(), strict=False):
        assert seals[at + 1 : at + 385] == signer.sign(build.SIGNED_AS, made["manifest.json"])
    assert made[f"vafa-s3-{version.VERSION}.vfu"] == made["files/slot_a.vfu"]


def test_the_numbers_are_the_same_wherever_they_stand() -> None:
    said = program.numbers(ROOT)
    assert said == {
        "VERSION": version.VERSION, "BUILD": version.BUILD, "EPOCH": version.EPOCH, "BUILT_UTC": version.BUILT_UTC,
        "ABI": version.ABI, "stage": 1,
    }  # fmt: skip
    assert json.loads((ROOT / "package.json").read_text())["version"] == version.VERSION
    assert f'version = "{version.VERSION}"' in (ROOT / "pyproject.toml").read_text()
    module = image.compile_module(b"x = 1\n", "x")
    assert module[1] == version.ABI, "the byte code of the pinned compiler"


@pytest.mark.parametrize("board", build.BOARDS)
def test_the_volume_is_the_boards_region_and_holds_the_files(board: str) -> None:
    files = image.staged_files(ROOT, board)
    size = LAYOUTS[board].partitions["vfs"][1]
    volume = image.volume_image(files, size, program_size=LAYOUTS[board].program_size)
    assert len(volume) == size
    for name, content in files.items():
        assert image.read_file(volume, name) == content


def test_the_first_decision_is_slot_a_as_the_firmware_reads_it() -> None:
    from firmware.service.slots import State

    found = State(image.FIRST_DECISION)
    assert found.packed() == image.FIRST_DECISION == State().packed()
    assert (found.active, found.trial, found.tries, found.failed, found.flags) == ("a", "", 0, 0, 0)


def test_a_rom_file_system_is_imported_in_place_by_the_devices_interpreter(tmp_path: Path) -> None:
    path = tmp_path / "vafa.romfs"
    path.write_bytes(rom_image(image.compiled_modules(ROOT)))
    program_text = (
        "import vfs, sys\n"
        f"vfs.mount(vfs.VfsRom(memoryview(open({str(path)!r}, 'rb').read())), '/rom')\n"
        "sys.path[:] = ['/rom', '.frozen']\n"
        "import firmware.version\n"
        "from firmware.text import catalogue\n"
        "print(firmware.version.__file__, catalogue.load('en').error('F02')[0])\n"
    )
    command = [sys.executable, "-m", "micropython_unix", "-X", "heapsize=8M", "-c", program_text]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.stdout.split() == ["/rom/firmware/version.mpy", "Safe", "mode"], done.stderr


def test_a_frozen_build_holds_what_boot_py_imports() -> None:
    tree = ast.parse((ROOT / "manifest.py").read_text())
    modules = {
        (node.args[0].value, node.keywords[0].value.value)  # type: ignore[attr-defined]
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "module"
    }
    frozen = "build/firmware/frozen/"
    assert modules == {("slots.py", f"{frozen}firmware/service"), ("bundlefs.py", f"{frozen}drivers")}
    lean = image.lean_sources(ROOT)
    assert all(f"{folder.removeprefix(frozen)}/{name}" in lean for name, folder in modules)


def test_the_program_of_safe_mode_is_small_and_sells_nothing() -> None:
    names = program.safe_modules(ROOT)
    assert not [name for name in names if name.startswith(("firmware.cashier", "firmware.loyalty", "firmware.switch."))]
    assert "firmware.service.over_usb" in names
    assert "firmware.store.journal" not in names
    whole = image.staged_files(ROOT)
    assert len(whole["safe.vfu"]) - HEAD < 72 * 1024


def test_the_command_refuses_keys_that_cannot_sign_and_says_what_it_made(tmp_path: Path) -> None:
    runner = CliRunner()
    for wrong in (["--channel", "stable"], ["--key", "0=a"], ["--key", "0=a", "--key", "0=b"]):
        assert runner.invoke(main, ["build", "--out", str(tmp_path), *wrong]).exit_code == 2, wrong
    stale = tmp_path / "pico" / "files" / "firmware.bundle"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"old")
    done = runner.invoke(main, ["build", "--board", "pico", "--no-heap", "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "vfs.bin" in done.output
    assert not stale.exists()
    assert not (tmp_path / "pico" / "files" / "safe.vfu").exists(), "no room: it runs from the slot there"
    assert "firmware/service/slots.mpy" in (tmp_path / "pico" / "report.txt").read_text()
