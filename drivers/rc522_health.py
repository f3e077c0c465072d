"""What can be told of an MFRC522's health: which chip or clone it is, its self-test, and whether its radio part works.

Functions on an `MFRC522` that is otherwise idle; each ends in `init`, field off. A clone may fail the self-test and
read cards for years, so that a failed one is told and nothing is refused for it; what decides is `functions`. Section
numbers are those of the MFRC522 datasheet, revision 3.9. Knows no card. Takes some tens of milliseconds.
"""

import asyncio
from collections import namedtuple
from time import ticks_diff, ticks_us

from micropython import const

from drivers.rc522_errors import NoAnswer, RC522Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from drivers.rc522 import MFRC522

# Registers (9.2), shifted into the address byte, and commands (10.3).
_COMMAND = const(0x01 << 1)
_COM_IRQ = const(0x04 << 1)
_ERROR = const(0x06 << 1)
_FIFO_DATA = const(0x09 << 1)
_FIFO_LEVEL = const(0x0A << 1)
_BIT_FRAMING = const(0x0D << 1)
_TX_CONTROL = const(0x14 << 1)
_CRC_RESULT_HIGH = const(0x21 << 1)
_CRC_RESULT_LOW = const(0x22 << 1)
_AUTO_TEST = const(0x36 << 1)
_IDLE = const(0x00)
_MEM = const(0x01)
_CALC_CRC = const(0x03)
_TRANSCEIVE = const(0x0C)
_SOFT_RESET = const(0x0F)

_FLUSH = const(0x80)
_SELF_TEST_ON = const(0x09)
_INTERNAL_BYTES = const(25)
_FIFO_BYTES = const(64)
_START_SEND = const(0x80)
_IRQ_ALL = const(0x7F)
_TX_IRQ = const(0x40)
_ERR_HOT = const(0x40)
_DRIVERS_ON = const(0x03)

_TRIES = const(20)
_BUS_TRIES = const(100)
_RELOAD_LOW = const(0x2D << 1)  # any register that holds eight bits will do
_VERSION = const(0x37 << 1)
_FIELD_MS = const(10)
_LISTEN_US = const(10_000)
_LATE_US = const(10_000)  # timer, release and a busy scheduler

PASSED, FAILED, UNKNOWN = "passed", "failed", "unknown"

# What VersionReg says (9.3.4.8), and what clones were seen to say. Those without a name of their own are sold as RC522.
_NAMES = {
    0x91: "NXP MFRC522 1.0",
    0x92: "NXP MFRC522 2.0",
    0x90: "Philips MFRC522 0.0",
    0x88: "Fudan FM17522",
    0x89: "Fudan FM17522E",
    0xB2: "Fudan FM17522, another issue",
    0x12: "counterfeit",
    0x82: "counterfeit",
}

# What a good chip leaves in its FIFO (16.1.1; 90h from the preliminary data sheet; 88h as read from chips).
_REFERENCES = {
    0x91: "00c637d532b7575cc2d87c4dd970c77310e6d2aa5ea13e5a14af3061c970db2e"
    "642272b5bd65f4ec22bcd37235cdaa411fa7f35314de7e02d90fb55e251d2979",
    0x92: "00eb66ba57bf2395d0e30d3d27895cde9d3ba700215b8982513aeb020ca50049"
    "7c844db3ccd21b815d4876d5716121a986968338cf9d5b6ddc15ba3e7d953b2f",
    0x90: "0087980f49ff0719bf2230495963adca7fe34e035c4e4950479a3761e7e2c62e"
    "755aed043d024b7832ff583b7ce90094b44a595bfdc929df3596989e4f30328d",
    0x88: "00d6788ce2aa0c182ab87a7fd36acf0bb137634b69ae91c7c397ae77f437d79b"
    "7cf53c118f15c3d7c15b002ad075de9e5164ab3ee915b5ab569a988226ea2a62",
}

# `version` and `name` of the chip; `self_test` is one of the words above, and `digest` the bytes it left, in hex;
# `functions` names what does not work and is empty for a chip that does; `irq`: the interrupt line follows the chip.
Health = namedtuple("Health", ("version", "name", "self_test", "digest", "functions", "irq"))


def name_of(version: int) -> str:
    """Which chip says this version."""
    return _NAMES.get(version, "unknown {:02X}h".format(version))


async def examine(chip: "MFRC522") -> Health:
    """Both tests. Raises ChipAbsent where nothing answers."""
    version = await chip.init()
    digest = await self_test_bytes(chip)
    functions = await failed_functions(chip)
    return Health(version, name_of(version), judged(version, digest), digest.hex(), functions, not chip.polls)


def judged(version: int, digest: bytes) -> str:
    """What these self-test bytes mean for a chip of this version."""
    reference = _REFERENCES.get(version)
    if reference is None:
        return UNKNOWN
    return PASSED if digest.hex() == reference else FAILED


async def bus_errors(chip: "MFRC522") -> int:
    """How many of a hundred answers were wrong: of VersionReg, and of a register that was just written. Raises
    ChipAbsent."""
    version = await chip.init()
    wrong = 0
    try:
        for i in range(_BUS_TRIES):
            pattern = i * 37 & 0xFF
            if i & 1:
                chip.write(_RELOAD_LOW, pattern)
                wrong += chip.read(_RELOAD_LOW) != pattern
            else:
                wrong += chip.read(_VERSION) != version
            if i % 10 == 9:
                await asyncio.sleep_ms(0)
    finally:
        await chip.init()
    return wrong


async def stands_field(chip: "MFRC522") -> bool:
    """Whether the chip is what it was set up to be after its field came on, which takes ten times the current. Raises
    ChipAbsent."""
    await chip.init()
    try:
        chip.field_on()
        await asyncio.sleep_ms(_FIELD_MS)
        return chip.check()
    finally:
        chip.field_off()
        await chip.init()


async def self_test_bytes(chip: "MFRC522") -> bytes:
    """The digital self-test (16.1.1): the 64 bytes the chip leaves, fewer when it does not end.

    The datasheet has the internal buffer cleared by the "Config" command; there is none, Mem is meant (10.3.1.2). The
    antenna is dead from the test to the next reset, which is why `init` follows.
    """
    try:
        chip.write(_COMMAND, _SOFT_RESET)
        await asyncio.sleep_ms(2)
        chip.write(_FIFO_LEVEL, _FLUSH)
        for _ in range(_INTERNAL_BYTES):
            chip.write(_FIFO_DATA, 0)
        chip.write(_COMMAND, _MEM)
        chip.write(_AUTO_TEST, _SELF_TEST_ON)
        chip.write(_FIFO_DATA, 0)
        chip.write(_COMMAND, _CALC_CRC)
        level = 0
        for _ in range(_TRIES):  # CRCIRq is not set by every version
            await asyncio.sleep_ms(1)
            level = chip.read(_FIFO_LEVEL)
            if level >= _FIFO_BYTES:
                break
        chip.write(_COMMAND, _IDLE)
        return bytes([chip.read(_FIFO_DATA) for _ in range(min(level, _FIFO_BYTES))])
    finally:
        await chip.init()


async def failed_functions(chip: "MFRC522") -> "tuple[str, ...]":
    """Names of what does not work: `registers`, `fifo`, `crc`, `field`, `transmitter`, `timer`, `temperature`.

    Nothing here depends on what only an NXP chip does. How strong the field is, the chip cannot tell.
    """
    failed: "list[str]" = []
    try:
        if not chip.check():
            failed.append("registers")
        if not _fifo_keeps(chip):
            failed.append("fifo")
        if not await _calculates(chip):
            failed.append("crc")
        chip.field_on()
        await asyncio.sleep_ms(1)
        if chip.read(_TX_CONTROL) & _DRIVERS_ON != _DRIVERS_ON:
            failed.append("field")
        started = ticks_us()
        try:
            await chip.exchange(b"\x00", 1, timeout_us=_LISTEN_US)  # no card answers a lone zero
            failed.append("timer")
        except NoAnswer:
            if not _LISTEN_US <= ticks_diff(ticks_us(), started) <= _LISTEN_US + _LATE_US:
                failed.append("timer")
        except RC522Error:
            failed.append("timer")
        if not await _transmits(chip):
            failed.append("transmitter")
        if chip.read(_ERROR) & _ERR_HOT:
            failed.append("temperature")
    finally:
        chip.field_off()
        await chip.init()
    return tuple(failed)


def _fifo_keeps(chip: "MFRC522") -> bool:
    """64 bytes come back as they went in."""
    chip.write(_COMMAND, _IDLE)
    chip.write(_FIFO_LEVEL, _FLUSH)
    for i in range(_FIFO_BYTES):
        chip.write(_FIFO_DATA, i * 3 ^ 0xA5)
    good = chip.read(_FIFO_LEVEL) == _FIFO_BYTES
    for i in range(_FIFO_BYTES):
        good = chip.read(_FIFO_DATA) == i * 3 ^ 0xA5 and good
    return good and not chip.read(_FIFO_LEVEL)


async def _transmits(chip: "MFRC522") -> bool:
    """A frame goes out, whether anybody hears it or not."""
    chip.write(_FIFO_LEVEL, _FLUSH)
    chip.write(_COMMAND, _TRANSCEIVE)
    chip.write(_COM_IRQ, _IRQ_ALL)
    chip.write(_FIFO_DATA, 0)
    chip.write(_BIT_FRAMING, _START_SEND)
    await asyncio.sleep_ms(1)
    sent = chip.read(_COM_IRQ) & _TX_IRQ
    chip.write(_COMMAND, _IDLE)
    return bool(sent)


async def _calculates(chip: "MFRC522") -> bool:
    """The coprocessor makes the CRC_A of HLTA."""
    chip.write(_FIFO_LEVEL, _FLUSH)
    chip.write(_COMMAND, _CALC_CRC)
    chip.write(_FIFO_DATA, 0x50)
    chip.write(_FIFO_DATA, 0x00)
    await asyncio.sleep_ms(1)
    result = chip.read(_CRC_RESULT_HIGH) << 8 | chip.read(_CRC_RESULT_LOW)
    chip.write(_COMMAND, _IDLE)
    return result == 0xCD57
