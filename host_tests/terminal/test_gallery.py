"""Every screen and receipt looks and reads as it was accepted, in both languages, and none is without its picture."""

import dataclasses
import itertools

import pytest

from tools.gallery import golden, tracing
from tools.gallery.page import PAGE, page
from tools.gallery.pictures import Picture, differing, png, read
from tools.gallery.playing import LANGUAGES, TRACED, kept_by, play, stories
from tools.gallery.playing import STORIES as STORY_FILES
from tools.sim import scenario_verbs
from tools.sim.scenario_parser import parse

STORIES = stories()
# Made by another screen's function, as a part of it: whoever shows that one shows it.
PARTS = {"standing.member_rows"}
# Stand while the processor works, which takes no simulated time: gone before a story can look.
PASSING = {"staff.checking", "undo.searching"}


@pytest.fixture(scope="session")
def tree(tmp_path_factory):
    """One for each worker: it is made anew, and another may be reading the tool's own."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tracing, "TREE", tmp_path_factory.mktemp("traced") / "tree")
        yield tracing.traced_tree()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("story", STORIES)
def test_what_a_story_shows_is_what_was_accepted(story, language, request):
    kept = play(story, language, request.getfixturevalue("tree") if language == TRACED else None)
    problems = golden.wrong(language, kept, golden.texts(language))
    shown = {one.name for one in kept}
    problems += [
        f"{language}/{name} is not shown any more"
        for name, _, may_miss in kept_by(story)
        if name not in shown and (not may_miss or golden.path_of(language, name).exists())
    ]
    assert not problems, "\n".join([*problems, f"when this is meant: {golden.ACCEPT}"])


def test_every_function_that_makes_a_screen_is_on_a_picture():
    shown = {name for entry in golden.texts(TRACED).values() for name in entry.made_by}
    assert sorted(set(tracing.screen_functions()) - shown - PARTS - PASSING) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_picture_is_there_that_no_story_makes(language):
    known = {name for story in STORIES for name, _, _ in kept_by(story)}
    lying = {path.stem for path in (golden.FOLDER / language).glob("*.png")}
    assert lying <= known
    assert lying == golden.texts(language).keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_picture_shows_something_of_its_own(language):
    names: dict[Picture, list[str]] = {}
    for name in golden.texts(language):
        names.setdefault(read(golden.path_of(language, name)), []).append(name)
    assert [alike for alike in names.values() if len(alike) > 1] == []


def test_a_receipt_is_kept_when_it_is_known_to_be_the_one_that_is_meant():
    for story in STORIES:
        steps = parse(STORY_FILES / f"{story}.txt", scenario_verbs.grammar())
        for before, step in itertools.pairwise(steps):
            if step.usage.startswith("shot receipt"):
                assert before.usage.startswith("expect [no] receipt") and "no" not in before.words, step.where


def test_two_stories_keep_no_picture_of_one_name():
    names = [name for story in STORIES for name, _, _ in kept_by(story)]
    assert len(names) == len(set(names))


def test_the_page_shows_what_was_accepted():
    assert PAGE.read_text(encoding="utf-8") == page(), f"write it: {golden.ACCEPT}"


def test_a_pixel_that_moves_is_seen(tmp_path, monkeypatch):
    name, told = next(iter(golden.texts("fa").items()))
    picture = read(golden.path_of("fa", name))
    moved = Picture(picture.width, (picture.rows[0] ^ 1, *picture.rows[1:]))
    assert sum(row.bit_count() for row in differing(picture, moved).rows) == 1
    path = tmp_path / "moved.png"
    path.write_bytes(png(moved))
    assert read(path) == moved
    monkeypatch.setattr(golden, "_written", lambda *_: "somewhere")
    kept = golden.Kept(name, receipt=False, picture=moved, text=told.text, made_by=told.made_by)
    assert golden.wrong("fa", [kept], golden.texts("fa")) == [f"fa/{name} looks otherwise: somewhere"]
    same = golden.Kept(name, receipt=False, picture=picture, text=told.text, made_by=told.made_by)
    assert golden.wrong("fa", [same], golden.texts("fa")) == []


def test_a_minute_that_turned_is_borne_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr(golden, "FOLDER", tmp_path)
    monkeypatch.setattr(golden, "BUILD", golden.REPOSITORY / "build" / "gallery" / "proof")
    rows = (0,) * 200
    accepted = golden.Kept("proof", receipt=True, picture=Picture(8, rows), text="Vafa 11:30\nRef: 1\nnow", made_by=())
    golden.accept("en", [accepted])

    def wrong(text: str, *changed: int) -> bool:
        picture = Picture(8, tuple(1 if y in changed else row for y, row in enumerate(rows)))
        return bool(golden.wrong("en", [dataclasses.replace(accepted, text=text, picture=picture)], golden.texts("en")))

    assert not wrong(accepted.text) and wrong(accepted.text, 0)
    assert not wrong("Vafa 11:31\nRef: 1\nnow", *range(48))
    assert wrong("Vafa 11:31\nRef: 1\nnow", *range(49)), "more than the clock's row"
    assert wrong("Vafa 11:33\nRef: 1\nnow", 0), "more than it can be late"
    assert wrong("Vafa 11:31\nRef: 2\nnow", 0) and wrong("Vafa 11:31\nRef: 1\n2 min", 0)
    assert wrong("Vafa 11:31 \nRef: 1\nnow", 0) and wrong("Vafa 11:31\nRef: 1", 0)
