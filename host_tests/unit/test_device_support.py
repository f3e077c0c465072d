"""A support file tells what helps and nothing that belongs to somebody; health says first what to do."""

from __future__ import annotations

import ast
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from firmware.service import faults
from tools.device import cli, crash, findings, health, logs, support_bundle
from tools.device.asking import Refused, RightNeeded, Terminal, Unasked
from tools.device.errors import TerminalSilent
from tools.device.findings import Check
from tools.device.probing import Answers, Found
from tools.device.redaction import MASK, Redactor

ROOT = Path(__file__).resolve().parents[2]
CANARIES = {
    "key": "8f4e0c51d2b39a7760ee12ab34cd56ef",
    "pin": "4915",
    "mobile": "09127654321",
    "name": "Shirin Farrokhzad",
    "persian name": "شیرین فرخزاد",
    "demo name": "maryam",
    "uid": "04E1F2A3B4C5D6",
    "short uid": "9C59B32E",
    "passphrase": "hunter-of-turtles-77",
}
CHECKS: list[dict[str, Any]] = [
    {"code": "R01", "state": "ok", "value": "92", "unit": "", "text": "reader version"},
    {"code": "L04", "state": "fail", "value": 2300, "unit": "ms", "text": "name server"},
    {"code": "S05", "state": "warn", "value": 2, "unit": "sectors", "text": "sectors that failed"},
    {"code": "S03", "state": "not run", "value": None, "unit": "", "text": "journal"},
]


class Fake:
    """A terminal that answers from a table; `seeded` puts something into every place of every answer."""

    def __init__(self, seed: str = "") -> None:
        self.refuses: dict[str, Exception] = {}
        self.asked: list[str] = []
        self.answers: dict[str, dict[str, Any]] = {
            "hello": {
                "tid": "VAFA0001",
                "serial": "f412fa4a8b68",
                "board": "s3",
                "fw": "1.4.0",
                "unsent": 3,
                "boot": 12,
            },
            "health.quick": {"state": "fail", "checks": CHECKS},
            "health.starts": {
                "name": "",
                "starts": [{"utc": 1790000000, "kind": "power on", "before": "idle, up 95 min"}],
            },
            "health.week": {"signal_dbm": [-60, -77, 0, -84], "reconnects": [0, 1, 0, 0]},
            "reader.antenna": {"taps": 100, "ends": {"ok": 91, "left early": 7, "crc": 2}},
            "queue.count": {"waiting": 3, "unanswered": 0, "rejected": 0, "oldest_s": 7200},
            "mem.info": {"free": 50000, "used": 90000, "stack": 512},
            "log.tail": {
                "lines": ["12 I00 signed on", "99 L04 session: OSError -2", "120 I00 SEQ 4711 goes once more"]
            },
            "health.fault": {
                "record": '--- task\nFile "firmware/switch/link.py", line 12, in connect\nValueError: sum\n'
            },
            "config.get": {"settings": {"terminal_id": "VAFA0001", "switch_port": 8583, "wifi_ssid": "shop-a"}},
            "status": {"lines": ["link online", "3 waiting"]},
            "log.follow": {"follow": "all"},
        }
        if seed:
            for answer in self.answers.values():
                answer.update({"note": seed, "pin": seed, "name": {"deep": [seed]}})
            self.answers["health.quick"]["checks"] = [
                {**each, "value": seed, "text": seed, "x": seed} for each in CHECKS
            ]
            self.answers["health.starts"]["starts"] = [{"kind": f"reset {seed}", "before": seed, "utc": 1, "x": seed}]
            self.answers["log.tail"]["lines"] += [
                f"7 I00 {seed}",
                f"8 X00 story: ValueError {seed}",
                f"{seed} signed on",
                f'{{"pin":"{seed}"}}',
                " ".join(seed),
                "-".join(re.findall("..?", seed)),
            ]
            self.answers["health.fault"]["record"] += f'ValueError: {seed}\n| clerk {seed}\nFile "{seed}.py"\n'
            self.answers["config.get"]["settings"] |= {
                "merchant_name": seed,
                "tmk": seed,
                "wifi_psk": seed,
                "survey_question": seed,
                seed: 1,
                "language": seed,
            }
            self.answers["status"]["lines"].append(f"member {seed}")
            self.refuses["link.info"] = Refused(f"it says {seed}")
        self.found = Found(Answers.APPLICATION, "P", "s3", terminal="VAFA0001")

    def ask(self, method: str, params: dict[str, Any] | None = None, *, timeout: float = 35.0) -> dict[str, Any]:
        self.asked.append(method)
        if method in self.refuses:
            raise self.refuses[method]
        if method not in self.answers:
            raise Refused(f"its program does not know {method}")
        return self.answers[method]

    def perhaps(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any] | Unasked:
        return Terminal.perhaps(self, method, params)  # type: ignore[arg-type]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    made = Fake()

    @contextmanager
    def asked(_contact: object) -> Iterator[Fake]:
        yield made

    for module in (crash, health, logs, support_bundle):
        monkeypatch.setattr(module, "asked", asked)
    return made


def run(*options: str) -> tuple[Result, list[dict[str, Any]]]:
    result = CliRunner().invoke(cli.main, list(options), catch_exceptions=False)
    return result, [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]


def bundled(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


@pytest.mark.parametrize("kind", sorted(CANARIES))
def test_a_secret_planted_in_every_place_is_nowhere_in_the_zip(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Fake(CANARIES[kind])

    @contextmanager
    def asked(_contact: object) -> Iterator[Fake]:
        yield made

    monkeypatch.setattr(support_bundle, "asked", asked)
    assert run("bundle", "--port", "P", "--to", str(tmp_path / "b.zip"))[0].exit_code == 0
    parts = bundled(tmp_path / "b.zip")
    assert set(parts) >= {"report.html", "findings.json", "log.txt", "crash.txt", "settings.json", "starts.json"}
    for name, text in parts.items():
        plain = re.sub(r"[\s\-]", "", text).lower()
        for piece in (CANARIES[kind], *CANARIES[kind].split()):
            assert re.sub(r"[\s\-]", "", piece).lower() not in plain, (name, piece)


def test_what_helps_does_pass(fake: Fake, tmp_path: Path) -> None:
    result, events = run("bundle", "--port", "P", "--json", "--to", str(tmp_path / "b.zip"))
    assert result.exit_code == 0 and events[-1]["state"] == findings.FAIL
    parts = bundled(tmp_path / "b.zip")
    assert list(parts)[:2] == ["report.html", "findings.json"]
    assert parts["log.txt"].splitlines() == fake.answers["log.tail"]["lines"]
    assert parts["crash.txt"].splitlines() == fake.answers["health.fault"]["record"].splitlines()
    assert json.loads(parts["settings.json"]) == {
        "terminal_id": "VAFA0001",
        "switch_port": 8583,
        "wifi_ssid": "6 characters",
    }
    document = json.loads(parts["findings.json"])
    assert [finding["code"] for finding in document["findings"]] == ["L04", "S05"]
    assert document["findings"][0]["next"] == findings.advice("L04").next_step != ""
    assert any("flash.info" in line for line in document["facts"]["unasked"])
    assert (tmp_path / "b.zip").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("lang", ["en", "fa"])
def test_the_page_is_one_file_with_the_findings_before_everything_else(fake: Fake, tmp_path: Path, lang: str) -> None:
    run("bundle", "--port", "P", "--lang", lang, "--to", str(tmp_path / "b.zip"))
    page = bundled(tmp_path / "b.zip")["report.html"]
    assert not re.search(r"(?:src|href)=|@import|url\(|https?://", page)
    assert page.index("L04") < page.index("S05") < page.index("f412fa4a8b68")
    assert page.count("<rect") == 6
    assert f'dir="{"rtl" if lang == "fa" else "ltr"}"' in page
    title = findings.advice("L04", lang).title
    assert title in page and ("در" in page) == (lang == "fa")


def test_an_answer_with_markup_stays_text(fake: Fake, tmp_path: Path) -> None:
    fake.answers["health.quick"]["checks"] = [
        {"code": "R01", "state": "fail", "value": "<b>1</b>", "unit": "<b>", "text": "<i>"}
    ]
    fake.answers["hello"]["tid"] = "<script>"
    run("bundle", "--port", "P", "--to", str(tmp_path / "b.zip"))
    page = bundled(tmp_path / "b.zip")["report.html"]
    assert "<script>" not in page and "<b>" not in page


def test_health_says_the_verdict_first_and_fails_when_a_check_failed(fake: Fake) -> None:
    result, events = run("health", "--port", "P", "--json")
    assert result.exit_code == 1
    said = result.stderr.splitlines()
    assert said[0] == findings.verdict(findings.checks_of(fake.answers["health.quick"])) and "L04" in said[0]
    assert any(findings.advice("L04").next_step[:40] in " ".join(said) for _ in [0])
    checks = [event for event in events if event["event"] == "check"]
    assert [check["code"] for check in checks] == ["R01", "L04", "S05", "S03"] and checks[0]["next"] == ""
    fake.answers["health.quick"]["checks"] = CHECKS[:1] + CHECKS[2:3]
    assert run("health", "--port", "P")[0].exit_code == 0
    fake.refuses["health.quick"] = RightNeeded("health")
    assert run("health", "--port", "P")[0].exit_code == 7


def test_every_check_has_words_in_both_languages() -> None:
    source = "".join((ROOT / "firmware/service" / name).read_text() for name in ("checks.py", "deep_checks.py"))
    told = set(re.findall(r'(?:check|judged)\("([A-Z]\d\d)", "([^"]+)"', source))
    assert len(told) > 30 and {name for _, name in told} - set(findings.NAMES_FA) == set(), "name them in Persian, too"
    for code, _ in told:
        assert findings.advice(code).next_step, code
        known = findings.advice(code, "fa")
        assert re.search("[آ-ی]", known.title) and re.search("[آ-ی]", known.next_step), code


def _words_beside_figures() -> set[str]:
    """What the checks of the firmware say beside their figures."""
    found: set[str] = set()
    for name in ("checks.py", "deep_checks.py"):
        for node in ast.walk(ast.parse((ROOT / "firmware/service" / name).read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("check", "judged"):
                said = [part for argument in node.args[2:5] for part in ast.walk(argument)]
                found |= {part.value for part in said if isinstance(part, ast.Constant) and isinstance(part.value, str)}
    return found - {"", "safe", "{:02X}", "release", "config", ", ", " ", "block"} | {"safe"}


def test_what_was_measured_is_told_in_persian_but_for_units_and_check_values() -> None:
    words = _words_beside_figures()
    assert {"a day", "days", "silent", "ms, worst {} {}"} <= words
    for word in words:
        said = findings.measured_of(Check("R01", "ok", word.replace("{}", "7")), "fa")
        assert not re.search("[A-Za-z]", said.replace("dBm", "")), (word, said)
    told = [Check("L02", "ok", "-52 dBm"), Check("K28", "ok", "123456 check value"), Check("F01", "ok", "a")]
    assert [findings.measured_of(one, "fa") for one in told] == ["-۵۲ dBm", "123456 مقدار کنترل", "a"]
    assert [findings.measured_of(one, "en") for one in told] == [one.measured for one in told]


def test_health_and_bundle_are_persian_wherever_the_language_is_named(fake: Fake, tmp_path: Path) -> None:
    for words in (["health", "--port", "P", "--lang", "fa"], ["--lang", "fa", "health", "--port", "P"]):
        said = run(*words)[0].stderr
        assert "اندازه" in said and "measured" not in said and "خراب" in said
    said = run("bundle", "--port", "P", "--lang", "fa", "--to", str(tmp_path / "b.zip"))[0].stderr
    assert "ذخیره شد" in said and "saved in" not in said


@pytest.mark.parametrize(
    ("states", "begins"),
    [
        (["ok", "ok"], "Everything is in order: all 2"),
        (["ok", "warn"], "It works. 1 of 2"),
        (["ok", "warn", "fail"], "It needs help: 1 of 3"),
        (["not run"], "Nothing could be checked"),
        ([], "Nothing could be checked"),
        (["ok", "not run"], "Everything is in order: all 1 checks are fine. 1 could not"),
    ],
)
def test_the_verdict_is_one_plain_line(states: list[str], begins: str) -> None:
    assert findings.verdict([Check("R01", state) for state in states]).startswith(begins)


@pytest.mark.parametrize(
    ("line", "passes"),
    [
        ("12 I00 signed on", True),
        ("3 L04 session: OSError -2", True),
        ("8 I00 SEQ 471123 goes once more", True),
        ('  File "firmware/switch/link.py", line 120, in connect', True),
        ("7 C03 card ..F4A1 try 2: CardLeft", True),
        ("7 I00 clerk 2 needs a supervisor: refund", True),
        ("4 I00 pin 4915", False),
        ("4 I00 0912 765 43 21", False),
        ("4 I00 912 765 432", False),
        ("4 I00 card 04 E1 F2 A3", False),
        ("4 I00 ۴۹۱۵", False),
    ],
)
def test_a_line_passes_word_by_word(line: str, passes: bool) -> None:
    said = Redactor().log_line(line)
    assert (MASK not in said) == passes, said


class Words:
    """A line to a terminal that answers words alone."""

    def type(self, words: str, _seconds: float) -> list[str]:
        return ["not selling: S07 no journal of ours", "board s3"] if words == "status" else [f"pin {CANARIES['pin']}"]


@pytest.mark.parametrize(("hello", "code"), [(None, "S07"), ({"tid": "VAFA0001", "mode": "safe"}, "F02")])
def test_a_terminal_that_does_not_sell_gets_its_findings_too(
    fake: Fake, tmp_path: Path, hello: dict[str, Any] | None, code: str
) -> None:
    fake.answers.clear()
    fake.refuses["hello"] = TerminalSilent("no answer to hello")
    if hello is not None:
        fake.answers["hello"], fake.refuses = hello, {}
    vars(fake)["line"] = Words()
    result, events = run("health", "--port", "P", "--json")
    assert result.exit_code == 1 and events[0]["code"] == code and events[0]["next"]
    assert run("bundle", "--port", "P", "--to", str(tmp_path / "b.zip"))[0].exit_code == 0
    parts = bundled(tmp_path / "b.zip")
    assert code in [finding["code"] for finding in json.loads(parts["findings.json"])["findings"]]
    assert CANARIES["pin"] not in "".join(parts.values())


def test_a_terminal_that_falls_silent_in_the_middle_leaves_what_came_before(fake: Fake, tmp_path: Path) -> None:
    for method in list(fake.answers)[5:]:
        fake.refuses[method] = TerminalSilent(f"no answer to {method}")
    result, _ = run("bundle", "--port", "P", "--to", str(tmp_path / "b.zip"))
    assert result.exit_code == 0
    parts = bundled(tmp_path / "b.zip")
    assert "starts.json" in parts and "log.txt" not in parts
    assert len(fake.asked) <= 12
    assert "not asked any more" in parts["report.html"] or MASK in parts["report.html"]


def test_logs_show_faults_and_follow_with_what_was_lost(fake: Fake) -> None:
    class Line:
        def events(self, _seconds: float) -> list[dict[str, Any]]:
            return [
                {"event": "log", "seq": 4, "line": "5 I00 signed on"},
                {"event": "log", "seq": 9, "line": "6 L04 x"},
            ]

        def call(self, *_: object, **__: object) -> dict[str, Any]:
            return {}

    vars(fake)["line"] = Line()
    result, events = run("logs", "-f", "--for", "0.01", "--port", "P", "--json")
    assert result.exit_code == 0
    assert {"v": 1, "event": "log", "s": 99, "code": "L04", "text": "session: OSError -2"} in events
    assert events[-1]["event"] == "lost" and events[-1]["lines"] >= 4


def test_a_fault_is_told_readably_and_cleared_only_on_request(fake: Fake) -> None:
    fake.answers["health.fault"]["record"] = (
        "--- main\nTraceback (most recent call last):\n"
        '  File "firmware/app.py", line 88, in run\n  File "firmware/switch/link.py", line 12, in connect\n'
        "ValueError: sum 09127654321\n| up 120 s heap 5000\n| 118 I00 signed on\n"
    )
    fake.answers["health.forget_fault"] = {"record": ""}
    result, events = run("crash", "--port", "P", "--json")
    assert result.exit_code == 0 and "health.forget_fault" not in fake.asked
    told = events[0]
    assert told["where"] == "main" and told["error"] == f"ValueError: sum {MASK}"
    assert told["places"][-1] == ["firmware/switch/link.py", 12, "connect"]
    assert told["more"] == ["up 120 s heap 5000", "118 I00 signed on"]
    assert "firmware/switch/link.py, line 12, connect" in result.stderr
    assert run("crash", "--port", "P", "--clear", "--dry-run")[0].exit_code == 5
    assert "health.forget_fault" not in fake.asked
    assert run("crash", "--port", "P", "--clear", "--yes")[0].exit_code == 0
    assert fake.asked[-1] == "health.forget_fault"


def test_a_record_that_was_read_is_removed_from_the_terminal(tmp_path: Path) -> None:
    path = str(tmp_path / "fault.txt")
    faults.record("ValueError: sum", "main", path)
    assert "ValueError" in faults.newest(path)
    faults.forget(path)
    faults.forget(path)
    assert faults.newest(path) == ""


def test_a_support_file_that_cannot_be_written_is_no_bad_backup(fake: Fake, tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    for target in (tmp_path / "taken", tmp_path / "taken" / "x.zip"):
        result, events = run("bundle", "--json", "--to", str(target))
        assert (result.exit_code, events[-1]["code"]) == (9, "D68"), result.output
