"""Many seeds on several processes, told in the order of the seeds. A run shares nothing with the one before it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence

from tools.soak.run import Result, run_seed

_CHUNK = 2
_LIVES = 100  # seeds a process plays before another takes its place: what a library remembers does not grow


def _play(job: tuple[int, int, int]) -> Result:
    return run_seed(*job)


def results(seeds: Sequence[int], days: int, stories: int, processes: int) -> Iterator[Result]:
    """What came of each seed."""
    jobs = [(seed, days, stories) for seed in seeds]
    if processes == 1 or len(jobs) == 1:
        yield from map(_play, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(processes, maxtasksperchild=_LIVES) as pool:
        yield from pool.imap(_play, jobs, chunksize=_CHUNK)
