"""Every diagnostic with its meaning, and a table of all of them for a clip."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from stmask_core.review.diagnostics import appearance, evidence, identity, motion
from stmask_core.review.diagnostics.measured import AUROC, WORTH_SHOWING
from stmask_core.review.observations import Floats, ObservedClip, ObservedTrack


@dataclass(frozen=True)
class Diagnostic:
    """One number per track and frame; NaN where it is undefined. Higher is more suspicious.

    low, high: where it begins to be suspicious and where it is fully so. words: what to say of it.
    """

    name: str
    title: str
    low: float
    high: float
    words: str
    measure: Callable[[ObservedClip, ObservedTrack], Floats]

    @property
    def auroc(self) -> float:
        """How well it pointed at errors where that was measured; 0.5 is chance."""
        return AUROC[self.name]

    @property
    def shown(self) -> bool:
        """Whether it is worth a strip of its own unless a person asks for more."""
        return self.auroc >= WORTH_SHOWING

    def alarm(self, values: Floats) -> Floats:
        """0 below ``low``, 1 above ``high``, straight between; 0 where undefined."""
        return np.nan_to_num(np.clip((values - self.low) / (self.high - self.low), 0, 1), nan=0.0)


DIAGNOSTICS: tuple[Diagnostic, ...] = (
    Diagnostic("disagreement", "Detected against carried", 0.2, 0.8,
               "the detected and the carried mask differ", evidence.disagreement),
    Diagnostic("small_margin", "Association margin (negative)", -0.8, 0.0,
               "another identity was almost as good", identity.small_margin),
    Diagnostic("propagation_age", "Age of propagation", 1, 8,
               "no detection has confirmed it for a while", evidence.propagation_age),
    Diagnostic("dissimilarity", "Embedding distance", 0.1, 0.6,
               "it looks different from its track", identity.dissimilarity),
    Diagnostic("indistinctness", "Similarity to another track", -0.3, 0.1,
               "another track looks just like it", identity.indistinctness),
    Diagnostic("rivals", "Contested", 0, 2,
               "several detections wanted this track", identity.rivals),
    Diagnostic("beyond_correlation", "Motion against the correlation window", 0.5, 1.5,
               "it moves faster than the correlation can see", motion.beyond_correlation),
    Diagnostic("ambiguity", "Correlation ambiguity", 0.6, 0.95,
               "something nearby looks just like it", appearance.ambiguity),
    Diagnostic("temporal_change", "Change of the mask", 0.3, 0.9,
               "its mask changed a lot since the frame before", motion.temporal_change),
    Diagnostic("centre_jump", "Jump of the centre", 0.2, 1.0,
               "it jumped", motion.centre_jump),
    Diagnostic("area_jump", "Jump of the area", 0.3, 1.2,
               "its size jumped", motion.area_jump),
    Diagnostic("blur", "Blur", 0.5, 2.0,
               "it is blurred, compared with its other frames", appearance.blur),
    Diagnostic("occlusion", "Occlusion", 0.2, 0.7,
               "something hides a part of it", appearance.occlusion),
    Diagnostic("category_flicker", "Flicker of the category", 0.1, 0.6,
               "its detections had another category", evidence.category_flicker),
    Diagnostic("low_score", "Low score", 0.3, 0.9,
               "its score is low", evidence.low_score),
    Diagnostic("score_drag", "Drop of the score", 0.1, 0.5,
               "its score has dropped", evidence.score_drag),
    Diagnostic("border", "At the border", 0.05, 0.4,
               "it touches the border of the image", appearance.border),
    Diagnostic("tininess", "Tiny mask", 3.0, 4.5,
               "it is tiny", appearance.tininess),
    Diagnostic("shot_cut", "Cut", 0.3, 0.7,
               "the picture changed as if cut", appearance.shot_cut),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class DiagnosticTable:
    """All diagnostics of a clip, a row per track and frame. tracks, frames: (n,). scores: (n,)."""

    tracks: NDArray[np.int64]
    frames: NDArray[np.int64]
    scores: Floats
    columns: Mapping[str, Floats]

    @cached_property
    def alarms(self) -> dict[str, Floats]:
        """How alarming each diagnostic is in each row, 0 to 1."""
        return {d.name: d.alarm(self.columns[d.name]) for d in DIAGNOSTICS}


def diagnose(clip: ObservedClip) -> DiagnosticTable:
    """Measure every diagnostic of every track."""
    columns = {
        d.name: np.concatenate([np.zeros(0), *(d.measure(clip, track) for track in clip.tracks)])
        for d in DIAGNOSTICS
    }
    tracks = [np.full(len(track.frames), track.id, np.int64) for track in clip.tracks]
    none = np.zeros(0, np.int64)
    return DiagnosticTable(
        np.concatenate([none, *tracks]),
        np.concatenate([none, *(track.frames for track in clip.tracks)]),
        np.concatenate([np.zeros(0), *(track.scores for track in clip.tracks)]),
        columns,
    )
