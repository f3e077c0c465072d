"""The firmware's TLS connection over the modelled network: on simulated time, whatever the host's speed."""

from __future__ import annotations

import pytest

from host_tests.terminal import runtime_kit as kit
from host_tests.terminal.tls_server import TlsServer
from tools.sim.network import SwitchSilentError
from tools.sim.provision import Provisioning

CLIENT = """
    import asyncio, network, time, tls

    t0 = time.ticks_ms()

    def at():
        return time.ticks_diff(time.ticks_ms(), t0)

    def up():
        wlan = network.WLAN(network.WLAN.IF_STA)
        wlan.active(True)
        wlan.connect("shop", "secret")
        return wlan

    def context():
        with open("/config/ca.der", "rb") as file:
            ca = file.read()
        context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        context.verify_mode = tls.CERT_REQUIRED
        context.load_verify_locations(ca)
        return context

    async def joined(wlan):
        while not wlan.isconnected():
            await asyncio.sleep_ms(50)

    async def ask(stream, text):
        stream.write(text + "\\n")
        await stream.drain()
        return (await stream.readline()).decode().strip()

    async def ticker():
        while True:
            await asyncio.sleep_ms(7)

    async def connected(name="switch.test"):
        return (await asyncio.open_connection("switch.test", 8583, ssl=context(), server_hostname=name))[0]
"""


def boot(tmp_path, server, body, **options):
    records = Provisioning({}, {}, server.ca_der)
    indented = CLIENT + "".join(f"    {line}\n" for line in body.strip("\n").split("\n"))
    return kit.make(tmp_path, indented, provisioning=records, switch_address=server.address, **options)


@pytest.fixture
def server(tmp_path_factory):
    running = TlsServer(tmp_path_factory.mktemp("tls"))
    yield running
    running.close()


TALK = """
async def main():
    asyncio.create_task(ticker())
    wlan = up()
    await joined(wlan)
    print("joined", at())
    stream = await connected()
    print("open", at())
    for text in ("one", "two", "three"):
        print(await ask(stream, text), at())
    print(await ask(stream, "bye") == "", at())
    stream.close()
    await stream.wait_closed()

asyncio.run(main())
"""


def test_a_conversation_takes_the_modelled_round_trips_and_nothing_else(tmp_path, server):
    terminal = boot(tmp_path, server, TALK)
    try:
        first = kit.run_to_end(terminal)
    finally:
        terminal.close()
    times = [int(line.split()[-1]) for line in first.splitlines()]
    joined, opened, one, two, three, end = times
    assert 800 <= joined <= 860
    assert 40 <= opened - joined <= 48, "one round trip to connect"
    assert 120 <= one - opened <= 140, "two for the handshake, one for the answer"
    assert [two - one, three - two] == [40, 40] or all(40 <= gap <= 48 for gap in (two - one, three - two))
    assert server.heard == ["one", "two", "three", "bye"]
    slow = TlsServer(tmp_path, think_s=0.15)
    try:
        terminal = boot(tmp_path, slow, TALK)
        assert kit.run_to_end(terminal) == first, "a slow host must not be seen on the simulated clock"
    finally:
        terminal.close()
        slow.close()


def test_a_silent_switch_is_not_waited_for_when_it_says_so(tmp_path, server):
    terminal = boot(
        tmp_path,
        server,
        """
async def main():
    await joined(up())
    stream = await connected()
    print(await ask(stream, "one"))
    start = at()
    try:
        await asyncio.wait_for_ms(ask(stream, "silent"), 7000)
    except asyncio.TimeoutError:
        print("no answer after", at() - start)
    print(await ask(stream, "after"), at() - start)

asyncio.run(main())
""",
    )
    server.on_silent = terminal.network.answer_not_coming
    try:
        text = kit.run_to_end(terminal)  # one that was waited for ends it with an error
    finally:
        terminal.close()
    assert text == "re one\nno answer after 7000\nre after 7040\n"


def test_a_switch_that_says_nothing_ends_the_simulation_and_lets_no_time_pass(tmp_path, server):
    terminal = boot(
        tmp_path,
        server,
        """
async def main():
    await joined(up())
    stream = await connected()
    await ask(stream, "silent")

asyncio.run(main())
""",
    )
    terminal.network.patience_s = 0.5
    try:
        with pytest.raises(SwitchSilentError):
            kit.run_to_end(terminal)
        assert terminal.clock.now_us < 3_000_000
    finally:
        terminal.close()


LOOP = """
async def main():
    wlan = up()
    await joined(wlan)
    while True:
        try:
            stream = await asyncio.wait_for_ms(connected(), 3000)
            while True:
                print(at(), await asyncio.wait_for_ms(ask(stream, "x"), 3000))
                await asyncio.sleep_ms(500)
        except (OSError, asyncio.TimeoutError) as error:
            print(at(), "lost", repr(error), wlan.isconnected())
        stream = None
        await asyncio.sleep_ms(500)

asyncio.run(main())
"""


def test_a_pulled_cable_swallows_bytes_and_takes_the_wlan_after_a_while(tmp_path, server):
    terminal = boot(tmp_path, server, LOOP)
    try:
        terminal.power_on()
        assert terminal.run_until(lambda: "re x" in terminal.serial_output(), 5000)
        terminal.network.down()
        terminal.run(10_000)
        text = terminal.serial_output()
        assert "TimeoutError" in text and "False" in text, text
        heard = len(server.heard)
        terminal.network.up()
        said = len(text)
        assert terminal.run_until(lambda: "re x" in terminal.serial_output()[said:], 8000), terminal.serial_output()
        assert len(server.heard) > heard
        assert terminal.alive
    finally:
        terminal.close()


def test_refused_broken_and_held_connections(tmp_path, server):
    terminal = boot(tmp_path, server, LOOP)
    try:
        terminal.network.refuse()
        terminal.power_on()
        assert terminal.run_until(lambda: "OSError(111" in terminal.serial_output(), 5000), terminal.serial_output()
        terminal.network.refuse(False)
        assert terminal.run_until(lambda: "re x" in terminal.serial_output(), 5000)
        terminal.network.break_connections()
        assert terminal.run_until(lambda: "OSError(104" in terminal.serial_output(), 5000), terminal.serial_output()
        said = len(terminal.serial_output())
        assert terminal.run_until(lambda: "re x" in terminal.serial_output()[said:], 5000)
        terminal.network.hold_next_answer(1500)
        start = terminal.clock.now_us
        said = len(terminal.serial_output())
        assert terminal.run_until(lambda: "re x" in terminal.serial_output()[said:], 5000)
        assert 1_500_000 < terminal.clock.now_us - start < 2_100_000
        terminal.network.drop_after(10)
        assert terminal.run_until(lambda: "lost" in terminal.serial_output()[said:], 5000)
    finally:
        terminal.close()


def test_without_the_right_name_or_network_there_is_no_connection(tmp_path, server):
    terminal = boot(
        tmp_path,
        server,
        """
async def main():
    try:
        await connected()
    except OSError as error:
        print("no network", error.errno)
    await joined(up())
    stream = await connected("another.test")
    try:
        await ask(stream, "secret")
    except (OSError, ValueError) as error:
        print(error)

asyncio.run(main())
""",
    )
    try:
        text = kit.run_to_end(terminal)
    finally:
        terminal.close()
    assert text.startswith("no network -202\n") and "does not match" in text, text
    assert server.heard == []


def test_a_window_of_requests_gets_all_its_answers_at_the_same_moment(tmp_path, server):
    terminal = boot(
        tmp_path,
        server,
        """
async def main():
    await joined(up())
    stream = await connected()
    await ask(stream, "first")
    start = at()
    for n in range(8):
        stream.write("%d\\n" % n)
    await stream.drain()
    for n in range(8):
        assert (await stream.readline()) == b"re %d\\n" % n
    print("all", at() - start)

asyncio.run(main())
""",
    )
    try:
        assert kit.run_to_end(terminal) in ("all 40\n", "all 41\n")
    finally:
        terminal.close()
