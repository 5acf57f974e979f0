"""``stmask demo``: the main job on the sample clip: masks, identities, JSON, an overlay video, a picture."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import click

from stmask_core.cli import print_json, run_verb
from stmask_core.errors import FormatError

SAMPLE = Path(__file__).resolve().parents[2] / "resources" / "sample" / "sample.mp4"
PICTURE_FRAME = 30


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo-output"),
    show_default=True,
    help="Folder for what it makes.",
)
@click.option("--weights", default="demo", show_default=True, help="A file, or demo: the one in the box.")
@click.option("--no-window", is_flag=True, help="Do not open the window afterwards.")
@click.option("--json", "as_json", is_flag=True, help="Print what was made as JSON.")
def command(out: Path, weights: str, no_window: bool, as_json: bool) -> None:
    """Run the network in the box on the sample clip and show what comes out."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        clip = out / SAMPLE.name
        shutil.copyfile(SAMPLE, clip)
    except OSError as error:
        raise FormatError(f"{out} cannot be written ({error.strerror}).", "Choose another --out.") from error
    run_verb("run", [str(clip), "--out", str(out), "--weights", weights])
    made = {"clip": clip, "project": out / "sample.stm", "results": out / "results.json"}
    made |= {"annotations": out / "annotations.json", "overlay": out / "overlay.mp4"}
    made["picture"] = out / "picture.png"
    for format_, place in (("ytvis", made["annotations"]), ("video", made["overlay"])):
        run_verb("export", [str(made["project"]), "--format", format_, "--out", str(place), "--force"])
    _write_picture(made["overlay"], made["picture"])
    if as_json:
        print_json({name: str(place) for name, place in made.items()})
    else:
        for name, place in made.items():
            click.echo(f"{name}: {place}")
    if not no_window and not as_json and _has_display():
        from stmask_core.cli.annotate import open_window

        open_window((made["project"],))


def _write_picture(overlay: Path, place: Path) -> None:
    from stmask_core.formats.atomic import atomic_write
    from stmask_core.opencv import cv2
    from stmask_core.video.source import open_video

    with open_video(overlay) as video:
        picture = video.frame(min(PICTURE_FRAME, len(video) - 1))
    _, data = cv2.imencode(".png", picture[..., ::-1])
    with atomic_write(place, "wb") as file:
        file.write(data.tobytes())


def _has_display() -> bool:
    """True when a window could be seen, and is installed."""
    if importlib.util.find_spec("PySide6") is None:
        return False
    shown = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(shown) or sys.platform in ("win32", "darwin")
