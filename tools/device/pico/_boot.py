"""Runs first on a Pico W, frozen into its interpreter in place of the stock `_boot.py`: mounts the file system where it
ends before the store begins. The stock one takes the whole storage area, and formats it when it finds a smaller one.
"""

import rp2
import vfs

# `flash` looks for this text in an image: one without it would lay its files over the store.
vafa_mark = "vafa-fs-0x6e000"
_SIZE = 0x6E000

flash = rp2.Flash(start=0, len=_SIZE)
try:
    system = vfs.VfsLfs2(flash, progsize=256)
except OSError:
    vfs.VfsLfs2.mkfs(flash, progsize=256)
    system = vfs.VfsLfs2(flash, progsize=256)
vfs.mount(system, "/")
