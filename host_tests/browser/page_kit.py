"""Hands and eyes of a person at the panel: every method uses a control or reads a text that stands on the page."""

import re
from pathlib import Path

from playwright.sync_api import expect

PATIENCE_MS = 60_000
SETTLE_MS = 240_000  # the terminal tries the line again at growing intervals
SCREENSHOTS = Path("build/screenshots/browser")
PHONE = {"width": 390, "height": 844}

expect.set_options(timeout=PATIENCE_MS)


class Panel:
    """The opened page."""

    def __init__(self, page):
        self.page = page

    # --- hands

    def keys(self, *names):
        """Press keys of the keypad; `25000` stands for its digits."""
        for name in names:
            for key in re.findall("000|[0-9]", name) if name.isdigit() else [name]:
                self.page.locator(f'.pad [data-key="{key}"]').click()

    def lay(self, *cards):
        """Lay a card on the reader, or several at the same moment."""
        together = self.page.locator("#together")
        if len(cards) > 1:
            together.click()
        for card in cards:
            self.page.locator(f'.tray[data-card="{card}"][aria-pressed="false"]').click()
        if len(cards) > 1:
            expect(self.page.locator(".tray.picked")).to_have_count(len(cards))
            together.click()
        for card in cards:
            expect(self.page.locator(f'.tray[data-card="{card}"]')).to_have_attribute("aria-pressed", "true")

    def pull(self, *cards):
        """Pull cards away."""
        for card in cards:
            self.page.locator(f'.tray[data-card="{card}"][aria-pressed="true"]').click()
            expect(self.page.locator(f'.tray[data-card="{card}"]')).to_have_attribute("aria-pressed", "false")

    def turn(self, switch, on):
        """Move a switch of the page; waits until the page says that it moved."""
        it = self.page.locator(f"#{switch}")
        if it.get_attribute("aria-checked") != str(on).lower():
            it.click()
        expect(it).to_have_attribute("aria-checked", str(on).lower())

    def view(self, name):
        """Open one of the live views."""
        self.page.locator(f"#tab-{name}").click()
        return self.page.locator(f"#view-{name}")

    def open(self, box):
        """Open one of the folded boxes of the page."""
        if self.page.locator(f"#{box}").get_attribute("open") is None:
            self.page.locator(f"#{box} > summary").click()

    def arm_cut(self, op, torn=""):
        """The power shall go at a flash operation."""
        self.open("power-box")
        self.page.locator("#cut-op").fill(str(op))
        self.page.locator("#cut-torn").select_option(torn)
        self.page.locator("#cut button[type=submit]").click()
        expect(self.page.locator("#notice")).not_to_be_empty()

    def ready(self):
        """Wait for the idle screen of a terminal that is online."""
        self.shows("READY", "ONLINE")

    def sale(self, amount, *cards):
        """Key in a sale and lay the cards on."""
        self.keys(amount, "OK")
        self.shows("TAP CARD")
        self.lay(*cards)

    # --- eyes

    def shows(self, *texts, within_ms=PATIENCE_MS):
        """Wait until the terminal's screen has all these texts at the same time."""
        together = "".join(rf"(?=[\s\S]*{re.escape(text)})" for text in texts)
        expect(self.page.locator("#lines")).to_have_text(re.compile(together), timeout=within_ms)

    def points(self, member, points, within_ms=PATIENCE_MS):
        """Wait until the ledger says so; leaves it open."""
        row = self.view("ledger").locator("tbody tr").filter(has_text=member)
        expect(row.locator("td").nth(2)).to_have_text(points, timeout=within_ms)

    def settled(self, within_ms=SETTLE_MS):
        """Wait until nothing waits in the journal; leaves it open."""
        self.view("journal")
        expect(self.page.locator("#journal-counts")).to_have_text(re.compile("^0 "), timeout=within_ms)

    def printed(self, *texts):
        """Wait until the newest receipt has all these texts; leaves it open."""
        newest = self.view("receipts").locator(".paper").first
        for text in texts:
            expect(newest).to_contain_text(text)

    def shot(self, name, *, full=False):
        """Keep a picture of the page as build output."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=full, animations="disabled")
