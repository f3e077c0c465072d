"""Writes docs/screens.md: every screen and receipt in both languages side by side, with the words that stand on it."""

from __future__ import annotations

from tools.gallery import golden
from tools.gallery.playing import kept_by, stories, title
from tools.sim.image import REPOSITORY

PAGE = REPOSITORY / "docs" / "screens.md"
_SIDES = ("fa", "en")
_TOP = """# Screens and receipts

Every screen and every kind of receipt, in Persian and in English, as the stories in `tools/sim/stories/gallery` make
them on the simulated terminal. This page is written by `.venv/bin/python -m tools.gallery --accept`; `make test` plays
the stories and compares each pixel and each word. After a change on purpose: look at what lies in
`build/gallery`, then accept.
"""


def _cell(language: str, name: str, entries: dict[str, golden.Entry]) -> str:
    if name not in entries:
        return ""
    text = entries[name].text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "&#124;")
    direction = ' dir="rtl"' if language == "fa" else ""
    words = "<br>".join(" ".join(line.split()) for line in text.split("\n"))
    return f'<img src="images/screens/{language}/{name}.png" alt="{name}"><br><sub{direction}>{words}</sub>'


def page() -> str:
    """The page as it is to be."""
    told = {language: golden.texts(language) for language in _SIDES}
    parts = [_TOP]
    for story in stories():
        parts.append(f"\n## {title(story)}\n\nStory: [{story}](../tools/sim/stories/gallery/{story}.txt)\n")
        parts.append("\n| name | Persian | English | made by |\n| --- | --- | --- | --- |\n")
        for name, _, _ in kept_by(story):
            if not any(name in told[language] for language in _SIDES):
                continue
            made_by = " ".join(f"`{one}`" for one in told["en"].get(name, golden.Entry("", ())).made_by)
            cells = " | ".join(_cell(language, name, told[language]) for language in _SIDES)
            parts.append(f"| {name} | {cells} | {made_by} |\n")
    return "".join(parts)
