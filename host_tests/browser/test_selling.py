"""A cashier's day at the panel: everything by the page's own controls."""

import re

from playwright.sync_api import expect


def test_an_online_sale_is_on_screen_paper_ledger_and_in_the_journal(panel):
    at = panel()
    at.ready()
    at.sale("25000", "bronze-card")
    at.shows("EARNED", "+25 points")
    at.printed("Points: +25")
    at.shot("sale-online")
    at.pull("bronze-card")
    at.keys("OK")
    at.ready()
    at.points("reza", "145")
    at.shot("ledger")
    row = at.view("journal").locator("tbody tr").first
    expect(row).to_contain_text("25,000")
    expect(row).to_contain_text("+25")
    at.shot("journal")
    message = at.view("messages").locator(".message.in").filter(has_text="0200").first
    message.locator("summary").click()
    expect(message).to_contain_text("DE4 money, rial")
    expect(message).to_contain_text("000000025000")
    at.shot("messages")
    taps = at.view("tap")
    expect(taps.locator("#tap-card")).to_have_text("Reza, bronze")
    for row in ("SPI bytes", "on air, ms", "frames cards answered"):
        figure = taps.locator("tbody tr").filter(has_text=row).locator("td").last
        assert float(figure.inner_text().replace(",", "")) > 0, row
    at.shot("tap")
    expect(at.view("flash").locator("#regions tbody tr").filter(has_text="journal").locator("td").nth(2)).to_have_text(
        "1"
    )
    at.shot("flash")


def test_an_offline_sale_is_settled_after_the_cable_is_plugged_in_again(panel):
    at = panel()
    at.ready()
    at.turn("net", False)
    at.sale("40000", "silver-card")
    at.shows("SAVED", "about +40")
    at.shot("sale-offline")
    at.pull("silver-card")
    at.keys("OK")
    at.shows("1 waiting")
    row = at.view("journal").locator("tbody tr").first
    expect(row).to_contain_text("waiting")
    expect(row).to_contain_text("offline")
    at.points("sara", "640")
    at.turn("net", True)
    at.settled()
    at.points("sara", "680")
    at.shows("nothing waiting")


def test_points_are_redeemed(panel):
    at = panel()
    at.ready()
    at.keys("REDEEM")
    at.shows("TAP CARD")
    at.lay("silver-card")
    at.shows("HOW MANY POINTS")
    at.keys("OK")
    at.shows("USE POINTS?", "50,000 rial")
    at.shot("redeem-question")
    expect(at.page.locator("#lines")).to_contain_text("OK")
    at.page.wait_for_timeout(500)  # a customer reads it; an OK pressed sooner does not count
    at.keys("OK")
    at.shows("USED", "-500 points")
    at.printed("REDEMPTION")
    at.shot("redeem")
    at.points("sara", "140")


def test_two_cards_at_once_are_told_and_the_one_left_earns(panel):
    at = panel()
    at.ready()
    at.keys("50000", "OK")
    at.shows("TAP CARD")
    at.lay("gold-card", "silver-card")
    at.shows("2 CARDS", "C02")
    expect(at.page.locator("#reader .chip")).to_have_count(2)
    at.shot("two-cards")
    at.pull("silver-card")
    at.shows("EARNED")
    at.points("ali", "1,050")
    at.points("sara", "640")


def test_a_card_is_dragged_to_the_reader_and_away(panel):
    at = panel()
    at.ready()
    picture = at.page.locator('.tray[data-card="silver-card"] .picture')
    picture.drag_to(at.page.locator("#reader"))
    expect(at.page.locator("#reader .chip")).to_have_text("Sara, silver")
    at.shows("640")
    at.page.locator("#reader .chip").drag_to(at.page.locator("#cards-title"))
    expect(at.page.locator("#reader .chip")).to_have_count(0)
    expect(at.page.locator('.tray[data-card="silver-card"]')).to_have_attribute("aria-pressed", "false")


def test_a_printer_without_paper_loses_no_receipt(panel):
    at = panel()
    at.ready()
    at.turn("paper", False)
    at.sale("50000", "gold-card")
    at.shows("EARNED")
    at.pull("gold-card")
    at.points("ali", "1,050")
    at.keys("OK")
    at.shows("No paper")
    at.shot("no-paper")
    at.keys("OK")
    at.shows("READY")
    at.turn("paper", True)
    at.keys("MENU", "1")
    at.printed("Points: +50", "REPRINT")


def test_the_console_answers_and_keeps_the_lines_before(panel):
    at = panel()
    at.ready()
    at.view("console")
    line = at.page.locator("#line")
    line.fill("help")
    line.press("Enter")
    expect(at.page.locator("#serial")).to_contain_text(re.compile(r"status.*maintenance"))
    expect(line).to_have_value("")
    line.press("ArrowUp")
    expect(line).to_have_value("help")
    at.page.locator("#console-words button").filter(has_text="status").click()
    expect(at.page.locator("#serial")).to_contain_text("link online")
    at.shot("console")
