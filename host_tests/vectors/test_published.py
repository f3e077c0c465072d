"""The product gives the published answers, on CPython and on the device's interpreter."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from host_tests.vectors import published

ROOT = Path(__file__).resolve().parents[2]
VECTORS = published.vectors()


@pytest.mark.parametrize(("out", "expected"), [vector[1:] for vector in VECTORS], ids=[v[0] for v in VECTORS])
def test_the_published_answer(out: str, expected: str) -> None:
    assert out == expected


def test_the_same_on_the_device() -> None:
    program = "import json\nfrom host_tests.vectors import published\nprint(json.dumps(published.vectors()))"
    finished = subprocess.run(
        [sys.executable, "-m", "micropython_unix", "-X", "heapsize=512K", "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "MICROPYPATH": f".frozen:{ROOT}"},
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert [tuple(vector) for vector in json.loads(finished.stdout)] == VECTORS
