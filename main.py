"""Runs the terminal, or gives the Python prompt back when it is not provisioned or in maintenance.

Leaves by three ways only: the prompt in those two cases, and a reset after a fault nobody handled.
"""

import gc
import sys

import micropython

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.app import App
    from firmware.board import Board
    from firmware.core.errors import VafaError
    from firmware.service.provisioned import Start

_START_THRESHOLD = 16 * 1024
_ONLY_AT_START = (
    "settings", "service.provisioned", "service.in_force", "service.remote", "service.envelope", "service.zeroise",
    "core.verify", "store.vault", "store.slots",
)  # fmt: skip

# Each file starts with Ctrl-C armed again.
micropython.kbd_intr(-1)


def _tell(display: object, what: str, next_step: str) -> None:
    """Two lines on the screen, if there is one."""
    if display is None:
        return
    from firmware.core.log import Log
    from firmware.screen.canvas import Canvas
    from firmware.screen.screens import notice
    from firmware.text import catalogue

    text = catalogue.load("en")
    Canvas(display, Log(4)).draw(notice(text, text.get(what), text.get(next_step)))  # type: ignore[arg-type]


def _tell_code(display: object, code: str) -> None:
    """What keeps the terminal from selling."""
    from firmware.core.log import Log
    from firmware.screen.canvas import Canvas
    from firmware.screen.screens import error
    from firmware.text import catalogue

    Canvas(display, Log(4)).draw(error(catalogue.load("en"), code))  # type: ignore[arg-type]


def _prompt(display: object, what: str, next_step: str) -> None:
    """Give the serial port back to people with tools."""
    _tell(display, what, next_step)
    micropython.kbd_intr(3)


def _forget(name: str) -> None:
    """A module and what only it holds leave the heap."""
    parent, _, child = name.rpartition(".")
    if sys.modules.pop(name, None) is None:
        return  # it was not asked for
    if hasattr(sys.modules[parent], child):
        delattr(sys.modules[parent], child)


def _learn_names() -> None:
    """Meet every name and character that may come up later. The interpreter keeps them in a table that doubles when it
    is full: after the start, in the middle of a sale, the heap has no piece large enough for that."""
    later = (
        "firmware.service.custody",
        "firmware.service.rights",
        "firmware.service.zeroise",
        "firmware.service.health",
        "firmware.service.live",
        "firmware.service.loading",
        "firmware.service.refresh",
        "firmware.cashier.shift",
        "firmware.switch.keychange",
        "firmware.core.keywrap",
        "firmware.store.history",
        "firmware.store.export",
        "firmware.store.slots",
        "firmware.store.tries",
        "firmware.store.vault",
        "drivers.rc522_health",
    )
    for name in later:
        __import__(name)
    for name in later:
        _forget(name)
    for code in range(0x20, 0x7F):
        chr(code)


def _provisioned(board: "Board") -> "Start":
    """Settings, keys and the pinned CA. What reads them is needed only here and leaves the heap."""
    from firmware.service import zeroise
    from firmware.service.provisioned import Provisioned
    from firmware.store.seal import Sealer
    from firmware.store.slots import Slots
    from firmware.store.vault import Vault

    device, key, sector = board.vault_flash(), board.own_key(), bytearray(4096)
    vault = Vault(device, Sealer(key, b"", b"vafa-keys"), board.page_only, sector)
    slots = Slots(device, Sealer(key, b"", b"vafa-slots"), board.random_number(32), board.page_only, 2, sector)
    provisioned = Provisioned(vault, slots)
    try:
        provisioned.open()
        if zeroise.due(slots):
            zeros = zeroise.finish(board, vault, slots, "/config", sector)
            print("# zeroised: keys and members are erased, {} sectors with zeros; the journal stays".format(zeros))
        return provisioned.load()
    finally:
        for name in _ONLY_AT_START:
            _forget("firmware." + name)


def _built(mode: str) -> "App | None":
    """The terminal, or None when it must not sell: then the screen tells why and the prompt is free."""
    from firmware.board import this_board
    from firmware.core.errors import SettingsError, StoreError

    board = this_board()
    try:
        display = board.display()
    except OSError:
        display = None
    if mode == "maintenance":
        _prompt(display, "start_maintenance", "start_maintenance_next")
        return None
    try:
        start = _provisioned(board)
    except SettingsError as error:
        if error.code == SettingsError.code:
            _say_code(display, error)
        else:
            _stop(board, display, error)
        return None
    except StoreError as error:
        _stop(board, display, error)
        return None
    # Importing leaves many small gaps; collecting often meanwhile keeps the long-lived buffers' room in one piece.
    gc.threshold(_START_THRESHOLD)
    _learn_names()
    from firmware.app import App

    if display is None:
        raise OSError("display does not answer")
    _tell(display, "starting", "wait_safe")
    try:
        return App(board, display, start)
    except StoreError as error:
        _stop(board, display, error)
        return None


def _say_code(display: object, error: "VafaError") -> None:
    """On the port and on the screen; Ctrl-C works from now on."""
    print("#", error.code, error)
    if display is not None:
        _tell_code(display, error.code)
    micropython.kbd_intr(3)


def _stop(board: "Board", display: object, error: "VafaError") -> None:
    """Another reset would find the same flash: leave it untouched, let service look at it and save it."""
    _say_code(display, error)
    from firmware.service.refused import serve

    gc.collect()
    serve(board, error.code, str(error))


def _run(mode: str) -> None:
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

    from firmware.service import faults

    trace = faults.trace_of(error, sys.print_exception)  # type: ignore[arg-type,attr-defined]
    print(trace)
    faults.record(trace, "main")
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


def _start() -> None:
    if not _program_is_whole():
        print("#", "X03", "the program is missing or damaged: copy firmware.bundle to the terminal again, then reset")
        micropython.kbd_intr(3)
        return
    try:
        _run(globals().get("vafa_mode", "normal"))
        return
    except BaseException as error:  # noqa: BLE001 (the last resort: whatever it was, it is written down)
        try:
            _last_resort(error)
        finally:
            import machine

            machine.reset()


_start()
