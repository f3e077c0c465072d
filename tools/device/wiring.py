"""`python -m tools.device.wiring`: writes the tables and diagrams of docs/wiring.md from the firmware's own pins.

The page's prose is kept; what stands between its markers is made here, and a test compares.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tools.sim import onhost
from tools.sim.chips.keypad import COLUMNS, KEY_NAMES

if TYPE_CHECKING:
    from firmware.board import PinMap

PAGE = Path(__file__).resolve().parents[2] / "docs" / "wiring.md"
BOARDS = ("s3", "pico")
# Of the 40 pins of a Pico W's edge, by GPIO number (Raspberry Pi Pico W data sheet, figure 2).
PICO_PINS = {
    **dict(zip(range(6), (1, 2, 4, 5, 6, 7), strict=True)),
    **dict(zip(range(6, 16), (9, 10, 11, 12, 14, 15, 16, 17, 19, 20), strict=True)),
    **dict(zip(range(16, 23), (21, 22, 24, 25, 26, 27, 29), strict=True)),
    **dict(zip(range(26, 29), (31, 32, 34), strict=True)),
}
_WIDTH = 17


def pins(board: str) -> PinMap:
    """What the firmware uses on this board."""
    onhost.install()
    from firmware.board import _pico_pins, _s3_pins

    return _s3_pins() if board == "s3" else _pico_pins()


def wires(board: str) -> list[tuple[str, str, int | None, str]]:
    """Part, its contact, GPIO number (None: supply), what for."""
    used = pins(board)
    _, sck, mosi, miso = used.spi
    cs, rst, irq = used.reader
    _, scl, sda = used.i2c
    _, tx, rx = used.uart
    found: list[tuple[str, str, int | None, str]] = [
        ("RC522", "SDA (SS)", cs, "chip select"),
        ("RC522", "SCK", sck, "SPI clock, 10 MHz"),
        ("RC522", "MOSI", mosi, "SPI to the reader"),
        ("RC522", "MISO", miso, "SPI from the reader"),
        ("RC522", "IRQ", irq, "interrupt; without it the reader works, slower (R04)"),
        ("RC522", "RST", rst, "reset"),
        ("RC522", "3.3V", None, "3.3 V, never 5 V"),
        ("RC522", "GND", None, "ground"),
        ("SSD1306 and DS3231", "SCL", scl, "I2C clock, 400 kHz, both on the same two wires"),
        ("SSD1306 and DS3231", "SDA", sda, "I2C data"),
        ("SSD1306 and DS3231", "VCC", None, "3.3 V"),
        ("SSD1306 and DS3231", "GND", None, "ground"),
    ]
    found += [("Keypad", f"row {n}", pin, _row(n - 1)) for n, pin in enumerate(used.rows, 1)]
    found += [("Keypad", f"column {n}", pin, _column(n - 1)) for n, pin in enumerate(used.columns, 1)]
    green, red = used.lamps
    found += [
        ("Buzzer", "+", used.buzzer, "passive, 2 kHz; its other wire to ground"),
        ("Lamp green", "anode", green, "through 330 ohm; cathode to ground"),
        ("Lamp red", "anode", red, "through 330 ohm; cathode to ground"),
        ("Printer", "RXD", tx, "what the terminal sends; 3.3 V levels, else a MAX3232 between"),
        ("Printer", "TXD", rx, "what the printer says"),
        ("Printer", "GND", None, "ground, and a supply of its own"),
    ]
    return found


def _row(row: int) -> str:
    return "keys " + " ".join(KEY_NAMES[row * COLUMNS : (row + 1) * COLUMNS])


def _column(column: int) -> str:
    return "keys " + " ".join(KEY_NAMES[column::COLUMNS])


def place(board: str, pin: int | None, contact: str) -> str:
    """As it is printed on the board, with the number of its contact on a Pico W."""
    if pin is None:
        ground = contact == "GND"
        if board == "s3":
            return "GND" if ground else "3V3"
        return "GND (38)" if ground else "3V3 (36)"
    return f"GPIO{pin}" if board == "s3" else f"GP{pin} ({PICO_PINS[pin]})"


def section(board: str) -> str:
    """Table and diagram of a board."""
    found = wires(board)
    lines = ["| part | contact | board | what for |", "| --- | --- | --- | --- |"]
    lines += [f"| {part} | {contact} | {place(board, pin, contact)} | {use} |" for part, contact, pin, use in found]
    lines += ["", "```", *_diagram(board, found), "```"]
    return "\n".join(lines)


def _diagram(board: str, found: list[tuple[str, str, int | None, str]]) -> list[str]:
    """The board on the left, each part a box on the right."""
    edge = " " * _WIDTH + "|"
    lines = ["ESP32-S3".center(_WIDTH) + "|" if board == "s3" else "Pico W".center(_WIDTH) + "|", edge]
    for part in dict.fromkeys(row[0] for row in found):
        mine = [row for row in found if row[0] == part]
        box = max(len(part), *(len(row[1]) for row in mine)) + 2
        lines.append(f"{edge}          +-{'-' * box}+")
        lines.append(f"{edge}          | {part.ljust(box)}|")
        for _, contact, pin, _ in mine:
            lines.append(f"{place(board, pin, contact).rjust(_WIDTH - 1)} o----------o {contact.ljust(box)}|")
        lines.append(f"{edge}          +-{'-' * box}+")
    return lines


def filled(text: str) -> str:
    """The page with its sections made anew."""
    for board in BOARDS:
        begin, end = f"<!-- {board} -->\n", f"<!-- end of {board} -->"
        head, _, rest = text.partition(begin)
        _, _, tail = rest.partition(end)
        text = f"{head}{begin}{section(board)}\n{end}{tail}"
    return text


def main() -> None:
    """Write the page."""
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
