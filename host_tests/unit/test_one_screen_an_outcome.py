"""Whatever a story ends by has one screen: what, the next step and, where something was refused, its code."""

from __future__ import annotations

import itertools

import pytest

from firmware.core import refusals, types
from firmware.core.errors import CardError, LinkError, StoreError
from firmware.core.types import AUTH_LEGACY, CLOCK_OK, OFFLINE, ONLINE, JournalEntry, Result, Transaction
from firmware.loyalty.outcome import DECLINED, UNDONE, UNKNOWN, Balance, outcome_of
from firmware.screen import outcomes, screens, sending
from firmware.screen.faces import Faces
from firmware.screen.lines import BIG, HINT, NOTE, TEXT, WRAP, compose
from firmware.text import catalogue
from host_tests.unit.refusal_kit import HOST_REFUSALS, LOCAL_REFUSALS

SPOKEN = {language: catalogue.load(language) for language in catalogue.LANGUAGES}
CODES = {
    *LOCAL_REFUSALS, *HOST_REFUSALS, refusals.DISPLAY_DARK,
    *(error.code for family in (CardError, LinkError, StoreError) for error in family.__subclasses__()),
}  # fmt: skip
VERBS = [
    types.ACCRUAL, types.REDEMPTION, types.REFUND, types.VOID, types.ISSUE, types.USE, types.ENROL, types.REMARK,
]  # fmt: skip
STATES = [types.OPEN, types.APPROVED, types.REFUSED, types.REVERSED, types.DEAD, types.VOIDED]


def only(lines: list[tuple[int, str]], role: int) -> str:
    found = [text for kind, text in lines if kind == role and text]
    assert len(found) == 1, lines
    return found[0]


@pytest.mark.parametrize("language", sorted(SPOKEN))
@pytest.mark.parametrize("code", sorted(CODES))
def test_each_refusal_says_what_the_next_step_and_its_code(language: str, code: str) -> None:
    text = SPOKEN[language]
    what, next_step = text.error(code)
    assert (what, next_step) != text.error("X00"), "no text of its own"
    for lines in (screens.error(text, code), sending.failed(text, 3, code)):
        assert (only(lines, NOTE), only(lines, WRAP)) == (what, next_step)
        assert only(lines, BIG) and only(lines, HINT).endswith(code)


def told(verb: int, mode: int, state: int, rc: str):
    points = -500 if verb == types.REDEMPTION else 50
    transaction = Transaction(7, verb, mode, b"\x01\x02\x03\x04", AUTH_LEGACY, 50_000, points, 1_795_400_000, CLOCK_OK)
    result = Result(7, state, rc, points, 640, "123456") if state == types.REFUSED else None
    return outcome_of(JournalEntry(transaction, state, result), None, 0, transaction.time_utc)


@pytest.mark.parametrize("language", sorted(SPOKEN))
@pytest.mark.parametrize(("verb", "state"), list(itertools.product(VERBS, STATES)))
def test_each_outcome_has_one_big_word_its_reference_and_a_next_step(language: str, verb: int, state: int) -> None:
    text = SPOKEN[language]
    for mode, rc in itertools.product((ONLINE, OFFLINE), ("51", "99")):
        one = told(verb, mode, state, rc)
        lines = outcomes.outcome(text, one)
        assert only(lines, BIG) and only(lines, HINT)
        assert any(one.rrn in row for _role, row in lines)
        if one.kind == DECLINED:
            assert (only(lines, NOTE), only(lines, WRAP)) == text.error(one.code)
            assert only(lines, HINT).endswith(one.code) and one.code == refusals.host_refusal(rc)


@pytest.mark.parametrize("language", sorted(SPOKEN))
@pytest.mark.parametrize(("verb", "state"), list(itertools.product(VERBS, STATES)))
def test_after_a_power_cut_every_page_says_what_became_of_it(language: str, verb: int, state: int) -> None:
    text = SPOKEN[language]
    faces = Faces(text)
    for mode, rc, tier in itertools.product((ONLINE, OFFLINE), ("51", "99"), (types.TIER_NONE, types.TIER_GOLD)):
        one = told(verb, mode, state, rc)
        one.tier, one.new_tier = tier, tier > 0
        word = only(outcomes.outcome(text, one), BIG)
        pages = compose(outcomes.recall(text, one), faces)
        for page in pages:
            assert word in [part for band in page for _x, part in band.parts], pages
        assert len(pages) == 1 or tier or one.kind in (UNKNOWN, UNDONE)


@pytest.mark.parametrize("language", sorted(SPOKEN))
@pytest.mark.parametrize("rows", range(5))
@pytest.mark.parametrize("age_s", [0, 59 * 60, 40 * 3600])
@pytest.mark.parametrize("confirmed", [False, True])
def test_a_balance_says_on_its_first_page_that_it_is_points_and_how_sure(
    language: str, rows: int, age_s: int, confirmed: bool
) -> None:
    text = SPOKEN[language]
    standing = [(TEXT, f"{number} {text.get('near_tier_far', text.get('tier_3'))}") for number in range(rows)]
    lines = outcomes.balance(text, Balance(12_450, confirmed, age_s), standing)
    pages = compose(lines, Faces(text))
    said = " ".join(part for band in pages[0] for _x, part in band.parts)
    assert "12,450" in said and text.get("points_word") in said, said
    sure = ("confirmed",) if confirmed and not age_s else ("as_of", "as_of_short")
    wordings = [text.get(name, text.age(age_s)) for name in (sure if confirmed else ("estimated", "estimated_short"))]
    assert any(wording in said for wording in wordings), said


@pytest.mark.parametrize("language", sorted(SPOKEN))
@pytest.mark.parametrize("confirmed", [False, True])
@pytest.mark.parametrize(("age_s", "role"), [(60, TEXT), (86_400, TEXT), (86_401, NOTE), (9 * 86_400, NOTE)])
def test_a_balance_on_data_older_than_a_day_has_their_age_on_black(
    language: str, confirmed: bool, age_s: int, role: int
) -> None:
    text = SPOKEN[language]
    lines = outcomes.balance(text, Balance(640, confirmed, age_s))
    age = text.age(age_s)
    assert [kind for kind, row in lines if age in row] == [role]
