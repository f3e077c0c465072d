"""Short days of whole systems: each promise holds for each seed, and the same seed is the same run to the last byte.

`make soak` plays longer ones; docs/soak.md tells what they do.
"""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from host_tests.patience import PATIENCE_S
from tools.soak.run import run_seed
from tools.soak.weather import KINDS

ROOT = Path(__file__).resolve().parents[2]
STORIES = 5
BUNCH = 20
BUNCHES = 10
_ONE = "from tools.soak.run import run_seed; print(run_seed({}, 1, 5).digest)"


@pytest.mark.parametrize("first", range(1, BUNCH * BUNCHES, BUNCH))
def test_every_promise_holds_whatever_goes_wrong(first: int):
    counts: Counter[str] = Counter()
    for seed in range(first, first + BUNCH):
        result = run_seed(seed, 1, STORIES)
        counts.update(result.counts)
        replay = f".venv/bin/python -m tools.soak --seed {seed} --days 1 --stories {STORIES} --trace"
        assert not result.problems, f"{replay}\n" + "\n".join(result.problems)
    faults = [kind for kind, _ in KINDS if counts[f"fault: {kind}"]]
    assert counts["approvals shown"] > BUNCH and len(faults) > len(KINDS) // 2, "nothing was exercised"


def test_the_same_seed_is_the_same_run_in_another_process_with_another_hash_seed():
    said = set()
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-c", _ONE.format(5)]
        ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE_S)
        assert ran.returncode == 0, ran.stderr
        said.add(ran.stdout)
    assert said == {run_seed(5, 1, 5).digest + "\n"}
