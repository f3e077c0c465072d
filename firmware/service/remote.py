"""Bodies of configuration and rules: lines `name=value`, each checked as settings.json would be (docs/lt87.md 14).

A body counts as a whole or not at all. What may stand in it is every setting the switch may change; the programme's
come as rules, all of them, everything else as configuration. What rules do not name has its default: they are whole.
The settings of money must go together.
Knows no file and no signature.
"""

from micropython import const

from firmware.core.errors import SettingsError
from firmware.service.coherence import contradiction
from firmware.service.envelope import UNUSABLE, DownloadRefused
from firmware.settings import PROGRAMME, SWITCH, declared_settings
from firmware.switch.download import CONFIG
from firmware.text import money

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.settings import Setting

EARNING = ("earn_rate", "earn_unit", "point_value", "redeem_step", "redeem_threshold")
RULESET = "ruleset"  # the version of the rules in force; stands in no body
_FORMS = const(((), (b"config 1",), (b"rules 1", b"rules 2")))
CONTRADICTORY = "U10"


def values_of(role: int, body: bytes) -> "dict[str, object]":
    """Checked values by name. Raises DownloadRefused naming the line that is wrong, never its value."""
    lines = body.split(b"\n")
    if lines[0] not in _FORMS[role]:
        raise DownloadRefused(UNUSABLE, "form of the body is unknown: newer firmware may read it")
    if lines[-1]:
        raise DownloadRefused(UNUSABLE, "the last line has no end")
    allowed = {setting.name: setting for setting in declared_settings() if _belongs(setting, role)}
    values: "dict[str, object]" = {}
    if role != CONFIG:
        for setting in allowed.values():
            if setting.name not in EARNING:
                values[setting.name] = setting.checked(setting.default)
    last = ""
    for line in lines[1:-1]:
        name, value = _parted(line)
        if name not in allowed:
            raise DownloadRefused(UNUSABLE, "{}: not for the switch to set here; publish it without".format(name))
        if name <= last:
            raise DownloadRefused(UNUSABLE, "{}: twice, or not in order".format(name))
        last = name
        values[name] = _checked(allowed[name], value)
    if role == CONFIG:
        together = {name: allowed[name].default for name in money.SETTINGS}
        wrong = money_wrong({name: values.get(name, default) for name, default in together.items()})
        if wrong:
            raise DownloadRefused(CONTRADICTORY, wrong)
        return values
    missing = [name for name in EARNING if name not in values]
    if missing:
        raise DownloadRefused(UNUSABLE, "{}: missing; rules come all together".format(missing[0]))
    wrong = contradiction(values)
    if wrong:
        raise DownloadRefused(CONTRADICTORY, wrong)
    return values


def money_wrong(values: "dict[str, object]") -> str:
    """One line that names what of the settings of money contradicts what, or ""."""
    try:
        money.of_settings(values)
    except SettingsError as error:
        return str(error)
    return ""


def switchable() -> "tuple[list[str], list[str]]":
    """Every name that a configuration may set, and every name of rules with `ruleset`."""
    declared = declared_settings()
    configurable = [setting.name for setting in declared if _belongs(setting, CONFIG)]
    return configurable, [setting.name for setting in declared if setting.who == PROGRAMME] + [RULESET]


def _belongs(setting: "Setting", role: int) -> bool:
    return setting.who == (SWITCH if role == CONFIG else PROGRAMME) and setting.name != RULESET


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
    """The value as the firmware uses it: a number in its shortest decimal form, several with a space between, true or
    false, or the text itself."""
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
    elif setting.kind == "ints":
        try:
            numbers = [int(word) for word in text.split(" ")] if text else []
        except ValueError:
            numbers = []
        if " ".join([str(number) for number in numbers]) == text:
            value = numbers
    try:
        return setting.checked(value)
    except SettingsError as error:
        refusal = DownloadRefused(UNUSABLE, "{}; publish it within its range".format(error))
    raise refusal
