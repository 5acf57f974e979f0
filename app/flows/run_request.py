"""What a run of the model is asked to do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RunRequest:
    """frames first..last, both included. weights: "demo" or a path. categories: "" takes the file's own.

    device: auto, cpu, cuda, … precision: auto, fp32, bf16. temporal: with temporal fusion. letterbox: keep
    the aspect ratio. retire: forget tracks not seen for so many frames. batch: frames at once; None what
    suits.
    """

    weights: str
    first: int
    last: int
    categories: str = ""
    device: str = "auto"
    precision: str = "auto"
    temporal: bool = True
    letterbox: bool = False
    retire: int | None = None
    batch: int | None = None
