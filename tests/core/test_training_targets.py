"""Properties of matching and mining that hold for any objects and any logits."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stmask_core.model.anchors import pyramid_anchors
from stmask_core.model.box_coding import corner_form, pairwise_iou
from stmask_core.model.config import FCA_KERNELS, PRESETS, ModelConfig
from stmask_core.model.initialise import new_network
from stmask_core.training.batch import FrameTruth, PairBatch
from stmask_core.training.losses import (
    LossOptions,
    PairLoss,
    Positives,
    contrast_loss,
    distance_iou,
    mask_entropy,
)
from stmask_core.training.matching import best_anchor_of_each, match_batch, mine_background

ANCHORS = pyramid_anchors(((12, 20), (6, 10), (3, 5), (2, 3), (1, 2)), FCA_KERNELS)
CLASSES = 6


@st.composite
def truths(draw):
    count = draw(st.integers(0, 6))
    corners = [sorted(draw(st.tuples(*[st.integers(0, 100)] * 2))) for _ in range(2 * count)]
    boxes = [
        [x[0] / 101, y[0] / 101, (x[1] + 1) / 101, (y[1] + 1) / 101]
        for x, y in zip(corners[::2], corners[1::2], strict=True)
    ]
    labels = [draw(st.integers(1, CLASSES - 1)) for _ in range(count)]
    return FrameTruth(
        torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        torch.tensor(labels, dtype=torch.int64),
        torch.arange(count) + 100,
        torch.zeros(count, 1, 1, dtype=torch.uint8),
    )


def logits(seed, frames):
    generator = torch.Generator().manual_seed(seed)
    return 4 * torch.randn(frames, len(ANCHORS), CLASSES, generator=generator)


@settings(max_examples=60, deadline=None)
@given(st.lists(truths(), min_size=1, max_size=3), st.integers(0, 1000))
def test_matching_keeps_its_promises(frames, seed):
    scores = logits(seed, len(frames))
    targets = match_batch(tuple(frames), ANCHORS, scores)
    for frame, truth in enumerate(frames):
        labels, ids, objects = targets.labels[frame], targets.ids[frame], targets.objects[frame]
        positive = labels > 0
        assert set(labels.unique().tolist()) <= {-1, 0, *truth.labels.tolist()}
        if not len(truth.boxes):
            assert not labels.any()
            continue
        assert set(ids[positive].tolist()) == set(truth.ids.tolist()), "every object has an anchor"
        assert torch.equal(ids[positive], truth.ids[objects[positive]])
        assert torch.equal(labels[positive], truth.labels[objects[positive]])
        assert not ids[~positive].any()
        overlaps = pairwise_iou(truth.boxes, corner_form(ANCHORS))
        best = overlaps.max(0).values
        forced = {int(anchor) for _, (anchor,) in best_anchor_of_each(overlaps[None])}
        others = torch.tensor([a not in forced for a in range(len(ANCHORS))])
        assert (best[positive & others] > 0.5).all(), "a poor overlap is never positive unless forced"
        assert not (labels[(best < 0.4) & others]).any(), "and far anchors are background"


@settings(max_examples=60, deadline=None)
@given(st.lists(truths(), min_size=1, max_size=3), st.integers(0, 1000))
def test_mining_takes_the_worst_background(frames, seed):
    scores = logits(seed, len(frames))
    labels = match_batch(tuple(frames), ANCHORS, scores).labels
    chosen = mine_background(labels, scores)
    background = labels == 0
    assert not (chosen & ~background).any()
    wanted = min(3 * int((labels > 0).sum()), labels.numel() - 1, int(background.sum()))
    assert int(chosen.sum()) == wanted
    doubt = torch.logsumexp(scores, -1) - scores[..., 0]
    if chosen.any() and (background & ~chosen).any():
        assert doubt[chosen].min() >= doubt[background & ~chosen].max()


@settings(max_examples=50, deadline=None)
@given(st.lists(truths(), min_size=2, max_size=2))
def test_distance_iou_is_bounded_and_symmetric(pair):
    count = min(len(truth.boxes) for truth in pair)
    a, b = (truth.boxes[:count] for truth in pair)
    value = distance_iou(a, b)
    assert (value <= 1 + 1e-6).all()
    assert (value > -1).all()
    assert np.allclose(value, distance_iou(b, a), atol=1e-6)
    assert np.allclose(distance_iou(a, a), 1, atol=1e-6)


def test_a_batch_without_objects_has_a_loss_and_gradients():
    nothing = FrameTruth(
        torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64),
        torch.zeros(0, 64, 64, dtype=torch.uint8),
    )  # fmt: skip
    config = ModelConfig.from_dict(
        PRESETS["stmask_small_resnet"].to_dict() | {"blocks": [1] * 4, "widths": [4] * 4, "head_channels": 8}
    )
    network = new_network(config).train()
    losses = PairLoss(network, LossOptions())(PairBatch.of(torch.randn(2, 3, 64, 64), (nothing, nothing)))
    assert losses.total.item() == 0
    losses.total.backward()
    without = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    assert not without, "processes that train together need a gradient for every parameter"


def test_an_edge_between_prototype_cells_is_learnt_where_it_is():
    """At the size of the prototypes, what costs least must, enlarged, have the true outline."""
    y, x = torch.meshgrid(torch.arange(48), torch.arange(64), indexing="ij")
    truth = (((y - 23.3) / 14) ** 2 + ((x - 30.6) / 21) ** 2 < 1).to(torch.uint8)[None]
    masks = torch.full((1, 12, 16), 0.5, requires_grad=True)
    optimiser = torch.optim.Adam([masks], 0.02)
    for _ in range(150):
        optimiser.zero_grad()
        losses, _ = mask_entropy(masks, truth, torch.tensor([0]), LossOptions(mask_size="prototypes"))
        losses.sum().backward()
        optimiser.step()
        masks.data.clamp_(1e-4, 1 - 1e-4)
    enlarged = torch.nn.functional.interpolate(masks.detach()[None], (48, 64), mode="bilinear")[0, 0] > 0.5
    both, either = (enlarged & (truth[0] > 0)).sum(), (enlarged | (truth[0] > 0)).sum()
    assert both / either > 0.97


def positives(ids, frames):
    """Anchors of some objects in some frames, for terms that look at nothing else."""
    count = len(ids)
    nothing = torch.zeros(count, 4)
    return Positives(
        frames=torch.tensor(frames), rows=torch.arange(count), weights=torch.ones(count),
        ids=torch.tensor(ids), objects=torch.zeros(count, dtype=torch.int64), boxes=nothing,
        coefficients=torch.zeros(count, 2), true_boxes=nothing, count=max(frames) + 1,
    )  # fmt: skip


def all_anchors(vectors, frames):
    """Embeddings (B, N, E) in which every frame has the same rows."""
    return torch.nn.functional.normalize(vectors, dim=-1)[None].expand(max(frames) + 1, -1, -1)


def test_contrast_is_the_cross_entropy_of_telling_an_object_from_others():
    """Two objects in two frames, one anchor each: candidates are the same object and the two of the other."""
    ids, frames = [1, 2, 1, 2], [0, 0, 1, 1]
    vectors = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.8, 0.6], [0.0, 1.0]])
    cosines = vectors @ vectors.T / 0.5
    said = contrast_loss(all_anchors(vectors, frames), positives(ids, frames), 0.5)
    expected = []
    for row, found in ((0, 2), (1, 3), (2, 0), (3, 1)):
        candidates = torch.stack([cosines[row, column] for column in range(4) if column != row])
        expected.append(candidates.logsumexp(0) - cosines[row, found])
    assert torch.isclose(said, torch.stack(expected).mean(), atol=1e-6)


def test_contrast_counts_an_object_once_whatever_its_anchors():
    ids, frames = [1, 2, 1, 2], [0, 0, 1, 1]
    vectors = torch.randn(4, 8, generator=torch.Generator().manual_seed(3))
    once = contrast_loss(all_anchors(vectors, frames), positives(ids, frames), 0.2)
    often = [0, 0, 0, 1, 2, 3, 3]
    rows = [ids[n] for n in often], [frames[n] for n in often]
    assert torch.isclose(contrast_loss(all_anchors(vectors[often], frames), positives(*rows), 0.2), once)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 3)), min_size=1, max_size=12))
def test_contrast_has_finite_gradients_whatever_is_there(anchors):
    """Also when no object is seen twice, or there is only one."""
    ids, frames = [a for a, _ in anchors], [b for _, b in anchors]
    vectors = torch.randn(len(ids), 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss = contrast_loss(all_anchors(vectors, frames), positives(ids, frames), 0.1)
    loss.backward()
    assert loss >= 0
    assert vectors.grad.isfinite().all()
    seen_twice = any(a == c and b != d for a, b in anchors for c, d in anchors)
    assert bool(vectors.grad.any()) == (seen_twice and len(set(ids)) > 1)


def test_contrast_is_not_content_with_the_nearest_view():
    """An object seen three times, at last from a new side: that side, too, must become like the others."""
    ids, frames = [1, 2, 3] * 3, [0] * 3 + [1] * 3 + [2] * 3
    first = torch.randn(3, 8, generator=torch.Generator().manual_seed(1))
    vectors = torch.cat([first, first + 0.01, -first]).requires_grad_()
    optimiser = torch.optim.Adam([vectors], 0.05)
    for _ in range(100):
        optimiser.zero_grad()
        contrast_loss(all_anchors(vectors, frames), positives(ids, frames), 0.3).backward()
        optimiser.step()
    alike = torch.nn.functional.normalize(vectors.detach(), dim=-1)
    cosines, same = alike @ alike.T, torch.tensor(ids)[:, None] == torch.tensor(ids)
    assert cosines[same].min() > 0.9
    assert cosines[~same].max() < 0.2
