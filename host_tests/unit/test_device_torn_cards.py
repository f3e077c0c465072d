"""A card pulled at every reader frame of its personalisation: never half-trusted, never a wrong member's, finishable."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from firmware.core.types import AUTH_LEGACY, AUTH_UID, CardData
from host_tests.unit.device_kit import ALI, SARA, Desk, blank
from tools.device import report as results
from tools.device.errors import CardDamaged, DeviceError
from tools.device.personalise import Wish

MOMENTS = ("before", "torn", "after", "answering")


def frames_of(card: Any, wish: Wish) -> int:
    """How many reader frames an undisturbed run takes."""
    desk = Desk()
    desk.field.lay(card)
    desk.fulfil(wish)
    return desk.field.frames


def begun_card(kind: str, member_no: int) -> Any:
    """A blank card, or one that is already somebody's."""
    card = blank(kind)
    if member_no:
        desk = Desk()
        desk.field.lay(card)
        desk.fulfil(Wish(member_no))
        desk.field.remove(card)
    return card


def trusted_member(reading: object) -> int:
    """The member a terminal trusts it with, 0 for none."""
    if isinstance(reading, CardData):
        assert reading.auth in (AUTH_UID, AUTH_LEGACY)
        assert bool(reading.member_no) == (reading.auth == AUTH_LEGACY)
        return reading.member_no
    return 0


def pulled_everywhere(kind: str, moment: str, wish: Wish, owner: int) -> int:
    """Pull at each frame, look as a terminal, lay down again, finish; how many cards were lost for good."""
    frames = frames_of(begun_card(kind, owner), wish)
    assert frames > 20
    damaged = 0
    for n in range(1, frames + 1):
        card = begun_card(kind, owner)
        desk = Desk()
        desk.field.lay(card)
        desk.field.pull_at_frame(card, n, moment)
        with contextlib.suppress(DeviceError):  # a frame nobody answers, or the last one, may go unnoticed
            desk.fulfil(wish, wait_s=0)
        if card in desk.field.cards:
            desk.field.remove(card)
        desk.field.lay(card)
        assert trusted_member(desk.as_terminal_reads()) in (0, owner, wish.member_no), (n, moment)
        try:
            assert desk.fulfil(wish) in results.DONE, (n, moment)
        except CardDamaged:
            damaged += 1
            assert trusted_member(desk.as_terminal_reads()) == 0
            continue
        assert trusted_member(desk.as_terminal_reads()) == wish.member_no, (n, moment)
    return damaged


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("kind", ["classic", "ntag213"])
def test_a_blank_card_pulled_at_any_frame_is_finished_by_laying_it_down_again(kind: str, moment: str) -> None:
    damaged = pulled_everywhere(kind, moment, Wish(ALI), 0)
    # The one write that cannot be taken back: half a trailer locks the sector for good, and is told.
    assert damaged == (1 if (kind, moment) == ("classic", "torn") else 0)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("kind", ["classic", "ntag213"])
def test_a_card_that_changes_its_member_is_at_any_frame_the_olds_the_news_or_nobodys(kind: str, moment: str) -> None:
    assert pulled_everywhere(kind, moment, Wish(ALI, reassign=True), SARA) == 0
