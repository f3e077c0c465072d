"""Builds what is flashed and published for one board: files, signed update, images, manifest. Sizes in bytes.

    BOARD/files/          the root of the terminal's file system, as it is copied there
    BOARD/vafa-BOARD-VERSION.vfu   the update: slot a under another name
    BOARD/vfs.bin         a LittleFS volume of these files, as large as the board's region
    BOARD/vafa.romfs      all modules and tables as ROMFS, for builds that run them from flash
    BOARD/manifest.json   what all of it is, with SHA-256 and sizes; manifest.sig its two signatures


Beside the boards lies `frozen/`: every module's source as it is compiled, for an interpreter that holds the program
(manifest.py).

Nothing depends on the clock, the folder or the machine: two builds of one tree are byte for byte the same.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tools.firmware import program
from tools.firmware.romfs import rom_image
from tools.release import development
from tools.release.program import HEAD
from tools.sim import image
from tools.sim.layout import LAYOUTS

BOARDS = tuple(LAYOUTS)
SIGNED_AS = b"vafa-build-1"
FORM = 1


def build(tree: Path, board: str, signing: program.Signing | None = None) -> dict[str, bytes]:
    """Every file of one board's build: path below the board's folder -> content."""
    signing = signing or program.development_keys()
    facts = program.numbers(tree)
    layout = LAYOUTS[board]
    files = image.staged_files(tree, board, signing)
    made = {f"files/{name}": content for name, content in files.items()}
    made[f"vafa-{board}-{facts['VERSION']}.vfu"] = files[image.SLOT]
    made["vfs.bin"] = image.volume_image(files, layout.partitions["vfs"][1], program_size=layout.program_size)
    made["vafa.romfs"] = rom_image(image.compiled_modules(tree, board))
    manifest = json.dumps(_manifest(facts, board, made, signing), indent=1, sort_keys=True).encode() + b"\n"
    seals = b"".join(bytes((place,)) + signer.sign(SIGNED_AS, manifest) for place, signer in signing.signers)
    return {**made, "manifest.json": manifest, "manifest.sig": seals}


def _manifest(
    facts: dict[str, int | str], board: str, made: dict[str, bytes], signing: program.Signing
) -> dict[str, object]:
    return {
        "v": FORM,
        "board": board,
        "version": facts["VERSION"],
        "build": facts["BUILD"],
        "epoch": facts["EPOCH"],
        "abi": facts["ABI"],
        "minimum_boot_stage": facts["stage"],
        "built_utc": facts["BUILT_UTC"],
        "compiler": image.compiler_version(),
        "channel": signing.channel,
        "root": signing.root,
        "development_keys": signing.channel == development.CHANNEL,
        "room": LAYOUTS[board].partitions["vfs"][1],
        "program": len(made[f"files/{image.SLOT}"]) - HEAD,
        "files": {
            name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in sorted(made.items())
        },
    }


def write(folder: Path, made: dict[str, bytes]) -> None:
    """Into this folder; what an earlier build left there goes."""
    for path in sorted(folder.rglob("*"), reverse=True) if folder.exists() else ():
        if path.is_file() and path.relative_to(folder).as_posix() not in made:
            path.unlink()
    for name, content in made.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
