"""Two model runs of a project against each other, for ``stmask inspect --runs``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stmask_core.errors import DocumentError

if TYPE_CHECKING:
    from stmask_core.document.document import Document
    from stmask_core.document.records import ModelRun
    from stmask_core.document.run_comparison import ComparedFrame, RunComparison

MOST_LINES = 20  # frames, and partings, printed
HINT = "Put a second run beside the first with: stmask run ... --beside"


def compared_runs(project: Path, first: int, second: int) -> dict[str, Any]:
    """What two runs say, as plain values; DocumentError names the runs that are there."""
    from stmask_core.document.records import RunId
    from stmask_core.document.run_comparison import compare_runs
    from stmask_core.project import Project

    with Project.open(project, read_only=True) as opened:
        document = opened.document
        unknown = sorted({first, second} - document.runs.keys())
        if unknown or first == second:
            missing = f"There is no model run {unknown[0]}." if unknown else "Choose two different runs."
            raise DocumentError(f"{missing} The project has {_listed(document)}.", HINT)
        found = compare_runs(document, RunId(first), RunId(second))
        runs = [document.runs[found.first], document.runs[found.second]]
        video = document.videos[runs[0].video]
        return {
            "project": str(project),
            "video": video.name or video.path,
            "runs": [_described(run) for run in runs],
            **_numbers(found),
        }


def print_comparison(found: dict[str, Any]) -> None:
    """The comparison as text, the frames that differ most first."""
    first, second = found["runs"]
    click.echo(found["video"])
    for run in (first, second):
        span = f"frames {run['first']} to {run['last']}"
        click.echo(
            f"  run {run['id']}: {run['weights'] or 'a model without a name'}, {span}, {run['started']}"
        )
    if (first["first"], first["last"]) != (second["first"], second["last"]):
        click.echo("warning: what only one of them went over counts as missing in the other", err=True)
    overlap = "" if found["mean_iou"] is None else f", mean IoU {found['mean_iou']:.3f}"
    click.echo(
        f"  agreement {found['agreement']:.3f}: {found['in_both']} masks in both{overlap},"
        f" {found['only_first']} only in run {first['id']}, {found['only_second']} only in run {second['id']}"
    )
    differing = [frame for frame in found["frames"] if frame["only_first"] or frame["only_second"]]
    for frame in differing[:MOST_LINES]:
        alone = [
            f"only in run {run['id']}: {_tracks(frame[key])}"
            for run, key in ((first, "only_first"), (second, "only_second"))
            if frame[key]
        ]
        click.echo(f"  frame {frame['frame']:<6} {'; '.join(alone)}")
    _say_more(len(differing), "frames")
    for parting in found["partings"][:MOST_LINES]:
        click.echo(
            f"  frame {parting['frame']:<6} identities part: track {parting['track']} of run {first['id']},"
            f" track {parting['before']} of run {second['id']} until here, is now track {parting['now']}"
        )
    _say_more(len(found["partings"]), "partings")


def _numbers(found: RunComparison) -> dict[str, Any]:
    frames = found.frames
    in_both = sum(len(frame.both) for frame in frames)
    overlaps = [frame.mean_iou * len(frame.both) for frame in frames if frame.mean_iou is not None]
    return {
        "agreement": found.agreement,
        "in_both": in_both,
        "only_first": sum(len(frame.only_first) for frame in frames),
        "only_second": sum(len(frame.only_second) for frame in frames),
        "mean_iou": sum(overlaps) / in_both if in_both else None,
        "frames": [_frame(frame) for frame in found.worst_first()],
        "partings": [
            {"frame": p.frame, "track": p.track, "before": p.before, "now": p.now} for p in found.partings
        ],
    }


def _frame(frame: ComparedFrame) -> dict[str, Any]:
    return {
        "frame": frame.frame,
        "both": [list(pair) for pair in frame.both],
        "only_first": list(frame.only_first),
        "only_second": list(frame.only_second),
        "mean_iou": frame.mean_iou,
    }


def _described(run: ModelRun) -> dict[str, Any]:
    names = ("id", "weights", "checksum", "started", "first", "last", "beside")
    return {name: getattr(run, name) for name in names}


def _listed(document: Document) -> str:
    """The runs of a project in words."""
    runs = [f"{run.id} ({run.weights or 'unnamed'}, {run.started})" for run in document.runs.values()]
    if not runs:
        return "no model runs"
    return f"only run {runs[0]}" if len(runs) == 1 else f"runs {', '.join(runs)}"


def _tracks(tracks: list[int]) -> str:
    return f"track{'s' if len(tracks) > 1 else ''} {', '.join(map(str, tracks))}"


def _say_more(count: int, what: str) -> None:
    if count > MOST_LINES:
        click.echo(f"  and {count - MOST_LINES} more {what}: see --json")
