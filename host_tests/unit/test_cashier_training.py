"""Training looks and feels like selling, says so everywhere, and can reach nothing that counts."""

import ast
import gc
import types
from pathlib import Path

import pytest

from firmware.cashier import practice, training
from firmware.cashier.practice import marked
from firmware.core.types import AUTH_UID, CardData
from firmware.screen.lines import BIG, GAP, HINT, NOTE, TEXT, TITLE
from host_tests.unit.screen_kit import assert_fits, rows_of
from host_tests.unit.staff_kit import SHOP, Till

PLAIN = CardData(bytes.fromhex("0455667788AABB"), "ntag213", AUTH_UID)
WORD = "TRAINING"


@pytest.fixture
def till(tmp_path):
    return Till(tmp_path, SHOP)


async def begin(till):
    await till.at_the_till(3)
    await till.keys("MENU", "9", "3")
    await till.sees(WORD)


async def four_functions(till):
    for way in (("SALE", "5", "000", "OK"), ("7", "000", "OK")):
        await till.keys(*way)
        await till.sees("TAP CARD")
        await till.tap(PLAIN)
        await till.sees("EARNED")
        assert any(WORD in row for row in till.canvas.rows)
        await till.keys("OK")
    await till.keys("REDEEM")
    await till.sees("TAP CARD")
    await till.tap(PLAIN)
    await till.sees("of 5,012")
    await till.keys("OK")
    await till.sees("OK yes")
    await till.keys("OK")
    await till.sees("USED")
    await till.keys("OK", "BALANCE")
    await till.sees("TAP CARD")
    await till.tap(PLAIN)
    await till.sees("4,512")
    await till.keys("OK", "MENU", "1")
    await till.sees("Printed")


def test_the_four_functions_are_tried_and_nothing_of_it_is_anywhere(till):
    async def story(till):
        await begin(till)
        before = len(till.calls)
        flash = bytes(till.nor.image), till.nor.programs, till.nor.erases
        await four_functions(till)
        assert (bytes(till.nor.image), till.nor.programs, till.nor.erases) == flash
        rooms = [call for call in till.calls[before:] if not call.startswith(("show", "print"))]
        assert rooms == []
        shown = [call for call in till.calls[before:] if call.startswith("show")]
        assert all(WORD in call for call in shown), shown
        await till.keys("9")
        await till.sees("READY")
        assert not any(WORD in row for row in till.canvas.rows)

    till.play(story)
    assert till.switch.sent == [] and till.journal.entries == {} and till.members.known == {}
    assert till.printer.receipts
    for receipt in till.printer.receipts:
        assert WORD in receipt[0] and WORD in receipt[-1]
    assert till.reader.proofs and not any(till.reader.proofs[1:])  # no card is asked for what only the switch can check


def test_it_ends_by_rest_and_the_till_is_locked_then(till):
    async def story(till):
        await begin(till)
        await till.keys("MENU", "CANCEL")
        await till.sees("Nothing counts")
        await till.asleep(301)
        await till.sees("LOCKED")

    till.play(story)


def test_nothing_that_counts_can_be_reached_from_its_counter(till):
    """Not by a rule but by what there is: from object to object, no way leads to a journal, a member or a session."""
    found: list[object] = []

    async def story(till):
        await till.at_the_till(3)
        counter = training.practice_counter(till.counter)
        counter.panel.beat = len  # the watchdog's; it knows the whole desk
        todo, seen = [counter], {id(counter)}
        while todo:
            one = todo.pop()
            found.append(one)
            for other in gc.get_referents(one):
                skipped = isinstance(other, (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType))
                if id(other) not in seen and not skipped:
                    seen.add(id(other))
                    todo.append(other)

    till.play(story)
    assert any(isinstance(one, practice.PracticeSwitch) for one in found)
    for room in (till.switch, till.journal, till.members, till.forward, till.nor, till.staff, till):
        assert not any(one is room for one in found), type(room).__name__


def test_its_rooms_import_nothing_that_writes_or_sends():
    for module in (practice, training):
        tree = ast.parse(Path(module.__file__).read_text())
        names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not [
            name for name in names if name.startswith(("firmware.switch", "firmware.store", "firmware.service"))
        ]


@pytest.mark.parametrize(
    "lines",
    [
        [(TITLE, "SALE"), (GAP, ""), (BIG, "5,000"), (TEXT, "a"), (NOTE, "b"), (HINT, "c")],
        [(TITLE, "SALE"), (TEXT, "x"), (BIG, "TAP CARD"), (NOTE, "a"), (TEXT, "b"), (TEXT, "d"), (HINT, "c")],
        [(BIG, "EARNED"), *[(TEXT, str(n)) for n in range(5)], (HINT, "c")],
        [(BIG, "NOT DONE"), (NOTE, "a"), (GAP, ""), (TEXT, "b"), (TEXT, "d"), (TEXT, "e"), (HINT, "c")],
    ],
)
def test_the_word_stands_first_and_hides_nothing(lines):
    assert_fits(marked(list(lines), WORD))
    words = [row.strip() for row in rows_of(marked(list(lines), WORD))]
    assert words[0].startswith(WORD)
    gone = [text for role, text in lines if role != TITLE and text and text not in words]
    assert gone == []
