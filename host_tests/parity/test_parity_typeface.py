"""The device's interpreter shapes, orders and draws every text as CPython does."""

import json
import os
import subprocess
import sys
from pathlib import Path

from host_tests.parity import typeface_vectors
from host_tests.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]


def test_both_runtimes_draw_the_same() -> None:
    program = "import json\nfrom host_tests.parity import typeface_vectors\nprint(json.dumps(typeface_vectors.run()))"
    finished = subprocess.run(
        [sys.executable, "-m", "micropython_unix", "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "MICROPYPATH": f".frozen:{ROOT}"},
        cwd=ROOT,
        timeout=PATIENCE_S,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    on_device, on_host = json.loads(finished.stdout), json.loads(json.dumps(typeface_vectors.run()))
    assert on_device.keys() == on_host.keys()
    for name, answer in on_host.items():
        assert on_device[name] == answer, name
