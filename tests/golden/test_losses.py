"""The training vectors: targets and negatives exactly, loss terms to 1e-4, gradient norms to their noise."""

import numpy as np
import pytest
import torch
from torch import nn

from stmask_core.model.anchors import pyramid_anchors
from stmask_core.model.config import CONFIGS, FCA_KERNELS
from stmask_core.model.stmask import STMask
from stmask_core.training.batch import FrameTruth, PairBatch
from stmask_core.training.losses import LossOptions, PairLoss, distance_iou
from stmask_core.training.matching import match_batch
from tests.golden.recipe import batch as recipe_batch
from tests.golden.vectors import fill_with_recipe, load, noise

NAMES = {
    "BIoU": "box",
    "M": "mask",
    "C": "class",
    "center": "centerness",
    "B_shift": "carried_box",
    "M_shift": "carried_mask",
    "T": "track",
}
MODES = ("frozen", "trainbn")
# Relative differences of gradient norms: (median, worst). The worst are what the oracle moves by when run
# again; the median also holds a deformable convolution that is not the oracle's.
GRADIENT_NOISE = {"frozen": (5e-6, 3e-4), "trainbn": (1e-4, 2e-3)}
ROUNDING = (
    1e-4  # norms below this are sums that cancel: a bias before batch statistics has none in exact numbers
)


@pytest.fixture(scope="module")
def golden():
    return load("loss")


@pytest.fixture
def plain_kernels():
    """PyTorch's own convolutions, with which the vectors were made: other kernels round otherwise."""
    (enabled, *_) = torch.backends.mkldnn.set_flags(False)
    yield
    torch.backends.mkldnn.set_flags(enabled)


def configs():
    return sorted({key.split("/")[0] for key in load("loss") if key.startswith("STMask")})


def golden_batch():
    images, boxes, labels, masks, ids = recipe_batch.make_batch()
    truths = [
        FrameTruth(
            *(
                torch.from_numpy(np.ascontiguousarray(rows[pair][frame]))
                for rows in (boxes, labels, ids, masks)
            )
        )
        for pair in range(2)
        for frame in range(2)
    ]
    return PairBatch.of(torch.from_numpy(images).flatten(0, 1), truths)


def test_the_batch_is_the_one_of_the_vectors(golden):
    batch = golden_batch()
    assert abs(float(batch.images.double().sum()) - golden["img_sum"][0]) < 1e-2
    for number, truth in enumerate(batch.truths):
        key = f"gt/{number // 2}{number % 2}"
        for name in ("boxes", "labels", "ids"):
            assert np.array_equal(getattr(truth, name).numpy(), golden[f"{key}/{name}"])
        packed = np.packbits(truth.masks.numpy().reshape(len(truth.masks), -1), axis=1)
        assert np.array_equal(packed, golden[f"{key}/masks"])


@pytest.mark.usefixtures("plain_kernels")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("config", configs())
def test_losses_and_gradients(golden, config, mode):
    network = STMask(CONFIGS[config]).train()
    fill_with_recipe(network)
    if mode == "frozen":
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval().requires_grad_(False)
    losses = PairLoss(network, LossOptions(released_class_weights=True))(golden_batch())
    stored = {
        key.split("/")[-1]: value for key, value in golden.items() if key.startswith(f"{config}/{mode}/")
    }
    targets = losses.targets
    assert np.array_equal(targets.labels.numpy(), stored["conf_t"])
    assert np.array_equal(targets.ids.numpy(), stored["ids_t"])
    assert np.array_equal(targets.objects.numpy(), stored["idx_t"])
    assert np.array_equal(np.packbits(losses.negatives.numpy().reshape(-1)), stored["neg"])
    for name, ours in NAMES.items():
        assert abs(losses.terms[ours].item() - float(stored[name])) <= 1e-4, name
    assert abs(losses.total.item() - float(stored["total"])) <= 4e-4
    losses.total.backward()
    assert_gradients(network, golden, config, mode, stored["grad_norms"])
    if mode == "trainbn":
        mean = network.backbone.bn1.running_mean.numpy()
        assert np.abs(mean - stored["bn1_running_mean"]).max() <= 1e-5


def assert_gradients(network, golden, config, mode, norms):
    names = golden[f"{config}/param_names"].tobytes().decode().split("\n")
    parameters = dict(network.named_parameters())
    assert list(parameters) == [name for name in names if name]
    differences = []
    for name, norm in zip(parameters, norms, strict=True):
        gradient = parameters[name].grad
        if norm < 0:
            assert gradient is None, name
            continue
        ours = float(gradient.double().norm())
        differences.append(abs(ours - norm) / max(norm, ROUNDING))
    median, worst = GRADIENT_NOISE[mode]
    assert np.median(differences) <= median
    assert max(differences) <= worst


def test_matching_of_the_operator_vectors():
    ops = {key: torch.from_numpy(value) for key, value in load("ops").items() if key.startswith("match/")}
    logits = noise("match/conf", (969, 41), 4.0)
    logits[:, 7] += 4
    anchors = pyramid_anchors(((12, 20), (6, 10), (3, 5), (2, 3), (1, 2)), FCA_KERNELS)
    truth = FrameTruth(
        ops["match/gt"], ops["match/labels"], ops["match/ids"], torch.zeros(len(ops["match/gt"]), 1, 1)
    )
    targets = match_batch((truth,), anchors, logits[None])
    labels, ids, objects = (rows[0] for rows in (targets.labels, targets.ids, targets.objects))
    assert torch.equal(labels, ops["match/conf_t"].long())
    assert torch.equal(ids, ops["match/ids_t"].long())
    assert torch.equal(objects, ops["match/idx_t"].long())


def test_distance_iou_of_the_operator_vectors():
    ops = load("ops")
    boxes = torch.from_numpy(ops["box/decoded"])
    assert np.abs(distance_iou(boxes[:20], boxes[20:40]).numpy() - ops["diou"]).max() <= 2e-6
