"""Every setting of the terminal, declared once: what may stand in settings.json and in keys.json.

A setting that is missing without a default, of the wrong type or out of range raises SettingsError naming the setting,
never its value. Secrets come wrapped, so that no log line or error can print them by accident.
"""

from binascii import unhexlify

from micropython import const

from firmware.core.errors import SettingsError
from firmware.text.catalogue import LANGUAGES

# Who may change a setting.
TECHNICIAN = const(1)
SUPERVISOR = const(2)
SWITCH = const(3)  # remote configuration

_REQUIRED = None
_HOSTS_MAX = const(3)  # trying all of them must not take longer than the link may be silent
WIRES = ("ascii", "bcd")
AES_WAYS = ("off", "sun", "group", "relay")


class Secret:
    """A value that must be asked for by name: `reveal()`."""

    def __init__(self, value: "str | bytes") -> None:
        self._value = value

    def reveal(self) -> "str | bytes":
        """The value itself, for the one who uses it."""
        return self._value


class Setting:
    """One declaration. `low` and `high` bound an "int"'s value, the length of a "text" or "hex"; `choices` a text.

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
    ) -> None:
        self.name = name
        self.kind = kind
        self.default = default
        self.low = low
        self.high = high
        self.who = who
        self.secret = secret
        self.choices = choices

    def checked(self, value: object) -> object:
        """The value in the form the firmware uses, or SettingsError."""
        if self.kind == "int":
            if not isinstance(value, int) or isinstance(value, bool) or not self.low <= value <= self.high:
                raise SettingsError("{}: whole number {}..{}".format(self.name, self.low, self.high))
            return value
        if self.kind == "bool":
            if not isinstance(value, bool):
                raise SettingsError("{}: true or false".format(self.name))
            return value
        if not isinstance(value, str):
            raise SettingsError("{}: text".format(self.name))
        checked = self._unhex(value) if self.kind == "hex" else value
        if value != self.default and not self.low <= len(checked) <= self.high:
            raise SettingsError("{}: length {}..{}".format(self.name, self.low, self.high))
        if self.choices and value not in self.choices:
            raise SettingsError("{}: one of {}".format(self.name, " ".join(self.choices)))
        return Secret(checked) if self.secret else checked

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
        Setting("language", "text", "en", 2, 2, SUPERVISOR, choices=LANGUAGES),
        # how it reaches the switch
        Setting("wifi_ssid", "text", "", 0, 32),
        Setting("switch_host", "text", _REQUIRED, 1, 200),  # up to three, each with its port if it has one of its own
        Setting("switch_port", "int", _REQUIRED, 1, 65535),
        Setting("switch_name", "text", _REQUIRED, 1, 64),
        Setting("nii", "int", 1, 0, 999),
        Setting("wire", "text", "ascii", 3, 5, choices=WIRES),
        Setting("currency", "int", 364, 0, 999, SWITCH),
        # how it reads an AES card (docs/cards.md)
        Setting("aes_way", "text", "sun", 2, 5, choices=AES_WAYS),
        # the programme; amounts in minor units
        Setting("earn_unit", "int", 1000, 1, 10**12, SWITCH),
        Setting("earn_rate", "int", 1, 0, 1000, SWITCH),
        Setting("redeem_threshold", "int", 500, 1, 10**9, SWITCH),
        Setting("redeem_step", "int", 100, 1, 10**9, SWITCH),
        Setting("point_value", "int", 100, 1, 100_000, SWITCH),
        Setting("ruleset", "int", 1, 0, 65535, SWITCH),
        # limits
        Setting("max_amount", "int", 1_000_000_000, 1, 10**12 - 1, SWITCH),
        Setting("offline_earn", "bool", True, 0, 1, SWITCH),
        Setting("offline_records", "int", 500, 1, 15_000, SWITCH),
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
        # the switch's news of members this terminal knows; 0: it does not ask
        Setting("member_refresh_s", "int", 0, 0, 86_400, SWITCH),
        # times a person waits
        Setting("question_s", "int", 60, 10, 600, SUPERVISOR),
        Setting("card_s", "int", 30, 10, 600, SUPERVISOR),
        Setting("outcome_s", "int", 20, 3, 120, SUPERVISOR),
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
