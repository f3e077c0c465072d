"""Records to messages and answers to replies: the only module that knows which field carries what (docs/lt87.md).

Everything a message says is a function of the record, the identity and the time of sending; nothing is remembered here.
Times are UTC seconds, money and points as in `firmware.core.types`.
"""

from micropython import const

from firmware.core.calendar import from_utc
from firmware.core.clock import local_time
from firmware.core.errors import BadAnswer, BadMessage
from firmware.core.keyed import is_keyed, mobile_bcd
from firmware.core.reference import rrn_of, stan_of
from firmware.core.types import (
    ACCRUAL,
    AUTH_AES,
    AUTH_UID,
    ENROL,
    ISSUE,
    OFFLINE,
    REDEMPTION,
    REFUND,
    REMARK,
    REVERSAL,
    USE,
    VOID,
    Reply,
    Transaction,
)
from firmware.switch import iso8583, reserve, tlv, told
from firmware.switch.profile import (
    CODE_ACCRUAL,
    CODE_CLAW_BACK,
    CODE_ENROL,
    CODE_GIVE_BACK,
    CODE_INQUIRY,
    CODE_ISSUE,
    CODE_REDEMPTION,
    CODE_REMARK,
    CODE_USE,
    CODE_VOID_ACCRUAL,
    CODE_VOID_REDEMPTION,
    INSISTED,
    INSISTED_TAGS,
    PROFILE_MAJOR,
    PROFILE_MINOR,
    SESSION_BIT,
    SIGN_ON,
    TAG_AUTH,
    TAG_CARD_CTR,
    TAG_CLERK,
    TAG_CLOCK,
    TAG_EST,
    TAG_EV2,
    TAG_FW,
    TAG_HIGH_SEQ,
    TAG_HOST_TIME,
    TAG_KID,
    TAG_MOBILE,
    TAG_OFFLINE,
    TAG_POINTS,
    TAG_PROFILE,
    TAG_RULESET,
    TAG_SDM,
    TAG_SEQ,
    TAG_TEXT,
    TAG_UID,
    answer_mti,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Sequence

    from firmware.switch.mac import MacKeys

# By verb: the processing code when points go to the member, and when they go from the member.
_CODES = {
    ACCRUAL: (CODE_ACCRUAL, CODE_ACCRUAL),
    REDEMPTION: (CODE_REDEMPTION, CODE_REDEMPTION),
    REFUND: (CODE_GIVE_BACK, CODE_CLAW_BACK),
    VOID: (CODE_VOID_REDEMPTION, CODE_VOID_ACCRUAL),
    ISSUE: (CODE_ISSUE, CODE_ISSUE),
    USE: (CODE_USE, CODE_USE),
    ENROL: (CODE_ENROL, CODE_ENROL),
    REMARK: (CODE_REMARK, CODE_REMARK),
}
_EV2_SECOND = const(2)  # step of tag 33: 32 bytes for the card
_EV2_SECOND_SIZE = const(33)


class Identity:
    """Who speaks: `nii` and `currency` are numbers of up to three digits, `firmware` a version, 1-32 letters. Where
    there is a redenomination, `after` is its currency, whose smallest unit is `worth` of the other's."""

    def __init__(
        self,
        terminal_id: str,
        merchant_id: str,
        nii: int,
        currency: int,
        ruleset: int = 0,
        firmware: str = "vafa",
        after: int = 0,
        worth: int = 1,
    ) -> None:
        self.terminal = _pad(terminal_id, 8)
        self.merchant = _pad(merchant_id, 15)
        self.nii = "{:03d}".format(nii)
        self._currencies = "{:03d}".format(currency), "{:03d}".format(after or currency)
        self.currency = self._currencies[0]  # which counts now
        self.worth = worth
        self.ruleset = ruleset
        self.firmware = firmware

    def currency_of(self, new_money: bool) -> str:
        """DE 49 of a record."""
        return self._currencies[new_money]

    def count_in(self, code: int, _worth: int) -> None:
        """Another currency counts from now on: what is no record's message is in it."""
        self.currency = "{:03d}".format(code)


class Outgoing:
    """A message ready to be framed, and the key its answer must have: (answer MTI, DE 7, DE 11, DE 41, SEQ)."""

    def __init__(self, raw: bytes, key: "tuple[str, str, str, str, int]") -> None:
        self.raw = raw
        self.key = key


class Answer:
    """An authentic, well-formed answer; whether it answers anything asked is for `key` to tell."""

    def __init__(
        self,
        key: "tuple[str, str, str, str, int]",
        rc: str,
        host_utc: int,
        fields: "dict[int, iso8583.Value]",
        tags: "dict[int, bytes]",
    ) -> None:
        self.key = key
        self.rc = rc
        self.host_utc = host_utc
        self.fields = fields
        self.tags = tags


def reversal_of(original: Transaction, seq: int, time_utc: int, clock: int) -> Transaction:
    """The record that undoes `original`, whose outcome is unknown; amount and points repeat the original's."""
    return Transaction(
        seq,
        REVERSAL,
        OFFLINE,
        original.uid,
        original.auth,
        original.amount,
        original.points,
        time_utc,
        clock,
        member_no=original.member_no,
        original_seq=original.seq,
        ruleset=original.ruleset,
        clerk=original.clerk,
        new_money=original.new_money,
    )


def booked_points(answer: Answer) -> "int | None":
    """POINTS of an answer, None when it does not say."""
    return tlv.signed32(answer.tags[TAG_POINTS]) if TAG_POINTS in answer.tags else None


class Messages:
    """Builds and reads the messages of one terminal, `packed` ones in BCD (docs/lt87.md section 2)."""

    def __init__(self, identity: Identity, keys: "MacKeys", packed: bool = False) -> None:
        self._identity = identity
        self._keys = keys
        self._packed = packed
        self.currency_of, self.worth = identity.currency_of, identity.worth
        self.in_force: "list[tuple[int, bytes]]" = []  # CFG and HOTLIST, of what was loaded from the switch

    def under(self, keys: "MacKeys") -> "Messages":
        """The same terminal's messages under other keys."""
        return Messages(self._identity, keys, self._packed)

    # --- terminal to switch -------------------------------------------------------------------------------------------

    def network(
        self, function: int, session_number: int, sent_utc: int, clock: int, more: "Sequence[tuple[int, bytes]]" = ()
    ) -> Outgoing:
        """0800: sign-on, sign-off or echo by `function` (DE 70), with `more` tags."""
        tags = [(TAG_RULESET, tlv.from_unsigned(self._identity.ruleset, 2)), (TAG_CLOCK, bytes([clock]))]
        tags.extend(more)
        if function == SIGN_ON:
            tags.append((TAG_FW, self._identity.firmware.encode()))
            tags.append((TAG_PROFILE, bytes((PROFILE_MAJOR, PROFILE_MINOR))))
        return self.finish("0800", {70: "{:03d}".format(function)}, session_number | SESSION_BIT, sent_utc, tags)

    def inquiry(
        self,
        uid: bytes,
        auth: int,
        session_number: int,
        sent_utc: int,
        clock: int,
        counter: int = 0,
        sun: bytes = b"",
        step: bytes = b"",
        allowance: "tuple[int, int] | None" = None,
        more: "Sequence[tuple[int, bytes]]" = (),
    ) -> Outgoing:
        """0100: who is this card and what has it. `sun` or `step` is what it proves itself with (tags 32, 33);
        `allowance` asks for one and names what is held; `more` tags say what else is asked."""
        seq = session_number | SESSION_BIT
        fields = self._card_fields(CODE_INQUIRY, seq, sent_utc, uid, auth, "00")
        tags = self._card_tags(uid, auth, clock, self._identity.ruleset, counter) + self.in_force
        if sun:
            tags.append((TAG_SDM, sun))
        if step:
            tags.append((TAG_EV2, step))
        if allowance is not None:
            tags.append(reserve.named(allowance))
        tags.extend(more)
        return self.finish("0100", fields, seq, sent_utc, tags)

    def request(self, transaction: Transaction, allowance: "tuple[int, int] | None" = None) -> Outgoing:
        """0200 of an ONLINE transaction, 0100 of an enrolment. Its DE 7 is the intent's time, so that a
        reversal can name it. An accrual asks for an `allowance`, a redemption gives it back."""
        fields, tags = self.value_parts(transaction, transaction, "00")
        if allowance is not None:
            says = reserve.given_back if transaction.verb == REDEMPTION else reserve.named
            tags.append(says(allowance))
        tags += self.in_force
        return self.finish(request_mti(transaction.verb), fields, transaction.seq, transaction.time_utc, tags)

    def advice(self, transaction: Transaction, sent_utc: int, repeat: bool) -> Outgoing:
        """0220, or 0221 as `repeat`, of an OFFLINE transaction; 0120 and 0121 of one that is no money's."""
        fields, tags = self.value_parts(transaction, transaction, "06")
        fields[38] = "F{:05d}".format(transaction.seq % 100_000)
        tags.append((TAG_EST, tlv.from_signed32(transaction.points)))
        tags.append((TAG_OFFLINE, bytes([transaction.offline_reason])))
        if transaction.allowance:
            tags.append(reserve.named((transaction.allowance, -transaction.points)))
        mti = request_mti(transaction.verb)[:2] + ("21" if repeat else "20")
        return self.finish(mti, fields, transaction.seq, sent_utc, tags)

    def reversal(self, transaction: Transaction, original: Transaction, sent_utc: int, repeat: bool) -> Outgoing:
        """0420, or 0421 as `repeat`, undoing the 0200 of `original` (ISO element 90)."""
        fields, tags = self.value_parts(transaction, original, "00")
        named = "{:06d}{}".format(stan_of(original.seq), _de7(original.time_utc))
        fields[90] = request_mti(original.verb) + named + "0" * 22
        return self.finish("0421" if repeat else "0420", fields, transaction.seq, sent_utc, tags)

    def value_parts(
        self, record: Transaction, booked: Transaction, condition: str
    ) -> "tuple[dict[int, iso8583.Value], list[tuple[int, bytes]]]":
        """What every value message carries: times and SEQ of `record`, verb, money and points of `booked`."""
        if not booked.uid and booked.verb in (ACCRUAL, REDEMPTION):
            raise BadMessage("nobody's points")
        code = _CODES[booked.verb][booked.points < 0]
        fields = self._card_fields(code, record.seq, record.time_utc, booked.uid, booked.auth, condition)
        fields[4] = "{:012d}".format(booked.amount)
        fields[49] = self.currency_of(booked.new_money)
        # Of a reversal 0: it undoes what is booked, whatever the card has counted since.
        tags = self._card_tags(booked.uid, booked.auth, record.clock, record.ruleset, record.card_counter)
        tags.append((TAG_POINTS, tlv.from_signed32(booked.points)))
        if record.clerk:
            tags.append((TAG_CLERK, str(record.clerk).encode()))
        if record.details:
            tags += tlv.items(record.details)
        return fields, tags

    def _card_fields(
        self, code: str, seq: int, time_utc: int, uid: bytes, auth: int, condition: str
    ) -> "dict[int, iso8583.Value]":
        _, month, day, hour, minute, second = local_time(time_utc)
        return {
            3: code,
            12: "{:02d}{:02d}{:02d}".format(hour, minute, second),
            13: "{:02d}{:02d}".format(month, day),
            22: "011" if is_keyed(uid) else "081" if auth == AUTH_UID else "071",
            25: condition,
            37: rrn_of(seq, time_utc),
            49: self._identity.currency,
        }

    def _card_tags(self, uid: bytes, auth: int, clock: int, ruleset: int, counter: int) -> "list[tuple[int, bytes]]":
        tags = [
            (TAG_RULESET, tlv.from_unsigned(ruleset, 2)),
            (TAG_AUTH, bytes([auth])),
            (TAG_CLOCK, bytes([clock])),
        ]
        if is_keyed(uid):
            tags.append((TAG_MOBILE, mobile_bcd(uid)))
        elif uid:
            tags.append((TAG_UID, bytes(uid)))
        if counter:
            tags.append((TAG_CARD_CTR, tlv.from_unsigned(counter, 4)))
        return tags

    def finish(
        self,
        mti: str,
        fields: "dict[int, iso8583.Value]",
        seq: int,
        sent_utc: int,
        tags: "list[tuple[int, bytes]]",
    ) -> Outgoing:
        """Add what every message carries, encode and seal; for the builders of rarer messages too."""
        identity = self._identity
        tags.append((TAG_SEQ, tlv.from_unsigned(seq, 4)))
        tags.append((TAG_KID, bytes([self._keys.kid])))
        sent = _de7(sent_utc)
        stan = "{:06d}".format(stan_of(seq))
        fields[7] = sent
        fields[11] = stan
        fields[41] = identity.terminal
        if not self._packed or mti == "0800":  # else the TPDU says the network, the sign-on said the merchant
            fields[24] = identity.nii
            fields[42] = identity.merchant
        fields[48] = tlv.pack(tags)
        raw = self._keys.seal(iso8583.encode(mti, fields, self._packed))
        return Outgoing(raw, (answer_mti(mti), sent, stan, identity.terminal, seq))

    # --- switch to terminal -------------------------------------------------------------------------------------------

    def read_answer(self, raw: "bytes | memoryview") -> Answer:
        """Check the MAC on raw bytes, then parse. Raises BadAnswer (not authentic), BadMessage (not the profile)."""
        kid = self._keys.authentic(raw)
        if kid is None:
            raise BadAnswer("MAC is wrong")
        mti, fields = iso8583.decode(raw, self._packed)
        for de in INSISTED:
            if de not in fields:
                raise BadMessage("DE {} is missing".format(de))
        tags = tlv.parse(_binary(fields, 48))
        for tag in INSISTED_TAGS:
            if tag not in tags:
                raise BadMessage("tag {:02X} is missing".format(tag))
        if tags[TAG_KID][0] != kid:
            raise BadAnswer("KID is not ours")
        key = (mti, _string(fields, 7), _string(fields, 11), _string(fields, 41), tlv.unsigned(tags[TAG_SEQ]))
        return Answer(key, _string(fields, 39), tlv.unsigned(tags[TAG_HOST_TIME]), fields, tags)

    def high_seq(self, answer: Answer) -> int:
        """HIGH_SEQ of a sign-on answer. Raises BadMessage when it has none or names a session number."""
        if TAG_HIGH_SEQ not in answer.tags:
            raise BadMessage("HIGH_SEQ is missing")
        high = tlv.unsigned(answer.tags[TAG_HIGH_SEQ])
        if high >= SESSION_BIT:
            raise BadMessage("HIGH_SEQ is a session number")
        return high

    def reply(self, answer: Answer, uid: bytes, member_no: int = 0) -> Reply:
        """What the rest of the terminal may act on. Raises BadMessage when a value makes no sense."""
        tags = answer.tags
        if TAG_EV2 in tags and (len(tags[TAG_EV2]) != _EV2_SECOND_SIZE or tags[TAG_EV2][0] != _EV2_SECOND):
            raise BadMessage("tag 33 is not for the card")
        auth = tags[TAG_AUTH][0] if TAG_AUTH in tags else None
        if auth not in (None, AUTH_UID, AUTH_AES):
            raise BadMessage("AUTH of an answer is {}".format(auth))
        balance = told.balance_of(_string(answer.fields, 54)) if 54 in answer.fields else None
        member = None
        if balance is not None:
            member = told.member_of(tags, uid, member_no, balance, answer.host_utc)
        return Reply(
            answer.rc,
            booked_points(answer) or 0,
            balance,
            _string(answer.fields, 38).strip() if 38 in answer.fields else "",
            member,
            tlv.text(tags[TAG_TEXT]) if TAG_TEXT in tags else "",
            auth,
            tlv.unsigned(tags[TAG_CARD_CTR]) if TAG_CARD_CTR in tags else 0,
            reserve.told(answer),
            tags,
            _binary(answer.fields, 48),
        )


def request_mti(verb: int) -> str:
    """What a transaction of this verb is asked with: one that moves no money or points of its own is no 0200."""
    return "0100" if verb in (ENROL, REMARK) else "0200"


def _pad(text: str, width: int) -> str:
    """Text filled with spaces on the right; a longer one breaks the table and is refused by the codec."""
    return text + " " * (width - len(text))


def _de7(utc: int) -> str:
    """MMDDhhmmss in UTC (DE 7)."""
    _, month, day, hour, minute, second = from_utc(utc)
    return "{:02d}{:02d}{:02d}{:02d}{:02d}".format(month, day, hour, minute, second)


def _string(fields: "dict[int, iso8583.Value]", de: int) -> str:
    value = fields[de]
    if not isinstance(value, str):
        raise BadMessage("DE {} is binary".format(de))
    return value


def _binary(fields: "dict[int, iso8583.Value]", de: int) -> bytes:
    value = fields[de]
    if isinstance(value, str):
        raise BadMessage("DE {} is text".format(de))
    return value
