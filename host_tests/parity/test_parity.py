"""The same vectors give the same answers on CPython and on the device's interpreter."""

import json
import os
import subprocess
import sys
from pathlib import Path

from host_tests.parity import vectors
from host_tests.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]
# Compiling from source takes more heap than running; `make bench` measures the shipped form.
HEAP = "400wK"


def test_both_runtimes_agree() -> None:
    environment = {**os.environ, "MICROPYPATH": f".frozen:{ROOT}"}
    program = "import json\nfrom host_tests.parity import vectors\nprint(json.dumps(vectors.run()))"
    finished = subprocess.run(
        [sys.executable, "-m", "micropython_unix", "-X", f"heapsize={HEAP}", "-c", program],
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
        timeout=PATIENCE_S,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    on_device = json.loads(finished.stdout)
    on_host = json.loads(json.dumps(vectors.run()))
    assert on_device.keys() == on_host.keys()
    for name, answer in on_host.items():
        assert on_device[name] == answer, name


def test_the_interpreter_is_the_pinned_one() -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "micropython_unix", "-c", "import sys; print(sys.implementation.version, sys.version)"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert "(1, 29, 0, 'preview')" in finished.stdout
    assert "9458e3a23f" in finished.stdout
