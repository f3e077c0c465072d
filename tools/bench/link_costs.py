"""What a full accrual costs on the line and in the processor, beside pyiso8583 with `cryptography`.

Full: every field and tag an accrual must have and every one a card and a person add to it (a UID of 7 bytes, the card's
counter, a clerk of two digits). Packed, the TPDU is counted. The device's interpreter and CPython each give processor
time, the least of several rounds; only their ratio is a row: it depends on the machine far less than either figure.
Heap is what one message allocates, in bytes of a 64-bit heap: a count, the same in every run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import iso8583
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from firmware.core.types import ACCRUAL, AUTH_AES, CLOCK_OK, ONLINE, Transaction
from firmware.switch import iso8583 as ours
from firmware.switch import tlv
from firmware.switch.link import tpdu_to
from firmware.switch.mac import MacKeys
from firmware.switch.messages import Identity, Messages
from tools.bench.report import Row, row
from tools.lt87 import specs

ASCII_MOST = 190
BCD_MOST = 120
_ROOT = Path(__file__).resolve().parents[2]
_PROGRAM = Path(__file__).parent / "on_device" / "link_costs.py"
_KEY = bytes(range(16))
_NOW = 1_795_000_000
_ROUNDS = 7
_MESSAGES = 500


def full_accrual() -> Transaction:
    """A sale with all a card and a person add to it."""
    return Transaction(
        42, ACCRUAL, ONLINE, bytes(range(1, 8)), AUTH_AES, 125_000_000, 125_000, _NOW, CLOCK_OK,
        ruleset=3, clerk=12, card_counter=0xFFFF,
    )  # fmt: skip


def messages(*, packed: bool) -> Messages:
    """A terminal's."""
    return Messages(Identity("T0000001", "MERCHANT0000001", 1, 364, 3), MacKeys(1, _KEY, _KEY), packed)


def wire_bytes() -> dict[str, int]:
    """Bytes of a full accrual by spelling, with TPDU, without the frame's length."""
    plain, packed = (len(messages(packed=packed).request(full_accrual()).raw) for packed in (False, True))
    return {"ascii": plain, "bcd": packed + len(tpdu_to(1))}


def _ours(fields: dict[int, str | bytes], tags: list[tuple[int, bytes]]) -> list[dict[str, Any]]:
    given = {
        "fields": {de: value for de, value in fields.items() if isinstance(value, str)},
        "tags": [[tag, list(value)] for tag, value in tags],
    }
    done = subprocess.run(
        [sys.executable, "-m", "micropython_unix", "-X", "heapsize=16M", str(_PROGRAM)],
        input=json.dumps(given) + "\n",
        env={**os.environ, "MICROPYPATH": f".frozen:{_ROOT}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def _least_us(step: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(_ROUNDS):
        begun = time.process_time()
        for _ in range(_MESSAGES):
            step()
        best = min(best, (time.process_time() - begun) * 1e6 / _MESSAGES)
    return best


def _cmac8(covered: bytes) -> bytes:
    mac = CMAC(AES(_KEY))
    mac.update(covered)
    return mac.finalize()[:8]


def _peer(fields: dict[int, str | bytes], wire: str) -> tuple[float, float]:
    """pyiso8583's microseconds for writing and reading the same message, its MAC made by OpenSSL."""
    spec = specs.pyiso8583(wire)
    values = {str(de): value if isinstance(value, str) else value.hex() for de, value in fields.items()}

    def send() -> bytes:
        raw, _ = iso8583.encode({"t": "0200", **values, "64": "00" * 8}, spec)
        covered = bytes(raw[:-8])
        return covered + _cmac8(covered)

    raw = send()

    def read() -> object:
        if _cmac8(raw[:-8]) != raw[-8:]:
            raise ValueError
        return iso8583.decode(raw, spec)

    return _least_us(send), _least_us(read)


def rows() -> Iterator[Row]:
    """Bytes on the line, processor time as ratios, heap as counts."""
    sizes = wire_bytes()
    yield row("link.accrual_bytes.ascii", sizes["ascii"], "bytes", target=ASCII_MOST)
    yield row("link.accrual_bytes.bcd", sizes["bcd"], "bytes, TPDU counted", target=BCD_MOST)
    for packed, wire in ((False, "ascii"), (True, "bcd")):
        _, fields = ours.decode(messages(packed=packed).request(full_accrual()).raw, packed)
        content = fields[48]
        if isinstance(content, str):
            raise TypeError("DE 48 is bytes")
        del fields[64]
        found = next(item for item in _ours(fields, sorted(tlv.parse(content).items())) if item["packed"] == packed)
        send_us, read_us = _peer(fields, wire)
        unit = "x pyiso8583 on CPython"
        yield row(f"link.accrual_send.{wire}", found["send_us"] / send_us, unit, peer="pyiso8583", peer_value=1)
        yield row(f"link.accrual_read.{wire}", found["read_us"] / read_us, unit, peer="pyiso8583", peer_value=1)
        yield row(f"link.accrual_send_heap.{wire}", found["send_heap"], "bytes a message")
        yield row(f"link.accrual_read_heap.{wire}", found["read_heap"], "bytes a message")
