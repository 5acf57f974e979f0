"""The window on a machine where only the window is installed: everything but the network works.

Another Python in which nothing can import torch runs the front door and works with mouse and keys.
Its packages are those of this one less the extra ``model``: a fresh environment would cost minutes.
"""

import json
import os
import subprocess
import sys

from tests.conftest import REPOSITORY

# Python reads this file before anything else; what it names is then as absent as if never installed.
SITE = """
import sys

ABSENT = {"torch", "torchvision", "safetensors"}


class Without:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            return None
        return self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)


sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
"""

# A person at the window that main() opens: sees it, paints, exports, asks for the model, leaves.
PERSON = """
import json, sys, traceback
from pathlib import Path
from PySide6.QtCore import QEvent, QPointF, Qt, QTimer
from PySide6.QtGui import QKeySequence, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from app import run
from app.dialogs.export_dialog import ExportDialog
from app.dialogs.run_dialog import RunDialog
from app.dialogs.tour import Tour
from app.main_window import MainWindow

video, out, log = sys.argv[1:]
seen = {}
left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def until(found, seconds=60):
    for _ in range(seconds * 50):
        value = found()
        if value:
            return value
        QTest.qWait(20)
    raise AssertionError("waited in vain")


def shown(kind):
    return next((w for w in main.findChildren(kind) if w.isVisible()), None)


def paint(canvas):
    places = [canvas.coordinates.to_widget(x, y).toPoint() for x, y in ((100, 90), (140, 110), (180, 90))]
    QTest.mousePress(canvas, left, none, places[0])
    for place in places[1:]:
        at, nothing = QPointF(place), Qt.MouseButton.NoButton
        there = canvas.mapToGlobal(at)
        QApplication.sendEvent(canvas, QMouseEvent(QEvent.Type.MouseMove, at, there, nothing, left, none))
    QTest.mouseRelease(canvas, left, none, places[-1])


def work():
    global main
    main = next(w for w in QApplication.topLevelWidgets() if isinstance(w, MainWindow))
    canvas = main.canvas
    QTest.keyClick(until(lambda: shown(Tour)).next_button, Qt.Key.Key_Escape)
    until(lambda: canvas.frame_image is not None)
    QTest.keyClick(main, Qt.Key.Key_B)
    paint(canvas)
    until(lambda: canvas.items)
    QTest.keySequence(main, QKeySequence("Ctrl+Shift+E"))
    export = until(lambda: shown(ExportDialog))
    export.path.selectAll()
    QTest.keyClicks(export.path, out)
    QTest.keyClick(export.path, Qt.Key.Key_Return)
    until(Path(out).exists)
    main.activateWindow()  # without a desktop nothing else does
    until(main.isActiveWindow)
    QTest.keySequence(main, QKeySequence("Ctrl+R"))
    ask = until(lambda: shown(RunDialog))
    seen["told"], seen["can run"] = ask.missing.text(), ask.run_button.isEnabled()
    seen["to see"] = ask.missing.isVisible()
    QTest.keyClick(ask, Qt.Key.Key_Escape)
    until(lambda: shown(RunDialog) is None)
    seen["loaded"] = sorted({"torch", "torchvision", "safetensors"} & set(sys.modules))
    main.close()


def watched():
    try:
        work()
    except BaseException:
        seen["broken"] = traceback.format_exc()
        QApplication.exit(1)
    finally:
        Path(log).write_text(json.dumps(seen))


run.application()
QTimer.singleShot(0, watched)
sys.exit(run.main([video]))
"""


def test_open_edit_and_export_work_and_the_model_says_what_to_install(sample, tmp_path):
    site, home = tmp_path / "site", tmp_path / "home"
    for folder in (site, home):
        folder.mkdir()
    (site / "sitecustomize.py").write_text(SITE)
    out, log = tmp_path / "painted.json", tmp_path / "seen.json"
    places = {name: str(home) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "APPDATA")}
    finders = os.pathsep.join((str(site), str(REPOSITORY)))
    run = subprocess.run(
        [sys.executable, "-c", PERSON, str(sample), str(out), str(log)],
        cwd=tmp_path,
        env={**os.environ, **places, "PYTHONPATH": finders},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    seen = json.loads(log.read_text())
    assert "broken" not in seen
    assert "pip install" in seen["told"]
    assert "torch" in seen["told"]
    assert seen["to see"]
    assert not seen["can run"]
    assert seen["loaded"] == []
    assert "Traceback" not in run.stderr, run.stderr
    file = json.loads(out.read_text())
    (annotation,) = file["annotations"]
    assert sum(area is not None for area in annotation["areas"]) == 1
    assert (tmp_path / "sample.stm").is_file()
