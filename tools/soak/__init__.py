"""Whole-system simulation: several terminals, their members and the bench switch, for days, from one seed.

`python -m tools.soak` and host_tests/unit/test_soak.py run it; docs/soak.md tells what it does. Every module here
imports the firmware, which wants the names MicroPython has and CPython lacks.
"""

from tools.sim import onhost

onhost.install()
