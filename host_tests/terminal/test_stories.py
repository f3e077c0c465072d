"""Every story passes on the simulated terminal, and twice the same file is twice the same result."""

import json
from pathlib import Path

import pytest

from tools.sim import scenario, scenario_stage
from tools.sim.scenario_runner import run_file

STORIES = Path(scenario.__file__).parent / "stories"
NAMES = sorted(path.stem for path in STORIES.glob("*.txt"))


def test_each_bad_input_has_its_story():
    assert {
        "demo", "wrong-keys", "absurd-amounts", "unknown-card", "two-cards", "card-pulled", "switch-refuses",
        "switch-garbage", "switch-late", "switch-closes", "wrong-certificate", "switch-replays", "printer-out",
    } <= set(NAMES)  # fmt: skip
    for name in NAMES:
        text = (STORIES / f"{name}.txt").read_text()
        assert "include sells-normally.txt" in text or name in ("demo", "sells-normally"), name


@pytest.mark.parametrize("name", NAMES)
def test_story(name):
    report = run_file(STORIES / f"{name}.txt")
    assert report["failures"] == []
    assert report["passed"]
    assert report["journal"] == {"pending": 0, "dead": 0}


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
    story = tmp_path / "pictures.txt"
    story.write_text(
        'keys 5000 OK\ntap gold-card\nexpect screen "EARNED"\nscreenshot at-once.png\nwait 200\nscreenshot later.png\n'
    )
    assert run_file(story)["passed"]
    assert (tmp_path / "at-once.png").read_bytes() == (tmp_path / "later.png").read_bytes()
