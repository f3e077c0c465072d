"""A passphrase that would have to be typed where there is no terminal: told, with the option that gives it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools.device import secret_store
from tools.release import signing
from tools.sim.demo_signer import demo_signer

ROOT = Path(__file__).resolve().parents[2]
PASSPHRASE = "nine words nobody would guess"
CHEAP = 1 << 14


def run(*words: object, typed: str = "") -> tuple[int, str]:
    """A tool without a terminal: exit code, and what it told people."""
    command = [sys.executable, "-m", *map(str, words)]
    done = subprocess.run(
        command, cwd=ROOT, input=typed, capture_output=True, text=True, check=False, timeout=60, start_new_session=True
    )
    return done.returncode, " ".join(done.stderr.split())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    secret_store.new(tmp_path / "secrets.enc", PASSPHRASE, cost=CHEAP)
    signing.save(tmp_path / "config.key", demo_signer(), PASSPHRASE, CHEAP)
    return tmp_path


def test_a_script_is_told_of_the_option_in_place_of_a_warning(folder: Path) -> None:
    sealed = folder / "secrets.enc"
    for words, code, told in (
        (("tools.device", "secrets", "show", sealed), 7, "[D14]"),
        (("tools.release", "public", folder / "config.key", "--out", folder / "out.bin"), 1, "[D14]"),
        (("tools.bench_switch", "answer", "SHOP0001", "members", "1A2B3C4D", "--secrets", sealed), 1, "[B07]"),
    ):
        got, text = run(*words, typed=PASSPHRASE + "\n")
        assert got == code and told in text and "--passphrase-env" in text, text
        assert "Warning" not in text and "Traceback" not in text
        assert ("--passphrase-fd" in text) is (words[0] == "tools.device")


def test_a_value_that_no_option_gives_is_read_from_what_is_piped_in(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP", PASSPHRASE)
    words = ("tools.device", "secrets", "set", folder / "secrets.enc", "wifi.shop.psk", "--passphrase-env", "SHOP")
    code, told = run(*words)
    assert code == 9 and "[D81]" in told and "nobody types it" in told and "Warning" not in told
    code, told = run(*words, typed="a wifi word\n")
    assert code == 0 and "Warning" not in told, told
    assert secret_store.opened(folder / "secrets.enc", PASSPHRASE).value("wifi.shop.psk") == "a wifi word"
