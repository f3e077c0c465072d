"""Cards that get nothing: found on the list where it lies, remembered when the switch refuses them."""

import random

import pytest

from firmware.core.log import Log
from firmware.store import hotlist
from firmware.store.hotlist import Hotlist
from tools.release.files import hotlist_body

HEAD = b"x" * 56


def listed(tmp_path, uids: list[bytes]) -> tuple[Hotlist, str, int]:
    body = hotlist_body([(uid.hex(), 41) for uid in uids])
    path = tmp_path / "hotlist.dat"
    path.write_bytes(HEAD + body + b"s" * 384)
    cards = Hotlist(str(tmp_path / "refused.dat"), Log(16))
    cards.use(str(path), len(HEAD), len(body))
    return cards, str(path), len(body)


def some_uids(count: int, seed: int = 1) -> list[bytes]:
    rolls = random.Random(seed)
    return list({rolls.randbytes(rolls.choice((4, 7, 10))) for _ in range(count)})


@pytest.mark.parametrize("count", [0, 1, 2, 3, 84, 85, 86, 1000])
def test_exactly_the_listed_cards_are_found_whatever_the_length_of_the_list(tmp_path, count):
    uids = some_uids(count + 200)
    on_it, others = uids[:count], uids[count:]
    cards, path, size = listed(tmp_path, on_it)
    assert all(hotlist.checked(path, len(HEAD), size))
    assert all(cards.blocked(uid) for uid in on_it)
    assert not any(cards.blocked(uid) for uid in others)


def test_a_short_uid_is_not_a_long_one_that_begins_alike(tmp_path):
    cards, _, _ = listed(tmp_path, [b"\4\1\2\3"])
    assert cards.blocked(b"\4\1\2\3")
    assert not cards.blocked(b"\4\1\2\3\0\0\0")
    assert not cards.blocked(b"\4\1\2\3\0\0\0\0\0\0")


def test_a_look_up_in_the_longest_list_reads_a_dozen_rows(tmp_path, monkeypatch):
    numbers = [number.to_bytes(4, "big") for number in range(1, 5001)]
    cards, path, size = listed(tmp_path, numbers)
    assert all(hotlist.checked(path, len(HEAD), size))
    read = []

    def counting(name, mode):
        file = open(name, mode)  # noqa: SIM115 - what is returned below is the context
        real = file.read

        class Reading:
            def __enter__(self):
                return self

            def __exit__(self, *_):
                file.close()

            def seek(self, at):
                file.seek(at)

            def read(self, count):
                read.append(count)
                return real(count)

        return Reading()

    monkeypatch.setattr(hotlist, "open", counting, raising=False)
    for uid in (numbers[0], numbers[-1], numbers[2500], b"\xff" * 4):
        read.clear()
        cards.blocked(uid)
        assert len(read) <= 13
        assert sum(read) <= 13 * 12


def test_more_rows_than_the_bound_are_no_list(tmp_path):
    path = tmp_path / "long"
    rows = b"".join(number.to_bytes(4, "big") + bytes(6) + b"\4\x29" for number in range(5001))
    path.write_bytes(rows)
    assert list(hotlist.checked(str(path), 0, len(rows))) == [False]
    assert list(hotlist.checked(str(path), 0, len(rows) - 12))[-1] is True


def test_a_list_that_cannot_be_read_blocks_nobody_and_says_so(tmp_path):
    log = Log(8)
    cards = Hotlist(str(tmp_path / "refused.dat"), log)
    cards.use(str(tmp_path / "gone"), 56, 1200)
    assert not cards.blocked(b"\1\2\3\4")
    assert any("U05" in line for line in log.newest(1))


# --- the short list ---------------------------------------------------------------------------------------------------


def own(tmp_path) -> Hotlist:
    return Hotlist(str(tmp_path / "refused.dat"), Log(16))


@pytest.mark.parametrize("rc", ["41", "43"])
def test_a_card_refused_as_lost_or_stolen_is_blocked_also_after_a_restart(tmp_path, rc):
    own(tmp_path).heard(b"\1\2\3\4\5\6\7", rc, 1000)
    again = own(tmp_path)
    assert again.blocked(b"\1\2\3\4\5\6\7")
    assert not again.blocked(b"\1\2\3\4")
    again.heard(b"\1\2\3\4\5\6\7", "00", 1010)  # its owner found it: the switch approves a balance
    assert not again.blocked(b"\1\2\3\4\5\6\7")
    assert not own(tmp_path).blocked(b"\1\2\3\4\5\6\7")


@pytest.mark.parametrize("rc", ["00", "14", "51", "54", "62", "58", "63", "91"])
def test_no_other_code_blocks_a_card(tmp_path, rc):
    cards = own(tmp_path)
    cards.heard(b"\1\2\3\4", rc, 1000)
    assert not cards.blocked(b"\1\2\3\4")
    assert not (tmp_path / "refused.dat").exists()


def test_the_short_list_is_bounded_and_the_oldest_goes(tmp_path):
    cards = own(tmp_path)
    for number in range(70):
        cards.heard(bytes((number, 1, 2, 3)), "41", 1000 + number)
    assert cards.own() == 64
    assert (tmp_path / "refused.dat").stat().st_size == 64 * 16 + 4
    assert [number for number in range(70) if own(tmp_path).blocked(bytes((number, 1, 2, 3)))] == list(range(6, 70))


def test_a_list_made_later_covers_what_was_heard_before_it_was_made(tmp_path):
    cards = own(tmp_path)
    cards.heard(b"\1\1\1\1", "41", 1000)
    cards.heard(b"\2\2\2\2", "43", 2000)
    cards.covered(1500)
    for one in (cards, own(tmp_path)):
        assert not one.blocked(b"\1\1\1\1")
        assert one.blocked(b"\2\2\2\2")


@pytest.mark.parametrize("damage", [b"", b"x", b"x" * 20, b"\0" * 2000])
def test_a_damaged_short_list_begins_anew(tmp_path, damage):
    own(tmp_path).heard(b"\1\2\3\4", "41", 1000)
    (tmp_path / "refused.dat").write_bytes(damage)
    cards = own(tmp_path)
    assert cards.own() == 0
    cards.heard(b"\1\2\3\4", "41", 1000)
    assert own(tmp_path).blocked(b"\1\2\3\4")


def test_a_short_list_that_cannot_be_written_counts_until_the_power_goes(tmp_path):
    log = Log(8)
    cards = Hotlist(str(tmp_path / "nowhere" / "refused.dat"), log)
    cards.heard(b"\1\2\3\4", "41", 1000)
    assert cards.blocked(b"\1\2\3\4")
    assert any("U05" in line for line in log.newest(1))
