"""A small terminal for the bench switch's tests, and a furnished switch for it to talk to.

The terminal is made with pyiso8583 and `cryptography` alone. It shares nothing with the firmware and nothing with the
switch: its field table is a third reading of the page.
"""

from __future__ import annotations

import contextlib
import copy
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

import iso8583
import iso8583.specs
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC

from host_tests.patience import PATIENCE_S
from tools.bench_switch import BenchSwitch, Ledger
from tools.bench_switch.desk import Desk
from tools.bench_switch.faults import FaultScript
from tools.bench_switch.log import MessageLog

TERMINAL = "VAFA0001"
MERCHANT = "DEMOSHOP0000001"
KEY_OUT = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
KEY_IN = bytes.fromhex("101112131415161718191a1b1c1d1e1f")
NOW = 1_795_305_600  # 2026-11-22 00:00:00 UTC

ALI = "9C599B32"
SARA = "04A1B2C3D4E5F6"
STRANGER = "DEADBEEF"

SPEC = copy.deepcopy(iso8583.specs.default_ascii)
SPEC["p"]["data_enc"] = SPEC["1"]["data_enc"] = "b"
SPEC["48"]["data_enc"] = "b"
for _mac in ("64", "128"):
    SPEC[_mac].update(data_enc="b", max_len=8, len_type=0)


def mac(key: bytes, data: bytes) -> bytes:
    cmac = CMAC(algorithms.AES(key))
    cmac.update(data)
    return cmac.finalize()[:8]


def tlv(tags: dict[int, bytes]) -> str:
    return b"".join(bytes((t, len(v))) + v for t, v in sorted(tags.items())).hex().upper()


def untlv(data: str) -> dict[int, bytes]:
    raw, at, tags = bytes.fromhex(data), 0, {}
    while at < len(raw):
        tags[raw[at]] = raw[at + 2 : at + 2 + raw[at + 1]]
        at += 2 + raw[at + 1]
    return tags


def u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def i32(value: int) -> bytes:
    return value.to_bytes(4, "big", signed=True)


def stan(seq: int) -> str:
    return f"{seq % 999_999 + 1:06d}"


def sealed(fields: dict[str, str], key: bytes = KEY_OUT) -> bytes:
    """The message with its MAC."""
    mac_de = "128" if fields["t"] in ("0800", "0420", "0421") else "64"
    raw, _ = iso8583.encode({**fields, mac_de: "0" * 16}, SPEC)
    return bytes(raw[:-8]) + mac(key, bytes(raw[:-8]))


def network(function: str, session: int = 0x80000001, **changes: str) -> dict[str, str]:
    return {
        "t": "0800",
        "7": "1122000000",
        "11": stan(session),
        "24": "001",
        "41": TERMINAL,
        "42": MERCHANT,
        "48": tlv({1: u32(session), 4: b"\0\1", 0x0A: b"\2", 0x60: b"\1", 0x61: b"0.1"}),
        "70": function,
        **changes,
    }


def card_fields(mti: str, pcode: str, seq: int, de7: str) -> dict[str, str]:
    return {
        "t": mti,
        "3": pcode,
        "7": de7,
        "11": stan(seq),
        "12": "033000",
        "13": "1122",
        "22": "071",
        "24": "001",
        "25": "06" if mti.startswith("022") else "00",
        "37": "632603" + stan(seq),
        "41": TERMINAL,
        "42": MERCHANT,
        "49": "364",
    }


def inquiry(
    uid: str = ALI,
    session: int = 0x80000002,
    auth: int = 1,
    extra: dict[int, bytes] | None = None,
    **changes: str,
) -> dict[str, str]:
    tags = {1: u32(session), 4: b"\0\1", 7: bytes.fromhex(uid), 9: bytes((auth,)), 0x0A: b"\2", 0x60: b"\1"}
    return {**card_fields("0100", "319100", session, "1122000000"), "48": tlv({**tags, **(extra or {})}), **changes}


def value(
    mti: str,
    seq: int,
    amount: int,
    points: int,
    *,
    uid: str = ALI,
    auth: int = 1,
    pcode: str | None = None,
    de7: str = "1122000000",
    extra: dict[int, bytes] | None = None,
    **changes: str,
) -> dict[str, str]:
    tags = {
        1: u32(seq),
        2: i32(points),
        4: b"\0\1",
        7: bytes.fromhex(uid),
        9: bytes((auth,)),
        0x0A: b"\2",
        0x60: b"\1",
        **(extra or {}),
    }
    fields = card_fields(mti, pcode or ("009100" if points < 0 else "210091"), seq, de7)
    if mti.startswith("022"):
        tags |= {3: i32(points), 0x0D: b"\1"}
        fields["38"] = f"F{seq % 100_000:05d}"
    return {**fields, "4": f"{amount:012d}", "48": tlv(tags), **changes}


def accrual(seq: int, amount: int, mti: str = "0200", **more) -> dict[str, str]:
    return value(mti, seq, amount, amount // 1000, **more)


def redemption(seq: int, points: int, **more) -> dict[str, str]:
    return value("0200", seq, points * 100, -points, **more)


def reversal(seq: int, original: dict[str, str], mti: str = "0420", **changes: str) -> dict[str, str]:
    tags = untlv(original["48"])
    tags = {t: tags[t] for t in (2, 4, 7, 9, 0x0A, 0x60)} | {1: u32(seq)}
    fields = card_fields(mti, original["3"], seq, "1122000100")
    de90 = original["t"] + original["11"] + original["7"] + "0" * 22
    return {**fields, "4": original["4"], "48": tlv(tags), "90": de90, **changes}


@dataclass
class Answer:
    """An answer whose MAC was right."""

    fields: dict[str, str]
    tags: dict[int, bytes]

    @property
    def rc(self) -> str:
        return self.fields["39"]

    @property
    def points(self) -> int:
        return int.from_bytes(self.tags[2], "big", signed=True)

    @property
    def balance(self) -> int:
        text = self.fields["54"][20:]
        assert text[:7] == "9102000"
        return int(text[8:]) * (1 if text[7] == "C" else -1)


def opened(message: bytes, key: bytes = KEY_IN) -> Answer:
    """Decode an answer; its MAC must be right."""
    assert mac(key, message[:-8]) == message[-8:], "the answer's MAC is wrong"
    fields, _ = iso8583.decode(message, SPEC)
    return Answer(fields, untlv(fields["48"]))


def answered(request: dict[str, str], message: bytes, key: bytes = KEY_IN) -> Answer:
    """Decode an answer that must belong to this request."""
    answer = opened(message, key)
    for de in ("7", "11", "41"):
        assert answer.fields[de] == request[de]
    assert answer.tags[1] == untlv(request["48"])[1]
    assert answer.tags[0x60] == b"\1"
    return answer


class Client:
    """One TLS connection to a running switch."""

    def __init__(self, switch, timeout_s: float = PATIENCE_S, name: str | None = None) -> None:
        raw = socket.create_connection((switch.host, switch.port), timeout_s)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # as the terminal
        context.load_verify_locations(cadata=switch.identity.ca_der.read_bytes())
        try:
            self.socket = context.wrap_socket(raw, server_hostname=name or switch.identity.switch_name)
        except BaseException:
            raw.close()
            raise
        self._rest = b""

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_) -> None:
        self.socket.close()

    def send(self, message: bytes) -> None:
        self.socket.sendall(len(message).to_bytes(2, "big") + message)

    def _take(self, size: int) -> bytes:
        while len(self._rest) < size:
            more = self.socket.recv(4096)
            if not more:
                raise EOFError(self._rest)
            self._rest += more
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def receive(self) -> bytes:
        return self._take(int.from_bytes(self._take(2), "big"))

    def ask(self, fields: dict[str, str]) -> Answer:
        self.send(sealed(fields))
        return answered(fields, self.receive())


@contextlib.contextmanager
def bench(folder: Path, database_url: str = "sqlite://", now=lambda: NOW, **options):
    """A running switch with one terminal, ali (600 points, gold) and sara (0 points)."""
    switch = BenchSwitch(database_url, folder / "pki", clock=now, **options)
    furnish(switch.ledger)
    switch.start()
    try:
        yield switch
    finally:
        switch.close()


def furnish(ledger: Ledger) -> None:
    ledger.add_terminal(TERMINAL, MERCHANT, KEY_OUT, KEY_IN)
    ledger.add_member("ali", 1001, points=600, tier=3)
    ledger.add_card(ALI, "ali")
    ledger.add_member("sara", 1002)
    ledger.add_card(SARA, "sara")


@contextlib.contextmanager
def furnished_desk(database: str):
    """A desk over furnished books, which must be right when the test is done with them."""
    ledger = Ledger(database)
    furnish(ledger)
    desk = Desk(ledger, FaultScript(), MessageLog(lambda: NOW), lambda: NOW)
    desk.ledger = ledger
    yield desk
    assert ledger.check() == []
    ledger.close()


def ask(desk, request):
    """What the desk answers, read as a terminal reads it."""
    reaction = desk.handle(sealed(request))
    assert int.from_bytes(reaction.data[:2], "big") == len(reaction.data) - 2
    return answered(request, reaction.data[2:])
