"""The interpreter's table of names does not grow after the start: then the heap has no piece large enough for one twice
the size, and every import, so the end of a shift, an update or a void, fails until the next start."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tests.terminal import runtime_kit
from tools.rpc.client import crc16
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start

LIMIT = 5100  # names that fit; the test below measures it
ROOM = 100
TELLS = """
    import micropython

    terminal.console._status = lambda: micropython.qstr_info() or []
    run(terminal)
"""
FILLS = """
    import micropython

    for code in range(0x4E00, 0x4E00 + 5400):
        chr(code)
        if code % 4 == 0:
            micropython.qstr_info()
"""
# Each of these meets text from outside: names of members and the shop, texts of the switch and of programs.
MEETS = """
    import asyncio
    import micropython
    from framebuf import MONO_VLSB, FrameBuffer

    from drivers.escpos import EscPos
    from firmware.core.log import Log
    from firmware.core.mobile import canonical
    from firmware.receipt.lines import BIG, HEADING, PAIR, PLAIN, QR, Form
    from firmware.receipt.spool import Spool
    from firmware.screen.faces import Faces
    from firmware.screen.lines import BESIDE, ELSE, TEXT, TITLE, WITH, WRAP, compose, pair
    from firmware.service.rpc_frames import id_in

    class Words:
        rtl = False

    class Line:
        def init(self, baud): pass
        def any(self): return 0
        def read(self, count): return None
        def write(self, data): return len(data)

    class Ready(EscPos):
        def ready(self): return True
        def busy(self, whole=False): return False

    frame = FrameBuffer(bytearray(1024), 128, 64, MONO_VLSB)
    words = Words()
    faces = Faces(words)

    def letter(code):
        return bytes((0xE0 | code >> 12, 0x80 | code >> 6 & 0x3F, 0x80 | code & 0x3F)).decode()

    def shows(text):
        rows = [(role, text) for role in (TITLE, TEXT, WITH, WRAP)]
        rows += [(TEXT, pair(text, "1,000" + ELSE + "1000")), (BESIDE, "2"), (WITH, pair(text, text))]
        for page in compose(rows, faces):
            for band in page:
                for x, part in band.parts:
                    band.face.draw(frame, part, x, band.y, band.big, 1, words.rtl)

    def prints(text):
        for faces_or_none in (faces, None):
            spool = Spool(Ready(Line()), Log(), Form(), faces_or_none)
            rows = [(role, text) for role in (BIG, HEADING, PLAIN, QR)]
            spool.hand(rows + [(PAIR, text + ": " + text)], (text,), words.rtl)
            asyncio.run(spool.printed(lambda: None))

    def meets(code):
        for words.rtl in (False, True):
            for alone in (False, True):
                text = letter(code) + ("" if alone else "a" + letter(code + 1))
                shows(text)
                prints(text)
                code += 2
        canonical(letter(code))
        canonical(letter(code + 1) + letter(code + 2))
        id_in('"id":' + letter(code + 3))
        return code + 4

    code = meets(0x4E00)
    micropython.qstr_info()
    for _ in range(4):
        code = meets(code)
    micropython.qstr_info()
"""
FULL = (
    "{count} names, and at {limit} the interpreter's table of names doubles in the middle of a sale; {room} have to "
    "stay free. Names are kept for good: of every attribute, function, argument and variable that is no const(), of "
    "each short text in the program. Write new constants as const() with a leading underscore and use names that are "
    "there already; take out of _RARE of firmware/starting.py only what never runs. If the interpreter has changed, "
    "measure LIMIT anew."
)
GREW = (
    "{more} names came after the start, by {what}: the interpreter keeps them for good. A module that is imported "
    "later has to stand in _RARE of firmware/starting.py; text from outside must not be iterated over or indexed "
    "character by character, see `codes` in firmware/service/methods/__init__.py."
)
COUNT = re.compile(r"n_pool=(\d+), n_qstr=(\d+)")


def test_the_limit_is_where_the_table_grows(tmp_path: Path) -> None:
    said = runtime_kit.run(tmp_path, FILLS)
    found = [(int(pools), int(count)) for pools, count in COUNT.findall(said)]
    before = max(count for pools, count in found if pools == found[-1][0] - 1)
    assert LIMIT - 4 <= before <= LIMIT, before


def test_what_meets_text_from_outside_keeps_none_of_its_letters(tmp_path: Path) -> None:
    said = runtime_kit.run(runtime_kit.product_in(tmp_path), MEETS)
    found = [int(count) for _pools, count in COUNT.findall(said)]
    assert len(found) == 2, said
    assert found[0] == found[1], GREW.format(more=found[1] - found[0], what="screen, paper or an order")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The product, with a word that tells the table."""
    return runtime_kit.telling_tree(tmp_path_factory.mktemp("told"), TELLS)


@pytest.fixture
def stage(tree: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    options: dict[str, object] = {
        "language": "fa",
        "aes_way": "relay",
        "survey_every": 1,
        "survey_question": "1",
        "greet": True,
    }
    made = Stage(Start(board=request.param, settings=options | {"again_within_s": 0}), tree)
    try:
        made.open()
        made.run(3000)
        yield made
    finally:
        made.close()


def names(stage: Stage) -> int:
    before = len(stage.serial())
    stage.console("status")
    assert stage.run_until(lambda: COUNT.search(stage.serial()[before:]) is not None, 3000), stage.serial()[before:]
    pools, count = COUNT.findall(stage.serial()[before:])[-1]
    assert int(pools) == 8, FULL.format(count=count, limit=LIMIT, room=ROOM)
    return int(count)


def asked(stage: Stage, number: int, method: str, params: dict[str, str]) -> str:
    before = len(stage.serial())
    line = json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}, separators=(",", ":"))
    stage.terminal.serial_type(f"{line}*{crc16(line.encode()):04x}\n")
    assert len(line) < 236
    assert stage.run_until(lambda: f'"id":{number}' in stage.serial()[before:], 5000), stage.serial()[before:]
    return stage.serial()[before:]


@pytest.mark.parametrize("stage", ["s3", "pico"], indirect=True)
def test_with_all_options_there_is_room_after_the_start_and_after_what_comes_rarely(stage: Stage) -> None:
    began = names(stage)
    assert began <= LIMIT - ROOM, FULL.format(count=began, limit=LIMIT, room=ROOM)
    for what in (
        "health",
        "flash",
        "queue",
        "config fingerprint",
        "link",
        "reader",
        "letters",
        "log 5",
        "help",
        "clock",
    ):
        stage.console(what)
        stage.run(700)
    for keys in ("UP", "DOWN", "MENU 1", "MENU 3", "MENU 5", "MENU 7", "MENU 9", "BALANCE", "REDEEM", "5 000 OK"):
        for key in keys.split():
            stage.press(key)
            stage.run(400)
        if keys == "5 000 OK":
            stage.lay("gold-card")
            stage.run(4000)
            stage.remove(None)
        for _ in range(3):
            stage.press("CANCEL")
            stage.run(300)
    count = names(stage)
    assert count <= LIMIT - ROOM, FULL.format(count=count, limit=LIMIT, room=ROOM)
    assert count - began <= 20, GREW.format(more=count - began, what="words and the menu")


@pytest.mark.parametrize("stage", ["s3"], indirect=True)
def test_what_a_program_sends_leaves_no_names(stage: Stage) -> None:
    assert stage.console_right("technician")
    asked(stage, 1, "rights.pair", {"ecr": "till 1"})
    asked(stage, 2, "sale.status", {"ref": "R-1"})
    before = names(stage)
    for number in range(4):
        letters = "".join(chr(0x4E00 + number * 16 + at) for at in range(16))
        asked(stage, 10 + number, "rights.pair", {"ecr": letters})
        asked(stage, 20 + number, "sale.status", {"ref": letters})
        asked(stage, 30 + number, "queue." + letters[:4], {letters[:4]: letters[:4]})
    stage.run(2000)
    more = names(stage) - before
    assert more <= 4, GREW.format(more=more, what="requests of a program")
