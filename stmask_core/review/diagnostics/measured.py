"""What each diagnostic was worth where the truth is known: by ``stmask bench review``, see decision 0070."""

from __future__ import annotations

WORTH_SHOWING = 0.6

AUROC: dict[str, float] = {
    "disagreement": 0.779,
    "small_margin": 0.664,
    "propagation_age": 0.651,
    "dissimilarity": 0.568,
    "indistinctness": 0.601,
    "rivals": 0.482,
    "beyond_correlation": 0.5,
    "ambiguity": 0.5,
    "temporal_change": 0.678,
    "centre_jump": 0.659,
    "area_jump": 0.652,
    "blur": 0.508,
    "occlusion": 0.784,
    "category_flicker": 0.5,
    "low_score": 0.774,
    "score_drag": 0.655,
    "border": 0.456,
    "tininess": 0.635,
    "shot_cut": 0.519,
}
"""For "IoU < 0.5 or identity switch in this frame", on clips that were not used for the weights."""

WEIGHTS: dict[str, float] = {
    "disagreement": 0.851,
    "small_margin": 0.082,
    "propagation_age": 0.848,
    "dissimilarity": 0.0,
    "indistinctness": 0.0,
    "rivals": 0.0,
    "beyond_correlation": 0.0,
    "ambiguity": 0.0,
    "temporal_change": 0.042,
    "centre_jump": 0.247,
    "area_jump": 0.0,
    "blur": 0.306,
    "occlusion": 0.637,
    "category_flicker": 0.0,
    "low_score": 0.312,
    "score_drag": 0.0,
    "border": 0.0,
    "tininess": 0.005,
    "shot_cut": 0.0,
}
"""Risk that one full alarm makes alone."""
