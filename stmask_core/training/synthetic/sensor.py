"""What the camera adds to a clean picture: exposure, softness, noise, compression."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stmask_core.opencv import cv2


class Sensor:
    """One camera's flaws, drawn once per clip; noise differs per frame and is reproducible."""

    def __init__(self, rng: np.random.Generator, seed: int) -> None:
        self.seed = seed
        gamma = float(rng.uniform(0.8, 1.25))
        gains = rng.uniform(0.88, 1.08, 3)
        level = np.linspace(0, 1, 256)[:, None] ** gamma * gains * 255
        self.curve = np.clip(level, 0, 255).astype(np.uint8)[None]
        self.softness = float(rng.uniform(0.3, 0.9)) if rng.random() < 0.4 else 0.0
        self.noise = float(rng.choice((0.0, 2.0, 4.0, 8.0), p=(0.3, 0.35, 0.25, 0.1)))
        # A recording that is compressed again later still shows the blocks of this first time.
        self.quality = int(rng.integers(35, 85)) if rng.random() < 0.3 else 0

    def develop(self, image: NDArray[np.uint8], frame: int) -> NDArray[np.uint8]:
        """The recorded picture of a clean one; ``frame`` selects the noise."""
        picture = cv2.LUT(image, self.curve)
        if self.softness:
            picture = cv2.GaussianBlur(picture, (0, 0), self.softness)
        if self.noise:
            rng = np.random.default_rng((self.seed, frame))
            grain = rng.standard_normal(image.shape, dtype=np.float32)
            picture = cv2.add(picture, grain * np.float32(self.noise), dtype=cv2.CV_8U)
        if self.quality:
            quality = (cv2.IMWRITE_JPEG_QUALITY, self.quality)
            _, packed = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), quality)
            picture = cv2.cvtColor(np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR)), cv2.COLOR_BGR2RGB)
        return np.ascontiguousarray(picture, np.uint8)
