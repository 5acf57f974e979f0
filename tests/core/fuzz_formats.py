"""Malformed inputs made from real ones, fed to every reader: ``python -m tests.core.fuzz_formats``.

Each case mutates a real file, reads it, and takes what is accepted on through a project and out again. The
only outcomes allowed are success and an error of our family whose message names the place. Runs as a process
of its own, so that its memory can be bounded and measured.
"""

import argparse
import contextlib
import copy
import faulthandler
import json
import random
import resource
import shutil
import signal
import sys
import tempfile
import traceback
import zipfile
from pathlib import Path

from stmask_core.document.commands.predictions import (
    PredictedFrame,
    Prediction,
    add_predictions,
    start_run,
    withheld_at,
)
from stmask_core.document.commands.review import add_note, set_frames_reviewed
from stmask_core.document.records import CategoryId, Video, VideoId
from stmask_core.document.validation import validate
from stmask_core.errors import DocumentError, FormatError, ProjectFileError
from stmask_core.formats.category_lists import read_category_list
from stmask_core.formats.coco import read_coco
from stmask_core.formats.coco_writing import write_coco
from stmask_core.formats.csv_tables import read_observations_csv, write_observations_csv
from stmask_core.formats.davis import read_davis, write_davis
from stmask_core.formats.document_exchange import Place, document_exchange, import_exchange
from stmask_core.formats.exchange import Exchange
from stmask_core.formats.frame_names import match_frames
from stmask_core.formats.mots import read_mots, write_mots_png, write_mots_txt
from stmask_core.formats.project_file import ProjectFile, rescue
from stmask_core.formats.ytvis_exchange import read_ytvis
from stmask_core.formats.ytvis_results import read_ytvis_results
from stmask_core.formats.ytvis_writing import write_ytvis
from tests.core.exchange_samples import sample_exchange

DATA = Path(__file__).resolve().parents[1] / "data"
MEMORY = 3 << 30  # address space; an input of a few kilobytes must never need more
SECONDS = 30  # per case: a guard against hangs, not a measurement
NASTY = [
    *(None, True, -1, 0, 1, 2**31, 2**63, 10**30, -(10**18), 0.5, 1e308, float("nan"), float("inf")),
    *("", "x", "../../outside", "/etc/passwd", "C:\\x", "a\x00b", "\ud800", "7", "9" * 5000, "é" * 999),
    *([], {}, [[]], [None], {"": None}, {"size": [1, 1], "counts": [1]}, [1e9, 0, 0, 1e9, -1e9, 5]),
    *([0.0, 0.0, 599.0, 399.0] * 400, {"size": [16384, 16384], "counts": "0000"}),
    *({"size": [1 << 40, 1 << 40], "counts": []}, {"size": [40, 60], "counts": "~" * 99}),
]
ALPHABET = [chr(c) for c in range(48, 112)]
JSON_SEEDS = sorted((DATA / "format_variants").glob("[gr]*.json"))


def peak_megabytes():
    """Most memory of this process since it began; ``getrusage`` would count what its parent had, too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1e3


def main():
    """Run the cases; print one JSON object."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, _hang)
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(run(Path(folder), options.cases, options.seed)))  # noqa: T201


def run(folder, cases, seed):
    """Feed ``cases`` inputs; counts, and what went wrong."""
    (folder / "outside").mkdir()
    (folder / "outside" / "keep").write_text("untouched")
    subjects = make_subjects(folder / "seeds")
    report = {"cases": cases, "accepted": 0, "refused": 0, "failures": [], "by_subject": {}}
    for number in range(cases):
        rng = random.Random(seed * 1_000_003 + number)
        name = sorted(subjects)[number % len(subjects)]
        inside = folder / "inside"
        inside.mkdir()
        outcome = one_case(subjects[name], inside, rng)
        if outcome in ("accepted", "refused"):
            report[outcome] += 1
            key = report["by_subject"].setdefault(name, {"accepted": 0, "refused": 0})
            key[outcome] += 1
        else:
            report["failures"].append({"subject": name, "seed": seed, "number": number, "what": outcome})
        shutil.rmtree(inside)
        left = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if "seeds" not in p.parts)
        if left != ["outside", "outside/keep"]:
            report["failures"].append({"subject": name, "number": number, "what": f"files appeared: {left}"})
            break
    report["peak_mb"] = peak_megabytes()
    return report


def one_case(subject, inside, rng):
    """ "accepted", "refused", or what went wrong."""
    make, read = subject
    path = make(inside, rng)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        found = read(path)
        if isinstance(found, Exchange):
            through_project(found, inside)
    except (FormatError, ProjectFileError, DocumentError) as error:
        return "refused" if names_a_place(str(error), path) else f"names no place: {error}"
    except BaseException:  # noqa: BLE001 - whatever it is, it is the finding
        return traceback.format_exc(limit=-4)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return "accepted"


def through_project(found, inside):
    """What the import verb does with an exchange, against a video of 3 frames of 60 x 40; and out again."""
    places = {}
    for video in found.videos:
        frames = match_frames(video, 6 if video.length == 6 else 3)
        record = Video(VideoId(0), "v.mp4", 60, 40, 6 if video.length == 6 else 3, name=video.name)
        places[video.id] = Place(record, tuple(frames))
    project = ProjectFile.in_memory()
    try:
        import_exchange(project.document, found, places)
        for number, write in enumerate((write_ytvis, write_coco, write_observations_csv)):
            write(document_exchange(project.document), inside / f"out{number}")
        write_davis(document_exchange(project.document), inside / "davis")
        write_mots_txt(document_exchange(project.document), inside / "mots")
    finally:
        project.close()


def names_a_place(message, path):
    """True when the message says which file, entry, line, track, category or frame."""
    words = (
        path.stem,
        "[",
        ".png:",
        ".txt",
        "line ",
        "rack ",
        "ideo",
        "atego",
        "objects",
        "project",
        "olygon",
    )
    return len(message) > 15 and any(word in message for word in words)


def _hang(signum, frame):
    raise TimeoutError(f"hung for {SECONDS} s")


def make_subjects(folder):
    """name -> (make a mutated input in a folder, read it)."""
    folder.mkdir()
    small = sample_exchange(videos=1, seed=4)
    everything = {"*": "dog"}
    write_coco(small, folder / "coco.json")
    write_coco(small, folder / "coco_lists.json", compressed=False)
    write_observations_csv(small, folder / "table.csv")
    write_davis(small, folder / "davis")
    write_mots_png(small, folder / "mots")
    write_mots_txt(small, folder / "mots_txt")
    project = make_project(small, folder / "project.stm")
    dataset = read_ytvis(DATA / "format_variants" / "g01_ytvis2019.json")
    annotations = [p for p in JSON_SEEDS if p.name.startswith("g")]
    results = [p for p in JSON_SEEDS if p.name.startswith("r")]
    text = (folder / "mots_txt" / "clip one.txt").read_bytes()
    return {
        "ytvis structure": (json_mutator(annotations), read_ytvis),
        "ytvis masks": (json_mutator(annotations, deep=True), read_ytvis),
        "ytvis bytes": (bytes_mutator([p.read_bytes() for p in annotations], "a.json"), read_ytvis),
        "results structure": (json_mutator(results), lambda p: read_ytvis_results(p, dataset)),
        "results alone": (
            json_mutator(results, deep=True),
            lambda p: read_ytvis_results(p, names=everything),
        ),
        "results zip": (zip_mutator(results[0]), lambda p: read_ytvis_results(p, dataset)),
        "coco structure": (json_mutator([folder / "coco.json", folder / "coco_lists.json"]), read_coco),
        "coco masks": (json_mutator([folder / "coco.json"], deep=True), read_coco),
        "mots text": (bytes_mutator([text], "a.txt"), lambda p: read_mots(p, everything)),
        "csv": (bytes_mutator([(folder / "table.csv").read_bytes()], "a.csv"), read_observations_csv),
        "davis pictures": (folder_mutator(folder / "davis"), lambda p: read_davis(p, everything)),
        "mots pictures": (folder_mutator(folder / "mots"), lambda p: read_mots(p, everything)),
        "category list": (json_mutator([DATA / "format_variants" / "g10_sparse_ids.json"]), read_categories),
        "project": (bytes_mutator([project], "a.stm"), read_project),
        "project cells": (project_mutator(folder / "project.stm"), read_project),
    }


def read_categories(path):
    """The reader of category lists takes a path as text."""
    read_category_list(str(path))


def read_project(path):
    """Rescue a project, then open it, look at everything in it, undo everything and bring it back."""
    rescued = path.with_name("rescued.stm")
    with contextlib.suppress(ProjectFileError):
        rescue(path, rescued)
    if rescued.exists():
        look_at_everything(rescued)
    look_at_everything(path)


def look_at_everything(path):
    """Every record, mask, piece of evidence and past step of a project."""
    with ProjectFile.open(path) as project:
        document = project.document
        for _ in document_exchange(document).videos:
            pass
        for video in document.videos:
            validate(document, video)
        for run in document.runs:
            document.evidence(run, 0)
            withheld_at(document, run, 0)
        if not project.read_only_reason:
            while document.undo() is not None:
                pass
            while document.redo() is not None:
                pass


def make_project(exchange, path):
    """The bytes of a small closed project."""
    with ProjectFile.create(path) as project:
        places = {
            v.id: Place(
                Video(VideoId(0), "v.mp4", v.width, v.height, v.length, name=v.name), tuple(range(v.length))
            )
            for v in exchange.videos
        }
        import_exchange(project.document, exchange, places)
        video = next(iter(project.document.videos))
        run = start_run(project.document, video, first=0, last=2)
        mask = exchange.videos[0].tracks[0].observations[0].mask
        predictions = tuple(Prediction(n, CategoryId(1), mask, 0.5) for n in range(2))
        add_predictions(project.document, run.id, [PredictedFrame(0, predictions, b"evidence")])
        add_note(project.document, video, 1, "Look here", point=(3.0, 4.0))
        set_frames_reviewed(project.document, video, [1], reviewed=True)
    return path.read_bytes()


def json_mutator(files, *, deep=False):
    """Changes to the values of a JSON file. deep: mostly inside the masks."""
    contents = [json.loads(f.read_text("utf-8-sig")) for f in files]

    def make(inside, rng):
        content = json.loads(json.dumps(rng.choice(contents)))
        for _ in range(rng.choice((1, 1, 1, 2, 5))):
            content = mutate_value(content, rng, deep)
        path = inside / "a.json"
        text = json.dumps(content)
        if rng.random() < 0.03:
            text = "[" * 100_000 + text
        path.write_text(text)
        return path

    return make


def mutate_value(content, rng, deep):
    """One change somewhere in a JSON value; returns the new value."""
    places = [p for p in places_in(content) if not deep or is_mask_place(p)]
    if not places:
        return copy.deepcopy(rng.choice(NASTY))
    holder, key = rng.choice(places)
    old = holder[key]
    roll = rng.random()
    if isinstance(old, str) and roll < 0.6:
        holder[key] = mutate_text(old, rng)
    elif isinstance(old, int) and not isinstance(old, bool) and roll < 0.4:
        holder[key] = old + rng.choice((-1, 1, 2, -old, old, 255, 10**6))
    elif isinstance(old, list) and old and roll < 0.4:
        rng.choice((old.pop, lambda: old.append(copy.deepcopy(old[0])), lambda: old.reverse(), old.clear))()
    elif roll < 0.6:
        del holder[key]
    elif roll < 0.7 and isinstance(holder, dict):
        holder[rng.choice(["id", "size", "counts", "length", "x"])] = copy.deepcopy(old)
    else:
        holder[key] = copy.deepcopy(rng.choice(NASTY))  # the next change must not reach into the list itself
    return content


def places_in(value):
    """(holder, key) of every value inside; long lists of numbers are thinned out."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield value, key
            yield from places_in(child)
    elif isinstance(value, list):
        step = max(1, len(value) // 8)
        for index in range(0, len(value), step):
            yield value, index
            yield from places_in(value[index])


def is_mask_place(place):
    """True for the parts of a run length code or a polygon."""
    holder, key = place
    return key in ("counts", "size", "segmentations", "segmentation") or (
        isinstance(holder, list) and isinstance(holder[key], int | float | list)
    )


def mutate_text(text, rng):
    """Compressed counts and names: a character changed, cut, doubled, or far too long."""
    at = rng.randrange(len(text) + 1)
    return rng.choice(
        (
            text[:at] + rng.choice(ALPHABET) + text[at + 1 :],
            text[:at],
            text[at:],
            text + text,
            text[:at]
            + rng.choice(["o", "_", "0", "~", " ", "\n", "é"]) * rng.choice([1, 9, 3000])
            + text[at:],
        )
    )


def bytes_mutator(seeds, name):
    """Changes to the bytes of a file."""

    def make(inside, rng):
        path = inside / name
        path.write_bytes(mutate_bytes(rng.choice(seeds), rng))
        return path

    return make


def mutate_bytes(data, rng):
    """A few bytes flipped, cut, moved, or numbers in text made extreme."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        if not data:
            break
        at, length = rng.randrange(len(data)), rng.choice((1, 2, 16, 300))
        roll = rng.randrange(7)
        if roll == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif roll == 1:
            del data[at:]
        elif roll == 2:
            del data[at : at + length]
        elif roll == 3:
            data[at:at] = bytes(rng.randrange(256) for _ in range(length))
        elif roll == 4:
            data[at:at] = data[at // 2 : at // 2 + length]
        elif roll == 5:
            data[at : at + 1] = rng.choice(
                [b"-1", b"99999999999999999999", b"1e9", b"\x00", b"\n", b'"', b","]
            )
        else:
            data[at : at + length] = b"\x00" * length
    return bytes(data)


def zip_mutator(results):
    """A submission whose bytes, or whose results, are damaged."""
    inner = json_mutator([results])

    def make(inside, rng):
        path = inside / "a.zip"
        inner(inside, rng)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(inside / "a.json", rng.choice(["results.json", "results.json", "x/results.json"]))
        if rng.random() < 0.6:
            path.write_bytes(mutate_bytes(path.read_bytes(), rng))
        return path

    return make


def folder_mutator(source):
    """A folder of pictures with one file damaged, missing, or swapped for another."""

    def make(inside, rng):
        root = inside / "pictures"
        shutil.copytree(source, root)
        files = sorted(p for p in root.rglob("*") if p.is_file())
        victim = rng.choice(files)
        roll = rng.random()
        if roll < 0.75:
            victim.write_bytes(mutate_bytes(victim.read_bytes(), rng))
        elif roll < 0.85:
            victim.unlink()
        else:
            shutil.copyfile(rng.choice(files), victim.with_name("extra.png"))
        return root

    return make


def project_mutator(source):
    """A sound SQLite file whose cells hold something else."""
    import sqlite3

    values = [None, -1, 0, 2**62, 1.5, "x", b"", b"\x00" * 40, b"\xff" * 200, "../../outside"]

    def make(inside, rng):
        path = inside / "a.stm"
        shutil.copyfile(source, path)
        connection = sqlite3.connect(path, isolation_level=None)
        tables = [r[0] for r in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        for _ in range(rng.choice((1, 2, 5))):
            table = rng.choice(tables)
            info = connection.execute(f'PRAGMA table_info("{table}")').fetchall()
            key = [r[1] for r in info if r[5]] or ["rowid"]
            keys = connection.execute(f'SELECT {", ".join(key)} FROM "{table}"').fetchall()
            if not keys:
                continue
            column, chosen = rng.choice(info)[1], rng.choice(keys)
            where = " AND ".join(f'"{name}" = ?' for name in key)
            (old,) = connection.execute(f'SELECT "{column}" FROM "{table}" WHERE {where}', chosen).fetchone()
            new = (
                mutate_bytes(old, rng)
                if isinstance(old, bytes) and rng.random() < 0.7
                else rng.choice(values)
            )
            try:
                connection.execute(f'UPDATE "{table}" SET "{column}" = ? WHERE {where}', (new, *chosen))
            except sqlite3.Error:
                continue  # the schema itself refuses
        connection.close()
        return path

    return make


if __name__ == "__main__":
    sys.exit(main())
