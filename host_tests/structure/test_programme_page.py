"""Each row of the programme has a story that looks at something, and docs/programme.md says no more than the files do.

When this turns red after a story was added, renamed or reworded: `python -m tools.programme`, and commit what it wrote.
"""

from __future__ import annotations

import pytest

from tools.programme import page
from tools.programme.rows import ROWS
from tools.sim.scenario_parser import ScenarioError

NAMES = [row.name for row in ROWS]


@pytest.fixture(scope="module")
def stories():
    return page.read()


def test_the_page_is_what_the_files_say(stories):
    assert page.PAGE.read_text(encoding="utf-8") == page.written(stories), "run: python -m tools.programme"


def test_no_row_is_without_a_story_nor_without_its_offline_side(stories):
    assert page.missing(stories) == []


def test_every_story_names_a_row_says_what_it_shows_and_looks(stories):
    for story in stories:
        assert story.row in NAMES, f"{story.path.name} names no row of tools/programme/rows.py"
        assert len(story.says) > 20, f"{story.path.name} has no first line that says what it shows"
        assert story.expects >= 3, f"{story.path.name} looks at nothing"
        assert not story.path.stem.endswith("-offline") or story.offline, f"{story.path.name} pulls no cable"


def test_a_row_is_listed_once_and_says_why_it_needs_a_line():
    assert len(set(NAMES)) == len(NAMES)
    for row in ROWS:
        assert row.offline != bool(row.why), row.name


def folder(tmp_path, **files):
    for name, text in files.items():
        (tmp_path / f"{name}.txt").write_text(text)
    return page.read(tmp_path)


def test_a_row_without_story_or_without_its_offline_side_is_shown_as_missing(tmp_path):
    told = folder(tmp_path, **{"000b-question": '# A question.\nexpect screen "READY"\n'})
    gaps = page.missing(told)
    assert "000b" not in gaps
    assert "000b offline" in gaps
    assert "000a" in gaps
    text = page.written(told)
    assert "| 000a |" in text
    assert text.count("**missing**") == len(NAMES) - 1
    assert "shown, **offline missing**" in text


def test_only_a_pulled_cable_is_offline(tmp_path):
    told = folder(tmp_path, **{"000b-question-offline": "# A question.\nnet up\n", "000b-two": "# One.\nnet down\n"})
    assert [story.offline for story in told] == [False, True]
    assert "000b offline" not in page.missing(told)


def test_a_file_that_is_no_story_is_an_error_and_a_wrong_name_no_row(tmp_path):
    told = folder(tmp_path, question="# A question.\nnet up\n")
    assert [story.row for story in told] == [""]
    with pytest.raises(ScenarioError):
        folder(tmp_path, **{"000b-question": "dance wildly\n"})
