"""The panel's server against a backend that only remembers; the page itself is checked for outside references."""

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import pytest

from tools.sim import panel
from tools.sim.panel.backend import LiveStage
from tools.sim.panel.server import Panel
from tools.sim.scenario_act import KEY_NAMES
from tools.sim.scenario_start import Start

PAGE = Path(panel.__file__).parent


class Remembering:
    """A backend with one key, one frame and one state."""

    def __init__(self):
        self.frame = bytes(1024)
        self.done = []
        self.now = {"powered": True, "net": True}
        self.waiting = []

    def screen(self):
        return self.frame

    def state(self):
        return dict(self.now)

    def tones(self):
        waiting, self.waiting = self.waiting, []
        return waiting

    def do(self, command):
        if command["do"] == "press" and command["key"] not in KEY_NAMES:
            raise ValueError("no such key")
        self.done.append(command)
        self.frame = b"\x55" * 1024
        self.now["net"] = False
        self.waiting.append((5, 1000))


def with_panel(talk):
    async def run():
        backend = Remembering()
        served = Panel(backend)
        address = await served.start(0)
        try:
            async with aiohttp.ClientSession() as session:
                return await talk(session, address, backend)
        finally:
            await served.stop()

    return asyncio.run(run())


def test_a_key_press_comes_back_as_a_frame_a_state_and_a_tone():
    async def talk(session, address, backend):
        async with session.ws_connect(address + "ws") as page:
            assert await page.receive_bytes(timeout=3) == bytes(1024)
            assert json.loads(await page.receive_str(timeout=3))["state"]["net"] is True
            await page.send_json({"do": "press", "key": "SALE"})
            got = {}
            while len(got) < 3:
                message = await page.receive(timeout=3)
                if message.type == aiohttp.WSMsgType.BINARY:
                    if message.data != bytes(1024):
                        got["frame"] = message.data
                else:
                    part = json.loads(message.data)
                    if part.get("state", {}).get("net") is False:
                        got["state"] = part
                    if "tones" in part:
                        got["tones"] = part["tones"]
            assert got["frame"] == b"\x55" * 1024
            assert got["tones"] == [[5, 1000]]
            assert backend.done == [{"do": "press", "key": "SALE"}]

    with_panel(talk)


@pytest.mark.parametrize("text", ["{", "[1]", '{"do": "press"}', '{"do": "press", "key": "NONE"}'])
def test_nonsense_is_answered_and_does_not_end_the_connection(text):
    async def talk(session, address, backend):
        async with session.ws_connect(address + "ws") as page:
            await page.send_str(text)
            while True:
                message = await page.receive(timeout=3)
                if message.type == aiohttp.WSMsgType.TEXT and "error" in json.loads(message.data):
                    break
            assert backend.done == []
            await page.send_json({"do": "press", "key": "1"})
            await asyncio.sleep(0.1)
            assert backend.done

    with_panel(talk)


def test_another_sites_page_cannot_open_the_socket_nor_another_name_the_page():
    async def talk(session, address, _backend):
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(address + "ws", headers={"Origin": "http://elsewhere.example"})
        async with session.get(address, headers={"Host": "elsewhere.example"}) as answer:
            assert answer.status == 403
        async with session.get(address) as answer:
            assert answer.status == 200
            assert "canvas" in await answer.text()

    with_panel(talk)


def test_the_next_port_is_taken_when_one_is_busy():
    async def run():
        one, other = Panel(Remembering()), Panel(Remembering())
        try:
            await one.start(0)
            await other.start(one.port)
            assert other.port != one.port
        finally:
            await one.stop()
            await other.stop()

    asyncio.run(run())


def test_the_page_loads_nothing_from_elsewhere_and_has_every_key():
    text = "".join((PAGE / name).read_text() for name in ("index.html", "panel.css", "panel.js"))
    assert not re.findall(r"https?://|//[a-z]+\.", text)
    listed = re.search(r"const KEYS = (\[.*?\]);", text)
    assert tuple(json.loads(listed.group(1))) == KEY_NAMES


@pytest.fixture
def live():
    stage = LiveStage(Start(provisioned=False, powered=False))
    try:
        stage.open()
        yield stage
    finally:
        stage.close()


def until(backend, **wanted):
    """The state, once it says this; fails after ten seconds."""
    end = time.monotonic() + 10
    while not wanted.items() <= (state := backend.state()).items():
        assert time.monotonic() < end, (wanted, {name: state[name] for name in wanted})
        time.sleep(0.02)


def test_a_cut_is_announced_until_it_came_or_the_power_went(live):
    backend = live.backend
    with pytest.raises(ValueError, match="power is off"):
        backend.do({"do": "cut", "op": 1})
    backend.do({"do": "power", "on": True})
    until(backend, powered=True, cut_in=0)
    backend.do({"do": "cut", "op": 900, "torn": "half"})
    until(backend, cut_in=900)
    backend.do({"do": "cut", "op": 1})
    until(backend, cut_in=1)
    backend.do({"do": "power", "on": False})
    until(backend, powered=False, cut_in=0)
    backend.do({"do": "power", "on": True})
    until(backend, powered=True, cut_in=0)


def test_the_other_server_stays_until_never_mind(live):
    backend = live.backend
    backend.do({"do": "switch", "fault": "wrong-certificate"})
    until(backend, replaced=True)
    backend.do({"do": "switch", "fault": "silent"})
    until(backend, replaced=True)
    backend.do({"do": "switch", "fault": ""})
    until(backend, replaced=False)


def test_mpremote_is_offered_only_at_the_python_prompt(live):
    backend = live.backend
    assert backend.state()["serial_hint"] == "switched off"
    backend.do({"do": "power", "on": True})
    path = live.terminal.serial_path
    until(backend, serial_hint=f"at the Python prompt: .venv/bin/mpremote connect {path}")


def test_on_a_running_terminal_the_console_is_offered(selling):
    hint = selling.backend.state()["serial_hint"]
    assert f"miniterm -e {selling.terminal.serial_path}, then help" in hint
    assert "mpremote" not in hint


@pytest.fixture
def selling():
    stage = LiveStage(Start())
    try:
        stage.open()
        until(stage.backend, powered=True)
        yield stage
    finally:
        stage.close()


def test_a_taken_port_is_one_line_for_the_person():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "tools.sim", "--unprovisioned", "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr == f"Error: port {port} is taken; leave PORT out or name another\n"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_stops_everything(name):
    command = [sys.executable, "-m", "tools.sim", "--unprovisioned"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as served:
        try:
            assert served.stdout is not None
            while "Ctrl-C stops it." not in served.stdout.readline():
                assert served.poll() is None
            served.send_signal(getattr(signal, name))
            out, err = served.communicate(timeout=15)
        finally:
            served.kill()
    assert (served.returncode, out, err) == (0, "stopped\n", "")
