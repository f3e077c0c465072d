"""First file after the runtime: takes Ctrl-C away from the serial port, mounts the program's bundle and reads the
one-shot maintenance flag.

Survives missing and damaged files. `vafa_mode` tells main.py, which runs in the same namespace, what to do. From here
on nothing is imported from loose files: a forgotten or older one must not run in place of a bundle that is not whole.
"""

import os
import sys

import micropython

micropython.kbd_intr(-1)

vafa_mode = "normal"
try:
    from bundlefs import BundleFS

    os.mount(BundleFS("/firmware.bundle"), "/app")
    sys.path.insert(0, "/app")
except (ImportError, OSError) as error:
    print("# X03 no whole bundle:", error)
    if "firmware.bundle" in os.listdir("/"):
        vafa_mode = "damaged"  # not even a program built into the runtime: it is another one than was put here
sys.path[:] = [place for place in sys.path if place in ("/app", ".frozen")]

try:
    os.remove("/maintenance")
    if vafa_mode == "normal":
        vafa_mode = "maintenance"
except OSError:
    pass  # no flag: the normal case
