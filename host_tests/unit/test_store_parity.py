"""Every store does the same on the device's interpreter as on CPython, to the last byte on the flash."""

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path

from host_tests.unit import store_script

ROOT = Path(__file__).resolve().parents[2]


def test_both_runtimes_leave_the_same_bytes():
    here = io.StringIO()
    with contextlib.redirect_stdout(here):
        store_script.everything()
    program = "from host_tests.unit.store_script import everything\neverything()"
    there = subprocess.run(
        [sys.executable, "-m", "micropython_unix", "-X", "heapsize=512wK", "-c", program],
        cwd=ROOT,
        env={**os.environ, "MICROPYPATH": f".frozen:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (there.returncode, there.stderr) == (0, "")
    assert there.stdout == here.getvalue()
    lines = here.getvalue().splitlines()
    assert sum("[" in line for line in lines) > 100, "the power cuts did not come"
