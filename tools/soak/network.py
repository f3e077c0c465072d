"""The line between a terminal and the switch: the firmware's own framing over streams of bytes in memory.

A message is one frame; its fate comes from the weather. What a terminal sent before it hung up or lost its power still
arrives. Durations in milliseconds.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Protocol

from firmware.switch.link import Connection, ConnectionRefused, Link, LinkClosed, WifiDown
from tools.bench_switch.desk import Reaction
from tools.soak import weather
from tools.soak.evidence import Evidence
from tools.soak.switch import Answer, Switch
from tools.soak.weather import Fate, Weather

_JOIN_MS = 3_000
_GARBLED = 6


class Site(Protocol):
    """The terminal a line belongs to, as far as the line cares."""

    name: str
    powered: bool
    weather: Weather
    tpdu: bytes


class Network:
    """Carries bytes between sites and the switch; `reached` hears of each whole authentic answer that arrives."""

    def __init__(
        self,
        switch: Switch,
        chance: random.Random,
        evidence: Evidence,
        say: Callable[[str, str], None],
        reached: Callable[[str, Answer], None],
    ) -> None:
        self.switch = switch
        self.chance = chance
        self.evidence = evidence
        self.say = say
        self.reached = reached
        self.lines: list[Line] = []

    def fail(self, site: Site | None = None) -> None:
        """Every line ends, or every line of this site."""
        for line in list(self.lines):
            if site is None or line.site is site:
                line.hang_up()


class Line:
    """One connection, seen from both ends; also the writer's end that `Connection` drives."""

    def __init__(self, network: Network, site: Site) -> None:
        self.site = site
        self.open = True
        self._network = network
        self.reader = asyncio.StreamReader()
        network.lines.append(self)

    # --- what the firmware's Connection calls -------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """One frame leaves the terminal."""
        if not self.site.powered:
            return
        if not self.open or not self.site.weather.wifi:
            raise OSError(104)
        fate = self.site.weather.fate(_is_value(data, self.site.tpdu))
        if fate.kind in (weather.REQUEST_LOST, weather.REQUEST_BROKEN):
            self._count(fate)
            if fate.kind == weather.REQUEST_BROKEN:
                self.hang_up()
            return
        self._later(fate.there_ms, self._arrive, bytes(data), fate)
        if fate.kind == weather.REQUEST_LATE:
            self._count(fate)
        elif fate.kind == weather.REQUEST_TWICE:
            self._count(fate)
            self._later(fate.there_ms + self._network.chance.randint(0, 3_000), self._arrive, bytes(data), fate)

    async def drain(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """The terminal hangs up."""
        self.hang_up()

    async def wait_closed(self) -> None:
        """It is."""

    # --- inside -------------------------------------------------------------------------------------------------------

    def hang_up(self) -> None:
        """The connection ends for both."""
        if self.open:
            self.open = False
            self._network.lines.remove(self)
            self.reader.feed_eof()

    def _later(self, ms: int, what: Callable[..., None], *arguments: object) -> None:
        asyncio.get_running_loop().call_later(ms / 1000, what, *arguments)

    def _count(self, fate: Fate) -> None:
        self._network.evidence.counts[f"fault: {fate.kind}"] += 1
        self._network.say(self.site.name, f"message {fate.kind}")

    def _arrive(self, data: bytes, fate: Fate) -> None:
        """A request at the switch."""
        network = self._network
        if not network.switch.up:
            return
        raw = data[2:]
        if fate.kind == weather.REQUEST_GARBLED:
            self._count(fate)
            raw = self._garbled(raw)
        reaction, answer = network.switch.handle(self.site.name, raw, fate)
        back_ms = fate.back_ms + reaction.delay_ms
        if not reaction.data or fate.kind == weather.ANSWER_LOST:
            if fate.kind == weather.ANSWER_LOST:
                self._count(fate)
            if reaction.close:
                self._later(back_ms, self.hang_up)
            return
        self._answer(reaction, answer, fate, back_ms)

    def _answer(self, reaction: Reaction, answer: Answer | None, fate: Fate, back_ms: int) -> None:
        data, kind, chance = reaction.data, fate.kind, self._network.chance
        if kind in (weather.ANSWER_LATE, weather.ANSWER_OVERTAKEN):
            self._count(fate)
        elif kind == weather.ANSWER_TWICE:
            self._count(fate)
            self._later(back_ms + chance.randint(0, 8_000), self._deliver, data, None)
        elif kind == weather.ANSWER_GARBLED:
            self._count(fate)
            data, answer = data[:2] + self._garbled(data[2:]), None
        elif kind == weather.ANSWER_CLOSED:
            self._count(fate)
            data, answer = data[: chance.randrange(len(data))], None
            self._later(back_ms, self._deliver, data, None)
            self._later(back_ms, self.hang_up)
            return
        if kind == weather.WRONG_MAC:
            answer = None
        self._later(back_ms, self._deliver, data, answer)

    def _deliver(self, data: bytes, answer: Answer | None) -> None:
        """Bytes at the terminal."""
        if not self.open or not self.site.powered:
            return
        if not self.site.weather.wifi:
            self.hang_up()
            return
        if answer is not None:
            self._network.reached(self.site.name, answer)
        self.reader.feed_data(data)

    def _garbled(self, message: bytes) -> bytes:
        chance, spoilt = self._network.chance, bytearray(message)
        for at in chance.sample(range(len(spoilt)), min(_GARBLED, len(spoilt))):
            spoilt[at] ^= chance.randint(1, 255)
        return bytes(spoilt)


def _is_value(frame: bytes, tpdu: bytes) -> bool:
    """Whether the message type is 02xx or 04xx, spelt in digits or packed."""
    return frame[2 + len(tpdu) :][:1] in (b"\x02", b"\x04") if tpdu else frame[2:4] in (b"02", b"04")


class Radio(Link):
    """The link of one terminal: Wi-Fi, address and handshake take time and may fail; the framing is the firmware's."""

    def __init__(self, network: Network, site: Site) -> None:
        super().__init__([("switch", 8583)], "switch", b"", "shop", "", tpdu=site.tpdu)  # no socket is ever made
        self._network = network
        self._site = site

    def up(self) -> bool:
        """Whether the Wi-Fi is there."""
        return self._site.weather.wifi

    async def connect(self) -> Connection:
        """A new line, or the LinkError of the step that failed."""
        network, site = self._network, self._site
        if not site.weather.wifi:
            await asyncio.sleep(_JOIN_MS / 1000)
            raise WifiDown("no access point")
        await asyncio.sleep(network.chance.randint(100, 900) / 1000)
        if not network.switch.up:
            raise ConnectionRefused("nobody listens")
        if not site.weather.wifi:
            raise LinkClosed("Wi-Fi went")
        line = Line(network, site)
        return Connection(line.reader, line, site.tpdu)  # type: ignore[arg-type]
