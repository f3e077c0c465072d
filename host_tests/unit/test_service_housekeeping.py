"""Idle work waits until keys, reader and line are quiet, one piece at a time; uptime outlives the ticks."""

import asyncio

import pytest

from firmware.service import housekeeping
from firmware.service.housekeeping import BUSY, Housekeeping, Quiet, Uptime

HALF_ROUND = 1 << 29  # milliseconds after which ticks_diff turns round


class Ticks:
    """The milliseconds of the ticks, as they come round on a board."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ms = (1 << 30) - 5000  # they come round soon
        monkeypatch.setattr(housekeeping, "ticks_ms", lambda: self.ms % (1 << 30))
        monkeypatch.setattr(housekeeping, "ticks_diff", self.diff)
        monkeypatch.setattr(housekeeping, "ticks_add", lambda one, other: (one + other) % (1 << 30))

    @staticmethod
    def diff(one: int, other: int) -> int:
        return (one - other + HALF_ROUND) % (1 << 30) - HALF_ROUND


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> Ticks:
    return Ticks(monkeypatch)


class Room:
    """Something that stirs."""

    def __init__(self) -> None:
        self.now = 0
        self.desk_quiet = True

    def stir(self) -> int:
        return self.now

    def desk(self, _for_ms: int) -> bool:
        return self.desk_quiet


def after(ticks: Ticks, quiet: Quiet, ms: int) -> bool:
    """Asked twice a second, as housekeeping asks."""
    said = False
    for _ in range(0, ms, 500):
        ticks.ms += 500
        said = quiet(3000)
    return said


def test_a_message_a_tap_and_a_key_each_keep_erases_away_for_some_seconds(ticks: Ticks) -> None:
    line, reader = Room(), Room()
    quiet = Quiet(reader.desk, (line.stir, reader.stir))
    assert not quiet(3000), "nor right after the start"
    assert after(ticks, quiet, 3000)
    for room in (line, reader):
        room.now += 1
        assert not quiet(3000)
        assert not after(ticks, quiet, 2500)
        assert after(ticks, quiet, 500)
    reader.desk_quiet = False
    assert not quiet(3000)


def test_an_awaited_answer_and_a_lying_card_keep_them_away_until_some_seconds_after(ticks: Ticks) -> None:
    line = Room()
    quiet = Quiet(line.desk, (line.stir,))
    assert after(ticks, quiet, 3000)
    line.now = BUSY
    assert not after(ticks, quiet, 20_000)
    line.now = 7
    assert not quiet(3000)
    assert not after(ticks, quiet, 2500)
    assert after(ticks, quiet, 500)


def test_a_card_that_somebody_left_on_the_reader_stops_the_erases_for_a_minute_and_no_longer(ticks: Ticks) -> None:
    reader = Room()
    quiet = Quiet(reader.desk, (reader.stir,))
    reader.now = BUSY
    assert not after(ticks, quiet, 60_000)
    assert after(ticks, quiet, 4000)
    assert after(ticks, quiet, 100_000)
    reader.now = 1
    assert not quiet(3000), "it is taken away: somebody is there"


def test_quiet_for_weeks_is_quiet(ticks: Ticks) -> None:
    room = Room()
    quiet = Quiet(room.desk, (room.stir,))
    assert after(ticks, quiet, 3000)
    for _ in range(60):
        ticks.ms += HALF_ROUND // 3
        assert quiet(3000)


def test_uptime_counts_on_when_the_ticks_come_round(ticks: Ticks) -> None:
    uptime = Uptime()
    for seconds in (0, 1, 4, 5, 400_000, 800_000, 1_200_000, 1_600_000):
        ticks.ms = (1 << 30) - 5000 + seconds * 1000
        assert uptime.seconds() == seconds
    ticks.ms += 999
    assert uptime.seconds() == 1_600_000
    ticks.ms += 1
    assert uptime.seconds() == 1_600_001


def test_work_is_done_a_piece_at_a_time_only_when_it_is_quiet_and_rests_when_there_is_none() -> None:
    asked: list[str] = []
    left = [3]
    calm = [False]

    def work() -> bool:
        asked.append("work")
        left[0] -= 1
        return left[0] >= 0

    async def play() -> None:
        keeper = Housekeeping(lambda _ms: calm[0], (work,), lambda: asked.append("recover"), lambda: None)
        task = asyncio.create_task(keeper.run(lambda: None))
        await asyncio.sleep(0.7)
        assert asked == []
        calm[0] = True
        while not keeper.resting:
            await asyncio.sleep(0.01)
        assert asked == ["recover", "work"] * 4
        assert keeper.resting
        task.cancel()

    asyncio.run(asyncio.wait_for(play(), 30))


def test_a_card_that_comes_and_goes_all_day_lets_one_piece_through_in_five_minutes(ticks: Ticks) -> None:
    reader = Room()
    quiet = Quiet(reader.desk, (reader.stir,))
    pieces = []
    for turn in range(2 * 3600 * 2):
        ticks.ms += 500
        reader.now = BUSY if turn // 4 % 2 else turn
        if quiet(3000):
            pieces.append(turn)
    assert 20 <= len(pieces) <= 24
    reader.desk_quiet = False
    assert not after(ticks, quiet, 3_600_000), "never in front of a customer"
