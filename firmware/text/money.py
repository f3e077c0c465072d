"""Amounts of money as people key and read them: in rial or toman, in the old rial or the new one, the unit beside it.

An amount is an integer in the smallest unit of its currency, from key to record to message; only what is shown and
keyed is scaled here, and nothing is ever rounded. One toman is ten rial: an amount that is no whole toman is shown in
rial. Redenomination is configuration (docs/provisioning.md): from a day on amounts are of another currency, and each
record knows which of the two its amount is in. Knows no screen, no paper, no store and no clock. Days are Tehran's,
since 1970-01-01.
"""

from micropython import const

from firmware.core.calendar import civil_from_days, days_from_civil
from firmware.core.errors import SettingsError
from firmware.text import digits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from firmware.text.catalogue import Catalogue

RIAL = "rial"
TOMAN = "toman"
UNITS = (RIAL, TOMAN)

_TOMAN_RIAL = const(10)
# What of the settings is said together.
SETTINGS = (
    "currency", "currency_exponent", "money_unit", "money_whole",
    "new_currency", "new_exponent", "new_divisor", "new_from",
)  # fmt: skip
# Names in the catalogue: of the word, and of its one or two letters.
_RIAL = const(("currency", "currency_short"))
_TOMAN = const(("money_toman", "money_toman_short"))
_NEW = const(("money_new", "money_new_short"))
_OLD = const(("money_old", "money_old_short"))


class Unit:
    """One currency: its `code` (DE 49), how many digits stand behind the point, the names of its `words`, whether it is
    shown and keyed in `toman` (one without decimals), or keyed in `whole` units rather than the smallest."""

    def __init__(
        self, code: int, exponent: int, words: "tuple[str, str]" = _RIAL, toman: bool = False, whole: bool = False
    ) -> None:
        self.code = code
        self.exponent = exponent
        self._words = words
        self._toman = toman
        self._keyed = _TOMAN_RIAL if toman else 10**exponent if whole else 1

    def keyed(self, typed: str) -> int:
        """The amount of the digits that were typed."""
        return int(typed) * self._keyed if typed else 0

    def number(self, amount: int, grouped: bool = True) -> str:
        """`12,450`, `1,234.50`."""
        if self._in_toman(amount):
            amount //= _TOMAN_RIAL
        return _decimal(amount, self.exponent, grouped)

    def words(self, amount: int) -> "tuple[str, str]":
        """Names of the unit's word and letter in the catalogue."""
        return _TOMAN if self._in_toman(amount) else self._words

    def beside(self, amount: int) -> "tuple[str, tuple[str, str]]":
        """The same amount the other way, (number, words): tomans of rials, rials of tomans. Exact, with a point where
        there has to be one. A currency with decimals has no tomans: then ""."""
        if self.exponent:
            return "", _RIAL
        if self._in_toman(amount):
            return digits.number(amount), self._words
        whole = amount % _TOMAN_RIAL == 0
        return _decimal(amount // _TOMAN_RIAL if whole else amount, 0 if whole else 1, True), _TOMAN

    def _in_toman(self, amount: int) -> bool:
        return self._toman and amount % _TOMAN_RIAL == 0


class Change:
    """Redenomination: from `day` on `divisor` of the old currency are one of the new, which has the `code` and so many
    digits behind the point."""

    def __init__(self, code: int, exponent: int, divisor: int, day: int) -> None:
        self.code = code
        self.exponent = exponent
        self.divisor = divisor
        self.day = day


class Money:
    """What this terminal counts in: the currency of the settings, and from the day of a `change` on the new one.

    `new` says which of them a sale that begins now is in. It changes between two stories (`look`), never in one: what
    was keyed in one unit is booked in it.
    """

    def __init__(
        self,
        unit: str = RIAL,
        code: int = 364,
        exponent: int = 0,
        whole: bool = False,
        change: "Change | None" = None,
    ) -> None:
        toman = unit == TOMAN
        self.old = Unit(code, exponent, _RIAL, toman, whole)
        self.change = change
        self.after: "Unit | None" = None
        self.worth = 1  # what the smallest unit of the new currency is in smallest units of the old
        if change is not None:
            self.after = Unit(change.code, change.exponent, _NEW, False, whole)
            self.worth = change.divisor * 10**exponent // 10**change.exponent
        self.new = False
        self.told: "list[Callable[[int, int], object]]" = []  # who is told (code, its worth) when another one counts

    @property
    def now(self) -> Unit:
        """What a sale that begins now is in."""
        return self.of(self.new)

    def of(self, new: bool) -> Unit:
        """The currency of a record. Without a change configured there is one."""
        return self.after if new and self.after is not None else self.old

    def look(self, day: int) -> bool:
        """Let the day count, between two stories; whether the currency is another one now, which all are told."""
        before, self.new = self.new, self.change is not None and day >= self.change.day
        if self.new == before:
            return False
        for tell in self.told:
            tell(self.now.code, self.in_old(1, self.new))
        return True

    def limit(self, amount: int) -> int:
        """A bound of the settings, which are in the old currency, in what counts now; rounded down, so never laxer."""
        return amount // self.worth if self.new else amount

    def in_old(self, amount: int, new: bool) -> int:
        """An amount in the old currency's smallest unit, by which amounts of both can be added up. Exact."""
        return amount * self.worth if new else amount

    def other(self, amount: int, new: bool) -> "tuple[str, tuple[str, str]]":
        """(number, words) of the same amount in the other unit: the old rial of the new one, else toman or rial."""
        if new and self.after is not None:
            return _decimal(self.in_old(amount, new), self.old.exponent, True), _OLD
        return self.old.beside(amount)


def of_settings(values: "dict[str, object]") -> Money:
    """What the settings say of money. Raises SettingsError naming two that do not go together."""
    exponent, change = _number(values, "currency_exponent"), None
    if values["money_unit"] == TOMAN and exponent:
        raise SettingsError("money_unit: toman is of a currency without decimals, currency_exponent 0")
    code, new, from_day = _number(values, "currency"), _number(values, "new_currency"), values["new_from"]
    if bool(new) != bool(from_day):
        raise SettingsError("new_currency, new_from: one without the other")
    if new:
        new_exponent, divisor = _number(values, "new_exponent"), _number(values, "new_divisor")
        if new == code:
            raise SettingsError("new_currency: it is currency")
        if divisor * 10**exponent % 10**new_exponent:
            raise SettingsError("new_divisor, new_exponent: amounts of both must add up without a rest")
        change = Change(new, new_exponent, divisor, _day(str(from_day)))
    return Money(str(values["money_unit"]), code, exponent, values["money_whole"] is True, change)


def _number(values: "dict[str, object]", name: str) -> int:
    value = values[name]
    assert isinstance(value, int)
    return value


def _day(written: str) -> int:
    """Days since 1970-01-01 of `2027-03-21`. Raises SettingsError."""
    parts = written.split("-")
    if [len(part) for part in parts] == [4, 2, 2] and "".join(parts).isdigit():
        year, month, day = [int(part) for part in parts]
        if year >= 1970 and 1 <= month <= 12 and 1 <= day <= 31:
            days = days_from_civil(year, month, day)
            if civil_from_days(days) == (year, month, day):
                return days
    raise SettingsError("new_from: a day as 2027-03-21")


def wordings(text: "Catalogue", amount: int, new: "bool | None" = None) -> "list[str]":
    """An amount with its unit, the fullest wording first: the word, its letter, no separators. None is without a unit.
    `new` is the record's; without it the amount is in what counts now."""
    unit = text.money.of(text.money.new if new is None else new)
    full, (long, short) = unit.number(amount), unit.words(amount)
    letter = " " + text.get(short)
    return [full + " " + text.get(long), full + letter, unit.number(amount, False) + letter]


def parts(text: "Catalogue", amount: int, new: "bool | None" = None) -> "tuple[str, str]":
    """(number, unit in a word), for a text that has a place for each."""
    unit = text.money.of(text.money.new if new is None else new)
    return unit.number(amount), text.get(unit.words(amount)[0])


def numbers(text: "Catalogue", amount: int, new: "bool | None" = None) -> "list[str]":
    """The number alone, grouped and without separators, for a line whose unit stands in the next one (`units`)."""
    unit = text.money.of(text.money.new if new is None else new)
    return [unit.number(amount), unit.number(amount, False)]


def units(text: "Catalogue", amount: int, new: "bool | None" = None) -> "list[str]":
    """The unit of an amount in a word, and in its letter."""
    return [text.get(name) for name in text.money.of(text.money.new if new is None else new).words(amount)]


def other(text: "Catalogue", amount: int, new: "bool | None" = None) -> "list[str]":
    """The same amount in the other unit, so that a factor of ten is seen; fullest wording first, the last without
    separators; none when it has no other."""
    number, words = text.money.other(amount, text.money.new if new is None else new)
    if not number:
        return []
    long, short = [text.get(name) for name in words]
    return [number + " " + long, number + " " + short, number.replace(",", "") + " " + short]


def _decimal(amount: int, exponent: int, grouped: bool) -> str:
    """A number with so many digits behind the point."""
    size = abs(amount)
    whole = digits.number(size // 10**exponent) if grouped else digits.plain(size // 10**exponent)
    return ("-" if amount < 0 else "") + whole + digits.parts_of(size, exponent)
