"""`python -m tools.sim`: bench switch, terminal in real time, and the panel on a page; Ctrl-C stops all three.

Listens on 127.0.0.1 only. The books and the flash live in memory: every start begins with the demo as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys

import click

from tools.sim.panel.backend import LiveStage
from tools.sim.panel.server import DEFAULT_PORT, Panel
from tools.sim.scenario_start import Start

LANGUAGE = "fa"  # as the product; the stories quote English (tools.sim.demo)


async def _serve(stage: LiveStage, port: int, exact: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(name, stop.set)
    panel = Panel(stage.backend)
    try:
        address = await panel.start(port, exact)
    except OSError as error:
        raise click.ClickException(f"port {port} is taken; leave PORT out or name another") from error
    try:
        click.echo(f"The terminal is at  {address}")
        click.echo(f"Its serial port is  {stage.terminal.serial_path}")
        click.echo("Ctrl-C stops it.")
        sys.stdout.flush()
        while not stop.is_set():
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(stop.wait(), 1)
            if stage.live is not None and stage.live.failure is not None:
                raise click.ClickException(f"the simulated terminal has stopped: {stage.live.failure!r}")
    finally:
        await panel.stop()


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=None,
    help=f"Port of the page; {DEFAULT_PORT} or the next free one when not given; 0 is any free one.",
)
@click.option("--board", type=click.Choice(["s3", "pico"]), default="s3", show_default=True)
@click.option(
    "--language",
    type=click.Choice(["fa", "en"]),
    default=LANGUAGE,
    show_default=True,
    help="What the terminal speaks: Persian or English.",
)
@click.option("--unprovisioned", is_flag=True, help="Begin factory-fresh, for `mpremote` and provisioning.")
def main(port: int | None, board: str, language: str, unprovisioned: bool) -> None:
    """Run the simulated terminal with its panel."""
    stage = LiveStage(Start(board=board, provisioned=not unprovisioned, settings={"language": language}))
    try:
        stage.open()
        asyncio.run(_serve(stage, DEFAULT_PORT if port is None else port, port is not None))
    finally:
        stage.close()
        click.echo("stopped")


if __name__ == "__main__":
    main()
