"""Exchanges of blocks written out by hand from the rules of ISO/IEC 14443-4, 7.5.3 and 7.5.4, in the shapes of its
annex B: error-free, chaining both ways, waiting time extension, and each of these with a block lost on the way.

The same table binds both sides: a scripted card plays it against the driver, a scripted reader against the card model.
Both frames are 16 bytes long (FSCI 0, FSDI 0), so 13 bytes of data fit a block.
"""

from __future__ import annotations

from typing import NamedTuple

DEAF, LOST = "deaf", "lost"  # the card does not hear the block; the reader does not hear the answer


class Step(NamedTuple):
    """One block of the reader (PCB and data in hex), what the card answers, and what becomes of it on the way."""

    sent: str
    answer: str
    fate: str = ""


class Scenario(NamedTuple):
    """`apdus` with their answers, and how often the card asks for an extension before each of them."""

    apdus: tuple[tuple[bytes, bytes], ...]
    steps: tuple[Step, ...]
    wtx: int = 0


OK = b"\x90\x00"
SHORT = bytes.fromhex("00B0000004")
SHORT_IN, SHORT_OUT = "00B0000004", "C0FFEE009000"
ANSWER = bytes.fromhex("C0FFEE009000")
LONG = bytes(range(0x20, 0x20 + 20))  # two blocks
LONG_1, LONG_2 = LONG[:13].hex(), LONG[13:].hex()
MUCH = bytes(range(0x40, 0x40 + 30)) + OK  # three blocks
MUCH_1, MUCH_2, MUCH_3 = MUCH[:13].hex(), MUCH[13:26].hex(), MUCH[26:].hex()


def _one(*steps: Step, wtx: int = 0) -> Scenario:
    return Scenario(((SHORT, ANSWER),), steps, wtx)


_FIRST = Step("02" + SHORT_IN, "02" + SHORT_OUT)
_SECOND = Step("03" + SHORT_IN, "03" + SHORT_OUT)

SCENARIOS: dict[str, Scenario] = {
    # -- no errors -----------------------------------------------------------------------------------------------------
    "blocks are numbered in turn": Scenario(
        ((SHORT, ANSWER),) * 3, (_FIRST, _SECOND, Step("02" + SHORT_IN, "02" + SHORT_OUT))
    ),
    "the reader chains": Scenario(
        ((LONG, ANSWER), (SHORT, ANSWER)),
        (Step("12" + LONG_1, "A2"), Step("03" + LONG_2, "03" + SHORT_OUT), _FIRST),
    ),
    "the card chains": Scenario(
        ((SHORT, MUCH), (SHORT, ANSWER)),
        (
            Step("02" + SHORT_IN, "12" + MUCH_1),
            Step("A3", "13" + MUCH_2),
            Step("A2", "02" + MUCH_3),
            _SECOND,
        ),
    ),
    "both chain": Scenario(
        ((LONG, MUCH),),
        (
            Step("12" + LONG_1, "A2"),
            Step("03" + LONG_2, "13" + MUCH_1),
            Step("A2", "12" + MUCH_2),
            Step("A3", "03" + MUCH_3),
        ),
    ),
    "the card asks for time": _one(Step("02" + SHORT_IN, "F202"), Step("F202", "02" + SHORT_OUT), wtx=1),
    "the card asks for time twice": _one(
        Step("02" + SHORT_IN, "F202"), Step("F202", "F202"), Step("F202", "02" + SHORT_OUT), wtx=2
    ),
    "the card asks for time after a chain": Scenario(
        ((LONG, ANSWER),),
        (Step("12" + LONG_1, "A2"), Step("03" + LONG_2, "F202"), Step("F202", "03" + SHORT_OUT)),
        wtx=1,
    ),
    # -- a block is lost -----------------------------------------------------------------------------------------------
    "the first command is lost": _one(Step("02" + SHORT_IN, "", DEAF), Step("B2", "A3"), _FIRST),
    "a later command is lost": Scenario(
        ((SHORT, ANSWER),) * 2, (_FIRST, Step("03" + SHORT_IN, "", DEAF), Step("B3", "A2"), _SECOND)
    ),
    "an answer is lost": Scenario(
        ((SHORT, ANSWER),) * 2,
        (Step("02" + SHORT_IN, "02" + SHORT_OUT, LOST), Step("B2", "02" + SHORT_OUT), _SECOND),
    ),
    "an answer and the question for it are lost": _one(
        Step("02" + SHORT_IN, "02" + SHORT_OUT, LOST), Step("B2", "", DEAF), Step("B2", "02" + SHORT_OUT)
    ),
    "a command and the acknowledgement are lost": _one(
        Step("02" + SHORT_IN, "", DEAF), Step("B2", "A3", LOST), Step("B2", "A3"), _FIRST
    ),
    "a command is lost, and once more": _one(
        Step("02" + SHORT_IN, "", DEAF), Step("B2", "A3"), Step("02" + SHORT_IN, "", DEAF), Step("B2", "A3"), _FIRST
    ),
    "a request for time is lost": _one(
        Step("02" + SHORT_IN, "F202", LOST), Step("B2", "F202"), Step("F202", "02" + SHORT_OUT), wtx=1
    ),
    "a grant of time is lost": _one(
        Step("02" + SHORT_IN, "F202"),
        Step("F202", "", DEAF),
        Step("B2", "F202"),
        Step("F202", "02" + SHORT_OUT),
        wtx=1,
    ),
    "the answer after a grant is lost": _one(
        Step("02" + SHORT_IN, "F202"), Step("F202", "02" + SHORT_OUT, LOST), Step("B2", "02" + SHORT_OUT), wtx=1
    ),
    "an acknowledgement in the reader's chain is lost": Scenario(
        ((LONG, ANSWER),),
        (Step("12" + LONG_1, "A2", LOST), Step("B2", "A2"), Step("03" + LONG_2, "03" + SHORT_OUT)),
    ),
    "a block in the reader's chain is lost": Scenario(
        ((LONG, ANSWER),),
        (
            Step("12" + LONG_1, "A2"),
            Step("03" + LONG_2, "", DEAF),
            Step("B3", "A2"),
            Step("03" + LONG_2, "03" + SHORT_OUT),
        ),
    ),
    "an acknowledgement in the card's chain is lost": Scenario(
        ((SHORT, MUCH),),
        (
            Step("02" + SHORT_IN, "12" + MUCH_1),
            Step("A3", "", DEAF),
            Step("A3", "13" + MUCH_2),
            Step("A2", "02" + MUCH_3),
        ),
    ),
    "a block in the card's chain is lost": Scenario(
        ((SHORT, MUCH), (SHORT, ANSWER)),
        (
            Step("02" + SHORT_IN, "12" + MUCH_1),
            Step("A3", "13" + MUCH_2, LOST),
            Step("A3", "13" + MUCH_2),
            Step("A2", "02" + MUCH_3),
            _SECOND,
        ),
    ),
    "the first block of the card's chain is lost": Scenario(
        ((SHORT, MUCH),),
        (
            Step("02" + SHORT_IN, "12" + MUCH_1, LOST),
            Step("B2", "12" + MUCH_1),
            Step("A3", "13" + MUCH_2),
            Step("A2", "02" + MUCH_3),
        ),
    ),
}
