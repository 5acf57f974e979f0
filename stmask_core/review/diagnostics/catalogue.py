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

    low, high: where it begins to be suspicious and where it is fully so. words: what to say of it. formula,
    undefined, source: what is measured, where it cannot be, whose idea it is (empty: a plain definition).
    """

    name: str
    title: str
    low: float
    high: float
    words: str
    formula: str
    undefined: str
    source: str
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
    Diagnostic(
        name="disagreement",
        title="Detected against carried",
        low=0.2,
        high=0.8,
        words="the detected and the carried mask differ",
        formula="1 - IoU(detected mask, carried mask) of one object",
        undefined="not detected here, or new",
        source="our own: the two sources of STMask's fusion",
        measure=evidence.disagreement,
    ),
    Diagnostic(
        name="small_margin",
        title="Association margin (negative)",
        low=-0.8,
        high=0.0,
        words="another identity was almost as good",
        formula=(
            '-(score of the chosen option - best other option); options are every track and "new"; score '
            "= similarity + w1 mask IoU + w2 box IoU with the run's own weights"
        ),
        undefined="not detected here; the first detections of a video",
        source="paper, Eq. 15",
        measure=identity.small_margin,
    ),
    Diagnostic(
        name="propagation_age",
        title="Age of propagation",
        low=1,
        high=8,
        words="no detection has confirmed it for a while",
        formula="frames since a detection last confirmed the track",
        undefined="no evidence",
        source="paper, section on temporal fusion",
        measure=evidence.propagation_age,
    ),
    Diagnostic(
        name="dissimilarity",
        title="Embedding distance",
        low=0.1,
        high=0.6,
        words="it looks different from its track",
        formula="1 - cosine(embedding of the detection, of the track)",
        undefined="not detected here, or new",
        source="paper, Eq. 15",
        measure=identity.dissimilarity,
    ),
    Diagnostic(
        name="indistinctness",
        title="Similarity to another track",
        low=-0.3,
        high=0.1,
        words="another track looks just like it",
        formula="cosine to the most similar other track - cosine to its own",
        undefined="not detected here, new, or the only track",
        source="paper, Eq. 15",
        measure=identity.indistinctness,
    ),
    Diagnostic(
        name="rivals",
        title="Contested",
        low=0,
        high=2,
        words="several detections wanted this track",
        formula="detections that wanted this track and lost it",
        undefined="no evidence",
        source="released tracker",
        measure=identity.rivals,
    ),
    Diagnostic(
        name="beyond_correlation",
        title="Motion against the correlation window",
        low=0.5,
        high=1.5,
        words="it moves faster than the correlation can see",
        formula=(
            "max(|dx| / rx, |dy| / ry) of the box's centre since the frame before; rx, ry: five cells of "
            "the correlated map in image pixels"
        ),
        undefined="behind a gap; a network of unknown name",
        source="paper: 11 x 11 correlation",
        measure=motion.beyond_correlation,
    ),
    Diagnostic(
        name="ambiguity",
        title="Correlation ambiguity",
        low=0.6,
        high=0.95,
        words="something nearby looks just like it",
        formula=(
            "second best / best normalised correlation of the object's box of the frame before with "
            "places in this picture, up to an eighth of the width away; the second at least half a box "
            "from the first"
        ),
        undefined=(
            "without pictures; behind a gap; box under 4 pixels (after scaling to 24), flat, or with one "
            "place only"
        ),
        source="our own; normalised correlation: Lewis 1995",
        measure=appearance.ambiguity,
    ),
    Diagnostic(
        name="temporal_change",
        title="Change of the mask",
        low=0.3,
        high=0.9,
        words="its mask changed a lot since the frame before",
        formula="1 - IoU with the mask of the frame before",
        undefined="behind a gap",
        source="usual in video segmentation",
        measure=motion.temporal_change,
    ),
    Diagnostic(
        name="centre_jump",
        title="Jump of the centre",
        low=0.2,
        high=1.0,
        words="it jumped",
        formula="|c(t) - 2 c(t-1) + c(t-2)| / sqrt(area(t-1)), c: centre of the box",
        undefined="in the first two frames behind a gap",
        source="second difference",
        measure=motion.centre_jump,
    ),
    Diagnostic(
        name="area_jump",
        title="Jump of the area",
        low=0.3,
        high=1.2,
        words="its size jumped",
        formula="|log(area(t) / area(t-1))|",
        undefined="behind a gap",
        source="our own: a ratio, so that growing and shrinking count alike",
        measure=motion.area_jump,
    ),
    Diagnostic(
        name="blur",
        title="Blur",
        low=0.5,
        high=2.0,
        words="it is blurred, compared with its other frames",
        formula=(
            "log(median sharpness of the track / sharpness here); sharpness: mean squared gradient inside"
            " the mask"
        ),
        undefined="without pictures; sharpness 0",
        source="Pech-Pacheco et al. 2000",
        measure=appearance.blur,
    ),
    Diagnostic(
        name="occlusion",
        title="Occlusion (proxy)",
        low=0.2,
        high=0.7,
        words="something seems to hide a part of it",
        formula=(
            "the greater of: share of its box under other masks; 1 - area / median area of the 10 frames "
            "before. A proxy: it sees no order in depth"
        ),
        undefined="never",
        source="after OVIS' box overlap (Qi et al. 2022)",
        measure=appearance.occlusion,
    ),
    Diagnostic(
        name="category_flicker",
        title="Flicker of the category",
        low=0.1,
        high=0.6,
        words="its detections had another category",
        formula="share of its detections in the last 10 frames with another category than the track's",
        undefined="no detection in 10 frames",
        source="our own: the released code exports the majority",
        measure=evidence.category_flicker,
    ),
    Diagnostic(
        name="low_score",
        title="Low score",
        low=0.3,
        high=0.9,
        words="its score is low",
        formula="1 - score of the mask",
        undefined="no score",
        source="usual: least confident first",
        measure=evidence.low_score,
    ),
    Diagnostic(
        name="score_drag",
        title="Drop of the score",
        low=0.1,
        high=0.5,
        words="its score has dropped",
        formula="best score so far - score",
        undefined="no score",
        source="carried masks lose 5 % per frame",
        measure=evidence.score_drag,
    ),
    Diagnostic(
        name="border",
        title="At the border",
        low=0.05,
        high=0.4,
        words="it touches the border of the image",
        formula="share of the box's outline on the border of the image",
        undefined="never",
        source="our own",
        measure=appearance.border,
    ),
    Diagnostic(
        name="tininess",
        title="Tiny mask",
        low=3.0,
        high=4.5,
        words="it is tiny",
        formula="-log10(area / area of the image)",
        undefined="never",
        source="our own",
        measure=appearance.tininess,
    ),
    Diagnostic(
        name="shot_cut",
        title="Cut",
        low=0.3,
        high=0.7,
        words="the picture changed as if cut",
        formula="half the absolute difference of the pictures' grey histograms (32 levels)",
        undefined="first frame; without pictures",
        source="Zhang, Kankanhalli and Smoliar 1993",
        measure=appearance.shot_cut,
    ),
)


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
