"""Commands on identity over frames: merge, cut, swap, reassign, trim, delete. One undo step each.

Every command is a *plan* first: the plan says how many frames, masks and conflicts it concerns (``preview_…``
shows it), and carrying it out writes exactly that. A conflict is a frame in which the masks that come meet
masks that are there; each command says what happens then. A locked mask moves with its identity but is never
dropped or changed: where a policy would drop it, it wins. Locked tracks refuse.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from stmask_core.document.annotation_table import Row
from stmask_core.document.changes import Focus
from stmask_core.document.commands.tracks import two_unlocked, unlocked_track
from stmask_core.document.document import Document
from stmask_core.document.records import MaskAnnotation, Track, TrackId
from stmask_core.document.scope import Scope
from stmask_core.errors import DocumentError
from stmask_core.structures.masks import union

MergePolicy = Literal["keep_first", "keep_second", "union", "by_score"]
ReassignPolicy = Literal["swap", "replace", "keep"]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a command would do. frames: how many frames change, from first to last (-1 when none does).

    masks: annotations that move, change or go. conflicts: frames where two meet. dropped: annotations that
    would be gone. locked: annotations left alone because they are locked.
    """

    name: str
    tracks: tuple[TrackId, ...]
    frames: int
    first: int
    last: int
    masks: int
    conflicts: int = 0
    dropped: int = 0
    locked: int = 0


@dataclass
class _Plan:
    """Rows to write, and what to count."""

    name: str
    tracks: tuple[Track, ...]
    writes: dict[tuple[TrackId, int], Row | None] = field(default_factory=dict)
    unions: dict[tuple[TrackId, int], TrackId] = field(default_factory=dict)  # (into, frame) -> with whose
    masks: int = 0
    conflicts: int = 0
    dropped: int = 0
    locked: int = 0

    def preview(self) -> Preview:
        """The counts."""
        frames = {frame for _, frame in [*self.writes, *self.unions]}
        return Preview(
            name=self.name,
            tracks=tuple(track.id for track in self.tracks),
            frames=len(frames),
            first=min(frames, default=-1),
            last=max(frames, default=-1),
            masks=self.masks,
            conflicts=self.conflicts,
            dropped=self.dropped,
            locked=self.locked,
        )

    def focus(self) -> Focus:
        """Where undo takes the user."""
        first = self.preview().first
        ids = tuple(track.id for track in self.tracks)
        return Focus(self.tracks[0].video, first if first >= 0 else None, ids)

    def write(self, document: Document) -> None:
        """Carry out, inside an edit."""
        joined = [_joined(document, into, other, frame) for (into, frame), other in self.unions.items()]
        for (track, frame), row in self.writes.items():
            if row is None:
                document.remove_row(track, frame)
            else:
                document.put_row(track, frame, row)
        for annotation in joined:
            document.put(annotation)


# Merge


def preview_merge(document: Document, first: TrackId, second: TrackId, policy: MergePolicy) -> Preview:
    """What ``merge_tracks`` would do."""
    return _plan_merge(document, first, second, policy).preview()


def merge_tracks(
    document: Document, first: TrackId, second: TrackId, policy: MergePolicy = "keep_first"
) -> Preview:
    """Make two tracks one: the first stays, with its name, colour and category; the second is gone.

    policy, where both have a mask: keep the first's, keep the second's, their union, or that of the higher
    score (one that a person made or confirmed wins, and one without a score). "Outside" gives way to a mask.
    Notes and model runs follow.
    """
    plan = _plan_merge(document, first, second, policy)
    with document.edit(plan.name, focus=plan.focus()):
        plan.write(document)
        _redirect(document, second, first)
        document.remove(document.tracks[second])
    return plan.preview()


def _plan_merge(document: Document, first: TrackId, second: TrackId, policy: MergePolicy) -> _Plan:
    _check_policy(policy, get_args(MergePolicy))
    plan = _Plan("Merge tracks", two_unlocked(document, first, second))
    for frame, theirs in document.annotations.rows(second):
        plan.writes[second, frame] = None
        plan.masks += 1
        ours = document.annotations.row(first, frame)
        if ours is None:
            plan.writes[first, frame] = theirs
            continue
        is_locked = ours.is_locked or theirs.is_locked
        if (ours.is_outside or theirs.is_outside) and not is_locked:  # "not here" gives way to a mask
            if ours.is_outside:
                plan.writes[first, frame] = theirs
            continue
        plan.conflicts += 1
        plan.dropped += 1
        winner = _winner(ours, theirs, policy, frame)
        if winner == "union":
            plan.unions[first, frame] = second
        elif winner == "second":
            plan.writes[first, frame] = theirs
    return plan


def _winner(ours: Row, theirs: Row, policy: MergePolicy, frame: int) -> Literal["first", "second", "union"]:
    if ours.is_locked and theirs.is_locked:
        raise DocumentError(f"Both masks of frame {frame} are locked.", "Unlock one of them.")
    if ours.is_locked or theirs.is_locked:
        return "first" if ours.is_locked else "second"
    if policy == "by_score":
        return "second" if _rank(theirs) > _rank(ours) else "first"
    return {"keep_first": "first", "keep_second": "second", "union": "union"}[policy]  # type: ignore[return-value]


def _rank(row: Row) -> float:
    return math.inf if row.score is None or row.is_human else row.score


# Cut


def preview_split(document: Document, track: TrackId, frame: int) -> Preview:
    """What ``split_track`` would do."""
    return _plan_move(document, track, None, Scope.from_here_on(frame), "replace", "Cut track").preview()


def split_track(document: Document, track: TrackId, frame: int) -> Track:
    """Cut a track: what lies in ``frame`` and behind becomes a new track of the same category."""
    plan = _plan_move(document, track, None, Scope.from_here_on(frame), "replace", "Cut track")
    if not plan.masks or plan.masks == document.annotations.count(track):
        raise DocumentError("There is nothing to cut here: all masks lie on one side.")
    return _move_to_new(document, plan)


# Swap


def preview_swap(document: Document, first: TrackId, second: TrackId, scope: Scope) -> Preview:
    """What ``swap_tracks`` would do."""
    return _plan_swap(document, first, second, scope).preview()


def swap_tracks(document: Document, first: TrackId, second: TrackId, scope: Scope) -> Preview:
    """Exchange two tracks' masks within the scope; works where only one of them is present. No conflicts."""
    plan = _plan_swap(document, first, second, scope)
    with document.edit(plan.name, focus=plan.focus()):
        plan.write(document)
    return plan.preview()


def _plan_swap(document: Document, first: TrackId, second: TrackId, scope: Scope) -> _Plan:
    plan = _Plan("Swap tracks", two_unlocked(document, first, second))
    rows = {t: dict(document.annotations.rows(t, scope.first, scope.last)) for t in (first, second)}
    for frame in sorted(rows[first].keys() | rows[second].keys()):
        plan.writes[first, frame] = rows[second].get(frame)
        plan.writes[second, frame] = rows[first].get(frame)
        plan.masks += (frame in rows[first]) + (frame in rows[second])
    return plan


# Reassign


def preview_reassign(
    document: Document, track: TrackId, to: TrackId | None, scope: Scope, policy: ReassignPolicy = "swap"
) -> Preview:
    """What ``reassign`` would do."""
    return _plan_move(document, track, to, scope, policy, "Reassign").preview()


def reassign(
    document: Document, track: TrackId, to: TrackId | None, scope: Scope, policy: ReassignPolicy = "swap"
) -> Track:
    """Give a track's masks within the scope to another track, or to a new one; returns that track.

    policy, where the other track has a mask too: the two change places (swap), the one that comes wins
    (replace), or the one that is there stays and the other does not move (keep).
    """
    plan = _plan_move(document, track, to, scope, policy, "Reassign")
    if to is None:
        if not plan.masks:
            raise DocumentError("There is no mask to reassign.")
        return _move_to_new(document, plan)
    with document.edit(plan.name, focus=plan.focus()):
        plan.write(document)
    return document.tracks[to]


def _plan_move(
    document: Document,
    track: TrackId,
    to: TrackId | None,
    scope: Scope,
    policy: ReassignPolicy,
    name: str,
) -> _Plan:
    _check_policy(policy, get_args(ReassignPolicy))
    source = unlocked_track(document, track)
    target = None if to is None else two_unlocked(document, track, to)[1]
    plan = _Plan(name, (source,) if target is None else (source, target))
    for frame, row in document.annotations.rows(track, scope.first, scope.last):
        there = None if to is None else document.annotations.row(to, frame)
        if there is not None:
            plan.conflicts += 1
            if policy == "keep" or (policy == "replace" and there.is_locked):
                plan.locked += there.is_locked
                continue
            plan.dropped += policy == "replace"
        plan.masks += 1
        plan.writes[track, frame] = there if policy == "swap" else None
        plan.writes[TrackId(0) if to is None else to, frame] = row
    return plan


def _move_to_new(document: Document, plan: _Plan) -> Track:
    """Carry out a plan whose target (track 0) is still to be created."""
    source = plan.tracks[0]
    with document.edit(plan.name, focus=plan.focus()):
        new = replace(
            source, id=TrackId(document.new_id("tracks")), name="", colour=None, reviewed=False, extra={}
        )
        document.put(new)
        plan.writes = {(t or new.id, f): row for (t, f), row in plan.writes.items()}
        plan.write(document)
    return new


# Trim and delete


def preview_trim(document: Document, track: TrackId, first: int, last: int) -> Preview:
    """What ``trim_track`` would do."""
    return _plan_trim(document, track, first, last).preview()


def trim_track(document: Document, track: TrackId, first: int, last: int) -> Preview:
    """Delete a track's masks ahead of ``first`` and behind ``last``. Locked masks stay."""
    plan = _plan_trim(document, track, first, last)
    with document.edit(plan.name, focus=plan.focus()):
        plan.write(document)
    return plan.preview()


def preview_delete(document: Document, tracks: Iterable[TrackId], scope: Scope) -> Preview:
    """What ``delete_masks`` would do."""
    return _plan_delete(document, tracks, scope, "Delete masks").preview()


def delete_masks(document: Document, tracks: Iterable[TrackId], scope: Scope) -> Preview:
    """Delete the masks of tracks within the scope. Locked masks stay; so do the tracks, even when empty.

    To delete tracks altogether: ``commands.tracks.delete_tracks``.
    """
    plan = _plan_delete(document, tracks, scope, "Delete masks")
    with document.edit(plan.name, focus=plan.focus()):
        plan.write(document)
    return plan.preview()


def _plan_trim(document: Document, track: TrackId, first: int, last: int) -> _Plan:
    Scope(first, last)  # is a range
    plan = _plan_delete(document, [track], Scope(last + 1), "Trim track")
    if first > 0:
        before = _plan_delete(document, [track], Scope(0, first - 1), "Trim track")
        plan.writes = before.writes | plan.writes
        plan.masks += before.masks
        plan.dropped += before.dropped
        plan.locked += before.locked
    return plan


def _plan_delete(document: Document, tracks: Iterable[TrackId], scope: Scope, name: str) -> _Plan:
    chosen = tuple(unlocked_track(document, track) for track in dict.fromkeys(tracks))
    if not chosen:
        raise DocumentError("No track is chosen.")
    plan = _Plan(name, chosen)
    for track in chosen:
        for frame, row in document.annotations.rows(track.id, scope.first, scope.last):
            if row.is_locked:
                plan.locked += 1
                continue
            plan.writes[track.id, frame] = None
            plan.masks += 1
            plan.dropped += 1
    return plan


# Shared


def _check_policy(policy: str, known: tuple[str, ...]) -> None:
    if policy not in known:
        raise DocumentError(f"{policy!r} is no policy.", f"Choose one of {', '.join(known)}.")


def _joined(document: Document, into: TrackId, other: TrackId, frame: int) -> MaskAnnotation:
    """The union of two masks of a frame, as a person's."""
    a, b = document.annotation(into, frame), document.annotation(other, frame)
    assert a is not None
    assert b is not None
    mask = union(a.mask, b.mask)
    return MaskAnnotation(into, frame, mask, outside=mask.is_empty, occlusion=a.occlusion, extra=a.extra)


def _redirect(document: Document, old: TrackId, new: TrackId) -> None:
    """Let notes and model runs that speak of ``old`` speak of ``new``."""
    video = document.tracks[old].video
    for note in list(document.notes.of_video(video).values()):
        if note.track == old:
            document.put(replace(note, track=new))
    for run in list(document.runs.of_video(video).values()):
        if any(track == old for _, track in run.tracks):
            pairs: Sequence[tuple[int, TrackId]] = [(n, new if t == old else t) for n, t in run.tracks]
            document.put(replace(run, tracks=tuple(pairs)))
