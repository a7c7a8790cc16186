"""What `max_points` keeps of a series, and what tsdownsample keeps of it."""

import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
SERIES = "rogue_agent_key_hold"


def test_the_golden_file_is_what_tsdownsample_says(tmp_path):
    """The thinning in Rust is held to it, index by index."""
    golden = (HERE / "tsdownsample.json").read_text()
    subprocess.run([sys.executable, HERE / "tsdownsample_golden.py"], check=True)
    assert (HERE / "tsdownsample.json").read_text() == golden


def test_a_thinned_line_has_stored_points_only_the_extremes_among_them(server):
    span = {"metric": SERIES, "from": "2014-07-06T00:00:00Z", "to": "2014-07-09T00:00:00Z", "format": "json"}
    read = lambda path, **more: server.get(path, **span, **more).json()
    rows = lambda answer: [tuple(point) for series in answer["series"] for point in series["points"]]
    stored = rows(read("/api/v1/points"))
    thinned = rows(read("/api/v1/history", max_points=100))
    assert 20 <= len(thinned) <= 100 < len(stored)
    assert set(thinned) <= set(stored)
    value = lambda row: row[1]
    assert value(max(thinned, key=value)) == value(max(stored, key=value))
    assert value(min(thinned, key=value)) == value(min(stored, key=value))
