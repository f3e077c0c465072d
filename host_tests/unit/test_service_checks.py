"""The bounds of `health`, on both sides of each; and how long a certificate counts."""

import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from firmware.cards.taps import GARBLED, OK, UNSUPPORTED, Taps
from firmware.core.spread import Spread
from firmware.service import certificate, checks
from firmware.service.checks import BOUNDS, FALLING, NEVER, judged


@pytest.mark.parametrize("name", sorted(BOUNDS))
def test_each_bound_belongs_to_the_worse_side(name: str) -> None:
    warn, fail = BOUNDS[name]
    better = 1 if name in FALLING else -1
    if warn != NEVER:
        assert judged("X", "", warn, bounds=name)["state"] == "warn"
        assert judged("X", "", warn + better, bounds=name)["state"] == "ok"
    if fail != NEVER:
        assert judged("X", "", fail, bounds=name)["state"] == "fail"
        assert judged("X", "", fail + better, bounds=name)["state"] in ("ok", "warn")


def rooms_with(taps: Taps, **other: Any) -> Any:
    reader = SimpleNamespace(taps=taps, healthy=lambda: True, reinitialised=other.pop("reinitialised", 0))
    return SimpleNamespace(
        reader=reader, chip=SimpleNamespace(version=0x92, polls=False), uptime_s=lambda: other.get("up_s", 3600)
    )


def states(rooms: Any) -> dict[str, object]:
    return {str(one["code"]): one["state"] for one in checks._reader(rooms)}


def taps_of(ok: int, garbled: int = 0, foreign: int = 0) -> Taps:
    taps = Taps()
    for kind, count in ((OK, ok), (GARBLED, garbled), (UNSUPPORTED, foreign)):
        for _ in range(count):
            taps.kinds[taps.count % 100] = kind
            taps.count += 1
    return taps


def test_an_antenna_is_judged_by_cards_of_ours_alone_and_not_by_a_few_taps() -> None:
    assert states(rooms_with(taps_of(3, 9)))["R06"] == "not run"
    assert states(rooms_with(taps_of(96, 4)))["R06"] == "ok"
    assert states(rooms_with(taps_of(95, 5)))["R06"] == "warn"
    assert states(rooms_with(taps_of(80, 20)))["R06"] == "fail"
    foreign = states(rooms_with(taps_of(60, 0, 40)))
    assert (foreign["R06"], foreign["R07"]) == ("ok", "warn"), "the reader is fine"


def test_what_happened_in_days_is_reckoned_for_one() -> None:
    assert states(rooms_with(taps_of(0), reinitialised=3, up_s=600))["R08"] == "warn"
    assert states(rooms_with(taps_of(0), reinitialised=6, up_s=10 * 86_400))["R08"] == "ok"


def test_a_spread_says_what_a_share_stays_below_and_forgets_slowly() -> None:
    spread = Spread((10, 100, 1000))
    assert spread.below(99) == 0
    for _ in range(99):
        spread.add(5)
    spread.add(700)
    assert (spread.below(99), spread.below(100), spread.most, spread.last) == (10, 700, 700, 700)
    for _ in range(0x10000):
        spread.add(50)
    assert spread.total() < 0x10000 and spread.below(95) == 100


def test_a_terminal_that_can_never_be_updated_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    rooms = SimpleNamespace(
        master=SimpleNamespace(tag=lambda _block: bytes(16)), clock=SimpleNamespace(now_utc=lambda: 0)
    )
    there = {"/config/config-keys.bin": 384, "/config/release-keys.bin": 1170}

    def stat(path: str) -> tuple[int, ...]:
        if path not in there:
            raise OSError(2)
        return (0,) * 6 + (there[path],)

    monkeypatch.setattr(checks, "os", SimpleNamespace(stat=stat))
    found = {one["code"]: (one["state"], one["value"]) for one in checks._keys(rooms)}
    assert found["K29"] == ("ok", "there")
    there["/config/config-keys.bin"] = 0
    del there["/config/release-keys.bin"]
    found = {one["code"]: (one["state"], one["value"]) for one in checks._keys(rooms)}
    assert found["K29"] == ("warn", "no release, config")


def made(days: int) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "switch")])
    begin = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(1).not_valid_before(begin).not_valid_after(begin + datetime.timedelta(days=days))
    return built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize("days", [30, 20_000])  # UTCTime, and GeneralizedTime from 2050 on
def test_a_certificate_tells_its_last_day(tmp_path: Path, days: int) -> None:
    der = made(days)
    begin = int(datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc).timestamp())
    assert certificate.ends_utc(der) == begin + days * 86_400
    path = tmp_path / "ca.der"
    path.write_bytes(der)
    assert certificate.days_left(str(path), begin + 86_400) == days - 1
    assert certificate.days_left(str(tmp_path / "none"), begin) is None


def test_what_is_no_certificate_is_none_and_raises_nothing() -> None:
    der = made(30)
    for cut in range(0, len(der), 7):
        certificate.ends_utc(der[:cut])
    for at in range(120):
        bent = bytearray(der)
        bent[at] ^= 0xFF
        certificate.ends_utc(bytes(bent))
    assert certificate.ends_utc(b"") is None and certificate.ends_utc(b"\x30\x03abc") is None
