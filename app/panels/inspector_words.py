"""What the inspector says in sentences."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.panels.inspector_facts import FrameFacts, MaskFacts, NextStep, TrackFacts

NOTHING = "–"


def tr(text: str) -> str:
    """Translate a text of the inspector."""
    return QCoreApplication.translate("InspectorPanel", text)


def frame_text(frame: FrameFacts) -> str:
    """The heading of a frame."""
    return tr("Frame {0} / {1}").format(frame.frame, max(0, frame.frame_count - 1))


def next_words(step: NextStep) -> tuple[str, str]:
    """The sentence that says what to do next, and the button that begins it."""
    return {
        "run": (tr("Let the model find and track the objects."), tr("Run the model…")),
        "run_from_here": (
            tr("The model has not been here: run it from this frame on, or draw an object."),
            tr("Run from here…"),
        ),
        "draw": (
            tr("The model found nothing here: draw what it missed, or go on."),
            tr("Brush"),
        ),
        "check": (
            tr("Click a mask that is wrong to repair it; when all are right, say so."),
            tr("This frame is right"),
        ),
        "go_on": (
            tr("This frame is done: go on to the next one that is not."),
            tr("Next frame not reviewed"),
        ),
    }[step]


def absent_words(track: TrackFacts, frame: int) -> str:
    """Why a track has no mask in a frame."""
    if track.first is None or track.last is None:
        return tr("This track has no mask yet: draw its first one.")
    if frame < track.first:
        return tr("Not here: it begins in frame {0}.").format(track.first)
    if frame > track.last:
        return tr("Not here any more: it ended in frame {0}.").format(track.last)
    return tr("No mask here: a gap of the track.")


def source_words(mask: MaskFacts) -> str:
    """Where a mask comes from; ◆ when a person had a hand in it."""
    words = {
        "detected": tr("Detected in this frame"),
        "propagated": tr("Propagated: carried here from the last frame"),
        "manual": tr("◆ Drawn by a person"),
        "interpolated": tr("◆ Interpolated between human masks"),
        "imported": tr("Imported from a file"),
    }[mask.source]
    if mask.accepted and mask.source in ("detected", "propagated", "imported"):
        return "◆ " + tr("{0}, confirmed by a person").format(words)
    return words


def box_words(mask: MaskFacts) -> str:
    """Size and place of a mask's box, image pixels."""
    if mask.box is None:
        return NOTHING
    x1, y1, x2, y2 = (round(edge) for edge in mask.box)
    return tr("{0} × {1} at {2}, {3}").format(x2 - x1, y2 - y1, x1, y1)
