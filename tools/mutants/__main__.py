"""`python -m tools.mutants [name ...]`: apply each mutation to a copy of the tree and see its test turn red.

The lists are `tools/mutants/*.toml`, one a room: name, invariant it attacks, file, old text, new text, test. A mutation
whose old text is gone, whose test is not green without it, or whose test stays green with it, is a failure.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import Any

import click
from rich.console import Console

ROOT = Path(__file__).resolve().parents[2]
LISTS = Path(__file__).parent
TEST_TIMEOUT_S = 300


def tracked_files() -> list[str]:
    """The files git tracks, and those it would: what a copy of the product needs."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()


def copy_tree(target: Path) -> None:
    """Copy the product, and link what was built or installed."""
    for name in tracked_files():
        source = ROOT / name
        if source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)


def run_test(tree: Path, test: str) -> subprocess.CompletedProcess[str]:
    """Run one pytest selection in a tree."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:randomly", *shlex.split(test)]
    return subprocess.run(command, check=False, cwd=tree, capture_output=True, text=True, timeout=TEST_TIMEOUT_S)


def unbroken(tests: Iterable[str]) -> list[str]:
    """What has to be green before anything is broken: all that is named of a file, in as few runs as can be."""
    named = set(tests)
    words: dict[str, set[str]] = {}
    runs = set()
    for test in named:
        selected, _, word = test.partition(" -k ")
        whole = selected.split("::")[0]
        if test != whole and whole in named:
            continue
        if word.isidentifier():
            words.setdefault(selected, set()).add(word)
        else:
            runs.add(test)
    return sorted(runs | {f"{path} -k '{' or '.join(sorted(found))}'" for path, found in words.items()})


def verdict(tree: Path, mutant: dict[str, Any]) -> str:
    """What became of one mutation: "killed", or why not."""
    path = tree / mutant["file"]
    original = path.read_text(encoding="utf-8")
    if original.count(mutant["old"]) != 1:
        return f"stale: its old text stands {original.count(mutant['old'])} times in {mutant['file']}"
    path.write_text(original.replace(mutant["old"], mutant["new"]), encoding="utf-8")
    try:
        outcome = run_test(tree, mutant["test"])
    except subprocess.TimeoutExpired:
        return "killed (hung)"
    finally:
        path.write_text(original, encoding="utf-8")
    if outcome.returncode == 1:
        return "killed"
    if outcome.returncode == 0:
        return "SURVIVED: its test stayed green"
    return "broken: " + (outcome.stdout + outcome.stderr).strip().splitlines()[-1]


@click.command()
@click.argument("names", nargs=-1)
@click.option("--jobs", default=2, show_default=True, help="Copies of the tree worked in at a time.")
def main(names: tuple[str, ...], jobs: int) -> None:
    """Break the product in each named way; exit 1 unless every mutation is noticed."""
    console = Console()
    mutants = [
        mutant for path in sorted(LISTS.glob("*.toml")) for mutant in tomllib.loads(path.read_text("utf-8"))["mutant"]
    ]
    unknown = set(names) - {mutant["name"] for mutant in mutants}
    if unknown:
        raise click.UsageError(
            f"no such mutation: {', '.join(sorted(unknown))}; the names stand in tools/mutants/*.toml"
        )
    chosen = [mutant for mutant in mutants if not names or mutant["name"] in names]
    with tempfile.TemporaryDirectory() as folder:
        trees: Queue[Path] = Queue()
        for number in range(jobs):
            tree = Path(folder) / str(number)
            copy_tree(tree)
            trees.put(tree)

        def judge(mutant: dict[str, Any]) -> str:
            tree = trees.get()
            try:
                return verdict(tree, mutant)
            finally:
                trees.put(tree)

        def unmutated(test: str) -> subprocess.CompletedProcess[str]:
            tree = trees.get()
            try:
                return run_test(tree, test)
            finally:
                trees.put(tree)

        survived = 0
        with ThreadPoolExecutor(jobs) as pool:
            for green in pool.map(unmutated, unbroken(mutant["test"] for mutant in chosen)):
                if green.returncode != 0:
                    console.print(green.args[-3:], green.stdout[-3000:], markup=False)
                    console.print("[red]the named tests are not green without any mutation; mend that first[/red]")
                    sys.exit(1)
            for mutant, said in zip(chosen, pool.map(judge, chosen), strict=True):
                survived += not said.startswith("killed")
                colour = "green" if said.startswith("killed") else "bold red"
                line = f"[{colour}]{said:8}[/] {mutant['name']:36} {mutant['attacks']}"
                console.print(line, soft_wrap=True, highlight=False)
    console.print(f"{len(chosen) - survived} of {len(chosen)} mutations noticed")
    sys.exit(1 if survived else 0)


if __name__ == "__main__":
    main()
