"""At a start: which files loaded from the switch are in force, and the settings as they make them.

Every file is verified again: a file system is not a safe place. One that does not hold is told and left out; then what
settings.json says counts, and the switch gives the file again. Expiry is not asked here: what runs, runs on.
"""

from errno import ENOENT

from firmware.service.envelope import DAMAGED, NAMES, DownloadRefused, Envelope
from firmware.service.held import InForce
from firmware.service.remote import RULESET, money_wrong, switchable, values_of
from firmware.switch.download import CONFIG, HOTLIST, RULES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from firmware.service.held import Owner


def at_start(folder: str, owner: "Owner", values: "dict[str, object]", tell: "Callable[[str], object]") -> InForce:
    """Put the files' values over `values`. `tell` gets a line for each file that does not hold."""
    found = InForce(owner)
    configurable, of_rules = switchable()
    found.base = {name: values[name] for name in configurable}
    for role in (CONFIG, RULES, HOTLIST):
        envelope = Envelope("{}/{}.dat".format(folder, NAMES[role]), role)
        try:
            for _ in envelope.opening(owner):
                pass
            if role == HOTLIST:
                found.rows = envelope.size
            else:
                found_values = values_of(role, envelope.body())
                wrong = money_wrong(values | found_values) if role == CONFIG else ""
                if wrong:  # with what settings.json says; asking for the same file again would not help
                    tell("U10 {} in force is left out: {}".format(NAMES[role], wrong))
                else:
                    values.update(found_values)
            if role == RULES:
                values[RULESET] = envelope.version
        except OSError as error:
            if error.errno != ENOENT:  # the normal case: none was loaded
                tell("{} {} in force is left out: it cannot be read, {}".format(DAMAGED, NAMES[role], error))
            continue
        except DownloadRefused as refusal:
            tell("{} {} in force is left out: {} {}".format(DAMAGED, NAMES[role], refusal.code, refusal))
            continue
        found.held[role] = envelope.version
    found.now = {name: values[name] for name in configurable}
    found.programme = {name: values[name] for name in of_rules}
    return found
