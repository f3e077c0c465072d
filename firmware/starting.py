"""From the settings to a terminal that is ready to sell, or to the screen that tells why there is none.

Main's, and gone when its work is done. Knows which modules are wanted rarely (firmware/core/visiting.py).
"""

import gc

import micropython

from firmware.core.visiting import let_go, only_visit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.app import App
    from firmware.board import Board
    from firmware.core.errors import VafaError
    from firmware.service.provisioned import Start

_START_THRESHOLD = 16 * 1024
# One string: a tuple of strings takes thrice as much.
_RARE = (
    "firmware.starting firmware.building "
    "firmware.settings firmware.core.verify firmware.core.keywrap firmware.store.vault firmware.store.slots "
    "firmware.store.tries firmware.store.history firmware.store.export "
    "firmware.service.envelope firmware.service.remote firmware.service.in_force firmware.service.zeroise "
    "firmware.service.provisioned firmware.service.loading firmware.service.live firmware.service.refresh "
    "firmware.service.floor "
    "firmware.service.health firmware.service.rights firmware.service.custody firmware.service.letters "
    "firmware.service.given_up "
    "firmware.switch.keychange firmware.switch.letters firmware.switch.batch firmware.loyalty.totals "
    "firmware.loyalty.allowances firmware.receipt.shift_report firmware.screen.shift firmware.screen.rejected "
    "firmware.cashier.shift firmware.cashier.letters drivers.rc522_health"
)


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


def _learn_names() -> None:
    """Meet every name and character that may come up later. The interpreter keeps them in a table that doubles when it
    is full: after the start, in the middle of a sale, the heap has no piece large enough for that."""
    for name in _RARE.split()[2:]:  # of the first two they are known, or come yet
        __import__(name)
    let_go()
    for code in range(0x20, 0x7F):
        chr(code)


def _provisioned(board: "Board") -> "Start":
    """Settings, keys and the pinned CA. What reads them is needed only here and leaves the heap."""
    from firmware.service import zeroise
    from firmware.service.provisioned import Provisioned
    from firmware.store.seal import Sealer
    from firmware.store.slots import Slots
    from firmware.store.vault import Vault

    only_visit(_RARE)
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
        let_go()


def built(mode: str) -> "App | None":
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
    from firmware.building import build

    if display is None:
        raise OSError("display does not answer")
    _tell(display, "starting", "wait_safe")
    try:
        terminal = App(board, start)
        build(terminal, board, display, start)
        return terminal
    except StoreError as error:
        _stop(board, display, error)
        return None
    finally:
        let_go()


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
