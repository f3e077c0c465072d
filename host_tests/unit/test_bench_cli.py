"""The bench switch's command line: what it prints, what it refuses, and that it stops cleanly."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from firmware import settings
from firmware.settings import declared_keys
from host_tests.patience import PATIENCE_S
from host_tests.unit.bench_cards import AUTH, OFFICE, SDM, SUN_CARD, sun
from host_tests.unit.bench_client import ALI, KEY_IN, KEY_OUT, TERMINAL, Client, accrual, bench, inquiry, network
from host_tests.unit.update_kit import update
from tools.bench_switch import Ledger
from tools.bench_switch.cli import main
from tools.bench_switch.errors import CODES
from tools.bench_switch.faults import KINDS
from tools.bench_switch.pki import ensure
from tools.issuer import keyfile

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["sqlite", "postgresql"])
def books_url(request, tmp_path):
    """An empty database; SQLite's in a folder that is not there yet."""
    sqlite = f"sqlite:///{tmp_path}/books/switch.db"
    return sqlite if request.param == "sqlite" else request.getfixturevalue("postgres_database")


@pytest.fixture
def run(books_url):
    def invoke(*arguments, code=0):
        result = CliRunner().invoke(main, ["--database", books_url, *arguments])
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result.output

    return invoke


def keys_file(tmp_path):
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"kid": 1, "mac_out": KEY_OUT.hex(), "mac_in": KEY_IN.hex()}))
    return str(path)


@pytest.mark.parametrize("books_url", ["sqlite"], indirect=True)
def test_help_of_every_command_works(run):
    for command in ([], ["serve"], ["member", "add"], ["card", "block"], ["terminal", "add"], ["fault", "set"]):
        assert "Usage:" in run(*command, "--help")


def test_members_cards_and_books(run):
    assert "600 points" in run("member", "add", "ali", "--points", "600", "--tier", "gold")
    run("card", "add", ALI, "ali")
    assert "way sun" in run("card", "add", "04DE5F1EACC040", "ali", "--way", "sun")
    run("card", "block", ALI, "--as", "stolen")
    listed = run("member", "list")
    assert "ali" in listed
    assert f"{ALI} (stolen)" in listed
    assert "04DE5F1EACC040 (sun)" in listed
    assert "goes the way relay" in run("card", "way", "04de5f1eacc040", "relay")
    assert "04DE5F1EACC040 (relay)" in run("member", "list")
    assert "opening" in run("ledger", "show")
    assert "balance 600" in run("ledger", "show", "--member", "ali")
    assert "right" in run("ledger", "check")


def test_terminal_keys_are_made_into_a_private_file_and_never_printed(run, tmp_path):
    path = tmp_path / "t" / "keys.json"
    printed = run("terminal", "add", TERMINAL, "--merchant", "SHOP", "--keys", str(path))
    printed += run("terminal", "list")
    keys = json.loads(path.read_text())
    assert keys["mac_out"] != keys["mac_in"]
    assert keys["mac_out"] not in printed
    assert path.stat().st_mode & 0o777 == 0o600
    run("terminal", "add", "VAFA0002", "--merchant", "SHOP", "--keys", str(path))
    run("terminal", "block", TERMINAL)
    assert "blocked" in run("terminal", "list")


def test_a_member_is_shown_with_standing_cards_and_bookings(run):
    run("member", "add", "ali", "--number", "1001", "--points", "600", "--tier", "gold")
    run("card", "bind", ALI, "1001")
    run("card", "block", ALI)
    shown = run("member", "show", "ali")
    for words in ("member 1001 ali: 600 points", "tier gold, 0 visits", f"{ALI} (lost)", "opening", "+600"):
        assert words in shown


def test_points_are_given_and_taken_and_messages_are_listed_masked(run):
    run("member", "add", "ali", "--points", "600", "--mobile", "09123456789", "--language", "en")
    assert "-50 points, 550 now" in run("member", "points", "ali", "-50", "--reason", "typing mistake")
    shown = run("member", "show", "ali")
    assert "typing mistake" in shown
    assert "0912***6789" in shown
    assert "B13" in run("member", "points", "ali", "-551", "--reason", "more than there is", code=1)
    assert "B15" in run("member", "contact", "ali", "--mobile", "12", code=1)
    assert "0 messages" in run("sms", "list", "--member", "ali")
    assert "no messages" in run("member", "contact", "ali")
    assert "0912" not in run("member", "show", "ali")


def test_a_member_list_is_read_in_whole_or_not_at_all_and_again_without_effect(run, tmp_path):
    file = tmp_path / "members.csv"
    file.write_text(
        f"number,name,points,tier,uid\n1001,ali,600,gold,{ALI}\n1001,ali,600,gold,04A1B2C3D4E5F6\n1002,sara,,,\n"
    )
    assert "2 members and 2 cards new" in run("member", "import", str(file))
    assert "0 members and 0 cards new, 0 members changed, 3 lines without news" in run("member", "import", str(file))
    assert "balance 600" in run("ledger", "show", "--member", "ali")
    file.write_text(f"number,name,tier,uid\n1001,ali,silver,\n1003,reza,,{ALI}\n")
    refused = run("member", "import", str(file), code=1)
    assert "members.csv line 3: card 9C599B32 is another member's" in refused
    assert refused.rstrip().endswith("[B21]")
    assert "tier gold" in run("member", "show", "ali"), "nothing of a list with an error is taken"
    file.write_text("number,name,tier\n1001,ali baba,silver\n")
    assert "1 members changed" in run("member", "import", str(file))
    assert "tier silver" in run("member", "show", "ali baba")
    assert "right" in run("ledger", "check")


@pytest.mark.parametrize("books_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name\nali\n", "the first line must name the columns"),
        ("number,name,shoe\n1,ali,9\n", "the first line must name the columns"),
        ("number,name\nx,ali\n", "line 2: number is no whole number"),
        ("number,name\n,ali\n", "line 2: number is no whole number"),
        ("number,name,points\n1,ali,-5\n", "line 2: points is no whole number"),
        ("number,name,points\n1,ali\n", "line 2: not as many values as columns"),
        ("number,name\n1,ali,9\n", "line 2: not as many values as columns"),
        ("number,name,tier\n1,ali,iron\n", "line 2: tier is none, bronze"),
        ("number,name\n1,ali\n2,ali\n", "line 3: the name 'ali' is member 1's [B11]"),
        ("number,name\n0,ali\n", "line 2: a member number is 1 to"),
        ("number,name\n1,\n", "line 2: a member's name has 1 to 60 bytes"),
        ("number,name,uid\n1,ali,0102\n", "line 2: a UID has 4, 7 or 10 bytes"),
        ("number,name,uid,way\n1,ali,01020304,walk\n", "line 2: a card goes the way"),
        ('number,name\n1,"ali\n', "unexpected end of data"),
        (b"number,name\n1,\xff\xfe\n", "can't decode"),
        ("", "the first line must name the columns"),
    ],
)
def test_a_bad_member_list_is_said_with_its_line(run, tmp_path, text, says):
    file = tmp_path / "bad.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    output = run("member", "import", str(file), code=1)
    assert output.startswith("Error: ")
    assert says in output
    assert "0 members" in run("member", "list")


def test_a_card_is_moved_and_a_nameless_members_points_come_along(run, tmp_path):
    run("member", "add", "ali", "--points", "600")
    run("member", "add", "sara")
    run("card", "bind", ALI, "ali")
    assert "0 points came along" in run("card", "move", ALI, "sara")
    assert "balance 600" in run("ledger", "show", "--member", "ali")
    with bench(tmp_path, f"sqlite:///{tmp_path}/other.db") as switch:
        with Client(switch) as client:
            assert client.ask(accrual(1, 80_000, uid="DEADBEEF")).rc == "00"
            switch.ledger.move_card("DEADBEEF", "sara")
            assert client.ask(accrual(2, 20_000, uid="DEADBEEF")).rc == "00"
        assert switch.ledger.balance("sara") == 100
        assert switch.ledger.move_card("DEADBEEF", "sara") == 0
        assert switch.ledger.check() == []
        assert sum(switch.ledger.accounts().values()) == 0


def test_cards_go_on_the_hotlist_and_come_off_it(run):
    run("member", "add", "ali")
    run("card", "bind", ALI, "ali")
    assert run("card", "hotlist") == "none\n"
    run("card", "block", ALI, "--as", "stolen")
    assert run("card", "hotlist") == f"{ALI} stolen ali\n"
    run("card", "unblock", ALI)
    assert run("card", "hotlist") == "none\n"


def test_a_stolen_terminal_is_blocked_and_let_in_again(run, tmp_path):
    run("terminal", "add", TERMINAL, "--merchant", "SHOP", "--keys", keys_file(tmp_path))
    assert "is blocked" in run("terminal", "block", TERMINAL)
    assert "blocked" in run("terminal", "list")
    assert "is active" in run("terminal", "unblock", TERMINAL)
    assert "active" in run("terminal", "list")


def test_every_code_of_an_error_is_on_the_page_and_no_other():
    page = (ROOT / "docs" / "bench-switch.md").read_text()
    assert dict(re.findall(r"^\| (B\d\d) \| ([^|]+) \|", page, re.MULTILINE)) == CODES
    used = set()
    for folder in ("bench_switch", "fleet", "postgres"):
        for path in (ROOT / "tools" / folder).rglob("*.py"):
            if path.name != "errors.py":
                used |= set(re.findall(r"\bB\d\d\b", path.read_text()))
    assert used == set(CODES)


def test_every_kind_of_fault_is_on_the_page():
    page = (ROOT / "docs" / "bench-switch.md").read_text()
    assert set(KINDS) <= set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))


@pytest.mark.parametrize("books_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["card", "block", "zz"], "not a UID in hex [B22]"),
        (["card", "block", "0102"], "4, 7 or 10"),
        (["card", "add", ALI, "nobody"], "no member"),
        (["card", "block", ALI], "no card"),
        (["card", "way", ALI, "sun"], "no card"),
        (["serve", "--port", "0", "--issuer-keys", "/proc/none"], "/proc/none"),
        (["terminal", "add", "TOOLONGID", "--merchant", "SHOP", "--keys", "KEYS"], "1 to 8"),
        (["terminal", "block", "NOBODY"], "no terminal 'NOBODY' [B30]"),
        (["terminal", "unblock", "NOBODY"], "[B30]"),
        (["card", "move", ALI, "ali"], "no card 9C599B32 [B20]"),
        (["card", "bind", ALI, "ali"], "no member 'ali' [B10]"),
        (["member", "show", "77"], "no member 77 [B10]"),
        (["member", "import", "/proc/none"], "/proc/none: No such file or directory [B05]"),
        (["member", "add", "x" * 61], "[B12]"),
        (["member", "add", "ali", "--points", "-1"], "[B12]"),
        (["serve", "--workers", "2"], "several workers need PostgreSQL"),
        (["fault", "set", "silent", "--terminal", "TOOLONGID"], "[B60]"),
        (["fault", "set", "silent", "--mti", "sale"], "four digits"),
        (["ledger", "show", "--member", "nobody"], "no member"),
        (["serve", "--port", "0", "--pki", "/proc/none"], ""),
    ],
)
def test_errors_are_one_line_that_says_what_is_wrong(run, tmp_path, arguments, says):
    arguments = [keys_file(tmp_path) if a == "KEYS" else a for a in arguments]
    output = run(*arguments, code=1)
    assert output.startswith("Error: ")
    assert says in output


@pytest.mark.parametrize("books_url", ["sqlite"], indirect=True)
def test_a_bad_key_file_is_named_and_not_quoted(run, tmp_path):
    path = tmp_path / "bad.json"
    path.write_text('{"kid": 1, "mac_out": "00112233445566778899aabbccddeeff"}')
    output = run("terminal", "add", TERMINAL, "--merchant", "S", "--keys", str(path), code=1)
    assert str(path) in output
    assert "00112233" not in output


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "nosuch://x/y",
        "mysql://x/y",
        "sqlite:////proc/none/x.db",
        "postgresql://nobody:pass@127.0.0.1:1/none",
    ],
)
def test_a_database_that_does_not_work_is_one_line(url):
    result = CliRunner().invoke(main, ["--database", url, "member", "list"])
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert "[B0" in result.output
    assert len(result.output.splitlines()) == 1
    assert "pass" not in result.output


def test_a_broken_ledger_fails_the_check(run, books_url):
    run("member", "add", "ali", "--points", "600")
    books = Ledger(books_url)
    with books._session() as session:
        session.delete(session.get_one(type(books.postings()[0]), 1))
    books.close()
    output = run("ledger", "check", code=1)
    assert "sum to -600" in output


def test_serving_answers_obeys_faults_from_outside_and_stops_on_ctrl_c(run, books_url, tmp_path):
    run("member", "add", "ali")
    run("card", "add", ALI, "ali")
    run("terminal", "add", TERMINAL, "--merchant", "SHOP", "--keys", keys_file(tmp_path))
    command = [sys.executable, "-m", "tools.bench_switch", "--database", books_url]
    command += ["serve", "--port", "0", "--pki", str(tmp_path / "pki")]
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=root, env=os.environ | {"COLUMNS": "200"}
    ) as serving:
        try:
            first = serving.stdout.readline().decode()
            switch = Served("127.0.0.1", int(first.split()[2].rpartition(":")[2]), ensure(tmp_path / "pki"))
            with Client(switch) as client:
                assert client.ask(network("001")).rc == "00"
                run("fault", "set", "refuse", "--rc", "91")
                assert "1 x refuse" in run("fault", "list")
                assert client.ask(accrual(1, 5_000)).rc == "91"
                assert client.ask(accrual(1, 5_000)).rc == "00"
                serving.send_signal(signal.SIGINT)
                output, errors = serving.communicate(timeout=PATIENCE_S)
        finally:
            if serving.poll() is None:
                serving.kill()
    assert serving.returncode == 0
    assert errors == b""
    assert output.decode().rstrip().endswith("stopped")
    assert "VAFA0001 0200" in output.decode()
    assert "right" in run("ledger", "check")


@pytest.mark.parametrize("books_url", ["sqlite"], indirect=True)
def test_serving_with_issuer_keys_asks_the_environment_and_verifies_cards(run, books_url, tmp_path):
    path = tmp_path / "issuer.json"
    keyfile.save(path, OFFICE, "a long passphrase", cost=1 << 14)
    run("member", "add", "zari", "--points", "600")
    run("card", "add", SUN_CARD, "zari", "--way", "sun")
    run("terminal", "add", TERMINAL, "--merchant", "SHOP", "--keys", keys_file(tmp_path))
    serve = ["serve", "--port", "0", "--pki", str(tmp_path / "pki"), "--issuer-keys", str(path)]
    assert "environment has no VAFA_NONE" in run(*serve, "--passphrase-env", "VAFA_NONE", code=1)
    command = [
        sys.executable,
        "-m",
        "tools.bench_switch",
        "--database",
        books_url,
        *serve,
    ]
    command += ["--quiet", "--passphrase-env", "VAFA_OFFICE"]
    environment = os.environ | {"VAFA_OFFICE": "a long passphrase", "COLUMNS": "200"}
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=root, env=environment
    ) as serving:
        try:
            first = serving.stdout.readline().decode()
            switch = Served("127.0.0.1", int(first.split()[2].rpartition(":")[2]), ensure(tmp_path / "pki"))
            with Client(switch) as client:
                assert client.ask(inquiry(SUN_CARD, auth=0, extra={SDM: sun(1)})).tags[AUTH] == b"\2"
            serving.send_signal(signal.SIGINT)
            output, errors = serving.communicate(timeout=PATIENCE_S)
        finally:
            if serving.poll() is None:
                serving.kill()
    assert (serving.returncode, errors) == (0, b"")
    assert OFFICE.sun_mac.hex() not in output.decode()


class Served:
    """What the client has to know of a switch in another process."""

    def __init__(self, host, port, identity):
        self.host = host
        self.port = port
        self.identity = identity


@pytest.mark.parametrize("books_url", ["sqlite"], indirect=True)
def test_a_new_terminal_may_hold_no_card_key(run, tmp_path):
    path = tmp_path / "new" / "SHOP0001.keys.json"
    run("terminal", "add", "SHOP0001", "--merchant", "MY-SHOP-0000001", "--keys", str(path), "--no-card-key")
    keys = json.loads(path.read_text())
    assert keys["card_group"] == ""
    settings.check(declared_keys(), keys)
    assert not (tmp_path / "new" / "card-group.hex").exists()


@pytest.mark.parametrize("books_url", ["sqlite"], indirect=True)
def test_a_new_terminals_keys_are_a_whole_keys_json_and_all_terminals_read_the_same_cards(run, tmp_path):
    made = []
    for terminal in ("SHOP0001", "SHOP0002"):
        path = tmp_path / "new" / f"{terminal}.keys.json"
        said = run("terminal", "add", terminal, "--merchant", "MY-SHOP-0000001", "--keys", str(path))
        keys = json.loads(path.read_text())
        assert sorted(keys) == sorted(setting.name for setting in declared_keys())
        settings.check(declared_keys(), keys)
        assert path.stat().st_mode & 0o077 == 0
        assert not any(key in said for key in keys.values() if key and isinstance(key, str))
        made.append(keys)
    assert made[0]["card_group"] == made[1]["card_group"]
    assert made[0]["mac_out"] != made[1]["mac_out"]
    assert (tmp_path / "new" / "card-group.hex").stat().st_mode & 0o077 == 0
    (tmp_path / "new" / "card-group.hex").write_text("cafe")
    output = run(
        "terminal",
        "add",
        "SHOP0003",
        "--merchant",
        "MY-SHOP-0000001",
        "--keys",
        str(tmp_path / "new" / "3.json"),
        code=1,
    )
    assert "card-group.hex does not hold" in output
    assert "SHOP0003" not in run("terminal", "list")


def test_a_program_is_offered_to_a_terminal_that_exists_and_the_line_says_to_which(run, tmp_path):
    path = tmp_path / "s3.vfu"
    path.write_bytes(update())
    run("terminal", "add", "VAFA0001", "--merchant", "SHOP", "--keys", keys_file(tmp_path))
    refused = run("program", "publish", str(path), "--terminal", "NOSUCH01", code=1)
    assert "no terminal 'NOSUCH01'" in refused and "B30" in refused
    assert "0 files" in run("program", "list")
    assert "terminal VAFA0001 loads it" in run("program", "publish", str(path), "--terminal", "VAFA0001")
    assert "every terminal loads it" in run("program", "publish", str(path))
