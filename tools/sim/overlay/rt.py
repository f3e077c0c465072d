"""Runs inside MicroPython: what a board does between power-on and main.py, and after it.

Puts the overlay in place, hides the host's file system behind the LittleFS image on the modelled flash, and runs
boot.py and main.py from it. After this only the module table still knows the overlay.
"""

# ruff: noqa: D101, D103, RET503 (the names and their meaning are MicroPython's)

import sys

import _bus


class _Micropython:
    """`micropython` with kbd_intr carried out by the serial port's line discipline, where Ctrl-C is made."""


def _micropython():
    import micropython

    module = _Micropython()
    for name in dir(micropython):
        if name[:2] != "__":
            setattr(module, name, getattr(micropython, name))
    module.kbd_intr = lambda character: _bus.call(73, character) and None
    sys.modules["micropython"] = module


def _mount():
    import os

    import vfs
    from _flash import Files

    if _bus.info["profile"] == "s3":
        import esp32  # noqa: F401 (what is imported now can be imported later)

        program_size = 32
    else:
        import rp2  # noqa: F401

        program_size = 256
    device = Files(*_bus.info["partitions"]["vfs"])
    vfs.umount("/")
    # A time in every file's attributes would make two runs of the same program differ.
    vfs.mount(vfs.VfsLfs2(device, progsize=program_size, mtime=False), "/")
    os.chdir("/")
    sys.path[:] = ["", ".frozen", "/lib"]


def _probe():
    import gc

    gc.collect()
    return gc.mem_alloc()


def _run(name, names):
    """True when the next file may run. SystemExit is a soft reset, as on the boards."""
    import io
    import os

    try:
        os.stat(name)
    except OSError:
        return True
    error = None
    try:
        with open(name) as file:
            program = compile(file.read(), name, "exec")
        exec(program, names)
    except SystemExit:
        _bus.call(71)
    except BaseException as raised:  # noqa: BLE001 (the board prints whatever ends a program and offers the prompt)
        error = raised
    _bus.call(73, 3)
    if error is None:
        return True
    text = io.StringIO()
    sys.print_exception(error, text)
    print(text.getvalue(), end="")
    _bus.call(74, 1, 0, 0, text.getvalue()[-2000:].encode())
    return False


def start(names):
    import gc

    _bus.start()
    _micropython()
    import random

    import tasks

    # Found only now: the folder they come from is gone when the root is mounted.
    for name in ("machine", "network", "os", "select", "socket", "time"):
        __import__(name)
    sys.modules["_asyncio"] = tasks  # a file of that name would not come before the built-in

    random.seed(_bus.info["seed"] * 1000 + _bus.info["starts"])
    _mount()
    gc.collect()
    _bus.call(75, gc.mem_alloc(), gc.mem_alloc() + gc.mem_free())
    if _bus.info["heap_probe"]:
        _bus.heap_probe = _probe
    if _run("boot.py", names):
        if _bus.info["skip_main"]:
            _bus.call(74, 2)
        elif _run("main.py", names):
            _bus.call(74, 0)
