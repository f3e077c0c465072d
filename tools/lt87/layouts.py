"""What stands in which message of LT-87: fields and tags, mandatory, echoed or now and then.

The bench switch does not read this: it is written from the page on its own. What a terminal sends, and insists on, is
checked against it by tests.
"""

from __future__ import annotations

from dataclasses import dataclass

# Message types as the page's columns group them, and the purpose of each.
MESSAGES = {
    ("0800", "0810"): "sign-on, sign-off, echo, downloads (DE 70)",
    ("0100", "0110"): "inquiry: who is this card, what has it",
    ("0200", "0210"): "accrual, redemption",
    ("0220/0221", "0230"): "advice of an offline approval; 0221 repeats",
    ("0120/0121", "0130"): "advice of what moves no money: an enrolment, a remark; 0121 repeats",
    ("0420/0421", "0430"): "reversal; 0421 repeats",
    ("0320/0321", "0330"): "upload of a batch; 0321 repeats",
    ("0500/0501", "0510"): "totals of a batch; 0501 repeats",
}
# In the profile, spelt by the codec, sent by no terminal of this cut.
LATER = {
    ("0400/0401", "0410"): "reversal as a request, for a host that wants one",
}

# DE -> per column of MESSAGES, request then answer: M mandatory, E echoed, A of an approval, B of a known member.
_PRESENCE: str = """
  2  - -  - -  - -  - -  - -  - -  - -  - -
  3  - -  M E  M E  M E  M E  M E  M E  M E
  4  - -  - -  M E  M E  M E  M E  M E  - -
  7  M E  M E  M E  M E  M E  M E  M E  M E
 11  M E  M E  M E  M E  M E  M E  M E  M E
 12  - -  M E  M E  M E  M E  M E  M E  - -
 13  - -  M E  M E  M E  M E  M E  M E  - -
 22  - -  M -  M -  M -  M -  M -  M -  - -
 24  M E  P E  P E  P E  P E  P E  P E  P E
 25  - -  M -  M -  M -  M -  M -  M -  - -
 37  - -  M E  M E  M E  M E  M E  M E  - -
 38  - -  - -  - A  M E  M E  - -  M -  - -
 39  - M  - M  - M  - M  - M  - M  - M  - M
 41  M E  M E  M E  M E  M E  M E  M E  M E
 42  M E  P E  P E  P E  P E  P E  P E  P E
 48  M M  M M  M M  M M  M M  M M  M M  M M
 49  - -  M E  M E  M E  M E  M E  M E  M E
 54  - -  - B  - B  - B  - B  - -  - -  - -
 60  - -  - -  - -  - -  - -  - -  M E  M M
 62  - -  - -  - -  - -  - -  - -  - -  - -
 63  - -  - -  - -  - -  - -  - -  - -  M -
 64  - -  M M  M M  M M  M M  - M  M M  M M
 70  M E  - -  - -  - -  - -  - -  - -  - -
 90  - -  - -  - -  - -  - -  M -  - -  - -
 95  - -  - -  - -  - -  - -  - -  - -  - -
128  M M  - -  - -  - -  - -  M -  - -  - -
"""
PRESENCE: dict[int, list[str]] = {
    int(line.split()[0]): list(line.split()[1:]) for line in _PRESENCE.strip().splitlines()
}
COLUMNS = [mti for pair in MESSAGES for mti in pair]


@dataclass(frozen=True)
class Tags:
    """Tags of one kind of message: always there, and now and then there, from the terminal and from the switch."""

    message: str
    sent: str
    sometimes: str
    answered: str
    of_member: str = ""  # always there when the member is known
    when_known: str = ""
    remark: str = ""


_MEMBER = "10 11 12 44"
_PROVED = "09 08 33"
TAGS = (
    Tags("0800 sign-on", "01 04 0A 60 61 68", "05 06 31 53 54 62", "01 0E 0F 60", "", "04 05 06 53 54 63 65 68 70"),
    Tags("0800 sign-off, echo", "01 04 0A 60", "05 06 31 53 54 62", "01 0E 60", "", "04 05 06 53 54 63 65"),
    Tags("0800 download", "01 04 0A 60 7E", "05 06 66 67", "01 0E 60 7E", "", "04 05 06 66 7F", "section 14"),
    Tags(
        "0100",
        "01 04 09 0A 60",
        "05 06 07 08 18 21 26 30 32 33 40 51",
        "01 0E 60",
        _MEMBER,
        f"13 14 16 19 20 23 24 25 27 28 2B 30 42 43 52 70 {_PROVED}",
        "09, 08, 33: section 10; 07 or 40; 27, 43, 51: section 18",
    ),
    Tags(
        "0100 enrolment",
        "01 02 04 07 09 0A 40 60",
        "05 06 08 0B 0C 2A 41 42 45 46 51",
        "01 02 0E 60",
        _MEMBER,
        "13 14 19 23 25 2B 42 43 70",
        "section 18",
    ),
    Tags(
        "0200",
        "01 02 04 09 0A 60",
        "05 06 07 08 0B 0C 15 18 20 21 22 26 2A 30 31 40 51",
        "01 02 0E 60",
        _MEMBER,
        "13 14 17 19 20 21 23 25 2B 30 42 43 70",
    ),
    Tags(
        "0220/0221",
        "01 02 03 04 09 0A 0D 60",
        "07 08 0B 0C 15 18 26 30 40",
        "01 02 0E 60",
        _MEMBER,
        "13 14 17 19 23 25 2B 42 43 70",
        "07 or 40",
    ),
    Tags(
        "0120/0121",
        "01 02 03 04 09 0A 0D 60",
        "07 08 0B 0C 29 40 41 42 45 46 50 51 53",
        "01 02 0E 60",
        _MEMBER,
        "13 14 19 23 25 2B 42 43 70",
        "07, of a remark 07 or 40, without a name neither; of an enrolment both",
    ),
    Tags("0420/0421", "01 02 04 09 0A 60", "07 0B 40", "01 0E 60", remark="07 or 40"),
    Tags("0320/0321", "01 02 04 09 0A 60", "03 07 08 0B 0D 40", "01 0E 60", remark="07 or 40"),
    Tags("0500/0501", "01 0A 60 64", "", "01 0E 60"),
)


def letter(de: int, mti: str) -> str:
    """What PRESENCE says of a field in a message type."""
    for column, name in enumerate(COLUMNS):
        if mti in name.split("/"):
            return PRESENCE[de][column]
    raise KeyError(mti)


def mandatory(mti: str, *, packed: bool = False) -> set[int]:
    """The DEs a request must carry, its MAC among them."""
    wanted = "M" if packed else "MP"
    return {de for de in PRESENCE if letter(de, mti) in wanted}


def tags_of(text: str) -> set[int]:
    """Tag numbers of one of the columns of TAGS."""
    return {int(word, 16) for word in text.split()}
