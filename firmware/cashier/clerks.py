"""MENU 9, clerks: a supervisor looks through the list, adds, gives a new PIN, unlocks, removes, notes own cards."""

from firmware.cashier.login import locked
from firmware.cashier.people import new_pin, number_of, put, saved
from firmware.core.errors import Cancelled, Refused, TimedOut
from firmware.screen import keys as key
from firmware.screen import staff as screens
from firmware.store.staff import CARDS_MAX, CLERKS_MAX, SUPERVISOR, Clerk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.attendance import Attendance
    from firmware.cashier.counter import Counter
    from firmware.store.staff import StaffStore

TITLE = "title_clerks"
# As in member_menu; all of it is done here, by `_ACTIONS`, and the digits are part of the words.
ITEMS = (
    ("clerks_list", "", "", ""),
    ("clerks_add", "", "", ""),
    ("clerks_pin", "", "", ""),
    ("clerks_unlock", "", "", ""),
    ("clerks_remove", "", "", ""),
    ("clerks_card", "", "", ""),
)


async def clerks(counter: "Counter", staff: "Attendance") -> str:
    """Until it is cancelled. Raises Refused, Cancelled, StoreError."""
    panel = counter.panel
    note = ""
    while True:
        store = staff.store()
        store.open()
        chosen = await panel.choice([panel.text.get(row[0]) for row in ITEMS], note, TITLE)
        try:
            note = await _ACTIONS[chosen - 1](counter, staff, store)
            staff.touch()
        except (Cancelled, TimedOut):
            note = ""
        except Refused as refusal:
            counter.log.fault(refusal.code, "clerks")
            await counter.teller.refusal(refusal.code)
            note = ""
        note = panel.text.get(note) if note else ""


async def _list(counter: "Counter", staff: "Attendance", store: "StaffStore") -> str:
    panel, first = counter.panel, 0
    rows = [(one.number, one.role, len(one.cards), locked(store.tries(one.number))) for one in store.clerks]
    while True:
        pressed = await panel.page(screens.listed(panel.text, rows, first))
        if pressed == key.OK:
            return ""
        if pressed == key.DOWN and first + screens.ROWS < len(rows):
            first += screens.ROWS
        elif pressed == key.UP and first:
            first -= screens.ROWS


async def _add(counter: "Counter", staff: "Attendance", store: "StaffStore") -> str:
    text = counter.panel.text
    if len(store.clerks) >= CLERKS_MAX:
        return "clerks_full"
    number = await number_of(counter, "title_clerks")
    if store.find(number) is not None:
        return "clerks_taken"
    roles = [text.get(name) for name in ("staff_role_1", "staff_role_2", "staff_role_3")]
    role = await counter.panel.choice(roles, "", "title_clerks")
    made = await new_pin(counter, staff, store, number, role)
    if made is None:
        return "clerks_differ"
    put(staff, store, Clerk(number, role, made[0], made[1], []))
    counter.log.event("clerk {} added by {}, role {}".format(number, staff.clerk, role))
    await saved(counter, "title_clerks")
    return ""


async def _new_pin(counter: "Counter", staff: "Attendance", store: "StaffStore") -> str:
    clerk = store.find(await number_of(counter, "title_new_pin"))
    if clerk is None:
        return "clerks_none"
    made = await new_pin(counter, staff, store, clerk.number, clerk.role)
    if made is None:
        return "clerks_differ"
    put(staff, store, Clerk(clerk.number, clerk.role, made[0], made[1], clerk.cards))
    counter.log.event("clerk {} has a new PIN by {}".format(clerk.number, staff.clerk))
    await saved(counter, "title_new_pin")
    return ""


async def _unlock(counter: "Counter", staff: "Attendance", store: "StaffStore") -> str:
    number = await number_of(counter, "title_clerks")
    if store.find(number) is None:
        return "clerks_none"
    store.forgive(number)
    staff.failed_s.pop(number, None)
    counter.log.event("clerk {} unlocked by {}".format(number, staff.clerk))
    await saved(counter, "title_clerks")
    return ""


async def _remove(counter: "Counter", staff: "Attendance", store: "StaffStore") -> str:
    clerk = store.find(await number_of(counter, "title_clerks"))
    if clerk is None:
        return "clerks_none"
    if clerk.role == SUPERVISOR and store.supervisors() == 1 and len(store.clerks) > 1:
        return "clerks_last"  # without one nobody lets the others in again
    await counter.panel.confirm(screens.remove(counter.panel.text, clerk.number))
    store.save([one for one in store.clerks if one.number != clerk.number])
    staff.look()
    counter.log.event("clerk {} removed".format(clerk.number))
    await saved(counter, "title_clerks")
    return ""


async def _card(counter: "Counter", staff: "Attendance", store: "StaffStore") -> str:
    panel = counter.panel
    clerk = store.find(await number_of(counter, "title_clerks"))
    if clerk is None:
        return "clerks_none"
    if len(clerk.cards) >= CARDS_MAX:
        return "clerks_cards"
    card = await panel.card(panel.text.get("title_clerks"), None)
    cards = [uid for uid in clerk.cards if uid != card.uid] + [card.uid]
    put(staff, store, Clerk(clerk.number, clerk.role, clerk.salt, clerk.verifier, cards))
    counter.log.event("clerk {} has {} own cards".format(clerk.number, len(cards)))
    await saved(counter, "title_clerks")
    return ""


_ACTIONS = (_list, _add, _new_pin, _unlock, _remove, _card)
