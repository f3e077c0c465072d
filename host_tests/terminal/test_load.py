"""The host's load is not seen: a slow switch and a firmware process that gets no time change no simulated moment."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest

from tools.bench_switch.desk import Desk
from tools.sim import scenario_stage
from tools.sim.processor import Processor
from tools.sim.scenario_runner import run_file

STORY = """
timeout 60000
keys 125000 OK
tap gold-card
expect screen "EARNED"
remove
wait 2000
switch late 3000 times 1 for 0200
keys 20000 OK
tap silver-card
expect screen "EARNED"
remove
wait 2000
switch silent times 1 for 0200
keys 30000 OK
tap gold-card
expect screen "SAVED"
remove
expect pending 0
switch close times 1 for 0200
keys 40000 OK
tap silver-card
expect screen "SAVED"
remove
expect pending 0
keys 50000 OK
tap gold-card
wait 400
cut power
wait 700
remove
power on
expect pending 0
expect ledger check
"""


class _Stutter:
    """Takes the processor's process off the CPU for random moments, once for longer than a watchdog's patience."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._processor: Processor | None = None
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.stops = 0

    def watch(self, processor: Processor) -> None:
        self._processor = processor

    def _run(self) -> None:
        while not self._end.wait(self._random.uniform(0.005, 0.1)):
            pid = self._processor.pid if self._processor is not None else None
            if pid is None:
                continue
            self.stops += 1
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                time.sleep(3.3 if self.stops == 12 else self._random.uniform(0, 0.08))
                os.kill(pid, signal.SIGCONT)

    def __enter__(self) -> _Stutter:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._end.set()
        self._thread.join()


def play(story: Path) -> str:
    return json.dumps(run_file(story), sort_keys=True)


@pytest.mark.timeout(600)
def test_a_slow_switch_and_a_starved_processor_change_nothing_in_the_record(tmp_path, monkeypatch):
    story = tmp_path / "story.txt"
    story.write_text(STORY)
    calm = play(story)
    assert json.loads(calm)["failures"] == []
    handle, rng = Desk.handle, random.Random(3)

    def slowly(desk: Desk, raw: bytes) -> object:
        time.sleep(rng.uniform(0, 0.15))
        reaction = handle(desk, raw)
        time.sleep(rng.uniform(0, 0.15))
        return reaction

    monkeypatch.setattr(Desk, "handle", slowly)
    with _Stutter(4) as stutter:

        class Watched(scenario_stage.Terminal):
            def power_on(self) -> None:
                stutter.watch(self)
                super().power_on()

        monkeypatch.setattr(scenario_stage, "Terminal", Watched)
        loaded = play(story)
    assert stutter.stops > 20
    assert loaded == calm
