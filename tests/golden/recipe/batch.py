"""The training batch: clip A = frames 0, 1; clip B = frames 3, 4 mirrored left-right (own ids)."""
import numpy as np
from tests.golden.recipe import clip

LABELS = [3, 7, 12, 1, 40, 25]     # class of each object of clip.OBJ, 1-based


def ground_truth(t, h, w, mirror):
    """boxes (normalised by the padded size), labels, masks [n, H, W], object numbers of the objects visible in frame t."""
    s = w // 160
    y, x = np.mgrid[0:h, 0:w].astype(np.int64)
    owner = np.full((h, w), -1)
    for k, (cx, cy, vx, vy, rx, ry, kind, tex, per, a, b, first, last, absent) in enumerate(clip.OBJ):
        if t < first or t > last or t in absent:
            continue
        dx, dy = x - (cx + vx * t) * s, y - (cy + vy * t) * s
        inside = (dx * ry) ** 2 + (dy * rx) ** 2 <= (rx * ry) ** 2 if kind == 0 else (abs(dx) <= rx) & (abs(dy) <= ry)
        owner[inside] = k
    if mirror:
        owner = owner[:, ::-1]
    H, W = -(-h // 32) * 32, -(-w // 32) * 32
    boxes, masks, ks = [], [], []
    for k in range(len(clip.OBJ)):
        m = owner == k
        if not m.any():
            continue
        ys, xs = np.nonzero(m)
        boxes.append([xs.min() / W, ys.min() / H, xs.max() / W, ys.max() / H])
        full = np.zeros((H, W), np.uint8)
        full[:h, :w] = m
        masks.append(full)
        ks.append(k)
    return (np.array(boxes, np.float32), np.array([LABELS[k] for k in ks], np.int64), np.stack(masks), np.array(ks, np.int64))


def make_batch(h=90, w=160):
    imgs, gb, gl, gm, gi = [], [], [], [], []
    for frames, mirror, base in (((0, 1), False, 101), ((3, 4), True, 201)):
        row, b4, l4, m4, i4 = [], [], [], [], []
        for t in frames:
            im = clip.batch(t, h, w)
            if mirror:
                im = im.copy()
                im[:, :h, :w] = im[:, :h, :w][:, :, ::-1]
            row.append(im)
            b, l, m, k = ground_truth(t, h, w, mirror)
            b4.append(b); l4.append(l); m4.append(m); i4.append(k + base)
        imgs.append(np.stack(row)); gb.append(b4); gl.append(l4); gm.append(m4); gi.append(i4)
    return np.stack(imgs), gb, gl, gm, gi
