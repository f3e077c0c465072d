"""An offer in a sale: what it costs without and with it is shown, and only OK takes it. Loaded when one is chosen.

Knows no journal: the sale's own intent says what was taken.
"""

from micropython import const

from firmware.core.refusals import OFFER_DOES_NOT_FIT
from firmware.loyalty import offers
from firmware.screen import screens, vouchers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.counter import Counter
    from firmware.cashier.sale import Deal
    from firmware.loyalty.offers import Offer

_READ_MS = const(6_000)


async def take(counter: "Counter", deal: "Deal", offer: "Offer") -> bool:
    """Whether the sale takes it. One that does not fit is told, and the choice stands open again. Raises Cancelled."""
    panel = counter.panel
    # How many things lie there the cashier sees and confirms: the basket is the offer's then.
    if not offer.fits(deal.price, offer.category):
        panel.signals.refused()
        await panel.glance(screens.error(panel.text, OFFER_DOES_NOT_FIT), _READ_MS)
        return False
    await panel.confirm(vouchers.price(panel.text, offer, deal.price))
    deal.take(offer)
    return True


async def give(counter: "Counter", deal: "Deal") -> None:
    """A gift: what its member is entitled to is shown, and is given with the sale. Raises Cancelled."""
    offer = offers.courtesy(deal.greeting.offers) if deal.greeting is not None else None
    if offer is not None and offer.fits(deal.price, deal.facts.basket):
        await counter.panel.glance(vouchers.courtesy(counter.panel.text, offer), _READ_MS)
        deal.take(offer)
