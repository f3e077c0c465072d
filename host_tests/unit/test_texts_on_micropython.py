"""What a catalogue takes of the heap of the device's interpreter, and that reading texts leaves nothing behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from host_tests.patience import PATIENCE_S
from tools.texts import source

ROOT = Path(__file__).parents[2]
PROGRAM = """
import gc, json
from firmware.text.catalogue import LANGUAGES, load
NAMES = {names}
warm = load("en")
gc.collect()
before = gc.mem_alloc()
text = load("fa")
gc.collect()
kept = gc.mem_alloc() - before

def round():
    for language in LANGUAGES:
        text.use(language)
        for name in NAMES:
            text._find(name)
    gc.collect()
    return gc.mem_alloc()

sizes = [round() for _ in range(4)]
print(json.dumps([kept, sizes]))
"""


def test_a_catalogue_takes_little_heap_and_reading_every_text_takes_none() -> None:
    """Pointers are twice as wide as a board's; the file of this runtime has a buffer of its own, the bundle has not."""
    finished = subprocess.run(
        [sys.executable, "-m", "micropython_unix", "-c", PROGRAM.format(names=list(source.read("en")))],
        capture_output=True,
        text=True,
        env={**os.environ, "MICROPYPATH": f".frozen:{ROOT}"},
        cwd=ROOT,
        timeout=PATIENCE_S,
        check=True,
    )
    kept, sizes = json.loads(finished.stdout)
    assert kept <= 1500, kept
    assert sizes[0] >= sizes[-1] == sizes[1], sizes
