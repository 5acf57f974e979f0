"""``stmask export``: a project's annotations in another tool's format, after saying what is wrong there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stmask_core.cli import print_json
from stmask_core.cli.category_options import category_options
from stmask_core.cli.progress import with_progress
from stmask_core.errors import FormatError
from stmask_core.formats.objects_file import FILE_NAME

if TYPE_CHECKING:
    from stmask_core.document.document import Document
    from stmask_core.document.records import VideoId
    from stmask_core.formats.exchange import Exchange
    from stmask_core.formats.reports import WriteReport
    from stmask_core.project import Project

FORMATS = ("ytvis", "ytvis-results", "coco", "davis", "mots", "mots-txt", "csv", "video")
FOLDERS = ("davis", "mots", "mots-txt")


@click.command()
@click.argument("project", type=click.Path(exists=True, path_type=Path, dir_okay=False))
@click.option("--format", "format_", type=click.Choice(FORMATS), required=True, help="What to write.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="File to write; a folder for davis, mots and mots-txt.",
)
@click.option("--video", "names", multiple=True, help="Only the video of this name (repeatable).")
@category_options
@click.option("--compressed/--lists", default=None, help="ytvis, coco: run lengths as text or as lists.")
@click.option("--first-frame", type=click.IntRange(0, 1), default=1, help="mots-txt: number of frame 0.")
@click.option("--opacity", type=click.FloatRange(0, 1), default=0.45, help="video: how strong the tint is.")
@click.option("--no-validate", is_flag=True, help="Do not look for problems first.")
@click.option("--force", is_flag=True, help="Replace what is at --out.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
def command(
    project: Path,
    format_: str,
    out: Path,
    names: tuple[str, ...],
    categories: str | None,
    mapping: dict[str, str],
    compressed: bool | None,
    first_frame: int,
    opacity: float,
    no_validate: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Export PROJECT. Problems found are printed first and do not stop the export."""
    from stmask_core.formats.category_lists import unused_mappings
    from stmask_core.project import Project

    _refuse_losses(project, out)
    if out.exists() and not force and not (format_ in FOLDERS and out.is_dir() and not any(out.iterdir())):
        raise FormatError(f"{out} is already there.", "Choose another place or say --force.")
    if out.is_dir() and format_ not in FOLDERS:
        raise FormatError(f"{out} is a folder; {format_} is written as a file.")
    with Project.open(project, read_only=True) as opened:
        for record in opened.document.videos.values():
            _refuse_losses(project.parent / record.path, out)
        videos = _chosen(opened.document, names)
        problems = {} if no_validate else _problems(opened.document, videos)
        if not as_json:
            _print_problems(problems)
        if format_ == "video":
            report = _render(opened, videos, out, opacity)
        else:
            exchange = _exchange(opened.document, videos, categories, mapping)
            options = {"compressed": compressed, "first_frame": first_frame, "replace": force}
            report = _write(exchange, format_, out, options)
            names_there = (category.name for category in opened.document.categories.values())
            for note in unused_mappings(mapping, names_there):
                report = report.with_note(note)
        if format_ == "csv":
            report = report.with_note(f"{_write_events(opened.document, videos, out)} events beside it")
    if as_json:
        print_json(_summary(report, problems))
        return
    for note in report.notes:
        click.echo(f"note: {note}", err=True)
    if report.overlap_pixels:
        lost = f"{report.overlap_pixels} pixels belong to two objects: the smaller object kept them"
        click.echo(f"note: {lost}", err=True)
    click.echo(f"{out}: {report.tracks} tracks, {report.masks} masks on {report.videos} videos.")


def _refuse_losses(source: Path, out: Path) -> None:
    """No export replaces a project, its videos or frames, or a folder that is no export, whatever is said."""
    target, kept = Path(os.path.realpath(out)), Path(os.path.realpath(source))
    is_frame = out.is_file() and kept in target.parents
    is_project = out.is_file() and out.suffix == ".stm"
    if target == kept or target in kept.parents or is_frame or is_project:
        raise FormatError(f"{out} holds a project or its video.", "Choose another place.")
    is_ours = (out / FILE_NAME).is_file() or (out.is_dir() and not any(out.iterdir()))
    if out.is_dir() and not is_ours:
        raise FormatError(f"{out} is a folder of something else than an export.", "Choose another place.")


def _chosen(document: Document, names: tuple[str, ...]) -> list[VideoId]:
    if not names:
        return list(document.videos)
    there = dict.fromkeys(video.name for video in document.videos.values())
    unknown = [name for name in names if name not in there]
    if unknown:
        raise FormatError(
            f"No video of the project is called {unknown[0]!r}.", f"There are: {', '.join(there)}."
        )
    return [
        video.id for name in dict.fromkeys(names) for video in document.videos.values() if video.name == name
    ]


def _problems(document: Document, videos: list[VideoId]) -> dict[str, int]:
    """How many problems of each kind the validation finds."""
    from stmask_core.document.validation import validate

    counts: dict[str, int] = {}
    for video in videos:
        for problem in validate(document, video):
            counts[problem.kind] = counts.get(problem.kind, 0) + 1
    return counts


def _print_problems(problems: Mapping[str, int]) -> None:
    if problems:
        listed = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in sorted(problems.items()))
        click.echo(f"validation: {listed} (see stmask validate)", err=True)


def _exchange(
    document: Document, videos: list[VideoId], categories: str | None, mapping: Mapping[str, str]
) -> Exchange:
    """The videos under the categories asked for."""
    from stmask_core.formats.category_lists import read_category_list, with_categories
    from stmask_core.formats.document_exchange import document_exchange

    exchange = document_exchange(document, videos)
    if not categories and not mapping:
        return exchange
    targets = read_category_list(categories) if categories else exchange.categories
    used = {int(t.category) for v in videos for t in document.tracks.of_video(v).values()}
    where = categories or "the project"
    return with_categories(exchange, targets, mapping, used=used, where=where)


def _write(exchange: Exchange, format_: str, out: Path, options: Mapping[str, Any]) -> WriteReport:
    compressed, first_frame, replace = (options[k] for k in ("compressed", "first_frame", "replace"))
    out.absolute().parent.mkdir(parents=True, exist_ok=True)
    if format_ == "ytvis":
        from stmask_core.formats.ytvis_writing import write_ytvis

        return write_ytvis(exchange, out, compressed=bool(compressed))
    if format_ == "ytvis-results":
        from stmask_core.formats.ytvis_results import write_ytvis_results

        return write_ytvis_results(exchange, out)
    if format_ == "coco":
        from stmask_core.formats.coco_writing import write_coco

        return write_coco(exchange, out, compressed=compressed is not False)
    if format_ == "davis":
        from stmask_core.formats.davis import write_davis

        return write_davis(exchange, out, replace=replace)
    if format_ == "mots":
        from stmask_core.formats.mots import write_mots_png

        return write_mots_png(exchange, out, replace=replace)
    if format_ == "mots-txt":
        from stmask_core.formats.mots import write_mots_txt

        return write_mots_txt(exchange, out, first_frame=first_frame, replace=replace)
    from stmask_core.formats.csv_tables import write_observations_csv

    return write_observations_csv(exchange, out)


def _write_events(document: Document, videos: list[VideoId], out: Path) -> int:
    """``<out>.events.csv``: what happens to the tracks, and the review notes."""
    from stmask_core.formats.csv_tables import EventRow, track_events, write_events_csv
    from stmask_core.formats.document_exchange import document_exchange

    def rows() -> Iterator[EventRow]:
        yield from track_events(document_exchange(document, videos))
        for video in videos:
            for note in document.notes.of_video(video).values():
                text = " / ".join(comment.text for comment in note.comments)
                name = document.videos[video].name
                yield EventRow(name, note.frame, f"note {note.state}", note.track, detail=text)

    return write_events_csv(rows(), out.with_name(f"{out.stem}.events.csv"))


def _render(project: Project, videos: list[VideoId], out: Path, opacity: float) -> WriteReport:
    """Draw the masks over one video and encode it."""
    from stmask_core.formats.document_exchange import exchange_video
    from stmask_core.formats.exchange import ExchangeCategory
    from stmask_core.formats.overlay_video import overlay_frames
    from stmask_core.formats.reports import WriteReport
    from stmask_core.video.source import open_video
    from stmask_core.video.writer import write_video

    document = project.document
    if len(videos) != 1:
        raise FormatError(f"The project has {len(videos)} videos.", "Choose one: --video NAME.")
    record = document.videos[videos[0]]
    video = exchange_video(document, record)
    tracks = sorted(document.tracks.of_video(record.id).values(), key=lambda track: track.id)
    numbered = zip(video.tracks, tracks, strict=True)
    colours = {shown.id: track.colour for shown, track in numbered if track.colour is not None}
    categories = [ExchangeCategory(c.id, c.name) for c in document.categories.values()]
    with open_video(project.find_video(record.id)) as source:
        frames = with_progress(source, label="render", unit="frame", total=video.length)
        drawn = overlay_frames(frames, video, categories, colours=colours, opacity=opacity)
        write_video(out, drawn, source.info.frame_rate or 24)
    return WriteReport(path=out).with_video(video)


def _summary(report: WriteReport, problems: Mapping[str, int]) -> dict[str, Any]:
    return {
        "out": str(report.path),
        "videos": report.videos,
        "tracks": report.tracks,
        "masks": report.masks,
        "overlap_pixels": report.overlap_pixels,
        "notes": list(report.notes),
        "problems": dict(problems),
    }
