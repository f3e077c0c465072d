"""First file after the runtime: takes Ctrl-C away from the serial port, mounts the program's bundle and reads the
one-shot maintenance flag.

Survives missing and damaged files. `vafa_mode` tells main.py, which runs in the same namespace, what to do.
"""

import os
import sys

import micropython

micropython.kbd_intr(-1)

try:
    from bundlefs import BundleFS

    os.mount(BundleFS("/firmware.bundle"), "/app")
    sys.path.insert(0, "/app")
except (ImportError, OSError) as error:
    # Modules that lie in the file system as they are serve as well; without any, main.py says so.
    print("# no bundle:", error)

vafa_mode = "normal"
try:
    os.remove("/maintenance")
    vafa_mode = "maintenance"
except OSError:
    pass  # no flag: the normal case
