"""Which interpreter image this is: by its hash on a list, else by what it says of itself and a technician's word.

The list beside this file is pinned with the tool; `images pin FILE` adds to a list of the technician's own
(`VAFA_IMAGES`, or images.jsonl in the user's configuration folder). Opens no port.
"""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

import click

from tools.device import esp_image, uf2
from tools.device.errors import ImageUnfit, ImageUnknown
from tools.device.output import Output

_LIST = Path(__file__).with_name("stock_images.toml")
_SIZE_MAX = 8 * 1024 * 1024
_S3, _PICO = "s3", "pico"


@dataclass(frozen=True)
class Image:
    """A file that was looked at. `pinned` is where its hash stands: "tool", "technician" or ""."""

    path: Path
    raw: bytes
    board: str
    version: str
    said: str  # what it says of itself, for people
    sha256: str
    pinned: str


def read(path: Path) -> Image:
    """An image, whole and of a board we know. Raises ImageUnfit."""
    try:
        if path.stat().st_size > _SIZE_MAX:
            raise ImageUnfit(f"{path} is larger than the flash")
        raw = path.read_bytes()
    except OSError as error:
        raise ImageUnfit(f"{path}: {error.strerror}") from None
    sha256 = hashlib.sha256(raw).hexdigest()
    if raw[:4] == b"UF2\n":
        found = uf2.parsed(raw)
        said = f"UF2 for the RP2040, MicroPython {found.version or 'of unknown version'}"
        return Image(path, raw, _PICO, found.version, said, sha256, _pinned(sha256))
    esp = esp_image.parsed(raw)
    if esp.project != "micropython":
        raise ImageUnfit(f"its application calls itself {esp.project or 'nothing'}, not micropython")
    said = f"ESP32-S3, MicroPython {esp.version}, ESP-IDF {esp.idf}"
    return Image(path, raw, _S3, esp.version, said, sha256, _pinned(sha256))


def checked(path: Path, board: str) -> Image:
    """An image that may go onto this board. Raises ImageUnfit, ImageUnknown."""
    image = read(path)
    if board and image.board != board:
        raise ImageUnfit(f"{path.name} is for {image.board}, connected is {board}")
    if not image.pinned:
        raise ImageUnknown(f"{path.name}: {image.said}; sha256 {image.sha256}")
    return image


def _pinned(sha256: str) -> str:
    if any(row["sha256"] == sha256 for row in stock()):
        return "tool"
    return "technician" if any(row.get("sha256") == sha256 for row in own()) else ""


def stock() -> list[dict[str, str]]:
    """The list that came with the tool."""
    return list(tomllib.loads(_LIST.read_text(encoding="utf-8"))["image"])


def own_list() -> Path:
    """The technician's."""
    named = os.environ.get("VAFA_IMAGES")
    return Path(named) if named else Path(click.get_app_dir("vafa")) / "images.jsonl"


def own() -> list[dict[str, str]]:
    """What the technician pinned; lines nobody can read count as not there."""
    try:
        lines = own_list().read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    rows = []
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            rows.append(row)
    return rows


@click.group("images")
def images() -> None:
    """Interpreter images: which are known, what a file is."""


@images.command("list")
@click.pass_obj
def list_images(output: Output) -> None:
    """Show the pinned images."""
    rows = [("tool", row) for row in stock()] + [("technician", row) for row in own()]
    for by, row in rows:
        names = ("file", "board", "version", "note", "sha256")
        file, board, version, note, sha256 = (str(row.get(name, "")) for name in names)
        output.event("image", pinned=by, file=file, board=board, sha256=sha256)
        # No table: names and hashes are compared letter by letter, whatever the window's width.
        output.say(file)
        output.say(f"  sha256 {sha256}")
        output.say(f"  {board}, MicroPython {version}, pinned by the {by}" + (f": {note}" if note else ""))


@images.command("show")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def show_image(output: Output, file: Path) -> None:
    """Say what FILE is."""
    _shown(output, read(file))


@images.command("pin")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def pin_image(output: Output, file: Path, yes: bool) -> None:
    """Put FILE on your own list.

    First compare its hash with the source you trust.
    """
    image = read(file)
    _shown(output, image)
    if image.pinned:
        output.say(f"already pinned by the {image.pinned}")
        return
    if not yes:
        click.confirm("Is this the hash its source gives?", err=True, abort=True)
    path = own_list()
    row = {"file": file.name, "board": image.board, "version": image.version, "sha256": image.sha256}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as kept:
            kept.write(json.dumps(row) + "\n")
    except OSError as error:
        raise ImageUnknown(f"{path}: {error.strerror}", "Name another list with VAFA_IMAGES.") from None
    output.event("result", pinned=image.sha256, list=str(path))
    output.say(f"pinned in {path}")


def _shown(output: Output, image: Image) -> None:
    output.event(
        "image",
        file=str(image.path),
        board=image.board,
        version=image.version,
        sha256=image.sha256,
        pinned=image.pinned,
        said=image.said,
    )
    output.say(f"{image.path.name}: {image.said}")
    output.say(f"sha256 {image.sha256}, {'pinned by the ' + image.pinned if image.pinned else 'not pinned'}")
