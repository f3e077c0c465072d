"""What a terminal may give away on its own: every limit refuses by itself, with its own word."""

from typing import Any

import pytest

from firmware.core.refusals import (
    CARD_BLOCKED,
    CARD_TO_RENEW,
    CLOCK_UNSURE,
    DATA_TOO_OLD,
    NEEDS_CONNECTION,
    NOTHING_RESERVED,
    OFFLINE_LIMIT,
    QUEUE_FULL,
    SPENT_ONCE,
)
from firmware.core.types import AUTH_AES, AUTH_LEGACY, AUTH_UID, CardData
from firmware.loyalty.offline import Known, OfflinePolicy, Spending

UID = bytes.fromhex("9C599B32")
NOW = 1_795_400_000
DAY = 86_400
FEWEST = 500


def known(**change: Any) -> Known:
    facts = {
        "now_utc": NOW,
        "clock_ok": True,
        "points": 6_000,
        "told_utc": NOW - DAY,
        "oldest_utc": NOW - DAY,
        "pending_count": 99,
        "spent_by_card": 0,
        "spent_in_all": 0,
    }
    return Known(**{**facts, **change})


def policy(blocked: bool = False, **change: Any) -> OfflinePolicy:
    limits = {"per_redemption": 2_000, "in_all": 5_000, "age_s": DAY, "legacy": True}
    return OfflinePolicy(True, 100, -1, lambda _uid: blocked, spending=Spending(**{**limits, **change}))


def card(auth: int = AUTH_AES, suspect: bool = False) -> CardData:
    return CardData(UID, "x", auth, suspect=suspect)


@pytest.mark.parametrize(
    ("reserved", "change", "most"),
    [
        (1_000, {}, 1_000),
        (500, {}, 500),
        (9_000, {}, 2_000),
        (2_000, {"spent_in_all": 4_000}, 1_000),
        (2_000, {"spent_in_all": 4_500}, 500),
        (1_000, {"oldest_utc": 0}, 1_000),
    ],
)
def test_as_many_points_as_are_reserved_and_every_limit_leaves(reserved, change, most) -> None:
    decision = policy().redeem(card(), reserved, FEWEST, known(**change))
    assert (decision.code, decision.most) == ("", most)


@pytest.mark.parametrize(
    ("reserved", "change", "code"),
    [
        (0, {}, NOTHING_RESERVED),
        (499, {}, NOTHING_RESERVED),
        (1_000, {"spent_by_card": 1}, SPENT_ONCE),
        (1_000, {"spent_in_all": 4_501}, OFFLINE_LIMIT),
        (1_000, {"told_utc": NOW - DAY - 1}, DATA_TOO_OLD),
        (1_000, {"oldest_utc": NOW - DAY - 1}, DATA_TOO_OLD),
        (1_000, {"pending_count": 100}, QUEUE_FULL),
        (1_000, {"clock_ok": False}, CLOCK_UNSURE),
    ],
)
def test_each_limit_refuses_with_its_own_word(reserved, change, code) -> None:
    decision = policy().redeem(card(), reserved, FEWEST, known(**change))
    assert (decision.code, decision.approved, decision.most) == (code, False, 0)


@pytest.mark.parametrize(
    ("shown", "change", "code"),
    [
        (card(AUTH_UID), {}, NEEDS_CONNECTION),
        (card(AUTH_LEGACY), {"legacy": False}, NEEDS_CONNECTION),
        (card(AUTH_LEGACY), {}, ""),
        (card(AUTH_AES), {"legacy": False}, ""),
        (card(AUTH_AES, suspect=True), {}, CARD_TO_RENEW),
        (card(AUTH_AES), {"blocked": True}, CARD_BLOCKED),
    ],
)
def test_only_a_card_that_showed_what_the_settings_want_may_hold_and_spend(shown, change, code) -> None:
    made = policy(**change)
    assert made.redeem(shown, 1_000, FEWEST, known()).code == code
    assert made.may_hold(shown) == (code == "")


def test_without_the_setting_nobody_spends_offline_whatever_is_reserved() -> None:
    made = OfflinePolicy(True, 100, -1)
    assert made.redeem(card(), 1_000, FEWEST, known()).code == NEEDS_CONNECTION
    assert not made.may_hold(card())
    assert made.spends() == "off"


def test_at_risk_a_fifth_of_what_is_known_is_spent_without_a_reserve_and_a_reserve_goes_first() -> None:
    made = policy(risk=True)
    assert made.redeem(card(), 0, FEWEST, known()).most == 1_200
    assert made.redeem(card(), 500, FEWEST, known()).most == 500
    assert made.redeem(card(), 0, FEWEST, known(points=2_499)).code == NOTHING_RESERVED
    assert made.redeem(card(), 0, FEWEST, known(spent_by_card=500)).code == SPENT_ONCE
    assert made.redeem(card(), 0, FEWEST, known(told_utc=0)).code == DATA_TOO_OLD
    assert "RISK" in made.spends()
