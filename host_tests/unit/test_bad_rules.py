"""Rule sets that are contradictory, unsigned, older or from the future: refused in a line, the last good ones stay."""

from __future__ import annotations

import asyncio
import json

import pytest

from firmware.core.errors import SettingsError
from firmware.core.types import CLOCK_DRIFTED
from firmware.switch.download import RULES
from host_tests.unit.bench_client import NOW
from host_tests.unit.download_kit import Office, Terminal
from host_tests.unit.session_kit import until
from host_tests.unit.test_settings_loading import PLAIN, folder, load
from tools.bench_switch import rules_file
from tools.bench_switch.errors import LedgerError
from tools.release.files import text_body
from tools.release.signing import new_signer
from tools.sim import onhost

GOOD = {
    "earn_unit": 1000,
    "earn_rate": 2,
    "point_value": 100,
    "redeem_step": 100,
    "redeem_threshold": 500,
    "tier_percent": (100, 110, 125, 150),
}
DAY_S = 86_400
CONTRADICTORY = [
    ({"cap_sale": 500, "cap_day": 400}, "cap_sale: above cap_day; lower it"),
    ({"tier_percent": (100, 150, 140, 160)}, "tier_percent: falls from a tier to the next; let it rise"),
    ({"visit_points": 5}, "visit_points: never given while visit_every is 0; set both"),
    ({"tenure_points": 5}, "tenure_points: never given while tenure_years is 0; set both"),
    ({"happy_percent": 5}, "happy_percent: never given while happy_days is 0; set both"),
    ({"redeem_threshold": 10**9, "redeem_step": 10**9, "point_value": 1001}, "redeem_threshold: nobody can reach it; "),
    ({"rewards": ((1, 499, 5, "Mug"),)}, "rewards: 1 costs less than redeem_threshold; raise it or set rewards_below"),
    ({"currencies": ((364, 1, 1), (364, 2, 1))}, "stands twice; take it out"),
    ({"currencies": ((364, 0, 1),)}, "is 0; write it as 1 1"),
    ({"lapse_days": 181}, "six_months_days: fewer than lapse_days; raise it"),
]


def body(**changes: object) -> bytes:
    """Of rules; rates in one row."""
    values = {**GOOD, **changes}
    if "currencies" in values:
        values["currencies"] = tuple(n for row in values["currencies"] for n in row)  # type: ignore[attr-defined]
    return text_body(RULES, values)


def offered(tmp_path, content: bytes, version: int = 4, quality: int | None = None, **how) -> Terminal:
    """A terminal that works by good rules, version 3, and is offered these for a while."""
    tmp_path.mkdir(exist_ok=True)
    office = Office()
    office.publish_raw(RULES, 3, body(), offered=3)
    made: list[Terminal] = []

    async def day() -> None:
        terminal = Terminal(office, tmp_path)
        made.append(terminal)
        async with terminal.running():
            await until(lambda: terminal.held()[1] == 3, 900)
            if quality is not None:
                terminal.clock.quality = quality
            office.publish_raw(RULES, version, content, **how)
            await asyncio.sleep(120)

    onhost.run_virtual(day())
    return made[0]


def good(terminal: Terminal, held: int = 3) -> bool:
    """Whether it works by them, now and after a restart."""
    again = Terminal(terminal.office, terminal.folder)
    return all(
        (one.held()[1], one.counter.books.rules.earned(10_000), one.counter.books.rules.ruleset) == (held, 20, held)
        for one in (terminal, again)
    )


@pytest.mark.parametrize(("changes", "says"), CONTRADICTORY, ids=lambda value: "")
def test_rules_that_contradict_one_another_are_refused_at_both_ends_with_the_same_words(tmp_path, changes, says):
    terminal = offered(tmp_path, body(**changes))
    assert good(terminal)
    assert terminal.logged("U10")
    assert any(says in line for line in terminal.log.newest(50))
    written = {name: [list(r) if isinstance(r, tuple) else r for r in v] if isinstance(v, tuple) else v
               for name, v in changes.items()}  # fmt: skip
    with pytest.raises(LedgerError) as refused:
        rules_file.programme_of(written)
    assert refused.value.code == "B93"
    assert says.split(":")[0] in str(refused.value)
    if "currencies" not in changes:
        assert says in str(refused.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (body(tier_percent=(90, 100, 100, 100)), "tier_percent"),
        (body(tier_percent=(100, 100, 100)), "tier_percent: a list of 4..4"),
        (body(visit_every=1001), "visit_every: whole number 0..1000"),
        (body().replace(b"tier_percent=100 110", b"tier_percent=100, 110"), "tier_percent"),
        (body(rewards="1 500 5 Mug;1 600 5 Bag"), "rewards: each number once"),
        (body(rewards="1 500 5 A name much too long"), "rewards: names of 1..14"),
        (body(rewards="1 500 Mug"), "rewards: number, points, worth and name"),
        (body(bonus=5), "bonus: not for the switch to set"),
    ],
    ids=lambda value: "",
)
def test_a_rule_that_cannot_be_is_named_and_refuses_the_whole_set(tmp_path, content, says):
    terminal = offered(tmp_path, content)
    assert good(terminal)
    assert terminal.logged("U04")
    assert any(says in line for line in terminal.log.newest(50))


def test_rules_nobody_signed_for_us_are_refused(tmp_path):
    terminal = offered(tmp_path, body(earn_rate=9), signer=new_signer())
    assert good(terminal)
    assert terminal.logged("U01")


def test_older_rules_are_not_asked_for_and_refused_when_they_come_under_a_newer_name(tmp_path):
    terminal = offered(tmp_path / "older", body(earn_rate=9), version=2)
    assert good(terminal)
    assert len(terminal.office.asked) == 3  # chunks of version 3
    disguised = offered(tmp_path / "disguised", body(earn_rate=9), version=2, offered=4)
    assert good(disguised)
    assert disguised.logged("U04")


def test_rules_made_tomorrow_are_taken_and_from_after_that_refused(tmp_path):
    ahead = offered(tmp_path / "ahead", body(earn_rate=9), made_utc=NOW + DAY_S * 2)
    assert good(ahead)
    assert ahead.logged("U11")
    near = offered(tmp_path / "near", body(tier_percent=(100,) * 4), made_utc=NOW + DAY_S - 600)
    assert good(near, 4)


def test_a_clock_that_may_be_wrong_judges_no_rules(tmp_path):
    terminal = offered(tmp_path, body(), made_utc=NOW + DAY_S * 2, quality=CLOCK_DRIFTED)
    assert good(terminal, 4)
    assert not terminal.logged("U11")


def test_rules_are_whole_what_they_do_not_name_is_as_it_comes_whatever_was_provisioned(tmp_path):
    office = Office()
    office.publish_raw(RULES, 3, text_body(RULES, {n: v for n, v in GOOD.items() if n != "tier_percent"}), offered=3)

    async def day() -> None:
        terminal = Terminal(office, tmp_path, visit_every=2, visit_points=50)
        assert terminal.counter.books.rules.visit_points == 50
        async with terminal.running():
            await until(lambda: terminal.held()[1] == 3, 900)
        assert terminal.counter.books.rules.visit_points == 0

    onhost.run_virtual(day())
    again = Terminal(office, tmp_path, visit_every=2, visit_points=50)
    assert (again.counter.books.rules.visit_every, again.counter.books.rules.earned(10_000)) == (0, 20)


def test_a_terminal_provisioned_with_contradictory_rules_does_not_sell(tmp_path):
    with pytest.raises(SettingsError, match="cap_sale: above cap_day"):
        load(folder(tmp_path, {**PLAIN, "cap_sale": 5, "cap_day": 4}))
    rich = {**PLAIN, "tier_percent": [100, 110, 120, 130], "rewards": "2 900 5 Gift bag;7 500 0 Tea for two"}
    loaded = load(folder(tmp_path, json.loads(json.dumps(rich))))
    assert loaded.numbers("tier_percent") == (100, 110, 120, 130)


@pytest.mark.parametrize("bad", [[100, 110, 120], [100, 110, 120, 1001], "100 110 120 130", [100, 110, True, 130], 5])
def test_a_list_of_numbers_is_one_in_settings_json(tmp_path, bad):
    with pytest.raises(SettingsError, match="tier_percent"):
        load(folder(tmp_path, {**PLAIN, "tier_percent": bad}))
