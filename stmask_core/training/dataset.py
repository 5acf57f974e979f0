"""Frame pairs with their truth, drawn so that a step's batch depends on nothing but the seed and the step.

That makes resuming exact, and shares of several processes disjoint, without any state to save.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from stmask_core.errors import VideoError
from stmask_core.model.preprocess import MEAN, STD
from stmask_core.opencv import cv2
from stmask_core.structures.masks import Mask
from stmask_core.training.augmentation import View, change_colours, draw_look, draw_view
from stmask_core.training.batch import FrameTruth, PairBatch
from stmask_core.training.recipe import Input


@dataclass(frozen=True, slots=True)
class ObjectMask:
    """One object in one frame. id: the same number in every frame of the clip; label: 1..K."""

    id: int
    label: int
    mask: Mask


@dataclass(frozen=True, slots=True)
class AnnotatedFrame:
    """A picture file and what is in it, possibly nothing."""

    picture: Path
    objects: tuple[ObjectMask, ...]


@dataclass(frozen=True, slots=True)
class Clip:
    """The annotated frames of one video in their order; a still image is a clip of one frame."""

    name: str
    frames: tuple[AnnotatedFrame, ...]


@dataclass(frozen=True)
class TrainingSet:
    """Clips of one source, and how often an epoch shows each of their frames."""

    clips: tuple[Clip, ...]
    repeat: float = 1.0


class Pairs:
    """All frame pairs of a mix of training sets, by sample number."""

    def __init__(self, sets: Sequence[TrainingSet], options: Input, seed: int) -> None:
        self.options, self.seed = options, seed
        self.clips = [clip for part in sets for clip in part.clips]
        self._parts = []  # (rows of (clip, frame), repeat) of each set
        first = 0
        for part in sets:
            # A frame without objects teaches nothing the background of other frames does not.
            rows = [
                (first + number, frame)
                for number, clip in enumerate(part.clips)
                for frame, content in enumerate(clip.frames)
                if content.objects
            ]
            first += len(part.clips)
            self._parts.append((np.array(rows, np.int64).reshape(-1, 2), part.repeat))
        self.epoch_length = sum(round(len(rows) * repeat) for rows, repeat in self._parts)
        self._orders: dict[int, NDArray[np.int64]] = {}  # no lru_cache: readers may get this pickled

    def batch(self, step: int, pairs: int, *, rank: int = 0, world: int = 1) -> PairBatch:
        """The pairs of one step of one process. Tensors are on the CPU.

        rank, world: which of how many processes asks; together they get ``pairs * world`` different pairs.
        """
        size = self.options.sizes[int(self._random("size", step).integers(len(self.options.sizes)))]
        images, truths = [], []
        for place in range(pairs):
            sample = (step * world + rank) * pairs + place
            for image, truth in self.pair(sample, size, place):
                images.append(image)
                truths.append(truth)
        return PairBatch.of(torch.from_numpy(np.stack(images)), truths)

    def pair(self, sample: int, size: tuple[int, int], place: int) -> list[tuple[NDArray, FrameTruth]]:
        """Both frames of one sample, sorted by time, at (width, height) ``size`` padded to multiples of 32.

        place: number of the pair in its batch; keeps ids of different videos apart.
        """
        drawn, follows = divmod(sample, self.options.pairs_of_clip)
        epoch, position = divmod(drawn, self.epoch_length)
        number, frame = self._order(epoch)[position]
        clip = self.clips[number]
        random = self._random("pair", sample)
        if follows:  # another moment of the same clip
            frame = random.integers(len(clip.frames))
        chosen = sorted((int(frame), partner(len(clip.frames), int(frame), self.options.reach, random)))
        first, second = draw_view(self.options, random)
        look = draw_look(self.options, random)
        video = place // self.options.pairs_of_clip
        out = []
        for index, view in zip(chosen, (first, second), strict=True):
            content = clip.frames[index]
            image = read_picture(content.picture)
            pixels = change_colours(view.of_image(image, size), look, random)
            out.append((normalised(pixels), self._truth(content, image.shape[:2], view, size, video)))
        return out

    def _truth(
        self, content: AnnotatedFrame, shape: tuple[int, int], view: View, size: tuple[int, int], video: int
    ) -> FrameTruth:
        """Boxes half-open and from the masks as the network's input shows them; tiny objects left out."""
        width, height = padded(size)
        masks, boxes, labels, ids = [], [], [], []
        for entry in content.objects:
            bits = view.of_mask(entry.mask.bits(), shape, size)
            if np.count_nonzero(bits) < max(1, self.options.smallest_object):
                continue
            columns, rows = np.flatnonzero(bits.any(0)), np.flatnonzero(bits.any(1))
            full = np.zeros((height, width), np.uint8)
            full[: size[1], : size[0]] = bits
            masks.append(full)
            edges = (columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height)
            boxes.append(edges)
            labels.append(entry.label)
            ids.append(video * _IDS_PER_CLIP + entry.id)
        return FrameTruth(
            boxes=torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
            labels=torch.tensor(labels, dtype=torch.int64),
            ids=torch.tensor(ids, dtype=torch.int64),
            masks=torch.from_numpy(np.stack(masks) if masks else np.zeros((0, height, width), np.uint8)),
        )

    def _order(self, epoch: int) -> NDArray[np.int64]:
        """(epoch_length, 2) rows of (clip, frame): every set as often as it asks, shuffled together."""
        if epoch in self._orders:
            return self._orders[epoch]
        random = self._random("epoch", epoch)
        drawn = []
        for rows, repeat in self._parts:
            wanted = round(len(rows) * repeat)
            whole, rest = divmod(wanted, max(1, len(rows)))
            drawn += [rows] * whole + [rows[random.permutation(len(rows))[:rest]]]
        together = np.concatenate(drawn)
        latest = list(self._orders.items())[-1:]  # batches are read ahead into the next epoch
        self._orders = {**dict(latest), epoch: together[random.permutation(len(together))]}
        return self._orders[epoch]

    def _random(self, purpose: str, number: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, _PURPOSES.index(purpose), number))


_PURPOSES = ("epoch", "pair", "size")
_IDS_PER_CLIP = 1 << 40


def partner(count: int, frame: int, reach: int, random: np.random.Generator) -> int:
    """Another frame of the same clip within ``reach``, or the frame itself when there is none (spec 14.1)."""
    near = [n for n in range(max(0, frame - reach), min(count, frame + reach + 1)) if n != frame]
    return near[int(random.integers(len(near)))] if near else frame


def padded(size: tuple[int, int]) -> tuple[int, int]:
    """(width, height) rounded up to multiples of 32."""
    return -(-size[0] // 32) * 32, -(-size[1] // 32) * 32


def normalised(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(h, w, 3) 8-bit RGB -> (3, H, W), zero-padded right and bottom after normalisation (spec 13)."""
    height, width = pixels.shape[:2]
    full_width, full_height = padded((width, height))
    out = np.zeros((3, full_height, full_width), np.float32)
    for channel, table in enumerate(_NORMALISED):
        out[channel, :height, :width] = cv2.LUT(np.ascontiguousarray(pixels[..., channel]), table)
    return out


_NORMALISED = ((np.arange(256, dtype=np.float32)[:, None] - MEAN) / STD).T.copy()
"""(3, 256): what becomes of each 8-bit value of a channel."""


def read_picture(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) RGB; VideoError when the file is absent or no picture."""
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        hint = "Is `images` the folder of the frames?"
        raise VideoError(f"Cannot read {path}: {error.strerror or error}.", hint) from error
    pixels = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if pixels is None:
        raise VideoError(f"{path} is no picture, or is damaged.")
    return np.ascontiguousarray(np.asarray(pixels, np.uint8)[..., ::-1])
