"""What both runtimes compute: a dictionary of names to plain values, JSON-able, without any hardware or clock.

Runs on CPython and on MicroPython: keep to the subset both have.
"""

from binascii import hexlify


def _hex(data: "bytes | bytearray") -> str:
    return hexlify(data).decode()


def _core() -> "dict[str, object]":
    from firmware.core.calendar import from_utc, to_utc
    from firmware.core.cmac import Cmac

    key = bytes(range(16))
    answers: "dict[str, object]" = {}
    for length in (0, 1, 15, 16, 17, 32, 159):
        answers["cmac/%d" % length] = _hex(Cmac(key).tag(bytes(i & 255 for i in range(length))))
    for seconds in (0, 951782399, 951782400, 1709164800, 1900000000):
        answers["calendar/%d" % seconds] = list(from_utc(seconds)) + [to_utc(*from_utc(seconds))]
    return answers


def _verify() -> "dict[str, object]":
    from binascii import unhexlify

    from firmware.core import verify
    from firmware.store.hotlist import key_of
    from host_tests.parity.signed import CONTENT, MODULUS, ROLE, SIGNATURE

    modulus, right = unhexlify(MODULUS), unhexlify(SIGNATURE)
    digest = verify.begun(ROLE)
    digest.update(CONTENT)
    hashed = digest.digest()
    n, s = int.from_bytes(modulus, "big"), int.from_bytes(right, "big")
    answers: "dict[str, object]" = {"verify/right": verify.signers(modulus + modulus, hashed, right)}
    for bit in (0, 1, 1535, 3071):
        wrong = bytearray(right)
        wrong[bit // 8] ^= 0x80 >> bit % 8
        answers["verify/bit %d" % bit] = verify.signed(modulus, hashed, bytes(wrong))
    for name, number in (("0", 0), ("1", 1), ("n-1", n - 1), ("n", n), ("s", s)):
        answers["verify/" + name] = verify.signed(modulus, hashed, number.to_bytes(384, "big"))
    answers["verify/other digest"] = verify.signed(modulus, bytes(32), right)
    answers["verify/short"] = verify.signed(modulus, hashed, right[1:])
    answers["hotlist/key"] = _hex(key_of(b"\x01\x02\x03\x04"))
    return answers


def _transactions() -> "list":
    from firmware.core.types import ACCRUAL, OFFLINE, ONLINE, REDEMPTION, Transaction

    short, long = bytes([0x9C, 0x59, 0x9B, 0x32]), bytes([4, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0xF6])
    return [
        Transaction(1, ACCRUAL, OFFLINE, short, 1, 125_000, 125, 1_790_000_000, 2, offline_reason=1),
        Transaction(999_999, ACCRUAL, ONLINE, long, 0, 999_999_999_999, 0x7FFFFFFF, 1_790_000_001, 0),
        Transaction(0x7FFFFFFF, REDEMPTION, ONLINE, long, 2, 50_000, -500, 1_800_000_000, 1, member_no=4_294_967_295),
    ]


def _switch() -> "dict[str, object]":
    from firmware.core.errors import BadMessage
    from firmware.core.types import OFFLINE
    from firmware.switch import tlv
    from firmware.switch.mac import MacKeys
    from firmware.switch.messages import Identity, Messages, reversal_of

    keys = MacKeys(1, bytes(range(16)), bytes(range(16, 32)))
    messages = Messages(Identity("VAFA0001", "DEMO-SHOP-00001", 1, 364), keys)
    answers: "dict[str, object]" = {
        "0800": _hex(messages.network(1, 5, 1_790_000_000, 2).raw),
        "0100": _hex(messages.inquiry(b"\x01\x02\x03\x04", 1, 6, 1_790_000_000, 2).raw),
    }
    for t in _transactions():
        if t.mode == OFFLINE:
            answers["0220/%d" % t.seq] = _hex(messages.advice(t, 1_790_000_100, False).raw)
            continue
        answers["0200/%d" % t.seq] = _hex(messages.request(t).raw)
        undo = reversal_of(t, 77, 1_790_000_200, 2)
        answers["0421/%d" % t.seq] = _hex(messages.reversal(undo, t, 1_790_000_300, True).raw)
    for number, content in enumerate(
        (b"", b"\x01", b"\x01\x04\x00\x00\x00\x09", b"\x01\x05\x00", b"\xee\x00\x02\x04\xff\xff\xff\xff")
    ):
        try:
            answers["tlv/%d" % number] = sorted([tag, _hex(value)] for tag, value in tlv.parse(content).items())
        except BadMessage:
            answers["tlv/%d" % number] = "refused"
    return answers


def _store() -> "dict[str, object]":
    from firmware.core.types import APPROVED, Result
    from firmware.store import frames, records

    answers: "dict[str, object]" = {}
    for t in _transactions():
        body = records.pack_transaction(t)
        again = records.unpack_transaction(body)
        answers["record/%d" % t.seq] = [_hex(body), again.points, again.amount, _hex(again.uid), again.member_no]
        answers["frame/%d" % t.seq] = _hex(frames.pack_frame(1, 1, t.seq, body, frames.seed(0xDEADBEEF, 3)))
    answers["result"] = _hex(records.pack_result(Result(9, APPROVED, "00", 125, -3, "A1B2C3")))
    return answers


def _people() -> "dict[str, object]":
    from framebuf import MONO_VLSB, FrameBuffer

    from firmware.core.types import APPROVED, JournalEntry, Result
    from firmware.loyalty.outcome import outcome_of
    from firmware.loyalty.rules import Rules
    from firmware.receipt.content import Shop, receipt_lines
    from firmware.screen import outcomes
    from firmware.screen.canvas import Canvas
    from firmware.text.catalogue import load

    class Display:
        width, height = 128, 64

        def __init__(self) -> None:
            self.buffer = bytearray(1024)

        def show(self) -> None:
            pass

    text, shop = load("en"), Shop("", "DEMO-SHOP-00001", "VAFA0001")
    rules = Rules(1000, 1, 500, 100, 100)
    answers: "dict[str, object]" = {
        "earned": [rules.earned(amount) for amount in (0, 999, 1000, 125_999, 10**12 - 1)],
        "spendable": [rules.spendable(balance) for balance in (0, 499, 500, 640, 12_345)],
    }
    for t in _transactions():
        told = outcome_of(
            JournalEntry(t, APPROVED, Result(t.seq, APPROVED, "00", t.points, 1000, "A1")), None, 0, t.time_utc
        )
        answers["receipt/%d" % t.seq] = receipt_lines(text, shop, told, True)
        display = Display()
        Canvas(display, None, text).draw(outcomes.outcome(text, told))
        answers["screen/%d" % t.seq] = _hex(display.buffer)
    buffer = bytearray(64)
    frame = FrameBuffer(buffer, 32, 16, MONO_VLSB)
    frame.text("Vaf", 3, 5, 1)
    frame.rect(0, 0, 32, 16, 1)
    frame.hline(2, 13, 9, 1)
    frame.fill_rect(20, 2, 5, 7, 1)
    answers["framebuf"] = _hex(buffer)
    return answers


def _texts() -> "dict[str, object]":
    from binascii import crc32

    from firmware.text.catalogue import LANGUAGES, load

    text, answers = load("en"), {}
    for language in LANGUAGES:
        text.use(language)
        said = count = 0
        with open("firmware/text/en.txt") as source:
            for line in source:
                if line.strip() and line[0] != "#":
                    said = crc32((text._find(line.partition(": ")[0]) or "").encode(), said)
                    count += 1
        answers["texts/" + language] = [count, said, text.error("P32"), text.error("?"), text.age(86_400)]
    return answers


def _cards() -> "dict[str, object]":
    from firmware.cards import card_office, classic, ntag, sun
    from firmware.cards.ev2 import Handshake
    from firmware.cards.keys import CardKeys
    from firmware.cards.payload import AES_CARD, CLASSIC_CARD, NTAG_CARD, build_payload, member_of_payload

    keys, uid = CardKeys(bytes(range(16))), b"\x04\xa1\xb2\xc3\xd4\xe5\xf6"
    payloads = [build_payload(keys, kind, uid, 1001) for kind in (CLASSIC_CARD, NTAG_CARD, AES_CARD)]
    content, picc_data_at, mac_at = card_office.ndef_file("cards.example.ir")
    mirrored = content[:mac_at] + b"94EED9EE65337086" + content[mac_at + 16 :]
    mirrored = mirrored[:picc_data_at] + b"ef963ff7828658a599f3041510671e88" + mirrored[picc_data_at + 32 :]
    session = Handshake(keys.aes_read_key(uid), bytes(range(16)))
    bent = [mirrored[:at] + bytes((mirrored[at] ^ 1,)) + mirrored[at + 1 :] for at in range(len(mirrored))]
    return {
        "card/part two": _hex(session.part_two(bytes(range(16, 32)))),
        "card/ndef": [_hex(content), _hex(card_office.sun_settings(picc_data_at, mac_at))],
        "card/sun": [_hex(sun.sun_data(file) or b"") for file in [content, mirrored] + bent],
        "card/value": [_hex(classic.value_block(value, 4)) for value in (0, -1, 1_250, -(1 << 31))],
        "card/value of": [classic.value_of(classic.value_block(value, 4)) for value in (0, -1, 1_250, -(1 << 31))],
        "card/trailer": _hex(classic.member_trailer(bytes(range(16)))),
        "card/protection": [
            [page, _hex(data)] for page, data in ntag.protection(bytes(range(8)), 0x29, b"PWDW", b"PA", 5)
        ],
        "card/keys": [_hex(key) for key in (keys.classic_key(uid),) + keys.ntag_password(uid)],
        "card/payloads": [_hex(payload) for payload in payloads],
        "card/member": member_of_payload(keys, NTAG_CARD, uid, payloads[1]),
    }


def run() -> "dict[str, object]":
    """All answers."""
    answers: "dict[str, object]" = {}
    for part in (_core, _verify, _switch, _store, _people, _texts, _cards):
        answers.update(part())
    return answers
