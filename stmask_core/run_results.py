"""A run's tracks as the authors' evaluation reports them (spec section 12), so that a results file is theirs.

A project keeps no empty masks, and one category and score per frame. The authors also score frames in which
nothing is left of a mask at the image's size, and list tracks of which nothing is left anywhere.
"""

from __future__ import annotations

import json
from typing import Any

from stmask_core.document.commands.predictions import group_of
from stmask_core.document.document import Document
from stmask_core.document.records import ModelRun, RunId, TrackId, Video
from stmask_core.engine.results import ClipTally
from stmask_core.formats.exchange import ExchangeTrack, ExchangeVideo, Observation, plain_name
from stmask_core.structures.masks import Mask


def keep_tally(document: Document, run: RunId, last: int, tally: ClipTally) -> None:
    """Keep a finished run's scores, categories and empty frames beside its last frame."""
    values = [
        {"number": number, "category": track.category, "score": track.score, "empty": track.empty}
        for number, track in tally
    ]
    with document.edit("Run model", group=group_of(run)):
        document.put_evidence(run, last, json.dumps(values).encode(), "tally")


def untouched_run(document: Document, video: Video) -> ModelRun | None:
    """The run that made every mask of a video, when nobody changed anything since."""
    runs = [run for run in document.runs.of_video(video.id).values() if not run.beside]
    newest = max(runs, key=lambda run: run.id, default=None)
    if newest is None or {track for _, track in newest.tracks} != set(document.tracks.of_video(video.id)):
        return None
    return newest if is_untouched(document, newest) else None


def is_untouched(document: Document, run: ModelRun) -> bool:
    """True when a run's tracks are there and hold nothing but what it made."""
    tracks = [track for _, track in run.tracks]
    rows = (row for track in tracks for _, row in document.annotations.rows(track))
    is_there = all(track in document.tracks for track in tracks)
    return is_there and all(row.run == run.id and row.is_prediction for row in rows)


def video_of_run(document: Document, video: Video, run: ModelRun, id_: int) -> ExchangeVideo | None:
    """A video's tracks with the run's own scores and category numbers, in the order of first appearance.

    Empty masks are there. None when the run kept none of this, or a person gave a track another category.
    """
    data = document.evidence(run.id, run.last, "tally")
    names = run.settings.get("categories")
    if data is None or not isinstance(names, list):
        return None
    track_of = dict(run.tracks)
    for entry in json.loads(data):
        track = track_of.get(entry["number"])
        now = None if track is None else document.categories[document.tracks[track].category].name
        if now is not None and plain_name(now) != plain_name(names[entry["category"] - 1]):
            return None
    tracks = tuple(
        ExchangeTrack(
            id=number,
            category_id=entry["category"],
            observations=_observations(document, video, track_of.get(entry["number"]), entry),
            score=entry["score"],
        )
        for number, entry in enumerate(json.loads(data), start=1)
    )
    return ExchangeVideo(id_, video.name, video.width, video.height, video.frame_count, tracks)


def _observations(
    document: Document, video: Video, track: TrackId | None, entry: dict[str, Any]
) -> tuple[Observation, ...]:
    masks = {frame: Mask.empty(video.height, video.width) for frame in entry["empty"]}
    if track is not None:
        for frame, row in document.annotations.rows(track):
            masks[frame] = document.materialise(track, frame, row).mask
    return tuple(Observation(frame, mask) for frame, mask in sorted(masks.items()))
