"""One worker of several: serves the listening socket it inherited until its parent goes away.

Started by `workers` alone, as `python -m tools.bench_switch.worker`. The first line of standard input is its order, as
JSON; the end of standard input is the end of the parent. It says `ready`, then each entry of its message log as a line
of JSON when asked to.
"""

from __future__ import annotations

import json
import signal
import socket
import sys
from dataclasses import asdict, dataclass

from tools.bench_switch.server import BenchSwitch
from tools.issuer.keys import IssuerKeys

READY = "ready"


@dataclass(frozen=True)
class Order:
    """What a worker serves; `listener` is the number of the inherited socket, keys are spelt in hex."""

    database_url: str
    pki_folder: str
    switch_name: str
    listener: int
    quiet: bool
    issuer_keys: dict[str, str | int] | None = None
    ask_clients: bool = False

    def line(self) -> str:
        """As the worker reads it."""
        return json.dumps(asdict(self)) + "\n"


def spelt(keys: IssuerKeys | None) -> dict[str, str | int] | None:
    """Issuer keys as an Order carries them."""
    if keys is None:
        return None
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in vars(keys).items()}


def read_keys(keys: dict[str, str | int] | None) -> IssuerKeys | None:
    """Issuer keys of an Order."""
    if keys is None:
        return None
    # The only number of a key file is its version; every key is bytes.
    values = {name: bytes.fromhex(value) if isinstance(value, str) else value for name, value in keys.items()}
    return IssuerKeys(**values)  # type: ignore[arg-type]


def main() -> None:
    """Serve until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent says when to stop
    order = Order(**json.loads(sys.stdin.readline()))
    listener = socket.socket(fileno=order.listener)
    switch = BenchSwitch(
        order.database_url,
        order.pki_folder,
        switch_name=order.switch_name,
        issuer_keys=read_keys(order.issuer_keys),
        listener=listener,
        ask_clients=order.ask_clients,
    )
    switch.start()
    if not order.quiet:
        switch.log.listen(lambda entry: print(json.dumps(asdict(entry)), flush=True))
    print(READY, flush=True)
    try:
        sys.stdin.read()
    finally:
        switch.close()


if __name__ == "__main__":
    main()
