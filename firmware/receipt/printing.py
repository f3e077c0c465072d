"""Puts lines on paper if there is paper. A printer that is off or empty stops nothing: the journal prints it later."""

from firmware.core.refusals import PRINTER_NOT_READY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable

    from firmware.core.log import Log
    from firmware.core.ports import Printer


def print_lines(printer: "Printer", lines: "Iterable[str]", log: "Log") -> bool:
    """Whether the receipt was handed to the printer whole."""
    try:
        if not printer.ready():
            log.fault(PRINTER_NOT_READY, "printer not ready")
            return False
        for line in lines:
            printer.line(line)
        printer.cut()
    except OSError as error:
        log.fault(PRINTER_NOT_READY, "printer: {}".format(error))
        return False
    return True
