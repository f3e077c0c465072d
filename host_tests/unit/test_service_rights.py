"""A console right: an answer only the switch can give, one use, counted tries that no plug gives back."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from firmware.core.cmac import Cmac
from firmware.core.errors import StoreError
from firmware.service import rights as device
from firmware.service.rights import AnswersPaused, AnswerWrong, RightMissing, Rights, answer_to
from firmware.store.tries import TryCounter
from tools.bench_switch import answers
from tools.bench_switch.cli import main
from tools.sim.chips.nor import Nor, NorPartition, PowerCut, Torn

TMK = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
PAGE = (Path(__file__).parents[2] / "docs" / "provisioning.md").read_text()


class Flash:
    """Two sectors of tries that live through the starts, and a clock that does not."""

    def __init__(self) -> None:
        self.nor = Nor(2 * 4096)
        self.nonces = iter(range(0x1A2B3C4D, 0x1A2B3C4D + 999))
        self.now_s = 0

    def start(self) -> Rights:
        self.now_s = 0
        tries = TryCounter(NorPartition(self.nor, 0, 2))
        tries.open()
        return Rights(Cmac(TMK), tries, lambda: self.now_s, lambda: next(self.nonces))

    def failures(self) -> int:
        tries = TryCounter(NorPartition(self.nor, 0, 2))
        tries.open()
        return tries.failures()


def wrong(digits: str) -> str:
    return f"{(int(digits) + 1) % 10**8:08d}"


def fail(rights: Rights, right: str = "zeroise") -> None:
    digits = wrong(answers.digits_for(TMK, rights.ask(right), right))
    with pytest.raises(AnswerWrong):
        rights.answer(digits)


def test_the_page_the_terminal_and_the_switch_agree_on_every_digit() -> None:
    rows = [line.split("|")[1:4] for line in PAGE.splitlines() if line.startswith("| `1A2B3C4D`")]
    assert len(rows) == 4
    for nonce, right, digits in ([cell.strip().strip("`") for cell in row] for row in rows):
        assert answer_to(Cmac(TMK), int(nonce, 16), right) == digits.encode()
        assert answers.digits_for(TMK, nonce, right) == digits
    for nonce in range(0, 1 << 32, 0x03C4D5E7):
        for right in device.RIGHTS:
            assert answer_to(Cmac(TMK), nonce, right).decode() == answers.digits_for(TMK, f"{nonce:08x}", right)
    assert set(answers.RIGHTS) == set(device.RIGHTS)


def test_the_command_of_the_switch_answers_and_never_shows_a_key(tmp_path: Path) -> None:
    keys = tmp_path / "SHOP0001.keys.json"
    keys.write_text(json.dumps({"tmk": TMK.hex(), "kid": 1}))

    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(main, ["answer", *arguments])
        assert TMK.hex() not in done.output
        return done.exit_code, done.output

    assert run("SHOP0001", "members", "1A2B3C4D", "--keys", str(keys)) == (
        0,
        "terminal SHOP0001, right members: answer 06342703\n",
    )
    for bad in (
        ("SHOP0001", "all", "1A2B3C4D"),
        ("SHOP0001", "members", "1A2B3C4"),
        ("SHOP0001", "members", "1A2B3C4G"),
    ):
        assert run(*bad, "--keys", str(keys))[0] == 2
    keys.write_text(json.dumps({"tmk": TMK.hex()[:-2]}))
    code, said = run("SHOP0001", "members", "1A2B3C4D", "--keys", str(keys))
    assert code == 1 and str(keys) in said.replace("\n", "")


def test_a_right_answer_opens_its_right_once_and_no_other() -> None:
    flash = Flash()
    rights = flash.start()
    with pytest.raises(RightMissing):
        rights.need("members")
    digits = answers.digits_for(TMK, rights.ask("members"), "members")
    assert rights.answer(digits) == "members"
    rights.need("members")
    with pytest.raises(RightMissing):
        rights.need("zeroise")
    with pytest.raises(RightMissing):
        rights.answer(digits)
    rights.use_up()
    with pytest.raises(RightMissing):
        rights.need("members")
    assert flash.failures() == 0


def test_an_answer_for_another_right_nonce_or_terminal_is_wrong() -> None:
    for made in (
        lambda nonce: answers.digits_for(TMK, nonce, "members"),
        lambda nonce: answers.digits_for(TMK, f"{int(nonce, 16) + 1:08X}", "zeroise"),
        lambda nonce: answers.digits_for(bytes(16), nonce, "zeroise"),
    ):
        rights = Flash().start()
        with pytest.raises(AnswerWrong):
            rights.answer(made(rights.ask("zeroise")))
        with pytest.raises(RightMissing):
            rights.need("zeroise")


def test_nonce_and_right_end_after_fifteen_minutes_of_uptime() -> None:
    flash = Flash()
    rights = flash.start()
    digits = answers.digits_for(TMK, rights.ask("zeroise"), "zeroise")
    flash.now_s = 900
    with pytest.raises(RightMissing):
        rights.answer(digits)
    assert flash.failures() == 0, "what is too late is not checked and costs no try"
    digits = answers.digits_for(TMK, rights.ask("zeroise"), "zeroise")
    flash.now_s = 1799
    rights.answer(digits)
    flash.now_s = 1799 + 899
    rights.need("zeroise")
    flash.now_s = 1799 + 900
    with pytest.raises(RightMissing):
        rights.need("zeroise")


def test_a_mistyped_answer_may_be_typed_again_and_a_right_one_forgives_it() -> None:
    flash = Flash()
    rights = flash.start()
    digits = answers.digits_for(TMK, rights.ask("members"), "members")
    for _ in range(2):
        with pytest.raises(AnswerWrong):
            rights.answer(wrong(digits))
    assert flash.failures() == 2
    assert rights.answer(digits) == "members"
    assert flash.failures() == 0


def test_after_three_wrong_answers_each_wait_is_longer_and_begins_again_with_a_start() -> None:
    flash = Flash()
    rights = flash.start()
    for _ in range(3):
        fail(rights)
    for wait_s in (30, 120, 900, 1800, 1800):
        since_s = flash.now_s
        for early_s in (0, wait_s - 1):
            flash.now_s = since_s + early_s
            with pytest.raises(AnswersPaused):
                rights.ask("zeroise")
            with pytest.raises(AnswersPaused):
                rights.answer("00000000")
        rights = flash.start()  # the plug
        flash.now_s = wait_s - 1
        with pytest.raises(AnswersPaused):
            rights.ask("zeroise")
        flash.now_s = wait_s
        fail(rights)
    flash.now_s += 1800
    rights.answer(answers.digits_for(TMK, rights.ask("zeroise"), "zeroise"))
    rights.ask("zeroise")
    assert flash.failures() == 0


def test_each_try_is_counted_on_the_flash_before_it_is_checked_and_a_plug_gives_none_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for torn in Torn:
        flash, checked = Flash(), []
        monkeypatch.setattr(device, "answer_to", lambda *_what: checked.append(flash.failures()) or b"never fit")  # noqa: B023
        rights = flash.start()
        with pytest.raises(AnswerWrong):
            rights.answer("12345678" if rights.ask("zeroise") else "")
        assert checked == [1], "counted on the flash when it is checked"
        rights.ask("zeroise")
        flash.nor.cut_at(1, torn)
        with pytest.raises(PowerCut):
            rights.answer("12345678")
        assert checked == [1], "nothing is compared before the count is down"
        image, flash.nor = flash.nor.image, Nor(2 * 4096)
        flash.nor.image[:] = image
        assert flash.failures() in ((2,) if torn is Torn.DONE else (1, 2))


def test_a_counter_that_cannot_be_written_means_no_check() -> None:
    flash = Flash()
    rights = flash.start()
    digits = answers.digits_for(TMK, rights.ask("zeroise"), "zeroise")
    rights._tries.begin = lambda: (_ for _ in ()).throw(StoreError("flash takes no counter"))  # type: ignore[method-assign]
    with pytest.raises(StoreError):
        rights.answer(digits)
    with pytest.raises(RightMissing):
        rights.need("zeroise")
