"""What people and programs get wrong at the bench switch: one line with a code each, from every command and action."""

import contextlib
import json
import re
import sqlite3

import click
import pytest
from click.testing import CliRunner

from host_tests.unit.bench_client import ALI, KEY_IN, KEY_OUT, NOW, TERMINAL, furnish
from tools.bench_switch import BenchSwitch, Fault, Ledger, LedgerError
from tools.bench_switch.cli import main
from tools.bench_switch.cli_kit import plain_errors
from tools.bench_switch.office import Entry
from tools.bench_switch.page.actions import ACTIONS, act

HUGE, ENDLESS, POWER, BYTES, MARKUP = "9" * 20, "9" * 5000, "²", "\udcff", "[/x]"
ODD = (HUGE, "-" + HUGE, ENDLESS, POWER, BYTES, MARKUP, "", " ", "..", "a/b")


def leaves(command, path=()):
    if isinstance(command, click.Group):
        return [leaf for name, one in command.commands.items() for leaf in leaves(one, (*path, name))]
    return [(path, command)]


COMMANDS = {" ".join(path): command for path, command in leaves(main) if path != ("serve",)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Books with what the commands ask for, and files for them."""
    folder = tmp_path_factory.mktemp("odd")
    ledger = Ledger(f"sqlite:///{folder}/books.db")
    furnish(ledger)
    ledger.close()
    pair = {"kid": 1, "mac_out": KEY_OUT.hex(), "mac_in": KEY_IN.hex(), "tmk": "00" * 16}
    (folder / "keys.json").write_text(json.dumps(pair))
    (folder / "list.csv").write_bytes(b"number,name\n" + ENDLESS.encode() + b",reza\n")
    (folder / "rules.toml").write_text("version = " + HUGE)
    (folder / "not-utf8").write_bytes(b"\xff\xfe\x00")
    return folder


def fitting(parameter, folder):
    """A value a command takes without a word, in most places."""
    if isinstance(parameter.type, click.Choice):
        return parameter.type.choices[0]
    if isinstance(parameter.type, click.IntRange) or parameter.type is click.INT:
        return "1"
    known = {"terminal_id": TERMINAL, "terminal": TERMINAL, "uid": ALI, "member": "ali", "nonce": "0" * 8}
    files = {"keys_path": "keys.json", "file": "list.csv", "path": "rules.toml", "key_file": "not-utf8"}
    if parameter.name in files:
        return str(folder / files[parameter.name])
    return known.get(parameter.name, "earn_rate=1" if parameter.name == "wanted" else "word")


def words_of(command, folder, odd=None, value=""):
    """The command's words; `odd` is the parameter that gets the odd value."""
    words, arguments = [], []
    for parameter in command.params:
        given = value if parameter is odd else fitting(parameter, folder)
        if isinstance(parameter, click.Argument):
            arguments.append(given)
        elif parameter is odd or parameter.required:
            words += [parameter.opts[0], given]
    return [*words, "--", *arguments]


@pytest.mark.parametrize("name", COMMANDS)
def test_no_odd_word_ends_a_command_in_a_traceback(name, folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("VAFA_BENCH_DATABASE", f"sqlite:///{folder}/books.db")
    command = COMMANDS[name]
    open_to_words = [p for p in command.params if not getattr(p, "is_flag", False)]
    for odd in [None, *open_to_words]:
        for value in ODD if odd is not None else ("",):
            done = CliRunner().invoke(main, [*name.split(), *words_of(command, folder, odd, value)], input="\n")
            assert done.exception is None or isinstance(done.exception, SystemExit), (odd, value, done.exc_info)
            if done.exit_code == 1 and "Aborted" not in done.output:
                assert re.search(r"^Error: .*\[[A-Z]\d\d\]$", done.output, re.MULTILINE), (odd, value, done.output)


class Form(dict):
    """A form that knows which of its fields were read."""

    def __init__(self, *given, **more):
        super().__init__(*given, **more)
        self.read = set()

    def get(self, name, default=None):
        self.read.add(name)
        return super().get(name, default)


@pytest.mark.parametrize("action", ACTIONS)
def test_no_odd_field_of_the_page_is_more_than_a_refusal(action, database):
    ledger = Ledger(database)
    furnish(ledger)
    form = Form({
        "do": action, "name": "reza", "number": 7, "points": 5, "reason": "gift", "member": 1001, "uid": ALI,
        "way": "sun", "state": "lost", "terminal": TERMINAL, "kind": "late", "seq": 1, "id": 1, "mobile": "09121112233",
    })  # fmt: skip
    with contextlib.suppress(LedgerError):
        act(ledger, form, NOW)
    big = 99999999999999999999
    for field in form.read - {"do"}:
        for value in (*ODD, big, -big, 10**17, True, [1], {"a": 1}, 1.5, "a\0b", "\ud800", None):
            try:
                with plain_errors():
                    act(ledger, {**form, field: value}, NOW)
            except click.ClickException as error:
                assert re.search(r"\[B\d\d\]$", error.message), (field, value)
    assert ledger.check() == []
    for one in ledger.scripted_faults():
        assert (one.mti or "0200").isascii()
    ledger.close()


@pytest.mark.parametrize("name", ["1001", "۱۰۰۱", "²", "10 01", "１００１"])
def test_a_name_of_digits_alone_is_refused_and_a_number_is_a_number_in_any_digits(database, name):
    ledger = Ledger(database)
    furnish(ledger)
    for add in (
        lambda: ledger.add_member(name),
        lambda: ledger.take_in([Entry(1001, name)]),
        lambda: ledger.take_in([Entry(7, name)]),
        lambda: act(ledger, {"do": "member.add", "name": name}, NOW),
    ):
        with pytest.raises(LedgerError, match="digits alone.*B12"):
            add()
    act(ledger, {"do": "card.bind", "uid": "AABBCCDD", "member": "۱۰۰۱"}, NOW)
    assert ledger.balance_of_card("AABBCCDD") == 600
    ledger.add_member("ali 2")
    ledger.close()


def test_names_that_look_like_markup_are_shown_as_they_are(tmp_path):
    def run(*words):
        done = CliRunner().invoke(main, ["--database", f"sqlite:///{tmp_path}/books.db", *words])
        assert done.exit_code == 0, done.output
        return done.output

    run("member", "add", "[/x] [b]ali[/b] :car:", "--mobile", "09121112233")
    run("member", "points", "[/x] [b]ali[/b] :car:", "5", "--reason", "[/why]")
    assert "[/x] [b]ali[/b] :car:" in run("member", "list")
    shown = run("member", "show", "[/x] [b]ali[/b] :car:")
    assert "[/x] [b]ali[/b] :car:: 5 points" in shown
    assert "[/why]" in shown
    assert "[/x]" in run("ledger", "show", "--member", "[/x] [b]ali[/b] :car:")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["answer", TERMINAL, "letters", "00000000"], "B33"),
        (["terminal", "certify", TERMINAL, "here"], "B33"),
        (["serve", "--port", "0", "--host", "a" * 70], "B04"),
        (["hotlist", "publish", "--config-key", "none", "--passphrase-env", "VAFA_NONE"], "B07"),
        (["fault", "set", "late", "--mti", "²²²²"], "B60"),
        (["fault", "set", "late", "--mti", "9999"], "B60"),
        (["fault", "set", "wrong_clock", "--seconds", "99999999999"], "B60"),
        (["allowance", "cancel", HUGE], "B70"),
        (["member", "show", HUGE], "B10"),
        (["member", "show", ENDLESS], "B10"),
        (["card", "bind", ALI, POWER], "B10"),
        (["member", "add", BYTES], "B12"),
        (["terminal", "block", BYTES], "B"),
    ],
)
def test_what_is_wrong_has_a_code(words, code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, words)
    assert (done.exit_code, done.output.count("\n")) == (1, 1), done.output
    assert re.search(rf"^Error: .*\[{code}\d*\]$", done.output), done.output


@pytest.mark.parametrize("broken", [{"port": 70_000}, {"host": "a" * 70}, {"host": "\0"}])
def test_a_switch_that_cannot_listen_says_so_and_does_not_hang(tmp_path, broken):
    switch = BenchSwitch("sqlite://", tmp_path / "pki", **broken)
    with pytest.raises((OSError, ValueError, OverflowError)):
        switch.start()
    switch.close()


def test_a_port_beyond_the_last_is_refused_by_the_command(tmp_path):
    done = CliRunner().invoke(main, ["--database", f"sqlite:///{tmp_path}/b.db", "serve", "--port", "70000"])
    assert done.exit_code == 2
    assert "65535" in done.output


def test_a_fault_is_for_a_message_a_terminal_sends():
    for mti in ("0210", "9999", "²²²²", "020"):
        with pytest.raises(LedgerError, match="B60"):
            Fault("late", mti=mti)
    assert Fault("late", mti="0320").meets("0320", TERMINAL)


def test_points_copied_from_the_page_with_its_own_minus_are_taken():
    ledger = Ledger("sqlite://")
    furnish(ledger)
    act(ledger, {"do": "member.points", "member": 1001, "points": "\u221250", "reason": "slip"}, NOW)
    assert ledger.balance("ali") == 550
    for odd in ("--5", "+-5", "5\u2212", "\u2212", "1,000"):
        with pytest.raises(LedgerError, match="B61"):
            act(ledger, {"do": "member.points", "member": 1001, "points": odd, "reason": "slip"}, NOW)
    ledger.close()


def test_books_of_the_first_version_are_said_to_be_so_and_left_alone(tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / "books.db")) as old:
        old.execute("CREATE TABLE members (id INTEGER PRIMARY KEY, member_no BIGINT, name VARCHAR(60))")
    done = CliRunner().invoke(main, ["--database", f"sqlite:///{tmp_path}/books.db", "member", "list"])
    assert done.exit_code == 1
    assert re.fullmatch(r"Error: .*first version.* \[B08\]\n", done.output), done.output
    with contextlib.closing(sqlite3.connect(tmp_path / "books.db")) as old:
        assert old.execute("SELECT count(*) FROM sqlite_master").fetchone() == (1,)
