"""``stmask inspect``: where a project is likely wrong and why, worst first; with the truth, where it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stmask_core.cli import print_json, printable
from stmask_core.cli.progress import with_progress
from stmask_core.errors import StmaskError

if TYPE_CHECKING:
    from stmask_core.cli.scored_files import Comparison
    from stmask_core.document.records import Video
    from stmask_core.project import Project
    from stmask_core.review.inspection import AgainstTruth, Inspection
    from stmask_core.review.observations import ObservedClip
    from stmask_core.video.source import VideoSource

MOST_LINES = 20  # events printed


@click.command("inspect")
@click.argument("project", type=click.Path(path_type=Path))
@click.option(
    "--gt",
    "truth",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The truth: a YouTube-VIS annotation file, or another project to compare with.",
)
@click.option("--ignore-categories", is_flag=True, help="With --gt: judge masks and identities alone.")
@click.option("--video", "name", metavar="NAME", help="Only this video of the project.")
@click.option("--no-pictures", is_flag=True, help="Do not open the video: no blur, no cuts, no pictures.")
@click.option("--csv", "csv", type=click.Path(path_type=Path, dir_okay=False), help="Write the events here.")
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Write one HTML page here.")
@click.option(
    "--runs",
    nargs=2,
    type=int,
    metavar="FIRST SECOND",
    help="Instead: hold these two model runs of the project against each other.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def command(
    project: Path,
    truth: Path | None,
    ignore_categories: bool,
    name: str | None,
    no_pictures: bool,
    csv: Path | None,
    report: Path | None,
    runs: tuple[int, int] | None,
    as_json: bool,
) -> None:
    """Diagnostics of every mask of PROJECT, and its events, worst first.

    Exits 0 whatever it finds. What each diagnostic means: docs/guide/inspect.md.
    """
    from stmask_core.cli.scored_files import compare_document
    from stmask_core.project import Project
    from stmask_core.review.inspection import inspect

    if runs is not None:
        if truth is not None or csv is not None or report is not None or name is not None:
            raise click.UsageError("--runs stands alone, or with --json.")
        _compare_runs(project, runs, as_json=as_json)
        return
    _check_name(csv, "--csv", ".csv")
    _check_name(report, "--report", ".html", ".htm")
    with Project.open(project, read_only=True) as opened:
        videos = list(opened.document.videos.values())
        chosen = _chosen(videos, name)
        if (csv or report) and len(chosen) != 1:
            names = ", ".join(video.name or video.path for video in videos) or "none"
            raise click.UsageError(f"Say which --video the file is about: {names}.")
        compared = None
        if truth is not None:
            compared = compare_document(truth, opened.document, ignore_categories=ignore_categories)
            for warning in compared.warnings:
                click.echo(f"warning: {printable(warning)}", err=True)
        found = []
        for video in chosen:
            with _pictures(opened, video, wanted=not no_pictures) as source:
                clip = _observed(opened, video, source)
                against = None
                if compared is not None:
                    place = videos.index(video)
                    against = against_truth(compared, place, clip, ignore_categories=ignore_categories)
                inspection = inspect(clip, against)
                found.append(inspection)
                if report is not None:
                    _write_report(report, inspection, opened, video, source)
    if csv is not None:
        _write_csv(csv, found[0])
    if as_json:
        print_json({"project": str(project), "videos": [inspection.as_json() for inspection in found]})
        return
    for inspection in found:
        _print(inspection)


def _compare_runs(project: Path, runs: tuple[int, int], *, as_json: bool) -> None:
    from stmask_core.cli.compared_runs import compared_runs, print_comparison

    found = compared_runs(project, *runs)
    if as_json:
        print_json(found)
    else:
        print_comparison(found)


def _check_name(path: Path | None, option: str, *suffixes: str) -> None:
    """UsageError for a file of another kind: it could be the project, or its video."""
    if path is not None and path.suffix.lower() not in suffixes:
        raise click.UsageError(f"{option} {path.name}: choose a name that ends in {suffixes[0]}.")


def _chosen(videos: list[Video], name: str | None) -> list[Video]:
    """The videos to look at; UsageError for a name that none has."""
    if name is None:
        return videos
    chosen = [v for v in videos if name in (v.name, v.path, Path(v.name or v.path).stem)]
    if not chosen:
        known = ", ".join(video.name or video.path for video in videos) or "none"
        raise click.UsageError(f"The project has no video {name!r}; it has: {known}.")
    return chosen


@contextmanager
def _pictures(project: Project, video: Video, *, wanted: bool) -> Iterator[VideoSource | None]:
    """The open video; None, and a word about it, when it cannot be opened."""
    from stmask_core.video.source import open_video

    source = None
    if wanted:
        try:
            source = open_video(project.find_video(video.id))
        except StmaskError as error:
            click.echo(f"warning: no pictures, so no blur and no cuts: {printable(str(error))}", err=True)
    try:
        yield source
    finally:
        if source is not None:
            source.close()


def _observed(project: Project, video: Video, source: VideoSource | None) -> ObservedClip:
    from stmask_core.inspect_project import ProjectObserver

    observer = ProjectObserver(project.document, video.id)
    frames = observer.watch(None if source is None else source.frames())
    name = printable(video.name or video.path)
    for _ in with_progress(frames, label=name, unit="frames", total=video.frame_count):
        pass
    if observer.unreadable:
        damaged = len(observer.unreadable)
        click.echo(f"warning: {name}: the evidence of {damaged} frames is damaged", err=True)
    return observer.clip()


def against_truth(
    compared: Comparison, place: int, clip: ObservedClip, *, ignore_categories: bool = False
) -> AgainstTruth:
    """The truth of one video, by its place in the project; clip: what was observed of that video.

    Predicted tracks come in the order of the project's and take its ids.
    """
    from stmask_core.review.inspection import hold_against

    pair = compared.clips[place]
    named = zip(pair.predicted, clip.tracks, strict=True)
    predicted = tuple(replace(track, id=known.id) for track, known in named)
    return hold_against(
        replace(pair, predicted=predicted), compared.categories, ignore_categories=ignore_categories
    )


def _write_csv(path: Path, inspection: Inspection) -> None:
    from stmask_core.formats.atomic import atomic_write
    from stmask_core.review.events import events_csv

    with atomic_write(path) as file:
        file.write(events_csv(inspection.events))


def _write_report(
    path: Path, inspection: Inspection, project: Project, video: Video, source: VideoSource | None
) -> None:
    from stmask_core.formats.atomic import atomic_write
    from stmask_core.inspect_project import where_from
    from stmask_core.review.report import frames_to_show, report_page

    pictures = {}
    if source is not None:
        wanted = frames_to_show(inspection)
        for frame in with_progress(wanted, label="pictures", unit="frames", total=len(wanted)):
            pictures[frame] = source.frame(frame)
    page = report_page(inspection, where_from(project.document, video.id, project.path.name), pictures)
    with atomic_write(path) as file:
        file.write(page)


def _print(inspection: Inspection) -> None:
    clip, events = inspection.clip, inspection.events
    size = f"{clip.length} frames, {len(clip.tracks)} tracks, {len(events)} events"
    click.echo(f"{printable(clip.name)}: {size}")
    for event in events[:MOST_LINES]:
        track = "" if event.track is None else f"track {event.track}"
        click.echo(f"  {event.severity:.2f}  frame {event.frame:<6}{track:11}{event.kind:13}{event.cause}")
    if len(events) > MOST_LINES:
        click.echo(f"  and {len(events) - MOST_LINES} more: see --csv, --json or --report")
    truth = inspection.truth
    if truth is None:
        return
    precision, tracking = truth.evaluation.precision, truth.evaluation.tracking
    numbers = [("AP", precision.AP), ("AP50", precision.AP50)]
    if tracking is not None:
        numbers += [("HOTA", tracking.HOTA), ("IDF1", tracking.IDF1)]
    click.echo("  " + "  ".join(f"{name} {_number(value)}" for name, value in numbers))
    counts = truth.comparison.matches.counts
    click.echo(
        f"  {counts['CLR_TP']} masks right, {counts['CLR_FP']} wrong, {counts['CLR_FN']} missed,"
        f" {counts['IDSW']} identity switches, {counts['Frag']} fragmentations (IoU 0.5)"
    )
    for kind, gain in truth.breakdown.gains.items():
        if gain.count:
            click.echo(f"  {kind:13}{gain.count:4} tracks; fixed alone: AP +{_number(gain.AP)}")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
