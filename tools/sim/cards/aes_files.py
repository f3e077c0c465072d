"""File commands of NTAG 424 DNA and DESFire EV2+: settings, reading, writing, and what a removal leaves of a write.

NT4H2421Gx sections 10.7 and 10.8. It knows no radio and no key.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from tools.sim.cards.aes_core import (
    BOUNDARY,
    LENGTH,
    MAX_ANSWER,
    NO_SUCH_FILE,
    PARAMETER,
    AesCore,
    Refused,
    Reply,
)
from tools.sim.cards.ev2 import FULL, MAC, PLAIN
from tools.sim.cards.files import FREE, Locked, NotAuthenticated, StdFile
from tools.sim.cards.sdm import Sdm

_HEAD_BYTES = 12  # APDU header, file number, offset and length: what a written byte comes behind


class AesApp(AesCore):
    """Keys and files. `files` is those of the selected application and raises Refused where none is selected."""

    block_safe = True  # whether what one block brings is written whole or not at all

    def __init__(self, uid: bytes, entropy: Callable[[int], bytes] | None = None) -> None:
        super().__init__(uid, entropy)
        self._last_read: tuple[int, int] | None = None
        self._same_read: tuple[int, int] | None = None
        self._padding = b""
        self.arrived = 0  # bytes of the running command that came in blocks before its last
        self.commands |= {
            0xF5: self._get_file_settings,
            0x5F: self._change_file_settings,
            0xAD: self._read_data,
            0x8D: self._write_data,
        }

    @property
    def files(self) -> dict[int, StdFile]:
        """By number."""
        raise NotImplementedError

    def reset(self) -> None:
        """Power lost, or a new activation."""
        super().reset()
        self._last_read = None

    def apdu(self, command: bytes) -> bytes:
        """One command APDU, one response APDU with its status word."""
        self._same_read, self._last_read = self._last_read, None
        return super().apdu(command)

    def file(self, data: bytes) -> StdFile:
        """The file that the first byte of a command's data names. Raises Refused."""
        if not data:
            raise Refused(LENGTH)
        if data[0] not in self.files:
            raise Refused(NO_SUCH_FILE)
        return self.files[data[0]]

    def _get_file_settings(self, ins: int, data: bytes) -> Reply:
        file = self.file(data)
        self.header(ins, data, 1, MAC)
        return self.answer(file.settings, MAC)

    def _change_file_settings(self, ins: int, data: bytes) -> Reply:
        file = self.file(data)
        mode = file.mode_for(file.change_keys, self.who, FULL)
        header, body = self.received(ins, data, 1, mode)
        if len(body) < 3:
            raise Refused(LENGTH)
        option, rights = body[0], body[1:3]
        nibbles = (rights[0] >> 4, rights[0] & 15, rights[1] >> 4, rights[1] & 15)
        if option & 0xBC or any(len(self.keys) <= nibble < FREE for nibble in nibbles):
            raise Refused(PARAMETER)
        dynamic = None
        if option & 0x40:
            dynamic = self.dynamic_settings(header[0], file, body[3:])
        elif body[3:]:
            raise Refused(LENGTH)
        if not self.torn:
            file.mode, file.rights, file.sdm = option & 3 if option & 1 else PLAIN, rights, dynamic
        return self.answer(b"", mode)

    def dynamic_settings(self, number: int, file: StdFile, raw: bytes) -> Sdm:
        """SDM settings of a file. Families that have SDM override."""
        raise Refused(PARAMETER)

    def read_mode(self, file: StdFile) -> int:
        """The communication mode of a read. Raises NotAuthenticated or Locked."""
        if self.session is None and file.sdm is not None and file.sdm.frees_reading:
            return PLAIN
        return file.mode_for(file.read_keys, self.who, file.mode)

    def seen(self, ins: int, number: int) -> bytes:
        """The file as this reader sees it. The read counter goes up with the first of a row of equal commands, and the
        random padding of PICCData is renewed (section 9.3.1). Raises Locked at the counter's limit."""
        file = self.files[number]
        if self.session is not None or file.sdm is None:
            return bytes(file.memory)
        if self._same_read != (ins, number):
            if file.sdm.exhausted:
                raise Locked
            if file.sdm.mirrors_counter:
                file.sdm.counter += 1
            self._padding = b""
        self._last_read = (ins, number)
        return file.sdm.dynamic(bytes(file.memory), self.uid, [key.value for key in self.keys], self._pad)

    def _pad(self, size: int) -> bytes:
        self._padding = self._padding or self.entropy(size)
        return self._padding

    def _read_data(self, ins: int, data: bytes) -> Reply:
        file = self.file(data)
        mode = self.read_mode(file)
        header = self.header(ins, data, 7, mode)
        at, size = int.from_bytes(header[1:4], "little"), int.from_bytes(header[4:], "little")
        end = at + size if size else len(file.memory)
        if at >= len(file.memory) or end > len(file.memory):
            raise Refused(BOUNDARY)
        status, answer = self.answer(self.seen(ins, header[0])[at:end], mode)
        if len(answer) > MAX_ANSWER:
            raise Refused(LENGTH)
        return status, answer

    def _write_data(self, ins: int, data: bytes) -> Reply:
        file = self.file(data)
        mode = file.mode_for(file.write_keys, self.who, file.mode)
        header, body = self.received(ins, data, 7, mode)
        at, size = int.from_bytes(header[1:4], "little"), int.from_bytes(header[4:], "little")
        if not size or len(body) != size:
            raise Refused(LENGTH)
        self.write(file, at, body, _HEAD_BYTES)
        return self.answer(b"", mode)

    def write(self, file: StdFile, at: int, content: bytes, head: int) -> None:
        """Program a file. `head` bytes of the command stand before the content.

        A removal in the last block of a chain leaves what came in the blocks before it: NTAG 424 DNA protects each
        block, not the chain (section 10.8.2). On a DESFire the rest is undefined: half of it gets in.
        """
        if at + len(content) > len(file.memory):
            raise Refused(BOUNDARY)
        if self.torn:
            kept = min(len(content), max(0, self.arrived - head))
            content = content[: kept if self.block_safe else kept + (len(content) - kept) // 2]
        file.memory[at : at + len(content)] = content

    def broken_off(self, chain: bytes) -> None:
        """The card was taken away between the blocks of a chain: what they brought of a write stands in the file."""
        with suppress(Refused, NotAuthenticated, Locked):
            self.program_chain(chain)

    def program_chain(self, chain: bytes) -> None:
        """Write what has come in of a command, as far as it is one that writes. Raises where it may not."""
        if chain[:2] != b"\x90\x8d" or len(chain) <= _HEAD_BYTES or chain[5] not in self.files:
            return
        file = self.files[chain[5]]
        at, size = int.from_bytes(chain[6:9], "little"), int.from_bytes(chain[9:12], "little")
        mode = file.mode_for(file.write_keys, self.who, file.mode)
        content = chain[_HEAD_BYTES:]
        if mode == FULL and self.session is not None:
            content = self.session.decrypted(content)
        content = content[: max(0, min(size, len(file.memory) - at))]
        file.memory[at : at + len(content)] = content
