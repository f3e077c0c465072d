"""An example of a cash register, to be read in five minutes. It pairs once, sells, books and prints.

    .venv/bin/python -m tools.ecr.example /dev/ttyACM0 125000
    .venv/bin/python -m tools.ecr.example /dev/ttyACM0 125000 --use ask

The reference of a receipt is made BEFORE the terminal hears of it and kept with the receipt: after a crash of this
program or a cut cable the same reference goes to the terminal again, so that no receipt earns points twice.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.ecr.register import OTHER_AMOUNT, RIGHT_MISSING, CashRegister, NotKnown, Outcome, Refused
from tools.rpc.client import NoAnswer

BOOKS = Path("register-books.json")  # a real register has a data base


def load() -> dict[str, Any]:
    """What this register has kept: its token, the receipt that is open, the receipts that are booked."""
    if not BOOKS.exists():
        # Books that were lost must not begin at a number that stands for a sale of before.
        return {"token": "", "series": secrets.token_hex(3), "next": 1, "open": None, "booked": []}
    books: dict[str, Any] = json.loads(BOOKS.read_text())
    return books


def keep(books: dict[str, Any]) -> None:
    """Before anything else happens; whole or not at all, and for no other user's eyes: the token is in it."""
    new = BOOKS.with_suffix(".new")
    new.touch()
    new.chmod(0o600)
    new.write_text(json.dumps(books, indent=1))
    new.replace(BOOKS)


def finish(register: CashRegister, books: dict[str, Any], end: Callable[[str], Outcome]) -> bool:
    """Bring the open receipt to its `end` and into the books; whether it was sold."""
    ref = books["open"]["ref"]
    try:
        outcome = end(ref)
    except Refused as refusal:
        print(f"{ref} not taken: {refusal}")
        # What the terminal does not know it has not sold, and a reference of another receipt is not ours to follow.
        if refusal.number == OTHER_AMOUNT or not register.knows(ref):
            books["open"] = None
            keep(books)
        return False
    print(f"{ref} {outcome.outcome}: {outcome.points:+} points, {outcome.discount} off, to pay {outcome.payable}")
    books["booked"].append(outcome.raw)
    books["open"] = None
    keep(books)
    with contextlib.suppress(Refused, NoAnswer, OSError):  # the sale stands, with paper or without, cable or none
        register.booked(ref)
        if outcome.approved:
            print("\n".join(register.receipt(ref)))
    return outcome.approved


def sale(register: CashRegister, books: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Sell what is wanted; a receipt that was left open comes first, and is never sold in its place."""
    found = books["open"]
    if found is not None and {name: found[name] for name in wanted} != wanted:
        print(f"{found['ref']} of {found['amount']} was left open; how it ended:")
        with contextlib.suppress(Refused):  # nobody knows it, or it is too late
            register.cancel(found["ref"])
        finish(register, books, register.ended)
        if books["open"] is not None:
            return False
    elif found is not None:
        print(f"{found['ref']} of {found['amount']} was left open and goes on")
    if books["open"] is None:
        books["open"] = {"ref": f"TILL1-{books['series']}-{books['next']:06d}", **wanted}
        books["next"] += 1
        keep(books)
    return finish(register, books, lambda ref: register.sell(ref, **wanted, on_state=print))


def main() -> int | str:
    """One sale. What `sys.exit` takes: 0 sold, 1 not, 130 interrupted, or why not."""
    parser = argparse.ArgumentParser(description="One sale of a cash register.")
    parser.add_argument("port")
    parser.add_argument("amount", type=int, help="whole rials")
    parser.add_argument("--use", choices=("earn", "burn", "ask"), default="earn")
    asked = parser.parse_args()
    books = load()
    try:
        with CashRegister(asked.port, token=books["token"], name="till 1") as register:
            if not books["token"]:
                books["token"] = register.pair(lambda: input("six digits on the terminal's screen: "))
                keep(books)
            return 0 if sale(register, books, {"amount": asked.amount, "use": asked.use}) else 1
    except Refused as refusal:
        if refusal.number == RIGHT_MISSING:  # another register was paired since, or a technician took it back
            books["token"] = ""
            keep(books)
        return f"refused: {refusal}" + ("" if books["token"] else "; this register is not paired: run again to pair it")
    except OSError as error:
        return f"{asked.port}: {error.strerror or error}; is it this port, may you use it, has another program got it?"
    except NoAnswer as silent:
        return f"{asked.port}: {silent}; is a terminal there, and does it run?"
    except NotKnown as unknown:
        return f"{unknown}, then run again"
    except EOFError:
        return "nobody is there to read the six digits: run it where you can type"
    except KeyboardInterrupt:
        if books["open"] is not None:
            print(f"\n{books['open']['ref']} stays on the terminal, and in {BOOKS}: run again to learn how it ended")
        return 130


if __name__ == "__main__":
    sys.exit(main())
