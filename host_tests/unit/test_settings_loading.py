"""A terminal runs on checked settings or says which one is wrong; no secret shows itself."""

import json
from pathlib import Path

import pytest

from firmware import settings
from firmware.core.errors import SettingsError

PLAIN = {
    "terminal_id": "T0000001",
    "merchant_id": "M00000000000001",
    "wifi_ssid": "shop",
    "switch_host": "switch.example",
    "switch_port": 8583,
    "switch_name": "switch.example",
}
KEYS = {"kid": 1, "mac_out": "11" * 16, "mac_in": "22" * 16, "card_group": "33" * 16, "wifi_psk": "a long password"}


def folder(tmp_path: Path, plain: object = None, keys: object = None) -> str:
    (tmp_path / "settings.json").write_text(json.dumps(PLAIN if plain is None else plain))
    (tmp_path / "keys.json").write_text(json.dumps(KEYS if keys is None else keys))
    return str(tmp_path)


def test_defaults_fill_what_is_not_given(tmp_path: Path) -> None:
    loaded = settings.load(folder(tmp_path))
    assert loaded.number("earn_unit") == 1000
    assert loaded.number("redeem_threshold") == 500
    assert loaded.flag("offline_earn") is True
    assert loaded.text("terminal_id") == "T0000001"
    assert loaded.text("aes_way") == "sun"
    assert loaded.secret_bytes("mac_out") == b"\x11" * 16
    assert loaded.secret_text("wifi_psk") == "a long password"


@pytest.mark.parametrize("missing", ["terminal_id", "merchant_id", "switch_host", "switch_port", "switch_name"])
def test_a_missing_setting_is_named(tmp_path: Path, missing: str) -> None:
    with pytest.raises(SettingsError, match=missing):
        settings.load(folder(tmp_path, {k: v for k, v in PLAIN.items() if k != missing}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("terminal_id", "short"),
        ("terminal_id", 12345678),
        ("switch_port", 0),
        ("switch_port", 65536),
        ("switch_port", "8583"),
        ("switch_port", True),
        ("earn_unit", 0),
        ("max_amount", 10**12),
        ("offline_earn", 1),
        ("language", "xx"),
        ("aes_way", "SUN"),
        ("aes_way", "on"),
        ("aes_way", True),
        ("point_value", 1.5),
    ],
)
def test_a_setting_of_wrong_type_or_out_of_range_is_named_without_its_value(
    tmp_path: Path, name: str, value: object
) -> None:
    with pytest.raises(SettingsError, match=name):
        settings.load(folder(tmp_path, {**PLAIN, name: value}))


@pytest.mark.parametrize("secret", ["mac_out", "mac_in", "card_group"])
def test_a_bad_key_is_refused_and_not_shown(tmp_path: Path, secret: str) -> None:
    for bad in ("44" * 15, "zz" * 16, "4", 7):
        with pytest.raises(SettingsError) as caught:
            settings.load(folder(tmp_path, None, {**KEYS, secret: bad}))
        assert secret in str(caught.value)
        assert str(bad) not in str(caught.value).replace(secret, "").replace("16..16", "")


def test_missing_and_damaged_files_are_settings_errors(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        settings.load(str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError):
        settings.load_ca(str(tmp_path))
    path = folder(tmp_path)
    for damage in ('{"terminal', "[]", "7", ""):
        (tmp_path / "settings.json").write_text(damage)
        with pytest.raises(SettingsError):
            settings.load(path)


def test_a_setting_with_choices_takes_each_and_names_them_when_it_is_none(tmp_path: Path) -> None:
    for way in settings.AES_WAYS:
        assert settings.load(folder(tmp_path, {**PLAIN, "aes_way": way})).text("aes_way") == way
    with pytest.raises(SettingsError, match="aes_way: one of off sun group relay"):
        settings.load(folder(tmp_path, {**PLAIN, "aes_way": "none"}))


def test_a_name_nobody_declared_is_listed_and_harms_nothing(tmp_path: Path) -> None:
    assert settings.load(folder(tmp_path, {**PLAIN, "max_amuont": 5})).unknown == ["max_amuont"]


def test_secrets_show_nothing_when_printed(tmp_path: Path) -> None:
    loaded = settings.load(folder(tmp_path))
    for setting in settings.declared_keys():
        if setting.secret:
            wrapped = loaded._values[setting.name]
            text = f"{wrapped} {wrapped!r} {loaded!r}"
            assert "password" not in text
            assert "1111" not in text
            assert "\\x" not in text


def test_each_setting_is_declared_once() -> None:
    names = [setting.name for setting in settings.declared_settings() + settings.declared_keys()]
    assert len(names) == len(set(names))
