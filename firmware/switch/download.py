"""A file from the switch, a chunk an exchange: which is asked for next, and what an answer may add (docs/lt87.md 14).

Version, total and digest of the first chunk are pinned: an answer that names others begins anew, one that adds up to
nothing sensible is refused. Knows messages, not where the bytes go and not what they mean. Sizes in bytes.
"""

from micropython import const

from firmware.core.errors import BadMessage
from firmware.switch import tlv
from firmware.switch.profile import (
    GET_CONFIG,
    GET_HOTLIST,
    GET_MEMBERS,
    GET_PROGRAM,
    GET_ROOT,
    GET_RULES,
    TAG_BLOB,
    TAG_CFG,
    TAG_CHUNK,
    TAG_DIGEST,
    TAG_HOTLIST,
    TAG_PROGRAM,
    TAG_ROOT,
    TAG_RULESET,
    TAG_SINCE,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.switch.messages import Answer, Messages, Outgoing

CHUNK = const(240)  # of every chunk but the last
LONGEST = const(65536)
PROGRAM_LONGEST = const(526336)  # head and bundle of an update
_MEMBERS_LONGEST = const(4096)
DIGEST = const(8)

# Roles, in the order in which they are loaded; DE 70 and the version's tag of each.
CONFIG = const(1)
RULES = const(2)
HOTLIST = const(3)
MEMBERS = const(4)
PROGRAM = const(5)
ROOT = const(6)
FUNCTIONS = (0, GET_CONFIG, GET_RULES, GET_HOTLIST, GET_MEMBERS, GET_PROGRAM, GET_ROOT)
VERSION_TAGS = (0, TAG_CFG, TAG_RULESET, TAG_HOTLIST, 0, TAG_PROGRAM, TAG_ROOT)


class Pin:
    """Which file it is: `version` (0 of a member delta), `total` bytes, the first bytes of its SHA-256."""

    def __init__(self, version: int, total: int, digest: bytes) -> None:
        self.version = version
        self.total = total
        self.digest = digest

    def same(self, other: "Pin") -> bool:
        """Whether it is the same file."""
        return self.version == other.version and self.total == other.total and self.digest == other.digest


class Chunk:
    """What an answer brought: `data` of the file `pin` from `offset` on."""

    def __init__(self, pin: Pin, offset: int, data: bytes) -> None:
        self.pin = pin
        self.offset = offset
        self.data = data


def newest(tags: "dict[int, bytes]", role: int) -> int:
    """The newest version the switch has of a role, as an answer tells; 0 when it does not."""
    value = tags.get(VERSION_TAGS[role])
    return tlv.unsigned(value) if value is not None else 0


def request(
    messages: "Messages",
    role: int,
    session_number: int,
    sent_utc: int,
    clock: int,
    offset: int,
    pin: "Pin | None",
    since: int = 0,
    program: bytes = b"",
) -> "Outgoing":
    """0800 for the chunk at `offset` of the file `pin`; of whatever is newest when there is no pin yet. `program` says
    what runs here, for a program or a root file."""
    tags = [(TAG_CHUNK, tlv.from_unsigned(offset, 4) + tlv.from_unsigned(pin.total if pin is not None else 0, 4))]
    if pin is not None:
        tags.append((TAG_DIGEST, pin.digest))
    if role == MEMBERS:
        tags.append((TAG_SINCE, tlv.from_unsigned(since, 4)))
    if program:
        tags.append((TAG_PROGRAM, program))
    return messages.network(FUNCTIONS[role], session_number, sent_utc, clock, tags + messages.in_force)


def chunk(answer: "Answer", role: int, asked: int) -> "Chunk | None":
    """What an answer of code 00 brought, None when the switch has no such file.

    Raises BadMessage for one that no switch of the profile sends.
    """
    tags = answer.tags
    if TAG_CHUNK not in tags:
        raise BadMessage("an answer without CHUNK")
    offset, total = tlv.unsigned(tags[TAG_CHUNK][:4]), tlv.unsigned(tags[TAG_CHUNK][4:])
    if not total:
        return None
    if TAG_DIGEST not in tags or TAG_BLOB not in tags:
        raise BadMessage("a chunk without DIGEST or BLOB")
    version = 0 if role == MEMBERS else newest(tags, role)
    longest = _MEMBERS_LONGEST if role == MEMBERS else PROGRAM_LONGEST if role == PROGRAM else LONGEST
    if total > longest or (not version and role != MEMBERS):
        raise BadMessage("a file of {} bytes, version {}".format(total, version))
    data = tags[TAG_BLOB]
    if offset not in (0, asked) or offset >= total or len(data) != min(CHUNK, total - offset):
        raise BadMessage("chunk {} of {} at {}".format(len(data), total, offset))
    return Chunk(Pin(version, total, tags[TAG_DIGEST]), offset, data)
