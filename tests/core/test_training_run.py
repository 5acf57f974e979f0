"""Runs: they learn, they stop and go on as if they had not, and processes agree."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from stmask_core.cli import main
from stmask_core.cli.train import prepare
from stmask_core.errors import StmaskError
from stmask_core.model.box_coding import decode_boxes, pairwise_iou
from stmask_core.model.checkpoint import read_checkpoint
from stmask_core.model.mask_assembly import assemble_masks
from stmask_core.training.recipe import read_recipe
from stmask_core.training.run import LAST, STATE, Processes
from tests.core.training_world import CATEGORIES, draw_world, recipe_text, validation_text

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return draw_world(tmp_path_factory.mktemp("training") / "world", clips=4, frames=4)


def write_recipe(folder, world, name="run", **lines):
    path = folder / f"{name}.toml"
    path.write_text(recipe_text(world, folder / name, **lines))
    return path


def log_of(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def totals(folder):
    return [entry["total"] for entry in log_of(folder)]


SHORT = "steps = 8\npairs = 2\nsave_every = 3\ncheck_every = 100"


@pytest.fixture(scope="module")
def undisturbed(world, tmp_path_factory):
    """The totals of a short run from beginning to end."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert main(["train", str(write_recipe(folder, world, schedule=SHORT, optimiser="average = 0.9"))]) == 0
    return folder / "run"


def test_files_of_a_run(undisturbed):
    checkpoint = read_checkpoint(undisturbed / LAST)
    assert checkpoint.config.input_size == (160, 96), "weights run at the size they were trained at"
    assert checkpoint.categories == CATEGORIES
    assert checkpoint.extra["step"] == 8
    assert len(totals(undisturbed)) == 8
    assert list((undisturbed / "tensorboard").iterdir())
    raw = checkpoint.network()(torch.zeros(1, 3, 96, 160))
    assert raw.class_logits.isfinite().all()


def test_stopping_and_resuming_changes_nothing(world, tmp_path, undisturbed):
    recipe = read_recipe(write_recipe(tmp_path, world, schedule=SHORT, optimiser="average = 0.9"))
    training = prepare(recipe, "cpu", Processes())
    steps = training.steps()
    first = [next(steps).total for _ in range(5)]
    steps.close()  # what Ctrl-C does
    again = prepare(recipe, "cpu", Processes())
    assert again.resume()
    assert again.done == 5
    rest = [report.total for report in again.steps()]
    assert first + rest == totals(undisturbed)
    ours, theirs = (read_checkpoint(folder / LAST).state_dict for folder in (tmp_path / "run", undisturbed))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_killed_process_resumes_to_the_same_curve(world, tmp_path, undisturbed):
    path = write_recipe(tmp_path, world, schedule=SHORT, optimiser="average = 0.9")
    command = [sys.executable, "-m", "stmask_core.cli", "train", str(path)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stderr=subprocess.DEVNULL)
    log, moment, deadline = tmp_path / "run" / "log.jsonl", random.randint(3, 8), time.monotonic() + 120
    while process.poll() is None and not (log.exists() and log.read_text().count("\n") >= moment):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with open(log, "a") as file:
        file.write('{"step": 9')  # what a kill within a write leaves
    (tmp_path / "run" / ".state.0123abcd.part.pt").write_bytes(b"half")  # and one within a save
    done = torch.load(tmp_path / "run" / STATE, weights_only=True)["step"]
    assert main(["train", str(path)]) == 0
    entries = log_of(tmp_path / "run")
    assert [entry["step"] for entry in entries] == list(range(1, 9)), "one line a step, whatever was torn"
    for entry, total in zip(entries, totals(undisturbed), strict=True):
        assert entry["total"] == pytest.approx(total, rel=1e-5), f"{entry['step']}, resumed after {done}"
    assert not list((tmp_path / "run").glob(".*.part*"))


def test_readers_change_nothing(world, tmp_path, undisturbed):
    path = write_recipe(tmp_path, world, schedule=SHORT, optimiser="average = 0.9")
    assert main(["train", str(path), "--steps", "8", "--readers", "2"]) == 0
    assert totals(tmp_path / "run") == totals(undisturbed)


@pytest.mark.parametrize("readers", [0, 2])
def test_a_polite_stop_saves(world, tmp_path, readers):
    schedule = "steps = 100000\npairs = 1\nsave_every = 100000\ncheck_every = 100000"
    path = write_recipe(tmp_path, world, schedule=schedule)
    command = [sys.executable, "-m", "stmask_core.cli", "train", str(path), "--json"]
    command += ["--readers", str(readers)]
    process = subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    log, deadline = tmp_path / "run" / "log.jsonl", time.monotonic() + 120
    while not (log.exists() and log.read_text().count("\n") >= 2):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    done = json.loads(out)["steps"]
    assert f"Stopped after step {done}" in err
    assert torch.load(tmp_path / "run" / STATE, weights_only=True)["step"] == done >= 2


def test_accumulation_is_a_larger_batch_in_halves(world, tmp_path):
    schedule = "steps = 1\npairs = 2\nsave_every = 9\ncheck_every = 9"
    path = write_recipe(tmp_path, world, schedule=schedule, optimiser="accumulate = 2")
    assert main(["train", str(path)]) == 0
    (entry,) = log_of(tmp_path / "run")
    path = write_recipe(tmp_path, world, "whole", schedule=schedule)
    assert main(["train", str(path)]) == 0
    (first,) = log_of(tmp_path / "whole")
    assert entry["positives"] > first["positives"]


def test_held_out_loss_chooses_the_best(world, tmp_path):
    schedule = "steps = 4\npairs = 2\nsave_every = 9\ncheck_every = 2"
    path = write_recipe(
        tmp_path, world, schedule=schedule, more=validation_text(world), optimiser='precision = "bf16"'
    )
    assert main(["train", str(path)]) == 0
    judged = [entry for entry in log_of(tmp_path / "run") if entry["evaluation"]]
    assert [entry["step"] for entry in judged] == [2, 4]
    best = max(judged, key=lambda entry: entry["evaluation"]["minus_loss"])
    stored = read_checkpoint(tmp_path / "run" / "best.safetensors").extra
    assert stored["step"] == best["step"]
    assert stored["evaluation"] == pytest.approx(best["evaluation"])


def test_whole_clips_can_be_judged(world, tmp_path):
    schedule = "steps = 1\npairs = 1\nsave_every = 9\ncheck_every = 1"
    path = write_recipe(tmp_path, world, schedule=schedule, more=validation_text(world))
    path.write_text('judge = "ap"\nvalidation_clips = 2\n' + path.read_text())
    assert main(["train", str(path)]) == 0
    (entry,) = log_of(tmp_path / "run")
    assert list(entry["evaluation"]) == ["AP", "AP50"]
    assert 0 <= entry["evaluation"]["AP"] <= entry["evaluation"]["AP50"] <= 1


def test_another_network_cannot_resume(world, tmp_path, undisturbed):
    path = write_recipe(tmp_path, world, schedule=SHORT)
    path.write_text(path.read_text().replace("head_channels = 32", "head_channels = 16"))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / STATE).write_bytes((undisturbed / STATE).read_bytes())
    with pytest.raises(StmaskError, match="Cannot resume"):
        prepare(read_recipe(path), "cpu", Processes()).resume()


def test_training_starts_from_another_checkpoint(world, tmp_path, undisturbed):
    path = write_recipe(tmp_path, world, schedule=SHORT)
    text = path.read_text().replace(
        '"stmask_small_resnet"', f'"stmask_small_resnet"\nstart_from = "{undisturbed / LAST}"'
    )
    path.write_text(text)
    network = prepare(read_recipe(path), "cpu", Processes()).network
    stored = read_checkpoint(undisturbed / LAST).state_dict
    assert all(torch.equal(value, stored[name]) for name, value in network.state_dict().items())


@torch.inference_mode()
def found_share(network, pairs, batches):
    """Share of the objects of some batches whose mask the network finds (IoU > 0.5, right category)."""
    found = objects = 0
    for number in range(batches):
        batch = pairs.batch(number, 2)
        raw = network(batch.images)
        for frame, truth in enumerate(batch.truths):
            scores, labels = raw.class_logits[frame].softmax(-1)[:, 1:].max(-1)
            order = scores.argsort(descending=True)[:100]
            boxes = decode_boxes(raw.box_deltas[frame], raw.anchors)[order]
            kept = pairwise_iou(boxes, boxes).triu(1).max(0).values <= 0.5
            order, boxes = order[kept], boxes[kept]
            masks = assemble_masks(raw.prototypes[frame], raw.mask_coefficients[frame][order], boxes) > 0.5
            small = (
                torch.nn.functional.interpolate(truth.masks[None].float(), masks.shape[1:], mode="area")[0]
                > 0.5
            )
            for label, mask in zip(truth.labels, small, strict=True):
                both = (masks & mask).sum((1, 2)) / (masks | mask).sum((1, 2)).clamp(min=1)
                good = (both > 0.5) & (labels[order] + 1 == label) & (scores[order] > 0.3)
                found, objects = found + bool(good.any()), objects + 1
    return found / objects


def test_a_few_clips_are_learnt_by_heart(tmp_path):
    world = draw_world(tmp_path / "world", clips=2, frames=3)
    schedule = "steps = 180\npairs = 2\nsave_every = 1000\ncheck_every = 1000"
    path = write_recipe(tmp_path, world, schedule=schedule, optimiser="largest_gradient = 20.0")
    text = path.read_text().replace("rate = 2e-3", "rate = 3e-3")
    path.write_text(text.replace("[input]", "[input]\nflip = 0.0\nsmallest_object = 400"))
    training = prepare(read_recipe(path), "cpu", Processes())
    reports = list(training.steps())
    early, late = (sum(r.total for r in part) / 10 for part in (reports[:10], reports[-10:]))
    assert late < 0.25 * early
    assert found_share(training.network.eval(), training.pairs, 4) > 0.7


@pytest.mark.long
def test_two_processes_train_as_one_that_accumulates(world, tmp_path):
    """Both take the same pairs; with nothing drawn at random inside the loss the weights are the same."""
    schedule = "steps = 3\npairs = 1\nsave_every = 9\ncheck_every = 9"

    def exact_recipe(name, **lines):
        path = write_recipe(tmp_path, world, name, schedule=schedule, **lines)
        text = path.read_text().replace('kind = "adamw"\nrate = 2e-3\nnorms = "trained"', "rate = 2e-4")
        path.write_text(text.replace("most_masks = 24\nmost_carried = 8\n", ""))
        return path

    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += ["-m", "stmask_core.cli", "train", str(exact_recipe("run"))]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(totals(tmp_path / "run")) == 3
    together = read_checkpoint(tmp_path / "run" / LAST)
    assert together.extra["step"] == 3
    path = exact_recipe("alone", optimiser="accumulate = 2")
    first = prepare(read_recipe(path), "cpu", Processes()).network.state_dict()
    start = {name: value.clone() for name, value in first.items()}
    assert main(["train", str(path)]) == 0
    alone = read_checkpoint(tmp_path / "alone" / LAST).state_dict
    moved = torch.cat([(alone[name] - start[name]).flatten() for name in start])
    apart = torch.cat([(alone[name] - together.state_dict[name]).flatten() for name in start])
    assert moved.norm() > 0
    assert apart.norm() < 1e-3 * moved.norm()
