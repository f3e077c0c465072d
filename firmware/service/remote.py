"""Bodies of configuration and rules: lines `name=value`, each checked as settings.json would be (docs/lt87.md 14).

A body counts as a whole or not at all. What may stand in it is every setting the switch may change; the earning rules
come as rules, all of them, everything else as configuration. Knows no file and no signature.
"""

from firmware.core.errors import SettingsError
from firmware.service.envelope import UNUSABLE, DownloadRefused
from firmware.settings import SWITCH, declared_settings
from firmware.switch.download import CONFIG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.settings import Setting

EARNING = ("earn_rate", "earn_unit", "point_value", "redeem_step", "redeem_threshold")
RULESET = "ruleset"  # the version of the rules in force; stands in no body
_FORMS = (b"", b"config 1", b"rules 1")


def values_of(role: int, body: bytes) -> "dict[str, object]":
    """Checked values by name. Raises DownloadRefused naming the line that is wrong, never its value."""
    lines = body.split(b"\n")
    if lines[0] != _FORMS[role]:
        raise DownloadRefused(UNUSABLE, "form of the body is unknown: newer firmware may read it")
    if lines[-1]:
        raise DownloadRefused(UNUSABLE, "the last line has no end")
    allowed = {setting.name: setting for setting in declared_settings() if _belongs(setting, role)}
    values: "dict[str, object]" = {}
    last = ""
    for line in lines[1:-1]:
        name, value = _parted(line)
        if name not in allowed:
            raise DownloadRefused(UNUSABLE, "{}: not for the switch to set here; publish it without".format(name))
        if name <= last:
            raise DownloadRefused(UNUSABLE, "{}: twice, or not in order".format(name))
        last = name
        values[name] = _checked(allowed[name], value)
    missing = [name for name in EARNING if name not in values] if role != CONFIG else []
    if missing:
        raise DownloadRefused(UNUSABLE, "{}: missing; rules come all together".format(missing[0]))
    return values


def switchable() -> "list[str]":
    """Every name that a body may set, and `ruleset`."""
    return [setting.name for setting in declared_settings() if setting.who == SWITCH]


def _belongs(setting: "Setting", role: int) -> bool:
    if setting.who != SWITCH or setting.name == RULESET:
        return False
    return (setting.name in EARNING) == (role != CONFIG)


def _parted(line: bytes) -> "tuple[str, str]":
    try:
        text = line.decode()
    except UnicodeError:
        text = ""
    name, equals, value = text.partition("=")
    if not equals:
        raise DownloadRefused(UNUSABLE, "a line without name and value")
    return name, value


def _checked(setting: "Setting", text: str) -> object:
    """The value as the firmware uses it: a number in its shortest decimal form, true or false, or the text itself."""
    value: object = text
    if setting.kind == "bool":
        value = {"true": True, "false": False}.get(text, text)
    elif setting.kind == "int":
        try:
            value = int(text)
        except ValueError:
            pass  # what it is not, the check says
        if str(value) != text:
            value = text
    try:
        return setting.checked(value)
    except SettingsError as error:
        refusal = DownloadRefused(UNUSABLE, "{}; publish it within its range".format(error))
    raise refusal
