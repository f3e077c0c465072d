"""Runs inside MicroPython: `network.WLAN` as a station, asked of the modelled network."""

# ruff: noqa: D101, D103, RET503 (the names and their meaning are MicroPython's)

import _bus

STA_IF = 0
AP_IF = 1
# What the machine answers, and what each board calls it: ESP32 has the first, the Pico's CYW43 the second.
_GOT_IP = 1010
_STATUS = {1000: (1000, 0), 1001: (1001, 1), _GOT_IP: (1010, 3), 201: (201, -2), 202: (202, -3), 203: (203, -1)}
_BOARD = 0 if _bus.info["profile"] == "s3" else 1
STAT_IDLE = _STATUS[1000][_BOARD]
STAT_CONNECTING = _STATUS[1001][_BOARD]
STAT_GOT_IP = _STATUS[_GOT_IP][_BOARD]
STAT_NO_AP_FOUND = _STATUS[201][_BOARD]
STAT_WRONG_PASSWORD = _STATUS[202][_BOARD]
STAT_CONNECT_FAIL = _STATUS[203][_BOARD]
hostname_text = "terminal"


def hostname(name=None):
    global hostname_text
    if name is None:
        return hostname_text
    hostname_text = name


def country(code=None):
    return "XX"


class WLAN:
    IF_STA = 0
    IF_AP = 1
    PM_NONE = 0
    PM_PERFORMANCE = 1
    PM_POWERSAVE = 2

    def __init__(self, interface=0):
        if interface != STA_IF:
            raise ValueError("only the station is modelled")

    def active(self, is_active=None):
        if is_active is None:
            return bool(_bus.call(96, -1))
        _bus.call(96, 1 if is_active else 0)

    def connect(self, ssid=None, key=None, **_other):
        if not self.active():
            raise OSError("Wifi Not Started" if _bus.info["profile"] == "s3" else 1)
        _bus.call(97, 0, 0, 0, ("%s\0%s" % (ssid, key or "")).encode())

    def disconnect(self):
        _bus.call(99)

    def isconnected(self):
        return _bus.call(98) == _GOT_IP

    def status(self, param=None):
        if param == "rssi":
            return -52
        return _STATUS[_bus.call(98)][_BOARD]

    def ifconfig(self, config=None):
        if self.isconnected():
            return "192.168.4.17", "255.255.255.0", "192.168.4.1", "192.168.4.1"
        return "0.0.0.0", "0.0.0.0", "0.0.0.0", "0.0.0.0"

    def config(self, *names, **values):
        if names:
            mac = b"\x02\x00\x00\x12\x34\x56"
            return {"mac": mac, "hostname": hostname_text, "reconnects": 0, "pm": 0, "txpower": 20}[names[0]]
        return None

    def scan(self):
        return []
