"""New keys at the bench switch, seen from an independent terminal: what is announced, and which pair counts when."""

import json

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap

from firmware.core.keywrap import KeyDamaged, unwrap_padded
from firmware.store.seal import derived_key
from host_tests.unit.bench_client import (
    KEY_IN,
    KEY_OUT,
    NOW,
    TERMINAL,
    accrual,
    furnish,
    network,
    opened,
    sealed,
    tlv,
    untlv,
)
from tools.bench_switch import Ledger, keychange
from tools.bench_switch.cli import main
from tools.bench_switch.desk import Desk
from tools.bench_switch.faults import FaultScript
from tools.bench_switch.log import MessageLog

TMK = bytes(range(0x40, 0x50))


class Line:
    """A desk, and a terminal that may speak under any pair."""

    def __init__(self, url: str = "sqlite://") -> None:
        self.ledger = Ledger(url)
        furnish(self.ledger)
        self.log = MessageLog(lambda: NOW)
        self.desk = Desk(self.ledger, FaultScript(), self.log, lambda: NOW)
        self.session = 0x80000100

    def say(self, fields, kid: int = 1, out: bytes = KEY_OUT, come: bytes = KEY_IN, more=None):
        tags = untlv(fields["48"]) | {0x60: bytes((kid,))} | (more or {})
        if fields["t"] == "0800":
            self.session += 1
            tags[1] = self.session.to_bytes(4, "big")
        message = {**fields, "48": tlv(tags)}
        return opened(self.desk.handle(sealed(message, out)).data[2:], come)


@pytest.fixture
def line():
    return Line()


def made(line: Line) -> tuple[int, bytes, bytes]:
    """Key id and pair of a new pair, as the terminal opens it."""
    keychange.rekey(line.ledger, TERMINAL, TMK, NOW)
    newkey = line.say(network("001")).tags[0x63]
    pair = aes_key_unwrap(derived_key(TMK, b"vafa-newkey", newkey[:1]), newkey[1:])
    return newkey[0], pair[:16], pair[16:]


def test_nothing_is_announced_until_the_office_says_so(line):
    for function in ("001", "301", "101"):
        answer = line.say(network(function))
        assert answer.rc == "00" and not {0x63, 0x54} & set(answer.tags)


def test_old_and_new_count_until_the_first_message_under_the_new(line):
    kid, out, come = made(line)
    assert kid == 2 and line.say(accrual(1, 10_000)).rc == "00" and line.say(network("301")).tags[0x63]
    answer = line.say(network("301"), kid, out, come)
    assert answer.rc == "00" and answer.tags[0x60] == b"\2" and 0x63 not in answer.tags
    assert line.say(accrual(2, 10_000), kid, out, come).rc == "00"
    refused = line.say(accrual(3, 10_000), come=come)
    assert refused.rc == "63" and refused.tags[0x60] == b"\2", "the former pair is forgotten"


def test_a_wrong_mac_under_the_new_key_id_puts_nothing_in_force(line):
    kid, _, _ = made(line)
    assert line.say(network("301"), kid, bytes(16)).rc == "63"
    assert line.ledger.terminal(TERMINAL).kid == 1 and line.say(accrual(1, 10_000)).rc == "00"


def test_who_is_not_believed_gets_keys_only_by_asking(line):
    keychange.rekey(line.ledger, TERMINAL, TMK, NOW)
    assert 0x63 not in line.say(network("001"), out=bytes(16)).tags
    asked = line.say(network("101"), out=bytes(16))
    assert asked.rc == "63" and len(asked.tags[0x63]) == 41


def test_a_second_pair_has_a_key_id_of_its_own_and_the_first_is_worth_nothing(line):
    kid, out, come = made(line)
    newer, _, _ = made(line)
    assert newer == kid + 1 and line.say(network("301"), kid, out).rc == "63"
    keychange.cancel(line.ledger, TERMINAL)
    assert 0x63 not in line.say(network("301")).tags


def test_orders_are_told_to_a_blocked_terminal_too_and_what_it_says_of_them_is_kept(line):
    keychange.give_order(line.ledger, TERMINAL, keychange.ZEROISE)
    assert line.say(network("001")).tags[0x54] == b"\2"
    line.ledger.block_terminal(TERMINAL)
    answer = line.say(network("301"), more={0x54: b"\2", 0x62: b"unsettled 7"})
    assert (answer.rc, answer.tags[0x54]) == ("58", b"\2")
    assert keychange.orders(line.ledger)[TERMINAL].unsettled == 7
    keychange.give_order(line.ledger, TERMINAL, 0)
    assert 0x54 not in line.say(network("301")).tags


def test_a_minimum_build_is_told_until_it_is_taken_back_and_every_order_goes_before_it(line):
    keychange.set_minimum_build(line.ledger, TERMINAL, 70_001)
    for order, admin in ((0, b"\4"), (keychange.STOP_VALUE, b"\3")):
        keychange.give_order(line.ledger, TERMINAL, order)
        told = line.say(network("301")).tags
        assert (told[0x54], told[0x65]) == (admin, (70_001).to_bytes(4, "big"))
    keychange.give_order(line.ledger, TERMINAL, 0)
    keychange.set_minimum_build(line.ledger, TERMINAL, 0)
    assert not {0x54, 0x65} & set(line.say(network("001")).tags)


def test_a_terminal_of_another_profile_is_told_the_switchs(line):
    assert line.say(network("001"), more={0x68: b"\1\x09"}).rc == "00"
    answer = line.say(network("001"), more={0x68: b"\2\0"})
    assert (answer.rc, answer.tags[0x68]) == ("12", b"\1\0")


def test_no_key_stands_in_the_message_log(line):
    keychange.rekey(line.ledger, TERMINAL, TMK, NOW)
    newkey = line.say(network("001")).tags[0x63]
    told = " ".join(repr(entry) for entry in line.log.entries()).lower()
    assert "newkey" in told and newkey[1:].hex() not in told


def test_the_office_makes_keys_shows_how_far_they_are_and_takes_them_back(tmp_path):
    url = f"sqlite:///{tmp_path}/switch.db"
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"tmk": TMK.hex(), "kid": 1, "mac_out": KEY_OUT.hex(), "mac_in": KEY_IN.hex()}))
    line = Line(url)

    def run(*words: str) -> str:
        done = CliRunner().invoke(main, ["--database", url, "terminal", *words])
        assert done.exit_code == 0, done.output
        assert not any(key.hex() in done.output for key in (TMK, KEY_OUT, KEY_IN))
        return done.output

    assert "minimum build 70001" in run("minimum-build", TERMINAL, "70001")
    assert line.say(network("001")).tags[0x65] == (70_001).to_bytes(4, "big")
    assert "nothing is announced" in run("rekey", TERMINAL, "--show")
    said = run("rekey", TERMINAL, "--keys", str(keys))
    assert "in force: KID 1" in said and "waits for the terminal: KID 2" in said
    file = json.loads(keys.read_text())
    assert file["kid"] == 2 and file["tmk"] == TMK.hex() and keys.stat().st_mode & 0o77 == 0
    assert line.say(network("301"), 2, bytes.fromhex(file["mac_out"]), bytes.fromhex(file["mac_in"])).rc == "00"
    assert "in force: KID 2" in run("rekey", TERMINAL, "--show")
    run("rekey", TERMINAL, "--keys", str(keys))
    assert "nothing" in run("rekey", TERMINAL, "--keys", str(keys), "--cancel")
    assert json.loads(keys.read_text()) == file
    run("stop", TERMINAL)
    assert f"{TERMINAL}: stop value" in run("orders")
    run("zeroise", TERMINAL, "--yes")
    assert f"{TERMINAL}: zeroise" in run("orders")
    run("zeroise", TERMINAL, "--off")
    assert "none" in run("orders")
    line.ledger.close()


def test_a_terminals_certificate_and_its_key_open_for_this_terminal_alone(tmp_path):
    (tmp_path / "keys.json").write_text(json.dumps({"tmk": TMK.hex()}))
    words = ["terminal", "certify", TERMINAL, str(tmp_path / "config"), "--keys", str(tmp_path / "keys.json")]
    done = CliRunner().invoke(main, [*words, "--pki", str(tmp_path / "pki")])
    assert done.exit_code == 0, done.output
    wrapped = (tmp_path / "config" / "client.key").read_bytes()
    private = unwrap_padded(TMK, wrapped)
    certificate = x509.load_der_x509_certificate((tmp_path / "config" / "client.der").read_bytes())
    key = serialization.load_der_private_key(private, None)
    assert key.public_key() == certificate.public_key() and private not in wrapped
    with pytest.raises(KeyDamaged):
        unwrap_padded(bytes(16), wrapped)
