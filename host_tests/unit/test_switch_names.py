"""Finding the switch: the name server is asked without standing still, its last answer outlives it."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.switch import link as link_module
from firmware.switch import names
from firmware.switch.link import ConnectionRefused, Link, NameUnknown
from host_tests.unit.test_switch_link import NAME, Server, both, folder, run_on, server  # noqa: F401 (fixtures)

HOST = "switch.example"


def record(kind: int, data: bytes, name: bytes = b"\xc0\x0c") -> bytes:
    return name + struct.pack(">HHIH", kind, 1, 60, len(data)) + data


def reply(asked: bytes, *records: bytes, number: bytes | None = None, flags: int = 0x8180) -> bytes:
    head = (number or asked[:2]) + struct.pack(">HHHHH", flags, 1, len(records), 0, 0)
    return head + asked[12:] + b"".join(records)


SILENT_MS, ANSWERED_MS = 200, 60_000  # an answer that comes may be late on a busy PC


class NameServer:
    """A name server on loopback; `answers` makes the datagrams to send for a query."""

    def __init__(self, answers) -> None:
        self.answers, self.asked = answers, []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.05)
        self.port = self._socket.getsockname()[1]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                query, sender = self._socket.recvfrom(512)
                self.asked.append(query)
                for datagram in self.answers(query):
                    self._socket.sendto(datagram, sender)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(5)
        self._socket.close()


@pytest.fixture
def name_server() -> Iterator[NameServer]:
    running = NameServer(lambda asked: [reply(asked, record(1, bytes([127, 0, 0, 1])))])
    yield running
    running.stop()


class Station:
    def isconnected(self) -> bool:
        return True

    def ifconfig(self) -> tuple[str, str, str, str]:
        return "127.0.0.2", "255.0.0.0", "127.0.0.1", "127.0.0.1"


class Connected(Exception):
    """Where a connection would have gone."""


def linked(monkeypatch: pytest.MonkeyPatch, dns_port: int, host: str = HOST) -> Link:
    """A link that tells where it connects to, and whose resolver refuses to be asked for a name."""
    plain = socket.getaddrinfo

    async def open_connection(address, *_others, **_named):
        raise Connected(address)

    def getaddrinfo(asked, *others):
        assert names.is_address(asked), "stands still"
        return plain(asked, *others)

    monkeypatch.setattr(link_module.asyncio, "open_connection", open_connection)
    monkeypatch.setattr(link_module.socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(link_module, "_DNS_MS", ANSWERED_MS)
    one = Link([(host, 4433)], NAME, b"", "", "", Station(), dns_port=dns_port)
    monkeypatch.setattr(one, "_tls", lambda: None)
    return one


def goes_to(one: Link) -> str:
    with pytest.raises(Connected) as where:
        asyncio.run(one.connect())
    return where.value.args[0]


@both
def test_a_name_is_found_and_the_switch_answers(runtime, server, folder, name_server):  # noqa: F811
    lines = run_on(runtime, host=HOST, port=server.port, ca=folder / "ours" / "ca.der", dns=name_server.port)
    assert lines[:3] == ["high 41", "online True fault ", "reply 00 125 1375"]
    assert name_server.asked[0][12:] == b"\x06switch\x07example\x00\x00\x01\x00\x01"


@both
def test_a_name_nobody_has_is_told_as_such(runtime, folder, name_server):  # noqa: F811
    name_server.answers = lambda asked: [reply(asked, flags=0x8183)]
    lines = run_on(runtime, host=HOST, ca=folder / "ours" / "ca.der", dns=name_server.port)
    assert lines == ["online False fault L04", "done"]


def test_a_silent_name_server_stops_nobody_else_and_is_given_up(monkeypatch, name_server):
    name_server.answers = lambda asked: []
    one, beats = linked(monkeypatch, name_server.port), []
    monkeypatch.setattr(link_module, "_DNS_MS", SILENT_MS)

    async def story() -> None:
        connecting = asyncio.create_task(one.connect())
        while not connecting.done():
            beats.append(1)
            await asyncio.sleep(0.01)
        with pytest.raises(NameUnknown):
            await connecting

    asyncio.run(story())
    assert len(beats) > 4, "others had their turns meanwhile"
    assert len(name_server.asked) == 2


def test_the_last_address_outlives_the_name_server_and_a_new_one_replaces_it(monkeypatch, name_server):
    one = linked(monkeypatch, name_server.port)
    assert goes_to(one) == "127.0.0.1"
    name_server.answers = lambda asked: []
    monkeypatch.setattr(link_module, "_DNS_MS", SILENT_MS)
    assert goes_to(one) == "127.0.0.1"
    monkeypatch.setattr(link_module, "_DNS_MS", ANSWERED_MS)
    name_server.answers = lambda asked: [reply(asked, record(1, bytes([10, 1, 2, 3])))]
    assert goes_to(one) == "10.1.2.3"


def test_a_number_asks_nobody(monkeypatch, name_server):
    assert goes_to(linked(monkeypatch, name_server.port, "192.0.2.7")) == "192.0.2.7"
    assert name_server.asked == []


def test_a_network_without_name_server_is_a_name_unknown(monkeypatch, name_server):
    one = linked(monkeypatch, name_server.port)
    monkeypatch.setattr(Station, "ifconfig", lambda self: ("127.0.0.2", "", "", "0.0.0"))
    monkeypatch.setattr(link_module.socket, "getaddrinfo", lambda *_: (_ for _ in ()).throw(OSError(-2)))
    with pytest.raises(NameUnknown):
        asyncio.run(one.connect())


def test_answers_to_other_questions_are_passed_over(monkeypatch, name_server):
    good = record(1, bytes([10, 0, 0, 1]))

    def answers(asked: bytes) -> list[bytes]:
        other = names.question("other.example", int.from_bytes(asked[:2], "big"))
        strange = [b"", asked, reply(asked, good, number=b"\x00\x00"), reply(other, record(1, bytes([6, 6, 6, 6])))]
        return [
            *strange,
            reply(asked, record(5, b"\x05other\xc0\x13"), record(1, bytes([10, 0, 0, 9]), b"\x05other\x00")),
        ]

    name_server.answers = answers
    assert goes_to(linked(monkeypatch, name_server.port)) == "10.0.0.9"


@given(st.binary(max_size=80), st.integers(0, 9))
def test_no_bytes_break_the_reading_of_an_answer(noise, count):
    asked = names.question(HOST, 7)
    answer = reply(asked, *[b""] * count) + noise
    found = names.address(answer, asked)
    assert found == "" or names.is_address(str(found))
    assert names.address(noise, asked) is None


@pytest.mark.parametrize(
    "host", ["switch.example", "1.2.3", "1.2.3.256", "1.2.3.4.5", "1.2.3.x", "", "...", "-1.2.3.4"]
)
def test_only_four_numbers_are_an_address(host):
    assert not names.is_address(host) and names.is_address("203.0.113.9")


def test_refused_is_still_told_apart(monkeypatch, name_server):
    one = linked(monkeypatch, name_server.port)

    async def refuse(*_others, **_named):
        raise ConnectionRefusedError(111, "refused")

    monkeypatch.setattr(link_module.asyncio, "open_connection", refuse)
    with pytest.raises(ConnectionRefused):
        asyncio.run(one.connect())
