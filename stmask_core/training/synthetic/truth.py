"""What is true in a synthetic frame.

Definitions (one frame, one object, everything at mid-shutter):

* amodal mask: pixels that the object's own anti-aliased silhouette covers by more than half, as if
  nothing stood in front of it, inside the image;
* visible mask: the amodal mask less the amodal masks of all nearer objects and the pixels that nearer
  scenery covers by more than half; so visible masks never overlap;
* occlusion = 1 - |visible| / |amodal|; None when the amodal mask is empty;
* truncation = share of the full silhouette that lies outside the image; 1 when out of view;
* blur = mean over the object's outline vertices of the distance between their image positions when the
  shutter opens and when it closes, in pixels (object and camera motion together); None out of view.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stmask_core.structures.masks import Mask
from stmask_core.training.synthetic.categories import Category


@dataclass(frozen=True)
class ObjectTruth:
    """One object in one frame; ``identity`` (from 1) is the same in every frame of the clip."""

    identity: int
    category: Category
    visible: Mask
    amodal: Mask
    occlusion: float | None
    truncation: float
    blur: float | None

    @property
    def out_of_view(self) -> bool:
        """No part of the silhouette is inside the image (occluded objects are in view)."""
        return self.amodal.is_empty


@dataclass(frozen=True, eq=False)
class SyntheticFrame:
    """An image (H, W, 3) uint8 RGB and every object of the clip, in the order of their identities."""

    image: NDArray[np.uint8]
    objects: tuple[ObjectTruth, ...]
