"""Choosing among the masks that a model run kept: detected, carried, both, what they share, a person's own;
and restoring what became no mask.

A chosen mask is a person's choice: its source is *manual* and no model run changes it. What was there before,
where no run had made it, is remembered beside the chosen mask, so that the human mask can always be chosen
again: after a restart too, and wherever the mask moves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from stmask_core.document.changes import Focus
from stmask_core.document.commands.masks import set_mask
from stmask_core.document.commands.tracks import create_track, unlocked_track
from stmask_core.document.document import Document
from stmask_core.document.evidence import CHOSEN, KeptMasks, Leftover, chosen_note, kept_masks
from stmask_core.document.queries import category_named, the_video
from stmask_core.document.records import SOURCES, CategoryId, MaskAnnotation, ModelRun, TrackId
from stmask_core.document.scope import Scope
from stmask_core.errors import DocumentError
from stmask_core.structures.masks import Mask, intersection, union

Choice = Literal["detected", "carried", "union", "intersection", "human"]
CHOICES: tuple[Choice, ...] = get_args(Choice)
BEFORE = ("mask", "source", "accepted", "score", "extra")  # of the remembered human mask


@dataclass(frozen=True, slots=True)
class ChoiceCounts:
    """What a choice did: masks changed, locked masks left alone, frames that have nothing to choose."""

    changed: int = 0
    locked: int = 0
    missing: int = 0


def choices_at(document: Document, track: TrackId, frame: int) -> dict[Choice, Mask]:
    """What can be chosen for a track in a frame, in the order of the cycle, no two of equal pixels.

    The human mask is the one that is there, or was before something else was chosen. An empty one says that
    the object is not in the frame.
    """
    kept = kept_masks(document, track, frame)
    annotation = document.annotation(track, frame)
    found = _of_model(kept) if kept is not None else {}
    human = None if annotation is None else _human(annotation)
    if human is not None:
        found["human"] = human.mask
    distinct: dict[Choice, Mask] = {}
    for choice, mask in found.items():
        if mask not in distinct.values() and (choice == "human" or not mask.is_empty):
            distinct[choice] = mask
    return distinct


def choice_shown(document: Document, track: TrackId, frame: int) -> Choice | None:
    """Which of ``choices_at`` the mask in a frame is; None when it is none of them, or there is no mask."""
    annotation = document.annotation(track, frame)
    choices = choices_at(document, track, frame).items()
    return next((c for c, mask in choices if annotation is not None and mask == annotation.mask), None)


def next_choice(document: Document, track: TrackId, frame: int) -> Choice:
    """The choice after the one that is shown, and round again. DocumentError when there is no other."""
    choices = list(choices_at(document, track, frame))
    shown = choice_shown(document, track, frame)
    others = [choice for choice in choices if choice != shown]
    if not others:
        if shown is None or shown == "human":
            raise DocumentError(f"No model run kept a mask of this object in frame {frame}.")
        raise DocumentError(f"Of this object the {shown} mask is all that is known in frame {frame}.")
    at = choices.index(shown) + 1 if shown is not None else 0
    return choices[at % len(choices)]


def choose_evidence(document: Document, track: TrackId, scope: Scope, choice: Choice) -> ChoiceCounts:
    """Show the chosen mask of a track in every frame of the scope: one undo step.

    Frames that have no such mask, show it already or are marked outside stay as they are, locked ones too;
    in a single frame a locked mask is refused and a mark outside is replaced.
    """
    record = unlocked_track(document, track)
    last = the_video(document, record.video).frame_count - 1
    last = last if scope.last is None else min(scope.last, last)
    alone = scope.first == last
    counts = ChoiceCounts()
    with document.edit(f"Choose the {choice} mask", focus=Focus(record.video, scope.first, (track,))):
        for frame in range(scope.first, last + 1):
            row = document.annotations.row(track, frame)
            if row is not None and row.is_locked:
                if alone:
                    raise DocumentError(f"The mask in frame {frame} is locked.", "Unlock it first.")
                counts = replace(counts, locked=counts.locked + 1)
                continue
            if row is not None and row.is_outside and not alone:
                continue
            chosen = _chosen(document, track, frame, choice)
            if chosen is None:
                counts = replace(counts, missing=counts.missing + 1)
            elif row is None or chosen.mask != document.body(row.body).mask:
                document.put(chosen)
                counts = replace(counts, changed=counts.changed + 1)
    return counts


def restore_leftover(document: Document, leftover: Leftover) -> TrackId:
    """Make a mask of what became none: one undo step. Returns its track.

    A detection that lost or was suppressed becomes a new track, as drawn by a person. Anything else goes to
    its own track where that is still there and unlocked. DocumentError when the project has no such category.
    """
    with document.one_step():
        track = None if leftover.kind == "lost" else leftover.track
        if track is None or track not in document.tracks or document.tracks[track].locked:
            run = document.runs[leftover.run]
            category = _category(document, run, leftover.category)
            track = create_track(document, run.video, category, frame=leftover.frame).id
        set_mask(document, track, leftover.frame, leftover.mask, name="Restore mask")
    return track


def _category(document: Document, run: ModelRun, number: int) -> CategoryId:
    """The project's category that a run meant by a number from 1 on."""
    names = run.settings.get("categories", ())
    name = str(names[number - 1]) if 0 < number <= len(names) else ""
    known = category_named(document, name)
    if known is None:
        raise DocumentError(f"The project has no category {name!r}.", "Add it, then restore again.")
    return known.id


def _of_model(kept: KeptMasks) -> dict[Choice, Mask]:
    """The choices that a run's masks give; where it kept one of the two, there is nothing to combine."""
    found: dict[Choice, Mask] = {}
    if kept.detected is not None:
        found["detected"] = kept.detected
    if kept.carried is not None:
        found["carried"] = kept.carried
    if kept.detected is not None and kept.carried is not None:
        found["union"] = union(kept.detected, kept.carried)
        found["intersection"] = intersection(kept.detected, kept.carried)
    return found


def _chosen(document: Document, track: TrackId, frame: int, choice: Choice) -> MaskAnnotation | None:
    """The annotation after the choice; None when there is no such mask in the frame."""
    annotation = document.annotation(track, frame)
    human = None if annotation is None else _human(annotation)
    if choice == "human":
        return human
    kept = kept_masks(document, track, frame)
    mask = None if kept is None else _of_model(kept).get(choice)
    if kept is None or mask is None or mask.is_empty:
        return None
    note: dict[str, Any] = {"number": kept.number}
    if human is not None:
        note["before"] = _remembered(human)
    occlusion = annotation.occlusion if annotation is not None else "none"
    return MaskAnnotation(track, frame, mask, occlusion=occlusion, run=kept.run, extra={CHOSEN: note})


def _human(annotation: MaskAnnotation) -> MaskAnnotation | None:
    """The mask that no run made: what was remembered beside a chosen mask, else this one; None without."""
    note = chosen_note(annotation)
    if note:
        before = note.get("before")
        return _recalled(annotation, before) if isinstance(before, Mapping) else None
    return None if annotation.run is not None and not annotation.is_human else annotation


def _remembered(human: MaskAnnotation) -> dict[str, Any]:
    values = {name: getattr(human, name) for name in BEFORE}
    return {**values, "mask": human.mask.to_coco(), "extra": dict(human.extra)}


def _recalled(chosen: MaskAnnotation, before: Mapping[str, Any]) -> MaskAnnotation | None:
    """The mask as it was remembered; None when what the file says of it makes no sense."""
    try:
        mask = Mask.from_coco(before["mask"])
        if (mask.height, mask.width) != (chosen.mask.height, chosen.mask.width):
            return None
        source = before.get("source")
        return MaskAnnotation(
            chosen.track,
            chosen.frame,
            mask,
            source=source if source in SOURCES else "manual",
            score=before.get("score"),
            accepted=before.get("accepted") is True,
            outside=mask.is_empty,
            occlusion=chosen.occlusion,
            extra=before.get("extra") or {},
        )
    except (ValueError, KeyError, TypeError, DocumentError):
        return None
