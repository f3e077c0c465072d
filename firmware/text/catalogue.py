"""The catalogue of one language: every text a person reads, keyed by name, and two lines for every code.

A language is a module with two tables, each one string: dictionaries of strings took 8 KB more of a board's heap.
A line of `TEXTS` is `name: text` with `{}` for fields, a line of `ERRORS` is `code: what happened | what to do`.
All languages have the same keys.
"""

from firmware.core.errors import SettingsError
from firmware.text import digits

LANGUAGES = ("en",)
_UNKNOWN_CODE = "X00"


class Catalogue:
    """Texts of one language."""

    def __init__(self, texts: str, errors: str) -> None:
        self._texts = texts
        self._errors = errors

    def get(self, name: str, *fields: object) -> str:
        """The text of this name with its fields filled in."""
        text = _find(self._texts, name)
        if text is None:
            raise KeyError(name)
        return text.format(*fields)

    def error(self, code: str) -> "tuple[str, str]":
        """(what happened, what to do next) of a code; a code nobody wrote a text for gets the general one."""
        text = _find(self._errors, code) or _find(self._errors, _UNKNOWN_CODE)
        if text is None:
            raise KeyError(code)
        what, _, next_step = text.partition(" | ")
        return what, next_step

    def age(self, seconds: int) -> str:
        """How long ago, in one unit."""
        name, count = digits.age(seconds)
        return self.get(name, count)


def load(language: str) -> Catalogue:
    """The catalogue of a language of the settings."""
    if language == "en":
        from firmware.text import english

        return Catalogue(english.TEXTS, english.ERRORS)
    raise SettingsError("no catalogue for language " + language)


def _find(table: str, key: str) -> "str | None":
    """What follows the key on its line."""
    key = "\n" + key + ": "
    at = table.find(key)
    if at < 0:
        return None
    at += len(key)
    return table[at : table.find("\n", at)]
