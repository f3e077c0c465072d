"""The switch's side of downloads: the rules file, what the office publishes and signs with, the command line."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from firmware.loyalty.rules import Rules
from firmware.settings import PROGRAMME, SWITCH, declared_settings
from host_tests.unit.bench_client import ALI, MERCHANT, NOW, SARA, TERMINAL, furnish
from tools.bench_switch import publisher as publishing
from tools.bench_switch import rules_file
from tools.bench_switch.cli import main
from tools.bench_switch.earning import Occasion, breakdown
from tools.bench_switch.errors import CODES, LedgerError
from tools.bench_switch.ledger import Ledger
from tools.bench_switch.programme import Programme
from tools.bench_switch.publisher import Publisher
from tools.device.errors import KeyFileDamaged, KeyFileForeign, KeyFileMissing, PassphraseUnfit, WrongPassphrase
from tools.release import signing
from tools.release.__main__ import main as release
from tools.release.files import CONFIG, EARNING, FileError, hotlist_body, signed
from tools.sim.demo_signer import demo_signer

PASSPHRASE = "correct horse battery"
CHEAP = 1 << 14


def office(clock=lambda: NOW) -> Publisher:
    ledger = Ledger("sqlite://")
    furnish(ledger)
    return Publisher(ledger, demo_signer(), clock)


def bodies(ledger: Ledger) -> list[tuple[int, int, str, bytes]]:
    rows = []
    for one in ledger.publications():
        content = ledger.publication_content(one.id)
        rows.append((one.role, one.version, one.terminal_id, content[42:-384]))
    return rows


# --- what may be set --------------------------------------------------------------------------------------------------


def test_the_switch_knows_exactly_the_settings_it_may_change_and_their_ranges():
    changeable = [one for one in declared_settings() if one.who == SWITCH and one.name != "ruleset"]
    assert {one.name: (one.kind, one.low, one.high) for one in changeable} == publishing.SETTINGS
    assert {one.name: one.count for one in changeable if one.kind == "ints"} == publishing.COUNTS
    of_rules = [one for one in declared_settings() if one.who == PROGRAMME]
    assert {one.name: (one.kind, one.low, one.high, *one.count) for one in of_rules} == rules_file.TERMINAL
    assert rules_file.EARNING == EARNING


def test_a_rule_has_the_same_default_in_settings_in_the_rules_and_at_the_switch():
    plain, switch = Rules(1000, 1, 500, 100, 100), Programme()
    for one in declared_settings():
        if one.who == PROGRAMME:
            default = one.checked(one.default)
            assert getattr(plain, one.name) == default, one.name
            assert getattr(switch, rules_file.field_of(one.name)) == default, one.name
    assert set(rules_file.terminal_values(switch)) == set(EARNING)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("offline_earn", "yes"),
        ("max_amount", "0"),
        ("max_amount", "-1"),
        ("max_amount", "1e3"),
        ("max_amount", "007"),
        ("again_within_s", "3601"),
        ("merchant_name", "x" * 33),
        ("merchant_name", "two\nlines"),
        ("staff_roles", "2 1 1 1 1 2 1 1"),
        ("staff_roles", "2 1 1 1 1 2 1 1 4"),
        ("staff_roles", "2 1 1 1 1 2 1 1 1 1 2 2"),
        ("staff_limits", "1,2,3,4,5"),
        ("switch_host", "evil"),
        ("earn_rate", "2"),
        ("ruleset", "9"),
    ],
)
def test_what_no_terminal_would_take_is_not_published(name, value):
    made = office()
    with pytest.raises(LedgerError, match=name):
        made.set_config({name: value})
    assert made._ledger.publications() == []


def test_a_terminals_own_wish_goes_over_its_merchants_and_is_the_newer_file():
    made = office()
    made._ledger.add_terminal("VAFA0002", "OTHER-SHOP", b"1" * 16, b"2" * 16)
    assert made.set_config({"max_amount": "900"}, terminal=TERMINAL) == 1
    assert made.set_config({"max_amount": "500", "offline_earn": "false"}) == 3  # two merchants, one of its own
    assert made.set_config({"offline_earn": None}, merchant=MERCHANT) == 2
    newest = {place: body for _, _, place, body in bodies(made._ledger)}
    assert newest[""] == b"config 1\nmax_amount=500\n"
    assert newest[TERMINAL] == b"config 1\nmax_amount=900\n"
    versions = [version for _, version, _, _ in bodies(made._ledger)]
    assert versions == sorted(set(versions))
    with pytest.raises(LedgerError, match="no terminal"):
        made.set_config({"max_amount": "1"}, terminal="NOBODY")
    with pytest.raises(LedgerError, match="merchant"):
        made.set_config({"max_amount": "1"}, merchant="NOBODY")


def test_the_hotlist_is_the_blocked_cards_sorted():
    made = office()
    made._ledger.set_card(SARA, "lost")
    made._ledger.set_card(ALI, "stolen")
    assert made.publish_hotlist() == 2
    assert bodies(made._ledger)[-1][3].hex().upper() == f"{SARA}0000000729" + f"{ALI}000000000000042B"


def test_a_file_has_bounds():
    with pytest.raises(FileError, match="5000"):
        hotlist_body((f"{number:08X}", 41) for number in range(5001))
    assert len(signed(demo_signer(), 3, 1, "M", "", bytes(12 * 5000), NOW)) <= 65_536
    for version in (0, 65_536):
        with pytest.raises(FileError, match="version"):
            signed(demo_signer(), CONFIG, version, "M", "", b"", NOW)
    with pytest.raises(FileError, match="15 characters"):
        signed(demo_signer(), CONFIG, 1, "M" * 16, "", b"", NOW)
    with pytest.raises(FileError, match="bytes"):
        signed(demo_signer(), CONFIG, 1, "M", "", bytes(65_536), NOW)


# --- the rules file ---------------------------------------------------------------------------------------------------


def rules(tmp_path: Path, text: str, name: str = "rules.toml") -> Programme:
    path = tmp_path / name
    path.write_text(text)
    return rules_file.load(path)


def test_a_rules_file_is_what_the_switch_computes_by_and_what_terminals_load(tmp_path):
    text = "version = 4\nearn_unit = 700\nearn_rate = 3\nredeem_threshold = 250\nredeem_step = 50\npoint_value = 120\n"
    programme = rules(tmp_path, text)
    assert rules(tmp_path, json.dumps(rules_file.source_of(programme)), "rules.json") == programme
    values = rules_file.terminal_values(programme)
    at_terminal = Rules(*(int(str(values[name])) for name in ("earn_unit", "earn_rate", "redeem_threshold")), 50, 120)
    for amount in (0, 1, 699, 700, 1399, 1400, 10**9 + 13, 10**12 - 1):
        assert at_terminal.earned(amount) == sum(breakdown(programme, amount, Occasion()).values())
    for points in range(0, 1000, 10):
        assert at_terminal.may_redeem(points, 10_000) == programme.redemption_allowed(points)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("earn_unit = 0", "earn_unit: 1 to"),
        ("earn_rate = 1001", "earn_rate: 0 to"),
        ("earn_unit = 1.5", "earn_unit: a whole number"),
        ("earn_unit = true", "earn_unit: a whole number"),
        ("rial_per_point = 5", "rial_per_point: no such rule"),
        ("bonus = 5", "bonus: no such rule"),
        ("open_provisional = 1", "open_provisional: true or false"),
        ("tier_percent = [100, 110]", "tier_percent: 4 whole numbers"),
        ("tier_percent = [100, 110, 120, -1]", "tier_percent: no number below 0"),
        ("tier_percent = [90, 110, 120, 130]", "tier_percent: 4 whole numbers, 100 to 1000"),
        ('happy_days = ["monday", "someday"]', "happy_days: of saturday"),
        ("currencies = [[364, 1]]", "currencies: [code, numerator, denominator]"),
        ('rewards = [[1, 500, 50000, "A name much too long"]]', "rewards: names of 1 to 14"),
        ('rewards = [[1, 500, 50000, "Mug;2 1 1 Car"]]', "no semicolon"),
        ('rewards = [[10, 500, 50000, "Mug"]]', "rewards: numbers 1 to 9"),
        ('survey_question = "' + "x" * 33 + '"', "survey_question: one line of 0 to 32"),
        ('sms = ["poetry"]', "sms: of confirmed"),
        ("version = 0", "version: 1 to"),
        ("version = 70000", "version: 1 to"),
        ("earn_unit = ", "rules.toml"),
        ("allowance_percent = 90", "allowance"),
    ],
)
def test_a_rules_file_that_cannot_be_says_where(tmp_path, text, says):
    with pytest.raises(LedgerError, match=re.escape(says)) as refused:
        rules(tmp_path, text)
    assert refused.value.code == "B90"


def test_rules_that_change_need_a_higher_version():
    made = office()
    assert made.publish_rules(Programme(version=3)) == 1
    assert made.publish_rules(Programme(version=3)) == 0  # the same again is no change
    for programme in (Programme(version=3, earn_rate=2), Programme(version=2)):
        with pytest.raises(LedgerError, match="higher"):
            made.publish_rules(programme)
    assert made.publish_rules(Programme(version=4, earn_rate=2)) == 1


# --- keys -------------------------------------------------------------------------------------------------------------


def test_a_key_file_gives_its_key_back_to_its_passphrase_alone(tmp_path):
    path, signer = tmp_path / "config.key", demo_signer()
    signing.save(path, signer, PASSPHRASE, CHEAP)
    assert path.stat().st_mode & 0o777 == 0o600
    assert signing.load(path, PASSPHRASE).modulus == signer.modulus
    with pytest.raises(WrongPassphrase):
        signing.load(path, PASSPHRASE + "x")
    with pytest.raises(KeyFileMissing):
        signing.save(path, signer, PASSPHRASE, CHEAP)
    with pytest.raises(PassphraseUnfit):
        signing.save(tmp_path / "other.key", signer, "too short", CHEAP)
    assert not (tmp_path / "other.key").exists()
    content = json.loads(path.read_text())
    for change, error in (
        ({"kind": "vafa-issuer-keys"}, KeyFileForeign),
        ({"kdf": {**content["kdf"], "n": 1 << 30}}, KeyFileDamaged),
        ({"nonce": "00" * 11}, KeyFileDamaged),
        ({"nonce": "00" * 12}, WrongPassphrase),
        ({"sealed": "zz"}, KeyFileDamaged),
    ):
        path.write_text(json.dumps({**content, **change}))
        with pytest.raises(error):
            signing.load(path, PASSPHRASE)
    path.write_text("no JSON")
    with pytest.raises(KeyFileDamaged):
        signing.load(path, PASSPHRASE)
    with pytest.raises(KeyFileMissing):
        signing.load(tmp_path / "gone", PASSPHRASE)


# --- the command line -------------------------------------------------------------------------------------------------


def test_the_office_publishes_on_the_command_line(tmp_path, monkeypatch):
    monkeypatch.setenv("PW", PASSPHRASE)
    monkeypatch.setattr(signing, "DEFAULT_COST", CHEAP)
    monkeypatch.setattr(signing, "new_signer", demo_signer)
    monkeypatch.setattr(signing.save, "__defaults__", (CHEAP,))
    key, url = tmp_path / "config.key", f"sqlite:///{tmp_path}/books.db"
    run = CliRunner().invoke
    assert run(release, ["new", str(key), "--passphrase-env", "PW"]).exit_code == 0
    out = tmp_path / "config-keys.bin"
    assert run(release, ["public", str(key), "--out", str(out), "--passphrase-env", "PW"]).exit_code == 0
    assert out.read_bytes() == demo_signer().modulus
    ledger = Ledger(url)
    furnish(ledger)
    ledger.close()

    def bench(*words: str, signs: bool = True) -> str:
        more = ["--config-key", str(key), "--passphrase-env", "PW"] if signs else []
        done = run(main, ["--database", url, *words, *more])
        assert "Traceback" not in done.output
        return done.output

    assert "1 files published" in bench("config", "set", "offline_earn=false", "max_amount=5000")
    assert "[B91]" in bench("config", "set", "max_amount=much")
    assert "[B91]" in bench("config", "set", "nothing")
    assert "1 files published" in bench("config", "set", "max_amount=")
    assert bench("config", "list", signs=False) == f"{MERCHANT} (all) offline_earn=false\n"
    path = tmp_path / "rules.toml"
    path.write_text("version = 2\nearn_unit = 500\ntier_percent = [100, 100, 100, 150]\n")
    assert "make sense together" in bench("rules", "check", str(path), signs=False)
    assert "rules 2: 1 files" in bench("rules", "publish", str(path))
    assert "rules 3: 1 files" in bench("rules", "set", "earn_rate=2")
    assert "[B90]" in bench("rules", "set", "earn_rate=2000")
    assert "[B90]" in bench("rules", "publish", str(path))
    assert "earn_rate = 2" in bench("rules", "show", signs=False)
    assert "0 cards published" in bench("hotlist", "publish")
    assert bench("published", signs=False).count(MERCHANT) == 5


def test_every_code_of_the_office_is_explained():
    page = (Path(__file__).parents[2] / "docs" / "bench-switch.md").read_text()
    assert all(code in page for code in CODES)
