"""Ten thousand malformed inputs: no crash, no hang, no memory blow-up, no file where none should be."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
MOST_MEGABYTES = 600  # resident; the process itself takes about 150


@pytest.mark.parametrize("seed", range(3))
def test_malformed_inputs_are_refused_with_a_place(seed):
    check(run_fuzz(500, seed), 500)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10, 20))
def test_malformed_inputs_are_refused_with_a_place_long(seed):
    check(run_fuzz(1000, seed), 1000)


def run_fuzz(cases, seed):
    command = [sys.executable, "-m", "tests.core.fuzz_formats", "--cases", str(cases), "--seed", str(seed)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def check(report, cases):
    assert report["failures"] == [], json.dumps(report["failures"][:3], indent=1)
    assert report["accepted"] + report["refused"] == cases
    assert report["refused"] > cases // 4
    assert report["accepted"] > cases // 20  # mutations that hit a field nobody needs
    assert report["peak_mb"] < MOST_MEGABYTES
