"""Every test runs with the names MicroPython has and CPython lacks.

The firmware collects garbage by itself, and often: on a PC each time would look at all that the tests have imported,
some 30 ms. What is there before the first test is therefore left out of it.
"""

import gc

from tools.sim import onhost

onhost.install()


def pytest_collection_finish() -> None:
    """All test modules are imported."""
    gc.collect()
    gc.freeze()
