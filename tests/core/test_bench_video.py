"""The video bench measures what it says: the real source on a real file."""

import json

from click.testing import CliRunner

from stmask_core.cli import stmask


def test_numbers_of_a_small_clip():
    result = CliRunner().invoke(stmask, ["bench", "video", "--frames", "4", "--json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["frames"] == 4
    assert 0 < report["seek_ms"]["p50"] <= report["seek_ms"]["p95"]
    assert report["opencv_seek_ms"]["p50"] > 0
