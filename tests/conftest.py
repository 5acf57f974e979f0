"""Options and fixtures every test shares."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="run the long variants too")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--long"):
        return
    skip = pytest.mark.skip(reason="long variant: run with --long")
    for item in items:
        if "long" in item.keywords:
            item.add_marker(skip)


def pytest_terminal_summary(terminalreporter):
    """Say how many mask pixels of the goldens differ: few may, and the number should be seen."""
    properties = [dict(report.user_properties) for report in terminalreporter.getreports("passed")]
    counts = [p["golden mask pixels"] for p in properties if "golden mask pixels" in p]
    if counts:
        different, masks = (sum(count[i] for count in counts) for i in (0, 1))
        terminalreporter.write_line(
            f"golden clips: {different} pixels differ in {masks} masks of {len(counts)} clips"
        )
    alike = [p["bf16 against fp32"] for p in properties if "bf16 against fp32" in p]
    if alike:
        iou, found, identity = (sum(values[i] for values in alike) / len(alike) for i in range(3))
        terminalreporter.write_line(
            f"golden clips, bf16 against fp32: mask IoU {iou:.3f}, {found:.1%} of the instances found,"
            f" {identity:.1%} of those under the same identity ({len(alike)} clips)"
        )


def pytest_runtest_setup(item):
    if "gpu" in item.keywords:
        torch = pytest.importorskip("torch")
        if not torch.cuda.is_available():
            pytest.skip("needs a CUDA device")


@pytest.fixture(scope="session")
def extra_data():
    """Folder of annotated clips whose licence forbids shipping them (CC BY-NC).

    Named by STMASK_EXTRA_DATA, or a folder `shared/data/public` beside the checkout.
    """
    named = os.environ.get("STMASK_EXTRA_DATA")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "data" / "public"
    if not (folder / "manifest.json").is_file():
        pytest.skip("the clips that may not ship are absent; set STMASK_EXTRA_DATA to check them")
    return folder


@pytest.fixture(scope="session")
def test_data():
    """Folder of test data that ships with the product."""
    return REPOSITORY / "tests" / "data"
