"""Two people sign, one after the other; a terminal takes what comes of it, and nothing before."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from firmware.service import manifest
from host_tests.unit.update_kit import root_body, update
from tools.release import by_hand, development, program, signing
from tools.release.__main__ import main

ONE, TWO, THREE = development.signers()
FOUR = development.next_signers()[0]
ROOT = program.root_body(3, [key.modulus for key in (ONE, TWO, THREE)], channel="release")


def test_a_development_build_becomes_a_release_by_two_signatures() -> None:
    content = by_hand.prepared(update(), ROOT)
    root = manifest.root_of(ROOT)
    for signer, missing in ((THREE, 1), (ONE, 0)):
        with pytest.raises(manifest.UpdateRefused):
            manifest.opened(content[:2048], root)
        content, left = by_hand.signed_program(content, ROOT, signer)
        assert left == missing
    found = manifest.opened(content[:2048], root)
    assert (found.channel, found.root) == (b"release", 3)
    with pytest.raises(program.ProgramError):
        by_hand.signed_program(content, ROOT, TWO)
    with pytest.raises(program.ProgramError):
        by_hand.signed_program(by_hand.prepared(update(), ROOT), ROOT, FOUR)
    with pytest.raises(program.ProgramError):
        by_hand.signed_program(update(), ROOT, ONE)


def test_the_same_key_again_is_told_and_adds_nothing() -> None:
    content, _ = by_hand.signed_program(by_hand.prepared(update(), ROOT), ROOT, ONE)
    with pytest.raises(program.ProgramError, match="stands in it already; still missing: 1"):
        by_hand.signed_program(content, ROOT, ONE)
    body = program.root_body(2, [key.modulus for key in (FOUR, TWO, THREE)])
    content, _ = by_hand.signed_root(body, root_body(), TWO)
    with pytest.raises(program.ProgramError, match="stands in it already; still missing: 2"):
        by_hand.signed_root(content, root_body(), TWO)


def test_a_key_that_stays_signs_for_both_root_files() -> None:
    body = program.root_body(2, [key.modulus for key in (FOUR, TWO, THREE)])
    content, left = by_hand.signed_root(body, root_body(), TWO)
    assert left == 2
    content, left = by_hand.signed_root(content, root_body(), THREE)
    assert left == 0
    assert manifest.next_root(manifest.root_of(root_body()), content).version == 2


def test_the_command_line_does_it_with_keys_under_passphrases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASS", "quite long enough")
    names = []
    for place, key in enumerate((ONE, TWO, THREE)):
        names.append(str(tmp_path / f"{place}.key"))
        signing.save(Path(names[-1]), key, "quite long enough", 1 << 14)
    keys, build = str(tmp_path / "release-keys.bin"), tmp_path / "s3.vfu"
    build.write_bytes(update())

    def run(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(main, list(words))
        assert result.exit_code == code, result.output
        return result.output

    run("root", *names, "--version", "1", "--out", keys, "--passphrase-env", "PASS")
    run("prepare", str(build), "--root", keys)
    assert "signatures still missing: 1" in run(
        "sign", str(build), "--root", keys, "--key", names[2], "--passphrase-env", "PASS"
    )
    again = run("sign", str(build), "--root", keys, "--key", names[2], "--passphrase-env", "PASS", code=1)
    assert "stands in it already" in again
    assert "signed" in run("sign", str(build), "--root", keys, "--key", names[0], "--passphrase-env", "PASS")
    assert manifest.opened(build.read_bytes()[:2048], manifest.root_of(Path(keys).read_bytes())).channel == b"release"
