"""What service asks of a store that stands on a ring: which sectors failed, and how its idle work stands."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.store.ring import Ring


class Care:
    """A store with its `_ring`."""

    _ring: "Ring"

    def bad_sectors(self) -> bytes:
        """What `open` takes back, so that no sector that failed is tried again: salt u32 and a bit a sector."""
        return self._ring.bad_sectors()

    def care(self) -> "tuple[int, int, int, int, int]":
        """(sectors; of them free; of those erased ahead; sectors given up; erases a sale or an answer waited for)"""
        ring = self._ring
        return ring.sectors, ring.free(), ring.erased(), ring.given_up(), ring.inline_erases

    def speaking(self) -> int:
        """Sectors that took neither an erase nor zeros: what they held can be read by whoever has flash and keys."""
        return self._ring.speaking

    def last_tag(self) -> "tuple[bytes, int]":
        """(tag of the newest frame, its generation): who keeps it can tell later that nothing up to it is missing."""
        from firmware.store.history import last_tag  # wanted at the end of a shift

        return last_tag(self._ring)
