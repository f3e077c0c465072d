"""A terminal's label: its size on paper, a code that reads back as what it says, and no secret."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image

from tools.device import cli, findings, label
from tools.device.backup import default_path
from tools.device.provision_errors import FileUnfit
from tools.device.terminal_file import LABEL_FIELDS, Label

FACTS: dict[str, object] = {
    "tid": "00014201",
    "serial": "f412fa4a8b68",
    "board": "s3",
    "fw": "1.4.0",
    "check": "A1770C",
    "till": 3,
    "merchant": "M0142 & Co",
}


def test_the_code_says_the_fields_and_the_check_value() -> None:
    said = label.spelt(FACTS, ("tid", "serial", "board", "fw"))
    assert said == "VAFA1;tid=00014201;serial=f412fa4a8b68;board=s3;fw=1.4.0;check=A1770C"
    assert label.lines(FACTS, ("tid",)) == ["ID 00014201", "KCV A1770C"]


def test_health_says_the_check_value_as_the_label_does() -> None:
    said = {"code": "K28", "text": "keys", "state": "ok", "value": "a1770c", "unit": "check value"}
    assert findings.checks_of({"checks": [said]})[0].measured == "A1770C check value"


@pytest.mark.parametrize("size", [(62, 29), (40, 30), (30, 30), (100, 50)])
@pytest.mark.parametrize("fields", [("tid", "serial", "board", "fw"), LABEL_FIELDS])
def test_a_picture_has_the_size_at_300_dots_an_inch_and_the_whole_code(
    tmp_path: Path, size: tuple[int, int], fields: tuple[str, ...]
) -> None:
    path = label.drawn(tmp_path, FACTS, Label(size, fields), "png")
    picture = Image.open(path)
    assert picture.size == (size[0] * 3000 // 254, size[1] * 3000 // 254)
    assert tuple(round(dpi) for dpi in picture.info["dpi"]) == (300, 300)
    assert modules(picture, len(label._matrix(label.spelt(FACTS, fields)))) == label._matrix(  # noqa: SLF001
        label.spelt(FACTS, fields)
    )


def test_a_label_without_room_for_its_code_is_refused_before_any_terminal() -> None:
    with pytest.raises(FileUnfit):
        label.fitting(Label((15, 15), ("tid",)))
    assert label.fitting(Label((62, 29), LABEL_FIELDS))


def modules(picture: Image.Image, count: int) -> list[list[bool]]:
    """What a reader sees of the code: the middle of each module, found from its three corner squares."""
    margin = label.dots(2)
    side = min(picture.height - 2 * margin, picture.width // 2 - margin)
    module = side // count
    top = (picture.height - module * count) // 2
    middle = module // 2
    return [
        [picture.getpixel((margin + x * module + middle, top + y * module + middle)) == 0 for x in range(count)]
        for y in range(count)
    ]


def test_a_vector_label_is_in_millimetres_and_escapes_what_it_shows(tmp_path: Path) -> None:
    text = label.drawn(tmp_path, FACTS, Label((62, 29), LABEL_FIELDS), "svg").read_text()
    assert 'width="62mm" height="29mm"' in text and "M0142 &amp; Co" in text


@pytest.mark.parametrize("tid", ["/etc/abc", "../../ab", "..", ".hid", "a\0b", ""])
def test_whatever_a_terminal_calls_itself_its_label_stays_in_the_folder(tmp_path: Path, tid: str) -> None:
    out = tmp_path / "deep" / "out"
    path = label.drawn(out, {**FACTS, "tid": tid}, Label(), "svg")
    assert path.parent == out and [path] == list(out.iterdir()) and not path.name.startswith(".")
    assert [one.name for one in tmp_path.rglob("*")].count(path.name) == 1
    made: Any = SimpleNamespace(terminal=tid, serial="", taken_utc=0)
    assert default_path(made).parent == Path("build/backups")


def test_no_value_forges_another_field_of_the_code() -> None:
    said = label.spelt({**FACTS, "tid": "VA;tid=X", "merchant": "a%b\n"}, ("tid", "merchant"))
    assert said == "VAFA1;tid=VA%3Btid%3DX;merchant=a%25b%0A;check=A1770C"


def test_a_ledger_without_a_done_terminal_says_so_and_one_that_is_missing_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "l.jsonl").write_text("")
    out = ["--out", str(tmp_path / "out")]
    done = CliRunner().invoke(cli.main, ["label", "--ledger", str(tmp_path / "l.jsonl"), *out])
    assert done.exit_code == 0 and "nothing to draw" in done.output
    assert CliRunner().invoke(cli.main, ["label", "--ledger", str(tmp_path / "other"), *out]).exit_code == 2
    (tmp_path / "out").write_text("a file is in the way")
    (tmp_path / "l.jsonl").write_text(json.dumps({"v": 1, "event": "done", **FACTS}) + "\n")
    done = CliRunner().invoke(
        cli.main, ["label", "--ledger", str(tmp_path / "l.jsonl"), *out[:1], str(tmp_path / "out" / "x")]
    )
    assert done.exit_code == 9 and "[D87]" in done.output


def test_the_labels_of_a_batch_are_drawn_from_its_ledger(tmp_path: Path) -> None:
    rows = [
        {"v": 1, "event": "done", **FACTS},
        {"v": 1, "event": "done", **FACTS, "tid": "00014202"},
        {"v": 1, "event": "failed", **FACTS, "tid": "00014202"},
    ]
    (tmp_path / "l.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    arguments = ["--json", "label", "--ledger", str(tmp_path / "l.jsonl"), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(cli.main, arguments)
    assert done.exit_code == 0 and [path.name for path in (tmp_path / "out").iterdir()] == ["00014201.png"], done.output
