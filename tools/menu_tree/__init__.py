"""Writes docs/menu-tree.txt. Depends on the firmware, which runs here on CPython."""

from tools.sim import onhost

onhost.install()
