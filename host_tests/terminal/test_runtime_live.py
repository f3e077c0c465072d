"""A terminal on its own thread in real time, the heap figure, and the tables both ends of the link share."""

from __future__ import annotations

import re
import time

import pytest

from host_tests.patience import wait_for
from host_tests.terminal import runtime_kit as kit
from host_tests.terminal.test_runtime_network import CLIENT
from host_tests.terminal.tls_server import TlsServer
from tools.sim import image
from tools.sim.link import HEADER_BYTES, MAX_PAYLOAD, Op
from tools.sim.live import LiveTerminal
from tools.sim.provision import Provisioning

FOLLOWED_US = 1_000_000
CAUGHT_UP_US = 300_000  # what a moment that the PC lost may be made up for, and a slice

BLINK = """
    import machine, time
    lamp = machine.Pin(47, machine.Pin.OUT)
    key = machine.Pin(38, machine.Pin.IN, machine.Pin.PULL_UP)
    row = machine.Pin(15, machine.Pin.OPEN_DRAIN, value=0)
    while True:
        lamp(not key())
        time.sleep_ms(20)
"""


def test_a_live_terminal_follows_the_wall_clock_and_obeys(tmp_path):
    live = LiveTerminal(kit.make(tmp_path, BLINK, realtime=True))
    live.start()
    try:
        live.power_on()
        wait_for(lambda: live.call(lambda terminal: terminal.uptime_us) > 400_000)
        began, sim = time.monotonic(), live.call(lambda terminal: terminal.clock.now_us)
        wait_for(lambda: live.call(lambda terminal: terminal.clock.now_us) - sim >= FOLLOWED_US)
        assert (time.monotonic() - began) * 1e6 > FOLLOWED_US - CAUGHT_UP_US, "it leaps"
        live.key_down("SALE")
        wait_for(lambda: live.call(lambda terminal: terminal.board.leds.green))
        live.key_up("SALE")
        wait_for(lambda: not live.call(lambda terminal: terminal.board.leds.green))
        with pytest.raises(ValueError, match="not in"):
            live.call(lambda terminal: terminal.key_down("NO SUCH KEY"))
        live.power_off()
        assert live.failure is None
    finally:
        live.stop()


def test_a_live_terminal_talks_tls_in_real_time(tmp_path):
    server = TlsServer(tmp_path)
    body = """
    async def main():
        await joined(up())
        stream = await connected()
        for n in range(3):
            print(await ask(stream, str(n)), at())
        await asyncio.sleep_ms(100000)

    asyncio.run(main())
"""
    terminal = kit.make(
        tmp_path, CLIENT + body, provisioning=Provisioning({}, {}, server.ca_der), switch_address=server.address,
        realtime=True,
    )  # fmt: skip
    live = LiveTerminal(terminal)
    live.start()
    try:
        live.power_on()
        wait_for(lambda: "re 2" in live.call(lambda t: t.serial_output()))
    finally:
        live.stop()
        server.close()


def test_the_heap_probe_sees_what_a_program_holds(tmp_path):
    program = "import time\nheld = bytearray({n})\ntime.sleep(1)\nheld = None\nwhile True:\n    time.sleep(9)\n"
    peaks = []
    for n in (1000, 51_000):
        terminal = kit.make(tmp_path, program.format(n=n), heap_probe=True)
        try:
            terminal.power_on()
            terminal.run(5000)
            peaks.append(terminal.heap_peak)
        finally:
            terminal.close()
    assert 49_900 < peaks[1] - peaks[0] < 50_300
    assert 1000 < peaks[0] < 10_000


def test_a_small_heap_ends_in_memory_error(tmp_path):
    terminal = kit.make(tmp_path, "held = [n for n in range(50000)]\n", heap_kb=96)
    try:
        assert "MemoryError" in kit.run_to_end(terminal)
    finally:
        terminal.close()


def test_both_ends_of_the_link_use_the_same_numbers():
    overlay = image.REPOSITORY / "tools" / "sim" / "overlay"
    text = "\n".join(path.read_text() for path in overlay.glob("*.py"))
    used = {int(n) for n in re.findall(r"(?:_bus\.|\b)call\((\d+)", text)}
    assert used == {int(op) for op in Op}
    bus = (overlay / "_bus.py").read_text()
    assert f"_HEADER = const({HEADER_BYTES})" in bus and f"_PAYLOAD = const({MAX_PAYLOAD})" in bus


def test_what_the_overlay_lacks_is_refused_and_not_pretended(tmp_path):
    output = kit.run(
        tmp_path,
        """
        import machine
        for attempt in (
            lambda: machine.Pin(1).irq(handler=print),
            lambda: machine.ADC(0),
            lambda: machine.SoftSPI(sck=1, mosi=2, miso=3),
            lambda: machine.I2C(0).readfrom(0x20, 1),
            lambda: open("/etc/passwd"),
        ):
            try:
                attempt()
                print("pretended")
            except (RuntimeError, AttributeError, OSError) as error:
                print(type(error).__name__, error.errno if isinstance(error, OSError) else "")
        print([hex(address) for address in machine.I2C(0).scan()])
        """,
    )
    assert output.split("\n") == [
        "RuntimeError ", "AttributeError ", "RuntimeError ", "OSError 19", "OSError 2",
        "['0x3c', '0x68']", "",
    ]  # fmt: skip
