"""A terminal runs on checked settings or says which one is wrong; no secret shows itself."""

import json
from pathlib import Path

import pytest

from firmware import settings
from firmware.core.errors import SettingsError, StoreError, StoreSealed
from firmware.service.provisioned import MasterKeyChanged, Provisioned, Start
from firmware.store.seal import Sealer
from firmware.store.slots import Slots
from firmware.store.vault import Vault, VaultDamaged
from tools.sim.chips.nor import Nor, NorPartition, PowerCut, Torn

PLAIN = {
    "terminal_id": "T0000001",
    "merchant_id": "M00000000000001",
    "wifi_ssid": "shop",
    "switch_host": "switch.example",
    "switch_port": 8583,
    "switch_name": "switch.example",
}
KEYS = {
    "tmk": "99" * 16,
    "kid": 1,
    "mac_out": "11" * 16,
    "mac_in": "22" * 16,
    "card_group": "33" * 16,
    "wifi_psk": "a long password",
}


CA = bytes(range(256)) * 2
BOARD = Sealer(bytes(range(16)), b"board")


def folder(tmp_path: Path, plain: object = None, keys: object = None) -> str:
    (tmp_path / "settings.json").write_text(json.dumps(PLAIN if plain is None else plain))
    (tmp_path / "keys.json").write_text(json.dumps(KEYS if keys is None else keys))
    (tmp_path / "ca.der").write_bytes(CA)
    return str(tmp_path)


class Terminal:
    """A terminal's raw flash, which lives through its starts."""

    def __init__(self) -> None:
        self.nor = Nor(4 * 4096)
        self.board = BOARD

    def start(self, path: str) -> Start:
        part = NorPartition(self.nor, 0, 4)
        slots = Slots(part, self.board, 7, first=2)
        found = Provisioned(Vault(part, self.board), slots, path)
        found.open()
        return found.load()


def load(path: str) -> settings.Settings:
    return Terminal().start(path).settings


def test_defaults_fill_what_is_not_given(tmp_path: Path) -> None:
    loaded = load(folder(tmp_path))
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
        load(folder(tmp_path, {k: v for k, v in PLAIN.items() if k != missing}))


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
        load(folder(tmp_path, {**PLAIN, name: value}))


@pytest.mark.parametrize("secret", ["mac_out", "mac_in", "card_group"])
def test_a_bad_key_is_refused_and_not_shown(tmp_path: Path, secret: str) -> None:
    for bad in ("44" * 15, "zz" * 16, "4", 7):
        with pytest.raises(SettingsError) as caught:
            load(folder(tmp_path, None, {**KEYS, secret: bad}))
        assert secret in str(caught.value)
        assert str(bad) not in str(caught.value).replace(secret, "").replace("16..16", "")


@pytest.mark.parametrize("given", [{}, {"card_group": ""}])
def test_a_terminal_may_hold_no_card_key_and_one_taken_from_it_is_gone(tmp_path: Path, given: "dict[str, str]") -> None:
    others = {name: value for name, value in KEYS.items() if name != "card_group"}
    terminal, path = Terminal(), folder(tmp_path)
    assert terminal.start(path).settings.secret_bytes("card_group") == b"\x33" * 16
    folder(tmp_path, None, {**others, **given})
    assert terminal.start(path).settings.secret_bytes("card_group") == b""
    assert terminal.start(path).settings.secret_bytes("card_group") == b"", "and at the next start, from the key store"
    kept = Vault(NorPartition(terminal.nor, 0, 4), BOARD).load()
    assert kept is not None
    assert kept["card_group"] == b""


def test_the_group_way_without_a_card_key_is_refused_and_names_both(tmp_path: Path) -> None:
    terminal, path = Terminal(), folder(tmp_path, {**PLAIN, "aes_way": "group"}, {**KEYS, "card_group": ""})
    for _ in range(2):  # from the file, then from the key store
        with pytest.raises(SettingsError, match=r"aes_way.*card_group") as caught:
            terminal.start(path)
        assert caught.value.code == "K01"
    folder(tmp_path, {**PLAIN, "aes_way": "group"})
    assert terminal.start(path).settings.text("aes_way") == "group"
    for way in ("sun", "relay", "off"):
        assert load(folder(tmp_path, {**PLAIN, "aes_way": way}, {**KEYS, "card_group": ""})).text("aes_way") == way


def test_missing_and_damaged_files_are_settings_errors(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        load(str(tmp_path / "nowhere"))
    path = folder(tmp_path)
    (tmp_path / "ca.der").unlink()
    with pytest.raises(SettingsError, match="ca.der"):
        load(path)
    path = folder(tmp_path)
    for damage in ('{"terminal', "[]", "7", ""):
        (tmp_path / "settings.json").write_text(damage)
        with pytest.raises(SettingsError):
            load(path)


def test_a_setting_with_choices_takes_each_and_names_them_when_it_is_none(tmp_path: Path) -> None:
    for way in settings.AES_WAYS:
        assert load(folder(tmp_path, {**PLAIN, "aes_way": way})).text("aes_way") == way
    with pytest.raises(SettingsError, match="aes_way: one of off sun group relay"):
        load(folder(tmp_path, {**PLAIN, "aes_way": "none"}))


def test_a_name_nobody_declared_is_listed_and_harms_nothing(tmp_path: Path) -> None:
    assert load(folder(tmp_path, {**PLAIN, "max_amuont": 5})).unknown == ["max_amuont"]


def test_secrets_show_nothing_when_printed(tmp_path: Path) -> None:
    loaded = load(folder(tmp_path))
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


def test_keys_leave_the_file_system_for_the_key_store_and_every_later_start_has_them(tmp_path: Path) -> None:
    terminal, path = Terminal(), folder(tmp_path)
    first = terminal.start(path)
    assert not (tmp_path / "keys.json").exists()
    assert any("key store" in line for line in first.told)
    again = terminal.start(path)
    assert again.settings.secret_bytes("tmk") == b"\x99" * 16
    assert again.settings.number("kid") == 1
    assert again.settings.secret_text("wifi_psk") == "a long password"
    assert (first.number, again.number) == (1, 2)
    assert again.told == []


def test_a_damaged_file_system_stops_no_terminal_that_once_sold(tmp_path: Path) -> None:
    terminal, path = Terminal(), folder(tmp_path, {**PLAIN, "max_amount": 77})
    terminal.start(path)
    for name in ("settings.json", "ca.der"):
        (tmp_path / name).unlink()
    start = terminal.start(path)
    assert start.settings.number("max_amount") == 77
    assert start.ca_der == CA
    assert len(start.told) == 2
    (tmp_path / "settings.json").write_text('{"termi')
    assert terminal.start(path).settings.number("max_amount") == 77


def test_a_wrong_setting_is_told_and_never_becomes_the_copy(tmp_path: Path) -> None:
    terminal, path = Terminal(), folder(tmp_path)
    terminal.start(path)
    (tmp_path / "settings.json").write_text(json.dumps({**PLAIN, "switch_port": 0}))
    with pytest.raises(SettingsError, match="switch_port"):
        terminal.start(path)
    (tmp_path / "settings.json").unlink()
    assert terminal.start(path).settings.number("switch_port") == 8583


def test_other_keys_are_taken_but_another_master_key_is_refused_and_everything_stays(tmp_path: Path) -> None:
    terminal, path = Terminal(), folder(tmp_path)
    terminal.start(path)
    folder(tmp_path, None, {**KEYS, "mac_out": "ab" * 16, "kid": 2})
    assert terminal.start(path).settings.secret_bytes("mac_out") == b"\xab" * 16
    folder(tmp_path, None, {**KEYS, "tmk": "cd" * 16})
    with pytest.raises(MasterKeyChanged):
        terminal.start(path)
    assert (tmp_path / "keys.json").exists()
    (tmp_path / "keys.json").unlink()
    assert terminal.start(path).settings.number("kid") == 2


def test_a_cut_anywhere_in_the_first_start_is_made_good_by_the_next(tmp_path: Path) -> None:
    op = 1
    while True:
        done = False
        for torn in Torn:
            terminal, path = Terminal(), folder(tmp_path)
            terminal.nor.cut_at(op, torn)
            try:
                terminal.start(path)
                done = True
            except PowerCut:
                pass
            left = terminal.nor.image
            terminal = Terminal()
            terminal.nor.image[:] = left
            again = terminal.start(path)
            assert again.settings.secret_bytes("mac_in") == b"\x22" * 16
            assert again.ca_der == CA
            (tmp_path / "ca.der").unlink()
            assert terminal.start(path).ca_der == CA
        if done:
            break
        op += 1
    assert op > 10


@pytest.mark.parametrize("sizes", [(1200, 1100), (1500, 700), (700, 3000)])
def test_files_too_large_for_a_copy_keep_no_terminal_from_selling(tmp_path: Path, sizes: tuple[int, int]) -> None:
    terminal, path = Terminal(), folder(tmp_path, {**PLAIN, "max_amount": 7})
    terminal.start(path)
    folder(tmp_path, {**PLAIN, "max_amount": 8, "x" * sizes[0]: 0})
    (tmp_path / "ca.der").write_bytes(bytes(sizes[1]))
    start = terminal.start(path)
    assert start.settings.number("max_amount") == 8
    assert any("no room" in line for line in start.told)
    (tmp_path / "settings.json").unlink()
    try:
        assert terminal.start(path).settings.number("max_amount") == 8, "never the copy of another time"
    except SettingsError:
        pass


def test_a_cut_off_keys_file_beside_good_keys_is_told_and_not_taken(tmp_path: Path) -> None:
    terminal, path = Terminal(), folder(tmp_path)
    terminal.start(path)
    (tmp_path / "keys.json").write_text('{"tmk": "99')
    start = terminal.start(path)
    assert start.settings.number("kid") == 1
    assert any("keys.json is damaged" in line for line in start.told)


OTHER_BOARD = Sealer(bytes(range(16)), b"another board")


def test_flash_on_another_board_names_its_keys_and_starts_with_its_own_key_file(tmp_path: Path) -> None:
    terminal, path = Terminal(), folder(tmp_path)
    assert terminal.start(path).number == 1
    terminal.board = OTHER_BOARD
    before = bytes(terminal.nor.image)
    with pytest.raises(VaultDamaged) as caught:
        terminal.start(path)
    assert caught.value.code == "S10"
    (tmp_path / "keys.json").write_text("{")
    with pytest.raises(VaultDamaged):
        terminal.start(path)
    (tmp_path / "keys.json").write_text(json.dumps({**KEYS, "tmk": "99"}))
    with pytest.raises(SettingsError, match="tmk"):
        terminal.start(path)
    assert bytes(terminal.nor.image) == before
    folder(tmp_path)
    begun = terminal.start(path)
    assert begun.settings.secret_bytes("mac_out") == b"\x11" * 16
    assert any("small values were sealed on another board" in line for line in begun.told)
    assert begun.number == 1
    again = terminal.start(path)
    assert again.number == 2
    assert again.told == []


def test_small_values_alone_of_another_board_are_not_left_out(tmp_path: Path) -> None:
    terminal, other, path = Terminal(), Terminal(), folder(tmp_path)
    terminal.start(path)
    other.board = OTHER_BOARD
    other.start(folder(tmp_path))
    terminal.nor.image[8192:] = other.nor.image[8192:]
    folder(tmp_path)
    before = bytes(terminal.nor.image)
    with pytest.raises(StoreSealed):
        terminal.start(path)
    assert bytes(terminal.nor.image) == before


def test_small_values_of_another_board_and_no_keys_at_all_are_not_provisioned(tmp_path: Path) -> None:
    terminal, path = Terminal(), folder(tmp_path)
    terminal.start(path)
    terminal.board = OTHER_BOARD
    terminal.nor.image[:8192] = b"\xff" * 8192
    with pytest.raises(SettingsError, match="keys.json: missing"):
        terminal.start(path)
    folder(tmp_path)
    assert terminal.start(path).number == 1


def test_a_cut_while_another_boards_flash_is_taken_over_is_finished_by_the_next_start(tmp_path: Path) -> None:
    first, path = Terminal(), folder(tmp_path)
    first.start(path)
    for torn in Torn:
        op = 1
        while True:
            terminal = Terminal()
            terminal.nor.image[:] = first.nor.image
            terminal.board = OTHER_BOARD
            folder(tmp_path)
            terminal.nor.cut_at(op, torn)
            try:
                terminal.start(path)
                break
            except PowerCut:
                terminal.nor.power_on()
            assert terminal.start(path).settings.secret_bytes("mac_out") == b"\x11" * 16, (op, torn)
            op += 1
        assert op > 5


@pytest.mark.parametrize("block", [0, 1])
def test_a_key_sector_that_fails_is_told_at_each_start_and_keeps_no_former_key(tmp_path: Path, block: int) -> None:
    terminal, path = Terminal(), folder(tmp_path)
    assert terminal.start(path).key_copies == 2
    folder(tmp_path, None, {**KEYS, "mac_out": "77" * 16})
    part = NorPartition(terminal.nor, 0, 4)
    real = part.ioctl
    part.ioctl = lambda op, arg: 0 if op == 6 and arg == block else real(op, arg)  # type: ignore[method-assign]
    vault = Vault(part, BOARD)
    former = bytes(terminal.nor.image[block * 4096 : block * 4096 + 64])
    slots = Slots(part, BOARD, 7, first=2)
    slots.open()
    with pytest.raises(StoreError):
        Provisioned(vault, slots, path).load()
    if block == 1:  # the sector that is tried first: the former keys count
        return
    assert terminal.nor.image[block * 4096 : block * 4096 + 4096] == bytes(4096)
    for _ in range(2):
        slots.open()
        begun = Provisioned(Vault(part, BOARD), slots, path).load()
        assert begun.key_copies == 1
        assert any("one sector only" in line for line in begun.told)
        assert begun.settings.secret_bytes("mac_out") == b"\x77" * 16
    assert former not in bytes(terminal.nor.image)
    healed = terminal.start(path)
    assert healed.key_copies == 2
    assert healed.told == []
