"""The processor's clock, sleeps and asyncio follow the simulated clock and nothing else."""

from __future__ import annotations

import time

import pytest

from host_tests.terminal import runtime_kit as kit

TASKS = """
    import asyncio, time

    log = []

    def at():
        return time.ticks_diff(time.ticks_ms(), t0)

    async def worker(name, ms):
        await asyncio.sleep_ms(ms)
        log.append((name, at()))
        return name

    async def forever(name):
        try:
            while True:
                await asyncio.sleep_ms(250)
        except asyncio.CancelledError:
            log.append((name + " cancelled", at()))
            raise

    async def fails():
        await asyncio.sleep_ms(5)
        raise ValueError("no")

    async def main():
        global t0
        t0 = time.ticks_ms()
        print(await asyncio.gather(worker("b", 200), worker("a", 100)))
        print("gathered", at())
        try:
            await asyncio.wait_for_ms(forever("w"), 1000)
        except asyncio.TimeoutError:
            print("timeout", at())
        print(await asyncio.wait_for_ms(worker("in time", 300), 500), at())
        event = asyncio.Event()
        waiter = asyncio.create_task(wait(event))
        await asyncio.sleep_ms(60_000)
        event.set()
        print(await waiter, at())
        print(await waiter)
        task = asyncio.create_task(forever("c"))
        await asyncio.sleep_ms(10)
        print(task.done(), task.cancel())
        try:
            await task
        except asyncio.CancelledError:
            print("cancelled", at(), task.done(), task.cancel())
        fresh = asyncio.create_task(forever("never ran"))
        fresh.cancel()
        await asyncio.sleep_ms(1)
        print(fresh.done())
        outer = asyncio.create_task(outer_task())
        await asyncio.sleep_ms(100)
        outer.cancel()
        try:
            await outer
        except asyncio.CancelledError:
            print("outer", at())
        try:
            await asyncio.create_task(fails())
        except ValueError as error:
            print(error, at())
        print(await asyncio.gather(fails(), worker("g", 20), return_exceptions=True))
        lock = asyncio.Lock()
        order = []
        async def locked(n):
            async with lock:
                order.append(n)
                await asyncio.sleep_ms(3)
        await asyncio.gather(*(locked(n) for n in range(5)))
        print(order)
        try:
            asyncio.current_task().cancel()
        except RuntimeError as error:
            print(error)
        for entry in log:
            print(*entry)

    async def outer_task():
        await asyncio.create_task(forever("inner"))

    async def wait(event):
        await event.wait()
        return "event"

    asyncio.run(main())
"""

# Times are exact but for what bus calls and clock readings cost, far below the millisecond.
EXPECTED = """\
['b', 'a']
gathered 200
timeout 1200
in time 1500
event 61501
event
False True
cancelled 61511 True False
True
outer 61612
no 61617
[ValueError('no',), 'g']
[0, 1, 2, 3, 4]
can't cancel self
a 100
b 200
w cancelled 1200
in time 1500
c cancelled 61511
inner cancelled 61612
g 61637
"""


def test_asyncio_keeps_its_promises_on_simulated_time(tmp_path):
    began = time.monotonic()
    output = kit.run(tmp_path, TASKS, 100_000)
    assert output == EXPECTED
    assert time.monotonic() - began < 60, "a minute of sleeping must not be waited for"


def test_two_runs_are_the_same_to_the_microsecond(tmp_path):
    program = """
        import asyncio, machine, os, random, time
        async def blink(pin, ms):
            for _ in range(50):
                pin.toggle()
                await asyncio.sleep_ms(ms)
        async def main():
            await asyncio.gather(blink(machine.Pin(47, 1), 7), blink(machine.Pin(48, 1), 11))
        asyncio.run(main())
        print(time.ticks_us(), os.urandom(8), random.getrandbits(30))
    """
    first = kit.run(tmp_path, program)
    assert first == kit.run(tmp_path, program)
    assert first != kit.run(tmp_path, program, seed=2)


def test_a_loop_that_only_reads_the_clock_gets_on(tmp_path):
    output = kit.run(
        tmp_path,
        """
        import time
        t0 = time.ticks_ms()
        while time.ticks_diff(time.ticks_ms(), t0) < 500:
            pass
        print(time.ticks_diff(time.ticks_ms(), t0))
        t0 = time.ticks_us()
        time.sleep_us(1234)
        time.sleep(2.5)
        print(time.ticks_diff(time.ticks_us(), t0) // 100)
        """,
    )
    assert output == "500\n25012\n"


def test_ticks_wrap_as_on_the_boards(tmp_path):
    output = kit.run(
        tmp_path,
        """
        import time
        print(time.ticks_add(0, -1), time.ticks_diff(5, (1 << 30) - 5), time.ticks_diff((1 << 30) - 5, 5))
        time.sleep(1200)
        print(time.ticks_us() < 1 << 30)
        """,
        2_000_000,
    )
    assert output == "1073741823 10 -10\nTrue\n"


@pytest.mark.parametrize(
    ("profile", "first", "epoch_of_2026"), [("s3", 2000, 847_584_000), ("pico", 2021, 1_794_268_800)]
)
def test_epoch_and_power_on_date_are_the_boards(tmp_path, profile, first, epoch_of_2026):
    output = kit.run(
        tmp_path,
        """
        import time, machine
        print(time.gmtime()[0])
        machine.RTC().datetime((2026, 11, 9, 0, 12, 34, 56, 0))
        time.sleep(10)
        print(time.mktime((2026, 11, 10, 0, 0, 0, 0, 0)), time.gmtime()[:6], machine.RTC().datetime()[:7])
        print(all(time.mktime(time.gmtime(s)) == s for s in range(0, 900000000, 86400 * 37 + 3571)))
        """,
        profile=profile,
    )
    assert output == (f"{first}\n{epoch_of_2026} (2026, 11, 9, 12, 35, 6) (2026, 11, 9, 0, 12, 35, 6)\nTrue\n")


def test_time_stands_still_between_runs_and_a_run_ends_where_it_should(tmp_path):
    terminal = kit.make(tmp_path, "import time\nwhile True:\n    time.sleep_ms(30)\n    print(time.ticks_ms() // 10)\n")
    try:
        terminal.power_on()
        terminal.run(1000)
        assert 1_000_000 <= terminal.clock.now_us < 1_002_000
        said = terminal.serial_output()
        time.sleep(0.1)
        assert terminal.serial_output() == said
        terminal.run(30)
        assert terminal.serial_output() != said
    finally:
        terminal.close()


def test_the_interpreter_is_the_pinned_one(tmp_path):
    output = kit.make(tmp_path, "import sys\nprint(sys.implementation.version)\n")
    try:
        output.power_on()
        output.run(2000)
        text = output.serial_output()
    finally:
        output.close()
    assert "(1, 29, 0, 'preview')" in text
    assert "MicroPython 9458e3a23f on 20" in text
