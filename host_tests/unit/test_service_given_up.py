"""A member cache that failed is forgotten whole at the next start, once, and not before it works again."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from firmware.core.errors import StoreError
from firmware.core.log import Log
from firmware.service import given_up
from firmware.service.bad_sectors import small_values
from host_tests.unit import custody_kit as kit


def app_of(board: kit.Board):
    return SimpleNamespace(small_values=lambda: small_values(board, bytearray(4096)), log=Log(8))  # type: ignore[arg-type]


@pytest.mark.parametrize("buckets", [False, True])
def test_what_was_given_up_is_forgotten_at_the_next_start_and_only_at_that(tmp_path: Path, buckets: bool) -> None:
    board = kit.with_store(tmp_path, buckets=buckets)
    assert not kit.provisioned(board, tmp_path).give_up_members
    given_up.note(app_of(board))
    assert kit.provisioned(board, tmp_path).give_up_members
    members = kit.Terminal(board, buckets=buckets).members
    assert members.get(kit.ALI) is not None
    given_up.at_start(app_of(board), members)
    assert members.get(kit.ALI) is None
    assert kit.Terminal(board, buckets=buckets).members.get(kit.ALI) is None
    assert not kit.provisioned(board, tmp_path).give_up_members


def test_a_cache_that_cannot_be_emptied_stays_given_up(tmp_path: Path) -> None:
    board = kit.with_store(tmp_path)
    given_up.note(app_of(board))
    dead = SimpleNamespace(forget_all=lambda: None, working=lambda: False)
    given_up.at_start(app_of(board), dead)
    assert kit.provisioned(board, tmp_path).give_up_members


def test_small_values_that_take_nothing_say_so(tmp_path: Path) -> None:
    board = kit.with_store(tmp_path)
    app = app_of(board)

    def failing():
        raise StoreError("flash takes no value")

    app.small_values = failing
    with pytest.raises(StoreError):
        given_up.note(app)
    assert "members.drop" in str(app.log.newest(1))
    given_up.at_start(app, kit.Terminal(board).members)
