"""A receipt's pictures are read back letter by letter, so that stories read Persian paper as they read English."""

import pytest

from firmware.receipt.lines import BIG, HEADING, PAIR, PLAIN
from firmware.text import catalogue
from host_tests.unit.paper_kit import bench
from tools.sim.ocr_script import letters
from tools.sim.receipt_rows import rows

PERSIAN_DIGITS = str.maketrans("0123456789,%", "۰۱۲۳۴۵۶۷۸۹٬٪")


def test_every_persian_text_of_paper_is_read_as_it_is_written() -> None:
    text = catalogue.load("fa")
    names = [
        "r_sale", "r_redeem", "r_refund", "r_void", "r_issue", "r_use", "r_enrol", "r_remark", "r_offline", "r_noted",
        "r_to_be_confirmed", "r_under_review", "r_unknown", "r_sms_queued", "r_sms_no_number", "r_sms_later", "r_gift",
        "r_thanks_earn", "r_thanks_redeem", "r_customer_copy", "r_merchant_copy", "r_statement", "r_nothing",
    ]  # fmt: skip
    lines = [(role, text.get(name)) for name in names for role in (PLAIN, BIG, HEADING)]
    with bench(80) as made:
        made.spool.hand(lines, ("",), True)
        made.run(200)
        read = rows(made.printer.strips[-1])
    written = [letters(said.replace("\u200c", "")).translate(PERSIAN_DIGITS) for _, said in lines]
    assert [row.replace(" ", "") for row in read] == [said.replace(" ", "") for said in written]


@pytest.mark.parametrize("value", ["DEMO-SHOP-00001", "+125", "1405/09/01 14:05", "12,450", "632700000101"])
def test_a_pair_is_its_label_and_then_its_value(value: str) -> None:
    with bench() as made:
        made.spool.hand([(PAIR, f"مانده: {value}")], ("",), True)
        made.run()
        (read,) = rows(made.printer.strips[-1])
    latin = value.startswith("DEMO")
    assert read == "مانده: " + (value if latin else value.translate(PERSIAN_DIGITS))
