"""Questions about money on every kind of terminal: on one page, and a factor of ten (ten thousand) is always seen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from firmware.loyalty.offers import MONEY, PERCENT, Offer
from firmware.screen import screens, undo, vouchers
from firmware.screen.faces import Faces
from firmware.screen.lines import ELSE, compose
from firmware.text import catalogue, money
from firmware.text.catalogue import Catalogue
from host_tests.unit import catalogue_kit, screen_cases

TERMINALS = {"rial": ("rial", 0), "toman": ("toman", 0), "new": ("rial", 999)}
LONG = "Buy two packs of tea, get ten percent off"
SUMS = (7, 12_450, 125_000, 1_250_000, 12_500_000, 23_678_000, 125_000_000, 999_999_990, 10**10 - 1)


def spoken(language: str, terminal: str) -> Catalogue:
    unit, new = TERMINALS[terminal]
    text = catalogue.load(language)
    text.money = money.of_settings(
        {
            "currency": 364, "currency_exponent": 0, "money_unit": unit, "money_whole": False,
            "new_currency": new, "new_from": "2026-01-01" if new else "", "new_exponent": 2, "new_divisor": 10_000,
        }
    )  # fmt: skip
    text.money.look(30_000)
    return text


def questions(text: Catalogue, value: int) -> Iterator[tuple[str, screen_cases.Lines, int]]:
    """Name, lines, and the amount whose other unit must be there, 0 for none."""
    keyed = str(value)
    yield "amount", screens.amount(text, keyed, ""), text.money.now.keyed(keyed)
    yield "confirm", screens.confirm(text, value, value), value
    yield "reward", vouchers.reward(text, "Mug", value // 100, value), value
    yield "a long name", vouchers.reward(text, screen_cases.NAMES[2], value // 100, value), 0
    yield "again", screens.again(text, value), 0
    yield "issue", vouchers.ask_issue(text, text.get("voucher_good"), value, text.get("reason_late")), value
    for kind, off in ((PERCENT, 10), (MONEY, value // 2)):
        yield "price", vouchers.price(text, Offer(1, kind, off, 20_900, 0, 9, 0, LONG), value), 0
    yield "taken back", undo.confirm(text, "title_void_ask", value, -value // 100, screen_cases.RRN), 0


@pytest.mark.parametrize("terminal", TERMINALS)
@pytest.mark.parametrize("language", catalogue_kit.LANGUAGES)
def test_what_is_agreed_to_is_on_one_page_with_the_same_amount_in_the_other_unit(language: str, terminal: str) -> None:
    text = spoken(language, terminal)
    faces = Faces(text)
    wrong = []
    for value in SUMS:
        for name, lines, other in questions(text, value):
            pages = compose(lines, faces)
            said = [part for band in pages[0] for _x, part in band.parts]
            if len(pages) > 1:
                wrong.append((name, value, [[part for band in page for _x, part in band.parts] for page in pages]))
            elif other and not any(one in row for one in money.other(text, other) for row in said):
                wrong.append((name, value, said))
    assert not wrong, wrong


@pytest.mark.parametrize("terminal", TERMINALS)
@pytest.mark.parametrize("language", catalogue_kit.LANGUAGES)
def test_the_money_of_a_reward_is_agreed_to_with_its_separators(language: str, terminal: str) -> None:
    text = spoken(language, terminal)
    for value in SUMS[:-1]:
        (page,) = compose(vouchers.reward(text, "Mug", value // 100, value), Faces(text))
        said = [part for band in page for _x, part in band.parts]
        assert any(one in row for one in money.wordings(text, value)[:2] for row in said), said


def test_what_is_missing_to_a_tier_is_never_an_amount_before_a_bare_name() -> None:
    from firmware.core.types import NEXT_TIER
    from firmware.screen.standing import near

    for language in catalogue_kit.LANGUAGES:
        text = catalogue.load(language)
        for wording in near(text, NEXT_TIER, 199_425_000, 2).split(ELSE):
            between = text.get("near_tier", "", text.get("tier_3")).strip()
            assert wording.endswith(between) or wording == text.get("near_tier_far", text.get("tier_3"))
