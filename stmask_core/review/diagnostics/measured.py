"""What each diagnostic was worth where the truth is known: by ``stmask bench review``, see decision 0070."""

from __future__ import annotations

WORTH_SHOWING = 0.6

AUROC: dict[str, float] = {
    "disagreement": 0.81,
    "small_margin": 0.73,
    "propagation_age": 0.697,
    "dissimilarity": 0.555,
    "indistinctness": 0.607,
    "rivals": 0.477,
    "beyond_correlation": 0.537,
    "ambiguity": 0.63,
    "temporal_change": 0.692,
    "centre_jump": 0.704,
    "area_jump": 0.704,
    "blur": 0.518,
    "occlusion": 0.809,
    "category_flicker": 0.548,
    "low_score": 0.82,
    "score_drag": 0.654,
    "border": 0.467,
    "tininess": 0.689,
    "shot_cut": 0.56,
}
"""For "IoU < 0.5 or identity switch in this frame", on clips that were not used for the weights."""

WEIGHTS: dict[str, float] = {
    "disagreement": 0.805,
    "small_margin": 0.191,
    "propagation_age": 0.927,
    "dissimilarity": 0.0,
    "indistinctness": 0.0,
    "rivals": 0.0,
    "beyond_correlation": 0.0,
    "ambiguity": 0.0,
    "temporal_change": 0.01,
    "centre_jump": 0.136,
    "area_jump": 0.036,
    "blur": 0.521,
    "occlusion": 0.526,
    "category_flicker": 0.042,
    "low_score": 0.369,
    "score_drag": 0.0,
    "border": 0.0,
    "tininess": 0.166,
    "shot_cut": 0.0,
}
"""Risk that one full alarm makes alone."""
