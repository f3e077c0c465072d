"""A cash register's side of the terminal: `CashRegister`, with pyserial alone. docs/ecr.md explains it."""

from tools.ecr.register import CashRegister, Outcome, Refused

__all__ = ["CashRegister", "Outcome", "Refused"]
