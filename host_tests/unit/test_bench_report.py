"""The bench report: what counts as met, and the file that others read."""

import json

from tools.bench import report


def test_a_target_is_a_limit_from_above_unless_it_says_at_least():
    assert report.row("a", 6, "n", target=6).met is True
    assert report.row("a", 6.1, "n", target=6).met is False
    assert report.row("a", 6, "n", target=7, at_least=True).met is False
    assert report.row("a", 6, "n").met is None


def test_what_could_not_be_measured_is_a_row_that_is_not_met(tmp_path):
    file = tmp_path / "build" / "bench.json"
    report.write_json([report.failed("a.b", "ms", 3), report.row("c", 1, "n", limit=1, peer="x", peer_value=2)], file)
    content = json.loads(file.read_text())
    assert set(content) >= {"rows", "machine"}
    assert content["rows"][0]["met"] is False
    assert content["rows"][0]["value"] is None
    assert set(content["rows"][1]) == {"key", "value", "unit", "limit", "target", "met", "peer", "peer_value"}
