"""In which language a terminal speaks before it sells: the one chosen at the counter, the setting, or English."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from firmware import starting
from firmware.service import choices
from firmware.settings import Settings, check, declared_settings
from firmware.text import spoken as speaking

LEAST = {
    "terminal_id": "T0000001",
    "merchant_id": "M00000000000001",
    "switch_host": "switch.example",
    "switch_port": 5000,
    "switch_name": "switch.example",
}


class Begun:
    """What a start knows."""

    def __init__(self, language: str, chosen: bytes = b"") -> None:
        self.settings = Settings(check(declared_settings(), LEAST | {"language": language}))
        given = choices.given_by(self.settings)
        self.choices = chosen + given[len(chosen) :] + given if chosen else b""


@pytest.mark.parametrize(
    ("start", "spoken"),
    [(Begun("fa"), "fa"), (Begun("en"), "en"), (Begun("fa", b"en"), "en"), (Begun("en", b"fa"), "fa")],
)
def test_once_the_settings_are_read_their_language_or_the_chosen_one_is_spoken(start: Any, spoken: str) -> None:
    assert starting._text(start).language == spoken


@pytest.mark.parametrize(
    ("content", "spoken"),
    [
        (json.dumps(LEAST | {"language": "en"}), "en"),
        (json.dumps(LEAST | {"language": "fa", "switch_port": "wrong"}), "fa"),
        (json.dumps(LEAST), "fa"),
        (json.dumps({"language": "xx"}), "en"),
        (json.dumps({"language": ["fa"]}), "en"),
        ("[]", "en"),
        ("{", "en"),
        (None, "en"),
    ],
)
def test_before_that_the_file_is_asked_and_without_one_it_is_english(
    content: str | None, spoken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "settings.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    monkeypatch.setattr(speaking, "_SETTINGS", str(path))
    assert starting._text(None).language == spoken


def test_a_terminal_without_a_setting_speaks_persian() -> None:
    assert check(declared_settings(), LEAST)["language"] == "fa"
