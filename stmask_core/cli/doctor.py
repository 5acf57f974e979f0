"""``stmask doctor``: what this machine has, what is missing, and what to do about it."""

from __future__ import annotations

import importlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from stmask_core.cli import print_json

LEAST_FREE = 2 << 30  # bytes


@dataclass(frozen=True)
class Finding:
    """One thing looked at. state: ok, missing (an optional part) or wrong."""

    what: str
    state: str
    found: str
    advice: str = ""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(as_json: bool) -> None:
    """Look at Python, libraries, devices, codecs, display and disk; exit 1 when something is wrong."""
    findings = [finding for look in CHECKS for finding in look()]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        marks = {"ok": "✓", "missing": "–", "wrong": "✗"}
        for finding in findings:
            click.echo(f"{marks[finding.state]} {finding.what}: {finding.found}")
            if finding.advice:
                click.echo(f"    {finding.advice}")
    if any(finding.state == "wrong" for finding in findings):
        raise SystemExit(1)


def _python() -> list[Finding]:
    return [Finding("Python", "ok", f"{platform.python_version()} on {platform.platform()}")]


PARTS = {
    "numpy": ("numpy", ""), "OpenCV": ("cv2", ""), "PyAV": ("av", ""), "pycocotools": ("pycocotools", ""),
    "PyTorch": ("torch", "model"), "safetensors": ("safetensors", "model"), "PySide6": ("PySide6", "app"),
    "pyqtgraph": ("pyqtgraph", "app"), "TrackEval": ("trackeval", "metrics"),
}  # fmt: skip


def _libraries() -> list[Finding]:
    found = []
    for name, (module, extra) in PARTS.items():
        try:
            if module == "cv2":
                from stmask_core.opencv import cv2 as loaded
            else:
                loaded = importlib.import_module(module)
        except ImportError as error:
            state = "missing" if extra else "wrong"
            wanted = f"stmask-annotator[{extra}]" if extra else "stmask-annotator"
            found.append(Finding(name, state, f"not usable ({error})", f"pip install '{wanted}'"))
            continue
        found.append(Finding(name, "ok", str(getattr(loaded, "__version__", "installed"))))
    return found


def _devices() -> list[Finding]:
    try:
        import torch

        from stmask_core.model.inference import fastest_dtype
    except ImportError:
        return []
    precision = "bf16" if fastest_dtype("cpu") == torch.bfloat16 else "fp32"
    found = [Finding("CPU", "ok", f"{os.cpu_count()} cores, precision auto = {precision}")]
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        name = torch.cuda.get_device_name(index)
        found.append(Finding(f"GPU {index}", "ok", f"{name}, {free >> 30} of {total >> 30} GiB free"))
    if not torch.cuda.is_available():
        found.append(Finding("GPU", "missing", "none that PyTorch can use", "The CPU will do the work."))
    return found


def _codecs() -> list[Finding]:
    try:
        import av
    except ImportError:
        return []
    wanted = {"h264": "r", "hevc": "r", "vp9": "r", "av1": "r", "libx264": "w"}
    missing = []
    for name, mode in wanted.items():
        try:
            av.codec.Codec(name, mode)  # type: ignore[arg-type]
        except ValueError:
            missing.append(name)
    if missing:
        without = f"without {', '.join(missing)}"
        return [Finding("Codecs", "missing", without, "Videos of that kind will not open.")]
    return [Finding("Codecs", "ok", "H.264, HEVC, VP9, AV1; writes H.264")]


def _window() -> list[Finding]:
    """Whether Qt can open a window here: tried in a process of its own, because a failure aborts it."""
    if importlib.util.find_spec("PySide6") is None:
        return []
    shown = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    on_desktop = bool(shown) or sys.platform in ("win32", "darwin")
    environment = dict(os.environ) if on_desktop else {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    code = "from PySide6.QtWidgets import QApplication; QApplication([])"
    words = [sys.executable, "-c", code]
    tried = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    if tried.returncode:
        lines = tried.stderr.strip().splitlines()
        reason = lines[-1][:160] if lines else f"exit {tried.returncode}"
        advice = "On Debian-like systems run `make libraries`, or install the library it names."
        return [Finding("Window", "wrong", reason, advice)]
    if not on_desktop:
        return [Finding("Window", "missing", "Qt works, but there is no display", "Use stmask run.")]
    return [Finding("Window", "ok", "Qt works")]


def _disk() -> list[Finding]:
    free = shutil.disk_usage(Path.cwd()).free
    state = "ok" if free >= LEAST_FREE else "wrong"
    advice = "" if state == "ok" else "Make room: projects and videos need a few gigabytes."
    return [Finding("Disk here", state, f"{free / (1 << 30):.1f} GiB free", advice)]


def _weights() -> list[Finding]:
    from stmask_core.engine.demo_weights import DEMO_WEIGHTS

    if DEMO_WEIGHTS.is_file():
        return [Finding("Weights in the box", "ok", DEMO_WEIGHTS.name)]
    return [Finding("Weights in the box", "missing", "not there", "Give --weights a file.")]


CHECKS: tuple[Callable[[], list[Finding]], ...] = (
    _python, _libraries, _devices, _codecs, _window, _disk, _weights,
)  # fmt: skip
