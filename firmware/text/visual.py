"""What is drawn for a text, from left to right: letters in their forms, digits of the language, numbers in place.

Any str is taken; at most `MAX_LETTERS` of its characters count. Knows no pixels.
"""

from firmware.text.bidi import order
from firmware.text.shaping import shaped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from array import array


def visual(text: str, rtl: bool) -> "array[int]":
    """Codes of the glyphs, left to right; with `rtl` the row runs from right to left and its digits are Persian."""
    codes = shaped(text)
    order(codes, rtl)
    return codes
