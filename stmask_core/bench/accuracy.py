"""``stmask bench accuracy``: how well weights do on annotated video, with and without temporal fusion.

Beside AP and identity it counts recall where it is hard: objects that are partly hidden or smeared by motion,
where the annotations say so (those of ``stmask synth`` do).
"""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from stmask_core.cli import print_json
from stmask_core.cli.model_options import (
    ASSOCIATION,
    NMS,
    SET,
    VARIANT,
    association_from,
    changed_constants,
    detection_from,
    named_variants,
)
from stmask_core.cli.progress import with_progress
from stmask_core.engine.clip import RunSettings, track_clip
from stmask_core.engine.results import ClipTally
from stmask_core.engine.session import Model, load_model
from stmask_core.errors import FormatError
from stmask_core.evaluation.clips import Clip, ScoredTrack
from stmask_core.evaluation.evaluate import Evaluation, evaluate_ytvis
from stmask_core.formats.exchange import plain_name
from stmask_core.structures.detections import Instances
from stmask_core.structures.masks import Mask, iou
from stmask_core.video.image_folder import ImageFolder
from stmask_core.video.source import open_video

MATCH_IOU = 0.5
SMALLEST = 30  # pixels; smaller visible parts are not asked for
CONDITIONS = ("all", "clear", "hidden 0.3 to 0.8", "blurred over 8 px", "hidden or blurred")


@dataclass(frozen=True)
class Object:
    """One annotated object of a video, by frame; None where it is absent."""

    id: int
    category_id: int
    masks: tuple[Mask | None, ...]
    occlusion: tuple[float, ...]  # 0 where the annotations do not say
    blur: tuple[float, ...]  # pixels

    def present(self) -> dict[int, Mask]:
        """Its masks by frame, where there is any."""
        return {f: mask for f, mask in enumerate(self.masks) if mask is not None and not mask.is_empty}


@dataclass
class Counts:
    """What is summed over the clips of one setting."""

    frames: int = 0
    seconds: float = 0.0
    shown: int = 0
    wrong: int = 0  # shown masks that meet no object
    changes: int = 0
    asked: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    clips: list[Clip] = field(default_factory=list)


@dataclass(frozen=True)
class Measurement:
    """One setting over all clips."""

    temporal_fusion: bool
    AP: float  # YouTube-VIS mask AP, 0 to 1
    AP50: float
    HOTA: float
    IDF1: float
    switches_per_100_frames: float  # TrackEval's identity switches
    frames: int
    frames_per_second: float
    recall: dict[str, float]  # by condition, at mask IoU 0.5
    objects: dict[str, int]  # how many were asked for
    changes_per_100_frames: float  # an object that is found is found by another track than last time
    shown_per_frame: float
    wrong_per_frame: float


@click.command("accuracy")
@click.option("--weights", required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--annotations", required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--media",
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of the frame folders, or of one video file per clip.",
)
@click.option("--clips", default=0, help="The first so many; 0 = all.")
@click.option("--any-category", is_flag=True, help="Ignore categories.")
@ASSOCIATION
@SET
@NMS
@VARIANT
@click.option("--min-score", default=0.0, show_default=True, help="Masks below it are not counted as shown.")
@click.option("--json", "as_json", is_flag=True, help="One JSON value on standard output.")
def command(
    weights: Path, annotations: Path, media: Path, clips: int, any_category: bool,
    association: str, constants: tuple[str, ...], nms: str, variants: tuple[str, ...], min_score: float,
    as_json: bool,
) -> None:  # fmt: skip
    """AP, HOTA, recall and speed of weights on annotated video, with and without temporal fusion."""
    model = load_model(weights, device="cpu", choices=named_variants(variants))
    settings = RunSettings(
        detection=detection_from(nms, model),
        association=changed_constants(association_from(association, model), constants),
        evidence=False,
    )
    content = json.loads(annotations.read_text(encoding="utf-8"))
    videos = content["videos"][: clips or None]
    labels = None if any_category else dataset_categories(model, content["categories"])
    objects = objects_by_video(content)
    measured = []
    for fusion in (True, False):
        counts = Counts()
        settings = replace(settings, temporal_fusion=fusion)
        for video in with_progress(videos, label="with fusion" if fusion else "without", unit="clips"):
            measure_clip(model, settings, video, media, objects[video["id"]], labels, counts, min_score)
        names = {entry["id"]: entry["name"] for entry in content["categories"]}
        evaluation = evaluate_ytvis(counts.clips, names, ignore_categories=any_category)
        measured.append(summary(counts, fusion, evaluation))
    if as_json:
        print_json([asdict(entry) for entry in measured])
    else:
        for entry in measured:
            click.echo(f"temporal fusion {'on' if entry.temporal_fusion else 'off'}: {entry}")


def dataset_categories(model: Model, categories: list[dict[str, Any]]) -> dict[int, int]:
    """Category id of the dataset of each category id of the weights; FormatError when one is missing."""
    by_name = {plain_name(entry["name"]): int(entry["id"]) for entry in categories}
    missing = [name for name in model.categories if plain_name(name) not in by_name]
    if missing:
        raise FormatError(f"The annotations have no category {missing[0]!r}.", "Say --any-category.")
    return {number: by_name[plain_name(name)] for number, name in enumerate(model.categories, 1)}


def objects_by_video(content: dict[str, Any]) -> dict[int, list[Object]]:
    """Every annotation with the extra truth that ``stmask synth`` writes."""
    found: dict[int, list[Object]] = defaultdict(list)
    for entry in content["annotations"]:
        masks = tuple(None if s is None else Mask.from_coco(s) for s in entry["segmentations"])
        extra = [
            tuple(v if isinstance(v, int | float) else 0.0 for v in entry.get(name) or [0.0] * len(masks))
            for name in ("occlusion", "blur")
        ]
        found[entry["video_id"]].append(Object(entry["id"], entry["category_id"], masks, extra[0], extra[1]))
    return found


@contextmanager
def frames_of(video: dict[str, Any], media: Path) -> Iterator[Iterator[NDArray[np.uint8]]]:
    """The frames of a video of the annotations: pictures, else a video file named as their folder."""
    base = media / "JPEGImages" if (media / "JPEGImages").is_dir() else media
    names = [base / name for name in video["file_names"]]
    if names[0].is_file():
        source: Any = ImageFolder(names[0].parent, tuple(names))
    else:
        source = open_video(media / f"{names[0].parent.name}.mp4")
    with closing(source):
        yield source.frames()


def measure_clip(
    model: Model, settings: RunSettings, video: dict[str, Any], media: Path, objects: list[Object],
    labels: dict[int, int] | None, counts: Counts, min_score: float,
) -> None:  # fmt: skip
    """Run one clip and add what came out."""
    said: dict[int, dict[int, Mask]] = defaultdict(dict)
    tally = ClipTally()
    followed: dict[int, int] = {}  # object -> track that showed it last
    started = time.perf_counter()
    with frames_of(video, media) as frames:
        for result in track_clip(model, frames, settings):
            counts.seconds += time.perf_counter() - started
            tally.add(result)
            shown = result.instances
            for row, track in enumerate(shown.track_ids.tolist()):
                if not shown.mask(row).is_empty:
                    said[track][result.frame] = shown.mask(row)
            compare(shown, objects, result.frame, labels, counts, followed, min_score)
            started = time.perf_counter()
    truth = tuple(ScoredTrack(entry.id, entry.category_id, entry.present()) for entry in objects)
    predicted = tuple(
        ScoredTrack(track, labels[entry.category] if labels else entry.category, said[track], entry.score)
        for track, entry in tally
    )
    counts.clips.append(Clip(video["id"], str(video["id"]), len(video["file_names"]), truth, predicted))


def compare(
    shown: Instances, objects: list[Object], frame: int, labels: dict[int, int] | None, counts: Counts,
    followed: dict[int, int], min_score: float,
) -> None:  # fmt: skip
    """Which objects of a frame are shown, by which track."""
    rows = [row for row in range(len(shown)) if shown.scores[row] >= min_score]
    counts.frames += 1
    counts.shown += len(rows)
    met = set()
    for entry in objects:
        mask = entry.masks[frame]
        if mask is None or mask.area < SMALLEST:
            continue
        fits = {
            row: iou(mask, shown.mask(row))
            for row in rows
            if labels is None or labels[int(shown.category_ids[row])] == entry.category_id
        }
        best = max(fits, key=lambda row: fits[row], default=None)
        seen = best is not None and fits[best] >= MATCH_IOU
        for condition in conditions(entry.occlusion[frame], entry.blur[frame]):
            counts.asked[condition] += 1
            counts.found[condition] += seen
        if seen and best is not None:
            met.add(best)
            track = int(shown.track_ids[best])
            counts.changes += followed.get(entry.id, track) != track
            followed[entry.id] = track
    counts.wrong += len(set(rows) - met)


def conditions(occlusion: float, blur: float) -> list[str]:
    """Which of ``CONDITIONS`` an object meets."""
    hidden, blurred = 0.3 <= occlusion <= 0.8, blur > 8
    meets = (True, occlusion < 0.1 and blur < 3, hidden, blurred, hidden or blurred)
    return [name for name, met in zip(CONDITIONS, meets, strict=True) if met]


def summary(counts: Counts, fusion: bool, evaluation: Evaluation) -> Measurement:
    """Rates of the sums."""
    frames = max(1, counts.frames)
    tracking = evaluation.tracking
    assert tracking is not None, "asked for"
    return Measurement(
        temporal_fusion=fusion,
        AP=round(evaluation.precision.AP or 0.0, 4),
        AP50=round(evaluation.precision.AP50 or 0.0, 4),
        HOTA=round(tracking.HOTA or 0.0, 4),
        IDF1=round(tracking.IDF1 or 0.0, 4),
        switches_per_100_frames=round(100 * tracking.id_switches / frames, 3),
        frames=counts.frames,
        frames_per_second=round(counts.frames / max(counts.seconds, 1e-9), 2),
        recall={name: round(counts.found[name] / n, 4) for name, n in counts.asked.items()},
        objects=dict(counts.asked),
        changes_per_100_frames=round(100 * counts.changes / frames, 3),
        shown_per_frame=round(counts.shown / frames, 3),
        wrong_per_frame=round(counts.wrong / frames, 3),
    )
