"""Annotation files -> training sets: what ``stmask train`` and ``stmask bench train`` read.

The training room knows no file formats; this is the door between the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stmask_core.errors import FormatError
from stmask_core.formats.exchange import Exchange, ExchangeVideo, observations_by_frame, plain_name
from stmask_core.formats.frame_names import frame_file_names

if TYPE_CHECKING:
    from stmask_core.training.dataset import Clip, TrainingSet
    from stmask_core.training.recipe import DataSource


@dataclass(frozen=True)
class Labels:
    """Which label (1..K) each category id of a file becomes; absent ids are left out."""

    by_id: dict[int, int]


def read_annotations(source: DataSource) -> Exchange:
    """The annotations of a source, in either format; pictures of COCO that are in no video are stills."""
    from stmask_core.formats.coco import read_coco
    from stmask_core.formats.ytvis_exchange import read_ytvis

    if source.format == "coco":
        return read_coco(source.annotations, stills=True)
    return read_ytvis(source.annotations)


def read_training_set(source: DataSource, categories: Sequence[str]) -> TrainingSet:
    """Clips of a source with labels of the network; FormatError when a category has no place in it.

    Crowds are left out. Frame files are not opened here.
    """
    from stmask_core.training.dataset import TrainingSet

    exchange = read_annotations(source)
    labels = label_categories(exchange, source, categories)
    clips = tuple(clip_of(video, source.images, labels) for video in exchange.videos)
    return TrainingSet(clips, source.repeat)


def label_categories(exchange: Exchange, source: DataSource, categories: Sequence[str]) -> Labels:
    """Match names without regard to case, blanks and hyphens; ``rename`` of the source comes first."""
    places = {plain_name(name): number for number, name in enumerate(categories, 1)}
    renamed = {plain_name(name): plain_name(target) for name, target in source.rename.items()}
    by_id: dict[int, int] = {}
    missing = []
    for category in exchange.categories:
        name = plain_name(category.name)
        name = renamed.get(name, name)
        if name in places:
            by_id[category.id] = places[name]
        else:
            missing.append(category.name)
    if not by_id or (missing and not source.drop_unknown):
        raise FormatError(
            f"{source.annotations.name}: the network has no category {', '.join(map(repr, missing[:5]))}.",
            "Add it to categories, give it under rename, or set drop_unknown = true.",
        )
    return Labels(by_id)


def clip_of(video: ExchangeVideo, images: Path, labels: Labels) -> Clip:
    """One video's annotated frames. Those without an object stay, since partners may be there."""
    from stmask_core.training.dataset import AnnotatedFrame, Clip, ObjectMask

    content = observations_by_frame(video)
    frames = []
    for number, name in enumerate(frame_file_names(video)):
        objects = tuple(
            ObjectMask(track.id, labels.by_id[track.category_id], observation.mask)
            for track, observation in content.get(number, ())
            if track.category_id in labels.by_id and not track.is_crowd and not observation.mask.is_empty
        )
        frames.append(AnnotatedFrame(images / name, objects))
    return Clip(video.name, tuple(frames))
