"""Views on the beginning of a buffer, made once each, so that hot paths cost no heap. Knows nothing else."""


class Views:
    """Views on the beginning of a buffer, each made once: a slice in the hot path would cost heap every time."""

    def __init__(self, buffer: bytearray) -> None:
        self.whole = memoryview(buffer)
        self._made: "list[memoryview | None]" = [None] * (len(buffer) + 1)

    def first(self, count: int) -> memoryview:
        """The first `count` bytes."""
        view = self._made[count]
        if view is None:
            view = self._made[count] = self.whole[:count]
        return view
