"""Every refusal code: of this terminal's rules, and of the switch's DE39. The terminal itself needs no list of them."""

from firmware.core import refusals

LOCAL_REFUSALS = tuple(
    code
    for name, code in vars(refusals).items()
    if name.isupper() and not name.startswith("_") and isinstance(code, str) and code[0] in "PE"
)
HOST_REFUSALS = (*("H" + rc for rc in refusals._HOST_CODES), refusals.OTHER_HOST_REFUSAL)
