"""First file after the runtime: takes Ctrl-C away from the serial port, mounts the program and reads the one-shot
maintenance flag.

Survives missing and damaged files. main.py runs in the same namespace: `vafa_mode` (normal, maintenance, safe or
damaged), `vafa_slot` and `vafa_why` tell it and whoever asks later what was found. From here on nothing is imported
from loose files: a forgotten or older one must not run in place of a program that is not whole.
"""

import os
import sys

import micropython

micropython.kbd_intr(-1)

vafa_stage = 1  # of the files beside the slots; an update names the lowest it can be started by
vafa_mode, vafa_slot, vafa_why = "normal", "", ""
vafa_state = None
try:
    import slots
    from bundlefs import BundleFS
    from machine import PWRON_RESET, reset_cause

    vafa_state = slots.ended(reset_cause() == PWRON_RESET)
    vafa_mode, vafa_slot, vafa_why = slots.mount(vafa_state, BundleFS)
    if vafa_mode == "damaged":
        print("# X03 no whole program:", vafa_why)
    sys.path.insert(0, "/app")
except ImportError as error:
    print("# X03 no whole program:", error)
    if "slot_a.vfu" in os.listdir("/"):
        vafa_mode = "damaged"  # not even a program built into the runtime: it is another one than was put here
sys.path[:] = [place for place in sys.path if place in ("/app", ".frozen")]

try:
    os.remove("/maintenance")
    if vafa_mode != "damaged":
        vafa_mode = "maintenance"
except OSError:
    pass  # no flag: the normal case
