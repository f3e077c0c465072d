"""The catalogue of one language: every text a person reads, keyed by name, and two lines for every code.

A language is a module with `TEXTS` (name -> text with `{}` fields) and `ERRORS` (code -> what happened, what to do).
All languages have the same keys.
"""

from firmware.core.errors import SettingsError
from firmware.text import digits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Mapping

LANGUAGES = ("en",)
_UNKNOWN_CODE = "X00"


class Catalogue:
    """Texts of one language."""

    def __init__(self, texts: "Mapping[str, str]", errors: "Mapping[str, tuple[str, str]]") -> None:
        self._texts = texts
        self._errors = errors

    def get(self, name: str, *fields: object) -> str:
        """The text of this name with its fields filled in."""
        return self._texts[name].format(*fields)

    def error(self, code: str) -> "tuple[str, str]":
        """(what happened, what to do next) of a code; a code nobody wrote a text for gets the general one."""
        return self._errors.get(code) or self._errors[_UNKNOWN_CODE]

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
