"""What people can get wrong with the bench switch, each with a code that docs/bench-switch.md explains.

A text never repeats a key or a passphrase.
"""

from __future__ import annotations

CODES = {
    "B01": "no such database",
    "B02": "the database does not work",
    "B03": "workers need PostgreSQL",
    "B04": "the switch cannot serve",
    "B05": "a file cannot be used",
    "B06": "a module is missing",
    "B07": "no passphrase",
    "B08": "books of the first version",
    "B09": "no switch there",
    "B10": "no such member",
    "B11": "a member twice",
    "B12": "a member that cannot be",
    "B13": "points that cannot be booked",
    "B14": "no reason",
    "B15": "a contact that cannot be",
    "B16": "a birthday that cannot be",
    "B20": "no such card",
    "B21": "a card twice",
    "B22": "a card that cannot be",
    "B30": "no such terminal",
    "B31": "a terminal twice",
    "B32": "a terminal that cannot be",
    "B33": "unusable keys",
    "B40": "a list that cannot be read in",
    "B50": "the books are wrong",
    "B60": "a fault that cannot be",
    "B61": "a form that cannot be used",
    "B62": "a number or a text that cannot be",
    "B70": "no such allowance",
    "B71": "an allowance that may still be spent",
    "B80": "a number that cannot be",
    "B81": "nothing to clear or to open again",
    "B90": "rules that cannot be",
    "B91": "a setting that cannot be",
    "B92": "nothing to sign with",
    "B93": "rules that contradict",
    "B95": "no such batch",
    "B96": "a dispute that cannot be closed",
    "B97": "a remark that cannot be answered",
    "B98": "an offer or a voucher that cannot be",
    "B99": "a line for the counter that cannot be",
}


class LedgerError(ValueError):
    """What was asked of the books cannot be done; `code` is one of CODES, the text is for a person."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code

    def __str__(self) -> str:
        return f"{self.args[0]} [{self.code}]"
