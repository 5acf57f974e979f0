"""The network as a whole: every row of the paper's tables runs, gradients flow, batches do not mix."""

from dataclasses import replace

import pytest
import torch

from stmask_core.engine.session import build_model
from stmask_core.errors import CheckpointError
from stmask_core.model.ablations import ABLATIONS, NETWORKS
from stmask_core.model.config import CONFIGS, FCA_KERNELS, ModelConfig
from stmask_core.model.deformable import Geometry, deformable_convolution, grid_sampled
from stmask_core.model.initialise import new_network
from stmask_core.model.mask_assembly import assemble_masks, crop_windows
from stmask_core.model.recognise import skeleton
from stmask_core.model.temporal import correlate, roi_align

SMALL = ModelConfig(
    blocks=(1, 1, 2, 1),
    widths=(4, 8, 16, 32),
    deformable_interval=2,
    num_classes=6,
    fpn_channels=16,
    head_channels=16,
    prototype_channels=16,
    prototypes=8,
    embedding=12,
    temporal_channels=(16, 16, 24),
)
CORRECT = replace(SMALL, centerness_order="correct")
RAW_CARRIED = replace(SMALL, carried_boxes="paper")


def shrunk(config):
    """The same choices in a network for tests."""
    sizes = ("blocks", "widths", "num_classes", "prototypes", "embedding", "temporal_channels")
    channels = ("fpn_channels", "head_channels", "prototype_channels")
    return replace(config, **{name: getattr(SMALL, name) for name in (*sizes, *channels)})


TABLES = {
    **{name: shrunk(config) for name, config in ABLATIONS.items()},
    "released": SMALL,
    "released ada": replace(SMALL, class_calibration="adaptive"),
    "released ali": replace(SMALL, class_calibration="aligned"),
    "correct centerness": CORRECT,
    "carried boxes without variances": RAW_CARRIED,
    "darknet": replace(SMALL, backbone="darknet", blocks=(1, 1, 1, 1, 1), widths=(4, 8, 8, 8, 16, 16)),
}


def images(batch=2, height=64, width=96, seed=0):
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("config", TABLES.values(), ids=TABLES)
@torch.no_grad()
def test_every_row_of_the_tables_builds_and_runs(config):
    network = new_network(config).eval()
    raw = network(images())
    cells = 8 * 12 + 4 * 6 + 2 * 3 + 1 * 2 + 1 * 1
    assert raw.anchors.shape == (3 * cells, 4)
    assert raw.box_deltas.shape == (2, 3 * cells, 4)
    assert raw.class_logits.shape == (2, 3 * cells, config.num_classes)
    assert raw.centerness.shape == (2, 3 * cells, 1)
    assert raw.mask_coefficients.shape == (2, 3 * cells, config.prototypes)
    assert raw.prototypes.shape == (2, 16, 24, config.prototypes)
    assert torch.allclose(raw.embeddings.norm(dim=-1), torch.ones(2, 3 * cells), atol=1e-5)
    assert raw.centerness.abs().max() <= 1
    if config.temporal_fusion:
        boxes = torch.tensor([[0.1, 0.2, 0.6, 0.9], [1.2, 1.2, 1.4, 1.4]])
        moved, coefficients = network.carry(
            raw.frame_features(0), raw.frame_features(1), boxes, torch.zeros(2, config.prototypes)
        )
        assert moved.shape == (2, 4)
        assert coefficients.isfinite().all()


def test_the_rows_of_the_tables_are_what_the_paper_says():
    def of(table):
        return {name: config for name, config in ABLATIONS.items() if name.startswith(table)}

    rows = {"table1": 3, "table2": 9, "table3": 2, "table4": 6, "table5": 5}
    assert {table: len(of(table)) for table in rows} == rows
    for name, config in ABLATIONS.items():
        assert (config.blocks, config.deformable_interval) == ((3, 4, 23, 3), 3), name
        assert not config.centerness
        assert config.temporal_fusion == ("fusion" in name or "table3" in name)
        fcb = [config.class_calibration, config.mask_calibration, config.track_calibration]
        kind = {"ada": "adaptive", "ali": "aligned"}.get(next(iter({"ada", "ali"} & {*name.split("_")}), ""))
        assert {*fcb} - {None} == ({kind} if kind else set()), name
    assert all("baseline" in n or config.kernels == FCA_KERNELS for n, config in of("table4").items())
    p3 = ABLATIONS["table3_p3_13"]
    assert (p3.correlation_level, p3.correlation_patch) == (0, 13)
    assert skeleton(p3).TemporalNet.conv1.in_channels == 13**2 + 2 * 256
    without = ABLATIONS["table1_without_fca"]
    assert without.kernels == ((3, 3),) * 3
    assert [round(h / w, 9) for h, w in without.shapes_of_anchors] == [1, 2, 0.5]


def test_networks_are_built_by_name_or_from_a_configuration():
    assert {*CONFIGS, *ABLATIONS} < {*NETWORKS}
    own = build_model(TABLES["table5_ali"], num_classes=5)
    assert own.config == replace(TABLES["table5_ali"], num_classes=5)
    with pytest.raises(CheckpointError, match="table3_p3_13"):
        build_model("no such network")


@pytest.mark.parametrize(
    "name", ["table4_fca_ada_fusion", "table4_fca_ali_fusion", "released ada", "darknet"]
)
def test_gradient_reaches_every_parameter(name):
    config = TABLES[name]
    network = new_network(config, seed=3)
    raw = network(images())
    boxes = torch.tensor([[0.1, 0.2, 0.6, 0.9], [0.3, 0.1, 0.9, 0.7]])
    moved, coefficients = network.carry(
        raw.frame_features(0), raw.frame_features(1), boxes, raw.mask_coefficients[0, :2]
    )
    masks = assemble_masks(raw.prototypes[0], coefficients, moved)
    outputs = [raw.box_deltas, raw.class_logits, raw.centerness, raw.mask_coefficients, raw.embeddings]
    noise = torch.Generator().manual_seed(5)
    loss = sum((o * torch.randn(o.shape, generator=noise)).sum() for o in [*outputs, moved, masks])
    loss.backward()
    silent = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []


@pytest.mark.parametrize("name", ["released ada", "darknet"])
def test_training_in_mixed_precision_stays_near(name):
    network = new_network(TABLES[name], seed=4)
    boxes = torch.tensor([[0.1, 0.2, 0.6, 0.9]])
    values, norms = [], []
    for enabled in (False, True):
        network.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            raw = network(images())
            moved, _ = network.carry(
                raw.frame_features(0), raw.frame_features(1), boxes, raw.mask_coefficients[0, :1]
            )
        loss = raw.class_logits.square().mean() + raw.box_deltas.square().mean() + moved.sum()
        loss.backward()
        values.append(loss.item())
        norms.append(sum(p.grad.norm() for p in network.parameters() if p.grad is not None).item())
    assert values[1] == pytest.approx(values[0], rel=0.05)
    assert norms[1] == pytest.approx(norms[0], rel=0.2)


@torch.no_grad()
def test_class_calibration_sends_no_gradient_to_the_boxes():
    network = new_network(replace(SMALL, class_calibration="adaptive"))
    with torch.enable_grad():
        network(images(1)).class_logits.sum().backward()
    head = network.prediction_layers[0]
    assert head.bbox_layer[0].weight.grad is None
    assert head.conf_layer[0].conv_offset.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("name", ["table2_ada_class_mask_track", "released"])
@torch.inference_mode()
def test_a_batch_equals_its_frames(name):
    network = new_network(TABLES[name]).eval()
    batch = images(5)
    together = network(batch)
    for i in range(5):
        alone = network(batch[i : i + 1])
        for field in ("box_deltas", "class_logits", "centerness", "embeddings", "prototypes"):
            assert torch.allclose(getattr(together, field)[i], getattr(alone, field)[0], atol=2e-5), field


@pytest.mark.parametrize("name", ["released", "released ada", "table1_without_fca"])
@torch.inference_mode()
def test_looked_up_anchors_are_the_dense_ones(name):
    network = new_network(TABLES[name], seed=6).eval()
    for parameter in network.prediction_layers[0].parameters():
        if parameter.dim() == 1:
            parameter += 0.1  # a bias in every layer: the padding must stay zero behind it
    dense, local = network(images()), network(images(), dense=False)
    assert local.mask_coefficients.shape == (2, 0, 8)
    assert local.embeddings.shape == (2, 0, 12)
    assert torch.equal(local.class_logits, dense.class_logits)
    everything = torch.arange(len(dense.anchors)).flip(0)
    for anchors in (everything, everything[5:6], everything[:0]):
        for ours, theirs in zip(local.described(1, anchors), dense.described(1, anchors), strict=True):
            assert ours.shape == theirs.shape
            assert torch.allclose(ours, theirs, atol=1e-5)


@torch.inference_mode()
def test_branches_with_fcb_are_not_looked_up():
    network = new_network(TABLES["table4_fca_ali"]).eval()
    assert network(images(1), dense=False).local is None


@torch.inference_mode()
def test_centerness_orders_hold_the_same_values():
    released, correct = new_network(SMALL, seed=2).eval(), new_network(CORRECT, seed=2).eval()
    a = released(images(1)).centerness[0, : 3 * 96, 0].reshape(3, 96)
    b = correct(images(1)).centerness[0, : 3 * 96, 0].reshape(96, 3)
    assert torch.equal(a, b.T)
    assert not torch.equal(a.reshape(-1), b.reshape(-1))


@torch.inference_mode()
def test_carried_boxes_without_variances_move_ten_times_as_far():
    released, paper = new_network(SMALL, seed=2).eval(), new_network(RAW_CARRIED, seed=2).eval()
    raw = released(images())
    boxes = torch.tensor([[0.2, 0.2, 0.6, 0.7]])
    arguments = (raw.frame_features(0), raw.frame_features(1), boxes, raw.mask_coefficients[0, :1])
    (near, same), (far, alike) = released.carry(*arguments), paper.carry(*arguments)
    assert torch.equal(same, alike)
    middle = [(box[:, :2] + box[:, 2:]) / 2 for box in (boxes, near, far)]
    assert torch.allclose((middle[2] - middle[0]), 10 * (middle[1] - middle[0]), atol=1e-5)
    sizes = [torch.log(box[:, 2:] - box[:, :2]) for box in (boxes, near, far)]
    assert torch.allclose(sizes[2] - sizes[0], 5 * (sizes[1] - sizes[0]), atol=1e-5)


def test_training_after_inference_shares_the_cached_anchors():
    network = new_network(SMALL)
    with torch.inference_mode():
        network(images(1, 64, 160))
    raw = network(images(1, 64, 160))
    (raw.box_deltas * raw.anchors).sum().backward()


def plain_deformable(x, offsets, weight, geometry, modulation):
    """Double loops over every output, point and neighbour."""
    batch, _, height, width = x.shape
    out = torch.zeros(batch, weight.shape[0], *offsets.shape[-2:], dtype=x.dtype)
    kernel_width = geometry.kernel[1]
    for b, i, j, k in torch.cartesian_prod(
        *map(torch.arange, (batch, offsets.shape[2], offsets.shape[3], geometry.points))
    ).tolist():
        y = i * geometry.stride - geometry.padding[0] + k // kernel_width + offsets[b, 2 * k, i, j].item()
        x_ = j * geometry.stride - geometry.padding[1] + k % kernel_width + offsets[b, 2 * k + 1, i, j].item()
        value = torch.zeros(x.shape[1], dtype=x.dtype)
        for row in (int(y // 1), int(y // 1) + 1):
            for column in (int(x_ // 1), int(x_ // 1) + 1):
                if 0 <= row < height and 0 <= column < width:
                    value += x[b, :, row, column] * (1 - abs(y - row)) * (1 - abs(x_ - column))
        out[b, :, i, j] += weight.flatten(2)[:, :, k] @ value * modulation[b, k, i, j]
    return out


def as_on_a_card(features, offsets, weight, *, geometry, modulation):
    """What a card does, done here."""
    return grid_sampled(features, offsets, modulation, weight, geometry)


@pytest.mark.parametrize("convolve", [deformable_convolution, as_on_a_card])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [(3, 3), (3, 5), (2, 3)])
def test_deformable_convolution_equals_plain_loops(stride, kernel, convolve):
    noise = torch.Generator().manual_seed(kernel[1] + stride)
    padding = ((kernel[0] - 1) // 2, (kernel[1] - 1) // 2)
    geometry = Geometry(kernel=kernel, stride=stride, padding=padding)
    size = (5 // stride + stride - 1, 6 // stride)
    x = torch.randn(2, 3, 5, 6, generator=noise)
    offsets = 3 * torch.randn(2, 2 * geometry.points, *size, generator=noise)
    offsets[0, :2] = torch.tensor([-2.0, 1.0])[:, None, None]  # whole cells and the border itself
    offsets[1, 0] = 1e9
    modulation = torch.rand(2, geometry.points, *size, generator=noise)
    weight = torch.randn(4, 3, *kernel, generator=noise)
    ours = convolve(x, offsets, weight, geometry=geometry, modulation=modulation)
    assert torch.allclose(ours, plain_deformable(x, offsets, weight, geometry, modulation), atol=1e-4)


@pytest.mark.parametrize("convolve", [deformable_convolution, as_on_a_card])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.filterwarnings("ignore:.*:UserWarning")
def test_deformable_gradients_equal_numerical_ones(stride, convolve):
    noise = torch.Generator().manual_seed(stride)
    geometry = Geometry(kernel=(3, 3), stride=stride, padding=(1, 1))
    size = (4, 5) if stride == 1 else (2, 3)
    x = torch.randn(1, 2, 4, 5, generator=noise, requires_grad=True)
    offsets = (torch.rand(1, 18, *size, generator=noise) * 0.6 + 0.2).requires_grad_()
    modulation = torch.rand(1, 9, *size, generator=noise, requires_grad=True)
    weight = torch.randn(3, 2, 3, 3, generator=noise, requires_grad=True)
    direction = torch.randn(1, 3, *size, generator=noise)

    def value():
        out = convolve(x, offsets, weight, geometry=geometry, modulation=modulation)
        return (out * direction).sum()

    value().backward()
    for tensor in (x, offsets, modulation, weight):
        for place in range(0, tensor.numel(), max(1, tensor.numel() // 12)):
            step = torch.zeros(tensor.numel())
            step[place] = 1e-2
            with torch.no_grad():
                tensor += step.view_as(tensor)
                high = value()
                tensor -= 2 * step.view_as(tensor)
                low = value()
                tensor += step.view_as(tensor)
            assert abs((high - low) / 2e-2 - tensor.grad.view(-1)[place]) < 5e-3


def test_correlation_equals_plain_loops():
    noise = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 2, 6, 4, 5, generator=noise)
    result = correlate(a, b, 3)
    for i, j, y, x in torch.cartesian_prod(*map(torch.arange, (3, 3, 4, 5))).tolist():
        row, column = y + i - 1, x + j - 1
        inside = 0 <= row < 4 and 0 <= column < 5
        mean = (a[:, :, y, x] * b[:, :, row, column]).mean(1) if inside else torch.zeros(2)
        expected = torch.nn.functional.leaky_relu(mean, 0.1)
        assert torch.allclose(result[:, 3 * i + j, y, x], expected, atol=1e-5)


def test_roi_align_of_a_ramp_is_the_bin_centre():
    ramp = torch.stack(torch.meshgrid(torch.arange(20.0), torch.arange(30.0), indexing="ij"))
    rois = torch.tensor([[4.0, 3.0, 18.0, 17.0], [10.0, 6.0, 13.5, 9.5]])
    pooled = roi_align(ramp, rois)
    for roi, values in zip(rois, pooled, strict=True):
        for axis, (start, stop) in enumerate([(roi[1], roi[3]), (roi[0], roi[2])]):
            centres = start + (torch.arange(7) + 0.5) * (stop - start) / 7 - 0.5
            assert torch.allclose(values[axis].mean(1 - axis), centres, atol=1e-4)


def test_masks_are_soft_inside_and_zero_outside():
    masks = assemble_masks(
        torch.zeros(10, 20, 4),
        torch.zeros(3, 4),
        torch.tensor([[0, 0, 1, 1], [0.5, 0.5, 0.5, 0.5], [2, 2, 3, 3.0]]),
    )
    assert (masks[0] == 0.5).all()
    assert masks[1].count_nonzero() == 4
    assert masks[2].count_nonzero() == 0
    assert crop_windows(torch.tensor([[0.9, 0.9, 0.1, 0.1]]), 10, 20).any()  # corners in any order


def test_windows_of_training_show_what_a_box_too_small_cuts_off():
    whole = torch.full((40, 60, 1), 3.0), torch.full((1, 1), 2.0)  # sure of every pixel
    box = torch.tensor([[0.25, 0.25, 0.75, 0.75]])
    released, trained = (assemble_masks(*whole, box, windows)[0] > 0.5 for windows in ("released", "trained"))
    assert (trained.sum(0).max(), trained.sum(1).max()) == (26, 38)  # 1.2 times 20 and 30, and a cell around
    assert (released.sum(0).max(), released.sum(1).max()) == (22, 32)
    assert (trained >= released).all()


def test_released_configurations_differ_only_where_the_table_says():
    assert CONFIGS["STMask_plus_base_ada_YTVIS2021"] == CONFIGS["STMask_plus_base_ada"]
    assert CONFIGS["STMask_plus_base_ali_OVIS"] == replace(CONFIGS["STMask_plus_base_ali"], num_classes=26)
