"""A short log in memory, mirrored to the serial port as `# ` lines. No key, PIN, name or member number ever enters it.

One line is `seconds code text`; the code is that of `firmware.core.errors`, or `I00` for a plain event.
"""

from time import ticks_diff, ticks_ms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable


class Log:
    """Keeps the newest `size` lines. `echo` receives every line (the console), or None."""

    def __init__(self, size: int = 64, echo: "Callable[[str], object] | None" = None) -> None:
        self._lines: "list[str]" = [""] * size
        self._next = 0
        self._echo = echo
        self._started = ticks_ms()

    def event(self, text: str) -> None:
        """Something worth knowing happened and nothing is wrong."""
        self.fault("I00", text)

    def fault(self, code: str, text: str) -> None:
        """Something went wrong; `code` is explained in docs/troubleshooting.md."""
        line = "{} {} {}".format(ticks_diff(ticks_ms(), self._started) // 1000, code, text)
        self._lines[self._next % len(self._lines)] = line
        self._next += 1
        if self._echo is not None:
            self._echo(line)

    def error(self, error: Exception, where: str) -> None:
        """Note an exception by its code, or by its class when it is not one of ours."""
        code = getattr(error, "code", "X00")
        self.fault(code, "{}: {} {}".format(where, type(error).__name__, error))

    def newest(self, count: int) -> "list[str]":
        """The newest lines, oldest first."""
        size = len(self._lines)
        first = max(0, self._next - min(count, size))
        return [self._lines[i % size] for i in range(first, self._next)]
