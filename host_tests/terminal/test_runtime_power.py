"""What a reset, a watchdog and a power cut do to a running terminal; what its flash keeps."""

from __future__ import annotations

import os
import re
import signal

import pytest

from host_tests.terminal import runtime_kit as kit
from tools.sim import image
from tools.sim.chips.nor import Torn
from tools.sim.provision import Provisioning
from tools.sim.terminal import Terminal

COUNTER = """
    import json, machine, os
    try:
        with open("/count.json") as file:
            count = json.load(file)
    except OSError:
        count = 0
    print("found", count, "cause", machine.reset_cause())
    for _ in range(3):
        count += 1
        with open("/count.new", "w") as file:
            json.dump(count, file)
        os.rename("/count.new", "/count.json")
        print("kept", count)
"""


def numbers(text: str, word: str) -> list[int]:
    return [int(n) for n in re.findall(rf"{word} (\d+)", text)]


@pytest.mark.parametrize("profile", ["s3", "pico"])
def test_files_survive_and_the_host_is_invisible(tmp_path, profile):
    terminal = kit.make(
        tmp_path,
        COUNTER + "    print(sorted(os.listdir('/')), sorted(os.listdir('/firmware')))\n    import firmware.thing\n",
        files={"firmware/__init__.py": "", "firmware/thing.py": "print('thing', __name__)\n"},
        profile=profile,
    )
    try:
        first = kit.run_to_end(terminal)
        assert "found 0 cause 1" in first and "kept 3" in first
        assert "['count.json', 'firmware', 'main.py'] ['__init__.mpy', 'thing.mpy']" in first
        assert "thing firmware.thing" in first
        terminal.power_off()
        assert not terminal.powered and not terminal.alive
        second = kit.run_to_end(terminal)
        assert "found 3 cause 1" in second
    finally:
        terminal.close()


def test_a_cut_at_any_flash_operation_loses_no_file_that_was_kept(tmp_path):
    terminal = kit.make(tmp_path, COUNTER)
    try:
        kit.run_to_end(terminal)
        operations = terminal.flash_ops
        assert operations > 6
        terminal.power_off()
        kept_before = 3
        for n in range(1, operations + 1):
            for torn in (Torn.NOTHING, Torn.HALF):
                said = len(terminal.serial.output())
                terminal.power_on()
                terminal.cut_at_flash_op(n, torn)
                terminal.run_until(lambda: not terminal.alive, 20_000)
                text = terminal.serial.output()[said:].decode()
                assert not terminal.powered or n > operations - 3, f"no cut at operation {n}"
                terminal.power_off()
                (found,) = numbers(text, "found")
                assert found in (kept_before, kept_before + 1), f"cut {n} {torn}: {kept_before} became {found}"
                kept_before = max([found, *numbers(text, "kept")])
    finally:
        terminal.close()


def test_flash_of_one_terminal_boots_in_another(tmp_path):
    first = kit.make(tmp_path, COUNTER)
    try:
        kit.run_to_end(first)
    finally:
        first.close()
    second = Terminal(flash=first.nor)
    try:
        assert "found 3" in kit.run_to_end(second)
    finally:
        second.close()


def test_partitions_program_without_erasing_and_erase_when_asked(tmp_path):
    output = kit.run(
        tmp_path,
        """
        import esp32
        (part,) = esp32.Partition.find(esp32.Partition.TYPE_DATA, label="txlog")
        print(part.info(), part.ioctl(4, 0), part.ioctl(5, 0))
        one = bytearray(4)
        part.writeblocks(3, b"\\xf0\\xff", 100)
        part.writeblocks(3, b"\\x3c\\x0f", 100)
        part.readblocks(3, one, 99)
        print(one)
        part.writeblocks(3, bytes(8192))
        part.readblocks(4, one, 4000)
        print(one)
        part.ioctl(6, 4)
        part.readblocks(4, one)
        print(one)
        try:
            part.readblocks(256, one)
        except OSError as error:
            print(error.errno)
        try:
            import rp2
        except ImportError:
            print("no rp2")
        """,
    )
    assert output == (
        "(1, 129, 1048576, 1048576, 'txlog', False) 256 4096\nbytearray(b'\\xff0\\x0f\\xff')\n"
        "bytearray(b'\\x00\\x00\\x00\\x00')\nbytearray(b'\\xff\\xff\\xff\\xff')\n22\nno rp2\n"
    )


def test_the_pico_programs_whole_pages_only(tmp_path):
    output = kit.run(
        tmp_path,
        """
        import rp2
        part = rp2.Flash(start=464 * 1024, len=128 * 1024)
        page = bytearray(256)
        part.ioctl(6, 0)
        part.writeblocks(0, page, 512)
        part.readblocks(0, page, 0)
        print(part.ioctl(4, 0), page[0])
        for buf, offset in ((b"x", 0), (page, 100)):
            try:
                part.writeblocks(0, buf, offset)
            except OSError as error:
                print(error.errno)
        try:
            import esp32
        except ImportError:
            print("no esp32")
        """,
        profile="pico",
    )
    assert output == "32 255\n22\n22\nno esp32\n"


def test_a_starved_watchdog_resets_on_simulated_time(tmp_path):
    terminal = kit.make(
        tmp_path,
        """
        import machine, time
        print("cause", machine.reset_cause())
        dog = machine.WDT(timeout=2000)
        for _ in range(5):
            time.sleep_ms(1500)
            dog.feed()
        print("fed until", time.ticks_ms())
        time.sleep(60)
        print("not reached")
        """,
    )
    try:
        terminal.power_on()
        assert terminal.run_until(lambda: terminal.starts == 2, 20_000)
        assert terminal.reset_cause == "WDT" and 10_100_000 <= terminal.clock.now_us <= 10_110_000  # with 2 boots
        terminal.run(1000)
        text = terminal.serial_output()
        assert numbers(text, "cause") == [1, 3] and "not reached" not in text
    finally:
        terminal.close()


def test_a_watchdog_bites_a_program_that_hangs_without_a_call(tmp_path):
    terminal = kit.make(tmp_path, "import machine\ndog = machine.WDT(timeout=2000)\nwhile True:\n    pass\n")
    try:
        terminal.power_on()
        assert terminal.run_until(lambda: terminal.starts == 2, 20_000)
        assert terminal.reset_cause == "WDT"
    finally:
        terminal.close()


@pytest.mark.parametrize("profile", ["s3", "pico"])
def test_a_timer_has_its_turn_in_a_program_that_hangs_before_the_watchdog_bites(tmp_path, profile):
    terminal = kit.make(
        tmp_path,
        """
        import machine, time
        def turn(_):
            print("turn after", time.ticks_ms() - began)
        dog = machine.WDT(timeout=8000)
        timer = machine.Timer(TIMER)
        timer.init(period=1000, mode=machine.Timer.PERIODIC, callback=turn)
        time.sleep(5)
        dog.feed()
        began = time.ticks_ms()
        while True:
            pass
        """.replace("TIMER", "0" if profile == "s3" else "-1"),
        profile=profile,
    )
    try:
        terminal.power_on()
        assert terminal.run_until(lambda: terminal.starts == 2, 20_000)
        assert terminal.reset_cause == "WDT"
        (passed_ms,) = numbers(terminal.serial_output(), "turn after")
        assert 5_000 < passed_ms < 8_000
    finally:
        terminal.close()


def test_the_watchdog_bites_at_the_prompt_too(tmp_path):
    terminal = kit.make(tmp_path, "import machine\ndog = machine.WDT(timeout=3000)\n")
    try:
        terminal.power_on()
        assert terminal.run_until(lambda: terminal.starts == 3, 20_000)
    finally:
        terminal.close()


RESETTER = """
    import machine, os
    print("cause", machine.reset_cause())
    lamp = machine.Pin(47, machine.Pin.OUT)
    oled = machine.I2C(0, scl=machine.Pin(5), sda=machine.Pin(4), freq=400000)
    try:
        os.stat("/second")
    except OSError:
        open("/second", "w").close()
        lamp(1)
        oled.writeto(0x3C, b"\\x00\\x8d\\x14\\xaf")
        oled.writeto(0x3C, b"\\x40" + b"\\xa5" * 16)
        machine.{how}()
        print("not reached")
"""


@pytest.mark.parametrize(("how", "cause", "number"), [("reset", "HARD", 2), ("soft_reset", "SOFT", 5)])
def test_a_reset_keeps_the_display_and_loses_the_pins(tmp_path, how, cause, number):
    terminal = kit.make(tmp_path, RESETTER.format(how=how))
    try:
        terminal.power_on()
        assert terminal.run_until(lambda: terminal.starts == 2, 20_000)
        assert terminal.reset_cause == cause
        shown = bytes(terminal.board.oled.ram)
        assert terminal.board.oled.on and b"\xa5" * 16 in shown
        terminal.run(1000)
        assert numbers(terminal.serial_output(), "cause") == [1, number]
        assert "not reached" not in terminal.serial_output()
        terminal.power_off()
        assert bytes(terminal.board.oled.ram) != shown or not terminal.board.oled.on
    finally:
        terminal.close()


def test_an_exception_in_main_is_reported_and_leaves_the_prompt(tmp_path):
    terminal = kit.make(tmp_path, "print('up')\nraise ValueError('broken')\n")
    try:
        text = kit.run_to_end(terminal)
        assert terminal.crashed is not None and "ValueError: broken" in terminal.crashed
        assert "ValueError: broken" in text and terminal.powered
    finally:
        terminal.close()


def test_an_exception_in_boot_keeps_main_from_running(tmp_path):
    text = kit.run(tmp_path, "print('main')\n", boot="print('boot')\nraise ValueError('x')\n")
    assert "boot" in text and "main" not in text.replace("__main__", "")


def test_provisioning_puts_its_records_into_the_files(tmp_path):
    records = Provisioning({"terminal_id": "T1"}, {"kid": 1}, b"\x30\x03ABC")
    terminal = kit.make(
        tmp_path, "import os, json\nprint(sorted(os.listdir('/config')), json.load(open('/config/settings.json')))\n",
        provisioning=records,
    )  # fmt: skip
    try:
        text = kit.run_to_end(terminal)
        assert text == "['ca.der', 'keys.json', 'settings.json'] {'terminal_id': 'T1'}\n"
        assert image.read_file(terminal.nor.image[: 1 << 20], "config/ca.der") == b"\x30\x03ABC"
    finally:
        terminal.close()


def test_keys_and_lamps_reach_the_board(tmp_path):
    terminal = kit.make(
        tmp_path,
        """
        import machine, time
        from machine import Pin
        rows = [Pin(n, Pin.OPEN_DRAIN, value=1) for n in (15, 16, 17, 18, 21)]
        columns = [Pin(n, Pin.IN, Pin.PULL_UP) for n in (38, 39, 40, 41)]
        lamp = Pin(47, Pin.OUT, value=0)
        while True:
            for r, row in enumerate(rows):
                row(0)
                for c, column in enumerate(columns):
                    if not column():
                        print("key", r * 4 + c)
                        lamp.on()
                row(1)
            time.sleep_ms(20)
        """,
    )
    try:
        terminal.power_on()
        terminal.run(500)
        assert not terminal.board.leds.green
        terminal.press("OK")
        assert set(numbers(terminal.serial_output(), "key")) == {19}
        assert terminal.board.leds.green
        assert terminal.alive and terminal.crashed is None
    finally:
        terminal.close()


def test_a_crash_of_the_interpreter_is_reported_and_the_terminal_is_off(tmp_path):
    terminal = kit.make(tmp_path, "import time\nprint('up')\nwhile True:\n    time.sleep_ms(10)\n")
    try:
        terminal.power_on()
        terminal.run(1000)
        os.kill(terminal.pid, signal.SIGSEGV)
        terminal.run(1000)
        assert terminal.crashed is not None and "ended with -11" in terminal.crashed and "up" in terminal.crashed
        assert not terminal.powered and not terminal.alive
        terminal.power_on()
        terminal.run(1000)
        assert terminal.alive and terminal.crashed is None
    finally:
        terminal.close()
