"""Power cut at flash operations of a whole update, on the whole terminal: one of the two programs starts, and the
journal is whole.

The update is played once and its operations are written down; a case is the flash as the cut leaves it, and a start.
The default takes some operations of the last stretch of the load and of everything behind it; the long form
(VAFA_POWER=long, `make power`) takes every operation from the first byte on, in each way it can tear: what mounts as
something that was started before is not started again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator

import pytest
from littlefs import LittleFS, UserContext

from firmware import version
from host_tests.terminal.update_programs import BUILD, VERSION, program
from tools.sim import image
from tools.sim.chips.nor import BLOCK, Nor, PowerCut, Torn
from tools.sim.layout import LAYOUTS
from tools.sim.scenario_journal import journal_copy
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start

LONG = os.environ.get("VAFA_POWER") == "long"
SOON = ("firmware/service/trial.py", "PROVEN_S = const(600)", "PROVEN_S = const(40)")
LOADED_BEFORE = 0 if LONG else 24_000  # bytes of the end that are still to come
SAMPLES = 9
VFS = LAYOUTS["s3"].partitions["vfs"]

Operation = tuple[str, int, bytes]


def shop() -> bytes:
    """The flash of a terminal that sold once without the line and was switched off."""
    stage = Stage(Start())
    try:
        stage.open()
        stage.net(False)
        assert stage.run_until(lambda: "OFFLINE" in stage.screen_lines(), 30_000)
        for key in ("5", "000", "OK"):
            stage.press(key)
        stage.lay("gold-card")
        assert stage.run_until(lambda: "SAVED" in stage.screen_lines(), 30_000), stage.screen_lines()
        stage.remove(None)
        stage.run(2000)
        stage.cut_now()
        return bytes(stage.terminal.nor.image)
    finally:
        stage.close()


def partly_loaded(flash: bytes, content: bytes) -> bytes:
    """With all but the end of the update on the flash, as an earlier start left it."""
    if not LOADED_BEFORE:
        return flash
    pin = BUILD.to_bytes(4, "big") + len(content).to_bytes(4, "big") + hashlib.sha256(content).digest()[:8]
    volume = bytearray(flash[: VFS[1]])
    image.write_files(
        volume, {"program.pin": pin, "program.new": content[: (len(content) - LOADED_BEFORE) // 240 * 240]}
    )
    return bytes(volume) + flash[VFS[1] :]


def played(flash: bytes, content: bytes) -> tuple[list[Operation], int]:
    """Every flash operation from the start until the trial is passed, and how many there were when it began."""
    stage = Stage(Start())
    stage.flash = flash
    try:
        stage.set_up()
        stage.switch.ledger.publish_program(content, "", stage.now_utc())
        stage.terminal.nor.op_log = log = []
        stage.power_on()
        assert stage.run_until(lambda: "its trial begins" in stage.serial(), 400_000), stage.serial()[-500:]
        begun = len(log)
        assert stage.run_until(lambda: "passed its trial" in stage.serial(), 300_000), stage.serial()[-500:]
        stage.run(2000)
        return list(log), begun
    finally:
        stage.close()


def left_by(nor: Nor, operation: Operation, torn: Torn) -> bytes:
    """The whole flash after a cut in this operation."""
    kind, where, data = operation
    copy = Nor(nor.size, seed=nor.seed)
    copy.image[:] = nor.image
    copy.ops = nor.ops
    copy.cut_at(1, torn)
    with pytest.raises(PowerCut):
        copy.erase(where) if kind == "erase" else copy.program(where, data)
    return bytes(copy.image)


def cases(flash: bytes, log: list[Operation], begun: int) -> Iterator[tuple[int, Torn, bytes]]:
    """(operation, how it was torn, the flash it leaves) for each that is tried."""
    nor = Nor(len(flash))
    nor.image[:] = flash
    behind_at = begun - 40  # the pin, the rename, the decision, and what the new program writes
    few = {behind_at + (len(log) - 1 - behind_at) * i // (SAMPLES - 1) for i in range(SAMPLES)} | {behind_at // 2}
    for number, operation in enumerate(log):
        if LONG or number in few:
            seen: set[bytes] = set()
            for torn in Torn if LONG else (Torn.RANDOM_BITS,):
                left = left_by(nor, operation, torn)
                if left not in seen:
                    seen.add(left)
                    yield number, torn, left
        kind, where, data = operation
        nor.erase(where) if kind == "erase" else nor.program(where, data)


def as_mounted(flash: bytes) -> bytes:
    """A hash of all a start can see: every file but the one that is being loaded, and the raw regions."""
    context = UserContext(VFS[1])
    context.buffer[:] = flash[: VFS[1]]
    system = LittleFS(context=context, block_size=BLOCK, block_count=VFS[1] // BLOCK)
    digest = hashlib.sha256(flash[VFS[1] :])
    for folder, _, names in system.walk("/"):
        for name in sorted(names):
            path = f"{folder.rstrip('/')}/{name}"
            with system.open(path, "rb") as file:
                content = file.read() if name != "program.new" else b""
            digest.update(repr((path, len(content))).encode() + content)
    return digest.digest()


def started(flash: bytes) -> tuple[str, int]:
    """Which program starts on this flash without the switch, and the highest SEQ of its journal."""
    stage = Stage(Start())
    stage.flash = flash
    try:
        stage.set_up()
        stage.net(False)
        stage.power_on()
        assert stage.run_until(lambda: "READY" in stage.screen_lines(), 60_000), (stage.screen_lines(), stage.serial())
        runs = [text for text in (version.VERSION, VERSION) if f"Vafa {text} on s3" in stage.serial()]
        assert len(runs) == 1, stage.serial()
        journal = journal_copy(stage.terminal.nor, stage.terminal)
        sales = [entry.transaction.seq for entry in journal.history(1)]
        return runs[0], len(sales)
    finally:
        stage.close()


@pytest.mark.timeout(6 * 3600 if LONG else 600)
def test_after_a_cut_one_of_the_two_programs_starts_with_every_record() -> None:
    content = program(changes=(SOON,))
    flash = partly_loaded(shop(), content)
    log, begun = played(flash, content)
    assert begun > 20
    seen: dict[str, int] = {}
    known: set[bytes] = set()
    count = 0
    for number, torn, left in cases(flash, log, begun):
        count += 1
        mounts_as = as_mounted(left)
        if LONG and mounts_as in known:
            continue
        known.add(mounts_as)
        runs, sales = started(left)
        assert sales == 1, (number, torn)
        seen[runs] = seen.get(runs, 0) + 1
    print(f"{count} cuts in {len(log)} operations, started: {seen}")
    assert set(seen) == {version.VERSION, VERSION}
