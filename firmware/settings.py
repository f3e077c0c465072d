"""Every setting of the terminal, declared once: what may stand in settings.json and in keys.json.

A setting that is missing without a default, of the wrong type or out of range raises SettingsError naming the setting,
never its value. Secrets come wrapped, so that no log line or error can print them by accident.
"""

from binascii import unhexlify

from micropython import const

from firmware.core.errors import SettingsError
from firmware.text import money
from firmware.text.catalogue import LANGUAGES

# Who may change a setting.
TECHNICIAN = const(1)
SUPERVISOR = const(2)
SWITCH = const(3)  # remote configuration
PROGRAMME = const(4)  # the signed rules file; an attribute of the same name of firmware.loyalty.rules.Rules

_REQUIRED = None
_HOSTS_MAX = const(3)  # trying all of them must not take longer than the link may be silent
_REWARD_NAME_MAX = const(14)
_STAFF_LIMITS = const((1_000_000, 5_000_000, 10**9, 3, 5_000, 20_000_000, 100_000_000, 10**9))
WIRES = ("ascii", "bcd")
SOUNDS = ("all", "refusals", "none")  # which are heard; the lamps are lit all the same
AES_WAYS = ("off", "sun", "group", "relay")


class Secret:
    """A value that must be asked for by name: `reveal()`."""

    def __init__(self, value: "str | bytes") -> None:
        self._value = value

    def reveal(self) -> "str | bytes":
        """The value itself, for the one who uses it."""
        return self._value


class Setting:
    """One declaration. `low` and `high` bound an "int"'s value, each number of an "ints", the length of a "text" or
    "hex", how many "rewards"; `choices` bound a text, `count` how many numbers an "ints" has.

    The default is always legal: a "hex" of 16 bytes whose default is "" has 16 or none.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        default: object,
        low: int,
        high: int,
        who: int = TECHNICIAN,
        secret: bool = False,
        choices: "tuple[str, ...]" = (),
        count: "tuple[int, int]" = (0, 0),
    ) -> None:
        self.name = name
        self.kind = kind
        self.default = default
        self.low = low
        self.high = high
        self.who = who
        self.secret = secret
        self.choices = choices
        self.count = count

    def checked(self, value: object) -> object:
        """The value in the form the firmware uses, or SettingsError."""
        if self.kind == "int":
            if not isinstance(value, int) or isinstance(value, bool) or not self.low <= value <= self.high:
                raise SettingsError("{}: whole number {}..{}".format(self.name, self.low, self.high))
            if self.choices and str(value) not in self.choices:
                raise SettingsError("{}: one of {}".format(self.name, " ".join(self.choices)))
            return value
        if self.kind == "bool":
            if not isinstance(value, bool):
                raise SettingsError("{}: true or false".format(self.name))
            return value
        if self.kind == "ints":
            return self._numbers(value)
        if not isinstance(value, str):
            raise SettingsError("{}: text".format(self.name))
        checked = self._unhex(value) if self.kind == "hex" else value
        if self.kind != "rewards" and value != self.default and not self.low <= len(checked) <= self.high:
            raise SettingsError("{}: length {}..{}".format(self.name, self.low, self.high))
        if self.choices and value not in self.choices:
            raise SettingsError("{}: one of {}".format(self.name, " ".join(self.choices)))
        if self.kind == "rewards":
            return self._rewards(value)
        return Secret(checked) if self.secret else checked

    def _numbers(self, value: object) -> "tuple[int, ...]":
        fewest, most = self.count
        found = tuple(value) if isinstance(value, (list, tuple)) else None
        if found is None or not fewest <= len(found) <= most:
            raise SettingsError("{}: a list of {}..{} whole numbers".format(self.name, fewest, most))
        for number in found:
            if not isinstance(number, int) or isinstance(number, bool) or not self.low <= number <= self.high:
                raise SettingsError("{}: whole numbers {}..{}".format(self.name, self.low, self.high))
        return found

    def _rewards(self, value: str) -> "tuple[tuple[int, int, int, str], ...]":
        """(number, points, worth, name) of each, the numbers ascending."""
        rows = []
        for part in value.split(";") if value else ():
            words = part.split(" ", 3)
            try:
                number, points, worth = [int(word) for word in words[:3]]
                name = words[3]
            except (ValueError, IndexError):
                raise SettingsError("{}: number, points, worth and name of each".format(self.name)) from None
            if not 1 <= number <= self.high or not 1 <= points <= 10**9 or not 0 <= worth < 10**12:
                raise SettingsError("{}: numbers 1..{}, points and worth in range".format(self.name, self.high))
            if rows and number <= rows[-1][0]:
                raise SettingsError("{}: each number once, ascending".format(self.name))
            if not 1 <= len(name) <= _REWARD_NAME_MAX:
                raise SettingsError("{}: names of 1..{} characters".format(self.name, _REWARD_NAME_MAX))
            rows.append((number, points, worth, name))
        return tuple(rows)

    def _unhex(self, value: str) -> bytes:
        try:
            return unhexlify(value)
        except ValueError:
            raise SettingsError("{}: hexadecimal digits".format(self.name)) from None


def declared_settings() -> "tuple[Setting, ...]":
    """What stands in settings.json."""
    return (
        # who this terminal is
        Setting("terminal_id", "text", _REQUIRED, 8, 8),
        Setting("merchant_id", "text", _REQUIRED, 15, 15),
        Setting("merchant_name", "text", "", 0, 32, SWITCH),
        # what the counter may choose otherwise (docs/counter.md): these count until it does, and when they change
        Setting("language", "text", "fa", 2, 2, SWITCH, choices=LANGUAGES),
        Setting("brightness", "int", 3, 1, 4, SWITCH),
        Setting("sounds", "text", "all", 3, 8, SWITCH, choices=SOUNDS),
        # how it reaches the switch
        Setting("wifi_ssid", "text", "", 0, 32),
        Setting("switch_host", "text", _REQUIRED, 1, 200),  # up to three, each with its port if it has one of its own
        Setting("switch_port", "int", _REQUIRED, 1, 65535),
        Setting("switch_name", "text", _REQUIRED, 1, 64),
        Setting("nii", "int", 1, 0, 999),
        Setting("wire", "text", "ascii", 3, 5, choices=WIRES),
        # money (docs/money.md): DE 49, digits behind the point, how it is shown and keyed, and what replaces it when
        Setting("currency", "int", 364, 0, 999, SWITCH),
        Setting("currency_exponent", "int", 0, 0, 3, SWITCH),
        Setting("money_unit", "text", money.RIAL, 4, 5, SWITCH, choices=money.UNITS),
        Setting("money_whole", "bool", False, 0, 1, SWITCH),
        Setting("new_currency", "int", 0, 0, 999, SWITCH),  # 0: nothing replaces it
        Setting("new_exponent", "int", 2, 0, 3, SWITCH),
        Setting("new_divisor", "int", 10_000, 1, 1_000_000, SWITCH),
        Setting("new_from", "text", "", 10, 10, SWITCH),
        # how it reads an AES card (docs/cards.md)
        Setting("aes_way", "text", "sun", 2, 5, choices=AES_WAYS),
        # the programme (docs/rules.md); amounts in minor units
        Setting("earn_unit", "int", 1000, 1, 10**12, PROGRAMME),
        Setting("earn_rate", "int", 1, 0, 1000, PROGRAMME),
        Setting("redeem_threshold", "int", 500, 1, 10**9, PROGRAMME),
        Setting("redeem_step", "int", 100, 1, 10**9, PROGRAMME),
        Setting("point_value", "int", 100, 1, 100_000, PROGRAMME),
        Setting("ruleset", "int", 1, 0, 65535, SWITCH),
        Setting("tier_percent", "ints", (100, 100, 100, 100), 100, 1000, PROGRAMME, count=(4, 4)),
        Setting("happy_days", "int", 0, 0, 127, PROGRAMME),
        Setting("happy_percent", "int", 0, 0, 1000, PROGRAMME),
        Setting("basket_percent", "ints", (), 0, 1000, PROGRAMME, count=(0, 9)),
        Setting("visit_every", "int", 0, 0, 1000, PROGRAMME),
        Setting("visit_points", "int", 0, 0, 1_000_000, PROGRAMME),
        Setting("tenure_points", "int", 0, 0, 100_000, PROGRAMME),
        Setting("tenure_years", "int", 0, 0, 50, PROGRAMME),
        Setting("cap_sale", "int", 0, 0, 10**9, PROGRAMME),
        Setting("cap_day", "int", 0, 0, 10**9, PROGRAMME),
        Setting("currencies", "ints", (), 0, 1_000_000, PROGRAMME, count=(0, 12)),
        Setting("rewards", "rewards", "", 0, 9, PROGRAMME),
        Setting("rewards_below", "bool", False, 0, 1, PROGRAMME),
        Setting("lapse_visits", "int", 3, 0, 1000, PROGRAMME),
        Setting("lapse_days", "int", 70, 1, 3650, PROGRAMME),
        Setting("six_months_days", "int", 180, 1, 3650, PROGRAMME),
        # what is asked after a sale
        Setting("survey_every", "int", 0, 0, 1000, PROGRAMME),  # visits; 0: nobody is asked
        Setting("survey_question", "text", "", 0, 32, PROGRAMME),
        Setting("survey_id", "int", 1, 1, 255, PROGRAMME),
        Setting("survey_answers", "int", 5, 2, 5, PROGRAMME),
        Setting("survey_reason", "bool", True, 0, 1, PROGRAMME),
        Setting("welcome_points", "int", 100, 0, 10**6, PROGRAMME),  # of a new member
        # the most a clerk, a supervisor, a technician may give for a broken promise
        Setting("recovery_limits", "ints", (100_000, 1_000_000, 1_000_000), 0, 10**12 - 1, PROGRAMME, count=(3, 3)),
        # how sales are told to a new member; "ask": the member says
        Setting("member_channel", "text", "ask", 3, 5, SWITCH, choices=("ask", "sms", "paper")),
        # limits
        Setting("max_amount", "int", 1_000_000_000, 1, 10**12 - 1, SWITCH),
        Setting("offline_earn", "bool", True, 0, 1, SWITCH),
        Setting("offline_records", "int", 500, 1, 15_000, SWITCH),
        Setting("offline_earns_a_day", "int", 5, 0, 1000, SWITCH),  # sales of one card that may wait; 0: any number
        Setting("offline_warn_h", "int", 24, 1, 720, SWITCH),
        Setting("offline_max_h", "int", 168, 1, 720, SWITCH),
        Setting("offline_review_above", "int", 100_000_000, 0, 10**12 - 1, SWITCH),
        # spending without the switch: what it reserved; points of one redemption, points of all until it heard of them
        Setting("offline_redeem", "bool", False, 0, 1, SWITCH),
        Setting("offline_redeem_legacy", "bool", False, 0, 1, SWITCH),
        Setting("offline_redeem_max", "int", 5_000, 1, 10**9, SWITCH),
        Setting("offline_redeem_total", "int", 50_000, 1, 10**9, SWITCH),
        Setting("offline_redeem_age_h", "int", 24, 1, 72, SWITCH),
        Setting("offline_redeem_risk", "bool", False, 0, 1, SWITCH),  # a fifth of what is known, without reserve
        Setting("again_within_s", "int", 120, 0, 3600, SWITCH),
        # who works here (docs/staff.md): seconds of rest before the till locks, the lowest role for each right, limits
        Setting("clerk_lock_s", "int", 300, 0, 86_400, SWITCH),
        Setting("staff_roles", "ints", (2, 1, 1, 1, 1, 2, 1, 1, 1, 1, 2), 1, 3, SWITCH, count=(9, 11)),
        Setting("staff_limits", "ints", _STAFF_LIMITS, 0, 10**12 - 1, SWITCH, count=(5, 8)),
        # the switch's news of members this terminal knows; 0: it does not ask
        Setting("member_refresh_s", "int", 0, 0, 86_400, SWITCH),
        # who taps is greeted, and asked after at the switch, before the sale
        Setting("greet", "bool", True, 0, 1, SWITCH),
        # the receipt printer (docs/receipts.md)
        Setting("printer", "text", "escpos", 4, 6, SUPERVISOR, choices=("escpos", "none")),
        Setting("printer_baud", "int", 115_200, 9_600, 115_200, SUPERVISOR),
        Setting("paper_mm", "int", 58, 58, 80, SUPERVISOR, choices=("58", "80")),
        Setting("copies", "int", 1, 1, 2, SUPERVISOR),
        Setting("receipt_qr", "bool", True, 0, 1, SUPERVISOR),
        # times a person waits
        Setting("question_s", "int", 60, 10, 600, SUPERVISOR),
        Setting("card_s", "int", 30, 10, 600, SUPERVISOR),
        Setting("outcome_s", "int", 20, 3, 120, SUPERVISOR),
        Setting("register_card_s", "int", 90, 30, 180, SUPERVISOR),
    )


def declared_keys() -> "tuple[Setting, ...]":
    """What stands in keys.json."""
    return (
        Setting("tmk", "hex", _REQUIRED, 16, 16, TECHNICIAN, True),
        Setting("kid", "int", _REQUIRED, 0, 255),
        Setting("mac_out", "hex", _REQUIRED, 16, 16, TECHNICIAN, True),
        Setting("mac_in", "hex", _REQUIRED, 16, 16, TECHNICIAN, True),
        Setting("card_group", "hex", "", 16, 16, TECHNICIAN, True),  # "": this terminal holds no card key
        Setting("wifi_psk", "text", "", 0, 64, TECHNICIAN, True),
    )


class Settings:
    """Checked values by name. `unknown` lists names in the files that nothing declares."""

    def __init__(self, values: "dict[str, object]", unknown: "list[str] | None" = None) -> None:
        self._values = values
        self.unknown = unknown or []

    def number(self, name: str) -> int:
        """A whole number."""
        value = self._values[name]
        assert isinstance(value, int)
        return value

    def numbers(self, name: str) -> "tuple[int, ...]":
        """Several whole numbers."""
        value = self._values[name]
        assert isinstance(value, tuple)
        return value

    def money(self) -> "money.Money":
        """What amounts are in."""
        return money.of_settings(self._values)

    def flag(self, name: str) -> bool:
        """A yes or no."""
        return self._values[name] is True

    def text(self, name: str) -> str:
        """A plain text."""
        value = self._values[name]
        assert isinstance(value, str)
        return value

    def addresses(self) -> "list[tuple[str, int]]":
        """Where the switch listens, in the order of the setting."""
        return _addresses(self.text("switch_host"), self.number("switch_port"))

    def secret_bytes(self, name: str) -> bytes:
        """A key; hand it to its user and keep no copy."""
        value = self._secret(name)
        assert isinstance(value, bytes)
        return value

    def secret_text(self, name: str) -> str:
        """A password; hand it to its user and keep no copy."""
        value = self._secret(name)
        assert isinstance(value, str)
        return value

    def _secret(self, name: str) -> "str | bytes":
        value = self._values[name]
        assert isinstance(value, Secret)
        return value.reveal()


def check(declared: "tuple[Setting, ...]", given: object) -> "dict[str, object]":
    """The declared values out of a parsed file, defaults filled in."""
    if not isinstance(given, dict):
        raise SettingsError("settings: an object of names and values")
    values: "dict[str, object]" = {}
    for setting in declared:
        value = given.get(setting.name, setting.default)
        if value is _REQUIRED:
            raise SettingsError("{}: missing".format(setting.name))
        values[setting.name] = setting.checked(value)
    return values


def check_together(values: "dict[str, object]") -> None:
    """What settings and keys demand of one another. Raises SettingsError naming both."""
    group = values["card_group"]
    if values["aes_way"] == "group" and not (isinstance(group, Secret) and group.reveal()):
        raise SettingsError("aes_way: group reads with card_group, and keys.json had none")
    money.of_settings(values)
    hosts, port = values["switch_host"], values["switch_port"]
    assert isinstance(hosts, str) and isinstance(port, int)
    _addresses(hosts, port)


def _addresses(hosts: str, port: int) -> "list[tuple[str, int]]":
    """`host`, or `host:port`, and more of them behind commas. Raises SettingsError."""
    out = []
    for part in hosts.split(","):
        host, colon, own = part.strip().partition(":")
        if not 1 <= len(host) <= 64 or (colon and not own.isdigit()) or not 0 < int(own or port) < 65536:
            raise SettingsError("switch_host: host or host:port, {} at most".format(_HOSTS_MAX))
        out.append((host, int(own or port)))
    if len(out) > _HOSTS_MAX:
        raise SettingsError("switch_host: {} at most".format(_HOSTS_MAX))
    return out


def undeclared(declared: "tuple[Setting, ...]", given: object) -> "list[str]":
    """Names in a parsed file that nothing declares."""
    known = [setting.name for setting in declared]
    return [name for name in given if name not in known] if isinstance(given, dict) else []
