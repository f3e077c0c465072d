"""Writes the records of provisioning into a terminal's files: what docs/provisioning.md has a person copy there.

Nothing of it stands in the firmware. Secrets are hex in keys.json; the CA is DER because the terminal's TLS takes
nothing else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from tools.sim import image


@dataclass(frozen=True)
class Provisioning:
    """`settings` and `keys` become /config/settings.json and /config/keys.json, `ca_der` /config/ca.der."""

    settings: dict[str, object]
    keys: dict[str, object] = field(repr=False)
    ca_der: bytes = field(repr=False)

    def files(self) -> dict[str, bytes]:
        """Path without leading slash -> content."""
        return {
            "config/settings.json": json.dumps(self.settings, sort_keys=True).encode(),
            "config/keys.json": json.dumps(self.keys, sort_keys=True).encode(),
            "config/ca.der": self.ca_der,
        }


def provision(volume: bytearray, records: Provisioning, *, program_size: int = 32) -> None:
    """Put the records into a LittleFS volume in place."""
    image.write_files(volume, records.files(), program_size=program_size)
