"""Runs inside MicroPython: `machine` of the two boards, every call forwarded to the chip models over `_bus`.

Has what the drivers and the board module may use and raises on the rest. No interrupts: the firmware's tasks read pins.
A timer has its turn only while a program computes for long without a call, when the machine says so: in between the
firmware's tasks have theirs, and a turn that found nothing to tell would only make two runs differ.
"""

# ruff: noqa: D101, D103, RET503 (the names and their meaning are MicroPython's)

import _thread
import struct

import _bus
import micropython
import uos

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5


class Pin:
    IN = 0
    OUT = 1
    OPEN_DRAIN = 2
    PULL_UP = 1
    PULL_DOWN = 2

    def __init__(self, id, mode=-1, pull=-1, *, value=None, **_other):
        self.id = id
        self._mode = 0
        self._pull = 0
        if mode != -1 or value is not None:
            self.init(mode, pull, value=value)

    def init(self, mode=-1, pull=-1, *, value=None, **_other):
        if mode != -1:
            self._mode = mode
        if pull != -1:
            self._pull = pull or 0
        level = 0 if value is None else 2 if value else 1  # the latch is set before the output is switched on
        _bus.call(10, self.id, self._mode | self._pull << 4 | level << 8)

    def value(self, x=None):
        if x is None:
            return _bus.call(12, self.id)
        _bus.call(11, self.id, 1 if x else 0)

    __call__ = value

    def on(self):
        _bus.call(11, self.id, 1)

    def off(self):
        _bus.call(11, self.id, 0)

    high = on
    low = off

    def toggle(self):
        self.value(not self.value())

    def mode(self, mode=None):
        if mode is None:
            return self._mode
        self.init(mode)

    def pull(self, pull=-1):
        if pull == -1:
            return self._pull
        self.init(-1, pull)

    def irq(self, *_arguments, **_named):
        raise RuntimeError("no Pin.irq here: read the level in a task")

    def __repr__(self):
        return "Pin(%s)" % self.id


def _number(pin):
    return pin.id if isinstance(pin, Pin) else pin


class SPI:
    MSB = 0
    LSB = 1
    CONTROLLER = 0

    def __init__(self, id=1, baudrate=1_000_000, **other):
        self.id = id
        self._baudrate = baudrate
        self.init(baudrate, **other)

    def init(self, baudrate=0, *, polarity=0, phase=0, bits=8, firstbit=MSB, sck=None, mosi=None, miso=None):
        if bits != 8 or firstbit != SPI.MSB:
            raise ValueError("8 bits, most significant first")
        self._baudrate = baudrate or self._baudrate
        _bus.call(20, self.id, self._baudrate, 0, bytes((polarity, phase)))

    def deinit(self):
        pass

    def write(self, buf):
        _bus.call(21, self.id, 0, len(buf), buf)

    def read(self, nbytes, write=0):
        buf = bytearray(nbytes)
        self.readinto(buf, write)
        return bytes(buf)

    def readinto(self, buf, write=0):
        n = len(buf)
        _bus.call(21, self.id, 0, n, bytes((write,)) * n)
        buf[:] = _bus.payload(n)

    def write_readinto(self, write_buf, read_buf):
        n = len(write_buf)
        if n != len(read_buf):
            raise ValueError("buffers must be the same length")
        _bus.call(21, self.id, 0, n, write_buf)
        read_buf[:] = _bus.payload(n)


class SoftSPI(SPI):
    def __init__(self, baudrate=500_000, *, sck, mosi, miso, **other):
        raise RuntimeError("no SoftSPI here: the reader hangs on a hardware bus")


class I2C:
    def __init__(self, id=0, *, scl=None, sda=None, freq=400_000, timeout=50_000):
        self.id = id
        _bus.call(32, id, freq)

    def scan(self):
        return [address for address in range(8, 0x78) if self._answers(address)]

    def _answers(self, address):
        try:
            _bus.call(30, self.id, address)
        except OSError:
            return False
        return True

    def writeto(self, addr, buf, stop=True):
        _bus.call(30, self.id, addr, 0, buf)
        return len(buf)

    def writevto(self, addr, vector, stop=True):
        return self.writeto(addr, b"".join(vector), stop)

    def readfrom_into(self, addr, buf, stop=True):
        n = len(buf)
        _bus.call(31, self.id, addr, n)
        buf[:] = _bus.payload(n)

    def readfrom(self, addr, nbytes, stop=True):
        buf = bytearray(nbytes)
        self.readfrom_into(addr, buf)
        return bytes(buf)

    def writeto_mem(self, addr, memaddr, buf, *, addrsize=8):
        _bus.call(30, self.id, addr, 0, memaddr.to_bytes(addrsize // 8, "big") + bytes(buf))

    def readfrom_mem_into(self, addr, memaddr, buf, *, addrsize=8):
        _bus.call(30, self.id, addr, 0, memaddr.to_bytes(addrsize // 8, "big"))
        self.readfrom_into(addr, buf)

    def readfrom_mem(self, addr, memaddr, nbytes, *, addrsize=8):
        buf = bytearray(nbytes)
        self.readfrom_mem_into(addr, memaddr, buf, addrsize=addrsize)
        return bytes(buf)


class SoftI2C(I2C):
    def __init__(self, scl, sda, *, freq=400_000, timeout=50_000):
        super().__init__(0, scl=scl, sda=sda, freq=freq)


class PWM:
    def __init__(self, dest, *, freq=5000, duty_u16=None, duty=None, duty_ns=None):
        self._pin = _number(dest)
        self._freq = freq
        self._duty = 32768 if duty_u16 is None else duty_u16
        self._set()

    def _set(self):
        _bus.call(40, self._pin, self._freq, 0, struct.pack("<H", min(self._duty, 65535)))

    def init(self, *, freq=None, duty_u16=None):
        self._freq = self._freq if freq is None else freq
        self._duty = self._duty if duty_u16 is None else duty_u16
        self._set()

    def freq(self, value=None):
        if value is None:
            return self._freq
        self._freq = value
        self._set()

    def duty_u16(self, value=None):
        if value is None:
            return self._duty
        self._duty = value
        self._set()

    def deinit(self):
        self._duty = 0
        self._set()


class UART:
    def __init__(self, id, baudrate=115200, **other):
        self.id = id
        self.init(baudrate, **other)

    def init(self, baudrate=115200, bits=8, parity=None, stop=1, *, tx=None, rx=None, timeout=0, **_other):
        _bus.call(50, self.id, baudrate)

    def deinit(self):
        pass

    def any(self):
        return _bus.call(53, self.id)

    def write(self, buf):
        for at in range(0, len(buf), 1024):
            _bus.call(51, self.id, 0, 0, memoryview(buf)[at : at + 1024])
        return len(buf)

    def readinto(self, buf, nbytes=None):
        n = min(len(buf), 1024 if nbytes is None else nbytes)
        got = _bus.call(52, self.id, n, n)
        buf[:got] = _bus.payload(got)
        return got or None

    def read(self, nbytes=None):
        n = self.any() if nbytes is None else min(nbytes, 1024)
        got = _bus.call(52, self.id, n, n) if n else 0
        return bytes(_bus.payload(got)) if got else None

    def flush(self):
        pass

    def txdone(self):
        return True


class WDT:
    """Cannot be stopped, as on the boards."""

    def __init__(self, id=0, timeout=5000):
        if _bus.info["profile"] == "pico" and timeout > 8388:
            raise ValueError("timeout exceeds 8388")  # the RP2040's counter
        _bus.call(60, timeout)

    def feed(self):
        _bus.call(61)


def _timer_turns(file):
    byte = bytearray(1)
    while file.readinto(byte):
        micropython.schedule(Timer.fire, None)


class Timer:
    ONE_SHOT = 0
    PERIODIC = 1
    _all = []

    def __init__(self, id=-1, **named):
        if (id == -1) != (_bus.info["profile"] == "pico"):
            raise ValueError("RP2 has virtual timers, ESP32 numbered ones")
        if named:
            self.init(**named)

    def init(self, *, mode=PERIODIC, period=-1, callback=None):
        self.callback = callback
        if not Timer._all:
            file = open(int(uos.getenv("TERMINAL_TIMER")), "rb")  # noqa: SIM115 (open as long as the process lives)
            _thread.start_new_thread(_timer_turns, (file,))
        Timer._all.append(self)
        _bus.call(62)

    def deinit(self):
        Timer._all.remove(self)

    @staticmethod
    def fire(_):
        _bus.call(2, 0)  # how late it is
        for timer in Timer._all:
            timer.callback(timer)


class RTC:
    """The processor's own clock; it does not survive a power cut."""

    def __init__(self, id=0):
        pass

    def datetime(self, value=None):
        import time

        if value is None:
            year, month, day, hour, minute, second, weekday, _ = time.gmtime()
            return year, month, day, weekday, hour, minute, second, time.time_ns() // 1000 % 1_000_000
        year, month, day, _, hour, minute, second = value[:7]
        wanted_us = time.mktime((year, month, day, hour, minute, second)) * 1_000_000
        _bus.info["rtc_us"] += wanted_us - time.time_ns() // 1000
        _bus.call(72, 0, 0, 0, struct.pack("<q", _bus.info["rtc_us"]))

    init = datetime


def reset():
    _bus.call(70)


def soft_reset():
    _bus.call(71)


def reset_cause():
    return _bus.info["cause"]


def unique_id():
    return bytes.fromhex(_bus.info["unique_id"])


def freq(hz=None):
    return 240_000_000 if _bus.info["profile"] == "s3" else 125_000_000


def idle():
    _bus.idle(1000)


def lightsleep(time_ms=None):
    _bus.sleep_us(1000 * (time_ms or 1))


def disable_irq():
    return 0


def enable_irq(_state):
    pass
