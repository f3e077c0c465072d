"""The head of a signed update, and whose signatures count: read strictly, byte by byte, after the signatures alone.

A `.vfu` is a head of HEAD bytes and the program's bundle behind it. The head holds a manifest of tagged values in
rising order, each once, and two signatures of two different release keys; the keys stand in a root file, which two of
the old and two of the new keys replace. docs/update.md has every byte. Knows no file, no slot and no flash; safe mode
reads updates by it, so it needs `core.verify` and errors only. Sizes in bytes, times in UTC seconds, big-endian.
"""

from micropython import const

from firmware.core import verify
from firmware.core.errors import VafaError

HEAD = const(2048)
SIGNED_AS = b"vafa-update-1"
ROOT_SIGNED_AS = b"vafa-root-1"
ROOT_BODY = const(1170)  # magic 4, version 2, epoch 2, channel 10, three moduli
ROOT_FILE = const(2710)  # and four signatures with a byte of place each
ROOT_KEYS_AT = const(18)
_KEYS = const(3)
_NEEDED = const(2)
_SEAL = const(385)  # place of the key, signature
_AT = const(7)  # magic, length of the manifest, number of signatures
_NEW = const(0x80)  # of a place in a root file: one of the new keys
_EPOCHS_AHEAD = const(8)
_AHEAD_S = const(86_400)  # so much two clocks may differ
LONGEST = const(524_288)  # of a payload: no board has room for more

UNSIGNED = "U20"
DAMAGED = "U21"
FOREIGN = "U22"
OLDER = "U23"
WRONG_TIME = "U24"
LEAP = "U25"
JOURNAL = "U26"
ROOT = "U27"
RETURNED = "U28"
NOT_NOW = "U29"

# A row: tag, shortest, longest value; all of them, in this order. The last one is the file: size 4, SHA-256 32, path.
_ROW = const(3)
_TAGS = const(
    b"\x01\x01\x01"  # role
    b"\x02\x01\x0c"  # board
    b"\x03\x02\x02"  # hardware, from and to
    b"\x04\x01\x0a"  # channel
    b"\x05\x02\x02"  # ABI of the modules
    b"\x06\x01\x01"  # lowest boot stage
    b"\x07\x01\x10"  # version
    b"\x08\x04\x04"  # build
    b"\x09\x02\x02"  # epoch
    b"\x0a\x04\x04"  # lowest build it may replace
    b"\x0b\x04\x04"  # made
    b"\x0c\x04\x04"  # until when it may be installed, 0 no end
    b"\x0d\x02\x02"  # version of the root whose keys signed
    b"\x0e\x02\x02"  # journal: format it writes, lowest format it reads
    b"\x0f\x04\x04"  # size of all files
    b"\x10\x25\x64"  # a file
)
_PROGRAM = const(1)
PATH = b"program.bin"


class UpdateRefused(VafaError):
    """An update is not taken; what runs goes on. `code` of the instance tells why."""

    code = DAMAGED

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Root:
    """Who may sign programs: `keys` three moduli joined, `epoch` the floor a new root begins with."""

    def __init__(self, version: int, epoch: int, channel: bytes, keys: bytes) -> None:
        self.version = version
        self.epoch = epoch
        self.channel = channel
        self.keys = keys


class Here:
    """What this terminal is: the manifest has to fit it. `floor` the epoch below which nothing is taken, `lowest` the
    build, `build` and `epoch` what runs, `again` whether the very build that runs may be put there once more, `now_utc`
    a time that has surely passed, or the clock's."""

    def __init__(self, board: str, abi: int, stage: int, build: int, epoch: int) -> None:
        self.board = board.encode()
        self.hardware = 1
        self.abi = abi
        self.stage = stage
        self.build = build
        self.epoch = epoch
        self.journal = 0
        self.floor = 0
        self.lowest = 0
        self.again = False
        self.now_utc = 0
        self.clock_right = False


class Manifest:
    """A manifest that was read; nothing of it is believed before its signatures were."""

    def __init__(self, values: "list[bytes]") -> None:
        numbers = [int.from_bytes(value, "big") for value in values]
        self.role = numbers[0]
        self.board = values[1]
        self.hardware = (values[2][0], values[2][1])
        self.channel = values[3]
        self.abi = numbers[4]
        self.stage = numbers[5]
        self.version = values[6].decode()
        self.build = numbers[7]
        self.epoch = numbers[8]
        self.needs = numbers[9]
        self.made_utc = numbers[10]
        self.until_utc = numbers[11]
        self.root = numbers[12]
        self.writes, self.reads = values[13][0], values[13][1]
        self.total = numbers[14]
        file = values[15]
        self.size = int.from_bytes(file[:4], "big")
        self.digest = file[4:36]
        self.path = file[36:]


# --- root -------------------------------------------------------------------------------------------------------------


def root_of(raw: bytes) -> Root:
    """The root a terminal was given, as it lies in its configuration; signatures behind the body are of the day it
    came. Raises UpdateRefused."""
    if len(raw) not in (ROOT_BODY, ROOT_FILE) or raw[:4] != b"VRK1":
        raise UpdateRefused(ROOT, "no release keys")
    keys = raw[ROOT_KEYS_AT:ROOT_BODY]
    apart = {keys[i * verify.SIGNATURE : (i + 1) * verify.SIGNATURE] for i in range(_KEYS)}
    channel = raw[8:ROOT_KEYS_AT].rstrip(b" ")
    version = int.from_bytes(raw[4:6], "big")
    if len(apart) != _KEYS or not _is_word(channel) or not version:
        raise UpdateRefused(ROOT, "release keys that are none")
    return Root(version, int.from_bytes(raw[6:8], "big"), channel, keys)


def next_root(root: Root, raw: bytes) -> Root:
    """The root after this one, signed by two of its keys and two of its own. Raises UpdateRefused."""
    if len(raw) != ROOT_FILE:
        raise UpdateRefused(ROOT, "{} bytes".format(len(raw)))
    new = root_of(raw)
    digest = verify.begun(ROOT_SIGNED_AS)
    digest.update(raw[:ROOT_BODY])
    hashed = digest.digest()
    seals = raw[ROOT_BODY:]
    if not (_signed(root.keys, hashed, seals[: 2 * _SEAL], 0) and _signed(new.keys, hashed, seals[2 * _SEAL :], _NEW)):
        raise UpdateRefused(ROOT, "not signed by two of the old keys and two of the new")
    if new.version != root.version + 1 or new.channel != root.channel:
        raise UpdateRefused(
            ROOT, "root {} of {} is not the one after {}".format(new.version, new.channel, root.version)
        )
    return new


def _signed(keys: bytes, digest: bytes, seals: bytes, kind: int) -> bool:
    """Whether two different keys made these two signatures. Their places rise, so no key counts twice."""
    before = -1
    for at in (0, _SEAL):
        place = seals[at] - kind
        if not before < place < _KEYS:
            return False
        modulus = keys[place * verify.SIGNATURE : (place + 1) * verify.SIGNATURE]
        if not verify.signed(modulus, digest, seals[at + 1 : at + _SEAL]):
            return False
        before = place
    return True


# --- manifest ---------------------------------------------------------------------------------------------------------


def opened(head: bytes, root: Root) -> Manifest:
    """The manifest of a head, its two signatures looked at before its values. Raises UpdateRefused."""
    manifest, seals = inside(head)
    digest = verify.begun(SIGNED_AS)
    digest.update(manifest)
    if not _signed(root.keys, digest.digest(), seals, 0):
        raise UpdateRefused(UNSIGNED, "not signed by two of this terminal's release keys")
    return parsed(manifest)


def inside(head: bytes) -> "tuple[bytes, bytes]":
    """Manifest and signatures of a head, nothing of them judged. Raises UpdateRefused."""
    if len(head) != HEAD or head[:4] != b"VFU1":
        raise UpdateRefused(DAMAGED, "no update")
    length = int.from_bytes(head[4:6], "big")
    end = _AT + length + _NEEDED * _SEAL
    if head[6] != _NEEDED or end > HEAD or any(head[end:]):
        raise UpdateRefused(DAMAGED, "a head that does not add up")
    return head[_AT : _AT + length], head[_AT + length : end]


def parsed(raw: bytes) -> Manifest:
    """The values. Raises UpdateRefused for anything but each tag once, in its place, of its length."""
    values: "list[bytes]" = []
    at = 0
    for row in range(0, len(_TAGS), _ROW):
        tag, low, high = _TAGS[row], _TAGS[row + 1], _TAGS[row + 2]
        if len(raw) < at + 2 or raw[at] != tag or not low <= raw[at + 1] <= high or len(raw) < at + 2 + raw[at + 1]:
            raise UpdateRefused(DAMAGED, "manifest: value {} is not where it belongs".format(tag))
        values.append(raw[at + 2 : at + 2 + raw[at + 1]])
        at += 2 + raw[at + 1]
    if at != len(raw):
        raise UpdateRefused(DAMAGED, "manifest: something stands behind the file")
    if not (_is_word(values[1]) and _is_word(values[3]) and _is_word(values[6])):
        raise UpdateRefused(DAMAGED, "manifest: a name that is none")
    found = Manifest(values)
    if found.path != PATH:
        raise UpdateRefused(DAMAGED, "manifest: only {} is ever written".format(PATH.decode()))
    if found.total != found.size or not 0 < found.size <= LONGEST or not found.build:
        raise UpdateRefused(DAMAGED, "manifest: {} bytes, {} in all".format(found.size, found.total))
    return found


def _is_word(raw: bytes) -> bool:
    return len(raw) > 0 and all(0x61 <= c <= 0x7A or 0x30 <= c <= 0x39 or c in b".-_+" for c in raw)


def admit(found: Manifest, root: Root, here: Here) -> None:
    """Whether this program may come onto this terminal. Raises UpdateRefused."""
    if found.role != _PROGRAM or found.board != here.board or found.channel != root.channel:
        raise UpdateRefused(FOREIGN, "for {} of {}".format(str(found.board, "ascii"), str(found.channel, "ascii")))
    if not found.hardware[0] <= here.hardware <= found.hardware[1] or found.abi != here.abi:
        raise UpdateRefused(FOREIGN, "made for other hardware or another interpreter")
    if found.stage > here.stage or found.needs > here.build:
        raise UpdateRefused(FOREIGN, "it needs boot stage {}, build {}".format(found.stage, found.needs))
    if found.root != root.version:
        raise UpdateRefused(UNSIGNED, "signed under root {}, this terminal has {}".format(found.root, root.version))
    if found.build < max(here.build, here.lowest) or (found.build == here.build and not here.again):
        raise UpdateRefused(OLDER, "build {} is offered, {} runs".format(found.build, max(here.build, here.lowest)))
    if found.epoch < here.floor:
        raise UpdateRefused(OLDER, "epoch {} is offered, {} was in force".format(found.epoch, here.floor))
    if found.epoch > max(here.floor, here.epoch) + _EPOCHS_AHEAD:
        raise UpdateRefused(LEAP, "epoch {} is too far from {}".format(found.epoch, max(here.floor, here.epoch)))
    if found.until_utc and here.now_utc > found.until_utc:
        raise UpdateRefused(WRONG_TIME, "it was to be installed before; publish it anew")
    if here.clock_right and found.made_utc > here.now_utc + _AHEAD_S:
        raise UpdateRefused(WRONG_TIME, "made more than a day from now")
    if found.writes > here.journal or found.reads > here.journal:
        raise UpdateRefused(JOURNAL, "journal {}, the program that runs reads {}".format(found.writes, here.journal))
