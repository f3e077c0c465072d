"""The tables of a catalogue as dictionaries, read by a second way of reading."""

from firmware.text import english


def _table(text: str) -> dict[str, str]:
    pairs = [line.split(": ", 1) for line in text.strip().splitlines()]
    assert len({name for name, _ in pairs}) == len(pairs), "a key twice"
    return {name: words for name, words in pairs}


def texts() -> dict[str, str]:
    """name -> text."""
    return _table(english.TEXTS)


def errors() -> dict[str, tuple[str, str]]:
    """code -> (what happened, what to do next)."""
    found = {}
    for code, words in _table(english.ERRORS).items():
        what, next_step = words.split(" | ")
        found[code] = (what, next_step)
    return found
