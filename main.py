"""Runs the terminal, or safe mode; gives the Python prompt back when it is not provisioned or in maintenance.

Leaves by these ways only: the prompt in those two cases and after Ctrl-C in safe mode, and a reset after a fault nobody
handled.
"""

import gc
import sys

import micropython

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.app import App

# Each file starts with Ctrl-C armed again.
micropython.kbd_intr(-1)


def _built(mode: str) -> "App | None":
    """The terminal, or None when it must not sell. What builds it leaves the heap."""
    from firmware.starting import built

    return built(mode)


def _run(mode: str) -> None:
    if mode == "safe":
        from firmware.board import this_board
        from firmware.service.safe import serve

        serve(this_board(), globals().get("vafa_why", ""))
        return
    terminal = _built(mode)
    if terminal is None:
        return
    from firmware.app import run

    gc.collect()
    gc.threshold(-1)
    run(terminal)


def _last_resort(error: BaseException) -> None:
    """Keep what ended the terminal for support, then start again: a till must not stand at a prompt."""
    import time

    from firmware.service import boot_record, faults

    trace = faults.trace_of(error, sys.print_exception)  # type: ignore[arg-type,attr-defined]
    print(trace)
    faults.record(trace, "main")
    boot_record.intend(boot_record.FAULT, "main", 0)
    time.sleep_ms(2000)  # a fault at every start must not become a storm of resets


def _program_is_whole() -> bool:
    """Whether what would run comes from the bundle that boot.py found whole, or was built into the runtime. Loose files
    may be of another version, or forgotten: boot.py took their places out of the path."""
    if "" in sys.path or globals().get("vafa_mode", "damaged") == "damaged":
        return False
    try:
        import firmware  # noqa: F401 (is there a program at all?)
    except ImportError:
        return False
    return True


def _count(mode: str) -> None:
    """This start is one that has failed until the program says otherwise: before anything of it is imported. What
    counts was found by boot.py, and leaves the heap."""
    slots = sys.modules.pop("slots", None)
    state = globals().pop("vafa_state", None)
    globals().pop("slots", None)
    if slots is None or state is None:
        return  # a program built into the runtime, without slots
    try:
        slots.began(state, mode, globals().get("vafa_slot", ""))
    except OSError as error:
        print("# not counted:", error)  # a full or broken file system must not keep the till from selling


def _start() -> None:
    mode = globals().get("vafa_mode", "damaged")
    _count(mode)
    if not _program_is_whole():
        print("#", "X03", "the program is missing or damaged: copy slot_a.vfu to the terminal again, then reset")
        micropython.kbd_intr(3)
        return
    try:
        _run(mode)
        return
    except BaseException as error:  # noqa: BLE001 (the last resort: whatever it was, it is written down)
        try:
            _last_resort(error)
        finally:
            import machine

            machine.reset()


_start()
