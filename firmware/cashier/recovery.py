"""A supervisor by the word of the switch's operator: the first one, one whose PIN is lost, one after a damaged list.

The right "staff" (firmware/service/rights.py): the terminal shows a number, eight digits come back. Who has them makes
one supervisor, or gives one a new PIN, and nothing else.
"""

from firmware.cashier.people import new_pin, number_of, put, saved
from firmware.cashier.right import authorised
from firmware.core.errors import StoreError
from firmware.core.visiting import visit
from firmware.screen import keys as key
from firmware.screen import screens
from firmware.store.staff import CLERK, STAFF_RIGHT, SUPERVISOR, Clerk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.attendance import Attendance
    from firmware.cashier.counter import Counter


async def by_right(counter: "Counter", staff: "Attendance") -> int:
    """The whole story; the key that ended it. Raises Cancelled, Refused, StoreError and what the rights raise."""
    panel = counter.panel
    with visit("firmware.service.rights", "firmware.store.tries"):
        await authorised(counter, STAFF_RIGHT)
        store = staff.store()
        try:
            store.open()
        except StoreError as error:
            counter.log.error(error, "staff")
            store.start_anew()
        number = await number_of(counter, "title_clerks")
        found = store.find(number)
        role = found.role if found is not None and found.role > CLERK else SUPERVISOR
        made = await new_pin(counter, staff, store, number, role)
        if made is None:
            return await panel.acknowledge(
                screens.notice(panel.text, panel.text.get("title_new_pin"), panel.text.get("clerks_differ"))
            )
        put(staff, store, Clerk(number, role, made[0], made[1], found.cards if found is not None else []))
        counter.office.rights().use_up()
        counter.log.event("clerk {} made supervisor by the right {}".format(number, STAFF_RIGHT))
        await saved(counter, "title_clerks")
    return key.NO_KEY
