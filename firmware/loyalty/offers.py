"""What a member or the bearer of a voucher is offered, and what a sale costs with it. Pure; integers only.

The one rounding rule here: what is to be paid is rounded **down**, so nobody pays a rial more than was promised. Money
in minor units, points whole, dates as days since 1970-01-01. Knows no screen, no journal and no switch; the bytes are
those of LT-87 tag 20.
"""

from micropython import const

from firmware.core.calendar import civil_from_days, days_from_civil

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Sequence

PERCENT = const(1)  # per cent off
MONEY = const(2)  # money off, never more than the price
COURTESY = const(3)  # something is given: wrapping, tea
BONUS = const(4)  # points besides, per cent of what the amount alone earns
WIN_BACK = const(5)  # per cent off for who comes back
_KINDS = (PERCENT, MONEY, COURTESY, BONUS, WIN_BACK)

_OFFERS_MOST = const(3)
_HEAD = const(17)  # bytes before the text
_MAX_POINTS = const(0x7FFFFFFF)

# Bits of LT-87 tag 18.
FLAG_GIFT = const(1)


class Offer:
    """One of them; `number` 0 is no offer but what a voucher is worth.

    `value` is per cent or money, by `kind`; `last_day` the last one it is good on, 0 without end. It asks for a
    price of at least `minimum`, and, with a `count`, for so many things of the basket's `category`.
    """

    def __init__(
        self,
        number: int,
        kind: int,
        value: int,
        last_day: int = 0,
        minimum: int = 0,
        category: int = 0,
        count: int = 0,
        text: str = "",
    ) -> None:
        self.number = number
        self.kind = kind
        self.value = value
        self.last_day = last_day
        self.minimum = minimum
        self.category = category
        self.count = count
        self.text = text

    def takes_money(self) -> bool:
        """Whether less is paid with it."""
        return self.kind in (PERCENT, MONEY, WIN_BACK)

    def payable(self, price: int) -> int:
        """What is paid of a price; rounded down."""
        if self.kind == MONEY:
            return max(0, price - self.value)
        if self.takes_money():
            return price * (100 - min(self.value, 100)) // 100
        return price

    def bonus(self, base: int) -> int:
        """Points besides those the amount alone earns."""
        return min(base * self.value // 100, _MAX_POINTS) if self.kind == BONUS else 0

    def fits(self, price: int, category: int = 0) -> bool:
        """Whether a sale may take it; how many things of the category there are is what the cashier says."""
        return price >= self.minimum and (not self.count or category == self.category)

    def good_on(self, day: int) -> bool:
        """Whether it has not ended by this day."""
        return not self.last_day or day <= self.last_day

    def applied(self, price: int) -> bytes:
        """Value of tag 20 of a sale that takes it: number, full price, how many things it asks for."""
        return self.number.to_bytes(2, "big") + price.to_bytes(5, "big") + bytes([self.count])


def read(value: bytes) -> "Offer | None":
    """An offer as the switch tells it; None of a kind nobody here knows, or when it makes no sense."""
    if len(value) < _HEAD or value[2] not in _KINDS:
        return None
    try:
        text = " ".join(value[_HEAD:].decode().split())
    except UnicodeError:
        return None
    number = int.from_bytes
    kind, worth, category, count = value[2], number(value[3:7], "big"), value[15], value[16]
    percent = kind in (PERCENT, WIN_BACK)
    if not worth and kind != COURTESY or (percent and worth > 100):
        return None
    last_day = day_of(value[7:10])
    if last_day < 0:
        return None
    return Offer(number(value[:2], "big"), kind, worth, last_day, number(value[10:15], "big"), category, count, text)


def told(values: "Sequence[bytes]") -> "list[Offer]":
    """The offers of an answer, best first, as the switch ordered them; three at most."""
    found = [offer for offer in [read(value) for value in values] if offer is not None and offer.number]
    return found[:_OFFERS_MOST]


def worth(values: "Sequence[bytes]") -> "Offer | None":
    """What the voucher of an answer is worth, None when it does not say."""
    for value in values:
        offer = read(value)
        if offer is not None and not offer.number:
            return offer
    return None


def courtesy(offers: "Sequence[Offer]") -> "Offer | None":
    """What a gift is entitled to, None for nothing."""
    for offer in offers:
        if offer.kind == COURTESY:
            return offer
    return None


def day_of(bcd: bytes) -> int:
    """Days since 1970-01-01 of a date in BCD, YYMMDD; 0 of 000000, -1 when it is none."""
    if bcd == b"\x00\x00\x00":
        return 0
    year, month, day = [(byte >> 4) * 10 + (byte & 15) for byte in bcd]
    if max([max(byte >> 4, byte & 15) for byte in bcd]) > 9 or not 1 <= month <= 12 or not 1 <= day <= 31:
        return -1
    days = days_from_civil(2000 + year, month, day)
    return days if civil_from_days(days)[2] == day else -1


def price_of(applied: bytes) -> int:
    """The full price of a sale that took an offer or a voucher, from tag 20 as the terminal says it; 0 unknown."""
    return int.from_bytes(applied[2:7], "big") if len(applied) >= 7 else 0
