"""First file after the runtime: takes Ctrl-C away from the serial port and reads the one-shot maintenance flag.

Survives missing and damaged files. `vafa_mode` tells main.py, which runs in the same namespace, what to do.
"""

import os

import micropython

micropython.kbd_intr(-1)

vafa_mode = "normal"
try:
    os.remove("/maintenance")
    vafa_mode = "maintenance"
except OSError:
    pass  # no flag: the normal case
