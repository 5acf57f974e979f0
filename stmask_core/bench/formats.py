"""``stmask bench formats``: read, import, export and write a file the size of the YouTube-VIS training set.

The yardstick in the same run is what the official API does with such a file before it can score anything:
parse the JSON, index it by video and category, and compress every run length list.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import click
import numpy as np
from pycocotools import mask as coco

from stmask_core.cli import print_json
from stmask_core.document.records import Video, VideoId
from stmask_core.formats.category_lists import read_category_list
from stmask_core.formats.document_exchange import Place, document_exchange, import_exchange
from stmask_core.formats.exchange import Exchange, ExchangeTrack, ExchangeVideo, Observation
from stmask_core.formats.project_file import ProjectFile
from stmask_core.formats.ytvis_exchange import read_ytvis
from stmask_core.formats.ytvis_writing import write_ytvis
from stmask_core.structures.masks import Mask

SIZE = (720, 1280)
TRACKS, LENGTH = 2, 30  # per video; with a few absent frames, 131,000 masks on 2,238 videos
Result = TypeVar("Result")


@dataclass(frozen=True)
class Measurement:
    """Seconds of each step, and how they compare with the official API on the same file."""

    videos: int
    masks: int
    file_mb: float
    write_s: float
    read_s: float
    import_s: float
    export_s: float
    project_mb: float
    official_load_s: float
    official_load_and_compress_s: float
    read_to_official: float
    read_and_import_to_official_with_masks: float
    peak_mb: float


@click.command("formats")
@click.option("--videos", default=2238, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--masks", default=131_000, show_default=True, type=click.IntRange(1, 10_000_000))
@click.option("--json", "as_json", is_flag=True, help="One JSON value on standard output.")
def command(videos: int, masks: int, as_json: bool) -> None:
    """Measure import and export of a YouTube-VIS file of training set size."""
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), videos, masks)
    if as_json:
        print_json(asdict(found))
        return
    for name, value in asdict(found).items():
        click.echo(f"{name:>42}  {value:,.2f}" if isinstance(value, float) else f"{name:>42}  {value:,}")


def measure(folder: Path, num_videos: int, num_masks: int) -> Measurement:
    """Make the file, then time every step on it once."""
    file, project, out = folder / "train.json", folder / "train.stm", folder / "out.json"
    write_s, report = _timed(lambda: write_ytvis(made_exchange(num_videos, num_masks), file))
    read_s, import_s, masks = _measure_import(file, project)
    assert masks == report.masks
    with ProjectFile.open(project) as opened:
        export_s, again = _timed(lambda: write_ytvis(document_exchange(opened.document), out))
    assert again.masks == report.masks
    peak_mb = _peak_mb()
    load_s, loaded = _timed(lambda: official_load(file))
    compress_s, _ = _timed(lambda: official_compress(loaded))
    return Measurement(
        videos=num_videos,
        masks=report.masks,
        file_mb=file.stat().st_size / 1e6,
        write_s=write_s,
        read_s=read_s,
        import_s=import_s,
        export_s=export_s,
        project_mb=project.stat().st_size / 1e6,
        official_load_s=load_s,
        official_load_and_compress_s=load_s + compress_s,
        read_to_official=read_s / load_s,
        read_and_import_to_official_with_masks=(read_s + import_s) / (load_s + compress_s),
        peak_mb=peak_mb,
    )


def _measure_import(file: Path, project: Path) -> tuple[float, float, int]:
    """(seconds to read, seconds to import, masks); what was read is gone when this returns."""
    read_s, exchange = _timed(lambda: read_ytvis(file))
    with ProjectFile.create(project) as opened:
        places = _places(exchange)
        import_s, counts = _timed(lambda: import_exchange(opened.document, exchange, places))
    return read_s, import_s, counts.masks


def made_exchange(num_videos: int, num_masks: int) -> Exchange:
    """Annotations of wavy blobs that wander over 720p videos; the same ones every time."""
    shapes = _shapes(np.random.default_rng(0))
    return Exchange(read_category_list("ytvis2019"), _made_videos(num_videos, num_masks, shapes))


def _made_videos(num_videos: int, num_masks: int, shapes: list[Mask]) -> Iterator[ExchangeVideo]:
    rng = np.random.default_rng(1)
    left = num_masks
    for number in range(1, num_videos + 1):
        share = left // (num_videos - number + 1)
        left -= share
        counts = [share // TRACKS + (share % TRACKS > i) for i in range(TRACKS)]
        length = max(LENGTH, *counts)
        tracks = tuple(
            ExchangeTrack(
                (number - 1) * TRACKS + i + 1,
                int(rng.integers(1, 41)),
                tuple(_made_track(rng, count, shapes)),
            )
            for i, count in enumerate(counts)
        )
        names = tuple(f"v{number:06d}/{5 * frame:05d}.jpg" for frame in range(length))
        yield ExchangeVideo(number, f"v{number:06d}", SIZE[1], SIZE[0], length, tracks, names)


def _made_track(rng: np.random.Generator, count: int, shapes: list[Mask]) -> Iterator[Observation]:
    first = int(rng.integers(0, len(shapes)))
    for frame in range(count):
        shape = shapes[(first + frame) % len(shapes)]
        y0 = int(rng.integers(0, SIZE[0] - shape.crop_height + 1))
        x0 = int(rng.integers(0, SIZE[1] - shape.crop_width + 1))
        yield Observation(frame, replace(shape, y0=y0, x0=x0))


def _shapes(rng: np.random.Generator) -> list[Mask]:
    """Blobs of 60 to 420 pixels across with the uneven rim and the few holes of drawn masks."""
    found = []
    for _ in range(200):
        height, width = rng.integers(60, 340, 2)
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        angle = np.arctan2(y, x)
        waves = sum(rng.uniform(0, 0.12) * np.sin(k * angle + rng.uniform(0, 6.3)) for k in range(2, 14))
        bits = np.hypot(y, x) < 0.75 + waves + rng.normal(0, 0.002, y.shape)
        found.append(Mask.from_crop(bits, y0=0, x0=0, height=SIZE[0], width=SIZE[1]))
    return found


def _places(exchange: Exchange) -> dict[int, Place]:
    """Every video as if it had been found: decoding two thousand videos is not what is measured."""
    return {
        v.id: Place(
            Video(VideoId(0), v.name, v.width, v.height, v.length, name=v.name), tuple(range(v.length))
        )
        for v in exchange.videos
    }


def official_load(file: Path) -> dict[str, Any]:
    """What the official API does when it opens an annotation file: parse, then index."""
    with open(file, encoding="utf-8") as opened:
        content = json.load(opened)
    by_video: dict[int, list[Any]] = defaultdict(list)
    videos_of: dict[int, list[int]] = defaultdict(list)
    for annotation in content["annotations"]:
        by_video[annotation["video_id"]].append(annotation)
        videos_of[annotation["category_id"]].append(annotation["video_id"])
    indexes = {
        "annotations": {a["id"]: a for a in content["annotations"]},
        "videos": {v["id"]: v for v in content["videos"]},
        "categories": {c["id"]: c for c in content["categories"]},
    }
    return {"content": content, "by_video": by_video, "videos_of": videos_of, **indexes}


def official_compress(loaded: dict[str, Any]) -> int:
    """What it does with every mask before the first comparison: lists to compressed run lengths."""
    count = 0
    for annotation in loaded["content"]["annotations"]:
        for segmentation in annotation["segmentations"]:
            if segmentation:
                coco.frPyObjects(segmentation, *segmentation["size"])
                count += 1
    return count


def _timed(work: Callable[[], Result]) -> tuple[float, Result]:
    gc.collect()
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def _peak_mb() -> float:
    """Largest resident size of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)
