"""``stmask bench review``: how well each diagnostic points at errors, on projects whose truth is known."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from stmask_core.cli import print_json
from stmask_core.cli.progress import with_progress
from stmask_core.cli.scored_files import ScoredFile, read_truth
from stmask_core.errors import FormatError
from stmask_core.evaluation.clips import Clip, ScoredTrack
from stmask_core.inspect_project import ProjectObserver
from stmask_core.project import Project
from stmask_core.review.comparison import compare
from stmask_core.review.diagnostics.catalogue import DiagnosticTable, diagnose
from stmask_core.review.events import ReviewEvent, find_events
from stmask_core.review.observations import ObservedClip
from stmask_core.review.risk import Bools
from stmask_core.review.study import Study, fit_weights, study
from stmask_core.video.source import open_video


@click.command("review")
@click.argument("projects", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--gt",
    "truth",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The truth: a YouTube-VIS annotation file with a video of each project's name.",
)
@click.option("--min-score", default=0.2, show_default=True, help="Leave out tracks of a lower mean score.")
@click.option("--no-pictures", is_flag=True, help="Do not open the videos: no blur, no cuts.")
@click.option("--fit", is_flag=True, help="Also fit the weights of the risk to these projects.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def command(
    projects: tuple[Path, ...], truth: Path, min_score: float, no_pictures: bool, fit: bool, as_json: bool
) -> None:
    """AUROC of each diagnostic for "IoU < 0.5 or ID switch in this frame" over PROJECTS (or folders of them).

    Also the share of all errors in the first tenth of the masks: in the order of the queue, by risk, by
    score, and in order of time. IoU is of masks and identities; categories do not count.
    """
    paths = [
        found for path in projects for found in (sorted(path.glob("*.stm")) if path.is_dir() else [path])
    ]
    true = read_truth(truth)
    tables: list[DiagnosticTable] = []
    wrong: list[Bools] = []
    events: list[list[ReviewEvent]] = []
    for path in with_progress(paths, label="review", unit="projects", total=len(paths)):
        for clip, answer in observed_clips(path, true, pictures=not no_pictures):
            likely = without_doubtful(clip, min_score)
            table = diagnose(likely)
            tables.append(table)
            events.append(find_events(likely, table))
            wrong.append(compare(predicted_clip(likely, answer)).wrong_rows(table))
    result: dict[str, Any] = {"clips": len(tables), **as_values(study(tables, wrong, events))}
    if fit:
        result["weights"] = fit_weights(tables, wrong)
    if as_json:
        print_json(result)
    else:
        print_study(result)


def observed_clips(
    path: Path, truth: ScoredFile, *, pictures: bool
) -> Iterator[tuple[ObservedClip, tuple[int, tuple[ScoredTrack, ...]]]]:
    """The videos of a project, each with the length and the tracks of its truth. FormatError without one."""
    by_name = {Path(video.name).stem: video for video in truth.videos}
    with Project.open(path, read_only=True) as project:
        for video in project.document.videos.values():
            name = Path(video.name or video.path).stem
            if name not in by_name:
                raise FormatError(f"{path.name}: the truth has no video called {name!r}.")
            observer = ProjectObserver(project.document, video.id)
            if pictures:
                with open_video(project.find_video(video.id)) as source:
                    for _ in observer.watch(source.frames()):
                        pass
            else:
                for _ in observer.watch():
                    pass
            yield observer.clip(), (by_name[name].length, by_name[name].tracks)


def without_doubtful(clip: ObservedClip, least: float) -> ObservedClip:
    """A clip without the tracks whose mean score is below ``least``."""
    return replace(clip, tracks=tuple(t for t in clip.tracks if not t.mean_score < least))


def predicted_clip(clip: ObservedClip, truth: tuple[int, tuple[ScoredTrack, ...]]) -> Clip:
    """Observed tracks as predictions."""
    predicted = tuple(
        ScoredTrack(t.id, 1, dict(zip(t.frames.tolist(), t.masks, strict=True))) for t in clip.tracks
    )
    return Clip(1, clip.name, truth[0], truth[1], predicted)


def as_values(measured: Study) -> dict[str, Any]:
    """Plain values; None for what cannot be told."""
    return _plain(asdict(measured))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value


def print_study(result: dict[str, Any]) -> None:
    """One line per diagnostic, then the orders."""
    click.echo(f"{result['clips']} clips, {result['rows']} masks, {result['wrong']} of them wrong")
    for entry in result["worth"]:
        click.echo(f"{entry['name']:20}{_cell(entry['auroc'])}   defined in {entry['defined']:.0%}")
    click.echo(f"{'risk':20}{_cell(result['risk_auroc'])}")
    found = ", ".join(f"{name} {_cell(value)}" for name, value in result["found_first"].items())
    click.echo(f"errors in the first tenth: {found}")
    for name, weight in result.get("weights", {}).items():
        click.echo(f'    "{name}": {weight},')


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
