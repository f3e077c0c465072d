"""What a frozen build of the firmware holds, for MicroPython's build system (`make FROZEN_MANIFEST=manifest.py`).

The firmware needs nothing beyond a stock build: no package of micropython-lib is required here or in package.json.
A module that comes to need one declares it in both.
"""

# ruff: noqa: F821 -- these names are the build system's own
include("$(PORT_DIR)/boards/manifest.py")
package("firmware")
package("drivers")
