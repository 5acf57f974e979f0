"""Imports point down: which room may import which, held by reading every import statement."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
CORE = REPOSITORY / "stmask_core"

# room -> the rooms of stmask_core it may import; `errors` and `opencv` are open to all.
MAY_IMPORT = {
    "structures": set(),
    "video": {"structures"},
    "model": {"structures"},
    "tracking": {"structures"},
    "document": {"structures"},
    "evaluation": {"structures"},
    "review": {"evaluation", "structures"},  # what is suspicious is held against what is wrong
    "formats": {"document", "structures"},
    "engine": {"model", "tracking", "video", "structures"},
    "training": {"model", "tracking", "video", "engine", "evaluation", "structures"},
    "project": {"document", "formats", "video", "structures"},
    "pre_label": {"document", "engine", "formats", "tracking", "video", "structures", "run_results"},
    "run_results": {"document", "engine", "formats", "structures"},
    "inspect_project": {"document", "model", "review", "structures"},  # the door; of model only config
    "bench": None,  # measures every room
    "cli": None,  # calls every room
}
OPEN = {"errors", "opencv"}
OPEN_MODULES = {"stmask_core.formats.atomic"}  # needs errors only; whoever writes a file uses it
QT = {"PySide6", "pyqtgraph", "shiboken6", "pytestqt"}


def imports_of(path):
    """Every module name a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from names if node.module in ("stmask_core", "app") else [node.module]


def python_files(folder):
    return sorted(folder.rglob("*.py"))


def room_of(path):
    return path.relative_to(CORE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", python_files(CORE), ids=lambda p: str(p.relative_to(CORE)))
def test_core_imports_only_the_rooms_below(path):
    room = room_of(path)
    for name in imports_of(path):
        top = name.split(".")[0]
        assert top not in QT, f"{path} imports Qt"
        if top == "app":
            assert room in ("cli", "bench"), f"{path} imports the window"
        if top == "torch":
            assert room not in ("document", "structures", "formats"), f"{path} imports torch"
        if top == "stmask_core" and room in MAY_IMPORT and name not in {"stmask_core", *OPEN_MODULES}:
            other = name.split(".")[1]
            allowed = MAY_IMPORT[room]
            assert allowed is None or other in allowed | OPEN | {room}, f"{path} imports {name}"


def test_every_room_is_named():
    rooms = {room_of(path) for path in python_files(CORE)} - {"__init__"}
    assert rooms - OPEN <= set(MAY_IMPORT)


@pytest.mark.parametrize(
    "module", ["stmask_core", "stmask_core.cli", "stmask_core.document", "stmask_core.formats"]
)
def test_light_rooms_load_neither_torch_nor_qt(module):
    code = f"import sys, {module}; print([m for m in ('torch', 'PySide6', 'cv2') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_room_is_called_miscellaneous():
    refused = {"utils", "util", "helper", "helpers", "manager", "misc", "common"}
    for path in python_files(CORE) + python_files(REPOSITORY / "app"):
        assert not refused & set(path.relative_to(REPOSITORY).with_suffix("").parts), path


def test_opencv_is_imported_in_one_place():
    for path in python_files(CORE) + python_files(REPOSITORY / "app"):
        if path != CORE / "opencv.py":
            assert "cv2" not in set(imports_of(path)), f"{path}: use `from stmask_core.opencv import cv2`"
