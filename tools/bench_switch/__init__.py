"""A real loyalty switch for bench and demo: LT-87 over TLS, a double-entry ledger, faults on request.

Independent of the firmware on purpose: nothing here imports `firmware` or `drivers`, so that a wrong reading of the
protocol cannot be made twice in one place.
"""

from tools.bench_switch.faults import Fault, FaultError
from tools.bench_switch.ledger import Ledger, LedgerError
from tools.bench_switch.programme import Programme
from tools.bench_switch.server import BenchSwitch

__all__ = ["BenchSwitch", "Fault", "FaultError", "Ledger", "LedgerError", "Programme"]
