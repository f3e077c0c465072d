"""Published test vectors, and the product's answers to them: one list for CPython and for the device's interpreter.

Keep to the subset of Python both have. Sources: RFC 4493 section 4; RFC 3394 section 4;
NXP AN10922 rev. 2.2; AN10957; ISO/IEC 14443-3;
AN12196 rev. 2.0, by section and table. Each vector is (name, what came out, what was published), in hex.
"""

from drivers.iso14443a import crc_a
from firmware.cards import card_office
from firmware.cards.aes_card import AesCard
from firmware.cards.ev2 import FULL, AuthKey, Session
from firmware.cards.sun import sun_data
from firmware.core import keywrap
from firmware.core.cmac import Cmac

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

ZERO = bytes(16)
NDEF = "0051D1014D550463686F6F73652E75726C2E636F6D2F6E7461673432343F653D" + "30" * 32 + "26633D" + "30" * 16 + "00" * 45
MESSAGE = (
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)


class Transcript:
    """A card that says what was published, and notes what it was sent."""

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)
        self.sent: "list[str]" = []

    async def transceive(self, apdu: bytes) -> bytes:
        self.sent.append(bytes(apdu).hex())
        return bytes.fromhex(self._answers.pop(0))


def run(coroutine: "Coroutine") -> "Any":
    """A coroutine that waits for nothing, run to its end."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise RuntimeError("it waited")


def _session(enc: str, mac: str, ti: str, counter: int = 0) -> Session:
    return Session(0, bytes.fromhex(enc), bytes.fromhex(mac), bytes.fromhex(ti), counter)


def _card(pipe: Transcript, rnd_a: str = "", session: "Session | None" = None) -> AesCard:
    card = AesCard(pipe, lambda count: bytes.fromhex(rnd_a))
    card.session = session
    return card


def cmac() -> "list[tuple[str, str, str]]":
    out: "list[tuple[str, str, str]]" = []
    key = Cmac(bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c"))
    message = bytes.fromhex(MESSAGE)
    for length, tag in (
        (0, "bb1d6929e95937287fa37d129b756746"),
        (16, "070a16b46b4d4144f79bdd9dd04a287c"),
        (40, "dfa66747de9ae63030ca32611497c827"),
        (64, "51f0bebf7e3b9d92fc49741779363cfe"),
    ):
        out.append(("RFC 4493, {} bytes".format(length), key.tag(memoryview(message)[:length]).hex(), tag))
    return out


def diversification() -> "list[tuple[str, str, str]]":
    key = Cmac(bytes.fromhex("00112233445566778899AABBCCDDEEFF"))
    # A message that fits one block is padded to two all the same; a plain CMAC of it is 721e2c01....
    short = Cmac(bytes.fromhex("f3f9377698707b688eaf84abe39e3791"))
    message = bytes.fromhex("0104782E21801D803042F54E585020416275")
    return [
        ("AN10922 2.2.1", key.tag_padded_to(message, 32).hex(), "a8dd63a3b89d54b37ca802473fda9175"),
        (
            "AN10957, short message",
            short.tag_padded_to(bytes.fromhex("0104deadbeeffeed"), 32).hex(),
            "0bb408baff98b6ee9f2e1585777f6a51",
        ),
    ]


def frame_check() -> "list[tuple[str, str, str]]":
    out: "list[tuple[str, str, str]]" = []
    for data, crc in (
        ("5000", "57cd"),
        ("93709c599b326c", "6b30"),
        ("08", "b6dd"),
        ("6032", "6469"),
        ("", "6363"),
    ):
        raw = bytes.fromhex(data)
        out.append(("CRC_A of " + (data or "nothing"), crc_a(raw, len(raw)).to_bytes(2, "little").hex(), crc))
    return out


def first_with_key_0() -> "list[tuple[str, str, str]]":
    """5.6 table 14, 5.8.2 table 17, 5.9 table 18: authenticate, write the NDEF file, switch SDM on; one session."""
    pipe = Transcript(
        "A04C124213C186F22399D33AC2A3021591AF",
        "3FA64DB5446D1F34CD6EA311167F5E4985B89690C04A05F17FA7AB2F081206639100",
        "FC222E5F7A5424529100",
        "57BFF87B1241E93D9100",
    )
    card = _card(pipe, "13C5DB8A5930439FC3DEF9A4C675360F")
    run(card.authenticate(AuthKey(0, ZERO)))
    ti = card.session.ti.hex()
    run(card.write(2, 0, bytes.fromhex(NDEF), FULL))
    run(card_office.change_file_settings(card, 2, bytes.fromhex("4000E0C1F121200000430000430000")))
    return [
        ("AN12196 5.6, part one", pipe.sent[0], "9071000002000000"),
        (
            "AN12196 5.6, part two",
            pipe.sent[1],
            "90af00002035c3e05a752e0144bac0de51c1f22c56b34408a23d8aea266cab947ea8e0118d00",
        ),
        ("AN12196 5.6, TI", ti, "9d00c4df"),
        (
            "AN12196 5.8.2, WriteData of 128 bytes",
            pipe.sent[2],
            "908d00009f02000000800000421c73a27d827658af481fdff20a5025b559d0e3aa21e58d347f343cffc768bf"
            "e596c706bc00f2176781d4b0242642a0ff5a42c461aaf894d9a1284b8c76bcfa658acd40555d362e08db15cf"
            "421b51283f9064bcbe20e96cae545b407c9d651a3315b27373772e5da2367d2064ae054af996c6f1f669170f"
            "a88ce8c4e3a4a7bbbef0fd971ff532c3a802af745660f2b4d1d9a8499661ebf300",
        ),
        (
            "AN12196 5.9, ChangeFileSettings",
            pipe.sent[3],
            "905f0000190261b6d97903566e84c3ae5274467e89ead799b7c1a0ef7a0400",
        ),
    ]


def first_with_key_3() -> "list[tuple[str, str, str]]":
    """5.10 table 19 and 5.12 table 21: authenticate, write ten bytes; one session."""
    pipe = Transcript(
        "B875CEB0E66A6C5CD00898DC371F92D191AF",
        "0CC9A8094A8EEA683ECAAC5C7BF20584206D0608D477110FC6B3D5D3F65C3A6A9100",
        "C26D236E4A7C046D9100",
    )
    card = _card(pipe, "B98F4C50CF1C2E084FD150E33992B048")
    run(card.authenticate(AuthKey(3, ZERO)))
    run(card.write(3, 0, bytes.fromhex("0102030405060708090A"), FULL))
    return [
        ("AN12196 5.10, part one", pipe.sent[0], "9071000002030000"),
        (
            "AN12196 5.10, part two",
            pipe.sent[1],
            "90af000020ff0306e47dfbc50087c4d8a78e88e62de1e8be457aa477c707e2f0874916a8b100",
        ),
        (
            "AN12196 5.12, WriteData of 10 bytes",
            pipe.sent[2],
            "908d00001f030000000a00006b5e6804909962fc4e3ff5522cf0f8436c0c53315b9c73aa00",
        ),
    ]


def non_first_and_keys() -> "list[tuple[str, str, str]]":
    """5.14 table 23, 5.16 tables 25 and 26: authenticate again, change key 2, change key 0; one session."""
    pipe = Transcript(
        "A6A2B3C572D06C097BB8DB70463E22DC91AF",
        "B888349C24B315EAB5B589E279C8263E9100",
        "203BB55D1089D5879100",
        "9100",
    )
    card = _card(pipe, "60BE759EDA560250AC57CDDC11743CF6", _session("00" * 16, "00" * 16, "7614281A", 2))
    run(card.authenticate_again(AuthKey(0, ZERO)))
    run(card_office.change_key(card, 2, bytes.fromhex("F3847D627727ED3BC9C4CC050489B966"), 1))
    run(card_office.change_key(card, 0, bytes.fromhex("5004BF991F408672B1EF00F08F9E8647"), 1))
    return [
        ("AN12196 5.14, part one", pipe.sent[0], "90770000010000"),
        (
            "AN12196 5.14, part two",
            pipe.sent[1],
            "90af000020be7d45753f2cab85f34bc60ce58b940763fe969658a532df6d95ea2773f6e99100",
        ),
        (
            "AN12196 5.16.1, ChangeKey of another key",
            pipe.sent[2],
            "90c4000029022cf362b7bf4311ff3be1daa295e8c68de09050560d19b9e16c2393ae9cd1fac75d0ce20bcd1d06e600",
        ),
        (
            "AN12196 5.16.2, ChangeKey of the session's key",
            pipe.sent[3],
            "90c400002900c0eb4deefeddf0b513a03a95a75491818580503190d4d05053ff75668a01d6fda6610234bded643200",
        ),
        ("AN12196 5.16.2, the session is over", str(card.session), "None"),
    ]


def modes() -> "list[tuple[str, str, str]]":
    """4.3 (CommMode.MAC) and 6.3 table 28 (CommMode.FULL, the card's data encrypted)."""
    settings = Transcript("0040EEEE000100D1FE001F00004400004400002000006A00002A474282E7A479869100")
    card = _card(settings, session=_session("00" * 16, "8248134A386E86EB7FAF54A52E536CB6", "7A21085E"))
    told = run(card.file_settings(2)).hex()
    uid = Transcript("70756055688505B52A5E26E59E329CD6595F672298EA41B79100")
    shy = _card(
        uid, session=_session("2B4D963C014DC36F24F69A50A394F875", "379D32130CE61705DD5FD8C36B95D764", "DF055522")
    )
    shown = run(shy.card_uid()).hex()
    return [
        ("AN12196 4.3, GetFileSettings", settings.sent[0], "90f5000009026597a457c8cd442c00"),
        ("AN12196 4.3, its answer", told, "0040eeee000100d1fe001f00004400004400002000006a0000"),
        ("AN12196 6.3, GetCardUID", uid.sent[0], "90510000088e2c155adda99be300"),
        ("AN12196 6.3, its answer", shown, "04958caa5c5e80"),
    ]


def sun() -> "list[tuple[str, str, str]]":
    """3.4.2 and 3.4.4: the message of a tap, and what it takes to verify it, all keys zero."""
    url = b"ntag.nxp.com/424?p=EF963FF7828658A599F3041510671E88&m=94EED9EE65337086"
    data = sun_data((len(url) + 5).to_bytes(2, "big") + b"\xd1\x01\x47U\x04" + url)
    piccs = AuthKey(2, ZERO).decrypt(data[1:17])
    session = AuthKey(3, ZERO).derive(bytes.fromhex("3CC300010080") + piccs[1:11])
    full = Cmac(session).tag(b"")
    return [
        ("AN12196 3.4.2, PICCData", piccs.hex(), "c704de5f1eacc0403d0000da5cf60941"),
        ("AN12196 3.4.4, session key", session.hex(), "3fb5f6e3a807a03d5e3570ace393776f"),
        ("AN12196 3.4.4, MAC", bytes(full[i] for i in range(1, 16, 2)).hex(), "94eed9ee65337086"),
    ]


def key_wrap() -> "list[tuple[str, str, str]]":
    kek = bytes(range(32))
    plain = "00112233445566778899aabbccddeeff"
    longest = plain + "000102030405060708090a0b0c0d0e0f"
    rows = (
        ("4.1", 16, plain, "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"),
        ("4.3", 32, plain, "64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7"),
        (
            "4.6",
            32,
            longest,
            "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21",
        ),
    )
    return [
        ("RFC 3394 " + name, keywrap.unwrap(kek[:size], bytes.fromhex(wrapped)).hex(), expected)
        for name, size, expected, wrapped in rows
    ]


def vectors() -> "list[tuple[str, str, str]]":
    """All of them."""
    out: "list[tuple[str, str, str]]" = []
    for part in (
        cmac,
        key_wrap,
        diversification,
        frame_check,
        first_with_key_0,
        first_with_key_3,
        non_first_and_keys,
        modes,
        sun,
    ):
        out.extend(part())
    return out
