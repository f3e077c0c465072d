"""The demo's files for an unprovisioned terminal: what holds keys is its owner's alone."""

from __future__ import annotations

import stat
from pathlib import Path

from click.testing import CliRunner

from tools.sim import provision


def test_keys_lie_open_to_nobody_also_where_they_did_before(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("x" * 10_000)
    (tmp_path / "keys.json").chmod(0o644)
    done = CliRunner().invoke(provision.main, [str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    assert "xxx" not in (tmp_path / "keys.json").read_text() and (tmp_path / "release-keys.bin").exists()
