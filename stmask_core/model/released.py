"""The files the authors released: names, training data, published accuracy. They are not in the box."""

from __future__ import annotations

from dataclasses import dataclass

SOURCE = "https://github.com/MinghanLi/STMask"


@dataclass(frozen=True)
class ReleasedFile:
    """One file of the authors' table."""

    file: str
    config: str | None  # a name in CONFIGS; None for files that only start a training
    data: str
    mask_ap: float | None  # as published; per-class NMS


def _files(data: str, suffix: str, accuracy: dict[str, float]) -> list[ReleasedFile]:
    names = {name: f"STMask_plus_{name}{suffix}" for name in accuracy}
    return [ReleasedFile(f"{names[name]}.pth", names[name], data, ap) for name, ap in accuracy.items()]


RELEASED: tuple[ReleasedFile, ...] = (
    *_files(
        "YouTube-VIS 2019",
        "",
        {
            "resnet50": 33.4,
            "resnet50_ali": 32.1,
            "resnet50_ada": 33.0,
            "base": 36.3,
            "base_ali": 37.1,
            "base_ada": 37.9,
        },
    ),
    *_files(
        "YouTube-VIS 2021",
        "_YTVIS2021",
        {"resnet50": 30.6, "resnet50_ada": 31.1, "base": 33.7, "base_ada": 34.6},
    ),
    *_files("OVIS", "_OVIS", {"resnet50": 15.4, "resnet50_ada": 15.4, "base": 17.3, "base_ada": 15.8}),
    *(
        ReleasedFile(f"yolact_plus_{backbone}_54{kind}.pth", None, "COCO (starts a training)", None)
        for backbone in ("resnet50", "base")
        for kind in ("", "_ali", "_ada")
    ),
)
"""Single-image COCO files reach 32.9 to 34.8 mask AP; which file reaches which is not published per file."""
