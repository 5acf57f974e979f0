"""Commands on one track's masks: draw, clean, cut, join, confirm, mark. Each is one undo step.

A mask that a command drew is *manual*. Erasing a mask to nothing says that the object is not in the frame:
the annotation becomes *outside*. Drawing on a locked mask or track is refused; commands over a scope leave
locked masks as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from stmask_core.document.annotation_table import ACCEPTED, LOCKED, OCCLUSION_SHIFT, Row
from stmask_core.document.changes import Focus
from stmask_core.document.commands.tracks import two_unlocked, unlocked_track
from stmask_core.document.document import Document
from stmask_core.document.queries import annotations_at, the_track
from stmask_core.document.records import OCCLUSIONS, MaskAnnotation, Occlusion, Track, TrackId
from stmask_core.document.scope import Scope
from stmask_core.errors import DocumentError
from stmask_core.structures import mask_editing
from stmask_core.structures.masks import Mask, intersection_area, subtract, union


def set_mask(
    document: Document,
    track: TrackId,
    frame: int,
    mask: Mask,
    *,
    name: str = "Draw mask",
    group: str | None = None,
) -> None:
    """Make ``mask`` the track's mask in a frame, drawn by a person. Empty: the object is not there."""
    record = _drawable(document, track, frame)
    with document.edit(name, focus=Focus(record.video, frame, (track,)), group=group):
        document.put(_drawn(document, track, frame, mask))


def paint(document: Document, track: TrackId, frame: int, region: Mask, *, group: str | None = None) -> None:
    """Add a region to the track's mask."""
    painted = union(_mask_like(document, track, frame, region), region)
    set_mask(document, track, frame, painted, name="Paint", group=group)


def erase(document: Document, track: TrackId, frame: int, region: Mask, *, group: str | None = None) -> None:
    """Take a region from the track's mask."""
    mask = _mask_like(document, track, frame, region)
    if document.annotations.has(track, frame):
        rest = subtract(mask, region)
        set_mask(document, track, frame, rest, name="Erase", group=group)


def fill_holes(document: Document, track: TrackId, scope: Scope, *, max_area: int | None = None) -> int:
    """Fill enclosed holes; returns how many masks changed."""
    return _reshape(document, track, scope, "Fill holes", lambda m: mask_editing.fill_holes(m, max_area))


def drop_specks(document: Document, track: TrackId, scope: Scope, *, min_area: int = 16) -> int:
    """Remove pieces of fewer than ``min_area`` pixels, never the largest; returns how many masks changed."""
    return _reshape(document, track, scope, "Drop specks", lambda m: mask_editing.drop_specks(m, min_area))


def grow(document: Document, track: TrackId, scope: Scope, radius_px: int) -> int:
    """Widen masks by ``radius_px``; a negative radius narrows them. Returns how many masks changed."""
    if radius_px >= 0:
        return _reshape(document, track, scope, "Grow", lambda m: mask_editing.grow(m, radius_px))
    return _reshape(document, track, scope, "Shrink", lambda m: mask_editing.shrink(m, -radius_px))


def slice_mask(document: Document, track: TrackId, frame: int, line: Sequence[tuple[float, float]]) -> Track:
    """Cut a mask along a line of image points; the smaller part becomes a new track, which is returned."""
    record = _drawable(document, track, frame)
    try:
        stays, gone = mask_editing.slice_along(_mask_or_empty(document, track, frame), line)
    except ValueError as error:
        raise DocumentError("The line does not divide the mask.", "Draw it right across.") from error
    with document.edit("Slice", focus=Focus(record.video, frame, (track,))):
        new = replace(
            record,
            id=TrackId(document.new_id("tracks")),
            name="",
            colour=None,
            reviewed=False,
            score=None,
            extra={},
        )
        document.put(new)
        document.put(_drawn(document, track, frame, stays))
        document.put(_drawn(document, new.id, frame, gone))
    return new


def join_masks(document: Document, track: TrackId, other: TrackId, frame: int) -> None:
    """Put the other track's pixels of this frame into the first one's; the other has none here any more."""
    record, _ = two_unlocked(document, track, other)
    _drawable(document, track, frame)
    _drawable(document, other, frame)
    if not document.annotations.has(other, frame):
        raise DocumentError(f"Track {other} has no mask in frame {frame}.", "Choose one that has.")
    joined = union(_mask_or_empty(document, track, frame), _mask_or_empty(document, other, frame))
    with document.edit("Join on this frame", focus=Focus(record.video, frame, (track, other))):
        document.put(_drawn(document, track, frame, joined))
        document.remove_row(other, frame)


def subtract_others(document: Document, track: TrackId, frame: int, *, from_others: bool = False) -> int:
    """Take the other tracks' pixels from this mask, or with ``from_others`` this mask's from theirs.

    Locked masks give nothing away. Returns how many masks changed.
    """
    record = the_track(document, track) if from_others else _drawable(document, track, frame)
    own = _mask_or_empty(document, track, frame)
    others = [a for a in annotations_at(document, record.video, frame) if a.track != track]
    changed: dict[TrackId, Mask] = {}
    for other in others:
        if not intersection_area(own, other.mask):
            continue
        if from_others and not (other.locked or document.tracks[other.track].locked):
            changed[other.track] = subtract(other.mask, own)
        elif not from_others:
            changed[track] = subtract(changed.get(track, own), other.mask)
    with document.edit("Remove overlap", focus=Focus(record.video, frame, (track,))):
        for changed_track, mask in changed.items():
            document.put(_drawn(document, changed_track, frame, mask))
    return len(changed)


def accept(document: Document, track: TrackId, scope: Scope) -> int:
    """Confirm predictions: they count as a person's from now on. Returns how many."""
    record = unlocked_track(document, track)
    todo = [(f, row) for f, row in _rows(document, track, scope) if not row.is_human]
    with document.edit("Accept", focus=_focus(record, todo)):
        for frame, row in todo:
            document.put_row(track, frame, row._replace(flags=row.flags | ACCEPTED))
    return len(todo)


def reject(document: Document, track: TrackId, scope: Scope) -> int:
    """Remove predictions nobody confirmed; what a person made stays. Returns how many went."""
    record = unlocked_track(document, track)
    todo = [(f, row) for f, row in _rows(document, track, scope) if not row.is_human]
    with document.edit("Reject", focus=_focus(record, todo)):
        for frame, _ in todo:
            document.remove_row(track, frame)
    return len(todo)


def lock_masks(document: Document, track: TrackId, scope: Scope, *, locked: bool) -> int:
    """Lock masks against commands and models, or unlock them. Returns how many changed."""
    record = the_track(document, track)
    todo = [(f, row) for f, row in _rows(document, track, scope) if row.is_locked != locked]
    with document.edit("Lock masks" if locked else "Unlock masks", focus=_focus(record, todo)):
        for frame, row in todo:
            flags = row.flags | LOCKED if locked else row.flags & ~LOCKED
            document.put_row(track, frame, row._replace(flags=flags))
    return len(todo)


def set_occlusion(document: Document, track: TrackId, scope: Scope, level: Occlusion) -> int:
    """Say how much of the object is hidden. Locked masks stay. Returns how many frames changed."""
    record = unlocked_track(document, track)
    if level not in OCCLUSIONS:
        raise DocumentError(f"{level!r} is not a level of occlusion.")
    code = OCCLUSIONS.index(level) << OCCLUSION_SHIFT
    keep = (1 << OCCLUSION_SHIFT) - 1
    rows = _rows(document, track, scope)
    todo = [(f, row) for f, row in rows if not row.is_locked and row.flags & ~keep != code]
    with document.edit("Set occlusion", focus=_focus(record, todo)):
        for frame, row in todo:
            document.put_row(track, frame, row._replace(flags=row.flags & keep | code))
    return len(todo)


def set_outside(document: Document, track: TrackId, scope: Scope, *, outside: bool = True) -> int:
    """Say that the object is not in these frames (its masks there go), or take that back.

    Locked masks stay. Returns how many frames changed.
    """
    record = unlocked_track(document, track)
    video = document.videos[record.video]
    last = video.frame_count - 1 if scope.last is None else min(scope.last, video.frame_count - 1)
    changed = 0
    with document.edit(
        "Mark outside" if outside else "Mark not outside", focus=Focus(video.id, scope.first, (track,))
    ):
        nothing = Mask.empty(video.height, video.width)
        for frame in range(scope.first, last + 1):
            row = document.annotations.row(track, frame)
            if (row is not None and (row.is_locked or row.is_outside == outside)) or (
                row is None and not outside
            ):
                continue
            changed += 1
            if outside:
                document.put(MaskAnnotation(track, frame, nothing, outside=True))
            else:
                document.remove_row(track, frame)
    return changed


def _reshape(
    document: Document, track: TrackId, scope: Scope, name: str, change: Callable[[Mask], Mask]
) -> int:
    """Apply a change of shape to every unlocked mask in scope that it really changes."""
    record = unlocked_track(document, track)
    changed = 0
    with document.edit(name, focus=Focus(record.video, scope.first, (track,))):
        for frame, row in _rows(document, track, scope):
            if row.is_locked or row.is_outside:
                continue
            mask = document.materialise(track, frame, row).mask
            reshaped = change(mask)
            if reshaped != mask:
                document.put(_drawn(document, track, frame, reshaped))
                changed += 1
    return changed


def _rows(document: Document, track: TrackId, scope: Scope) -> list[tuple[int, Row]]:
    return document.annotations.rows(track, scope.first, scope.last)


def _focus(track: Track, rows: Sequence[tuple[int, Any]]) -> Focus:
    return Focus(track.video, rows[0][0] if rows else None, (track.id,))


def _drawable(document: Document, track: TrackId, frame: int) -> Track:
    record = unlocked_track(document, track)
    row = document.annotations.row(track, frame)
    if row is not None and row.is_locked:
        raise DocumentError(f"The mask in frame {frame} is locked.", "Unlock it first.")
    return record


def _mask_or_empty(document: Document, track: TrackId, frame: int) -> Mask:
    annotation = document.annotation(track, frame)
    if annotation is not None:
        return annotation.mask
    video = document.videos[the_track(document, track).video]
    return Mask.empty(video.height, video.width)


def _mask_like(document: Document, track: TrackId, frame: int, region: Mask) -> Mask:
    """The mask that a region is drawn on; DocumentError when the two are not of one image."""
    video = document.videos[the_track(document, track).video]
    if not 0 <= frame < video.frame_count:
        raise DocumentError(f"Frame {frame} is outside the video, which has {video.frame_count} frames.")
    if (region.height, region.width) != (video.height, video.width):
        raise DocumentError(
            f"The region is of {region.width} x {region.height}, the video {video.width} x {video.height}."
        )
    return _mask_or_empty(document, track, frame)


def _drawn(document: Document, track: TrackId, frame: int, mask: Mask) -> MaskAnnotation:
    """The annotation after a person drew ``mask``; what was said about occlusion and imported stays."""
    old = document.annotation(track, frame)
    if old is not None and old.source == "manual" and old.mask == mask and not old.accepted:
        return old
    return MaskAnnotation(
        track,
        frame,
        mask,
        outside=mask.is_empty,
        occlusion=old.occlusion if old is not None else "none",
        extra={} if old is None or old.run is not None else old.extra,  # a run's fields are about its mask
    )
