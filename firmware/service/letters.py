"""The console's word `letters`: list what the switch refused for good, send one again, give one up for a reason.

Loaded when it is typed. A letter that goes again is answered later: the log tells, and the console shows the log.
"""

import asyncio

from micropython import const

from firmware.core.errors import VafaError
from firmware.core.reference import masked, rrn_of
from firmware.core.visiting import visit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from firmware.core.log import Log
    from firmware.service.rights import Rights
    from firmware.switch.letters import Letters

_SHOWN = const(40)  # lines the console's queue surely holds
_UNITS = const(("rial", "qeran"))  # the smallest of the currency before and after a redenomination
_VERBS = const(("", "sale", "use", "undo", "refund", "void", "voucher", "voucher use", "member", "remark"))
_LONGEST_SEQ = const(10)


def take(words: "list[str]", letters: "Letters", rights: "Callable[[], Rights]", log: "Log") -> "list[str]":
    """The lines of the answer. Raises VafaError."""
    if len(words) == 1:
        return _listed(letters)
    seq = int(words[2]) if len(words) > 2 and words[2].isdigit() and len(words[2]) <= _LONGEST_SEQ else 0
    if seq and words[1] == "retry" and len(words) == 3:
        rights().need("letters")
        letters.on_its_way = asyncio.create_task(_sent_again(letters, seq, log))
        return ["SEQ {} goes once more; what became of it follows".format(seq)]
    if seq and words[1] == "giveup" and len(words) > 3:
        rights().need("letters")
        letters.give_up(seq, " ".join(words[3:]))
        return ["it is never sent again; the reason stays in the journal"]
    return ["letters; letters retry SEQ; letters giveup SEQ REASON (1 to 27 letters)"]


def _listed(letters: "Letters") -> "list[str]":
    lines = []
    count = 0
    for t, rc in letters.all():
        count += 1
        if count <= _SHOWN:
            what = "SEQ {} ref {} {} {} {} {:+d} points card {} refused with {}"
            unit = _UNITS[t.new_money]
            ref = rrn_of(t.seq, t.time_utc)
            lines.append(what.format(t.seq, ref, _VERBS[t.verb], t.amount, unit, t.points, masked(t.uid), rc))
    return ["{} rejected".format(count)] + lines


async def _sent_again(letters: "Letters", seq: int, log: "Log") -> None:
    with visit():
        try:
            await letters.send_again(seq)
        except VafaError as error:
            log.error(error, "SEQ {} stays rejected".format(seq))
        finally:
            letters.on_its_way = None
