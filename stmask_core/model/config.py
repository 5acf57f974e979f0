"""What an STMask network is made of: one frozen dataclass, and the 21 released configurations by name.

Defaults are the released choices (spec: released code); where the paper differs the choice is a field.
No torch here, so a configuration can be read, compared and stored anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

Calibration = Literal["adaptive", "aligned"]
"""How a branch's kernels follow the predicted box: learned offsets (paper Eq. 5) or derived (Eq. 6-8)."""

MaskWindows = Literal["released", "trained"]
"""Where a mask may be: in its box, or in the box 1.2 times as large, in which training compares masks."""

FINEST_STRIDE = 8  # input pixels per cell of P3; every level doubles it

FCA_KERNELS = ((3, 3), (3, 5), (5, 3))
"""Feature calibration for anchors: one kernel (height, width) per anchor, anchors of the same shape."""

BASELINE_KERNELS = ((3, 3), (3, 3), (3, 3))
BASELINE_ANCHORS = ((3.0, 3.0), (3.0 * 2**0.5, 3.0 / 2**0.5), (3.0 / 2**0.5, 3.0 * 2**0.5))
"""Without FCA (paper, Table 1 row 1): 3x3 kernels, anchors of 9 cells with ratios 1, 1/2 and 2."""


@dataclass(frozen=True)
class ModelConfig:
    """Architecture of one network; equal configurations have equal parameter names and shapes."""

    backbone: str = "resnet"  # a name in backbones.BACKBONES
    blocks: tuple[int, ...] = (3, 4, 6, 3)  # residual blocks of each stage
    widths: tuple[int, ...] = (64, 128, 256, 512)  # bottleneck width of each stage; the first is the stem's
    deformable_interval: int = 0  # every n-th block from stage 1 on is deformable; 0 = none
    num_classes: int = 41  # with background
    fpn_channels: int = 256
    head_channels: int = 256
    prototype_channels: int = 256
    prototypes: int = 32
    embedding: int = 128
    kernels: tuple[tuple[int, int], ...] = FCA_KERNELS  # (height, width), one anchor each
    anchor_shapes: tuple[tuple[float, float], ...] | None = None  # (height, width) in cells; None = kernels
    class_calibration: Calibration | None = None  # FCB per branch; released: class branch only
    mask_calibration: Calibration | None = None
    track_calibration: Calibration | None = None
    aligned_offsets: Literal["released", "paper"] = "released"  # with the box variances, or raw (Eq. 7-8)
    carried_boxes: Literal["released", "paper"] = "released"  # decoded with the box variances, or raw
    mask_windows: MaskWindows = "released"
    centerness: bool = True  # not in the paper
    centerness_order: Literal["released", "correct"] = "released"  # rows (k,y,x), or (y,x,k) as the rest
    temporal_fusion: bool = True
    temporal_features: Literal["tower", "pyramid"] = "tower"  # pooled beside the correlation; paper: pyramid
    correlation_level: int = 1  # index into P3..P7
    correlation_patch: int = 11  # side of the searched square, in cells; odd
    temporal_channels: tuple[int, int, int] = (512, 512, 1024)
    input_size: tuple[int, int] = (640, 360)  # (width, height) frames are resized to before padding

    def __post_init__(self) -> None:
        if len(self.shapes_of_anchors) != len(self.kernels):
            raise ValueError("one anchor shape per kernel")
        if self.correlation_patch % 2 == 0:
            raise ValueError("correlation_patch must be odd")
        if not 0 <= self.correlation_level < 5:
            raise ValueError("correlation_level is an index into P3..P7")
        if len(self.input_size) != 2 or not all(32 <= side <= 4096 for side in self.input_size):
            raise ValueError("input_size is a width and a height from 32 to 4096")
        if self.num_classes < 2:
            raise ValueError("num_classes counts the background and at least one category")

    @property
    def shapes_of_anchors(self) -> tuple[tuple[float, float], ...]:
        """Anchor (height, width) in cells, one per kernel."""
        return self.kernels if self.anchor_shapes is None else self.anchor_shapes

    @property
    def carried_variances(self) -> tuple[float, float]:
        """What the deltas (centre, size) of carried boxes are multiplied by."""
        return (0.1, 0.2) if self.carried_boxes == "released" else (1.0, 1.0)

    @property
    def correlation_reach(self) -> int:
        """Pixels of the input from a cell's centre to the last one that the correlation compares it with."""
        return (self.correlation_patch // 2) * (FINEST_STRIDE << self.correlation_level)

    @property
    def temporal_input_channels(self) -> int:
        """Channels of the map TemporalNet pools from: correlation, and the features of both frames."""
        features = self.head_channels if self.temporal_features == "tower" else self.fpn_channels
        return self.correlation_patch**2 + 2 * features

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; ``from_dict`` reads them back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelConfig:
        """Inverse of ``to_dict``; raises ValueError on unknown, ill-typed or absurd fields."""
        defaults = {field.name: field.default for field in fields(cls)}
        unknown = sorted(set(values) - set(defaults))
        if unknown:
            raise ValueError(f"unknown fields: {', '.join(unknown)}")
        read = {name: _tuples(value) for name, value in values.items()}
        for name, value in read.items():
            _check_kind(name, value, defaults[name])
        return cls(**read)


def _tuples(value: Any) -> Any:
    """JSON lists become tuples, at every depth."""
    return tuple(_tuples(item) for item in value) if isinstance(value, list | tuple) else value


def _check_kind(name: str, value: Any, default: Any) -> None:
    """ValueError unless ``value`` is of the kind of the field's default and within reason."""
    if name.endswith("_calibration"):
        good = value in (None, "adaptive", "aligned")
    elif name in VARIANTS:
        good = value in VARIANTS[name]
    elif name == "temporal_features":
        good = value in ("tower", "pyramid")
    elif isinstance(default, bool | str):
        good = type(value) is type(default)
    elif isinstance(default, int):
        good = type(value) is int and (name not in _MAY_BE_ZERO) <= value <= _LARGEST
    else:
        good = value is None if name == "anchor_shapes" and value is None else _is_numbers(value)
    if not good:
        raise ValueError(f"{name} = {value!r}")


VARIANTS: Mapping[str, tuple[str, str]] = {
    "aligned_offsets": ("released", "paper"),
    "carried_boxes": ("released", "paper"),
    "centerness_order": ("released", "correct"),
    "mask_windows": ("released", "trained"),
}
"""Choices that change what a network computes, but no parameter."""

_MAY_BE_ZERO = ("deformable_interval", "correlation_level")
_LARGEST = 65_536  # far above any width or count of a network


def _is_numbers(value: Any) -> bool:
    """A short tuple of positive numbers, or of such tuples."""
    return (
        isinstance(value, tuple)
        and 0 < len(value) <= 64
        and all(
            _is_numbers(item)
            if isinstance(item, tuple)
            else type(item) in (int, float) and 0 < item <= _LARGEST
            for item in value
        )
    )


def variant(config: ModelConfig, choices: Mapping[str, str]) -> ModelConfig:
    """The same weights used as the paper describes, or without a slip of the released code.

    choices: fields of ``VARIANTS`` -> one of their values. Raises ValueError on others.
    """
    for name, value in choices.items():
        if value not in VARIANTS.get(name, ()):
            known = ", ".join(f"{n}={v}" for n, values in VARIANTS.items() for v in values)
            raise ValueError(f"{name}={value} is not one of {known}")
    return replace(config, **choices)  # type: ignore[arg-type]


def without_fca(config: ModelConfig) -> ModelConfig:
    """The same network without feature calibration for anchors (paper, Tables 1, 4 and 5)."""
    return replace(config, kernels=BASELINE_KERNELS, anchor_shapes=BASELINE_ANCHORS)


_RESNET50 = ModelConfig()
_RESNET101 = replace(_RESNET50, blocks=(3, 4, 23, 3))
_DARKNET53 = replace(
    _RESNET50, backbone="darknet", blocks=(1, 2, 8, 8, 4), widths=(32, 64, 128, 256, 512, 1024)
)
_PLUS_RESNET50 = replace(_RESNET50, deformable_interval=2)
_PLUS_RESNET101 = replace(_RESNET101, deformable_interval=3)
_PLUS = {
    "STMask_plus_base": _PLUS_RESNET101,
    "STMask_plus_base_ada": replace(_PLUS_RESNET101, class_calibration="adaptive"),
    "STMask_plus_base_ali": replace(_PLUS_RESNET101, class_calibration="aligned"),
    "STMask_plus_resnet50": _PLUS_RESNET50,
    "STMask_plus_resnet50_ada": replace(_PLUS_RESNET50, class_calibration="adaptive"),
    "STMask_plus_resnet50_ali": replace(_PLUS_RESNET50, class_calibration="aligned"),
}

CONFIGS: dict[str, ModelConfig] = {
    "STMask_base": _RESNET101,
    "STMask_resnet50": _RESNET50,
    "STMask_darknet53": _DARKNET53,
    **_PLUS,
    **{f"{name}_OVIS": replace(config, num_classes=26) for name, config in _PLUS.items()},
    **{f"{name}_YTVIS2021": config for name, config in _PLUS.items()},
}
"""The released configurations. YouTube-VIS 2019 and 2021 networks are equal: only their categories differ."""

_SMALL = ModelConfig(
    backbone="efficientnet_lite",
    blocks=(1, 2, 2, 3, 3, 4, 1),
    widths=(32, 16, 24, 40, 80, 112, 192, 320),
    num_classes=13,
    fpn_channels=96,
    head_channels=96,
    prototype_channels=96,
    embedding=64,
    class_calibration="adaptive",
    centerness_order="correct",
    temporal_channels=(128, 128, 192),
    input_size=(320, 192),
)

PRESETS: dict[str, ModelConfig] = {
    "stmask_small": _SMALL,
    "stmask_small_resnet": replace(_SMALL, backbone="resnet", blocks=(2, 2, 2, 2), widths=(16, 32, 64, 96)),
    "stmask_small_uncalibrated": without_fca(replace(_SMALL, class_calibration=None)),  # no FCA, no FCB
}
"""Our own networks: same modules, same code path, good for two processor cores. Recipes set the classes."""
