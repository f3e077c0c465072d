"""Builds every room of a terminal once and joins them, in the order in which they need one another. Owns no logic.

Buffers and objects that live as long as the terminal are made here; the code that makes them leaves the heap. So no
function of this module may outlive it: a lambda would hold it all. What rooms ask of one another stands in `App`.
"""

from micropython import const

from firmware.cards.keys import CardKeys
from firmware.cards.reader import CardReader
from firmware.cashier.attendance import Attendance
from firmware.cashier.books import Books
from firmware.cashier.counter import Counter, Limits
from firmware.cashier.desk import Desk
from firmware.cashier.teller import Teller
from firmware.core.clock import Clock
from firmware.core.cmac import Cmac
from firmware.core.errors import StoreError
from firmware.loyalty.offline import OfflinePolicy
from firmware.loyalty.rules import Rules
from firmware.receipt.content import Shop
from firmware.receipt.lines import Form
from firmware.receipt.spool import Spool
from firmware.screen.canvas import Canvas
from firmware.screen.keys import Keys
from firmware.screen.panel import Panel, Times
from firmware.screen.signals import Signals
from firmware.service import choices
from firmware.service.bad_sectors import JOURNAL, MEMBERS, BadSectors
from firmware.service.downloads import Downloads
from firmware.service.held import HOTLIST_AT
from firmware.service.housekeeping import Housekeeping, Quiet
from firmware.service.ordered import Ordered
from firmware.store.hotlist import Hotlist
from firmware.store.journal import Journal
from firmware.store.seal import Sealer
from firmware.switch.forward import Forward
from firmware.switch.link import Link, tpdu_to
from firmware.switch.mac import MacKeys
from firmware.switch.messages import Identity, Messages
from firmware.switch.minimum import Minimum
from firmware.switch.orders import FREE, Orders
from firmware.switch.session import Session, jitter_of
from firmware.text import catalogue, days
from firmware.version import BUILD, BUILT_UTC, VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from firmware.app import App
    from firmware.board import Board
    from firmware.loyalty.allowances import Allowances
    from firmware.loyalty.offline import Spending
    from firmware.service.provisioned import Start
    from firmware.settings import Settings

_CONFIG = const("/config")


def build(app: "App", board: "Board", display: "Any", start: "Start") -> None:
    """All rooms. Raises StoreError."""
    settings = start.settings
    _stores(app, board, start)
    _switch(app, board, start)
    _person(app, board, display, start)
    _cashier(app, board, settings)


def _stores(app: "App", board: "Board", start: "Start") -> None:
    settings, bad = start.settings, start.bad
    sector = bytearray(4096)  # each store uses it only within one call
    app.sector = sector
    master = settings.secret_bytes("tmk")
    app.master = Cmac(master)
    sealer = app.sealer = Sealer(master, settings.text("terminal_id").encode())
    if board.little_memory:
        from firmware.store.buckets import Buckets as Cache
    else:
        from firmware.store.members import Members as Cache
    app.members = Cache(board.member_flash(), sealer, board.random_number(32), board.page_only, sector)
    app.journal = Journal(board.transaction_flash(), sealer, board.random_number(32), board.page_only, sector)
    app.journal.open(bad[0])
    app.console.attach_export(app.export)
    stores = {JOURNAL: (app.journal, bad[0]), MEMBERS: (app.members, bad[1])}
    app.bad_sectors = BadSectors(stores, app.small_values, app.log)
    try:
        app.members.open(bad[1])
    except StoreError as error:
        app.log.error(error, "member cache")  # advisory: without it every balance comes from the switch
    if start.give_up_members:
        from firmware.service import given_up

        given_up.at_start(app, app.members)
    app.rtc = board.rtc()
    app.clock = Clock(app.rtc, max(BUILT_UTC, app.journal.newest_utc()), BUILT_UTC)
    app.clock.start()


def _switch(app: "App", board: "Board", start: "Start") -> None:
    settings, text, number = start.settings, start.settings.text, start.settings.number
    jitter = jitter_of(text("terminal_id"))
    app.money = settings.money()
    identity = app.identity = Identity(
        text("terminal_id"),
        text("merchant_id"),
        number("nii"),
        number("currency"),
        number("ruleset"),
        VERSION,
        number("new_currency"),
        app.money.worth,
    )
    app.money.told.append(identity.count_in)
    keys = MacKeys(number("kid"), settings.secret_bytes("mac_out"), settings.secret_bytes("mac_in"))
    packed = text("wire") == "bcd"
    messages = app.messages = Messages(identity, keys, packed)
    link = app.link = Link(
        settings.addresses(),
        text("switch_name"),
        start.ca_der,
        text("wifi_ssid"),
        settings.secret_text("wifi_psk"),
        tpdu=tpdu_to(number("nii")) if packed else b"",
        client=start.client,
    )
    board.set_time(app.clock.now_utc())  # by which TLS checks certificates
    orders = app.orders = _orders(app, keys, start)
    app.session = Session(
        link,
        messages,
        app.clock,
        app.journal,
        app.log,
        app.session_number,
        jitter=jitter,
        orders=orders,
    )
    app.session.on_network.append(app.hear)
    app.session.says.append(app.says)
    app.forward = Forward(app.journal, app.session, messages, app.clock, app.log, app.members.put, jitter)


def _orders(app: "App", keys: MacKeys, start: "Start") -> Orders:
    """What the session asks, as it was kept."""
    hands = Ordered(app)
    return Orders(
        app.messages,
        keys,
        app.log,
        hands.vault,
        hands.keep,
        hands.unsettled,
        app.calm,
        hands.erase,
        Minimum(BUILD, app.clock, app.log, hands.keep_minimum, start.below),
        start.halt or FREE,
        start.offered,
    )


def _person(app: "App", board: "Board", display: "Any", start: "Start") -> None:
    settings = start.settings
    app.keypad = board.keypad()
    app.keys = Keys(app.keypad)
    app.signals = Signals(board.sounder(), board.lamps())
    chip, group = board.reader_chip(), settings.secret_bytes("card_group")
    app.chip = chip
    if start.gain:
        chip.set_gain(start.gain)
    card_keys = CardKeys(group) if group else None  # without: every card it would open counts by its UID
    aes = None
    if settings.text("aes_way") != "off":
        from firmware.cards.aes_member import AesMembers  # some KB of heap that not every shop needs

        aes = AesMembers(chip, settings.text("aes_way"), card_keys, app.relay)
    app.reader = CardReader(chip, card_keys, app.log, app.click, app.beat_reader, aes)
    seconds = settings.number
    times = Times(seconds("question_s") * 1000, seconds("card_s") * 1000, seconds("outcome_s") * 1000)
    text = catalogue.load(settings.text("language"))
    text.money = app.money
    app.panel = Panel(
        Canvas(display, app.log, text),
        app.keys,
        app.reader,
        app.signals,
        text,
        times,
        app.log,
    )
    app.display, app.given = display, choices.given_by(settings)
    choices.apply(app, choices.in_force(start.choices, app.given))


def _cashier(app: "App", board: "Board", settings: "Settings") -> None:
    text, number = settings.text, settings.number
    rules = Rules(currency=number("currency"), **app.in_force.programme)
    app.money.told.append(rules.count_in)
    app.money.look(days.of(app.clock.now_utc()))
    app.in_force.programme = {}  # from here on they are the rules' own
    app.hotlist = Hotlist(_CONFIG + "/refused.dat", app.log)
    if app.in_force.rows:
        app.hotlist.use(_CONFIG + "/hotlist.dat", HOTLIST_AT, app.in_force.rows)
    hot = app.hotlist
    app.forward.on_refused = app.refused
    review_above = number("offline_review_above")
    spending, allowances = _spending(app, settings)
    policy = OfflinePolicy(
        settings.flag("offline_earn"), number("offline_records"), review_above, hot.blocked, hot.heard, spending
    )
    policy.warn_age_s, policy.max_age_s = number("offline_warn_h") * 3600, number("offline_max_h") * 3600
    policy.earns_a_day = number("offline_earns_a_day")
    books = Books(
        app.journal, app.members, app.session, app.clock, rules, policy, app.forward, app.log, allowances, app.money
    )
    shop = Shop(text("merchant_name"), text("merchant_id"), text("terminal_id"))
    form = Form(number("paper_mm"), number("copies"), settings.flag("receipt_qr"))
    printer = board.printer(number("printer_baud")) if text("printer") != "none" else None
    app.paper = Spool(printer, app.log, form, app.panel.faces)
    teller = Teller(app.panel, app.paper, shop, app.log)
    register_ms = number("register_card_s") * 1000
    limits = Limits(number("max_amount"), number("again_within_s"), text("member_channel"), register_ms)
    staff = Attendance(
        app,
        text("terminal_id"),
        number("clerk_lock_s"),
        settings.numbers("staff_roles"),
        settings.numbers("staff_limits"),
    )
    staff.books, books.watch = books, staff
    staff.look()
    app.session.says.append(staff.says)
    app.session.on_network.append(staff.heard)
    app.counter = Counter(
        app.panel, books, app.session, app.journal, app.clock, teller, shop, limits, app.log, app, staff
    )
    app.counter.greets = settings.flag("greet")
    app.desk = Desk(app.counter)
    quiet = Quiet(app.desk.quiet, (app.session.stir, app.reader.stir))
    app.downloads = Downloads(app, _CONFIG, number("member_refresh_s"), app.desk.quiet)
    journal = app.journal
    works = (journal.idle_work, app.members.idle_work, app.bad_sectors.idle_work)
    app.housekeeping = Housekeeping(quiet, works, books.recover_if_due, app.retire)


def _spending(app: "App", settings: "Settings") -> "tuple[Spending | None, Allowances | None]":
    """What spending without the switch needs, where it is wanted."""
    number, flag = settings.number, settings.flag
    if not flag("offline_redeem"):
        return None, None
    from firmware.loyalty.allowances import Allowances  # some KB of heap that not every shop needs
    from firmware.loyalty.offline import Spending

    allowances = Allowances(app.members, app.journal, app.clock, app.members.complete, app.give_up_members)
    app.allowances = allowances
    app.session.says.append(app.ended)
    app.forward.spends = allowances
    spending = Spending(
        number("offline_redeem_max"),
        number("offline_redeem_total"),
        number("offline_redeem_age_h") * 3600,
        flag("offline_redeem_legacy"),
        flag("offline_redeem_risk"),
    )
    return spending, allowances
