"""The least time ISO/IEC 14443-A at 106 kbit/s allows for a sequence of exchanges: what no reader can be faster than.

An exchange is (bits of the reader's frame, bytes of the card's answer), CRCs included. A frame is its start, its bits
and a parity bit for each whole byte, 128 cycles of 13.56 MHz each; the answer begins 32 + 1172 cycles after the frame's
last pause, the next frame 1172 cycles after the answer (14443-3, 6.2.1). What a card needs to think is not in it.
"""

from __future__ import annotations

_FC_MHZ = 13.56
_ETU, _ANSWER_DELAY, _GUARD = 128, 32 + 1172, 1172

Exchange = tuple[int, int]

# A request of seven bits; by cascade level ANTICOLLISION and SELECT.
REQUEST: Exchange = (7, 2)
_LEVEL: tuple[Exchange, ...] = ((2 * 8, 5), (9 * 8, 3))
SELECT_4 = (REQUEST, *_LEVEL)
SELECT_7 = (REQUEST, *_LEVEL, *_LEVEL)
AUTHENTICATE: tuple[Exchange, ...] = ((4 * 8, 4), (8 * 8, 4))  # MFAuthent: nonce, then proof against proof
READ: Exchange = (4 * 8, 18)
FAST_READ_16: Exchange = (5 * 8, 66)
GET_VERSION: Exchange = (3 * 8, 10)
HALT: Exchange = (4 * 8, 0)  # silence is its answer; the wait for it is not air
RATS: Exchange = (4 * 8, 8)
# I-blocks: PCB, wrapped command, CRC; the NTAG 424 DNA's application by its name of seven bytes.
SELECT_DF: Exchange = ((1 + 13 + 2) * 8, 5)
EV2_FIRST: tuple[Exchange, ...] = (((1 + 8 + 2) * 8, 21), ((1 + 38 + 2) * 8, 37))

CLASSIC_READ = (*SELECT_4, *AUTHENTICATE, READ)
CLASSIC_TAP = (*CLASSIC_READ, HALT)
NTAG_TAP = (*SELECT_7, GET_VERSION, FAST_READ_16)
EV2_TAP = (*SELECT_7, RATS, SELECT_DF, *EV2_FIRST)


def exchange_us(exchange: Exchange) -> float:
    """One frame and its answer."""
    bits, answer = exchange
    cycles = (1 + bits + bits // 8) * _ETU
    if answer:
        cycles += _ANSWER_DELAY + (1 + 9 * answer) * _ETU
    return cycles / _FC_MHZ


def limit_us(exchanges: tuple[Exchange, ...]) -> float:
    """From the first bit to the last of the whole sequence."""
    return sum(map(exchange_us, exchanges)) + (len(exchanges) - 1) * _GUARD / _FC_MHZ
