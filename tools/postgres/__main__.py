"""`python -m tools.postgres`: a private PostgreSQL on a loopback port until Ctrl-C, for `--database`."""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path

import click

from tools.postgres.server import PostgresError, Server


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Keep the data here. [default: none]")
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="0 takes a free one.")
@click.option("--fast", is_flag=True, help="Give up surviving a power cut; for data that are thrown away.")
@click.option("--for-parent", is_flag=True, hidden=True, help="Say one line of JSON, run until stdin closes.")
def main(folder: Path | None, port: int, fast: bool, for_parent: bool) -> None:
    """Serve a private PostgreSQL and print its URL. Without --folder everything is gone at the end."""
    # An absolute one: the server runs with its own working folder.
    server = Server(folder.resolve() if folder else None, port, fast=fast)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        try:
            server.start()
        except (PostgresError, OSError, LookupError) as error:
            if not for_parent:
                raise click.ClickException(f"{error} [{'B05' if isinstance(error, OSError) else 'B02'}]") from error
            print(json.dumps({"error": str(error)}), flush=True)
            return
        if for_parent:
            print(json.dumps({"url": server.url, "pid": server.pid}), flush=True)
            threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
        else:
            click.echo(f"{server.url}\nCtrl-C stops")
        while not stop.wait(0.2):
            if not server.alive():
                raise click.ClickException("PostgreSQL ended by itself [B02]")
    finally:
        server.stop()


if __name__ == "__main__":
    main(prog_name=".venv/bin/python -m tools.postgres")
