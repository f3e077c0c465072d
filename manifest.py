"""What a frozen build of the firmware holds, for MicroPython's build system (`make FROZEN_MANIFEST=.../manifest.py`).

`make firmware` first: the sources that are frozen are those it compiles, without types and names of numbers, in
build/firmware/frozen. The firmware needs nothing beyond a stock build: no package of micropython-lib is required here
or in package.json, and a test holds that. A module that comes to need one declares it in both. Tables (`*.tbl`) cannot
be frozen: docs/typography.md says where they lie then. A Pico W needs another `_boot.py`, too:
tools/device/pico/manifest.py.
"""

# ruff: noqa: F821 -- these names are the build system's own
include("$(PORT_DIR)/boards/manifest.py")
package("firmware", base_path="build/firmware/frozen")
package("drivers", base_path="build/firmware/frozen")
# boot.py imports these by their short names, before there is a program to look into.
module("slots.py", base_path="build/firmware/frozen/firmware/service")
module("bundlefs.py", base_path="build/firmware/frozen/drivers")
