"""What an interpreter for a Pico W terminal holds, for MicroPython's build system:

    make -C ports/rp2 BOARD=RPI_PICO_W FROZEN_MANIFEST=.../tools/device/pico/manifest.py

The port's own modules but its `_boot.py`, which is ours, and the firmware as `make firmware` compiles it.
"""

# ruff: noqa: F821 -- these names are the build system's own
freeze("$(PORT_DIR)/modules", "rp2.py")
include("$(MPY_DIR)/extmod/asyncio")
freeze(".", "_boot.py")
package("firmware", base_path="../../../build/firmware/frozen")
package("drivers", base_path="../../../build/firmware/frozen")
