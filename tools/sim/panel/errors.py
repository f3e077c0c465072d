"""What a hand at the panel asked for and cannot have: a code the page has a sentence for, in its own language."""

from __future__ import annotations


class PanelError(ValueError):
    """`code` names a sentence of page/words.json ("error.CODE"); `value` stands in its place for one."""

    def __init__(self, code: str, value: object = "") -> None:
        super().__init__(f"{code} {value}".strip())
        self.code = code
        self.value = str(value)
