"""`label`: what is stuck onto a terminal, as PNG or SVG with a QR code; who it is and its key check value, no secret.

The size is in millimetres, drawn at 300 dots an inch. The QR code holds the same as the text, so that a phone reads it
into a stock list. Knows no terminal: the facts come from provisioning, from its ledger or from the running program.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

import click
from PIL import Image, ImageDraw, ImageFont
from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode

from tools.device import running
from tools.device.contact import Contact, contact_options
from tools.device.errors import TerminalSilent
from tools.device.file_names import file_name
from tools.device.probing import Answers
from tools.device.provision_errors import FileUnfit, NotNoted
from tools.device.terminal_file import Label, load

DPI = 300
_MM_PER_INCH_TENTHS = 254
_QUIET = 2  # modules of the code's empty edge; the label's own edge is white, too
_MARGIN_MM = 2
_SMALLEST = 3  # dots a module, a quarter of a millimetre: a phone reads no smaller one
_LARGER = "Write a larger label.size, or fewer label.fields."
_NAMES = {"tid": "ID", "serial": "SN", "board": "BOARD", "fw": "FW", "check": "KCV", "till": "TILL", "merchant": "SHOP"}


def dots(millimetres: int) -> int:
    """At 300 dots an inch, rounded down: a label is never wider than its paper."""
    return millimetres * DPI * 10 // _MM_PER_INCH_TENTHS


def spelt(facts: dict[str, object], fields: tuple[str, ...]) -> str:
    """What the QR code says. The check value is always there: it tells which keys the terminal has."""
    names = dict.fromkeys((*fields, "check"))
    return "VAFA1;" + ";".join(f"{name}={_escaped(str(facts.get(name) or '-'))}" for name in names)


def _escaped(value: str) -> str:
    """No value ends its field and begins another."""
    return re.sub(r"[;=%\x00-\x1f\x7f]", lambda sign: f"%{ord(sign[0]):02X}", value)


def lines(facts: dict[str, object], fields: tuple[str, ...]) -> list[str]:
    """The rows of text beside it."""
    names = dict.fromkeys((*fields, "check"))
    return [f"{_NAMES[name]} {facts.get(name) or '-'}" for name in names]


def _matrix(text: str) -> list[list[bool]]:
    code = QRCode(error_correction=ERROR_CORRECT_M, border=_QUIET)
    code.add_data(text)
    code.make(fit=True)
    return [[bool(module) for module in row] for row in code.get_matrix()]


def _places(label: Label, modules: int) -> tuple[int, int, int, int, int]:
    """Width, height, margin, dots a module of the code, and where the text begins. In dots."""
    width, height = dots(label.size_mm[0]), dots(label.size_mm[1])
    margin = dots(_MARGIN_MM)
    side = min(height - 2 * margin, width // 2 - margin)
    module = side // modules
    if module < _SMALLEST:
        raise FileUnfit(f"a label of {label.size_mm[0]}x{label.size_mm[1]} mm has no room for its code", _LARGER)
    return width, height, margin, module, margin + module * modules + margin // 2


def _font(rows: list[str], width: int, height: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The largest in which every row has room."""
    size = max(8, height // len(rows) * 4 // 5)
    while size > 8:
        font = ImageFont.load_default(size)
        if all(font.getlength(row) <= width for row in rows):
            return font
        size -= 1
    return ImageFont.load_default(8)


def png(path: Path, facts: dict[str, object], label: Label) -> None:
    """Black on white, one bit a dot."""
    matrix, rows = _matrix(spelt(facts, label.fields)), lines(facts, label.fields)
    width, height, margin, module, text_x = _places(label, len(matrix))
    image = Image.new("1", (width, height), 1)
    draw = ImageDraw.Draw(image)
    draw.fontmode = "1"
    top = (height - module * len(matrix)) // 2
    for y, row in enumerate(matrix):
        for x, dark in enumerate(row):
            if dark:
                at = (margin + x * module, top + y * module)
                draw.rectangle((at, (at[0] + module - 1, at[1] + module - 1)), fill=0)
    font = _font(rows, width - text_x - margin, height - 2 * margin)
    step = (height - 2 * margin) // len(rows)
    for number, row in enumerate(rows):
        draw.text((text_x, margin + number * step), row, fill=0, font=font)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, dpi=(DPI, DPI))


def svg(path: Path, facts: dict[str, object], label: Label) -> None:
    """The same in millimetres, for a label program."""
    matrix, rows = _matrix(spelt(facts, label.fields)), lines(facts, label.fields)
    width, height, margin, module, text_x = _places(label, len(matrix))
    top = (height - module * len(matrix)) // 2
    step = (height - 2 * margin) // len(rows)
    size = min(step * 4 // 5, *((width - text_x - margin) * 17 // 10 // len(row) for row in rows))
    squares = "".join(
        f"M{margin + x * module},{top + y * module}h{module}v{module}h-{module}z"
        for y, row in enumerate(matrix)
        for x, dark in enumerate(row)
        if dark
    )
    texts = "".join(
        f'<text x="{text_x}" y="{margin + number * step + size}">{escape(row)}</text>'
        for number, row in enumerate(rows)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{label.size_mm[0]}mm" height="{label.size_mm[1]}mm" '
        f'viewBox="0 0 {width} {height}"><rect width="{width}" height="{height}" fill="#fff"/>'
        f'<path d="{squares}"/><g font-family="sans-serif" font-size="{size}">{texts}</g></svg>\n',
        encoding="utf-8",
    )


def fitting(label: Label) -> Label:
    """One that has room for its code, whatever the terminal. Raises FileUnfit."""
    longest: dict[str, object] = {"tid": "00000000", "serial": "0" * 16, "board": "pico", "fw": "100.100.10000"}
    longest |= {"check": "000000", "till": 9999, "merchant": "M" * 15}
    _places(label, len(_matrix(spelt(longest, label.fields))))
    return label


def drawn(folder: Path, facts: dict[str, object], label: Label, form: str) -> Path:
    """The file of one terminal's label, named by its id."""
    path = folder / f"{file_name(facts['tid'])}.{form}"
    try:
        (png if form == "png" else svg)(path, facts, label)
    except OSError as error:
        raise NotNoted(f"{path}: {error.strerror or error}", "Name a folder that can be written.") from None
    return path


@click.command("label")
@click.option("--file", "path", type=click.Path(dir_okay=False, path_type=Path), help="The YAML file: size and fields.")
@click.option(
    "--ledger",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Draw all that this ledger of `batch` has done.",
)
@click.option(
    "--out", "folder", type=click.Path(file_okay=False, path_type=Path), default=Path("build/labels"), show_default=True
)
@click.option("--format", "form", type=click.Choice(["png", "svg"]), default="png", show_default=True)
@contact_options
def label_command(contact: Contact, path: Path | None, ledger: Path | None, folder: Path, form: str) -> None:
    """Draw the label of a terminal, or of all of a batch."""
    label = fitting(load(path).label) if path is not None else Label()
    if ledger is not None:
        from tools.device.batch_terminals import Ledger

        rows = [dict(row) for row in Ledger(ledger).done()]
        if not rows:
            contact.output.event("label", count=0)
            contact.output.say(f"nothing to draw: {ledger} calls no terminal done")
    else:
        found = contact.one(Answers.APPLICATION)
        told = running.asked(found.port)
        if told is None or not told.parts:
            raise TerminalSilent(f"{found.name} does not tell its check value")
        rows = [_facts_of(told)]
        if path is not None:
            entry = load(path).by_tid(told.tid)
            if entry is not None:
                rows[0] |= {"till": entry.till, "merchant": str(entry.settings["merchant_id"]).rstrip()}
    for facts in rows:
        if contact.dry_run:
            contact.output.say(f"would draw {facts['tid']}: {', '.join(lines(facts, label.fields))}")
            continue
        drawn_at = drawn(folder, facts, label, form)
        contact.output.event("label", tid=facts["tid"], file=str(drawn_at))
        contact.output.say(f"label {drawn_at}")


def _facts_of(told: running.Running) -> dict[str, object]:
    return {"tid": told.tid, "serial": told.serial, "board": told.board, "fw": told.version, "check": told.parts["tmk"]}
