"""Seals the bodies of frames: 8 bytes clear, the middle encrypted, 8 bytes of tag. AES only, as every board has it.

Encrypt, then MAC: CBC with an IV that no other place of the store ever has, then CMAC over the place, the frame's
head, the clear bytes and the ciphertext. So a copied flash shows neither cards nor amounts, and a body that was
changed, moved to another place or brought in from another terminal does not open. The keys are derived from the
terminal's master key (NIST SP 800-108, counter mode with CMAC). Holds key material: never log or return it.
"""

from struct import pack

from cryptolib import aes
from micropython import const

from firmware.core.cmac import Cmac, tag_equal
from firmware.store import frames
from firmware.store.frames import VERSION, pack_frame, pack_head

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Protocol

    from firmware.store.frames import Frame, Header

    class Sectors(Protocol):
        """A ring, as far as its chain reads it."""

        def visit(self, generation: int, visit: "Callable[[Frame], bool]") -> None: ...


CLEAR = const(8)
TAG = const(8)
LINK = const(4)
_ECB = const(1)
_CBC = const(2)
_FRAME_MOST = const(128)  # bytes a frame of a journal takes at most
_HEADER_AT = const(0xFFFF)  # the offset in the place of a header, where no frame can be


def derived_key(master: bytes, label: bytes, context: bytes) -> bytes:
    """SP 800-108 in counter mode with CMAC as its function: one block, 128 bits."""
    return Cmac(master).tag(b"\x01" + label + b"\x00" + context + b"\x00\x80")


class Sealer:
    """`master` is the terminal's 16-byte key, `context` its terminal id; `label` keeps the keys of one use apart."""

    def __init__(self, master: bytes, context: bytes, label: bytes = b"vafa-store") -> None:
        self._enc = derived_key(master, label + b"-enc", context)
        self._mac = Cmac(derived_key(master, label + b"-mac", context))
        self._iv = aes(derived_key(master, label + b"-iv", context), _ECB)

    def seal(self, place: bytes, head: "bytes | bytearray | memoryview", body: bytearray, encrypt: bool) -> None:
        """Encrypt, if asked, and close `body` where it lies. `place` has 16 bytes and never comes twice; the last eight
        bytes of the body are the tag's."""
        end = len(body) - TAG
        if encrypt:
            body[CLEAR:end] = aes(self._enc, _CBC, self._iv.encrypt(place)).encrypt(bytes(body[CLEAR:end]))
        body[end:] = self._tag(place, head, body)

    def open(self, place: bytes, head: "bytes | bytearray | memoryview", body: bytearray, encrypted: bool) -> bool:
        """Check the tag, then decrypt where it lies. False, and nothing decrypted, when the tag does not fit."""
        end = len(body) - TAG
        if end < 0 or not tag_equal(self._tag(place, head, body), bytes(body[end:])):
            return False
        if encrypted:
            body[CLEAR:end] = aes(self._enc, _CBC, self._iv.encrypt(place)).decrypt(bytes(body[CLEAR:end]))
        return True

    def frame(self, place: bytes, kind: int, seq: int, body: bytearray, encrypt: bool, crc_seed: int) -> bytearray:
        """The frame that holds this body, which is sealed where it lies."""
        self.seal(place, pack_head(kind, VERSION, seq, len(body)), body, encrypt)
        return pack_frame(kind, VERSION, seq, body, crc_seed)

    def body_of(self, place: bytes, frame: "Frame", encrypted: bool) -> "bytearray | None":
        """What a frame's body says, None when it does not open at this place."""
        body = bytearray(frame.body)
        head = pack_head(frame.kind, frame.version, frame.seq, len(body))
        return body if self.open(place, head, body, encrypted) else None

    def header(self, header: "Header", sector: int) -> bytes:
        """A sector's header, both copies, closed for this sector of its partition."""
        header.tag = self._header_tag(header, sector)
        return frames.pack_header(header)

    def vouches(self, header: "Header", sector: int) -> bool:
        """Whether this header, read there, was written there by whoever has the keys."""
        return header.generation <= frames.LAST_GENERATION and tag_equal(self._header_tag(header, sector), header.tag)

    def share(self, tag: bytes) -> int:
        """What a frame without a link of its own adds to the next link: four bytes that only the keys tell, so nobody
        can take out several frames whose shares make nothing together."""
        return int.from_bytes(self._mac.tag(tag)[:LINK], "little")

    def _header_tag(self, header: "Header", sector: int) -> bytes:
        place = place_of(header.kind, header.salt, header.generation, _HEADER_AT, sector)
        return self._mac.tag(place + frames.header_fields(header))[: frames.HEADER_TAG]

    def _tag(self, place: bytes, head: "bytes | bytearray | memoryview", body: bytearray) -> bytes:
        return self._mac.tag(place + bytes(head) + bytes(body[: len(body) - TAG]))[:TAG]


def place_of(kind: int, salt: int, generation: int, at: int, sector: int = 0) -> bytes:
    """16 bytes that name one place in the life of one ring; `sector` is a header's, frames go by the generation."""
    return pack("<IIIHBB", sector, salt, generation, at, kind, 0)


class Chain:
    """Links records in the order they were written: each begins with four bytes that follow from the tag of the one
    before, and from those of all frames without a link that were written in between.

    Whoever holds the keys can see that a frame is missing, even where every other is whole. `gaps` counts the links
    that did not fit since the start.
    """

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer
        self.gaps = 0
        self.reading = False  # what is written meanwhile is read later, in its order
        self._last = b""
        self._since = 0  # shares of the frames without a link behind it
        self._link_of_last = b""
        self._twins = 0  # of these, the shares of those that stand again behind themselves
        self._share = 0  # of the frame before

    def known(self) -> bool:
        """Whether the last record's tag is known."""
        return len(self._last) > 0

    def link(self) -> bytes:
        """What the next record begins with; zeros when nothing came before."""
        return self._linked_to(0)

    def _linked_to(self, but: int) -> bytes:
        return (int.from_bytes(self._last, "little") ^ self._since ^ but).to_bytes(LINK, "little")

    def wrote(self, tag: bytes, linked: bool) -> None:
        """A frame with this tag was written."""
        if not self.reading:
            self._add(tag, linked)

    def _add(self, tag: bytes, linked: bool) -> None:
        if linked:
            self._last, self._since = bytes(tag[:LINK]), 0
        else:
            self._since ^= self._sealer.share(tag)

    def follow(self, link: bytes, tag: bytes, again: bool = False) -> bool:
        """The next frame that was read, in order; `link` is empty when it has none. `again`: it says the same as the
        one before, whose program may have looked bad and was not; then only the later one counts. True when it has a
        link, and that fits."""
        if not link:
            self._twins ^= self._share if again else 0
            self._share = self._sealer.share(tag)
            self._since ^= self._share
            return False
        fits = link == self.link() or link == self._linked_to(self._twins) or (again and link == self._link_of_last)
        if self._last and not fits:
            self.gaps += 1
        fits = fits and len(self._last) > 0
        self._link_of_last, self._twins = link, 0
        self._add(tag, True)
        return fits

    def begin(self, ring: "Sectors", generation: int) -> None:
        """Nothing was read yet: what is read next follows the newest record of this generation, 0 when nothing came
        before. It counts when from it on its sector is written up to the end without a hole: a sector that nobody
        needs may be half erased, and accuses nobody."""
        older = Chain(self._sealer)
        end = 0

        def look(frame: "Frame") -> bool:
            nonlocal end
            if not frame.link and frame.at != end:
                older._last = b""
            older._add(frame.tag, len(frame.link) > 0)
            end = frame.at + frames.slot_size(len(frame.body))
            return False

        if not generation:
            self._last = bytes(LINK)
            return
        ring.visit(generation, look)
        if end > frames.SECTOR - _FRAME_MOST and older.known():
            self._last, self._since = older._last, older._since

    def look_back(self, ring: "Sectors", generation: int) -> None:
        """Read a sector that is older than all read so far: the last record's tag is not known yet."""
        older = Chain(self._sealer)  # a read that fails leaves this one as it was
        ring.visit(generation, older._look)
        self._last, self._since = older._last, older._since ^ self._since

    def _look(self, frame: "Frame") -> bool:
        self._add(frame.tag, len(frame.link) > 0)
        return False
