"""What messages say of allowances, tags 30 and 31 (docs/lt87.md section 12). Pure; knows no card and no rule.

An allowance on the wire is a number of the switch's and points, four bytes each; from the switch a time is added.
"""

from firmware.core.errors import BadMessage
from firmware.core.types import Allowance
from firmware.switch import tlv
from firmware.switch.profile import TAG_ALLOWANCE, TAG_RELEASE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.switch.messages import Answer


def named(allowance: "tuple[int, int]") -> "tuple[int, bytes]":
    """Tag 30 of the terminal: (number, points) it holds and asks for again, or spent."""
    return TAG_ALLOWANCE, tlv.from_unsigned(allowance[0], 4) + tlv.from_unsigned(allowance[1], 4)


def given_back(allowance: "tuple[int, int]") -> "tuple[int, bytes]":
    """Tag 31: (number, points) that it holds no more and did not spend."""
    return TAG_RELEASE, named(allowance)[1]


def ended(utc: int) -> "list[tuple[int, bytes]]":
    """Tag 31 of a sign-on or an echo: of what ended by this time nothing is unsettled. 0: it says nothing."""
    return [given_back((0, utc))] if utc else []


def told(answer: "Answer") -> "Allowance | None":
    """Tag 30 of an answer. Raises BadMessage when it cannot be one."""
    value = answer.tags.get(TAG_ALLOWANCE)
    if value is None:
        return None
    if len(value) != 12:
        raise BadMessage("tag 30 of an answer has {} bytes".format(len(value)))
    number, points, until = (tlv.unsigned(value[at : at + 4]) for at in (0, 4, 8))
    if not number or not points:
        raise BadMessage("tag 30 of an answer holds nothing")
    return Allowance(number, points, until, answer.host_utc)
