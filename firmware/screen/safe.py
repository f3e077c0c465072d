"""The screen of safe mode. Its program holds no other texts than these."""

from firmware.screen.lines import BIG, GAP, HINT, NOTE, WRAP, pair

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.screen.lines import Line
    from firmware.text.catalogue import Catalogue

CODE = "F02"


def safe_mode(text: "Catalogue") -> "list[Line]":
    """No key does anything: it tells what to do, and the code."""
    what, next_step = text.error(CODE)
    return [(BIG, text.get("big_no_sale")), (NOTE, what), (GAP, ""), (WRAP, next_step), (HINT, pair("", CODE))]
