"""What the switch tests share: an independent reading of LT-87 (pyiso8583, cryptography), fakes of the rooms around.

The fakes have only the calls the switch room is allowed to make; any other is an AttributeError.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import Any

import iso8583
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from firmware.core.log import Log
from firmware.core.types import ACCRUAL, AUTH_LEGACY, CLOCK_OK, OFFLINE, ONLINE, JournalEntry, Transaction
from firmware.switch.mac import MacKeys
from firmware.switch.messages import Identity, Messages

MAC_OUT = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
MAC_IN = bytes.fromhex("603deb1015ca71be2b73aef0857d7781")
KID = 7
NOW = 1_795_000_000  # 2026-11-18 11:06:40 UTC
UID = bytes.fromhex("9C599B32")


def _spec(kind: str, ll: int, size: int) -> dict[str, Any]:
    return {"data_enc": kind, "len_enc": "ascii", "len_type": ll, "max_len": size, "desc": ""}


# Written by hand from docs/lt87.md, not generated: it must be able to disagree with the product's table.
SPEC: dict[str, dict[str, Any]] = {
    "h": _spec("ascii", 0, 0),
    "t": _spec("ascii", 0, 4),
    "p": _spec("b", 0, 8),
    "1": _spec("b", 0, 8),
    "2": _spec("ascii", 2, 19),
    "3": _spec("ascii", 0, 6),
    "4": _spec("ascii", 0, 12),
    "7": _spec("ascii", 0, 10),
    "11": _spec("ascii", 0, 6),
    "12": _spec("ascii", 0, 6),
    "13": _spec("ascii", 0, 4),
    "22": _spec("ascii", 0, 3),
    "24": _spec("ascii", 0, 3),
    "25": _spec("ascii", 0, 2),
    "37": _spec("ascii", 0, 12),
    "38": _spec("ascii", 0, 6),
    "39": _spec("ascii", 0, 2),
    "41": _spec("ascii", 0, 8),
    "42": _spec("ascii", 0, 15),
    "48": _spec("b", 3, 999),
    "49": _spec("ascii", 0, 3),
    "54": _spec("ascii", 3, 120),
    "60": _spec("ascii", 3, 999),
    "62": _spec("ascii", 3, 999),
    "63": _spec("ascii", 3, 999),
    "64": _spec("b", 0, 8),
    "70": _spec("ascii", 0, 3),
    "90": _spec("ascii", 0, 42),
    "95": _spec("ascii", 0, 42),
    "128": _spec("b", 0, 8),
}
_NUMBERS = ["2", "3", "4", "7", "11", "12", "13", "22", "24", "25", "49", "70", "90"]
PACKED: dict[str, dict[str, Any]] = {
    de: {**row, "len_enc": "bcd", "len_type": (row["len_type"] + 1) // 2}
    | ({"data_enc": "b", "len_count": "nibbles", "left_pad": "0"} if de in _NUMBERS else {})
    for de, row in SPEC.items()
} | {"t": _spec("b", 0, 2)}


def cmac8(key: bytes, data: bytes) -> bytes:
    mac = CMAC(AES(key))
    mac.update(data)
    return mac.finalize()[:8]


def tlv(*items: tuple[int, bytes]) -> bytes:
    return b"".join(bytes([tag, len(value)]) + value for tag, value in items)


def untlv(content: bytes) -> dict[int, bytes]:
    tags, at = {}, 0
    while at < len(content):
        tags[content[at]] = content[at + 2 : at + 2 + content[at + 1]]
        at += 2 + content[at + 1]
    return tags


def split(raw: bytes, packed: bool = False) -> tuple[dict[str, str], dict[int, bytes]]:
    """Fields and tags of a message, by the oracle; asserts the terminal's MAC."""
    assert raw[-8:] == cmac8(MAC_OUT, raw[:-8])
    fields, _ = iso8583.decode(raw, PACKED if packed else SPEC)
    return fields, untlv(bytes.fromhex(fields["48"]))


def seal(fields: dict[str, str], key: bytes = MAC_IN, packed: bool = False) -> bytes:
    """Encode with the oracle and put the MAC where LT-87 has it."""
    mac_field = "128" if any(de.isdigit() and int(de) > 64 for de in fields) else "64"
    raw, _ = iso8583.encode({**fields, mac_field: "00" * 8}, PACKED if packed else SPEC)
    return bytes(raw[:-8]) + cmac8(key, bytes(raw[:-8]))


def amounts(points: int) -> str:
    sign = "C" if points >= 0 else "D"
    return "".join(f"91{kind}000{sign}{abs(points):012d}" for kind in ("01", "02"))


def member_tags(name: str = "Ali") -> list[tuple[int, bytes]]:
    return [
        (0x10, bytes.fromhex("03000000")),
        (0x11, struct.pack(">H", 12)),
        (0x12, bytes.fromhex("261031")),
        (0x44, name.encode()),
    ]


def answer(
    request: bytes,
    rc: str = "00",
    *,
    points: int | None = None,
    balance: int | None = None,
    approval: str | None = None,
    tags: list[tuple[int, bytes]] | None = None,
    host_utc: int = NOW + 5,
    kid: int = KID,
    key: bytes = MAC_IN,
    seq: int | None = None,
    packed: bool = False,
    **override: str,
) -> bytes:
    """The switch's answer to a request, made by the oracle; `override` replaces fields (`de7=...`, `mti=...`)."""
    asked, asked_tags = split(request, packed)
    reply = {"t": asked["t"][:2] + {"0": "1", "2": "3"}[asked["t"][2]] + "0", "39": rc}
    for de in ("3", "4", "7", "11", "12", "13", "24", "37", "41", "42", "49", "70"):
        if de in asked:
            reply[de] = asked[de]
    if balance is not None:
        reply["54"] = amounts(balance)
    if approval is None and rc in ("00", "10", "94"):
        approval = {"0200": "A1B2C3", "0220": asked.get("38"), "0221": asked.get("38")}.get(asked["t"])
    if approval:
        reply["38"] = approval
    content = {0x01: asked_tags[1] if seq is None else struct.pack(">I", seq), 0x0E: struct.pack(">I", host_utc)}
    if points is not None:
        content[0x02] = struct.pack(">i", points)
    if asked.get("70") == "001":
        content[0x0F] = struct.pack(">I", 41)
    content[0x60] = bytes([kid])
    content.update(tags or [])
    reply["48"] = tlv(*sorted(content.items())).hex()
    for name, value in override.items():
        reply["t" if name == "mti" else name[2:]] = value
    return seal(reply, key, packed)


def messages(packed: bool = False) -> Messages:
    identity = Identity("T0000001", "MERCHANT0000001", 1, 364, ruleset=3, firmware="vafa 0.1.0")
    return Messages(identity, MacKeys(KID, MAC_OUT, MAC_IN), packed)


def transaction(seq: int = 42, mode: int = ONLINE, **change: Any) -> Transaction:
    values: dict[str, Any] = {
        "seq": seq,
        "verb": ACCRUAL,
        "mode": mode,
        "uid": UID,
        "auth": AUTH_LEGACY,
        "amount": 125_000,
        "points": 125,
        "time_utc": NOW,
        "clock": CLOCK_OK,
        "offline_reason": 1 if mode == OFFLINE else 0,
        "ruleset": 3,
    }
    return Transaction(**{**values, **change})


class FakeClock:
    def __init__(self) -> None:
        self.quality = CLOCK_OK
        self.set: list[int] = []
        self.impossible = False
        self._loop_start = 0.0

    def now_utc(self) -> int:
        return NOW + int(asyncio.get_running_loop().time()) if _looping() else NOW

    def set_from_switch(self, host_utc: int) -> int | None:
        if self.impossible:
            return None
        self.set.append(host_utc)
        return 0


def _looping() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class FakeJournal:
    """Keeps records in memory and remembers what was done, in order, in `told`."""

    def __init__(self, *records: Transaction, first_seq: int = 101) -> None:
        self.records = {record.seq: record for record in records}
        self.answered: set[int] = set()
        self.gone: set[int] = set()
        self.told: list[tuple[Any, ...]] = []
        self.batches: list[list[int]] = []  # settled together
        self.read = 0  # pending records that were read
        self._next = first_seq

    def continue_above(self, high_seq: int) -> None:
        self.told.append(("continue_above", high_seq))

    def highest_seq(self) -> int:
        return self._next - 1

    def next_seq(self) -> int:
        self._next += 1
        return self._next - 1

    def append(self, record: Transaction) -> None:
        self.records[record.seq] = record
        self.told.append(("append", record.seq, record.original_seq))

    def find(self, seq: int) -> JournalEntry | None:
        return JournalEntry(self.records[seq], 0) if seq in self.records else None

    def unanswered(self) -> Any:
        undone = {record.original_seq for record in self.records.values()}
        return iter(
            [
                r
                for r in self.records.values()
                if r.mode == ONLINE and r.seq not in self.answered and r.seq not in undone
            ]
        )

    def sending(self, seq: int) -> bool:
        return seq in self.records and seq not in self.gone

    def pending(self) -> Any:
        """What is added or gone between two steps is respected, as in the real one."""
        at = (False, 0)
        while True:
            waiting = [r for r in self.records.values() if r.mode == OFFLINE and r.seq not in self.gone]
            places = sorted((r.original_seq == 0, r.seq) for r in waiting)
            at = next((place for place in places if place > at), (True, 1 << 32))
            if at[1] == 1 << 32:
                return
            self.read += 1
            yield self.records[at[1]]

    def dead(self) -> Any:
        buried = {told[1]: told[2] for told in self.told if told[0] == "bury"}
        return iter([(self.records[seq], rc) for seq, rc in sorted(buried.items())])

    def settle_all(self, seqs: Any) -> None:
        self.batches.append(list(seqs))
        for seq in self.batches[-1]:
            self.settle(seq)

    def settle(self, seq: int) -> None:
        self.gone.add(seq)
        self.told.append(("settle", seq))

    def bury(self, seq: int, rc: str) -> None:
        self.gone.add(seq)
        self.told.append(("bury", seq, rc))


class Pipe:
    """A connection whose far end is a function: request bytes -> [(delay_ms, bytes or None to close)]."""

    def __init__(self, switch: Callable[[bytes], list[tuple[int, bytes | Exception]]]) -> None:
        self._switch = switch
        self.sent: list[bytes] = []
        self.closed = False
        self._inbox: asyncio.Queue[bytes | Exception] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()

    async def send(self, message: bytes) -> None:
        assert not self.closed
        self.sent.append(message)
        for delay_ms, what in self._switch(message):
            if isinstance(what, Exception) and delay_ms < 0:
                raise what
            task = asyncio.create_task(self._later(delay_ms, what))
            self._tasks.add(task)

    async def _later(self, delay_ms: int, what: bytes | Exception) -> None:
        await asyncio.sleep(delay_ms / 1000)
        self._inbox.put_nowait(what)

    def push(self, what: bytes | Exception) -> None:
        self._inbox.put_nowait(what)

    async def receive(self) -> bytes:
        what = await self._inbox.get()
        if isinstance(what, Exception):
            raise what
        return what

    async def close(self) -> None:
        self.closed = True
        for task in self._tasks:
            task.cancel()


class ScriptedLink:
    """Each `connect` gives a new pipe to the same switch function, or raises what `errors` holds next."""

    def __init__(self, switch: Callable[[bytes], list[tuple[int, bytes | Exception]]]) -> None:
        self._switch = switch
        self.is_up = True
        self.pipes: list[Pipe] = []
        self.errors: list[Exception] = []
        self.connect_times: list[float] = []
        self.kept = 0  # how often the session said that this address is good

    def up(self) -> bool:
        return self.is_up

    def keep(self) -> None:
        self.kept += 1

    async def connect(self) -> Pipe:
        self.connect_times.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.05)
        if self.errors:
            raise self.errors.pop(0)
        self.pipes.append(Pipe(self._switch))
        return self.pipes[-1]

    @property
    def sent(self) -> list[tuple[dict[str, str], dict[int, bytes]]]:
        """Every message sent so far except 0800, split."""
        return [split(raw) for pipe in self.pipes for raw in pipe.sent if raw[:4] != b"0800"]


def log() -> Log:
    return Log(64)
