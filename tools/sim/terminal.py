"""One simulated terminal: the shipped firmware on real MicroPython, on modelled hardware, on one simulated clock.

    terminal = Terminal("s3", provisioning=Provisioning(...), switch_address=("127.0.0.1", port))
    terminal.power_on()
    terminal.run_until(lambda: "SALE" in ..., 3000)
    terminal.press("SALE"); terminal.run(500); terminal.screen(); terminal.close()

Construction: `profile` "s3" or "pico"; `tree` the folder with boot.py, main.py, firmware/ and drivers/ (default this
repository); `provisioning` None leaves the terminal without /config; `flash` continues on another terminal's `nor`;
`seed` decides every random number; `realtime` follows the wall clock; `heap_kb` room for objects as a 32-bit board
has in that many KB (default 512, a quarter of the smallest PSRAM); `heap_probe` measures `heap_peak` (a garbage
collection at every idle moment);
`switch_address` where every host name leads, None: only loopback addresses can be reached.
Parts: `board clock nor network` (tools.sim.board, .clock, .chips.nor, .network). Life: `power_on() power_off()
reset() cut_at_flash_op(n, torn) close()`; `powered`, `alive` (main.py runs), `crashed` (text of what ended it, or
None), `reset_cause` (PWRON HARD WDT SOFT), `starts`. Time: `run(ms)`, `run_until(predicate, timeout_ms) -> bool`.
People: `press(key)`, `key_down(key)` `key_up(key)`, `screen()` (1024 bytes as SSD1306 pages). Serial: `serial_path`,
`serial_output()`, `serial_type(text)`. Figures: `flash_ops`, `heap_peak`, `bus_calls`, `uptime_us`.
Single-threaded: the firmware's process gets on only inside run() and run_until(), and waits in between. Simulated
milliseconds. A flash power cut kills the process and leaves the terminal off.
"""

from __future__ import annotations

from pathlib import Path

from tools.sim import image
from tools.sim.board import SimBoard
from tools.sim.chips.keypad import Keypad
from tools.sim.chips.nor import Nor, Torn
from tools.sim.clock import SimClock
from tools.sim.layout import LAYOUTS
from tools.sim.network import SimNetwork
from tools.sim.processor import Processor
from tools.sim.provision import Provisioning, provision

KEY_HELD_MS = 80
KEY_APART_MS = 60  # the same key again: nobody is faster, and a screen is drawn meanwhile


class Terminal(Processor):
    """See the module's text."""

    def __init__(
        self,
        profile: str = "s3",
        *,
        tree: Path | None = None,
        provisioning: Provisioning | None = None,
        flash: Nor | None = None,
        seed: int = 1,
        realtime: bool = False,
        heap_kb: int | None = None,
        heap_probe: bool = False,
        switch_address: tuple[str, int] | None = None,
    ) -> None:
        layout = LAYOUTS[profile]
        clock = SimClock()
        nor = flash or Nor(layout.flash_size, clock, seed=seed)
        nor.clock = clock
        super().__init__(
            SimBoard(profile, clock, nor),
            nor,
            SimNetwork(clock, switch_address, realtime=realtime),
            layout,
            seed=seed,
            realtime=realtime,
            heap_kb=heap_kb or 512,
            heap_probe=heap_probe,
        )
        self._closed = False
        self.board.power_off()
        if flash is None:
            start, size = layout.partitions["vfs"]
            files = image.staged_files(tree or image.REPOSITORY, profile)
            nor.image[start : start + size] = image.volume_image(files, size, program_size=layout.program_size)
        if provisioning is not None:
            self.provision(provisioning)

    # -- power --------------------------------------------------------------------------------------------------------

    def power_on(self) -> None:
        """Plug it in; boots on the flash as it is."""
        if self._process is None:
            self.nor.power_on()
            self.board.power_on()
            self.rtc_us = self.layout.rtc_start_us - self.clock.now_us
            self._start("PWRON")

    def reset(self) -> None:
        """The reset button: RC522, display and clock chip keep their state."""
        if self._process is not None:
            self._restart("HARD")

    def cut_at_flash_op(self, n: int, torn: Torn | None = None) -> None:
        """The n-th flash program or erase from now ends in a power cut."""
        self.nor.cut_at(n, torn)

    def provision(self, records: Provisioning) -> None:
        """Write /config while the terminal is off."""
        start, size = self.layout.partitions["vfs"]
        volume = self.nor.image[start : start + size]
        provision(volume, records, program_size=self.layout.program_size)
        self.nor.image[start : start + size] = volume

    def close(self) -> None:
        """End everything; harmless to call again."""
        if not self._closed:
            self._closed = True
            self.power_off()
            self.network.close()
            self.serial.close()
            self.files.close()

    # -- people -------------------------------------------------------------------------------------------------------

    def press(self, key_name: str) -> None:
        """Hold a key for 80 ms, then leave it for 40 ms; simulated time passes."""
        self.key_down(key_name)
        self.run(KEY_HELD_MS)
        self.key_up(key_name)
        self.run(KEY_APART_MS)

    def key_down(self, key_name: str) -> None:
        """Put a finger on a key; no time passes."""
        self.board.keypad.press(Keypad.index(key_name))

    def key_up(self, key_name: str) -> None:
        """Take it off."""
        self.board.keypad.release(Keypad.index(key_name))

    def screen(self) -> bytes:
        """What the display shows."""
        return self.board.oled.glass()

    @property
    def serial_path(self) -> str:
        return self.serial.path

    def serial_output(self) -> str:
        """Recent text of the serial port."""
        self.serial.pump()
        return self.serial.output().decode("utf-8", "replace")

    def serial_type(self, text: str) -> None:
        """Type on the serial port."""
        self.serial.type(text.encode())
