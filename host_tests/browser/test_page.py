"""The page itself: two languages, a phone, the keyboard alone, sizes of what a finger has to meet, contrast."""

import json
import re

import pytest
from playwright.sync_api import expect

from host_tests.browser.page_kit import PHONE
from tools.sim.panel.server import PAGE

WORDS = json.loads((PAGE / "words.json").read_text())
VIEWS = ("receipts", "journal", "messages", "ledger", "tap", "flash", "console")

TOO_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
SMALL = """() => [...document.querySelectorAll("button, summary, select, input, [role=tab]")]
  .filter((at) => at.checkVisibility())
  .map((at) => [at.id || at.dataset.card || at.textContent, at.getBoundingClientRect()])
  .filter(([, box]) => box.height < 43.5 || box.width < 43.5)
  .map(([name, box]) => `${name} ${box.width}x${box.height}`)"""
# WCAG 2.2, 1.4.3: text against the nearest background that is not transparent; pictures and gradients are left out.
PALE = """() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const linear = (v) => (v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => .2126 * linear(r / 255) + .7152 * linear(g / 255) + .0722 * linear(b / 255);
  const behind = (at) => {
    for (; at; at = at.parentElement) {
      const style = getComputedStyle(at), colour = parts(style.backgroundColor);
      if (style.backgroundImage !== "none") return null;
      if (colour[3] !== 0) return colour;
    }
    return null; };
  const found = [];
  for (const at of document.querySelectorAll("body *")) {
    const said = [...at.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    const ground = said && at.checkVisibility() ? behind(at) : null;
    if (!ground) continue;
    const both = [light(parts(getComputedStyle(at).color)), light(ground)].sort((a, b) => b - a);
    const ratio = (both[0] + .05) / (both[1] + .05);
    if (ratio < 4.5) found.push(`${at.tagName} ${at.id || at.className} ${at.textContent.slice(0, 20)} ${ratio}`);
  }
  return found; }"""


def test_the_page_speaks_persian_to_a_persian_browser_and_remembers_a_choice(panel):
    at = panel(language="fa")
    at.ready()
    page = at.page
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page).to_have_title("پایانهٔ وفا")
    at.sale("25000", "bronze-card")
    at.shows("EARNED")
    at.points("رضا", "۱۴۵")
    at.shot("fa-ledger")
    for view in VIEWS:
        at.view(view)
        said = page.locator("body").inner_text()
        left = [
            text for key, text in WORDS["en"].items() if text != WORDS["fa"][key] and len(text) > 12 and text in said
        ]
        assert left == []
    at.view("receipts")
    at.shot("fa-desktop")
    page.locator("#language").click()
    expect(page.locator("html")).to_have_attribute("dir", "ltr")
    page.reload()
    expect(page.locator("#tab-ledger")).to_have_text("Ledger")
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_a_persian_terminal_reads_persian_on_the_page(panel):
    at = panel(language="fa", terminal="fa")
    expect(at.page.locator("#lines")).to_contain_text("متصل")
    at.shot("fa-terminal-idle")
    at.keys("25000", "OK")
    expect(at.page.locator("#lines")).to_contain_text("کارت")
    at.lay("bronze-card")
    expect(at.page.locator("#lines")).to_contain_text("ثبت شد")
    expect(at.view("receipts").locator(".paper img")).to_be_visible()
    at.shot("fa-terminal-sale")


@pytest.mark.parametrize("language", ["en", "fa"])
def test_on_a_phone_nothing_is_too_wide_and_everything_can_be_met_by_a_finger(panel, language):
    at = panel(language=language, viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2)
    at.ready()
    assert at.page.locator("#pad").bounding_box()["y"] < PHONE["height"] / 2
    at.shot(f"phone-{language}")
    at.keys("25000", "OK")
    at.shows("TAP CARD")
    at.page.locator('.tray[data-card="bronze-card"]').tap()
    at.shows("EARNED")
    at.page.locator("#reader .chip").tap()
    expect(at.page.locator("#reader .chip")).to_have_count(0)
    for box in ("power-box", "fault-box", "clock-box"):
        at.open(box)
    for view in VIEWS:
        at.view(view)
        assert at.page.evaluate(TOO_WIDE) == 0, view
        assert at.page.evaluate(SMALL) == [], view
    at.view("messages")
    at.shot(f"phone-{language}-whole", full=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(panel, scheme):
    at = panel(color_scheme=scheme, reduced_motion="reduce")
    at.ready()
    at.sale("25000", "gold-card")
    at.shows("EARNED")
    for box in ("power-box", "fault-box", "clock-box"):
        at.open(box)
    for view in VIEWS:
        at.view(view)
        assert at.page.evaluate(PALE) == [], view
        at.shot(f"{scheme}-{view}")
    moving = "() => getComputedStyle(document.querySelector('[role=switch] i')).transitionDuration"
    assert at.page.evaluate(moving) == "0s"


def test_a_sale_by_the_keyboard_alone(panel):
    at = panel()
    at.ready()
    keyboard = at.page.keyboard
    for kind in ("keydown", "keyup"):  # what a Persian keyboard sends
        at.page.locator("body").dispatch_event(kind, {"key": "۲"})
    keyboard.press("5")
    keyboard.press(".")
    keyboard.press("Enter")
    at.shows("TAP CARD")
    card = at.page.locator('.tray[data-card="bronze-card"]')
    for _ in range(80):
        keyboard.press("Tab")
        if card.evaluate("(at) => at === document.activeElement"):
            break
    expect(card).to_be_focused()
    assert card.evaluate("(at) => getComputedStyle(at).outlineStyle") == "solid"
    keyboard.press("Space")
    at.shows("EARNED", "+25 points")
    keyboard.press("Space")
    expect(at.page.locator("#reader .chip")).to_have_count(0)
    keyboard.press("Enter")
    at.ready()
    for _ in range(80):
        keyboard.press("Tab")
        if at.page.evaluate("document.activeElement.getAttribute('role')") == "tab":
            break
    keyboard.press("ArrowRight")
    expect(at.page.locator("#tab-journal")).to_be_focused()
    expect(at.page.locator("#tab-journal")).to_have_attribute("aria-selected", "true")
    expect(at.page.locator("#journal tbody tr").first).to_contain_text("25,000")


def test_what_cannot_be_done_is_said_and_passes(panel):
    at = panel()
    at.ready()
    at.turn("power", False)
    at.open("power-box")
    at.page.locator("#cut button[type=submit]").click()
    expect(at.page.locator("#notice")).to_have_text("the power is off; switch it on first")
    expect(at.page.locator("#notice")).to_have_class(re.compile("lost"))
    expect(at.page.locator("#notice")).to_be_empty()


def test_a_fault_of_the_switch_is_announced_until_it_came(panel):
    at = panel()
    at.ready()
    at.open("fault-box")
    at.page.locator("#fault-kind").select_option("refuse")
    at.page.locator("#fault-do").click()
    expect(at.page.locator("#notice")).to_contain_text("refuse (51)")
    at.sale("25000", "bronze-card")
    expect(at.page.locator("#notice")).to_be_empty()
    at.points("reza", "120")
