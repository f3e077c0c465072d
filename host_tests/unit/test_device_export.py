"""A journal leaves as CSV and JSON with a verdict, from a running terminal, a recording or a backup."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from host_tests.unit.test_device_journal import NAME, TMK, UID, Shop
from host_tests.unit.test_store_export import lines_of
from tools.device import archive as archives
from tools.device import cli
from tools.device.archive import Backup, Counts
from tools.device.errors import TerminalSilent
from tools.device.export import _cell, recorded


class Port:
    """A terminal that sends these bytes in pieces when asked for its journal, then keeps quiet."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self.written = b""

    @property
    def in_waiting(self) -> int:
        return 61 if self._raw and b"export" in self.written else 0

    def read(self, size: int = 1, /) -> bytes:
        if not self.in_waiting:
            return b""
        piece, self._raw = self._raw[:size], self._raw[size:]
        return piece

    def write(self, data: bytes, /) -> int:
        self.written += data
        return len(data)


def exported(folder: Path, *options: str) -> tuple[Result, Path, dict[str, Any]]:
    keys = folder / "keys.json"
    keys.write_text(json.dumps({"tmk": TMK.hex(), "terminal_id": NAME}))
    out = folder / "out"
    result = CliRunner().invoke(
        cli.main, ["export", "--json", "--keys", str(keys), "--to", str(out), *options], catch_exceptions=False
    )
    return result, out, json.loads(result.stdout.splitlines()[0])


@pytest.fixture
def capture(tmp_path: Path) -> Callable[[list[str]], Path]:
    def written(lines: list[str]) -> Path:
        path = tmp_path / "capture.txt"
        path.write_text("\r\n".join(lines) + "\r\n")
        return path

    return written


def test_csv_and_json_say_the_same_and_show_no_whole_card(tmp_path: Path, capture: Callable[..., Path]) -> None:
    shop = Shop()
    result, out, event = exported(tmp_path, "--capture", str(capture(lines_of(shop.reopened()))))
    assert result.exit_code == 0 and event["proven"], result.output
    document = json.loads((out / "journal.json").read_text())
    rows = list(csv.DictReader((out / "journal.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert [int(row["seq"]) for row in rows] == [each["seq"] for each in document["transactions"]]
    assert len(rows) >= 60 and {row["state"] for row in rows} >= {"pending", "settled", "approved"}
    assert "cut off at its end" in (out / "verdict.txt").read_text()
    assert (out / "journal.csv").stat().st_mode & 0o077 == 0
    for path in out.iterdir():
        assert UID.hex().upper() not in path.read_text().upper() and TMK.hex() not in path.read_text()


def test_a_missing_sale_is_named_and_the_rest_is_saved(tmp_path: Path, capture: Callable[..., Path]) -> None:
    lines = lines_of(Shop().reopened())
    del lines[40]
    result, out, event = exported(tmp_path, "--capture", str(capture(lines)))
    assert result.exit_code in (6, 8) and not event["proven"]
    verdict = (out / "verdict.txt").read_text()
    assert "[D5" in verdict and "Complete and whole" not in verdict
    assert not json.loads((out / "journal.json").read_text())["proven"]


def test_a_backup_is_read_like_an_export_and_a_place_that_could_not_be_read_proves_nothing(tmp_path: Path) -> None:
    shop = Shop()
    raw = bytes(shop.nor.image)
    for unread, code in ((0, 0), (1, 8)):
        folder = tmp_path / str(unread)
        folder.mkdir()
        made = Backup(NAME, "abcd", "s3", 1, Counts(), {"txlog": raw}, {}, {"txlog": unread})
        archives.write(folder / "b.zip", made)
        result, out, _ = exported(folder, "--backup", str(folder / "b.zip"))
        assert result.exit_code == code, result.output
        assert len(json.loads((out / "journal.json").read_text())["transactions"]) >= 60


def test_a_running_terminal_is_recorded_to_the_line_with_the_end() -> None:
    raw = "\r\n".join(["# status", *lines_of(Shop().reopened()), "# later", "{}"]).encode() + b"\r\n"
    heard = recorded(Port(raw), lambda _text: None)
    assert b" end " in heard and b"export" not in heard


def test_a_terminal_that_falls_silent_gives_no_half_export(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.device.export._SILENCE_S", 0.05)
    lines = lines_of(Shop().reopened())
    with pytest.raises(TerminalSilent):
        recorded(Port("\r\n".join(lines[:20]).encode()), lambda _text: None)


@pytest.mark.parametrize("text", ["=1+1", "+98", "-x", "@x", "\tx"])
def test_a_spreadsheet_takes_no_text_for_a_formula(text: str) -> None:
    assert _cell(text) == f"'{text}"
    assert _cell("gift") == "gift" and _cell(-500) == -500
