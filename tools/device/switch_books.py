"""The bench switch's books, when they are at hand: a terminal that was provisioned is made known there.

The same entry as `python -m tools.bench_switch terminal add`, without its file of keys in clear. Everything of the
switch is imported when it is asked for: a technician's computer need not have it.
"""

from __future__ import annotations

from tools.device.provision_errors import BooksRefuse
from tools.device.provisioner import Wanted


def enter(database: str, wanted: Wanted) -> bool:
    """Make it known; False when it was, with the same keys. Raises BooksRefuse."""
    import click

    from tools.bench_switch.cli_kit import books_of

    tid, merchant = wanted.entry.tid, str(wanted.entry.settings["merchant_id"]).rstrip()
    keys = (str(wanted.keys["mac_out"]), str(wanted.keys["mac_in"]), int(wanted.keys["kid"]))
    try:
        with books_of(database) as books:
            known = next((row for row in books.terminals() if row.terminal_id == tid), None)
            if known is None:
                books.add_terminal(tid, merchant, *keys)
                return True
    except click.ClickException as error:
        raise BooksRefuse(error.message) from None
    if known.merchant_id != merchant:
        raise BooksRefuse(f"the switch knows {tid} under merchant {known.merchant_id}")
    if known.kid == keys[2] and (known.mac_out, known.mac_in) != keys[:2]:
        raise BooksRefuse(f"the switch has other MAC keys of number {keys[2]} for {tid}")
    return False
