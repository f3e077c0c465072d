"""Which language a terminal speaks that cannot look up the counter's choice. Knows the settings file, and no screen."""

import json

from micropython import const

from firmware.text import catalogue

_SETTINGS = const("/config/settings.json")


def as_set() -> "catalogue.Catalogue":
    """The catalogue of what settings.json seems to say. A terminal without settings speaks to technicians: English."""
    try:
        with open(_SETTINGS) as file:
            language = json.load(file).get("language", catalogue.LANGUAGES[0])
    except (OSError, ValueError, AttributeError):
        language = ""
    return catalogue.load(language if language in catalogue.LANGUAGES else "en")
