"""What this program is, in the numbers an update is judged by: the build, the console and LT-87 read them here.

`BUILD` rises with every release that leaves the house; `EPOCH` only when older programs must never run again. `ABI` is
the version of the byte code the pinned compiler writes. No clock of a terminal that runs this program can be earlier
than `BUILT_UTC` (seconds since 1970). Imports nothing of ours.
"""

VERSION = "0.1.0"
BUILD = 100
EPOCH = 1
BUILT_UTC = 1_795_305_600  # 2026-11-22 00:00
ABI = 6
