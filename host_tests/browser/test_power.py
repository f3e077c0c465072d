"""The plug is pulled in the middle of a sale, by the panel's own controls: no point is lost or doubled."""

import pytest
from playwright.sync_api import expect


def interrupted(at, op, torn):
    """A sale during which the power goes at a flash operation, and comes back."""
    at.ready()
    at.keys("70000", "OK")
    at.shows("TAP CARD")
    at.arm_cut(op, torn)
    expect(at.page.locator("#notice")).to_contain_text("power will be cut")
    at.lay("bronze-card")
    expect(at.page.locator("#power")).to_have_attribute("aria-checked", "false")
    at.pull("bronze-card")
    at.turn("power", True)


def test_cut_while_the_intent_is_written_nothing_happened(panel):
    at = panel()
    interrupted(at, 1, "half")
    at.ready()
    at.settled()
    at.points("reza", "120")
    at.sale("70000", "bronze-card")
    at.shows("EARNED")
    at.points("reza", "190")


@pytest.mark.parametrize("op", [1, 2, 3])
def test_cut_after_the_intent_the_sale_counts_once_or_not_at_all(panel, op):
    at = panel()
    interrupted(at, op, "random-bits")
    at.shows("READY", "ONLINE")
    at.settled()
    at.view("ledger")
    row = at.page.locator("#ledger tbody tr").filter(has_text="reza")
    assert row.locator("td").nth(3).inner_text() in ("0", "+70")
    at.shot(f"power-cut-{op}")


def test_cut_now_after_the_approval_was_seen_the_sale_stays(panel):
    at = panel()
    at.ready()
    at.sale("30000", "gold-card")
    at.shows("EARNED")
    at.open("power-box")
    at.page.locator("#cut-now").click()
    expect(at.page.locator("#power")).to_have_attribute("aria-checked", "false")
    expect(at.page.locator("#lines")).to_be_empty()
    at.shot("power-off")
    at.pull("gold-card")
    at.turn("power", True)
    at.shows("+30 points")
    at.keys("OK")
    at.ready()
    at.settled()
    at.points("ali", "1,030")


def test_a_day_later_the_terminal_knows_the_date(panel):
    at = panel()
    at.ready()
    at.open("clock-box")
    before = at.page.locator("#clock").inner_text()
    at.page.locator('[data-later="86400"]').click()
    expect(at.page.locator("#clock")).not_to_contain_text(before.split()[0])
    at.ready()
    at.sale("10000", "gold-card")
    at.shows("EARNED")
    at.printed("02")
