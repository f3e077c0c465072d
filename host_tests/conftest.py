"""Every test runs with the names MicroPython has and CPython lacks, and tries the same examples each time, however long
a busy PC takes for one. `--hypothesis-profile default` tries others.

The firmware collects garbage by itself, and often: on a PC each time would look at all that the tests have imported,
some 30 ms. What is there before the first test is therefore left out of it.
"""

import gc

import pytest
from hypothesis import HealthCheck, settings

from tools.sim import onhost

onhost.install()
settings.register_profile("alike", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("alike")


def pytest_configure(config: pytest.Config) -> None:
    """Before the workers begin: two that find no authority would make two, and trust each other's not."""
    from tools.bench_switch.pki import ensure
    from tools.sim import demo
    from tools.sim.scenario_stage import IMPOSTOR_FOLDER, PKI_FOLDER

    if not hasattr(config, "workerinput"):
        ensure(PKI_FOLDER, demo.SWITCH_NAME)
        ensure(IMPOSTOR_FOLDER, demo.SWITCH_NAME)


def pytest_collection_finish() -> None:
    """All test modules are imported."""
    gc.collect()
    gc.freeze()
