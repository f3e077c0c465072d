"""The same four steps of a tap through each foreign driver's own calls, so that they can be measured side by side.

Each takes the driver's freshly imported package. A step that fails raises Misread: what the driver itself says of it
(a status number, True for an error, None) is read here and nowhere else.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, Protocol


class Misread(Exception):
    """The driver says that something went wrong."""


class Adapter(Protocol):
    """One tap of a Classic card; a UID is the driver's own list of five bytes, the last its check byte."""

    def __init__(self, package: ModuleType, spi_hz: int) -> None: ...
    def detect(self) -> bool:
        """One request: whether a card is there."""
        ...

    def uid(self) -> list[int]:
        """Anticollision."""
        ...

    def select(self, uid: list[int]) -> None:
        """SELECT."""
        ...

    def authenticate(self, uid: list[int], block: int, key: list[int]) -> None:
        """Key A."""
        ...

    def read(self, block: int) -> list[int]:
        """Sixteen bytes."""
        ...

    def write(self, block: int, data: list[int]) -> None:
        """Sixteen bytes; not all of them say whether it went well."""
        ...

    def stop(self) -> None:
        """End the Classic session."""
        ...


class Mfrc522:
    """mfrc522."""

    _names = {
        "request": "MFRC522_Request", "anticoll": "MFRC522_Anticoll", "select": "MFRC522_SelectTag",
        "auth": "MFRC522_Auth", "read": "MFRC522_Read", "write": "MFRC522_Write",
        "stop": "MFRC522_StopCrypto1",
    }  # fmt: skip

    def __init__(self, package: ModuleType, spi_hz: int) -> None:
        self._reader: Any = package.MFRC522(spd=spi_hz)
        self._call = {step: getattr(self._reader, name) for step, name in self._names.items()}

    def detect(self) -> bool:
        return self._call["request"](self._reader.PICC_REQIDL)[0] == self._reader.MI_OK

    def uid(self) -> list[int]:
        status, uid = self._call["anticoll"]()
        return _unless(status != self._reader.MI_OK, uid)

    def select(self, uid: list[int]) -> None:
        _unless(not self._call["select"](uid), uid)

    def authenticate(self, uid: list[int], block: int, key: list[int]) -> None:
        status = self._call["auth"](self._reader.PICC_AUTHENT1A, block, key, uid)
        _unless(status != self._reader.MI_OK, uid)

    def read(self, block: int) -> list[int]:
        data = self._call["read"](block)
        return _unless(data is None, data)

    def write(self, block: int, data: list[int]) -> None:
        self._call["write"](block, data)

    def stop(self) -> None:
        self._call["stop"]()


class Mfrc522Python(Mfrc522):
    """mfrc522-python: the same driver with other names and another waiting loop."""

    _names = {
        "request": "Request", "anticoll": "Anticoll", "select": "SelectTag", "auth": "Authenticate",
        "read": "ReadTag", "write": "WriteTag", "stop": "StopCrypto1",
    }  # fmt: skip


class PiRc522:
    """pi-rc522."""

    def __init__(self, package: ModuleType, spi_hz: int) -> None:
        self._reader: Any = package.RFID(speed=spi_hz)

    def detect(self) -> bool:
        return not self._reader.request()[0]

    def uid(self) -> list[int]:
        error, uid = self._reader.anticoll()
        return _unless(error, uid)

    def select(self, uid: list[int]) -> None:
        _unless(self._reader.select_tag(uid), uid)

    def authenticate(self, uid: list[int], block: int, key: list[int]) -> None:
        _unless(self._reader.card_auth(self._reader.auth_a, block, key, uid), uid)

    def read(self, block: int) -> list[int]:
        error, data = self._reader.read(block)
        return _unless(error, data)

    def write(self, block: int, data: list[int]) -> None:
        _unless(self._reader.write(block, data), data)

    def stop(self) -> None:
        self._reader.stop_crypto()

    def whole_uid(self) -> list[int]:
        """Four or seven bytes; the last cascade level is read and never selected."""
        uid = self._reader.read_id()
        return _unless(uid is None, uid)

    def wait_for_tag(self, seconds: float) -> None:
        """Waits on the interrupt line."""
        self._reader.wait_for_tag(seconds)


def _unless(failed: bool, value: Any) -> Any:
    if failed:
        raise Misread(value)
    return value


PACKAGES: dict[str, tuple[str, type[Adapter]]] = {
    "mfrc522": ("mfrc522", Mfrc522),
    "mfrc522-python": ("mfrc522", Mfrc522Python),
    "pi-rc522": ("pirc522", PiRc522),
}
