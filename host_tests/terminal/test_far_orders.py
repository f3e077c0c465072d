"""What comes rarely, on the whole terminal: the switch has the keys erased; safe mode installs an update that a cable
left there; the release keys change over the cable."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware import version
from host_tests.terminal.test_export_and_wipe import tool
from host_tests.terminal.test_safe_mode import SAFE, damage, file, made, put, said, state
from host_tests.terminal.update_programs import VERSION, program
from tools.bench_switch import keychange
from tools.release import development
from tools.release import program as release
from tools.sim import demo
from tools.sim.demo_signer import release_keys
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start


@pytest.fixture
def stage() -> Iterator[Stage]:
    one = Stage(Start())
    try:
        one.open()
        yield one
    finally:
        one.close()


def test_keys_the_switch_has_erased_are_gone_and_the_restart_for_it_is_no_failed_start(stage: Stage) -> None:
    terminal = stage.terminal
    stage.run(35_000)
    keychange.give_order(stage.switch.ledger, demo.TERMINAL_ID, keychange.ZEROISE)
    terminal.reset()  # told at sign-on, long before this start counts as one that went well
    failed: list[int] = []

    def erased() -> bool:
        if terminal.starts == 3:
            failed.append(state(terminal).failed)
        return "zeroised: keys and members are erased" in stage.serial()

    assert stage.run_until(erased, 60_000)
    assert terminal.starts == 3 and set(failed) == {0}, (
        "a restart that was wanted is no failed start, and is counted as none"
    )
    assert stage.run_until(lambda: any("rovision" in row for row in stage.screen_lines()), 10_000)
    start, size = terminal.layout.partitions["vault"]
    vault = bytes(terminal.nor.image[start : start + size])
    secrets = [bytes.fromhex(value) for name, value in demo.keys().items() if name in ("tmk", "mac_out", "mac_in")]
    assert [secret for secret in secrets if secret in vault] == []
    assert not file(terminal, "config/keys.json")
    for _ in range(4):
        terminal.power_off()
        terminal.power_on()
        assert stage.run_until(lambda: any("rovision" in row for row in stage.screen_lines()), 10_000)
    assert state(terminal).failed == 0
    assert "safe mode" not in stage.serial()


def test_safe_mode_installs_the_update_that_a_cable_left_there_in_the_place_of_a_broken_slot() -> None:
    terminal = made()
    try:
        damage(terminal, "slot_a.vfu")
        put(terminal, {"program.new": program(), "config/release-keys.bin": release_keys()})
        terminal.power_on()
        said(terminal, SAFE)
        before = len(terminal.serial_output())
        terminal.serial_type("update\r")
        assert terminal.run_until(lambda: "done" in terminal.serial_output()[before:], 200_000), (
            terminal.serial_output()[before:]
        )
        assert state(terminal).trial == "b"
        assert terminal.run_until(lambda: f"Vafa {VERSION} on" in terminal.serial_output()[before:], 60_000), (
            terminal.serial_output()[before:]
        )
    finally:
        terminal.close()


def test_the_next_release_keys_come_over_the_cable_and_the_ones_before_sign_nothing_any_more(
    stage: Stage, tmp_path: Path
) -> None:
    old, new = development.signers(), development.next_signers()
    body = release.root_body(2, [key.modulus for key in new], epoch=version.EPOCH)
    rightly = release.root_file(body, ((0, old[0]), (1, old[1])), ((0, new[0]), (1, new[1])))
    one_key = release.root_file(body, ((0, old[0]), (1, old[0])), ((0, new[0]), (1, new[1])))
    (tmp_path / "forged.bin").write_bytes(one_key)
    (tmp_path / "root-2.bin").write_bytes(rightly)
    (tmp_path / "next.vfu").write_bytes(program())
    port = str(stage.terminal.serial_path)
    before = file(stage.terminal, "config/release-keys.bin")
    code, _, told = tool(stage, "update", str(tmp_path / "forged.bin"), "--port", port, "--yes")
    assert code != 0 and "U27" in told
    assert file(stage.terminal, "config/release-keys.bin") == before
    for wanted in (0, 5):
        assert stage.run_until(stage._ready, 60_000), "it sells again"
        code, _, told = tool(stage, "update", str(tmp_path / "root-2.bin"), "--port", port, "--yes")
        assert code == wanted, told
        assert file(stage.terminal, "config/release-keys.bin") == rightly
    assert "U27" in told, "it is in force already"
    assert stage.run_until(stage._ready, 60_000)
    code, _, told = tool(stage, "update", str(tmp_path / "next.vfu"), "--port", port, "--yes")
    assert code == 5 and "U20" in told
