"""Tools that look at the picture: fill, magic wand, GrabCut."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPainter

from app.canvas.canvas_view import Gesture
from app.canvas.coordinates import Coordinates
from app.tools.region_tools import BoxTool, box_of
from app.tools.tool import ADD, EditTarget, Tool, mode_of, paint_bits, tr
from stmask_core.opencv import cv2
from stmask_core.structures.masks import Mask

WAND_TOLERANCE = 12  # per channel, against the clicked pixel
GRABCUT_SIDE = 320  # longest side GrabCut works on; the result is scaled back
GRABCUT_ROUNDS = 4
PREVIEW_SIDE, PREVIEW_ROUNDS = 96, 2  # the same while the box is drawn: some 10 ms


class FillTool(Tool):
    """Click a hole of the selected mask to fill it; Ctrl removes the connected part under the pointer."""

    name = "fill"
    cursor = Qt.CursorShape.PointingHandCursor

    def press(self, gesture: Gesture) -> None:
        """Fill, or remove, the connected pixels under the pointer."""
        mask = self.target.mask()
        if gesture.button != Qt.MouseButton.LeftButton or mask is None or mask.is_empty:
            return
        region = connected_region(mask, int(gesture.x), int(gesture.y))
        if region is None:
            return
        inside = bool(
            mask.window(int(gesture.x), int(gesture.y), int(gesture.x) + 1, int(gesture.y) + 1)[0, 0]
        )
        if inside and mode_of(gesture) != ADD:
            self.target.apply_region(region, "subtract", tr("Remove part"))
        elif not inside and mode_of(gesture) == ADD:
            self.target.apply_region(region, ADD, tr("Fill hole"))


def connected_region(mask: Mask, x: int, y: int) -> Mask | None:
    """Pixels connected to (x, y) that are like it, inside or outside the mask; None for the open outside."""
    box = mask.box
    assert box is not None
    x1, y1, x2, y2 = box
    if not (x1 <= x < x2 and y1 <= y < y2):
        return None
    bits = np.pad(mask.crop_bits(), 1).astype(np.uint8)
    wanted = bits[y - y1 + 1, x - x1 + 1]
    like = (bits == wanted).astype(np.uint8)
    # diagonal steps join pixels of the mask but not its background, so that a thin wall holds
    _, labels = cv2.connectedComponents(like, connectivity=8 if wanted else 4)
    label = labels[y - y1 + 1, x - x1 + 1]
    if not wanted and label == labels[0, 0]:
        return None
    part = labels[1:-1, 1:-1] == label
    return Mask.from_crop(part, y0=y1, x0=x1, height=mask.height, width=mask.width)


class WandTool(Tool):
    """Click: take the connected pixels of like colour; Shift takes more, Ctrl subtracts."""

    name = "wand"
    cursor = Qt.CursorShape.CrossCursor

    def __init__(self, target: EditTarget) -> None:
        super().__init__(target)
        self._region: Mask | None = None  # what a click would take
        self._mode = ADD

    def press(self, gesture: Gesture) -> None:
        """Flood from the clicked pixel."""
        region, self._region = self._region_at(gesture), None
        if gesture.button == Qt.MouseButton.LeftButton and region is not None:
            self.target.apply_region(region, mode_of(gesture), tr("Magic wand"))

    def move(self, gesture: Gesture) -> None:
        """Show what a click would take."""
        self._region, self._mode = self._region_at(gesture), mode_of(gesture)

    def cancel(self) -> None:
        """Show nothing."""
        self._region = None

    def paint(self, painter: QPainter, coordinates: Coordinates) -> None:
        """The region under the pointer."""
        if self._region is not None:
            paint_region(painter, coordinates, self._region, self.target.colour(), self._mode)

    def _region_at(self, gesture: Gesture) -> Mask | None:
        image = self.target.image()
        if image is None:
            return None
        more = bool(gesture.modifiers & Qt.KeyboardModifier.ShiftModifier)
        tolerance = WAND_TOLERANCE * (2 if more else 1)
        return wand_region(image, int(np.floor(gesture.x)), int(np.floor(gesture.y)), tolerance)


def wand_region(image: NDArray[np.uint8], x: int, y: int, tolerance: int) -> Mask | None:
    """Pixels connected to (x, y) within ``tolerance`` of its colour in every channel."""
    height, width = image.shape[:2]
    if not (0 <= x < width and 0 <= y < height):
        return None
    found = np.zeros((height + 2, width + 2), np.uint8)
    flags = 4 | (1 << 8) | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY
    limits = (tolerance,) * 3
    picture = image if image.flags.writeable else image.copy()  # it is not written to: only the mask is
    _, _, _, (left, top, wide, tall) = cv2.floodFill(picture, found, (x, y), 0, limits, limits, flags)
    bits = found[1 + top : 1 + top + tall, 1 + left : 1 + left + wide]
    return Mask.from_crop(bits, y0=top, x0=left, height=height, width=width)


def paint_region(
    painter: QPainter, coordinates: Coordinates, region: Mask, track: tuple[int, int, int], mode: str
) -> None:
    """Paint what an edit would take: in the track's colour, red where it would be taken away."""
    colour = QColor(*track) if mode == ADD else QColor("#ef6b6b")
    colour.setAlpha(130)
    paint_bits(painter, coordinates, region.crop_bits().view(np.uint8), (region.x0, region.y0), colour)


class GrabCutTool(BoxTool):
    """Drag a box around an object: its foreground is found inside it (Rother et al., 2004).

    While the box is drawn a coarse search shows what to expect.
    """

    name = "grabcut"

    def __init__(self, target: EditTarget) -> None:
        super().__init__(target)
        self._region: Mask | None = None  # of the coarse search
        self._mode = ADD

    def press(self, gesture: Gesture) -> None:
        """Begin."""
        self._region = None
        super().press(gesture)

    def move(self, gesture: Gesture) -> None:
        """Search in the box as it is now."""
        super().move(gesture)
        image, self._mode = self.target.image(), mode_of(gesture)
        if not self.way or image is None:
            return
        box = box_of(self.way)
        if is_large_enough(box):
            self.target.preview(
                tr("GrabCut"),
                lambda: grabcut_region(image, box, PREVIEW_SIDE, PREVIEW_ROUNDS),
                self._show,
            )

    def paint(self, painter: QPainter, coordinates: Coordinates) -> None:
        """The rectangle, and what is found in it."""
        if self.way and self._region is not None:
            paint_region(painter, coordinates, self._region, self.target.colour(), self._mode)
        super().paint(painter, coordinates)

    def finish_box(self, box: tuple[int, int, int, int], mode: str) -> None:
        """Start the search; the edit follows when it is done."""
        image = self.target.image()
        if image is None or not is_large_enough(box):
            return
        self.target.in_background(
            tr("GrabCut"),
            lambda: grabcut_region(image, box),
            lambda region: self.target.apply_region(region, mode, tr("GrabCut")),
        )

    def _show(self, region: Mask) -> None:
        self._region = region


def is_large_enough(box: tuple[int, int, int, int]) -> bool:
    """Whether there is anything to tell apart in a box of image pixels."""
    return box[2] - box[0] >= 4 and box[3] - box[1] >= 4


def grabcut_region(
    image: NDArray[np.uint8],
    box: tuple[int, int, int, int],
    side: int = GRABCUT_SIDE,
    rounds: int = GRABCUT_ROUNDS,
) -> Mask:
    """Foreground inside ``box`` (image pixels), searched in the box and a border of half its size.

    side: longest side, in pixels, of the reduced picture that is searched, this many rounds.
    """
    height, width = image.shape[:2]
    x1, y1, x2, y2 = max(0, box[0]), max(0, box[1]), min(width, box[2]), min(height, box[3])
    if x2 - x1 < 2 or y2 - y1 < 2:
        return Mask.empty(height, width)
    around_x, around_y = (x2 - x1) // 2, (y2 - y1) // 2
    left, top = max(0, x1 - around_x), max(0, y1 - around_y)
    right, bottom = min(width, x2 + around_x), min(height, y2 + around_y)
    crop = image[top:bottom, left:right]
    scale = min(1.0, side / max(crop.shape[:2]))
    size = (max(2, round(crop.shape[1] * scale)), max(2, round(crop.shape[0] * scale)))
    small = cv2.resize(crop, size, interpolation=cv2.INTER_AREA)
    marks = np.full(small.shape[:2], cv2.GC_BGD, np.uint8)
    inner = [round(v * scale) for v in (x1 - left, y1 - top, x2 - left, y2 - top)]
    marks[inner[1] : inner[3], inner[0] : inner[2]] = cv2.GC_PR_FGD
    if (marks == cv2.GC_PR_FGD).all():  # the box is the whole image: its rim must be background
        marks[[0, -1]] = marks[:, [0, -1]] = cv2.GC_BGD
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)  # the same box gives the same mask
    nowhere = (0, 0, 1, 1)  # not read: the marks say where to look
    cv2.grabCut(small, marks, nowhere, models[0], models[1], rounds, cv2.GC_INIT_WITH_MASK)
    soft = (marks == cv2.GC_PR_FGD).astype(np.float32)
    full = cv2.resize(soft, (crop.shape[1], crop.shape[0]), interpolation=cv2.INTER_LINEAR) > 0.5
    full[: max(0, y1 - top)] = full[y2 - top :] = False
    full[:, : max(0, x1 - left)] = full[:, x2 - left :] = False
    return Mask.from_crop(full, y0=top, x0=left, height=height, width=width)
