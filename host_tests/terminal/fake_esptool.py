#!/usr/bin/env python3
"""Plays esptool up to the USB protocol: reads and writes a file of 8 MB instead of a chip, and refuses what the real
one would refuse or no technician may ask. Run as a program; BENCH names its folder (chip.bin, esptool.log, reset)."""

import argparse
import json
import os
import sys
from pathlib import Path

SECTOR = 4096
SIZE = 8 * 1024 * 1024


def pairs(words: list[str]) -> list[tuple[int, bytes]]:
    return [(int(at, 0), Path(name).read_bytes()) for at, name in zip(words[::2], words[1::2], strict=True)]


def write(chip: bytearray, pieces: list[tuple[int, bytes]], stop_after: int) -> int:
    """Sector by sector as the stub does; the cable is pulled after so many sectors. How many were written."""
    written = 0
    for at, content in pieces:
        assert at % SECTOR == 0, hex(at)
        if chip[at : at + len(content)] == content:
            print(f"File at {at:#x} is already flashed, skipping")
            continue
        for start in range(0, len(content), SECTOR):
            if written == stop_after:
                return -1
            sector = content[start : start + SECTOR].ljust(SECTOR, b"\xff")
            chip[at + start : at + start + SECTOR] = sector
            written += 1
        print(f"Writing at {at:#x} 100.0% {len(content)}/{len(content)} bytes")
    return written


def main() -> int:
    bench = Path(os.environ["BENCH"])
    parser = argparse.ArgumentParser()
    for name in ("--chip", "--port", "--baud", "--before", "--after"):
        parser.add_argument(name, required=True)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("flash-id")
    reading = verbs.add_parser("read-flash")
    reading.add_argument("words", nargs=3)
    for verb in ("write-flash", "verify-flash"):
        writing = verbs.add_parser(verb)
        for name in ("--flash-mode", "--flash-freq", "--flash-size"):
            writing.add_argument(name, choices=["keep"], required=True)
        writing.add_argument("words", nargs="+")
        if verb == "write-flash":
            writing.add_argument("--skip-flashed", action="store_true", required=True)
    options = parser.parse_args()
    assert options.chip == "esp32s3" and options.before == "default-reset", options
    if Path(options.port).resolve() != Path((bench / "rom").read_text()):
        print("A fatal error occurred: Failed to connect to ESP32-S3: No serial data received.")
        return 2
    chip = bytearray((bench / "chip.bin").read_bytes())
    assert len(chip) == SIZE
    with (bench / "esptool.log").open("a") as log:
        words = getattr(options, "words", [])
        log.write(json.dumps([options.verb, [word for word in words if word.startswith("0x")]]) + "\n")
    print("Chip type:          ESP32-S3 (QFN56) (revision v0.2)\nMAC:                f4:12:fa:4a:8b:68")
    if options.verb == "flash-id":
        print("Detected flash size: 8MB")
    elif options.verb == "read-flash":
        at, size = int(options.words[0], 0), int(options.words[1], 0)
        Path(options.words[2]).write_bytes(chip[at : at + size])
    elif options.verb == "write-flash":
        stop = int((bench / "cut").read_text()) if (bench / "cut").exists() else -1
        written = write(chip, pairs(options.words), stop)
        (bench / "chip.bin").write_bytes(chip)
        (bench / "written").write_text(str(written))
        if written < 0:
            print("A fatal error occurred: The chip stopped responding.")
            return 2
    elif any(chip[at : at + len(content)] != content for at, content in pairs(options.words)):
        print("A fatal error occurred: Verification failed (digest mismatch)")
        return 2
    if options.after == "hard-reset":
        (bench / "reset").touch()
    return 0


if __name__ == "__main__":
    sys.exit(main())
