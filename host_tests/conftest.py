"""Every test runs with the names MicroPython has and CPython lacks, and tries the same examples each time, however long
a busy PC takes for one. `--hypothesis-profile default` tries others.

The firmware collects garbage by itself, and often: on a PC each time would look at all that the tests have imported,
some 30 ms. What is there before the first test is therefore left out of it.
"""

import gc

from hypothesis import HealthCheck, settings

from tools.sim import onhost

onhost.install()
settings.register_profile("alike", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("alike")


def pytest_collection_finish() -> None:
    """All test modules are imported."""
    gc.collect()
    gc.freeze()
