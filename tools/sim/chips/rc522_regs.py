"""MFRC522 register addresses, bits, reset values and self-test references (data sheet rev 3.9, sections 9 and 16.1)."""

from __future__ import annotations

COMMAND, COM_IEN, DIV_IEN, COM_IRQ, DIV_IRQ, ERROR, STATUS1, STATUS2 = range(0x01, 0x09)
FIFO_DATA, FIFO_LEVEL, WATER_LEVEL, CONTROL, BIT_FRAMING, COLL = range(0x09, 0x0F)
MODE, TX_MODE, RX_MODE, TX_CONTROL, TX_ASK = range(0x11, 0x16)
DEMOD, MF_RX = 0x19, 0x1D
CRC_RESULT_H, CRC_RESULT_L = 0x21, 0x22
T_MODE, T_PRESCALER, T_RELOAD_H, T_RELOAD_L, T_COUNTER_H, T_COUNTER_L = range(0x2A, 0x30)
AUTO_TEST, VERSION = 0x36, 0x37

# CommandReg, 10.3
IDLE, MEM, RANDOM_ID, CALC_CRC, TRANSMIT, NO_CHANGE, RECEIVE = 0x0, 0x1, 0x2, 0x3, 0x4, 0x7, 0x8
TRANSCEIVE, MF_AUTHENT, SOFT_RESET = 0xC, 0xE, 0xF
RCV_OFF, POWER_DOWN = 0x20, 0x10

# ComIrqReg and DivIrqReg, 9.3.1.5 and .6
SET1, TX_IRQ, RX_IRQ, IDLE_IRQ, HI_ALERT_IRQ, LO_ALERT_IRQ, ERR_IRQ, TIMER_IRQ = 0x80, 0x40, 0x20, 0x10, 8, 4, 2, 1
CRC_IRQ = 0x04

# ErrorReg, 9.3.1.7
WR_ERR, TEMP_ERR, BUFFER_OVFL, COLL_ERR, CRC_ERR, PARITY_ERR, PROTOCOL_ERR = 0x80, 0x40, 0x10, 8, 4, 2, 1

CRYPTO1_ON = 0x08  # Status2Reg
FLUSH = 0x80  # FIFOLevelReg
START_SEND = 0x80  # BitFramingReg
VALUES_AFTER_COLL, COLL_POS_NOT_VALID = 0x80, 0x20
CRC_EN, RX_NO_ERR, RX_MULTIPLE = 0x80, 0x08, 0x04  # TxModeReg, RxModeReg
FORCE_100_ASK = 0x40
T_AUTO, T_AUTO_RESTART = 0x80, 0x10
PRESCALER_EVEN = 0x10  # DemodReg, version 2.0

FIFO_SIZE = 64

_RESET = {
    COM_IEN: 0x80, WATER_LEVEL: 0x08, CONTROL: 0x10, COLL: 0xA0, MODE: 0x3F, TX_CONTROL: 0x80, 0x16: 0x10, 0x17: 0x84,
    0x18: 0x84, DEMOD: 0x4D, 0x1C: 0x62, 0x1F: 0xEB, CRC_RESULT_H: 0xFF, CRC_RESULT_L: 0xFF, 0x24: 0x26, 0x26: 0x48,
    0x27: 0x88, 0x28: 0x20, 0x29: 0x20, 0x33: 0x80, AUTO_TEST: 0x40,
}  # fmt: skip


def reset_values() -> bytearray:
    """The plain registers after a reset, section 9.2."""
    values = bytearray(64)
    for address, value in _RESET.items():
        values[address] = value
    return values


# Section 16.1.1, the 64 bytes a good chip leaves in its FIFO; that of the FM17522 as read from chips.
SELF_TEST = {
    0x88: bytes.fromhex(
        "00d6788ce2aa0c182ab87a7fd36acf0bb137634b69ae91c7c397ae77f437d79b"
        "7cf53c118f15c3d7c15b002ad075de9e5164ab3ee915b5ab569a988226ea2a62"
    ),
    0x90: bytes.fromhex(
        "0087980f49ff0719bf2230495963adca7fe34e035c4e4950479a3761e7e2c62e"
        "755aed043d024b7832ff583b7ce90094b44a595bfdc929df3596989e4f30328d"
    ),
    0x91: bytes.fromhex(
        "00c637d532b7575cc2d87c4dd970c77310e6d2aa5ea13e5a14af3061c970db2e"
        "642272b5bd65f4ec22bcd37235cdaa411fa7f35314de7e02d90fb55e251d2979"
    ),
    0x92: bytes.fromhex(
        "00eb66ba57bf2395d0e30d3d27895cde9d3ba700215b8982513aeb020ca50049"
        "7c844db3ccd21b815d4876d5716121a986968338cf9d5b6ddc15ba3e7d953b2f"
    ),
}
