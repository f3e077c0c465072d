"""`python -m tools.programme`: write docs/programme.md, and say what is missing."""

from __future__ import annotations

import sys

import click

from tools.programme import page
from tools.sim.scenario_parser import ScenarioError


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when the page is not what the stories say.")
def main(*, check: bool) -> None:
    """Write docs/programme.md from the rows and the stories."""
    try:
        stories = page.read()
    except ScenarioError as error:
        sys.exit(str(error))
    text, gaps = page.written(stories), page.missing(stories)
    if check:
        sys.exit(text != page.PAGE.read_text(encoding="utf-8"))
    page.PAGE.write_text(text, encoding="utf-8")
    for story in stories:
        if not story.row:
            click.echo(f"{story.path.name}: names no row")
    click.echo(f"{len(stories)} stories; missing: {', '.join(gaps) or 'nothing'}")


if __name__ == "__main__":
    main()
