"""The panel's server against a backend that only remembers; the page itself is checked for outside references."""

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
import time

import aiohttp
import pytest

from host_tests.patience import PATIENCE_S, wait_for
from tools.lt87 import names
from tools.sim.panel.backend import LiveStage
from tools.sim.panel.errors import PanelError
from tools.sim.panel.server import PAGE, Panel
from tools.sim.scenario_act import KEY_NAMES
from tools.sim.scenario_start import Start

WORDS = json.loads((PAGE / "words.json").read_text())


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

    def receipt_png(self, number):
        return [b"", b"picture"][number]

    def do(self, command):
        if command["do"] == "down" and command["key"] not in KEY_NAMES:
            raise PanelError("no-key")
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


async def done(backend, count):
    """Until the backend was asked for so much."""
    async with asyncio.timeout(PATIENCE_S):
        while len(backend.done) < count:
            await asyncio.sleep(0.01)


def test_a_key_press_comes_back_as_a_frame_a_state_and_a_tone():
    async def talk(session, address, backend):
        async with session.ws_connect(address + "ws") as page:
            assert await page.receive_bytes(timeout=PATIENCE_S) == bytes(1024)
            assert json.loads(await page.receive_str(timeout=PATIENCE_S))["state"]["net"] is True
            await page.send_json({"do": "down", "key": "SALE"})
            got = {}
            while len(got) < 3:
                message = await page.receive(timeout=PATIENCE_S)
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
            assert backend.done == [{"do": "down", "key": "SALE"}]
        await done(backend, 2)
        assert backend.done[1:] == [{"do": "up", "key": "SALE"}], "a page that is gone holds no key"

    with_panel(talk)


@pytest.mark.parametrize("text", ["{", "[1]", '{"do": "down"}', '{"do": "down", "key": "NONE"}', "[" * 3000])
def test_nonsense_is_answered_and_does_not_end_the_connection(text):
    async def talk(session, address, backend):
        async with session.ws_connect(address + "ws") as page:
            await page.send_str(text)
            while True:
                message = await page.receive(timeout=PATIENCE_S)
                if message.type == aiohttp.WSMsgType.TEXT and "error" in (said := json.loads(message.data)):
                    assert "error." + said["error"]["code"] in WORDS["fa"]
                    break
            assert backend.done == []
            await page.send_json({"do": "down", "key": "1"})
            await done(backend, 1)

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
    text = "".join(file.read_text() for file in PAGE.iterdir() if file.suffix in (".html", ".css", ".js", ".json"))
    assert not re.findall(r"https?://|//[a-z]+\.[a-z]", text)
    listed = re.search(r"const KEYS = (\[.*?\]);", (PAGE / "keypad.js").read_text())
    assert tuple(json.loads(listed.group(1))) == KEY_NAMES


def test_every_file_of_the_page_is_served_with_its_kind_and_a_strict_policy():
    async def talk(session, address, _backend):
        for file in PAGE.iterdir():
            async with session.get(address + file.name) as answer:
                assert answer.status == (404 if file.suffix == ".txt" else 200), file.name
                if answer.status == 200:
                    assert await answer.read() == file.read_bytes()
                    assert "unsafe" not in answer.headers["Content-Security-Policy"]
        async with session.get(address + "..%2Fserver.py") as answer:
            assert answer.status == 404

    with_panel(talk)


def test_a_receipt_is_a_picture_and_one_that_was_not_printed_is_not_found():
    async def talk(session, address, _backend):
        async with session.get(address + "receipt-1.png") as answer:
            assert (answer.status, answer.content_type, await answer.read()) == (200, "image/png", b"picture")
        async with session.get(address + "receipt-2.png") as answer:
            assert answer.status == 404

    with_panel(talk)


def test_both_languages_say_the_same_things():
    assert list(WORDS) == ["en", "fa"]
    assert list(WORDS["en"]) == list(WORDS["fa"])
    for key, text in WORDS["en"].items():
        assert text and WORDS["fa"][key], key
        assert re.findall(r"\{\d\}", text) == sorted(re.findall(r"\{\d\}", WORDS["fa"][key])), key


def test_every_text_the_page_asks_for_exists():
    html = (PAGE / "index.html").read_text()
    asked = set(re.findall(r'data-(?:t|label|l)="([^"]+)"', html))
    for file in PAGE.glob("*.js"):
        asked |= set(re.findall(r'\bt\("([a-z.]+[a-z])"', file.read_text()))
    assert len(asked) > 60
    assert asked <= WORDS["en"].keys()


def test_every_field_tag_and_answer_of_the_protocol_has_a_word():
    wanted = [f"de.{de}" for de in names.FIELDS] + [f"tag.{name}" for name, _ in names.TAGS.values()]
    wanted += [f"rc.{rc}" for rc in names.RESPONSES if rc.isdigit()]
    assert [key for key in wanted if key not in WORDS["en"]] == []


@pytest.fixture
def live():
    stage = LiveStage(Start(provisioned=False, powered=False))
    try:
        stage.open()
        yield stage
    finally:
        stage.close()


def until(backend, **wanted):
    """Wait until the state says this."""
    wait_for(
        lambda: wanted.items() <= backend.state().items(),
        lambda: (wanted, {name: backend.state()[name] for name in wanted}),
    )


def test_a_cut_is_announced_until_it_came_or_the_power_went(live):
    backend = live.backend
    with pytest.raises(PanelError, match="power-off"):
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
    until(backend, powered=True, cut_in=0, cut_at=0)


def test_a_cut_that_came_is_told_until_the_power_is_back(selling):
    backend = selling.backend
    seen(backend, lambda state: "READY" in state["lines"] and "ONLINE" in state["lines"])
    backend.do({"do": "cut", "op": 3})
    for key in ("2", "5", "000", "OK"):
        backend.do({"do": "down", "key": key})
        backend.do({"do": "up", "key": key})
    seen(backend, lambda state: any("CARD" in line for line in state["lines"]))
    backend.do({"do": "lay", "cards": ["bronze-card"]})
    until(backend, powered=False, cut_in=0, cut_at=3)
    backend.do({"do": "power", "on": True})
    until(backend, powered=True, cut_at=0)


def test_the_other_server_stays_until_never_mind(live):
    backend = live.backend
    backend.do({"do": "switch", "fault": "wrong-certificate"})
    until(backend, replaced=True)
    backend.do({"do": "switch", "fault": "silent"})
    until(backend, replaced=True)
    backend.do({"do": "switch", "fault": ""})
    until(backend, replaced=False)


def test_mpremote_is_offered_only_at_the_python_prompt(live):
    backend, path = live.backend, live.terminal.serial_path
    assert backend.state()["port"] == {"path": path, "mode": "off"}
    backend.do({"do": "power", "on": True})
    until(backend, port={"path": path, "mode": "prompt"})


@pytest.mark.parametrize(
    "command",
    [
        {"do": "cut", "op": 0},
        {"do": "cut", "op": 10_000},
        {"do": "cut", "op": 1, "torn": "everything"},
        {"do": "later", "seconds": -1},
        {"do": "later", "seconds": 10**12},
        {"do": "console", "line": "help\rzeroise"},
        {"do": "console", "line": "x" * 201},
        {"do": "console", "line": "half a letter \ud800"},
        {"do": "console", "line": 7},
        {"do": "lay", "cards": "gold-card"},
        {"do": "lay", "cards": ["gold-card", "no-card"]},
        {"do": "lay", "cards": []},
        {"do": "remove", "card": ["gold-card"]},
        {"do": "printer", "what": "burn"},
        {"do": "switch", "fault": "explode"},
        {"do": "switch", "fault": []},
        {"do": "switch", "fault": 0},
        {"do": "net", "up": "no"},
        {"do": "power", "on": 1},
        {"do": "cut", "op": True},
        {"do": "cut", "op": 1.5},
        {"do": "cut", "op": 1, "torn": []},
        {"do": "later", "seconds": True},
        {"do": ["down"]},
        {"do": "up", "key": {}},
    ],
)
def test_what_no_hand_can_do_is_refused_and_moves_nothing(live, command):
    with pytest.raises(PanelError) as refused:
        live.backend.do(command)
    assert "power-off" not in str(refused.value), "refused for what it is, not because the power is off"
    assert live.terminal.nor.cut_in == 0
    live.live.call(lambda _: None)
    assert live.live.failure is None
    assert live.terminal.board.field.cards == []


def test_a_day_later_the_terminal_was_off_and_both_clocks_went_on(live):
    rtc, before = live.terminal.board.rtc.utc(), live.now_utc()
    live.backend.do({"do": "power", "on": True})
    until(live.backend, powered=True)
    starts = live.terminal.starts
    live.backend.do({"do": "later", "seconds": 86_400})
    live.live.call(lambda _: None)
    assert live.terminal.starts == starts + 1
    assert 86_400 <= live.now_utc() - before < 86_460
    assert 86_400 <= (live.terminal.board.rtc.utc() - rtc).total_seconds() < 86_460


@pytest.fixture
def selling():
    stage = LiveStage(Start())
    try:
        stage.open()
        until(stage.backend, powered=True)
        yield stage
    finally:
        stage.close()


def seen(backend, holds):
    """Wait until the state is so."""
    wait_for(lambda: holds(backend.state()), lambda: backend.state()["lines"])


def test_the_books_show_what_a_sale_wrote_and_what_its_tap_cost(selling):
    backend = selling.backend
    seen(backend, lambda state: "READY" in state["lines"] and "ONLINE" in state["lines"])
    assert backend.state()["port"]["mode"] == "selling"
    for key in ("2", "5", "000", "OK"):
        backend.do({"do": "down", "key": key})
        backend.do({"do": "up", "key": key})
    seen(backend, lambda state: any("CARD" in line for line in state["lines"]))
    backend.do({"do": "lay", "cards": ["bronze-card"]})
    seen(backend, lambda state: "EARNED" in state["lines"])
    backend.do({"do": "remove", "card": "bronze-card"})
    seen(backend, lambda state: state["journal"].get("rows"))
    row = backend.state()["journal"]["rows"][0]
    assert (row["verb"], row["amount"], row["points"], row["offline"], row["uid"]) == (
        "earn",
        25_000,
        25,
        False,
        "7A11",
    )
    ledger = {entry["member"]: entry["points"] - entry["opening"] for entry in backend.state()["ledger"]}
    assert ledger["reza"] == 25
    sent = [message for message in backend.state()["messages"] if message["mti"] == "0200"]
    assert ["4", "000000025000"] in sent[0]["fields"]
    assert ["SEQ", str(row["seq"])] in sent[0]["tags"]
    tap = backend.state()["tap"]
    assert tap["cards"] == ["bronze-card"]
    assert 0 < tap["first"]["us"] < 8_000_000, "since the card came, not since the start"
    assert 0 < tap["last"]["answers"] <= tap["last"]["exchanges"]
    assert 0 < tap["last"]["air_us"] < tap["last"]["field_us"] <= tap["last"]["us"]
    uses = backend.state()["flash"]["sectors"]
    assert len(uses) == 1024
    assert uses.count("w") == 1
    assert uses[256:512].strip(".wjo") == ""


def test_quick_typing_is_shown_as_it_is_typed_and_no_key_is_lost(selling):
    backend = selling.backend
    seen(backend, lambda state: "READY" in state["lines"] and "ONLINE" in state["lines"])
    frames, look = set(), backend.look

    def seen_by_the_page():
        look()
        frames.add(backend.screen())

    backend.look = seen_by_the_page
    for key in "123456789":  # a quick hand
        for what in ("down", "up"):
            backend.do({"do": what, "key": key})
            time.sleep(0.03)
    seen(backend, lambda state: any("123,456,789" in line for line in state["lines"]))
    assert len(frames) >= 4, "the screen stood still and leapt"


def test_the_console_shows_what_was_typed(selling):
    backend = selling.backend
    seen(backend, lambda state: "READY" in state["lines"] and "ONLINE" in state["lines"])
    backend.do({"do": "console", "line": "status"})
    seen(backend, lambda state: "> status" in state["serial"])
    selling.live.call(lambda terminal: terminal.run(300))
    assert backend.state()["serial"].count("> status") == 1
    backend.do({"do": "console", "line": "log ۳"})  # as the serial console takes it
    seen(backend, lambda state: "# " in state["serial"].partition("> log ۳")[2])
    assert "unknown command" not in backend.state()["serial"]


def test_said_without_an_option_the_terminal_speaks_persian():
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "tools.sim", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        address = ""
        while not address:
            line = process.stdout.readline().decode()
            assert line, "it ended"
            address = "".join(re.findall(r"http://127\.0\.0\.1:\d+/", line))

        async def persian():
            async with aiohttp.ClientSession() as session, session.ws_connect(address + "ws") as page:
                while True:
                    said = await page.receive(timeout=PATIENCE_S)
                    if said.type == aiohttp.WSMsgType.TEXT:
                        lines = " ".join(json.loads(said.data).get("state", {}).get("lines", []))
                        assert "READY" not in lines
                        if "آماده" in lines or "متصل" in lines:
                            return

        asyncio.run(persian())
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)


def test_a_taken_port_is_one_line_for_the_person():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "tools.sim", "--unprovisioned", "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 1
    assert done.stderr == f"Error: port {port} is taken; leave PORT out or name another\n"


def test_a_port_that_cannot_be_is_one_line_for_the_person():
    command = [sys.executable, "-m", "tools.sim", "--unprovisioned", "--port", "99999"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr and "99999 is not in the range" in done.stderr


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_stops_everything(name):
    command = [sys.executable, "-m", "tools.sim", "--unprovisioned"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as served:
        try:
            assert served.stdout is not None
            while "Ctrl-C stops it." not in served.stdout.readline():
                assert served.poll() is None
            served.send_signal(getattr(signal, name))
            out, err = served.communicate(timeout=PATIENCE_S)
        finally:
            served.kill()
    assert (served.returncode, out, err) == (0, "stopped\n", "")
