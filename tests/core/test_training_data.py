"""Pairs: the same for the same number, different for different processes, true to their pictures."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from stmask_core.cli.training_sets import read_training_set
from stmask_core.errors import VideoError
from stmask_core.model.preprocess import MEAN, STD
from stmask_core.opencv import cv2
from stmask_core.structures.masks import Mask
from stmask_core.training.augmentation import Look, View, change_colours
from stmask_core.training.dataset import (
    AnnotatedFrame,
    Clip,
    ObjectMask,
    Pairs,
    TrainingSet,
    partner,
    read_picture,
)
from stmask_core.training.recipe import DataSource, Input
from tests.core.training_world import CATEGORIES, draw_world

PLAIN = Input(sizes=((160, 96),), flip=0.0)
RICH = Input(
    sizes=((160, 96), (128, 64)), zoom=(0.6, 1.4), drift=0.1, colour=1.0, noise=8.0, smallest_object=5
)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = draw_world(tmp_path_factory.mktemp("world") / "w", clips=3, frames=6)
    return read_training_set(DataSource(folder / "instances.json", folder / "JPEGImages"), CATEGORIES)


def same(a, b):
    return torch.equal(a.images, b.images) and all(
        torch.equal(x, y)
        for p, q in zip(a.truths, b.truths, strict=True)
        for x, y in zip(vars(p).values(), vars(q).values(), strict=True)
    )


def test_a_batch_depends_on_its_number_only(drawn):
    pairs = Pairs([drawn], RICH, seed=3)
    first = pairs.batch(5, 2)
    pairs.batch(9, 2)
    assert same(first, pairs.batch(5, 2))
    assert same(first, Pairs([drawn], RICH, seed=3).batch(5, 2))
    assert not same(first, Pairs([drawn], RICH, seed=4).batch(5, 2))


def test_processes_share_the_pairs_of_a_step(drawn):
    pairs = Pairs([drawn], PLAIN, seed=0)
    together = pairs.batch(1, 4)
    apart = [pairs.batch(1, 2, rank=rank, world=2) for rank in range(2)]
    assert torch.equal(together.images, torch.cat([batch.images for batch in apart]))


def test_an_epoch_shows_every_frame_as_often_as_asked(drawn):
    half = replace(drawn, repeat=0.5)
    pairs = Pairs([drawn, half, replace(drawn, repeat=2.0)], PLAIN, seed=0)
    count = sum(bool(frame.objects) for clip in drawn.clips for frame in clip.frames)
    assert pairs.epoch_length == count + round(count / 2) + 2 * count
    rows = [tuple(row) for row in pairs._order(0)]
    of_set = [[r for r in rows if r[0] // len(drawn.clips) == number] for number in range(3)]
    assert [len(found) for found in of_set] == [count, round(count / 2), 2 * count]
    assert len(set(of_set[0])) == count
    assert len(set(of_set[1])) == round(count / 2), "a half is a half of different frames"
    assert rows != [tuple(row) for row in pairs._order(1)]


def test_pairs_in_a_row_may_come_from_one_clip(drawn):
    """Any moments of it: then an object has its id over long gaps, and other videos still have other ids."""
    options = replace(RICH, sizes=((160, 96),), pairs_of_clip=2)
    pairs = Pairs([drawn], options, seed=0)
    shared = 0
    for step in range(20):
        truths = pairs.batch(step, 4).truths
        ids = [{i for truth in truths[at : at + 2] for i in truth.ids.tolist()} for at in range(0, 8, 2)]
        assert not (ids[0] | ids[1]) & (ids[2] | ids[3])
        shared += bool(ids[0] & ids[1]) + bool(ids[2] & ids[3])
    assert shared > 20, "most objects of a clip are in it at both moments"
    alone = Pairs([drawn], replace(options, pairs_of_clip=1), seed=0)
    first, second = pairs.batch(0, 2), alone.batch(0, 1)
    assert torch.equal(first.images[:2], second.images), "the first pair is the one that would be drawn alone"


def test_partners_are_near_and_other():
    random = np.random.default_rng(0)
    found = {partner(10, 4, 2, random) for _ in range(200)}
    assert found == {2, 3, 5, 6}
    assert {partner(10, 0, 2, random) for _ in range(50)} == {1, 2}
    assert partner(1, 0, 2, random) == 0
    assert {partner(10, 5, 5, random) for _ in range(400)} == set(range(10)) - {5}


def test_pairs_are_in_order_of_time(tmp_path):
    """Frame n is a picture of brightness 10 n."""
    bits = np.zeros((96, 160), bool)
    bits[20:60, 40:100] = True
    frames = []
    for number in range(8):
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), np.full((96, 160, 3), 10 * number, np.uint8))
        frames.append(AnnotatedFrame(path, (ObjectMask(1, 1, Mask.from_bits(bits)),)))
    pairs = Pairs([TrainingSet((Clip("c", tuple(frames)),))], PLAIN, seed=0)
    seen = set()
    for sample in range(40):
        values = [
            float(image[0, 0, 0] * STD[0] + MEAN[0]) / 10 for image, _ in pairs.pair(sample, (160, 96), 0)
        ]
        first, second = (round(value) for value in values)
        assert 0 < second - first <= 2
        seen.add(first)
    assert len(seen) > 4


def test_truth_follows_the_picture(tmp_path):
    """A white rectangle on black: whatever the view, the mask is where the picture is white."""
    bits = np.zeros((96, 160), bool)
    bits[24:72, 48:112] = True
    path = tmp_path / "0.png"
    cv2.imwrite(str(path), bits.astype(np.uint8)[..., None].repeat(3, 2) * 255)
    clip = Clip("c", (AnnotatedFrame(path, (ObjectMask(1, 1, Mask.from_bits(bits)),)),))
    options = Input(sizes=((160, 96), (100, 90)), zoom=(0.5, 1.5), drift=0.2)
    pairs = Pairs([TrainingSet((clip,))], options, seed=0)
    for step in range(30):
        batch = pairs.batch(step, 1)
        for image, truth in zip(batch.images, batch.truths, strict=True):
            assert image.shape[1] % 32 == 0
            assert image.shape[2] % 32 == 0
            white = image[0].numpy() * STD[0] + MEAN[0]
            mask = truth.masks.numpy().any(0)
            height, width = mask.shape
            edge = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3))) != cv2.erode(
                mask.astype(np.uint8), np.ones((3, 3))
            )
            assert ((white > 200) == mask)[~edge & (image[0].numpy() != 0)].all()
            for box in truth.boxes.numpy():
                rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
                edges = [
                    columns[0] / width,
                    rows[0] / height,
                    (columns[-1] + 1) / width,
                    (rows[-1] + 1) / height,
                ]
                assert np.allclose(box, edges)


def test_flipping_mirrors_picture_and_mask():
    image = np.arange(96 * 160 * 3, dtype=np.uint32).astype(np.uint8).reshape(96, 160, 3)
    view = View(mirrored=True)
    assert np.array_equal(view.of_image(image, (160, 96)), image[:, ::-1])
    bits = image[..., 0] > 99
    assert np.array_equal(view.of_mask(bits, (96, 160), (160, 96)), bits[:, ::-1])


def test_tiny_objects_are_left_out(tmp_path):
    big, small = np.zeros((96, 160), bool), np.zeros((96, 160), bool)
    big[:20, :20] = True
    small[50:55, 50:55] = True
    path = tmp_path / "0.png"
    cv2.imwrite(str(path), np.zeros((96, 160, 3), np.uint8))
    objects = tuple(ObjectMask(i, i, Mask.from_bits(bits)) for i, bits in ((1, big), (2, small)))
    pairs = Pairs([TrainingSet((Clip("c", (AnnotatedFrame(path, objects),)),))], PLAIN, seed=0)
    assert [truth.labels.tolist() for truth in pairs.batch(0, 1).truths] == [[1], [1]]


def test_neutral_look_changes_nothing_and_brightness_does():
    random = np.random.default_rng(0)
    pixels = random.integers(60, 190, (8, 8, 3)).astype(np.uint8)
    assert change_colours(pixels, Look(), random) is pixels
    brighter = change_colours(pixels, Look(brightness=10), random).astype(int)
    assert np.abs(brighter - pixels - 10).max() <= 1
    turned = change_colours(pixels, Look(hue=30), random).astype(float)
    luma = np.array([0.299, 0.587, 0.114])
    assert np.abs((turned - pixels) @ luma).max() < 1.5, "turning the hue keeps the brightness"
    grey = change_colours(pixels, Look(saturation=0.0), random)
    assert (np.ptp(grey.astype(int), axis=-1) <= 1).all()


def test_a_missing_picture_is_named(tmp_path):
    with pytest.raises(VideoError, match="gone"):
        read_picture(tmp_path / "gone.jpg")
    for content in (b"", b"no picture"):
        (tmp_path / "bad.jpg").write_bytes(content)
        with pytest.raises(VideoError, match="no picture"):
            read_picture(tmp_path / "bad.jpg")
