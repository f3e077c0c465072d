"""What a screen reader is told in both languages: keys, cards, lamps, switches and choices by name; and the day."""

import re

import pytest
from playwright.sync_api import expect

from tools.sim.scenario_act import KEY_NAMES

SPOKEN = {
    "en": {
        "SALE": "SALE", "REDEEM": "REDEEM POINTS", "BALANCE": "BALANCE", "MENU": "MENU", "UP": "UP", "DOWN": "DOWN",
        "CANCEL": "CANCEL", "CLEAR": "CLEAR", "OK": "OK",
        "card": "Reza, bronze", "pull": "pull away: Reza, bronze", "lamp": ("green light off", "green light on"),
        "switch": "Network cable in", "torn": "what it leaves", "fault": "What the switch does", "pad": "Keypad",
    },
    "fa": {
        "SALE": "SALE (خرید)", "REDEEM": "REDEEM (امتیاز)", "BALANCE": "BALANCE (مانده)", "MENU": "MENU (فهرست)",
        "UP": "UP (بالا)", "DOWN": "DOWN (پایین)", "CANCEL": "CANCEL (انصراف)", "CLEAR": "CLEAR (پاک‌کردن)",
        "OK": "OK (تأیید)",
        "card": "رضا، برنزی", "pull": "برداشتن: رضا، برنزی", "lamp": ("چراغ سبز خاموش", "چراغ سبز روشن"),
        "switch": "شبکه کابل وصل", "torn": "آنچه می‌ماند", "fault": "مرکز چه می‌کند", "pad": "صفحه‌کلید",
    },
}  # fmt: skip
NAMELESS = """() => [...document.querySelectorAll("button, select, input, [role=img], [role=tab], [role=tabpanel]")]
  .filter((at) => ![at.ariaLabel, at.labels?.[0]?.textContent, at.textContent, at.getAttribute("aria-labelledby")].join(
    "").trim())
  .map((at) => at.outerHTML)"""


@pytest.mark.parametrize("language", ["en", "fa"])
def test_what_is_pressed_and_what_is_lit_has_a_name(panel, language):
    at, words = panel(language=language), SPOKEN[language]
    at.ready()
    page = at.page
    pad = page.get_by_role("group", name=words["pad"], exact=True)
    for key in KEY_NAMES:
        spoken = pad.get_by_role("button", name=re.compile(f"^{re.escape(words.get(key, key))}$", re.IGNORECASE))
        expect(spoken).to_have_attribute("data-key", key)
    lamp = page.get_by_role("img", name=words["lamp"][0], exact=True)
    expect(lamp).to_have_id("led-green")
    expect(page.get_by_role("switch", name=words["switch"], exact=True)).to_be_checked()
    card = page.get_by_role("button", name=re.compile(rf"^{words['card']}"))
    expect(card).to_have_attribute("data-card", "bronze-card")
    at.keys("25000", "OK")
    at.shows("TAP CARD")
    page.evaluate("""() => { window.lit = []; const lamp = document.getElementById("led-green");
        new MutationObserver(() => window.lit.push(lamp.ariaLabel)).observe(lamp, { attributes: true }); }""")
    card.press("Space")
    at.shows("EARNED")
    page.wait_for_function("name => window.lit.includes(name)", arg=words["lamp"][1])
    page.get_by_role("button", name=words["pull"], exact=True).click()
    expect(page.locator("#reader .chip")).to_have_count(0)
    for box in ("power-box", "fault-box", "clock-box"):
        at.open(box)
    at.view("flash")
    expect(page.locator("#map")).to_have_attribute("aria-label", re.compile("."))  # it is drawn
    assert page.evaluate(NAMELESS) == []


@pytest.mark.parametrize("language", ["en", "fa"])
def test_what_a_cut_leaves_and_what_the_switch_does_are_chosen_by_name(panel, language):
    at, words = panel(language=language), SPOKEN[language]
    at.ready()
    for box, name, count in (("power-box", "torn", 6), ("fault-box", "fault", 10)):
        at.open(box)
        choice = at.page.get_by_role("combobox", name=words[name], exact=True)
        told = choice.locator("option").all_inner_texts()
        assert len(set(told)) == count
        assert all(told)
    assert all(choice.locator("optgroup").nth(group).get_attribute("label") for group in range(2))
    choice.select_option("wrong-certificate")
    at.page.locator("#fault-do").click()
    expect(at.page.locator("#notice")).not_to_be_empty()
    at.page.locator("#fault-none").click()
    expect(at.page.locator("#notice")).to_be_empty()


DAYS = {
    "en": r"20\d\d-[01]\d-[0-3]\d \d\d:\d\d:\d\d",
    "fa": r"۱۴[۰-۹]{2}/[۰-۹]{2}/[۰-۹]{2} [۰-۹]{2}:[۰-۹]{2}:[۰-۹]{2}",
}


@pytest.mark.parametrize(("language", "day"), DAYS.items())
def test_the_clock_writes_days_as_the_terminal_does(panel, language, day):
    at = panel(language=language)
    at.ready()
    at.open("clock-box")
    expect(at.page.locator("#clock")).to_have_text(re.compile(f"^{day}$"))
    was = at.page.locator("#clock").inner_text()
    expect(at.page.locator("#clock")).not_to_have_text(was)
