"""The unmodified mpremote on the terminal's serial port, and what Ctrl-C and a console task see there."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import time

import pytest

from host_tests.patience import PATIENCE_S, wait_for
from host_tests.terminal import beside
from host_tests.terminal import runtime_kit as kit
from tools.sim.live import LiveTerminal
from tools.sim.terminal import Terminal

ENDS = "print('main ran')\n"


def mpremote(terminal: Terminal, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run mpremote while the terminal lives."""
    command = [sys.executable, "-m", "mpremote", "connect", terminal.serial_path, *arguments]
    code, out, err = beside.run(command, lambda: terminal.run(beside.SLICE_MS), terminal.serial_output)
    return subprocess.CompletedProcess(command, code, out, err)


@pytest.fixture
def idle_terminal(tmp_path):
    terminal = kit.make(tmp_path, ENDS, files={"firmware/__init__.py": "", "firmware/big.py": "x = 1\n" * 500})
    terminal.power_on()
    assert terminal.run_until(lambda: not terminal.alive, 5000)
    yield terminal
    terminal.close()


def test_exec_run_and_errors(idle_terminal, tmp_path):
    done = mpremote(idle_terminal, "exec", "import machine; print(machine.unique_id().hex(), 6 * 7)")
    assert (done.returncode, done.stdout) == (0, "020000000001 42\n"), done
    done = mpremote(idle_terminal, "exec", "raise ValueError('x')")
    assert done.returncode == 1 and "ValueError: x" in done.stdout + done.stderr
    script = tmp_path / "script.py"
    script.write_text("import time\nfor n in range(3):\n    time.sleep(1)\n    print('line', n)\n")
    done = mpremote(idle_terminal, "run", str(script))
    assert done.stdout == "line 0\nline 1\nline 2\n", done


def test_files_go_there_and_back(idle_terminal, tmp_path):
    content = bytes(range(256)) * 60
    source = tmp_path / "data.bin"
    source.write_bytes(content)
    assert mpremote(idle_terminal, "fs", "cp", str(source), ":data.bin").returncode == 0
    done = mpremote(idle_terminal, "fs", "sha256sum", ":data.bin")
    assert hashlib.sha256(content).hexdigest() in done.stdout
    back = tmp_path / "back.bin"
    assert mpremote(idle_terminal, "fs", "cp", ":data.bin", str(back)).returncode == 0
    assert back.read_bytes() == content
    assert "data.bin" in mpremote(idle_terminal, "fs", "ls").stdout
    assert mpremote(idle_terminal, "fs", "rm", ":data.bin").returncode == 0
    assert "data.bin" not in mpremote(idle_terminal, "fs", "ls").stdout
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "settings.json").write_text("{}")
    assert mpremote(idle_terminal, "fs", "cp", "-r", str(folder), ":").returncode == 0
    idle_terminal.power_off()
    idle_terminal.power_on()
    assert idle_terminal.run_until(lambda: not idle_terminal.alive, 5000)
    assert "settings.json" in mpremote(idle_terminal, "fs", "ls", ":config").stdout


def test_soft_reset_skips_main_in_raw_mode_and_runs_it_from_the_prompt(idle_terminal):
    before = idle_terminal.serial_output().count("main ran")
    starts = idle_terminal.starts
    assert mpremote(idle_terminal, "soft-reset").returncode == 0
    idle_terminal.run(500)
    assert idle_terminal.starts == starts + 1 and idle_terminal.reset_cause == "SOFT"
    assert idle_terminal.serial_output().count("main ran") == before
    assert "MPY: soft reboot" in idle_terminal.serial_output()
    done = mpremote(idle_terminal, "exec", "print(2)")
    assert done.stdout == "2\n", done
    idle_terminal.run(200)
    idle_terminal.serial_type("\x04")
    assert idle_terminal.run_until(lambda: idle_terminal.serial_output().count("main ran") == before + 1, 5000)


def test_reset_comes_back_up_with_main(idle_terminal):
    assert mpremote(idle_terminal, "reset").returncode == 0
    assert idle_terminal.run_until(lambda: idle_terminal.reset_cause == "HARD" and not idle_terminal.alive, 5000)
    assert idle_terminal.serial_output().count("main ran") == 2


BUSY = """
    import machine, time
    spi = machine.SPI(1, baudrate=4000000)
    n = 0
    print("running")
    while True:
        spi.write(b"12345678")
        n += 1
        {sleep}
"""


@pytest.mark.parametrize("sleep", ["time.sleep_ms(n % 50)", "pass"], ids=["mostly-idle", "hammering"])
def test_mpremote_interrupts_a_running_program(tmp_path, sleep):
    terminal = kit.make(tmp_path, BUSY.format(sleep=sleep))
    try:
        terminal.power_on()
        for _ in range(2):
            terminal.run(500)
            done = mpremote(terminal, "exec", "print('mine')")
            assert done.stdout == "mine\n", (done, terminal.serial_output())
            terminal.power_off()
            terminal.power_on()
        assert terminal.crashed is None
    finally:
        terminal.close()


def test_mpremote_interrupts_a_program_that_makes_no_call(tmp_path):
    terminal = kit.make(tmp_path, "print('running')\nwhile True:\n    pass\n", realtime=True)
    try:
        terminal.power_on()
        assert terminal.run_until(lambda: "running" in terminal.serial_output(), 3000)
        assert mpremote(terminal, "exec", "print('mine')").stdout == "mine\n"
    finally:
        terminal.close()


CONSOLE = """
    import asyncio, micropython, select, sys

    async def console():
        poller = select.poll()
        poller.register(sys.stdin, select.POLLIN)
        line = ""
        while True:
            while poller.poll(0):
                character = sys.stdin.read(1)
                if character == "\\x03":
                    print("selling")
                elif character == "\\n":
                    print("got", line)
                    line = ""
                else:
                    line += character
            await asyncio.sleep_ms(20)

    micropython.kbd_intr(-1)
    print("ready")
    asyncio.run(console())
"""


def test_an_application_that_took_ctrl_c_reads_it_as_a_byte(tmp_path):
    terminal = kit.make(tmp_path, CONSOLE)
    try:
        terminal.power_on()
        assert terminal.run_until(lambda: "ready" in terminal.serial_output(), 3000)
        terminal.run(1000)
        for n in range(1, 4):
            terminal.serial_type("health\x03\n")
            assert terminal.run_until(lambda n=n: terminal.serial_output().count("got health") == n, 1000)
            assert terminal.serial_output().count("selling") == n
        assert terminal.alive and terminal.starts == 1
        assert terminal.clock.now_us < 1_700_000, "typing must not cost simulated minutes"
    finally:
        terminal.close()


RUN_FOR_EVER = {
    "busy": "while True: pass",
    "short-sleeps": "import time\nwhile True: time.sleep_ms(10)",
    "one-long-sleep": "import time\ntime.sleep(10000)",
    "bus-calls": "from machine import Pin\np = Pin(47, Pin.OUT)\nwhile True: p.value(1)",
    "printing": "while True: print(1)",
}


@pytest.fixture
def live_prompt(tmp_path):
    live = LiveTerminal(kit.make(tmp_path, ENDS, realtime=True))
    live.start()
    live.power_on()
    yield live
    live.stop()


def runs_what_was_sent(terminal: Terminal) -> bool:
    port = terminal.serial
    return port.raw_prompt and port.listening and not port.at_prompt


@pytest.mark.parametrize("program", RUN_FOR_EVER.values(), ids=RUN_FOR_EVER)
def test_a_program_sent_by_mpremote_is_left_by_ctrl_c_and_the_next_call_works(live_prompt, program):
    command = [sys.executable, "-m", "mpremote", "connect", live_prompt.terminal.serial_path, "exec"]
    with subprocess.Popen([*command, program], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
        try:
            wait_for(lambda: live_prompt.call(runs_what_was_sent))
            time.sleep(0.3)
            first.send_signal(signal.SIGINT)
            first.wait(PATIENCE_S)
        finally:
            first.kill()
    done = subprocess.run([*command, "print(6 * 7)"], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stdout) == (0, "42\n"), done
    assert live_prompt.failure is None


def test_a_program_of_mpremote_that_took_ctrl_c_for_itself_gives_it_back(idle_terminal):
    program = "import micropython; micropython.kbd_intr(-1); micropython.kbd_intr(3); print('both')"
    starts = idle_terminal.starts
    for n in range(1, 3):
        assert mpremote(idle_terminal, "exec", program).stdout == "both\n"
        assert idle_terminal.starts == starts + n, "only mpremote's own soft reset"
