"""Writes the records of provisioning into a terminal's files: what docs/provisioning.md has a person copy there.

Nothing of it stands in the firmware. Secrets are hex in keys.json; the CA is DER because the terminal's TLS takes
nothing else.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import click

from tools.sim import image


@dataclass(frozen=True)
class Provisioning:
    """`settings` and `keys` become /config/settings.json and /config/keys.json, `ca_der` /config/ca.der; `signers`,
    when there are any, /config/config-keys.bin, `release` /config/release-keys.bin."""

    settings: dict[str, object]
    keys: dict[str, object] = field(repr=False)
    ca_der: bytes = field(repr=False)
    signers: bytes = field(default=b"", repr=False)
    release: bytes = field(default=b"", repr=False)

    def files(self) -> dict[str, bytes]:
        """Path without leading slash -> content."""
        files = {
            "config/settings.json": json.dumps(self.settings, sort_keys=True).encode(),
            "config/keys.json": json.dumps(self.keys, sort_keys=True).encode(),
            "config/ca.der": self.ca_der,
        }
        others = {"config/config-keys.bin": self.signers, "config/release-keys.bin": self.release}
        return files | {name: content for name, content in others.items() if content}


def provision(volume: bytearray, records: Provisioning, *, program_size: int = 32) -> None:
    """Put the records into a LittleFS volume in place."""
    image.write_files(volume, records.files(), program_size=program_size)


def _write_private(path: Path, content: bytes) -> None:
    """Readable by its owner alone, also where it lay open before: keys.json holds secrets."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.truncate()
        file.write(content)


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def main(folder: Path) -> None:
    """Write the demo terminal's files into FOLDER, to be copied to an unprovisioned simulated terminal."""
    from tools.bench_switch.pki import DEFAULT_FOLDER, ensure
    from tools.sim import demo
    from tools.sim.demo_signer import demo_signer, release_keys
    from tools.sim.scenario_stage import SWITCH_PORT

    records = Provisioning(
        demo.settings(demo.SWITCH_NAME, SWITCH_PORT),
        demo.keys(),
        ensure(DEFAULT_FOLDER).ca_der.read_bytes(),
        demo_signer().modulus,
        release_keys(),
    )
    folder.mkdir(parents=True, exist_ok=True)
    for path, content in records.files().items():
        _write_private(folder / Path(path).name, content)
    click.echo(f"{folder}: " + " ".join(sorted(path.name for path in folder.iterdir())))


if __name__ == "__main__":
    main()
