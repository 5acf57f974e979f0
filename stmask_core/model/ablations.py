"""Every row of the paper's Tables 1 to 5 as a configuration, as the paper describes it.

ResNet-101 with deformable convolutions; no centerness, raw aligned offsets (Eq. 7-8), carried boxes without
variances (Eq. 11-12), temporal fusion on the pyramid's own features. The released networks differ in all of
these. Rows that several tables share are equal. Their weights were never released: train them with a recipe.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from stmask_core.model.config import CONFIGS, PRESETS, ModelConfig, without_fca

_FCA = replace(
    CONFIGS["STMask_plus_base"],
    centerness=False,
    aligned_offsets="paper",
    carried_boxes="paper",
    temporal_features="pyramid",
    temporal_fusion=False,
)
_BASELINE = without_fca(_FCA)
_BRANCHES = (("class", "mask"), ("class", "track"), ("mask", "track"), ("class", "mask", "track"))
_KINDS = {"ada": "adaptive", "ali": "aligned"}


def _fcb(config: ModelConfig, kind: str, branches: tuple[str, ...] | None = None) -> ModelConfig:
    """With FCB; branches: None for the paper's default, all three (adaptive) or mask and track (aligned)."""
    default = ("class", "mask", "track") if kind == "ada" else ("mask", "track")
    changes = {f"{branch}_calibration": _KINDS[kind] for branch in branches or default}
    return replace(config, **changes)  # type: ignore[arg-type]


def _fusion(config: ModelConfig) -> ModelConfig:
    return replace(config, temporal_fusion=True)


ABLATIONS: dict[str, ModelConfig] = {
    "table1_without_fca": _BASELINE,
    "table1_3x3_3x2_2x3": replace(_FCA, kernels=((3, 3), (3, 2), (2, 3))),
    "table1_3x3_3x5_5x3": _FCA,
    "table2_without_fcb": _FCA,
    **{
        f"table2_{kind}_{'_'.join(branches)}": _fcb(_FCA, kind, branches)
        for branches, kind in product(_BRANCHES, _KINDS)
    },
    "table3_p3_13": replace(_fusion(_FCA), correlation_level=0, correlation_patch=13),
    "table3_p4_11": _fusion(_FCA),
    "table4_baseline": _BASELINE,
    "table4_fca": _FCA,
    "table4_fca_ada": _fcb(_FCA, "ada"),
    "table4_fca_ali": _fcb(_FCA, "ali"),
    "table4_fca_ada_fusion": _fusion(_fcb(_FCA, "ada")),
    "table4_fca_ali_fusion": _fusion(_fcb(_FCA, "ali")),
    "table5_baseline": _BASELINE,
    "table5_fca": _FCA,
    "table5_ada": _fcb(_BASELINE, "ada"),
    "table5_ali": _fcb(_BASELINE, "ali"),
    "table5_fusion": _fusion(_BASELINE),
}

NETWORKS: dict[str, ModelConfig] = {**CONFIGS, **PRESETS, **ABLATIONS}
"""Everything that ``build_model`` and recipes know by name."""
