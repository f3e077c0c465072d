"""README's "Try it", step by step as it stands there: what is bold is pressed, what is code has to stand on the
terminal's screen, what is slanted has to stand in the view that was opened last."""

import re
from pathlib import Path

from playwright.sync_api import expect

from host_tests.browser.page_kit import SETTLE_MS
from tools.sim.scenario_act import KEY_NAMES

MARK = re.compile(r"\*\*(?P<press>[^*]+)\*\*|`(?P<screen>[^`]+)`|\*(?P<view>[^*]+)\*")
LATER = ("nothing waiting", "680")  # the step says itself that this takes a minute or two
TITLES = ("A sale with the line up", "A sale without the line", "Points are spent")


def steps():
    section = Path("README.md").read_text().split("\n## Try it\n")[1].split("\n## ")[0]
    return re.findall(r"^\d+\. .*$", section, re.MULTILINE), section


def press(at, name):
    page = at.page
    if name in KEY_NAMES:
        at.keys(name)
    elif page.get_by_role("tab", name=name, exact=True).count():
        page.get_by_role("tab", name=name, exact=True).click()
    elif page.get_by_role("switch", name=re.compile(f"^{name}")).count():
        page.get_by_role("switch", name=re.compile(f"^{name}")).click()
    else:
        card = page.locator(".tray").filter(has=page.get_by_text(name, exact=True))
        was = card.get_attribute("aria-pressed")
        card.click()
        expect(card).to_have_attribute("aria-pressed", "false" if was == "true" else "true")


def test_readme_steps(panel):
    lines, section = steps()
    assert len(lines) == 11
    assert [title for title in TITLES if f"**{title}**" in section] == list(TITLES)
    at = panel()
    at.ready()
    pressed = []
    for line in lines:
        for mark in MARK.finditer(line):
            if name := mark["press"]:
                if name == "OK" and "Read it" in line:
                    at.page.wait_for_timeout(500)  # nobody reads faster; an OK pressed sooner does not count
                press(at, name)
                pressed.append(name)
            elif text := mark["screen"]:
                at.shows(text, within_ms=SETTLE_MS if text in LATER else 60_000)
            else:
                shown = at.page.locator("[role=tabpanel]:visible")
                limit = SETTLE_MS if mark["view"] in LATER else 60_000
                expect(shown).to_contain_text(mark["view"], timeout=limit)
        at.shot(f"readme-{lines.index(line) + 1:02}")
    assert pressed.count("OK") == 6
    assert pressed.count("Network") == 2
