"""What a printer put on paper, and how it looks: text in a fixed font, pictures dot by dot, QR codes; as PNG.

A dot is a pixel. Knows no command and no wire: a `Piece` is what the printer has understood.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field

import qrcode
import qrcode.constants
from PIL import Image, ImageDraw, ImageFont

_CELL = (12, 24)  # font A
_FEED = 30  # dots a line of text takes, of a printer as it is delivered
_FONT_PX = (6, 11)  # Pillow's fixed font; doubled it fills the cell
_MARGIN = 16
_END = 24
_QUIET = 4  # modules that stay white around a code
_LEVELS = {
    48: qrcode.constants.ERROR_CORRECT_L,
    49: qrcode.constants.ERROR_CORRECT_M,
    50: qrcode.constants.ERROR_CORRECT_Q,
    51: qrcode.constants.ERROR_CORRECT_H,
}


@dataclass(frozen=True)
class Text:
    """A line as printed. `place` 0 left, 1 centred, 2 right; `wide` and `tall` are factors."""

    text: str
    place: int = 0
    bold: bool = False
    wide: int = 1
    tall: int = 1


@dataclass(frozen=True)
class Picture:
    """Rows of dots, `width` bytes each, highest bit left."""

    width: int
    dots: bytes
    place: int = 0


@dataclass(frozen=True)
class Code:
    """A QR code: what it says, dots of a module, the level's number in the command."""

    text: str
    module: int
    level: int
    place: int = 0


Piece = Text | Picture | Code


@dataclass
class Strip:
    """Paper between two cuts."""

    pieces: list[Piece] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """What was printed as text."""
        return [piece.text for piece in self.pieces if isinstance(piece, Text)]

    @property
    def codes(self) -> list[str]:
        """What its QR codes say."""
        return [piece.text for piece in self.pieces if isinstance(piece, Code)]

    def add(self, piece: Piece) -> None:
        """One more; a picture goes on where the one before it ended."""
        last = self.pieces[-1] if self.pieces else None
        if isinstance(piece, Picture) and isinstance(last, Picture) and last.width == piece.width:
            self.pieces[-1] = Picture(last.width, last.dots + piece.dots, last.place)
        else:
            self.pieces.append(piece)


def png(strip: Strip, dots: int) -> bytes:
    """The strip on paper `dots` wide, as a PNG with the paper's margins."""
    drawn = [_drawn(piece, dots) for piece in strip.pieces]
    height = sum(image.height for image in drawn)
    sheet = Image.new("1", (dots + 2 * _MARGIN, height + _MARGIN + _END), 1)
    y = _MARGIN
    for image in drawn:
        sheet.paste(image, (_MARGIN, y))
        y += image.height
    out = io.BytesIO()
    sheet.save(out, "PNG", optimize=True)
    return out.getvalue()


def _drawn(piece: Piece, dots: int) -> Image.Image:
    """One piece on a white ground as wide as the paper; what is wider is lost, as it is on paper."""
    if isinstance(piece, Text):
        image, height = _text(piece), max(_FEED, piece.tall * _CELL[1] + _FEED - _CELL[1])
    elif isinstance(piece, Picture):
        rows = len(piece.dots) // piece.width
        image = Image.frombytes("1", (piece.width * 8, rows), bytes(byte ^ 0xFF for byte in piece.dots))
        height = rows
    else:
        image = _code(piece)
        height = image.height
    ground = Image.new("1", (dots, height), 1)
    free = dots - image.width
    ground.paste(image, (max(0, (0, free // 2, free)[piece.place]), 0))
    return ground


def _text(piece: Text) -> Image.Image:
    """The font has the letters of Latin-1; another of code page 437 is drawn as `?`."""
    font = ImageFont.load_default_imagefont()
    small = Image.new("1", (max(1, _FONT_PX[0] * len(piece.text)), _CELL[1] // 2), 1)
    ImageDraw.Draw(small).text((0, 0), piece.text.encode("latin-1", "replace").decode("latin-1"), font=font, fill=0)
    image = small.resize((small.width * 2 * piece.wide, small.height * 2 * piece.tall))
    if piece.bold:  # a printer strikes twice, a dot apart
        again = Image.new("1", image.size, 1)
        again.paste(image, (1, 0))
        image = Image.frombytes(
            "1", image.size, bytes(a & b for a, b in zip(image.tobytes(), again.tobytes(), strict=True))
        )
    return image


def _code(piece: Code) -> Image.Image:
    code = qrcode.QRCode(error_correction=_LEVELS[piece.level], border=_QUIET)
    code.add_data(piece.text)
    rows = code.get_matrix()
    image = Image.new("1", (len(rows), len(rows)), 1)
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            if dark:
                image.putpixel((x, y), 0)
    return image.resize((image.width * piece.module, image.height * piece.module))
