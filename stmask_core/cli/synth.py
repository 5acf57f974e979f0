"""``stmask synth``: write annotated synthetic video (frames or mp4, plus YouTube-VIS JSON)."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stmask_core.cli import print_json
from stmask_core.cli.progress import with_progress
from stmask_core.errors import StmaskError
from stmask_core.formats.atomic import atomic_path, atomic_write

if TYPE_CHECKING:
    from stmask_core.training.synthetic.world import Clip

JPEG_QUALITY = 90
ClipJson = tuple[dict[str, Any], list[dict[str, Any]]]


@dataclass(frozen=True)
class ClipOrder:
    """Everything a worker needs to make one clip."""

    folder: Path
    name: str
    seed: int
    size: tuple[int, int]
    frames: int
    fps: float
    media: str  # "mp4" or "jpeg"


def make_clip(order: ClipOrder) -> ClipJson:
    """Render one clip into the folder; its video entry and annotations."""
    from stmask_core.training.synthetic.annotations import ClipAnnotations
    from stmask_core.training.synthetic.world import Clip

    clip = Clip(order.seed, order.size, order.frames, order.fps)
    media = f"{order.name}.mp4" if order.media == "mp4" else None
    notes = ClipAnnotations(clip, order.name, media)
    if order.media == "mp4":
        _write_mp4(order.folder / f"{order.name}.mp4", clip, notes)
    else:
        _write_jpegs(order.folder / "JPEGImages" / order.name, clip, notes)
    return notes.video(), notes.annotations()


def _write_jpegs(folder: Path, clip: Clip, notes: Any) -> None:
    from stmask_core.opencv import cv2

    folder.mkdir(parents=True, exist_ok=True)
    for index, frame in enumerate(clip):
        notes.add(frame.objects)
        _, data = cv2.imencode(".jpg", frame.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        (folder / f"{index:05d}.jpg").write_bytes(data.tobytes())


def _write_mp4(path: Path, clip: Clip, notes: Any) -> None:
    from fractions import Fraction

    import av

    with atomic_path(path) as beside, av.open(str(beside), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(clip.fps).limit_denominator(1001))
        stream.width, stream.height = clip.size
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "20", "preset": "medium", "threads": "1"}
        for frame in clip:
            notes.add(frame.objects)
            picture = av.VideoFrame.from_ndarray(frame.image, format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def make_clips(orders: list[ClipOrder], workers: int) -> Iterator[ClipJson]:
    """Render the clips in order, over several processes when asked."""
    if workers == 1:
        yield from map(make_clip, orders)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        try:
            yield from pool.map(make_clip, orders)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def parse_size(context: click.Context, option: click.Parameter, text: str) -> tuple[int, int]:
    """``WxH``: even numbers between 64 and 4096."""
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(p.isdigit() for p in parts):
        raise click.BadParameter("write it as WIDTHxHEIGHT, for example 320x192")
    width, height = int(parts[0]), int(parts[1])
    if not all(64 <= v <= 4096 and v % 2 == 0 for v in (width, height)):
        raise click.BadParameter("width and height are even numbers from 64 to 4096")
    return width, height


@click.command("synth")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder to make; it must not exist or be empty.",
)
@click.option(
    "--clips", type=click.IntRange(1, 100_000), default=8, show_default=True, help="How many clips."
)
@click.option(
    "--frames", type=click.IntRange(1, 10_000), default=24, show_default=True, help="Frames per clip."
)
@click.option(
    "--size",
    default="320x192",
    show_default=True,
    callback=parse_size,
    metavar="WxH",
    help="Size of the picture.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 9_999),
    default=0,
    show_default=True,
    help="Another seed makes other clips; the same seed makes the same.",
)
@click.option(
    "--split",
    type=click.Choice(("train", "val", "sample")),
    default="train",
    show_default=True,
    help="Splits share no seed, no texture and no free colour.",
)
@click.option(
    "--fps",
    type=click.FloatRange(1, 120),
    default=8.0,
    show_default=True,
    help="Frames per second: fewer means more motion between frames.",
)
@click.option(
    "--format",
    "media",
    type=click.Choice(("mp4", "jpeg")),
    default="jpeg",
    show_default=True,
    help="One mp4 per clip, or JPEGImages/<clip>/00000.jpg.",
)
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes.")
@click.option("--json", "as_json", is_flag=True, help="Print a summary as JSON.")
def command(
    out: Path, clips: int, frames: int, size: tuple[int, int], seed: int, split: str, fps: float,
    media: str, workers: int, as_json: bool,
) -> None:  # fmt: skip
    """Draw annotated synthetic video with exact truth.

    Writes the frames and instances.json (YouTube-VIS, with amodal masks, occlusion, blur and more in
    extra keys).
    """
    from stmask_core.training.synthetic.annotations import dataset_json
    from stmask_core.training.synthetic.splits import clip_seed

    if out.exists() and any(out.iterdir()):
        raise StmaskError(f"The folder {out} is not empty.", "Choose a new one.")
    out.mkdir(parents=True, exist_ok=True)
    orders = [
        ClipOrder(out, f"{split}_{seed:04d}_{k:05d}", clip_seed(split, seed, k), size, frames, fps, media)
        for k in range(clips)
    ]
    made = list(with_progress(make_clips(orders, workers), label="Drawing", unit="clips", total=clips))
    data = dataset_json(made)
    with atomic_write(out / "instances.json") as file:
        json.dump(data, file, separators=(",", ":"), allow_nan=False)
    if as_json:
        print_json(
            {
                "annotations": str(out / "instances.json"),
                "clips": clips,
                "frames": clips * frames,
                "objects": len(data["annotations"]),
                "split": split,
            }
        )
    else:
        click.echo(f"{clips} clips, {len(data['annotations'])} objects: {out / 'instances.json'}")
