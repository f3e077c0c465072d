"""A card pulled at every reader frame of its personalisation: never half-trusted, never a wrong member's."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from firmware.core.types import AUTH_UID, CardData
from host_tests.unit.device_kit import ALI, SARA, Desk, blank
from tools.device import report as results
from tools.device.errors import CardDamaged, DeviceError
from tools.device.personalise import Wish
from tools.sim.cards import Noise

# What becomes of the frame: the card does not hear it, writes half of it, or obeys and cannot answer.
MOMENTS = ("before", "torn", "after")
KINDS = ("classic", "ntag213", "ntag424", "desfire-ev2")


def begun_card(kind: str, member_no: int) -> Any:
    """A blank card, or one that is already somebody's."""
    card = blank(kind)
    if member_no:
        desk = Desk()
        desk.field.lay(card)
        desk.fulfil(Wish(member_no))
        desk.field.remove(card)
    return card


def frames_of(kind: str, owner: int, wish: Wish) -> int:
    """How many reader frames an undisturbed run takes."""
    desk = Desk()
    desk.field.lay(begun_card(kind, owner))
    desk.fulfil(wish)
    return desk.field.frames


def trusted_member(desk: Desk) -> int:
    """The member a terminal with the group key trusts the card with, 0 for none."""
    reading = desk.as_terminal_reads()
    if isinstance(reading, CardData):
        assert bool(reading.member_no) == (reading.auth != AUTH_UID)
        return reading.member_no
    return 0


def pulled_everywhere(kind: str, moment: str, wish: Wish, owner: int) -> int:
    """Pull at each frame, look as a terminal, lay down again, finish; how many cards were lost for good."""
    frames = frames_of(kind, owner, wish)
    assert frames > 20
    damaged = 0
    for n in range(1, frames + 1):
        card = begun_card(kind, owner)
        desk = Desk()
        desk.field.lay(card)
        desk.field.pull_at_frame(card, n, moment)
        with contextlib.suppress(DeviceError):  # a frame that nobody answers, or the last, may go unnoticed
            desk.fulfil(wish, wait_s=0)
        assert card not in desk.field.cards
        desk.begin_anew()  # what was done shows on the card: there is no report to look into
        desk.field.lay(card)
        assert trusted_member(desk) in (0, owner, wish.member_no), (n, moment)
        try:
            assert desk.fulfil(wish) in results.DONE, (n, moment)
        except CardDamaged:
            damaged += 1
            assert trusted_member(desk) == 0
            continue
        assert trusted_member(desk) == wish.member_no, (n, moment)
    return damaged


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_blank_card_pulled_at_any_frame_is_finished_by_laying_it_down_again(kind: str, moment: str) -> None:
    damaged = pulled_everywhere(kind, moment, Wish(ALI), 0)
    # The one write that cannot be taken back: half a trailer locks the sector for good, and is told.
    assert damaged == (1 if (kind, moment) == ("classic", "torn") else 0)


@pytest.mark.parametrize("moment", MOMENTS[1:])
@pytest.mark.parametrize("kind", KINDS[:3])
def test_a_card_that_changes_its_member_is_at_any_frame_the_olds_the_news_or_nobodys(kind: str, moment: str) -> None:
    assert pulled_everywhere(kind, moment, Wish(ALI, reassign=True), SARA) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_noise_on_the_air_ends_in_a_finished_card_or_an_error_and_never_in_a_lost_one(kind: str) -> None:
    finished = 0
    for seed in range(12):
        card = blank(kind)
        desk = Desk()
        desk.field.lay(card)
        desk.field.noise = Noise(seed, deaf=0.01, silence=0.02, crc=0.02, parity=0.01, short=0.01)
        with contextlib.suppress(DeviceError):
            desk.fulfil(Wish(ALI), wait_s=2)
            finished += 1
        desk.field.noise = None
        assert trusted_member(desk) in (0, ALI)
        desk.begin_anew()
        assert desk.fulfil(Wish(ALI)) in results.DONE, seed
        assert trusted_member(desk) == ALI
    assert finished >= 6
