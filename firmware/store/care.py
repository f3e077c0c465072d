"""What service asks of a store that stands on a ring: which sectors failed, and how its idle work stands."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.store.by_reference import Search
    from firmware.store.flash import Flash
    from firmware.store.ring import Ring


class Care:
    """A store with its `_ring` on its `_flash`."""

    _ring: "Ring"
    _flash: "Flash"

    def bad_sectors(self) -> bytes:
        """What `open` takes back, so that no sector that failed is tried again: salt u32 and a bit a sector."""
        return self._ring.bad_sectors()

    def care(self) -> "tuple[int, int, int, int, int]":
        """(sectors; of them free; of those erased ahead; sectors given up; erases a sale or an answer waited for)"""
        ring = self._ring
        return ring.sectors, ring.free(), ring.erased(), ring.given_up(), ring.inline_erases

    def worn(self) -> int:
        """Erases of each sector: they take turns, so each has about as many as the others."""
        ring = self._ring
        return ring.generation // max(1, ring.sectors - ring.given_up())

    def speaking(self) -> int:
        """Sectors that took neither an erase nor zeros: what they held can be read by whoever has flash and keys."""
        return self._ring.speaking

    def last_tag(self) -> "tuple[bytes, int]":
        """(tag of the newest frame, its generation): who keeps it can tell later that nothing up to it is missing."""
        from firmware.store.history import last_tag  # wanted at the end of a shift

        return last_tag(self._ring)

    def search(self, reference: str, since_utc: int = 0) -> "Search":
        """Looks for the newest transaction or void with this reference of the cash register, a sector a call; what is
        older than `since_utc` need not be found. Only once all is loaded."""
        from firmware.store.by_reference import Search  # wanted where a cash register is

        return Search(self._flash, self._ring, reference, since_utc)
