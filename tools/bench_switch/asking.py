"""What an inquiry asks for besides who the member is (tag REASON): a code to the member's mobile, or the referral code.

Inside the caller's database transaction. A code is sent, so this is the one inquiry that leaves something behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from tools.bench_switch import codes, referrals
from tools.bench_switch.booking import lock_member
from tools.bench_switch.codec import tlv
from tools.bench_switch.schema import APPROVED, MemberRow

if TYPE_CHECKING:
    from tools.bench_switch.inquiry import Asked, Known

REFERRAL_CODE = 3


def answer(session: Session, asked: Asked, member: MemberRow, known: Known, now_utc: int) -> None:
    """Do what is asked for this member, and say what came of it."""
    wanted = asked.tags.get(tlv.REASON, b"\0")[0]
    if wanted in codes.PURPOSES:
        lock_member(session, member.id)
        known.rc, sms = codes.send(session, member.id, wanted, now_utc)
        if known.rc == APPROVED:
            known.tags[tlv.SMS] = tlv.u(sms, 1)
    elif wanted == REFERRAL_CODE and not member.provisional:
        known.tags[tlv.REFCODE] = referrals.code_of(member.id).encode()
