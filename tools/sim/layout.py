"""Where things lie on the flash of each board, and what its processor's clock says at power-on. Bytes, microseconds."""

from __future__ import annotations

from dataclasses import dataclass

_KB = 1024


@dataclass(frozen=True)
class Layout:
    """`partitions`: name -> (start, size). `rtc_start_us`: the processor's clock at power-on, counted from 1970."""

    flash_size: int
    program_size: int
    page_only: bool
    partitions: dict[str, tuple[int, int]]
    rtc_start_us: int


LAYOUTS = {
    "s3": Layout(
        flash_size=4096 * _KB,
        program_size=32,
        page_only=False,
        partitions={
            "vfs": (0, 1024 * _KB),
            "txlog": (1024 * _KB, 1024 * _KB),
            "members": (2048 * _KB, 640 * _KB),
            "vault": (2688 * _KB, 24 * _KB),
        },
        rtc_start_us=946_684_800_000_000,  # 2000-01-01
    ),
    "pico": Layout(
        flash_size=848 * _KB,
        program_size=256,
        page_only=True,
        partitions={
            "vfs": (0, 440 * _KB),
            "vault": (440 * _KB, 24 * _KB),
            "txlog": (464 * _KB, 128 * _KB),
            "members": (592 * _KB, 256 * _KB),
        },
        rtc_start_us=1_609_459_200_000_000,  # 2021-01-01
    ),
}
