"""The synthetic world: reproducible to the byte, and its truth is what the picture shows."""

import hashlib
import math

import numpy as np
import pytest

from stmask_core.errors import StmaskError
from stmask_core.structures.masks import intersection_area
from stmask_core.training.synthetic import courses
from stmask_core.training.synthetic.camera import Camera
from stmask_core.training.synthetic.casting import Actor
from stmask_core.training.synthetic.categories import BY_NAME, CATEGORIES
from stmask_core.training.synthetic.drawing import Look, Part
from stmask_core.training.synthetic.figures import FIGURES
from stmask_core.training.synthetic.figures.figure import Figure, Pose
from stmask_core.training.synthetic.geometry import polygon
from stmask_core.training.synthetic.palettes import Palette
from stmask_core.training.synthetic.rendering import draw_actor
from stmask_core.training.synthetic.splits import (
    GRAINS,
    HUE_WINDOWS,
    SPLIT_STARTS,
    clip_seed,
    split_of,
)
from stmask_core.training.synthetic.textures import grain
from stmask_core.training.synthetic.world import Clip

SIZE = (160, 96)


def digest(frame):
    """The picture and the masks of a frame as one hash."""
    parts = [frame.image.tobytes()]
    for truth in frame.objects:
        parts += [truth.visible.runs, truth.amodal.runs, repr(truth.blur).encode()]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def test_same_seed_same_bytes_in_any_order():
    forward = [digest(frame) for frame in Clip(12, SIZE, 4)]
    again = Clip(12, SIZE, 4)
    backward = [digest(again[k]) for k in (3, 2, 1, 0)][::-1]
    assert forward == backward
    assert len(set(forward)) == 4  # it moves


def test_other_seeds_are_other_clips():
    assert len({digest(Clip(seed, SIZE, 1)[0]) for seed in range(6)}) == 6


def test_frames_outside_the_clip_are_refused():
    with pytest.raises(IndexError):
        Clip(1, SIZE, 2)[2]


@pytest.fixture(scope="module")
def played():
    """Truth of some clips of each split: list of clips, each a list of frames."""
    seeds = [*range(8), *range(10**9, 10**9 + 4), 2 * 10**9]
    return [list(Clip(seed, SIZE, 6)) for seed in seeds]


def test_visible_masks_lie_in_amodal_masks_and_never_overlap(played):
    seen = 0
    for frame in (frame for clip in played for frame in clip):
        for k, one in enumerate(frame.objects):
            seen += not one.visible.is_empty
            assert intersection_area(one.visible, one.amodal) == one.visible.area
            for other in frame.objects[k + 1 :]:
                assert intersection_area(one.visible, other.visible) == 0
    assert seen > 100


def test_occlusion_is_the_hidden_share_of_the_amodal_mask(played):
    partly = 0
    for truth in (t for clip in played for frame in clip for t in frame.objects):
        if truth.out_of_view:
            assert truth.occlusion is None
            assert truth.blur is None
            assert truth.truncation == 1
            assert truth.visible.is_empty
            continue
        hidden = truth.amodal.area - truth.visible.area
        assert truth.occlusion == pytest.approx(hidden / truth.amodal.area)
        assert 0 <= truth.truncation < 1
        assert truth.blur >= 0
        partly += 0 < truth.occlusion < 1
    assert partly > 10


def test_identities_and_categories_hold_over_the_clip(played):
    for clip in played:
        first = [(t.identity, t.category) for t in clip[0].objects]
        assert [identity for identity, _ in first] == list(range(1, len(first) + 1))
        for frame in clip:
            assert [(t.identity, t.category) for t in frame.objects] == first


def test_the_story_of_the_sample_split_has_look_alikes_and_a_return():
    clip = Clip(clip_seed("sample", 1, 0), SIZE, 24, 8.0)
    truth = [frame.objects for frame in clip]
    assert len({actor.category.name for actor in clip.actors[:3]}) == 1
    in_view = "".join("." if objects[2].out_of_view else "x" for objects in truth)
    assert in_view.startswith("x")
    assert in_view.endswith("x")
    assert "." in in_view
    assert {objects[2].identity for objects in truth} == {3}


def test_the_mask_is_where_the_actor_changes_the_picture():
    """Draw the same frame with and without a flying actor: what differs is its visible mask."""
    checked = 0
    for seed in range(40):
        clip = Clip(seed, SIZE, 4)
        flyers = [a for a in clip.actors if not a.grounded]
        if not flyers:
            continue
        clip.exposure = 1e-6
        clip.sensor.softness = clip.sensor.noise = clip.sensor.quality = 0
        clip.sensor.curve = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
        actor, everyone = flyers[0], clip.actors
        frame = clip[1]
        truth = frame.objects[actor.identity - 1]
        clip.actors = tuple(a for a in everyone if a is not actor)
        changed = (frame.image != clip[1].image).any(axis=2)
        if truth.visible.area < 60:
            continue
        bits = truth.visible.bits()
        assert (changed & bits).sum() / bits.sum() > 0.95
        rim = changed & ~bits
        assert rim.sum() < 4 * math.sqrt(bits.sum()) + 2 * np.abs(np.diff(bits, axis=1)).sum()
        checked += 1
        if checked == 6:
            break
    assert checked == 6


class Brick(Figure):
    """A rigid square, so that the blur is known in closed form."""

    name = "sedan"
    size = (0.2, 0.2)
    look = Look((0, 0, 0))

    def parts(self, pose: Pose) -> list[Part]:
        return [Part(polygon((-0.5, -1), (0.5, -1), (0.5, 0), (-0.5, 0)), (200, 60, 60))]


def brick(camera, *, x, velocity, depth=0.5):
    """A brick that slides along the ground at ``velocity`` image heights per second."""
    rng = np.random.default_rng(0)
    times = courses.sample_times(2.0)
    course = courses.make_course(
        camera,
        times,
        screen_x=x + velocity * times,
        y=np.full_like(times, 0.6),
        depth=np.full_like(times, depth),
        unit=0.3,
        stride=1.0,
        top_speed=1.0,
        lean=0.0,
        start_phase=0.0,
    )
    return Actor(1, BY_NAME["sedan"], Brick(rng, Palette("train", rng)), course, 0.3, True)


@pytest.fixture
def tripod():
    """A camera that does not move; its zoom is 1.03."""
    return Camera(np.random.default_rng(0), SIZE, 2.0, 0.0)


def test_nothing_moves_nothing_blurs(tripod):
    drawn = draw_actor(brick(tripod, x=0.8, velocity=0.0), tripod, 1.0, 0.1, SIZE)
    assert drawn.blur == pytest.approx(0, abs=1e-9)
    assert drawn.truncation == 0


def test_blur_is_the_way_travelled_while_the_shutter_is_open(tripod):
    velocity, exposure = 0.5, 0.1
    drawn = draw_actor(brick(tripod, x=0.3, velocity=velocity), tripod, 1.0, exposure, SIZE)
    way = velocity * exposure * SIZE[1] * 1.03
    assert drawn.blur == pytest.approx(way, rel=1e-3)
    # The smear is wider than the silhouette by about the way, half of it on each side.
    covered = np.flatnonzero((drawn.patch.pixels[..., 3] > 3).any(axis=0))
    sharp = np.flatnonzero(drawn.coverage.pixels.any(axis=0))
    assert covered[-1] - covered[0] - (sharp[-1] - sharp[0]) == pytest.approx(way, abs=3)


def test_truncation_is_the_share_outside_the_image(tripod):
    """Centred on the left edge of the image, half of the brick is cut off."""
    edge = tripod.aspect / 2 - tripod.aspect / 2 / 1.03
    drawn = draw_actor(brick(tripod, x=edge, velocity=0.0), tripod, 1.0, 0.01, SIZE)
    assert drawn.truncation == pytest.approx(0.5, abs=0.03)


def test_a_panning_camera_blurs_what_stands_still():
    camera = Camera(np.random.default_rng(3), SIZE, 2.0, 1.0)
    actor = brick(camera, x=0.8, velocity=0.0)
    still = actor.course.table.copy()
    still[0] = 0.8  # fixed in the world, not on the screen
    actor = Actor(1, actor.category, actor.figure, courses.Course(actor.course.times, still), 0.3, True)
    assert draw_actor(actor, camera, 1.0, 0.1, SIZE).blur > 0.1


def test_splits_share_no_seed_no_texture_and_no_free_hue():
    seeds = {
        split: {clip_seed(split, s, k) for s in (0, 9999) for k in (0, 99_999)} for split in SPLIT_STARTS
    }
    for split, own in seeds.items():
        assert {split_of(seed) for seed in own} == {split}
    for one, other in (("train", "val"), ("train", "sample"), ("val", "sample")):
        assert not set(GRAINS[one]) & set(GRAINS[other])
    for other in ("val", "sample"):
        for a, b in HUE_WINDOWS["train"]:
            assert all(b <= low or high <= a for low, high in HUE_WINDOWS[other])


def test_a_clip_paints_only_with_the_textures_of_its_split(monkeypatch):
    used = set()

    def watched(name, rng, size=(192, 192)):
        used.add(name)
        return grain(name, rng, size)

    monkeypatch.setattr("stmask_core.training.synthetic.scenery.grain", watched)
    monkeypatch.setattr("stmask_core.training.synthetic.coats.grain", watched)
    for seed in range(10**9, 10**9 + 12):
        Clip(seed, SIZE, 1)
    assert used
    assert used <= set(GRAINS["val"])


@pytest.mark.parametrize("seed", [-1, 3 * 10**9])
def test_a_seed_that_no_split_owns_is_refused(seed):
    with pytest.raises(StmaskError):
        split_of(seed)


def test_run_seeds_out_of_range_are_refused():
    with pytest.raises(StmaskError):
        clip_seed("train", 10_000, 0)
    with pytest.raises(StmaskError):
        clip_seed("train", 0, 100_000)


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_every_figure_keeps_its_vertices_over_its_poses(name):
    rng = np.random.default_rng(4)
    figure = FIGURES[name](rng, Palette("train", rng))
    shapes = {
        tuple(part.points.shape for part in figure.parts(Pose(phase, time, vigour)))
        for phase, time, vigour in ((0, 0, 0), (1.2, 0.4, 1), (4.4, 2.5, 0.3), (6.0, 9.0, 1))
    }
    assert len(shapes) == 1
    for part in figure.parts(Pose(2.0, 1.0, 0.7)):
        assert np.isfinite(part.points).all()


def test_categories_have_the_ids_of_youtube_vis_2019():
    import json

    from tests.conftest import REPOSITORY

    listed = json.loads((REPOSITORY / "resources/categories/categories_ytvis2019.json").read_text())
    entries = listed["categories"] if isinstance(listed, dict) else listed
    official = {entry["id"]: entry["name"] for entry in entries}
    assert set(FIGURES) == {category.name for category in CATEGORIES}
    for category in CATEGORIES:
        assert official[category.id] == category.name


@pytest.mark.parametrize("name", [name for names in GRAINS.values() for name in names])
def test_textures_stay_in_range_and_are_not_flat(name):
    tile = grain(name, np.random.default_rng(0), (48, 64))
    assert tile.shape == (48, 64)
    assert tile.dtype == np.float32
    assert tile.min() >= 0
    assert tile.max() <= 1
    assert tile.std() > 0.05
