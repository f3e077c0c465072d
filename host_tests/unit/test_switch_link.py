"""The link over real TLS: one program on CPython and on real MicroPython, against a server answering by the oracle."""

import asyncio
import contextlib
import datetime
import io
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tests.patience import PATIENCE_S
from host_tests.unit.switch_kit import KID, MAC_IN, MAC_OUT, NOW, UID, answer
from tools.bench_switch.pki import ensure, issue_client

ROOT = Path(__file__).parents[2]
NAME = "switch.vafa.test"

PROGRAM = """
import asyncio
from binascii import unhexlify
from time import ticks_diff, ticks_ms
from firmware.core.errors import LinkError
from firmware.core.log import Log
from firmware.core.types import ACCRUAL, ONLINE, Transaction
from firmware.switch.link import Link, tpdu_to
from firmware.switch.mac import MacKeys
from firmware.switch.messages import Identity, Messages
from firmware.switch.session import Session


class Station:
    joined = {joined}
    def active(self, up=True): pass
    def disconnect(self): pass
    def connect(self, ssid, psk=None): self.asked = (ssid, psk)
    def isconnected(self): return self.joined
    def ifconfig(self): return "127.0.0.1", "255.0.0.0", "127.0.0.1", "127.0.0.1"


class Clock:
    quality = 0
    def now_utc(self): return {now}
    def set_from_switch(self, utc): return 0


class Journal:
    def continue_above(self, high): print("high", high)


class Numbers:
    last = 4
    def __call__(self):
        self.last += 1
        return self.last


async def story():
    station = Station()
    with open("{ca}", "rb") as file:
        ca = file.read()
    link = Link({at}, "{name}", ca, "shop", "secret", station, 300, {connect_ms}, {dns},
                tpdu_to(1) if {packed} else b"", {client})
    keys = MacKeys({kid}, unhexlify("{mac_out}"), unhexlify("{mac_in}"))
    messages = Messages(Identity("T0000001", "MERCHANT0000001", 1, 364), keys, {packed})
    log = Log(32)
    session = Session(
        link, messages, Clock(), Journal(), log, Numbers(), timeout_ms={answer_ms}, sign_on_ms={answer_ms}
    )
    task = asyncio.create_task(session.run())
    started = ticks_ms()
    if {ask_at_once}:
        await asyncio.sleep_ms(300)
        begun = ticks_ms()
        try:
            await session.inquire(unhexlify("{uid}"), 1, 0)
        except LinkError as error:
            print("error", error.code, ticks_diff(ticks_ms(), begun) < {at_once_ms})
    while not session.online() and not (session.fault and not {patient}) and ticks_diff(ticks_ms(), started) < 120000:
        await asyncio.sleep_ms(20)
    print("online", session.online(), "fault", session.fault)
    if session.online():
        for seq in (42, 43, 44):
            begun = ticks_ms()
            try:
                reply = await session.request(
                    Transaction(seq, ACCRUAL, ONLINE, unhexlify("{uid}"), 1, 125000, 125, {now}, 2)
                )
                print("reply", reply.rc, reply.points, reply.balance)
            except LinkError as error:
                print("error", error.code, session.online(), ticks_diff(ticks_ms(), begun) < {at_once_ms})
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass
    if "{secret}" in " ".join(log.newest(32)):
        print("LEAK")
    print("done")


asyncio.run(story())
"""


class Server:
    """A TLS server on loopback that answers every frame; the connection ends before the answer to SEQ 43.

    What came with a TPDU is answered with one, addresses exchanged unless `lost`.
    """

    def __init__(self, context: ssl.SSLContext | None, mute: bool = False, lost: bool = False) -> None:
        self._context, self._mute, self._lost = context, mute, lost
        self.port = 0
        self._ready, self._loop = threading.Event(), asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(PATIENCE_S)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE_S)

    def _run(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._converse, "127.0.0.1", 0, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        talking = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in talking:
            task.cancel()
        await asyncio.gather(*talking, return_exceptions=True)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while self._context is not None:
                size = int.from_bytes(await reader.readexactly(2), "big")
                raw = await reader.readexactly(size)
                tpdu = raw[:5] if raw[0] == 0x60 else b""
                reply = answer(raw[len(tpdu) :], points=125, balance=1375, packed=bool(tpdu))
                reply = (tpdu if self._lost else tpdu[:1] + tpdu[3:] + tpdu[1:3]) + reply
                if (b"\x00\x00\x44" if tpdu else b"000044") in raw[12:60]:  # STAN of SEQ 43
                    break
                # In two pieces: a frame must be put together from what the line gives.
                writer.write(len(reply).to_bytes(2, "big") + reply[:30])
                await writer.drain()
                await asyncio.sleep(0.02)
                writer.write(reply[30:])
                await writer.drain()
            if self._context is None and not self._mute:
                writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                await writer.drain()
            elif self._mute:
                await asyncio.sleep(30)
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.transport.abort()


def run_on(runtime: str, **changes: object) -> list[str]:
    values = {
        "joined": True, "now": NOW, "host": "127.0.0.1", "port": 1, "name": NAME, "kid": KID, "uid": UID.hex(),
        "mac_out": MAC_OUT.hex(), "mac_in": MAC_IN.hex(), "secret": MAC_OUT.hex(), "ca": "", "dns": 9,
        "packed": False, "client": None, "patient": False, "ask_at_once": False,
        # What comes may be late on a busy PC; who waits for what never comes says so.
        "connect_ms": 60_000, "answer_ms": 60_000, "at_once_ms": 30_000,
    }  # fmt: skip
    values.update(changes)
    values.setdefault("at", [(values["host"], values["port"])])
    program = PROGRAM.format(**values)
    if runtime == "CPython":
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(program, {})
        return said.getvalue().splitlines()
    there = subprocess.run(
        [sys.executable, "-m", "micropython_unix", "-X", "heapsize=512K", "-c", program],
        cwd=ROOT,
        env={**os.environ, "MICROPYPATH": ".frozen:."},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (there.returncode, there.stderr) == (0, ""), there.stdout + there.stderr
    return there.stdout.splitlines()


both = pytest.mark.parametrize("runtime", ["CPython", "MicroPython"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With our own authority in it: some tests need no server, and any may be a worker's first."""
    made = tmp_path_factory.mktemp("pki")
    ensure(made / "ours", NAME)
    return made


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    running = Server(ensure(folder / "ours", NAME).server_context())
    yield running
    running.stop()


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
@both
def test_sign_on_request_and_a_connection_cut_before_the_answer(runtime, packed, server, folder):
    lines = run_on(runtime, port=server.port, ca=folder / "ours" / "ca.der", packed=packed)
    assert lines == [
        "high 41",
        "online True fault ",
        "reply 00 125 1375",
        "error L08 False True",  # cut while waiting: unknown at once, not after the time-out
        "error L01 False True",  # and the next one does not even try
        "done",
    ]


@both
def test_an_answer_for_another_address_ends_the_connection(runtime, server, folder):
    astray = Server(ensure(folder / "ours", NAME).server_context(), lost=True)
    lines = run_on(runtime, port=astray.port, ca=folder / "ours" / "ca.der", packed=True)
    astray.stop()
    assert lines == ["online False fault L03", "done"]


@both
def test_a_switch_of_another_ca_is_refused(runtime, server, folder):
    stranger = ensure(folder / "stranger", NAME)
    assert run_on(runtime, port=server.port, ca=stranger.ca_der) == ["online False fault K02", "done"]


@both
def test_a_switch_of_another_name_is_refused(runtime, server, folder):
    lines = run_on(runtime, port=server.port, ca=folder / "ours" / "ca.der", name="other.vafa.test")
    assert lines == ["online False fault K22", "done"]


@both
def test_a_pinned_ca_that_is_no_certificate_is_refused(runtime, server, folder):
    (folder / "broken.der").write_bytes(b"not a certificate")
    assert run_on(runtime, port=server.port, ca=folder / "broken.der") == ["online False fault K02", "done"]


@both
def test_nothing_listening_unknown_name_and_no_wifi_are_told_apart(runtime, server, folder):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    ca = folder / "ours" / "ca.der"
    assert run_on(runtime, port=port, ca=ca) == ["online False fault L05", "done"]
    assert run_on(runtime, host="no-such-host.invalid", ca=ca) == ["online False fault L04", "done"]
    assert run_on(runtime, joined=False, ca=ca) == ["online False fault L01", "done"]


@both
def test_a_server_that_never_shakes_hands_is_given_up_in_time(runtime, folder, server):
    mute = Server(None, mute=True)
    lines = run_on(runtime, port=mute.port, ca=folder / "ours" / "ca.der", connect_ms=2000, answer_ms=2000)
    mute.stop()
    assert re.fullmatch("online False fault L0[58]", lines[0]) and lines[1] == "done"


def test_a_server_without_tls_is_a_failed_handshake_on_the_device(folder, server):
    plain = Server(None)
    lines = run_on("MicroPython", port=plain.port, ca=folder / "ours" / "ca.der")
    plain.stop()
    assert lines == ["online False fault L06", "done"]


@pytest.mark.parametrize(
    ("years", "code"), [((2000, 2001), "K23"), ((2098, 2099), "T02")], ids=["expired", "not yet valid"]
)
@both
def test_a_certificate_out_of_its_time_is_refused_with_a_code_of_its_own(runtime, years, code, server, folder):
    valid = tuple(datetime.datetime(year, 1, 1, tzinfo=datetime.timezone.utc) for year in years)
    late = Server(ensure(folder / code, NAME, valid).server_context())
    lines = run_on(runtime, port=late.port, ca=folder / code / "ca.der")
    late.stop()
    assert lines == [f"online False fault {code[-3:]}", "done"]


def black_hole() -> socket.socket:
    """An address that swallows what asks to connect: its queue is full and nobody takes anything from it."""
    hole = socket.create_server(("127.0.0.1", 0), backlog=0)
    for _ in range(4):
        asking = socket.socket()
        asking.setblocking(False)
        asking.connect_ex(hole.getsockname())
        FILLING.append(asking)
    return hole


FILLING: list[socket.socket] = []


@pytest.mark.parametrize("first", ["closed", "swallows", "another CA"])
@both
def test_a_second_address_serves_when_the_first_does_not(runtime, first, server, folder):
    hole = black_hole()
    stranger = Server(ensure(folder / "stranger", NAME).server_context())
    ports = {"closed": 1, "swallows": hole.getsockname()[1], "another CA": stranger.port}
    at = [("127.0.0.1", ports[first]), ("127.0.0.1", server.port)]
    lines = run_on(runtime, at=at, ca=folder / "ours" / "ca.der", patient=True, connect_ms=4000)
    stranger.stop()
    hole.close()
    while FILLING:
        FILLING.pop().close()
    assert "online True fault " in lines and lines[-1] == "done"


@both
def test_a_flow_is_not_kept_waiting_by_an_address_that_swallows_everything(runtime, folder, server):
    hole = black_hole()
    hurry = {"ask_at_once": True, "connect_ms": 6000, "at_once_ms": 3000}
    lines = run_on(runtime, port=hole.getsockname()[1], ca=folder / "ours" / "ca.der", **hurry)
    hole.close()
    while FILLING:
        FILLING.pop().close()
    assert lines == ["error L01 True", "online False fault L05", "done"]


@pytest.mark.parametrize("shows", [True, False])
def test_a_switch_that_asks_for_a_certificate_lets_in_who_shows_one(shows, folder, server):
    identity = ensure(folder / "ours", NAME)
    asking = Server(identity.server_context(ask_clients=True))
    client = issue_client(identity, "T0000001") if shows else None
    lines = run_on("MicroPython", port=asking.port, ca=identity.ca_der, client=client)
    asking.stop()
    assert lines[-1] == "done" and ("reply 00 125 1375" in lines) == shows
    assert shows or re.fullmatch("online False fault L0[356]", lines[0])


def test_a_key_of_our_own_that_is_none_is_told(folder, server):
    lines = run_on("MicroPython", port=server.port, ca=folder / "ours" / "ca.der", client=(b"x", b"y"))
    assert lines == ["online False fault K26", "done"]
