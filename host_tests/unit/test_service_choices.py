"""What the counter chose for itself: kept over restarts and cuts, until the settings say something new."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firmware.core.errors import StoreError
from firmware.core.log import Log
from firmware.screen.signals import ALL, REFUSALS, SILENT
from firmware.service import choices
from firmware.settings import SOUNDS, Settings, check, declared_settings
from firmware.store.seal import Sealer
from firmware.store.slots import Slots
from tools.sim.chips.nor import Nor, NorPartition, PowerCut, Torn

GIVEN = b"en\x03\x00"
CHOSEN = b"fa\x01\x02"
LEAST: dict[str, object] = {
    "terminal_id": "T0000001",
    "merchant_id": "M00000000000001",
    "switch_host": "x",
    "switch_port": 1,
    "switch_name": "x",
}


class Text:
    language = "en"

    def use(self, language: str) -> None:
        self.language = language


class Display:
    level = 0x7F
    connected = True

    def contrast(self, level: int) -> None:
        if not self.connected:
            raise OSError(5)
        self.level = level


class Terminal(SimpleNamespace):
    """The rooms this works on, of a modelled flash that outlives them."""

    def __init__(self, nor: Nor, provisioned: bytes = GIVEN) -> None:
        super().__init__(
            panel=SimpleNamespace(text=Text()), signals=SimpleNamespace(sounds=ALL), display=Display(), log=Log(20)
        )
        self.nor = nor
        self.given = provisioned
        slots = self.small_values()
        slots.open()
        choices.apply(self, choices.in_force(slots.get(choices.NAME) or b"", self.given))

    def small_values(self) -> Slots:
        return Slots(NorPartition(self.nor, 0, 4), Sealer(bytes(16), b"", b"vafa-slots"), 5, first=2)


def test_a_choice_counts_at_once_and_after_a_restart() -> None:
    nor = Nor(4 * 4096)
    terminal = Terminal(nor)
    assert (terminal.panel.text.language, terminal.display.level, terminal.signals.sounds) == ("en", 0x7F, ALL)
    choices.choose(terminal, CHOSEN)
    for one in (terminal, Terminal(nor)):
        assert (one.panel.text.language, one.display.level, one.signals.sounds) == ("fa", 0x08, SILENT)


def test_what_the_settings_say_anew_is_the_newer_word_for_that_alone() -> None:
    nor = Nor(4 * 4096)
    choices.choose(Terminal(nor), CHOSEN)
    assert Terminal(nor, b"en\x03\x00").chosen == CHOSEN
    assert Terminal(nor, b"en\x04\x00").chosen == b"fa\x04\x02"
    assert Terminal(nor, b"fa\x03\x01").chosen == b"fa\x01\x01"


@given(st.binary(max_size=12), st.sampled_from([GIVEN, CHOSEN]))
@example(b"xx\x01\x00" + GIVEN, GIVEN)  # chance alone rarely finds the length and what was given
@example(b"en\x00\x00" + GIVEN, GIVEN)
@example(b"en\x01\x09" + GIVEN, GIVEN)
def test_whatever_is_kept_something_that_can_be_applied_counts(kept: bytes, provisioned: bytes) -> None:
    found = choices.in_force(kept, provisioned)
    assert found[:2] in (b"en", b"fa")
    assert 1 <= found[2] <= 4
    assert found[3] in (ALL, REFUSALS, SILENT)


def test_a_display_that_is_away_or_a_flash_that_takes_nothing_stops_no_choice_of_now() -> None:
    terminal = Terminal(Nor(4 * 4096))
    terminal.display.connected = False
    slots = terminal.small_values()
    slots.put = lambda *_: (_ for _ in ()).throw(StoreError("flash takes no value"))  # type: ignore[method-assign]
    terminal.small_values = lambda: slots
    with pytest.raises(StoreError):
        choices.choose(terminal, CHOSEN)
    assert (terminal.panel.text.language, terminal.signals.sounds) == ("fa", SILENT)
    assert any("R02" in line for line in terminal.log.newest(9))


def test_the_settings_give_the_first_value() -> None:
    for number, word in enumerate(SOUNDS):
        settings = Settings(check(declared_settings(), LEAST | {"language": "en", "brightness": 2, "sounds": word}))
        assert choices.given_by(settings) == b"en" + bytes((2, number))


@pytest.mark.parametrize("torn", list(Torn))
def test_power_cut_at_every_flash_operation_of_a_change_leaves_the_old_choice_or_the_new(torn: Torn) -> None:
    """From a fresh flash on, over so many changes that the values move to their other sector."""
    changes = [bytes((*language, level, sounds)) for language, level, sounds in itertools.product(
        (b"en", b"fa"), (1, 2, 3, 4), (0, 1, 2))]  # fmt: skip
    nor = Nor(4 * 4096)
    old = GIVEN
    cuts = 0
    for choice in changes * 3:
        terminal = Terminal(nor)
        before, count = bytes(nor.image), 0
        while True:
            count += 1
            nor.image[:] = before
            nor.power_on()
            nor.cut_at(count, torn)
            try:
                choices.choose(terminal, choice)
            except PowerCut:
                cuts += 1
                nor.power_on()
                assert Terminal(nor).chosen in (old, choice)
                terminal = Terminal(nor)
                continue
            break
        nor.power_on()
        assert Terminal(nor).chosen == choice
        old = choice
    assert cuts > len(changes)
