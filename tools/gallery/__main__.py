"""`python -m tools.gallery`: play the stories and say what looks otherwise; with `--accept` keep it as it looks now."""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import click

from tools.gallery import golden, tracing
from tools.gallery.page import PAGE, page
from tools.gallery.pictures import Picture, png, read, sheet
from tools.gallery.playing import LANGUAGES, TRACED, Kept, kept_by, play, stories
from tools.sim.image import REPOSITORY


def _played(story: str, language: str, tree: Path | None) -> tuple[str, list[Kept], str]:
    try:
        return language, play(story, language, tree), ""
    except RuntimeError as error:
        return language, [], str(error)


def _sheets(kind: str, language: str, names: list[str], columns: int, most: int) -> list[str]:
    """Many pictures on one, to be looked at."""
    written: list[str] = []
    for at in range(0, len(names), most):
        some = names[at : at + most]
        pictures: list[Picture] = [read(golden.path_of(language, name)) for name in some]
        path = golden.BUILD / f"{kind}-{language}-{at // most + 1}.png"
        path.write_bytes(png(sheet(pictures, columns)))
        written.append(f"{path.relative_to(REPOSITORY)}: {' '.join(some)}")
    return written


@click.command()
@click.argument("names", nargs=-1)
@click.option("--accept", is_flag=True, help="Keep the pictures as they are now, and write docs/screens.md.")
@click.option("--language", type=click.Choice(LANGUAGES), help="Only this one.")
@click.option("--sheets", is_flag=True, help="Put the kept pictures on sheets in build/gallery and play nothing.")
@click.option("--jobs", default=2, show_default=True, help="Stories at a time.")
def main(names: tuple[str, ...], accept: bool, language: str | None, sheets: bool, jobs: int) -> None:
    """Play the gallery's stories, or those of these NAMES, and compare what they keep."""
    languages = [language] if language else list(LANGUAGES)
    chosen = [story for story in stories() if not names or story in names]
    golden.BUILD.mkdir(parents=True, exist_ok=True)
    if sheets:
        for one in languages:
            listed = [kept for story in chosen for kept in kept_by(story) if golden.path_of(one, kept[0]).exists()]
            lines = _sheets("screens", one, [name for name, receipt, _ in listed if not receipt], 3, 15)
            for line in lines + _sheets("receipts", one, [name for name, receipt, _ in listed if receipt], 4, 8):
                click.echo(line)
        return
    tree = tracing.traced_tree()
    failed = False
    with ProcessPoolExecutor(jobs) as pool:
        runs = [
            (story, pool.submit(_played, story, one, tree if one == TRACED else None))
            for story in chosen
            for one in languages
        ]
        for story, run in runs:
            one, kept, failure = run.result()
            problems = [failure] if failure else []
            if accept:
                golden.accept(one, kept)
                shown = {picture.name for picture in kept}
                pages = [name for name, _, may_miss in kept_by(story) if may_miss and name not in shown]
                golden.forget(one, [] if failure else pages)
            else:
                problems += golden.wrong(one, kept, golden.texts(one))
            for problem in problems:
                click.echo(problem)
            failed = failed or bool(problems)
    if accept:
        known = {name for story in stories() for name, _, _ in kept_by(story)}
        for one in languages:
            golden.forget(one, sorted(golden.texts(one).keys() - known))
        PAGE.write_text(page(), encoding="utf-8")
    elif failed:
        click.echo(f"when this is meant: {golden.ACCEPT}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
