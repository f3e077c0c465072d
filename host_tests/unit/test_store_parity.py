"""Every store does the same on the device's interpreter as on CPython, to the last byte on the flash, cut by cut."""

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path

from host_tests.patience import PATIENCE_S
from host_tests.unit import store_script, store_sweep_cells

ROOT = Path(__file__).resolve().parents[2]
STORES = ["journal", "Members", "Buckets", "slots", "vault", "tries"]


def on_device(module: str, call: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "micropython_unix", "-X", "heapsize=4M", "-c", f"from {module} import *\n{call}"],
        cwd=ROOT,
        env={**os.environ, "MICROPYPATH": f".frozen:{ROOT}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answer(device: subprocess.Popen[str]) -> str:
    try:
        said, errors = device.communicate(timeout=PATIENCE_S)
    finally:
        device.kill()
    assert (device.returncode, errors) == (0, "")
    return said


def test_both_runtimes_leave_the_same_bytes():
    device = on_device("host_tests.unit.store_script", "everything()")
    here = io.StringIO()
    with contextlib.redirect_stdout(here):
        store_script.everything()
    assert answer(device) == here.getvalue()
    lines = here.getvalue().splitlines()
    assert sum("[" in line for line in lines) > 100, "the power cuts did not come"


def test_the_device_recovers_from_a_cut_at_every_operation_of_every_store():
    device = on_device("host_tests.unit.store_sweep_cells", "everything(True)")
    here = io.StringIO()
    with contextlib.redirect_stdout(here):
        store_sweep_cells.everything(False)
    there = answer(device).splitlines()
    assert there[: len(STORES)] == here.getvalue().splitlines(), "not recovered to the same bytes"
    swept = [line.split() for line in there]
    assert [line[:2] for line in swept] == [[n, kind] for kind in ("any-length", "whole-pages") for n in STORES]
    for name, _kind, operations, erases, states, _hash in swept:
        assert int(erases) > 0, f"{name}: no erase was cut"
        assert int(states) > int(operations), f"{name}: not every operation was cut"
    assert sum(int(line[4]) for line in swept) > 400
