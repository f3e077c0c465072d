"""The commands as a person types them: what they ask, print, write and leave alone, and their exit codes."""

from __future__ import annotations

import asyncio
import json
import os
import re
import stat
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from host_tests.chips.reader_bench import ReaderBench, run_on
from host_tests.unit.device_kit import ALI, HOST, KEYS, OTHER_KEYS, SARA, blank
from host_tests.unit.field_chip import FieldChip
from tools.device import cli, contact, errors, secrets_cli
from tools.device.in_process import ChipLine
from tools.device.personalise import PersonalisationDesk
from tools.device.probing import Answers, Found
from tools.issuer import keyfile
from tools.sim.cards.personal import personalise

PASSPHRASE = "nine words nobody would guess"
PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"


class Reader:
    """A reader with a field instead of a terminal; each request lives on the field's own time."""

    def __init__(self) -> None:
        self.bench = ReaderBench()
        self.field = self.bench.field
        self.opened: list[tuple[str, bool]] = []
        self.found = Found(Answers.PROMPT, "PORT", "s3")
        self._line = ChipLine(FieldChip(self.field, self.bench.clock))

    def connect(self, port: str, *, maintenance: bool) -> Reader:
        self.opened.append((port, maintenance))
        return self

    async def ask(self, line: str) -> str:
        return await asyncio.to_thread(run_on, self.bench.clock, self._line.ask(line))

    def close(self) -> None:
        self._line.close()


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Reader:
    made = Reader()
    monkeypatch.setattr(cli, "connect", made.connect)
    monkeypatch.setattr(contact, "probe", lambda _port: made.found)
    return made


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("office") / "office.keys"
    keyfile.save(path, KEYS, PASSPHRASE, cost=1 << 14)
    return path


def run(*arguments: object, type: str = "", environment: dict[str, str] | None = None) -> Result:
    given = {"OFFICE": PASSPHRASE, **(environment or {})}
    return CliRunner().invoke(cli.main, ["--json", *map(str, arguments)], input=type, env=given)


def way(key_file: Path, report: Path | None = None) -> list[object]:
    report_option = ["--report", report] if report is not None else []
    return ["--port", "PORT", "--keys", key_file, "--passphrase-env", "OFFICE", "--url-host", HOST, *report_option]


def events(done: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.mark.parametrize("kind", ["classic", "ntag213"])
def test_a_dry_run_shows_the_plan_and_writes_neither_card_nor_report(
    kind: str, reader: Reader, key_file: Path, tmp_path: Path
) -> None:
    card, report = blank(kind), tmp_path / "cards.jsonl"
    before = bytes(card.memory)
    reader.field.lay(card)
    done = run("personalise", "card", ALI, *way(key_file, report), "--dry-run")
    assert done.exit_code == 0, done.output
    assert [event["event"] for event in events(done)] == ["plan", "result"] and events(done)[0]["steps"]
    assert bytes(card.memory) == before and not report.exists() and not reader.field.on


def test_a_card_is_written_after_a_yes_and_left_after_a_no(reader: Reader, key_file: Path, tmp_path: Path) -> None:
    card, report = blank("ntag213"), tmp_path / "cards.jsonl"
    before = bytes(card.memory)
    reader.field.lay(card)
    done = run("personalise", "card", ALI, *way(key_file, report), type="n\n")
    assert (done.exit_code, bytes(card.memory), report.exists()) == (5, before, False), done.output
    done = run("personalise", "card", ALI, *way(key_file, report), "--maintenance", type="y\n")
    assert done.exit_code == 0 and events(done)[-1]["result"] == "written", done.output
    assert bytes(card.memory) == bytes(personalise(blank("ntag213"), KEYS, ALI).memory)
    assert [json.loads(line)["result"] for line in report.read_text().splitlines()] == ["begun", "written"]
    assert reader.opened == [("PORT", False), ("PORT", True)]


@pytest.mark.parametrize("words", ["card 1001", "batch MEMBERS", "verify"])
def test_a_till_lends_its_reader_only_when_a_person_agrees(
    words: str, reader: Reader, key_file: Path, tmp_path: Path
) -> None:
    members = tmp_path / "members.csv"
    members.write_text(f"member\n{ALI}\n")
    report = None if words == "verify" else tmp_path / "cards.jsonl"
    asked = ["personalise", *words.replace("MEMBERS", str(members)).split(), *way(key_file, report), "--timeout", "0.3"]
    reader.found = Found(Answers.APPLICATION, "PORT", "s3", terminal="VAFA0001", hello={"unsent": 3})
    reader.field.lay(blank("ntag213"))
    done = run(*asked, "--maintenance", type="n\n")
    assert (done.exit_code, events(done)[-1]["code"], reader.opened) == (5, "D15", []), done.output
    assert "VAFA0001 runs its program. Stop it" in done.stderr
    if report is not None:
        for more in ([], ["--maintenance"]):
            done = run(*asked, *more, "--dry-run")
            assert (done.exit_code, events(done)[-1]["unsent"], reader.opened) == (0, 3, []), done.output
    done = run(*asked, "--maintenance", "--yes")
    assert (done.exit_code, reader.opened) == (0, [("PORT", True)]), done.output
    done = run(*asked, "--maintenance", type="y\n")
    assert len(reader.opened) == 2, done.output


def test_refusals_have_a_code_a_next_step_and_their_exit(reader: Reader, key_file: Path, tmp_path: Path) -> None:
    report = tmp_path / "cards.jsonl"
    done = run("personalise", "card", ALI, *way(key_file, report), "--timeout", "0")
    assert (done.exit_code, events(done)[-1]["code"]) == (3, "D20")
    reader.field.lay(personalise(blank("classic"), KEYS, SARA))
    done = run("personalise", "card", ALI, *way(key_file, report), "--yes")
    assert (done.exit_code, events(done)[-1]["code"]) == (5, "D27")
    assert "--reassign" in done.stderr and str(SARA) not in done.output
    assert "Traceback" not in done.output
    assert json.loads(report.read_text().splitlines()[-1])["result"] == "refused"


def test_verify_tells_what_a_card_is(reader: Reader, key_file: Path) -> None:
    blank_card, mine = blank("ntag213"), personalise(blank("ntag424"), KEYS, ALI, host=HOST)
    reader.field.lay(blank_card)
    done = run("personalise", "verify", *way(key_file))
    assert (done.exit_code, events(done)[0]["stage"], events(done)[0]["member"]) == (0, "blank", 0), done.output
    reader.field.clear()
    reader.field.lay(mine)
    done = run("personalise", "verify", *way(key_file))
    assert events(done) == [
        {"v": 1, "event": "state", "kind": "ntag424", "stage": "done", "member": ALI, "verified": True}
    ]
    reader.field.clear()
    reader.field.lay(personalise(blank("ntag213"), OTHER_KEYS, ALI))
    done = run("personalise", "verify", *way(key_file))
    assert (done.exit_code, events(done)[0]["code"]) == (5, "D26")


def test_an_unfinished_batch_has_its_own_exit_code(reader: Reader, key_file: Path, tmp_path: Path) -> None:
    members, report = tmp_path / "members.csv", tmp_path / "cards.jsonl"
    members.write_text("member\n1001\n1002\n")
    batch = ["personalise", "batch", members, *way(key_file, report), "--yes", "--timeout", "0.3"]
    done = run(*batch, "--dry-run")
    assert done.exit_code == 0 and not report.exists(), done.output
    reader.field.lay(blank("classic"))
    done = run(*batch)
    assert done.exit_code == 8 and events(done)[-1] == {"v": 1, "event": "batch", "done": 1, "open": [1002]}, (
        done.output
    )
    members.write_text("member\nx\n")
    assert run(*batch).exit_code == 9


def test_what_a_person_interrupts_leaves_the_field_off(
    reader: Reader, key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def interrupted(*_: object) -> None:
        await desk_find(*_)
        raise KeyboardInterrupt

    async def desk_find(desk: PersonalisationDesk, *_: object) -> None:
        await desk._relay.find()
        assert reader.field.on

    reader.field.lay(blank("classic"))
    monkeypatch.setattr(PersonalisationDesk, "fulfil", interrupted)
    done = run("personalise", "card", ALI, *way(key_file, tmp_path / "r.jsonl"), "--yes")
    assert done.exit_code == 130 and not reader.field.on


def test_a_wrong_passphrase_is_told_before_the_terminal_is_touched(reader: Reader, key_file: Path) -> None:
    done = run("personalise", "verify", *way(key_file), environment={"OFFICE": "something else altogether"})
    assert (done.exit_code, events(done)[0]["code"], reader.opened) == (7, "D11", [])
    done = run("personalise", "verify", "--port", "P", "--keys", key_file, "--passphrase-env", "NOT_SET")
    assert (done.exit_code, events(done)[0]["code"]) == (7, "D14")


def test_finished_cards_are_bound_at_the_switch_from_the_report(reader: Reader, key_file: Path, tmp_path: Path) -> None:
    from tools.bench_switch.cli import main as switch
    from tools.bench_switch.ledger import Ledger

    report, database = tmp_path / "cards.jsonl", f"sqlite:///{tmp_path}/books.db"
    cards = [(blank("ntag424"), ALI), (blank("classic"), SARA)]
    for card, member in cards:
        reader.field.clear()
        reader.field.lay(card)
        assert run("personalise", "card", member, *way(key_file, report), "--yes").exit_code == 0
    reader.field.clear()
    reader.field.lay(cards[1][0])
    assert run("personalise", "card", ALI, *way(key_file, report), "--yes").exit_code == 5
    done = CliRunner().invoke(cli.main, ["personalise", "finished", str(report)])
    assert done.stdout == f"{cards[0][0].uid.hex().upper()} {ALI} --way sun\n9C599B32 {SARA} --way legacy\n"
    by_group = CliRunner().invoke(cli.main, ["personalise", "finished", str(report), "--aes-way", "group"])
    assert by_group.stdout == done.stdout.replace("sun", "group"), "a shop group's terminals read AES cards themselves"
    for name, number in (("ali", ALI), ("sara", SARA)):
        CliRunner().invoke(switch, ["--database", database, "member", "add", name, "--number", str(number)])
    for line in done.stdout.splitlines():
        bound = CliRunner().invoke(switch, ["--database", database, "card", "add", *line.split()])
        assert bound.exit_code == 0, bound.output
    books = Ledger(database)
    assert {card.uid for card in books.cards()} == {card.uid.hex().upper() for card, _ in cards}
    books.close()


# --- keys -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    real = keyfile.save
    monkeypatch.setattr(keyfile, "save", lambda path, keys, secret: real(path, keys, secret, cost=1 << 14))


@pytest.mark.usefixtures("cheap")
def test_new_keys_are_asked_for_a_passphrase_twice_and_shown_by_check_value(tmp_path: Path) -> None:
    path = tmp_path / "new.keys"
    done = run("keys", "new", path, "--version", 4, type=f"{PASSPHRASE}\nanother {PASSPHRASE}\n")
    assert (done.exit_code, path.exists()) == (7, False), done.output
    done = run("keys", "new", path, "--version", 4, type=f"{PASSPHRASE}\n{PASSPHRASE}\n")
    assert done.exit_code == 0, done.output
    made = keyfile.load(path, PASSPHRASE)
    assert events(done)[0]["check"] == keyfile.check_values(made) and events(done)[0]["version"] == 4
    shown = run("keys", "show", path, "--passphrase-env", "OFFICE")
    assert events(shown)[0] == events(done)[0]
    for key in (getattr(made, name) for name in keyfile.NAMES):
        assert key.hex() not in (done.output + shown.output).lower()
    assert PASSPHRASE not in done.output
    again = run("keys", "new", path, "--version", 5, type=f"{PASSPHRASE}\n{PASSPHRASE}\n")
    assert again.exit_code == 9 and keyfile.load(path, PASSPHRASE) == made


def test_no_option_takes_a_passphrase_itself() -> None:
    for command in (*secrets_cli.keys.commands.values(), *cli.personalise.commands.values()):
        names = {name for option in command.params for name in option.opts}
        assert not names & {"--passphrase", "--password", "-p"}


def test_a_passphrase_may_come_from_a_descriptor(key_file: Path) -> None:
    out, into = os.pipe()
    os.write(into, PASSPHRASE.encode() + b"\nmore\n")
    os.close(into)
    try:
        assert run("keys", "show", key_file, "--passphrase-fd", out).exit_code == 0
    finally:
        os.close(out)
    assert run("keys", "show", key_file, "--passphrase-fd", 987).exit_code == 7


def test_the_group_key_goes_into_a_terminals_keys_after_a_yes(key_file: Path, tmp_path: Path) -> None:
    into = tmp_path / "keys.json"
    into.write_text(json.dumps({"kid": 1, "mac_out": "00", "card_group": "ff"}))
    group = ["keys", "group", key_file, "--into", into, "--passphrase-env", "OFFICE"]
    before = into.read_text()
    assert run(*group, type="n\n").exit_code == 5 and into.read_text() == before
    done = run(*group, type="y\n")
    assert done.exit_code == 0, done.output
    assert json.loads(into.read_text()) == {"kid": 1, "mac_out": "00", "card_group": KEYS.group.hex()}
    assert stat.S_IMODE(into.stat().st_mode) == 0o600
    for name in keyfile.NAMES:
        assert getattr(KEYS, name).hex() not in done.output
    assert "already" in run(*group).stderr
    into.write_text("[]")
    assert run(*group, "--yes").exit_code == 9 and into.read_text() == "[]"


# --- help -----------------------------------------------------------------------------------------------------------


def test_each_list_of_commands_fits_a_window_and_cuts_no_sentence() -> None:
    groups = [[], *([name] for name, kind in cli.main.commands.items() if isinstance(kind, click.Group))]
    assert len(groups) > 4
    for words in groups:
        shown = CliRunner().invoke(cli.main, [*words, "--help"], terminal_width=80).output
        assert "Commands:" in shown and "..." not in shown.partition("Commands:")[2], shown


@pytest.mark.parametrize("name", ["accept", "backup", "flash", "repl", "update", "verify", "wipe"])
def test_a_command_that_stops_a_till_says_so_in_its_help(name: str) -> None:
    text = cli.main.commands[name].help or ""
    assert "question" in text or "asks first" in text, text


@pytest.mark.parametrize("name", ["card", "batch", "verify"])
def test_making_cards_says_beside_the_option_that_it_asks(name: str) -> None:
    options = {option.name: option for option in cli.personalise.commands[name].params}
    stops = options["maintenance"]
    assert isinstance(stops, click.Option) and "after a question" in (stops.help or "") and "yes" in options


# --- codes ----------------------------------------------------------------------------------------------------------


def all_errors() -> dict[str, type[errors.DeviceError]]:
    found: dict[str, type[errors.DeviceError]] = {}
    todo = [errors.DeviceError]
    while todo:
        for kind in todo.pop().__subclasses__():
            todo.append(kind)
            if "code" in kind.__dict__:
                assert kind.code not in found, kind
                found[kind.code] = kind
    return found


def test_every_code_is_a_heading_of_the_troubleshooting_page_with_its_words() -> None:
    headings = dict(re.findall(r"^### ([A-Z]\d\d) (.+)$", PAGE.read_text(), re.MULTILINE))
    titles = {code: kind.title for code, kind in all_errors().items()}
    assert titles.items() <= headings.items()
    assert {code for code in headings if code[0] == "D"} <= titles.keys(), "the page explains what no command says"
    assert all(kind.next_step and 2 <= kind.exit_code <= 9 for kind in all_errors().values())
