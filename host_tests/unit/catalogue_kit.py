"""The texts as people write them, by name: what the catalogue must say."""

from tools.texts import source

LANGUAGES = source.LANGUAGES


def texts(language: str = "en") -> dict[str, str]:
    """name -> text."""
    return {name: text for name, text in source.read(language).items() if not source.is_code(name)}


def errors(language: str = "en") -> dict[str, tuple[str, str]]:
    """code -> (what happened, what to do next)."""
    found = {}
    for code, words in source.read(language).items():
        if source.is_code(code):
            what, next_step = words.split(source.BETWEEN)
            found[code] = (what, next_step)
    return found
