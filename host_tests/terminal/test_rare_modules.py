"""What is wanted rarely is not in the heap of a terminal that waits, and is gone again when it was wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.starting import _RARE
from host_tests.terminal import runtime_kit
from tools.bench.loaded import left_out, loaded
from tools.sim import scenario
from tools.sim.scenario_runner import run_file
from tools.sim.scenario_stage import Stage

STORIES = Path(scenario.__file__).parent / "stories"
RARE = set(_RARE.split())
# Loaded for good, where settings or board want them; or instead of selling.
INSTEAD = {
    "firmware.cards.aes_card", "firmware.cards.aes_proof", "firmware.cards.ev2", "firmware.service.refused",
    "firmware.store.bucket_sector", "firmware.store.buckets", "firmware.store.index", "firmware.store.member_index",
    "firmware.store.members", "firmware.store.summary", "firmware.service.safe", "firmware.screen.safe",
    "firmware.service.over_usb", "firmware.text.spoken",
}  # fmt: skip
TELLS = """
    from firmware.core.visiting import Visit
    status = terminal.status

    def told():
        gc.collect()
        here = [name for name in Visit.rare if name in sys.modules]
        return ["heap {} rare {}.".format(gc.mem_alloc(), " ".join(here))] + status()

    terminal.console._status = told
    run(terminal)
"""
KEPT = 8 * 1024  # bytes that a story may leave: an end of shift takes 40,000 while it lasts


@pytest.mark.parametrize("board", ["s3", "pico"])
def test_a_terminal_that_waits_has_loaded_nothing_rare(board: str) -> None:
    assert not RARE & set(loaded(board))


@pytest.mark.parametrize("board", ["s3", "pico"])
def test_all_that_can_come_later_is_known_to_be_rare(board: str) -> None:
    """Its names are met at the start; what is missing in the list makes the table of names grow in the middle of a
    sale, and stays."""
    assert set(left_out(board)) - INSTEAD <= RARE


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The product, with a word that tells what is loaded."""
    return runtime_kit.telling_tree(tmp_path_factory.mktemp("told"), TELLS)


class Asked(Stage):
    """Asks before and after the story."""

    told: list[tuple[int, str]]

    def ask(self) -> None:
        before = len(self.serial())
        self.console("status")
        words = self.serial()[before:].partition("# heap ")[2].partition(".")[0]
        self.told.append((int(words.split()[0]), words.partition("rare ")[2]))

    def open(self) -> None:
        super().open()
        self.run(3000)
        self.told = []
        self.ask()

    def close(self) -> None:
        self.run(5000)
        self.ask()
        super().close()


@pytest.mark.parametrize("story", ["shift-end", "download-config", "forget-a-member"])
def test_what_a_story_wanted_is_gone_after_it(story: str, tree: Path) -> None:
    stages: list[Asked] = []

    def make(start) -> Asked:
        stages.append(Asked(start, tree))
        return stages[0]

    report = run_file(STORIES / f"{story}.txt", make_stage=make)
    assert report["failures"] == []
    (before, first), (after, last) = stages[0].told
    assert (first, last) == ("", "")
    assert after - before < KEPT
