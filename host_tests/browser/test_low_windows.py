"""Low windows: a phone held sideways and a page at 200 per cent show screen and whole keypad together."""

import pytest
from playwright.sync_api import expect

from host_tests.browser.page_kit import PHONE


@pytest.mark.parametrize("size", [(640, 450), (844, 390)])
def test_in_a_low_window_screen_and_keypad_are_seen_together(panel, size):
    at = panel(viewport={"width": size[0], "height": size[1]})
    at.ready()
    at.page.locator(".device .body").evaluate("(at) => at.scrollIntoView({ block: 'start' })")
    for part in ("#screen", '.pad [data-key="SALE"]', '.pad [data-key="OK"]'):
        expect(at.page.locator(part)).to_be_in_viewport(ratio=1)
    assert at.page.locator("#screen").bounding_box()["width"] >= 256
    at.shot(f"low-{size[0]}x{size[1]}")


@pytest.mark.parametrize(("size", "language"), [(PHONE, "en"), (PHONE, "fa"), ({"width": 1280, "height": 900}, "fa")])
def test_what_waits_is_read_without_moving_the_journal(panel, size, language):
    at = panel(viewport=size, language=language)
    at.ready()
    at.sale("25000", "bronze-card")
    at.shows("EARNED")
    cell = at.view("journal").locator("tbody tr").first.locator(".state")
    cell.scroll_into_view_if_needed()
    box = cell.bounding_box()
    scroll = at.page.locator("#view-journal .scroll").bounding_box()
    assert scroll["x"] <= box["x"]
    assert box["x"] + box["width"] <= scroll["x"] + scroll["width"]
    at.shot(f"journal-{language}-{size['width']}")
