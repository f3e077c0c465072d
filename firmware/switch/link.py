"""The line to the switch: Wi-Fi, TCP, TLS with one pinned CA, and length-framed messages. The only module with sockets.

Knows no message and no key; the TPDU before a packed message is its own. Every wait has a bound; whatever goes wrong is
a LinkError whose code names the step that failed (docs/troubleshooting.md). Never falls back to plain TCP or an
unchecked certificate. Durations in milliseconds.
"""

import asyncio
import socket
from binascii import unhexlify
from time import ticks_add, ticks_diff, ticks_ms

import tls
from micropython import const

from firmware.core.errors import (
    CertificateEarly,
    CertificateExpired,
    CertificateName,
    CertificateRefused,
    LinkDown,
)
from firmware.switch import names
from firmware.switch.profile import MESSAGE_MAX, MESSAGE_MIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Wlan(Protocol):
        """The part of `network.WLAN` used here."""

        def active(self, __up: bool) -> object: ...
        def connect(self, __ssid: str, __psk: "str | None") -> object: ...
        def disconnect(self) -> object: ...
        def isconnected(self) -> bool: ...
        def status(self, __of: str) -> int: ...
        def ifconfig(self) -> "tuple[str, str, str, str]": ...


_TPDU_SIZE = const(5)
_JOIN_MS = const(15000)
_CONNECT_MS = const(5000)
_CLOSE_MS = const(1000)
_DNS_PORT = const(53)
_DNS_TRIES = const(2)
_DNS_MS = const(1500)
_DNS_POLL_MS = const(20)
_POLL_MS = const(100)
_LISTEN_MS = const(150)


class WifiDown(LinkDown):
    """The access point cannot be joined: name, password or address."""

    code = "L01"


class NameUnknown(LinkDown):
    """The switch's host name cannot be resolved."""

    code = "L04"


class ConnectionRefused(LinkDown):
    """Nothing listens at the switch's address, or it does not answer."""

    code = "L05"


class HandshakeFailed(LinkDown):
    """TLS could not be agreed, for another reason than the certificate."""

    code = "L06"


class LinkClosed(LinkDown):
    """An open connection ended, or sent what is no frame."""

    code = "L03"


class ClientRefused(LinkDown):
    """The terminal's own certificate or its key cannot be used."""

    code = "K26"


def tpdu_to(nii: int) -> bytes:
    """The head of a packed message: 60, the network it is for in BCD, and no address of ours."""
    return unhexlify("60{:04d}0000".format(nii))


class Connection:
    """One TLS connection. On the device the handshake happens within the first `send`: its caller bounds it."""

    def __init__(self, reader: "asyncio.StreamReader", writer: "asyncio.StreamWriter", tpdu: bytes = b"") -> None:
        self._reader = reader
        self._writer = writer
        self._tpdu = tpdu
        self._shaken = False
        self.shaken_ms = -1  # how long the handshake took

    async def send(self, message: bytes) -> None:
        """Write one frame; by one task at a time. Raises LinkClosed; the first time also what connecting may raise."""
        began = ticks_ms()
        try:
            self._writer.write((len(self._tpdu) + len(message)).to_bytes(2, "big") + self._tpdu + message)
            await self._writer.drain()
            if not self._shaken:
                self._shaken, self.shaken_ms = True, ticks_diff(ticks_ms(), began)
        except ValueError as error:
            refusal = _of_certificate(error)
        except OSError as error:
            refusal = self._failure(error)
        else:
            return
        raise refusal

    async def receive(self) -> bytes:
        """The next frame, however long that takes. Raises LinkClosed, CertificateRefused."""
        try:
            head = await self._reader.readexactly(2)
            length = head[0] << 8 | head[1]
            tpdu = self._tpdu
            if MESSAGE_MIN <= length - len(tpdu) <= MESSAGE_MAX:
                # Addressed to us by whom we address: the network and the sender have changed places.
                if not tpdu or await self._reader.readexactly(_TPDU_SIZE) == tpdu[:1] + tpdu[3:] + tpdu[1:3]:
                    return await self._reader.readexactly(length - len(tpdu))
                refusal = LinkClosed("a frame for another address")
            else:
                refusal = LinkClosed("a frame of {} bytes".format(length))
        except ValueError as error:
            refusal = _of_certificate(error)
        except (OSError, EOFError) as error:
            refusal = LinkClosed(_reason(error))
        raise refusal

    def _failure(self, error: OSError) -> LinkDown:
        """What an error in sending means. The device tells a refused connection, and fails in TLS, only then."""
        if self._shaken:
            return LinkClosed(_reason(error))
        from_tls = isinstance(error.errno, int) and error.errno < 0  # Mbed TLS counts its errors below zero
        return HandshakeFailed(_reason(error)) if from_tls else ConnectionRefused(_reason(error))

    async def close(self) -> None:
        """Give the connection back; bounded, never raises."""
        try:
            self._writer.close()
            await asyncio.wait_for_ms(self._writer.wait_closed(), _CLOSE_MS)
        except (OSError, ValueError, asyncio.TimeoutError):
            return


class Link:
    """Makes connections, to the first of `addresses` (host, port) that lets us in: they take turns, and the one that
    did last is tried first. All are the same switch: one name, one CA. `client` is the terminal's own certificate and
    its key, DER, for a switch that asks for one. `wlan` is the station interface; without one it is created when it is
    needed."""

    def __init__(
        self,
        addresses: "list[tuple[str, int]]",
        name: str,
        ca_der: bytes,
        ssid: str,
        psk: str,
        wlan: "Wlan | None" = None,
        join_ms: int = _JOIN_MS,
        connect_ms: int = _CONNECT_MS,
        dns_port: int = _DNS_PORT,
        tpdu: bytes = b"",
        client: "tuple[bytes, bytes] | None" = None,
    ) -> None:
        self._addresses = addresses
        self._turn = 0  # of the address to try next
        self._kept = True  # nothing speaks against it
        self._name = name
        self._ca_der = ca_der
        self._ssid = ssid
        self._psk = psk
        self._wlan = wlan
        self._join_ms = join_ms
        self._connect_ms = connect_ms
        self._dns_port = dns_port
        self._tpdu = tpdu
        self._client = client
        self._found = [""] * len(addresses)  # where the switch was last, "" when unknown
        self._context: "tls.SSLContext | None" = None

    def up(self) -> bool:
        """Whether the Wi-Fi is joined, as far as the radio knows; cheap."""
        return self._station().isconnected()

    def signal(self) -> int:
        """Of the access point, in dBm; 0 when none is joined, or the radio does not say."""
        try:
            return self._station().status("rssi") if self.up() else 0
        except (OSError, ValueError):
            return 0

    def keep(self) -> None:
        """The switch at this address let us in: the next connection goes there, too."""
        self._kept = True

    async def connect(self) -> Connection:
        """Join if need be, resolve, connect, prepare TLS. Raises a LinkError that names the step at the last address.

        An address whose connection came to nothing waits for its next turn.
        """
        await self._join()
        context = self._tls()
        last: LinkDown = ConnectionRefused("no address")
        for _ in self._addresses:
            if not self._kept:
                self._turn = (self._turn + 1) % len(self._addresses)
            self._kept = False
            try:
                return await self._connect_to(self._turn, context)
            except LinkDown as error:
                last = error
        raise last

    async def find(self) -> str:
        """Where the switch is, asked anew. Raises NameUnknown."""
        return await self._resolve(self._turn)

    async def reach(self, address: str) -> None:
        """Connect to it and hang up, without a word. Raises ConnectionRefused."""
        port = self._addresses[self._turn][1]
        try:
            reader, writer = await asyncio.wait_for_ms(asyncio.open_connection(address, port), self._connect_ms)
            try:
                # A switch waits for us to begin; who is refused learns it only by reading.
                said = await asyncio.wait_for_ms(reader.read(1), _LISTEN_MS)
                if not said:
                    raise ConnectionRefused("hung up at once")
            except asyncio.TimeoutError:
                return
            finally:
                writer.close()
        except asyncio.TimeoutError:
            refusal = ConnectionRefused("no answer in {} ms".format(self._connect_ms))
        except OSError as error:
            refusal = ConnectionRefused(_reason(error))
        else:
            return
        raise refusal

    async def _connect_to(self, number: int, context: "tls.SSLContext") -> Connection:
        address = await self._resolve(number)
        try:
            reader, writer = await asyncio.wait_for_ms(
                asyncio.open_connection(address, self._addresses[number][1], ssl=context, server_hostname=self._name),
                self._connect_ms,
            )
            return Connection(reader, writer, self._tpdu)
        except asyncio.TimeoutError:
            refusal = ConnectionRefused("no answer in {} ms".format(self._connect_ms))
        except ValueError as error:
            refusal = _of_certificate(error)
        except OSError as error:
            # Resolvers report outside errno: a negative number, or a text on the unix port.
            errno = error.errno
            unresolved = not isinstance(errno, int) or errno < 0
            refusal = (NameUnknown if unresolved else ConnectionRefused)(_reason(error))
        raise refusal

    def _station(self) -> "Wlan":
        if self._wlan is None:
            import network

            self._wlan = network.WLAN(network.STA_IF)
        return self._wlan

    async def _join(self) -> None:
        station = self._station()
        if station.isconnected():
            return
        try:
            station.active(True)
            station.disconnect()  # a join left half done by a reset makes connect() fail on ESP32
            station.connect(self._ssid, self._psk or None)
        except OSError as error:
            refusal = WifiDown(_reason(error))
        else:
            deadline = ticks_add(ticks_ms(), self._join_ms)
            while ticks_diff(deadline, ticks_ms()) > 0:
                if station.isconnected():
                    return
                await asyncio.sleep_ms(_POLL_MS)
            refusal = WifiDown("not joined in {} ms".format(self._join_ms))
        raise refusal

    async def _resolve(self, number: int) -> str:
        """The switch's address, always a number: `open_connection` of a name stands still in the board's resolver.

        When the name server says nothing, the address it gave last is tried.
        """
        host = self._addresses[number][0]
        if names.is_address(host):
            return host
        try:
            found = await self._ask(host)
        except OSError as error:
            reason = _reason(error)
        else:
            reason = "no address for the name" if found == "" else "the name server does not answer"
            self._found[number] = found or self._found[number]
        if self._found[number] == "":
            raise NameUnknown(reason)
        return self._found[number]

    async def _ask(self, host: str) -> "str | None":
        """Ask the network's first name server; "" when it knows no address, None when it says nothing in time."""
        server = socket.getaddrinfo(self._station().ifconfig()[3], self._dns_port, 0, socket.SOCK_DGRAM)[0][-1]
        asked = names.question(host, ticks_diff(ticks_ms(), 0) & 0xFFFF)
        line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            line.setblocking(False)
            for _ in range(_DNS_TRIES):
                line.sendto(asked, server)
                deadline = ticks_add(ticks_ms(), _DNS_MS)
                while ticks_diff(deadline, ticks_ms()) > 0:
                    try:
                        found = names.address(line.recv(512), asked)
                    except OSError:  # nothing there yet
                        found = None
                    if found is not None:
                        return found
                    await asyncio.sleep_ms(_DNS_POLL_MS)
        finally:
            line.close()
        return None

    def _tls(self) -> "tls.SSLContext":
        """The context, made once. CERT_REQUIRED is the default of `tls`, and set all the same."""
        if self._context is None:
            context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
            context.verify_mode = tls.CERT_REQUIRED  # pyright: ignore[reportAttributeAccessIssue]
            try:
                context.load_verify_locations(self._ca_der)  # by position: `tls` knows no keywords
            except (ValueError, OSError) as error:
                refusal = CertificateRefused("pinned CA: " + _reason(error))
            else:
                self._show(context)
                self._context = context
                return context
            raise refusal
        return self._context

    def _show(self, context: "tls.SSLContext") -> None:
        """The certificate this terminal shows when it is asked for one."""
        if self._client is None:
            return
        try:
            context.load_cert_chain(*self._client)
        except (ValueError, OSError) as error:
            refusal = ClientRefused(_reason(error))
        else:
            return
        raise refusal


def _of_certificate(error: Exception) -> CertificateRefused:
    """Which of its faults a certificate was refused for, by the words of Mbed TLS (mbedtls_x509_crt_verify_info). Who
    signed it comes first: of a stranger's certificate nothing else is worth telling."""
    text = str(error).lower()
    kind = CertificateRefused
    if "not correctly signed" not in text:
        if "match" in text:
            kind = CertificateName
        elif "expired" in text:
            kind = CertificateExpired
        elif "future" in text or "not yet valid" in text:
            kind = CertificateEarly
    return kind(_reason(error))


def _reason(error: Exception) -> str:
    """Short text of a library error for the log."""
    return "{} {}".format(type(error).__name__, error)[:80]
