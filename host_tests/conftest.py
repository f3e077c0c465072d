"""Every test runs with the names MicroPython has and CPython lacks."""

from tools.sim import onhost

onhost.install()
