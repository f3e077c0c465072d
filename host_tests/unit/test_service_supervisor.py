"""Tasks that die come back, slower each time; a task that hangs starves the watchdog."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from firmware.core.log import Log
from firmware.service import faults
from firmware.service.housekeeping import Housekeeping
from firmware.service.supervisor import Policy, Supervisor
from tools.sim import onhost

Beat = Callable[[], None]


class Watchdog:
    def __init__(self) -> None:
        self.fed = 0

    def feed(self) -> None:
        self.fed += 1


def supervise(
    tasks: "dict[str, tuple[Callable[[Beat], Awaitable[object]], Policy]]", seconds: float
) -> "tuple[Watchdog, Log, list[str], Supervisor]":
    watchdog, log, recorded = Watchdog(), Log(200), []
    supervisor = Supervisor(log, watchdog, lambda where, _error: recorded.append(where))

    async def main() -> None:
        for name, (factory, policy) in tasks.items():
            supervisor.start(name, factory, policy)
        try:
            await asyncio.wait_for(supervisor.run(), seconds)
        except asyncio.TimeoutError:
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()  # type: ignore[union-attr]
            await asyncio.sleep(0)

    onhost.run_virtual(main())
    return watchdog, log, recorded, supervisor


async def _lives(beat: Beat) -> None:
    while True:
        beat()
        await asyncio.sleep(0.5)


async def _hangs(beat: Beat) -> None:
    beat()
    await asyncio.sleep(3600)


def test_the_watchdog_is_fed_while_every_vital_task_reports() -> None:
    watchdog, log, _, _ = supervise({"a": (_lives, Policy(1000)), "b": (_lives, Policy(2000))}, 10)
    assert 38 <= watchdog.fed <= 42
    assert log.newest(5) == []


def test_one_silent_vital_task_stops_the_feeding_and_is_named_once() -> None:
    watchdog, log, _, _ = supervise({"a": (_lives, Policy(1000)), "desk": (_hangs, Policy(3000))}, 20)
    assert 11 <= watchdog.fed <= 14
    (line,) = log.newest(5)
    assert line.endswith("X01 no sign of life: desk")


def test_a_task_that_is_not_vital_may_be_silent() -> None:
    watchdog, _, _, _ = supervise({"signals": (_hangs, Policy())}, 10)
    assert watchdog.fed >= 38


def test_a_task_that_dies_is_restarted_with_growing_bounded_pauses_and_recorded() -> None:
    starts: list[float] = []

    async def dies(_beat: Beat) -> None:
        starts.append(asyncio.get_running_loop().time())
        raise ValueError("bug")

    _, log, recorded, supervisor = supervise({"link": (dies, Policy(0, 200, 1000))}, 10)
    pauses = [round(later - earlier, 2) for earlier, later in zip(starts, starts[1:], strict=False)]
    assert pauses[:5] == [0.2, 0.4, 0.8, 1.0, 1.0]
    assert set(pauses[5:]) == {1.0}
    assert "X00 task link: ValueError bug" in log.newest(1)[0]
    assert recorded.count("link") == len(starts)
    assert supervisor.restarts() == [("link", len(starts))]


def test_being_restarted_is_no_sign_of_life() -> None:
    async def dies_at_once(_beat: Beat) -> None:
        raise ValueError

    watchdog, _, _, _ = supervise({"keys": (dies_at_once, Policy(3000))}, 20)
    assert 11 <= watchdog.fed <= 14


def test_housekeeping_works_only_in_quiet_and_rests_when_there_is_nothing() -> None:
    quiet, done, recovered, retired = [False], [], [], []
    work = [True, True, False]

    def piece() -> bool:
        done.append(1)
        return work.pop(0) if work else False

    async def main() -> None:
        keeping = Housekeeping(lambda _ms: quiet[0], (piece,), lambda: recovered.append(1), lambda: retired.append(1))
        task = asyncio.create_task(keeping.run(lambda: None))
        await asyncio.sleep(5)
        assert done == []
        quiet[0] = True
        await asyncio.sleep(10)
        assert len(done) == 3
        await asyncio.sleep(60)
        assert len(done) in (4, 5)
        assert recovered and not retired
        await asyncio.sleep(600)
        assert len(retired) == 1
        await asyncio.sleep(86_500)
        assert len(retired) == 2
        task.cancel()

    onhost.run_virtual(main())


def test_the_fault_record_keeps_the_newest_within_its_bounds(tmp_path: Path) -> None:
    path = tmp_path / "fault.txt"
    for number in range(50):
        faults.record(f"trace {number} " + "x" * 300, "main", str(path))
    kept = path.read_text()
    assert len(kept) <= 4096
    assert "trace 49" in kept
    assert "trace 0 " not in kept
    faults.record("y" * 10_000, "main", str(path))
    assert len(path.read_text()) <= 4096


def test_the_same_fault_at_every_start_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "fault.txt"
    for _ in range(9):
        faults.record("OSError: display does not answer", "main", str(path))
    assert path.read_text().count("display does not answer") == 1


def test_a_file_system_that_fails_hinders_no_reset(tmp_path: Path) -> None:
    faults.record("trace", "main", str(tmp_path / "no" / "such" / "folder"))
