"""Texts by name: a story says which text it expects, the catalogue of its language says which words those are."""

import re

import pytest

from tools.sim.scenario_expect import contains
from tools.sim.scenario_texts import field, pattern, shows


def test_a_text_is_found_by_its_name_and_no_other_is():
    assert shows(["فروش", "ثبت شد", "+۱۲۵ امتیاز"], "fa", "big_earned")
    assert not shows(["فروش", "ثبت شد", "+۱۲۵ امتیاز"], "fa", "big_refused")
    assert shows(["EARNED", "+125 points"], "en", "big_earned")
    assert not shows(["OFFLINE"], "en", "idle_online")


def test_fields_match_anything_and_codes_by_what_happened():
    assert shows(["2 CARDS"], "en", "big_cards")
    assert shows(["کارت ۲"], "fa", "big_cards") is False
    assert shows(["۲ کارت"], "fa", "big_cards")
    assert shows(["NOT DONE", "Too few points", "P20"], "en", "P20")


def test_a_field_of_a_label_on_paper():
    assert field(["Card: ****9B32", "Ref: 633511001001"], "en", "r_ref") == "633511001001"
    assert field(["شماره ارجاع: ۶۳۳۵۱۱۰۰۱۰۰۱"], "fa", "r_ref") == "633511001001"
    assert field(["Card: ****9B32"], "en", "r_ref") == ""


def test_what_is_written_in_two_ways_is_one_text():
    assert contains(["۱۲٬۵۰۰ ریال"], "12,500 ریال")
    assert contains(["می‌شود"], "میشود")
    assert not contains(["۱۲٬۵۰۰"], "12,501")


def test_an_unknown_name_is_no_text():
    with pytest.raises(KeyError):
        pattern("en", "nobody_says_this")
    assert isinstance(pattern("en", "P20"), re.Pattern)
