"""Every story passes on the simulated terminal, and twice the same file is twice the same result."""

import json
from pathlib import Path

import pytest

from tools.sim import scenario, scenario_stage
from tools.sim.cards import make_card
from tools.sim.scenario_runner import run_file
from tools.sim.scenario_start import Start

pytestmark = pytest.mark.timeout(600)  # long, and a busy machine takes its time

STORIES = Path(scenario.__file__).parent / "stories"
NAMES = sorted(path.stem for path in STORIES.glob("*.txt"))
# Rows of the programme (docs/programme.md): as many as there are rows, so each ends where it has shown its own.
PROGRAMME = sorted(path.stem for path in (STORIES / "programme").glob("*.txt"))
# These do not end as an ordinary day does: no keys are left, the rules are others, or paper and books differ on purpose
# (what was given up, books put back).
OTHERWISE = {"demo", "sells-normally", "keys-ordered-out", "download-config"}
OTHERWISE |= {"letters-resolved", "letters-switch", "shift-disputed", "redenomination", "toman"}
# Without a printer or a card, or in Persian, there is no receipt whose words could be compared.
OTHERWISE |= {"printer-dead", "printer-persian", "reader-dead", "display-dead-in-a-sale", "counter-language"}


def test_each_bad_input_has_its_story():
    assert {
        "demo", "wrong-keys", "absurd-amounts", "unknown-card", "two-cards", "card-pulled", "switch-refuses",
        "switch-garbage", "switch-late", "switch-closes", "wrong-certificate", "switch-replays", "printer-out",
        "printer-persian",
        "cards-legacy", "cards-sun", "cards-group", "cards-relay", "cards-unsupported", "cards-slow-and-noisy",
        "copied-card", "allowance-offline", "letters-resolved", "letters-hold-debits", "keys-changed",
        "blocked-terminal",
    } <= set(NAMES)  # fmt: skip
    for name in NAMES:
        text = (STORIES / f"{name}.txt").read_text()
        assert ("include sells-normally.txt" in text) == (name not in OTHERWISE), name


@pytest.mark.parametrize("name", NAMES)
def test_story(name):
    report = run_file(STORIES / f"{name}.txt")
    assert report["failures"] == []
    assert report["passed"]
    assert report["journal"] == {"pending": 0, "dead": 0}


@pytest.mark.parametrize("name", PROGRAMME)
def test_story_of_the_programme(name):
    report = run_file(STORIES / "programme" / f"{name}.txt")
    assert report["failures"] == []
    assert report["passed"]
    assert report["journal"] == {"pending": 0, "dead": 0}


@pytest.fixture
def shop():
    """A stage at its idle screen."""
    stage = scenario_stage.Stage(Start())
    try:
        stage.open()
        yield stage
    finally:
        stage.close()


def spend(stage, card, expected):
    """REDEEM with this card, until the screen says what is expected; then back to the idle screen."""
    field = stage.terminal.board.field
    stage.press("REDEEM")
    field.lay(card)

    def said():
        return stage.drawn() and expected in " ".join(stage.screen_lines())

    assert stage.run_until(said, 5000), stage.screen_lines()
    lines = stage.screen_lines()
    field.remove(card)
    stage.press("CANCEL")
    assert stage.run_until(lambda: "READY" in stage.screen_lines(), 2000)
    return lines


def test_what_an_aes_card_said_before_is_no_proof_when_a_copy_shows_it(shop):
    true_card = shop.cards["aes-card"]
    file = true_card.app.application_files[2]
    file.sdm.counter += 1  # somebody's phone reads it once, and keeps what it said
    overheard = file.sdm.dynamic(
        bytes(file.memory), true_card.uid, [key.value for key in true_card.app.application_keys], bytes
    )
    spend(shop, true_card, "HOW MANY POINTS")

    copy = make_card("ntag424", true_card.uid)
    copy.app.application_files[2].memory[:] = overheard
    lines = spend(shop, copy, "H59")
    assert "Renew this card" in lines
    assert "Points are safe." in lines

    spend(shop, true_card, "HOW MANY POINTS")
    assert shop.ledger()["maryam"] == 800


def test_the_same_story_twice_gives_the_same_record():
    one, other = (json.dumps(run_file(STORIES / "switch-silent.txt"), sort_keys=True) for _ in range(2))
    assert one == other


def test_a_wrong_expectation_fails_with_file_line_and_screen(tmp_path):
    story = tmp_path / "wrong.txt"
    story.write_text('keys 5000 OK\nexpect screen "EARNED" within 300\n')
    report = run_file(story)
    assert report["passed"] is False
    assert report["failures"][0].startswith(f'{story}:2: expected screen "EARNED" within 300 ms')
    assert "TAP CARD" in report["failures"][0]


def test_a_picture_shows_a_screen_that_is_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(scenario_stage, "SCREENSHOTS", tmp_path)
    story = tmp_path / "sale.txt"
    story.write_text("keys 5000 OK\ntap gold-card\n")

    def watch(step, stage):
        if step.usage.startswith("tap"):
            changed = []
            while stage.run_until(lambda: not stage.drawn(), 2000) and len(changed) < 20:  # in the middle of a redraw
                before = stage.screen()
                stage.screenshot("sale.png")
                changed.append(stage.screen() != before)
                assert stage.drawn(30)
            assert any(changed)

    assert run_file(story, watch)["passed"]
    assert (tmp_path / "sale.png").read_bytes().startswith(b"\x89PNG")


def test_an_expected_screen_is_never_half_the_one_before(tmp_path):
    story = tmp_path / "sale.txt"
    story.write_text('keys 5000 OK\nexpect screen "TAP CARD"\ntap gold-card\nexpect screen "EARNED"\n')
    seen = []

    def watch(step, stage):
        if step.usage.startswith("expect"):
            seen.append(stage.screen_lines())
            stage.run(200)
            assert stage.screen_lines() == seen[-1]

    assert run_file(story, watch)["passed"]
    assert len(seen) == 2
