"""What the canvas draws: one item per mask annotation, and contours cached by mask."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from pyqtgraph.functions import arrayToQPolygonF
from PySide6.QtGui import QPainterPath

from stmask_core.opencv import cv2
from stmask_core.structures.masks import Mask


@dataclass(frozen=True)
class CanvasItem:
    """One mask on the canvas. source: a word of the glossary. human: a person set or locked it."""

    track: int
    mask: Mask
    colour: tuple[int, int, int]
    label: str
    source: str
    human: bool = False
    score: float | None = None


@dataclass(frozen=True)
class Outline:
    """A mask drawn over the masks of the document: the truth, the detected or the carried one.

    dashed: drawn with dashes. filled: hatched inside. bordered: with a line around. text: said at its lower
    edge.
    """

    mask: Mask
    colour: tuple[int, int, int]
    dashed: bool = False
    filled: bool = False
    bordered: bool = True
    text: str = ""


class Contours:
    """Outlines of masks as painter paths in image pixels, the last few hundred kept."""

    def __init__(self, keep: int = 512) -> None:
        self._keep = keep
        self._paths: OrderedDict[Mask, QPainterPath] = OrderedDict()

    def path(self, mask: Mask) -> QPainterPath:
        """The outline along the borders of the mask's pixels; holes included."""
        path = self._paths.get(mask)
        if path is None:
            path = self._paths[mask] = outline(mask)
            if len(self._paths) > self._keep:
                self._paths.popitem(last=False)
        else:
            self._paths.move_to_end(mask)
        return path


def outline(mask: Mask) -> QPainterPath:
    """Borders of the mask's pixels; OpenCV's contours run through pixel centres, hence the half pixel."""
    path = QPainterPath()
    if mask.is_empty:
        return path
    bits = mask.crop_bits().astype("uint8")
    contours, _ = cv2.findContours(bits, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_TC89_L1)
    for contour in contours:
        points = contour[:, 0, :] + (mask.x0 + 0.5, mask.y0 + 0.5)
        path.addPolygon(arrayToQPolygonF(points[:, 0], points[:, 1]))
        path.closeSubpath()
    return path
