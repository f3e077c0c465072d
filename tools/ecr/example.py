"""An example of a cash register, to be read in five minutes. It pairs once, sells, books and prints.

    python -m tools.ecr.example /dev/ttyACM0 125000
    python -m tools.ecr.example /dev/ttyACM0 125000 --use ask

The reference of a receipt is made BEFORE the terminal hears of it and kept with the receipt: after a crash of this
program or a cut cable the same reference goes to the terminal again, so that no receipt earns points twice.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from tools.ecr.register import CashRegister, Refused

BOOKS = Path("register-books.json")  # a real register has a data base


def load() -> dict[str, Any]:
    """What this register has kept: its token, the receipt that is open, the receipts that are booked."""
    if not BOOKS.exists():
        return {"token": "", "next": 1, "open": None, "booked": []}
    books: dict[str, Any] = json.loads(BOOKS.read_text())
    return books


def keep(books: dict[str, Any]) -> None:
    """Before anything else happens."""
    BOOKS.write_text(json.dumps(books, indent=1))


def main() -> None:
    """One sale."""
    parser = argparse.ArgumentParser(description="One sale of a cash register.")
    parser.add_argument("port")
    parser.add_argument("amount", type=int, help="whole rials")
    parser.add_argument("--use", choices=("earn", "burn", "ask"), default="earn")
    asked = parser.parse_args()
    books = load()
    with CashRegister(asked.port, token=books["token"], name="till 1") as register:
        if not books["token"]:
            books["token"] = register.pair(lambda: input("six digits on the terminal's screen: "))
            keep(books)
        if books["open"] is None:  # else: this program ended in the middle of a sale, which goes on
            books["open"] = {"ref": f"TILL1-{books['next']:06d}", "amount": asked.amount, "use": asked.use}
            books["next"] += 1
            keep(books)
        receipt = books["open"]
        try:
            outcome = register.sell(receipt["ref"], receipt["amount"], use=receipt["use"], on_state=print)
        except Refused as refusal:
            print("not taken:", refusal)  # nothing was booked; the same receipt may be tried again
            return
        print(f"{outcome.outcome}: {outcome.points:+} points, {outcome.discount} off, to pay {outcome.payable}")
        books["booked"].append(outcome.raw)
        books["open"] = None
        keep(books)
        register.booked(outcome.ref)
        if outcome.approved:
            print("\n".join(register.receipt(outcome.ref)))


if __name__ == "__main__":
    main()
