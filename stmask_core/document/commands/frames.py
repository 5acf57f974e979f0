"""Commands that carry a mask to other frames: copy, extend, interpolate. One undo step each.

Frames that a person made, confirmed or locked are kept unless a command says otherwise; earlier copies and
interpolations that nobody confirmed are replaced.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from stmask_core.document.annotation_table import ACCEPTED, LOCKED, Row
from stmask_core.document.changes import Focus
from stmask_core.document.commands.tracks import unlocked_track
from stmask_core.document.document import Document
from stmask_core.document.queries import key_frames
from stmask_core.document.records import SOURCES, MaskAnnotation, Source, Track, TrackId
from stmask_core.document.scope import Scope
from stmask_core.errors import DocumentError
from stmask_core.structures.mask_editing import blend
from stmask_core.structures.masks import Mask


@dataclass(frozen=True, slots=True)
class Carried:
    """Counts of a command: frames written, frames kept because a person made what is there."""

    written: int
    kept: int


def copy_mask(
    document: Document, track: TrackId, frame: int, scope: Scope, *, overwrite: bool = False
) -> Carried:
    """Copy a mask to every other frame of the scope, as drawn.

    overwrite: over a person's masks too, never over locked ones.
    """
    record = unlocked_track(document, track)
    mask = _mask(document, track, frame)
    frames = [f for f in _frames(document, record, scope) if f != frame]
    masks = dict.fromkeys(frames, mask)
    return _carry(document, record, masks, "Copy mask", source="manual", overwrite=overwrite)


def paste_mask(document: Document, track: TrackId, scope: Scope, mask: Mask) -> Carried:
    """Put a mask, maybe of another track, into every frame of the scope, as drawn. Locked frames are kept."""
    record = unlocked_track(document, track)
    masks = dict.fromkeys(_frames(document, record, scope), mask)
    return _carry(document, record, masks, "Paste mask", source="manual", overwrite=True)


def extend_track(document: Document, track: TrackId, to_frame: int) -> Carried:
    """Repeat a track's first or last mask up to ``to_frame``, as interpolated."""
    record = unlocked_track(document, track)
    extent = document.annotations.extent(track)
    if extent is None:
        raise DocumentError("The track has no mask to extend.", "Draw one first.")
    first, last = extent
    if first <= to_frame <= last:
        raise DocumentError("The track reaches there already.", "To shorten it, trim it.")
    end = first if to_frame < first else last
    scope = Scope(to_frame, first - 1) if to_frame < first else Scope(last + 1, to_frame)
    masks = dict.fromkeys(_frames(document, record, scope), _mask(document, track, end))
    return _carry(document, record, masks, "Extend track", source="interpolated", overwrite=False)


def interpolate(document: Document, track: TrackId, scope: Scope) -> Carried:
    """Fill the frames between neighbouring drawn masks within the scope with shapes between the two.

    No shape is carried across frames marked outside. Raises DocumentError when there are no two drawn masks
    to go between.
    """
    record = unlocked_track(document, track)
    keys = [f for f in key_frames(document, track).tolist() if scope.holds(f)]
    keys = [f for f in keys if not _mask(document, track, f).is_empty]
    if len(keys) < 2:
        raise DocumentError("Interpolation needs two drawn masks in the range.", "Draw or accept another.")
    masks: dict[int, Mask] = {}
    for first, last in pairwise(keys):
        between = document.annotations.rows(track, first + 1, last - 1)
        if any(row.is_outside for _, row in between):
            continue
        a, b = _mask(document, track, first), _mask(document, track, last)
        for frame in range(first + 1, last):
            masks[frame] = blend(a, b, (frame - first) / (last - first))
    return _carry(document, record, masks, "Interpolate", source="interpolated", overwrite=False)


def _carry(
    document: Document, track: Track, masks: dict[int, Mask], name: str, *, source: Source, overwrite: bool
) -> Carried:
    written = 0
    with document.edit(name, focus=Focus(track.video, min(masks, default=None), (track.id,))):
        for frame, mask in masks.items():
            row = document.annotations.row(track.id, frame)
            if row is not None and not _may_replace(row, overwrite):
                continue
            document.put(MaskAnnotation(track.id, frame, mask, source, outside=mask.is_empty))
            written += 1
    return Carried(written, len(masks) - written)


def _may_replace(row: Row, overwrite: bool) -> bool:
    if row.flags & LOCKED:
        return False
    interpolated = SOURCES[row.source] == "interpolated" and not row.flags & ACCEPTED
    return overwrite or interpolated or not row.is_human


def _mask(document: Document, track: TrackId, frame: int) -> Mask:
    annotation = document.annotation(track, frame)
    if annotation is None:
        raise DocumentError(f"The track has no mask in frame {frame}.")
    return annotation.mask


def _frames(document: Document, track: Track, scope: Scope) -> range:
    last = document.videos[track.video].frame_count - 1
    return range(scope.first, (last if scope.last is None else min(scope.last, last)) + 1)
