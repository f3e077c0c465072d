"""Three foreign drivers, unmodified, use the modelled chip as their own computers would: the model is no mirror of our
driver. What they are known to do badly is seen here too, so that what the bench says of them is what they are."""

from pathlib import Path

import pytest

from tools import peers
from tools.peers.run import BLOCK_CONTENT, LONG_UID, UID


@pytest.fixture(scope="module", params=peers.NAMES)
def runs(request: pytest.FixtureRequest) -> list[peers.Run]:
    return peers.measured(request.param)


def test_every_driver_has_its_lock_file_and_no_more() -> None:
    folder = Path(peers.__file__).parent
    assert sorted(path.stem for path in folder.glob("*.lock")) == sorted(peers.NAMES)
    for name in peers.NAMES:
        assert (folder / f"{name}.lock").read_text().startswith(f"{name}==")


def test_reads_uid_and_block_with_the_factory_key(runs: list[peers.Run]) -> None:
    for run in runs:
        assert (run.uid, run.block) == (UID, BLOCK_CONTENT.hex())


def test_writes_a_block_on_two_four_bit_acknowledgements(runs: list[peers.Run]) -> None:
    assert [run.written for run in runs] == [BLOCK_CONTENT.hex()] * 2


def test_a_wrong_key_is_refused_and_the_card_is_read_afterwards(runs: list[peers.Run]) -> None:
    assert all(run.refused for run in runs)


def test_two_cards_are_an_error_and_no_uid(runs: list[peers.Run]) -> None:
    assert all(run.two_cards for run in runs)


def test_every_exchange_takes_its_time_on_air(runs: list[peers.Run]) -> None:
    """ISO/IEC 14443-3 at 106 kbit/s: the drivers differ in all but this. Authentication has its guard time inside."""
    for run in runs:
        on_air = {key: cost.air_us for key, cost in run.costs.items()}
        expected = {"request": 344, "anticollision": 703, "select": 1128, "authenticate": 1916, "read": 1977}
        assert {key: on_air[key] for key in expected} == expected
        assert all(cost.us > cost.air_us for cost in run.costs.values())


def test_an_empty_field_costs_two_thousand_looks_except_where_the_waiting_loop_is_right(runs: list[peers.Run]) -> None:
    for run in runs:
        assert run.costs["empty_poll"].transactions == (34 if run.name == "mfrc522-python" else 2013)


def test_the_only_one_that_knows_seven_bytes_reads_them_and_waits_on_the_interrupt_line() -> None:
    for run in peers.measured("pi-rc522"):
        assert run.long_uid == LONG_UID
        assert run.waited_us in range(1, 101_000)  # it asks every 100 ms


def test_a_driver_that_is_not_installed_is_named_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(peers, "FOLDER", tmp_path)
    with pytest.raises(RuntimeError, match=r"mfrc522 is not installed.*run make"):
        peers.measured("mfrc522")
