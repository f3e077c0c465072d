"""Every code has its words, in the catalogue and on the troubleshooting page; every text of the code exists."""

import ast
import itertools
import re
import string
from pathlib import Path

import pytest

from firmware.core import errors
from firmware.core.errors import SettingsError
from firmware.text import catalogue, digits
from host_tests.unit import catalogue_kit
from host_tests.unit.refusal_kit import HOST_REFUSALS, LOCAL_REFUSALS

LANGUAGES = catalogue_kit.LANGUAGES
ROOT = Path(__file__).parents[2]
TEXTS, ERRORS = catalogue_kit.texts(), catalogue_kit.errors()
FIRMWARE = [*(ROOT / "firmware").rglob("*.py"), ROOT / "main.py"]


def classes() -> "list[type[errors.VafaError]]":
    found, todo = [], [errors.VafaError]
    while todo:
        one = todo.pop()
        found.append(one)
        todo += one.__subclasses__()
    return found


def all_codes() -> set[str]:
    import firmware.switch.link
    import firmware.switch.session  # noqa: F401 (their subclasses carry codes of their own)

    codes = {one.code for one in classes() if one.__module__.startswith("firmware.")}
    codes |= set(LOCAL_REFUSALS) | set(HOST_REFUSALS)
    for path in FIRMWARE:
        codes |= set(re.findall(r"""\"([A-Z]\d\d)\"""", path.read_text()))
    return codes


def _persian(*names: str) -> list[str]:
    texts, codes = catalogue_kit.texts("fa"), catalogue_kit.errors("fa")
    return [texts[name] if name in texts else codes[name][0] for name in names]


def test_every_code_has_two_lines_in_the_catalogue_and_none_is_left_over() -> None:
    assert set(ERRORS) == all_codes() - {"I00"}


def test_every_code_is_a_heading_of_the_troubleshooting_page_exactly_once() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    headings = re.findall(r"^### ([A-CE-Z]\d\d)\b", page, re.M)  # D: the tool on the PC has its own test
    assert sorted(headings) == sorted(all_codes())
    for section in re.split(r"^### ", page, flags=re.M)[1:]:
        body = section.split("\n## ")[0]
        assert all(f"**{word}**" in body for word in ("Symptom", "Cause", "What to do")), section[:20]


def test_every_code_a_tool_on_the_pc_can_say_is_explained_in_one_place() -> None:
    said: set[str] = set()
    for path in (ROOT / "tools").rglob("*.py"):
        said |= set(re.findall(r"""\"([A-Z]\d\d)\"""", path.read_text()))
    said -= {"D00"}  # of the class all of them come from
    headings = re.findall(r"^### ([A-Z]\d\d)\b", (ROOT / "docs" / "troubleshooting.md").read_text(), re.M)
    rows = re.findall(r"^\| (B\d\d) \| [^|]+ \| [^|]+ \|$", (ROOT / "docs" / "bench-switch.md").read_text(), re.M)
    assert sorted(rows) == rows, "in order, so that they are found"
    assert len(explained := {*headings, *rows}) == len(headings) + len(rows)
    assert said <= explained
    assert explained <= said | all_codes()


def test_the_page_and_the_screen_use_the_same_words() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    for code, (what, _) in ERRORS.items():
        assert f"### {code} {what}\n" in page


def test_every_text_the_firmware_asks_for_exists_and_none_is_left_over() -> None:
    asked: set[str] = set()
    for path in FIRMWARE:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                asked.add(node.value)
    # `tier_{}` asks for tier_1, tier_2, and so on: a name for each code of a message
    numbered = {name[:-2] for name in asked if name.endswith("_{}")}
    assert {name for name in TEXTS if name.rstrip("0123456789") not in numbered} <= asked
    for path in FIRMWARE:
        for name in re.findall(r"""text\.get\(\s*"(\w+)\"""", path.read_text()):
            assert name in TEXTS, f"{path.name} asks for {name}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_found_under_its_name_and_an_unknown_name_is_an_error(language: str) -> None:
    text = catalogue.load(language)
    for name, words in catalogue_kit.texts(language).items():
        fields = ["x"] * words.count("{}")
        assert text.get(name, *fields) == words.format(*fields)
    for code, lines in catalogue_kit.errors(language).items():
        assert text.error(code) == lines
    for name in ("", "big", "earned", "big_earned: EARNED", "وفا"):
        with pytest.raises(KeyError):
            text.get(name)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_unknown_code_of_any_switch_is_taken_for_another(language: str) -> None:
    text, known = catalogue.load(language), catalogue_kit.errors(language)
    signs = string.ascii_uppercase + string.digits
    for code in map("".join, itertools.product("HLP", signs, signs)):
        assert text.error(code) == known.get(code, known["X00"])


def test_the_language_changes_at_run_time_for_everyone_who_has_the_catalogue() -> None:
    text = catalogue.load("en")
    said = [(text.language, text.rtl, text.get("big_ready"), text.error("P32")[0])]
    for language in ("fa", "fa", "en"):
        text.use(language)
        said.append((text.language, text.rtl, text.get("big_ready"), text.error("P32")[0]))
    english, persian = ("en", False, "READY", "No paper"), ("fa", True, *_persian("big_ready", "P32"))
    assert said == [english, persian, persian, english]


def test_a_language_without_catalogue_is_a_settings_error_and_the_old_one_stays() -> None:
    with pytest.raises(SettingsError):
        catalogue.load("xx")
    text = catalogue.load("fa")
    with pytest.raises(SettingsError):
        text.use("xx")
    assert (text.language, text.get("big_ready")) == ("fa", *_persian("big_ready"))


def test_ages_take_the_largest_whole_unit() -> None:
    text = catalogue.load("en")
    ages = (-5, 59, 60, 3599, 3600, 2 * 86400 - 1, 2 * 86400, 10**10)
    assert [text.age(s) for s in ages] == ["now", "now", "1 min", "59 min", "1 h", "47 h", "2 d", "999 d"]


def test_numbers_are_signed_and_separated_in_one_place() -> None:
    assert [digits.signed(n) for n in (125, -500, 0, 12_450)] == ["+125", "-500", "0", "+12,450"]
