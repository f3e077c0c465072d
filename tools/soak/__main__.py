"""`python -m tools.soak`: many seeds, or one with its whole log (`--seed 17 --days 2 --trace`). Exit 1 on a failure."""

from __future__ import annotations

import sys
import time
from collections import Counter

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tools.soak.many import results
from tools.soak.run import DAYS, STORIES, Result, run_seed

_SHOWN = 6  # breaches of one seed


def _tell(console: Console, result: Result, days: int, stories: int) -> None:
    console.print(f"[bold red]seed {result.seed} fails[/]", highlight=False)
    for breach in result.problems[:_SHOWN]:
        console.print(f"  {breach}", markup=False, highlight=False, soft_wrap=True)
    options = f"--seed {result.seed} --days {days}" + (f" --stories {stories}" if stories != STORIES else "")
    console.print(f"  .venv/bin/python -m tools.soak {options} --trace", markup=False, highlight=False)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seed", type=int, help="This one only.")
@click.option("--seeds", default=200, show_default=True, type=click.IntRange(1), help="How many.")
@click.option("--from", "first", default=1, show_default=True, help="The first of them.")
@click.option("--days", default=DAYS, show_default=True, type=click.IntRange(1, 30))
@click.option("--stories", default=STORIES, show_default=True, type=click.IntRange(1), help="A terminal and day, most.")
@click.option("--jobs", default=2, show_default=True, type=click.IntRange(1), help="Processes.")
@click.option("--trace", is_flag=True, help="The whole log of each seed.")
def main(seed: int | None, seeds: int, first: int, days: int, stories: int, jobs: int, trace: bool) -> None:
    """Play whole systems from seeds and see that every promise holds."""
    console = Console()
    numbers = [seed] if seed is not None else list(range(first, first + seeds))
    if trace:
        broken = False
        for number in numbers:
            result = run_seed(number, days, stories, keep_lines=True)
            print("\n".join(result.lines))
            print(f"digest {result.digest}")
            if result.problems:
                broken = True
                _tell(console, result, days, stories)
        sys.exit(broken)
    began = time.monotonic()
    counts: Counter[str] = Counter()
    failed: list[int] = []
    virtual_s = 0.0
    columns = TextColumn("soak"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("soak", total=len(numbers))
        for result in results(numbers, days, stories, jobs):
            counts.update(result.counts)
            virtual_s += result.virtual_s
            if result.problems:
                failed.append(result.seed)
                _tell(console, result, days, stories)
            bar.advance(task)
    took_s = time.monotonic() - began
    for name in sorted(counts):
        console.print(f"{counts[name]:9}  {name}", highlight=False)
    console.print(
        f"{len(numbers)} seeds of {days} days in {took_s:.0f} s, {len(numbers) / took_s:.1f} seeds/s, "
        f"{virtual_s / 3600:.0f} hours of terminals' time",
        highlight=False,
    )
    if failed:
        console.print(f"[bold red]{len(failed)} failed: {' '.join(map(str, failed))}[/]", highlight=False)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
