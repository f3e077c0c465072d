"""From the settings to a terminal that is ready to sell, or to the screen that tells why there is none.

Main's, and gone when its work is done. Knows which modules are wanted rarely (firmware/core/visiting.py).
"""

import gc
import sys

import micropython
from micropython import const

from firmware.core.visiting import Visit, let_go, only_visit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.app import App
    from firmware.board import Board
    from firmware.core.errors import VafaError
    from firmware.service.provisioned import Start
    from firmware.text.catalogue import Catalogue

_HELD_MS = const(1500)
_SCAN_MS = const(20)
_START_THRESHOLD = const(16 * 1024)
# One string: a tuple of strings takes thrice as much.
_RARE = (
    "firmware.starting firmware.building "
    "firmware.settings firmware.core.verify firmware.core.keywrap firmware.store.vault firmware.store.slots "
    "firmware.store.tries firmware.store.history firmware.store.export firmware.store.by_reference "
    "firmware.cashier.register firmware.cashier.register_order firmware.cashier.register_answers "
    "firmware.service.methods.sale "
    "firmware.service.methods.balance firmware.service.methods.receipt firmware.service.methods.totals "
    "firmware.service.envelope firmware.service.remote firmware.service.coherence firmware.service.in_force "
    "firmware.service.zeroise firmware.service.slots "
    "firmware.service.provisioned firmware.service.loading firmware.service.live firmware.service.refresh "
    "firmware.service.floor firmware.service.fingerprint firmware.service.growing "
    "firmware.service.builds firmware.service.manifest firmware.service.install firmware.service.fetching "
    "firmware.service.trial "
    "firmware.service.health firmware.service.rights firmware.service.custody firmware.service.letters "
    "firmware.service.given_up firmware.service.choices firmware.service.boot_record "
    "firmware.service.checks firmware.service.deep_checks firmware.service.certificate firmware.service.methods.health "
    "firmware.service.methods.reader firmware.service.methods.link firmware.service.methods.flash "
    "firmware.service.methods.test "
    "firmware.switch.keychange firmware.switch.letters firmware.switch.batch firmware.loyalty.totals "
    "firmware.loyalty.allowances firmware.receipt.shift_report firmware.screen.shift firmware.screen.rejected "
    "firmware.cashier.member_menu firmware.cashier.member_asks firmware.cashier.enrol firmware.cashier.replace_card "
    "firmware.cashier.mobile_sale firmware.cashier.by_number firmware.cashier.referral "
    "firmware.screen.members firmware.core.jalali firmware.core.mobile "
    "firmware.cashier.shift firmware.cashier.letters firmware.cashier.right "
    "firmware.cashier.survey firmware.screen.survey "
    "firmware.cashier.undo_menu firmware.cashier.void firmware.cashier.refund firmware.cashier.find "
    "firmware.cashier.statement firmware.cashier.dispute firmware.cashier.open_batch firmware.screen.undo "
    "firmware.switch.statement firmware.receipt.statement "
    "firmware.screen.right firmware.cashier.asking "
    "firmware.core.pin firmware.store.staff firmware.screen.staff firmware.cashier.staff_menu firmware.cashier.login "
    "firmware.cashier.people firmware.cashier.clerks firmware.cashier.recovery firmware.cashier.allowing "
    "firmware.cashier.my_shift firmware.cashier.top_cards firmware.cashier.training firmware.cashier.practice "
    "firmware.cashier.offering firmware.cashier.vouchers firmware.cashier.voucher_menu firmware.cashier.rewards "
    "firmware.screen.vouchers "
    "firmware.cashier.sync firmware.screen.sending firmware.cashier.choices "
    "firmware.cashier.paper_pages firmware.cashier.balance firmware.cashier.redeem "
    "firmware.cashier.greet firmware.loyalty.greeting firmware.screen.greeting firmware.screen.standing "
    "firmware.switch.greeted "
    "firmware.service.rpc firmware.service.rpc_words firmware.service.rpc_frames firmware.service.methods.base "
    "firmware.service.methods.queue firmware.service.methods.mem "
    "firmware.service.methods.log firmware.service.methods.clock firmware.service.methods.config "
    "firmware.service.methods.rights firmware.service.methods.device firmware.service.methods "
    "drivers.rc522_health"
)


def _text(start: "Start | None") -> "Catalogue":
    """In the language that will be spoken: the counter's choice, the setting, or what settings.json seems to say. A
    terminal without settings speaks to technicians: in English."""
    from firmware.text import catalogue

    if start is not None:
        from firmware.service.choices import given_by, in_force

        return catalogue.load(in_force(start.choices, given_by(start.settings))[:2].decode())
    from firmware.text import spoken

    return spoken.as_set()


def _tell(display: object, what: str, next_step: str, start: "Start | None" = None) -> None:
    """Two lines on the screen."""
    from firmware.core.log import Log
    from firmware.screen.canvas import Canvas
    from firmware.screen.screens import notice

    text = _text(start)
    Canvas(display, Log(4), text).draw(notice(text, text.get(what), text.get(next_step)))  # type: ignore[arg-type]


def _tell_code(display: object, code: str, start: "Start | None") -> None:
    """What keeps the terminal from selling."""
    from firmware.core.log import Log
    from firmware.screen.canvas import Canvas
    from firmware.screen.screens import error

    text = _text(start)
    Canvas(display, Log(4), text).draw(error(text, code))  # type: ignore[arg-type]


def _prompt(display: object, what: str, next_step: str) -> None:
    """Give the serial port back to people with tools."""
    _tell(display, what, next_step)
    micropython.kbd_intr(3)


def _learn_names() -> None:
    """Meet every name and character that may come up later. The interpreter keeps them in a table that doubles when it
    is full: after the start, in the middle of a sale, the heap has no piece large enough for that."""
    for at in range(2, len(Visit.rare)):  # of the first two they are known, or come yet
        __import__(Visit.rare[at])
        _name_once(at)
        let_go()  # all of them together would leave no piece of the heap for the stores
        gc.collect()
    for code in range(0x20, 0x7F):
        chr(code)


def _name_once(at: int) -> None:
    """The name of a rare module that is loaded is held for good: as the one that the interpreter keeps of it anyway."""
    for name in sys.modules:
        if name == Visit.rare[at]:
            Visit.rare[at] = name
            return


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


def _safe_mode_wanted(board: "Board") -> bool:
    """Whether somebody holds CANCEL from power-on on, and does not let go."""
    from time import sleep_ms

    from firmware.screen.keys import CANCEL

    keypad = board.keypad()
    keypad.scan()
    sleep_ms(_SCAN_MS)
    keypad.scan()
    waited_ms = 0
    while keypad.is_down(CANCEL):
        if waited_ms >= _HELD_MS:
            return True
        sleep_ms(_SCAN_MS)
        waited_ms += _SCAN_MS
        keypad.scan()
    return False


def built(mode: str) -> "App | None":
    """The terminal, or None when it must not sell: then the screen tells why and the prompt is free."""
    from firmware.board import this_board
    from firmware.core.errors import SettingsError, StoreError

    board = this_board()
    display = board.display()
    if mode == "maintenance":
        _prompt(display, "start_maintenance", "start_maintenance_next")
        return None
    if _safe_mode_wanted(board):
        from firmware.service import slots

        slots.ask_for_safe_mode()
        board.reset()
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

    _tell(display, "starting", "wait_safe", start)
    try:
        terminal = App(board, start)
        build(terminal, board, display, start)
        _name_once(0)
        _name_once(1)
        return terminal
    except StoreError as error:
        _stop(board, display, error, start)
        return None
    finally:
        let_go()


def _say_code(display: object, error: "VafaError", start: "Start | None" = None) -> None:
    """On the port and on the screen; Ctrl-C works from now on. A start that told why it sells nothing did not fail."""
    from firmware.service import slots

    print("#", error.code, error)
    try:
        slots.ended_well()
    except OSError as unkept:
        print("# not noted:", unkept)
    _tell_code(display, error.code, start)
    micropython.kbd_intr(3)


def _stop(board: "Board", display: object, error: "VafaError", start: "Start | None" = None) -> None:
    """Another reset would find the same flash: leave it untouched, let service look at it and save it."""
    _say_code(display, error, start)
    from firmware.service.refused import serve

    gc.collect()
    serve(board, error.code, str(error))
