"""A mobile number in every spelling people use, and the one the terminal keeps: ten digits 9xxxxxxxxx.

`(+98|0098|98|0)?9` and nine digits; Persian and Arabic digits, spaces and hyphens where a text comes over the line.
Operators' prefixes change, so none is asked for.
"""

from micropython import const

DIGITS = const(10)
TYPED_MOST = const(14)  # 0098 and ten digits
_PERSIAN = const(0x06F0)
_ARABIC = const(0x0660)


def canonical(text: str) -> str:
    """Ten digits, "" when it is no mobile number."""
    digits = _plain(text)
    for prefix in ("+98", "0098", "98", "0"):
        if digits.startswith(prefix) and len(digits) == len(prefix) + DIGITS:
            digits = digits[len(prefix) :]
            break
    if len(digits) != DIGITS or digits[0] != "9" or not digits.isdigit():
        return ""
    return digits


def grouped(typed: str) -> str:
    """What has been typed of a number, so that it can be read back: 0912 345 6789."""
    head = 4 if typed[:1] == "0" and typed[:2] != "00" else 3
    parts = [typed[:head], typed[head : head + 3], typed[head + 3 :]]
    return " ".join([part for part in parts if part])


def _plain(text: str) -> str:
    """ASCII digits and plus; what only separates is left out, anything else spoils the number."""
    out = ""
    for at in range(len(text)):
        letter = text[at : at + 1]  # cut out: the interpreter keeps a character that it hands out for good
        code = ord(letter)
        if _PERSIAN <= code < _PERSIAN + 10:
            out += chr(code - _PERSIAN + 0x30)
        elif _ARABIC <= code < _ARABIC + 10:
            out += chr(code - _ARABIC + 0x30)
        elif letter in "0123456789+":
            out += letter
        elif letter not in " -\u200c":
            return ""
    return out
