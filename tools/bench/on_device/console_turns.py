"""How long one turn of the console keeps the interpreter, in turns of an empty loop: run with the folder of .mpy files
and the requests on standard input.

A program asks what tools ask of a till that sells; its code is loaded anew each time, from a file system of the PC,
whose own time is small. Each turn counts with its shortest time of several runs: what else the PC does is not the
console's. Prints one JSON object. Imports nothing of ours before it knows the folder.
"""

import gc
import json
import sys
import time

ROUNDS = 7
LOOP = 20_000
TURNS = 40


def loop_us() -> float:
    """One turn of an empty loop."""
    best = 1 << 30
    for _ in range(ROUNDS):
        begun = time.ticks_us()
        for _ in range(LOOP):
            pass
        best = min(best, time.ticks_diff(time.ticks_us(), begun))
    return best / LOOP


class Port:
    """A serial port with a request in it."""

    def __init__(self, line: bytes) -> None:
        self.line = line
        self.at = 0
        self.said = ""

    def read(self, count: int) -> bytes:
        self.at += 1
        return self.line[self.at - 1 : self.at]

    def write(self, text: str) -> None:
        self.said += text

    def readable(self) -> bool:
        return self.at < len(self.line)


class Rooms:
    """What the methods look at; how long the stores take is modelled time and stands in another row."""

    def __init__(self) -> None:
        from firmware.core.log import Log

        self.board = self.journal = self.clock = self.counter = self
        self.name, self.quality, self.floor_utc, self.dead = "s3", 2, 0, 0
        self.start_number = 7
        self.log = Log(64)
        for number in range(64):
            self.log.event("a line of the log of ordinary length, number {}".format(number))

    def serial_number(self) -> str:
        return "f412fa4a8b68"

    def heap_blocks(self) -> "list[tuple[int, int, int, int]]":
        return [(7440, 16, 0, 0), (226_784, 142_000, 110_592, 120_000)]

    def uptime_s(self) -> int:
        return 17

    def status(self) -> "list[str]":
        return ["a line of status of ordinary length, number {}".format(number) for number in range(16)]

    def loading(self) -> int:
        return 0

    def pending_count(self) -> int:
        return 12

    dead_count = oldest_pending_utc = pending_count

    def unanswered(self) -> "list[object]":
        return []

    def now_utc(self) -> int:
        return 1_800_000_000

    def now_local(self) -> "tuple[int, int, int, int, int, int]":
        return 2027, 1, 15, 8, 0, 0


def turns_us(line: bytes, answers: "list[str]") -> "list[int]":
    """Each turn from the first byte to the last of the answer."""
    from firmware.core.visiting import let_go
    from firmware.service.console import Console

    let_go()
    gc.collect()
    port = Port(line)
    console = Console(port, port, port.readable, list, bool, bool)
    console.attach_rooms(Rooms())
    found = []
    for _ in range(TURNS):
        begun = time.ticks_us()
        console.turn()
        found.append(time.ticks_diff(time.ticks_us(), begun))
    answers.append(port.said)
    return found


def main() -> None:
    """All of them, each with its code loaded anew."""
    place, lines = sys.argv[1], json.loads(sys.stdin.read())
    sys.path[:] = [place, ".frozen"]
    from firmware.core.visiting import only_visit
    from firmware.starting import _RARE

    only_visit(_RARE)
    unit, found, bad = loop_us(), {}, []
    for line in lines:
        best = [1 << 30] * TURNS
        for _ in range(ROUNDS):
            answers: "list[str]" = []
            for turn, took_us in enumerate(turns_us(line.encode(), answers)):
                best[turn] = min(best[turn], took_us)
            if '"result"' not in answers[0]:
                bad.append(answers[0])
        name = json.loads(line[: line.rfind("}") + 1])["method"]
        found[name] = max(best) / unit
    print(json.dumps({"loops": found, "bad": bad}))


main()
