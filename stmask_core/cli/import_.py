"""``stmask import``: annotations of another tool into a project, in one undo step or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stmask_core.cli import print_json
from stmask_core.cli.category_options import category_options
from stmask_core.cli.progress import with_progress
from stmask_core.errors import FormatError, StmaskError

if TYPE_CHECKING:
    from stmask_core.formats.document_exchange import ImportCounts, Place
    from stmask_core.formats.exchange import Exchange, ExchangeVideo
    from stmask_core.project import Project

FORMATS = ("ytvis", "ytvis-results", "coco", "davis", "mots", "mots-txt", "csv")
VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".ts", ".gif")
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
MOST_NAMED = 5  # in one error message


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--format", "format_", type=click.Choice(FORMATS), required=True, help="What PATH is.")
@click.option(
    "--video",
    type=click.Path(exists=True, path_type=Path),
    required=True,
    help="The annotated video: a file, a folder of frames, or the root of a data set of them.",
)
@click.option(
    "--project",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Project file; made when it is not there.",
)
@category_options
@click.option(
    "--dataset",
    type=click.Path(exists=True, path_type=Path, dir_okay=False),
    help="ytvis-results: the annotation file (videos, categories) that the results belong to.",
)
@click.option("--first-frame", type=click.IntRange(0, 1), help="mots text: what it calls the first frame.")
@click.option("--skip-missing", is_flag=True, help="Leave out videos that are not under --video.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
def command(
    path: Path,
    format_: str,
    video: Path,
    project: Path,
    categories: str | None,
    mapping: dict[str, str],
    dataset: Path | None,
    first_frame: int | None,
    skip_missing: bool,
    as_json: bool,
) -> None:
    """Import annotations from PATH into a project: one undo step, or nothing when anything is wrong."""
    from stmask_core.formats.category_lists import unused_mappings

    exchange = read_annotations(path, format_, mapping, categories, dataset, first_frame)
    warnings = (*exchange.warnings, *unused_mappings(mapping, (c.name for c in exchange.categories)))
    exchange, category_map = _with_categories(exchange, categories, mapping)
    found = _locate(list(exchange.videos), video, skip_missing=skip_missing)
    counts = _import(exchange, found, project, category_map, f"Import {path.name}")
    summary = {
        "project": str(project),
        "videos": len(found),
        "new_videos": counts.videos,
        "new_categories": counts.categories,
        "tracks": counts.tracks,
        "masks": counts.masks,
        "warnings": list(warnings),
    }
    if as_json:
        print_json(summary)
        return
    for warning in warnings:
        click.echo(f"note: {warning}", err=True)
    click.echo(f"{project}: {counts.tracks} tracks, {counts.masks} masks on {len(found)} videos.")


def read_annotations(
    path: Path,
    format_: str,
    mapping: Mapping[str, str],
    categories: str | None,
    dataset: Path | None,
    first_frame: int | None,
) -> Exchange:
    """What the file says, its videos in memory."""
    if format_ == "ytvis":
        from stmask_core.formats.ytvis_exchange import read_ytvis

        return read_ytvis(path)
    if format_ == "ytvis-results":
        from stmask_core.formats.category_lists import read_category_list
        from stmask_core.formats.ytvis_exchange import read_ytvis
        from stmask_core.formats.ytvis_results import read_ytvis_results

        listed = read_category_list(categories) if categories else ()
        return read_ytvis_results(path, read_ytvis(dataset) if dataset else None, listed, mapping)
    if format_ == "coco":
        from stmask_core.formats.coco import read_coco

        return read_coco(path)
    if format_ == "davis":
        from stmask_core.formats.davis import read_davis

        return read_davis(path, mapping)
    if format_ in ("mots", "mots-txt"):
        from stmask_core.formats.mots import read_mots

        return read_mots(path, mapping, first_frame=first_frame)
    from stmask_core.formats.csv_tables import read_observations_csv

    return read_observations_csv(path)


def _with_categories(
    exchange: Exchange, categories: str | None, mapping: Mapping[str, str]
) -> tuple[Exchange, Mapping[str, str]]:
    """(the exchange under the categories asked for, what of the mapping is still to be done)."""
    from stmask_core.formats.category_lists import read_category_list, used_categories, with_categories

    if not categories:
        return exchange, mapping
    targets = read_category_list(categories)
    used = used_categories(exchange.videos)
    mapped = with_categories(exchange, targets, mapping, used=used, where=categories)
    videos = tuple(mapped.videos)
    kept = used_categories(videos)
    return replace(mapped, videos=videos, categories=tuple(c for c in targets if c.id in kept)), {}


def _locate(
    videos: list[ExchangeVideo], given: Path, *, skip_missing: bool
) -> list[tuple[ExchangeVideo, Path]]:
    """Where each annotated video is."""
    if given.is_file() or _is_folder_of_frames(given):
        chosen = videos if len(videos) == 1 else [v for v in videos if v.name in (given.name, given.stem)]
        if len(chosen) != 1:
            raise FormatError(
                f"The annotations are of {len(videos)} videos and none of them is called {given.stem}.",
                "Give --video the folder that holds all of them.",
            )
        return [(chosen[0], given)]
    found = [(video, _place_under(given, video)) for video in videos]
    missing = [video.name for video, place in found if place is None]
    if missing and (not skip_missing or len(missing) == len(videos)):
        named = ", ".join(missing[:MOST_NAMED]) + (", ..." if len(missing) > MOST_NAMED else "")
        raise FormatError(
            f"{len(missing)} of {len(videos)} videos are not under {given}: {named}.",
            "Say --skip-missing to leave them out." if len(missing) < len(videos) else "",
        )
    return [(video, place) for video, place in found if place is not None]


def _is_folder_of_frames(folder: Path) -> bool:
    return folder.is_dir() and any(p.suffix.lower() in IMAGE_SUFFIXES for p in folder.iterdir())


def _place_under(root: Path, video: ExchangeVideo) -> Path | None:
    """``JPEGImages/<name>``, ``<name>`` (a folder or a file) or ``<name>.mp4`` under the root only."""
    from stmask_core.formats.frame_names import safe_relative_name

    try:
        name = safe_relative_name(video.name, video.name)
    except FormatError:
        return None
    for base in (root / "JPEGImages", root):
        if (base / name).is_dir():
            return base / name
        for suffix in ("", *VIDEO_SUFFIXES):
            if (base / f"{name}{suffix}").is_file():
                return base / f"{name}{suffix}"
    return None


def _import(
    exchange: Exchange,
    found: list[tuple[ExchangeVideo, Path]],
    project_path: Path,
    category_map: Mapping[str, str],
    name: str,
) -> ImportCounts:
    """Open or make the project and import; a project that was made only for this goes away on failure."""
    from stmask_core.formats.document_exchange import import_exchange
    from stmask_core.formats.project_file import remove_project
    from stmask_core.project import Project

    is_new = not project_path.exists()
    if is_new:
        project_path.parent.mkdir(parents=True, exist_ok=True)
    project = Project.create(project_path) if is_new else Project.open(project_path)
    try:
        with project:
            places: dict[int, Place] = {}
            for video, path in with_progress(found, label="videos", unit="video", total=len(found)):
                places[video.id] = _place(project, video, path)
            return import_exchange(project.document, exchange, places, name=name, category_map=category_map)
    except (StmaskError, OSError, KeyboardInterrupt):
        if is_new:
            remove_project(project_path)
        raise


def _place(project: Project, video: ExchangeVideo, path: Path) -> Place:
    """The project's record of a video file (a new one with id 0), and which of its frames are annotated."""
    from stmask_core.document.records import Video, VideoId
    from stmask_core.formats.document_exchange import Place
    from stmask_core.formats.frame_names import match_frames
    from stmask_core.video.fingerprint import fingerprint
    from stmask_core.video.source import open_video

    with open_video(path) as source:
        info = source.info
    names = frame_files(path)
    frames = match_frames(video, info.frame_count, names if len(names) == info.frame_count else ())
    stored = project.stored_path(path)
    for record in project.document.videos.values():
        if record.path == stored:
            return Place(record, tuple(frames))
    record = Video(
        VideoId(0),
        stored,
        info.width,
        info.height,
        info.frame_count,
        name=video.name,
        frame_rate=float(info.frame_rate or 0),
        fingerprint=fingerprint(path),
    )
    return Place(record, tuple(frames))


def frame_files(path: Path) -> list[str]:
    """Names of the pictures in a folder of frames, in natural order; none for a video file."""
    from stmask_core.formats.folders import natural_order

    if not path.is_dir():
        return []
    pictures = (p.name for p in path.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
    return sorted((name for name in pictures if not name.startswith(".")), key=natural_order)
