"""``stmask run``: pre-label videos, folders of images or a YouTube-VIS dataset, without a window."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stmask_core.cli import print_json
from stmask_core.cli.model_options import model_from, model_options, settings_from
from stmask_core.cli.progress import with_progress
from stmask_core.errors import FormatError, StmaskError, VideoError

if TYPE_CHECKING:
    from stmask_core.document.records import RunId, VideoId
    from stmask_core.engine.clip import RunSettings
    from stmask_core.engine.session import Model
    from stmask_core.project import Project
    from stmask_core.video.source import VideoSource


@dataclass(frozen=True)
class Clip:
    """One input. number: the video's id in a results file. files: frames of a dataset's video."""

    name: str
    path: Path
    number: int
    files: tuple[Path, ...] = ()

    @contextmanager
    def open(self) -> Iterator[VideoSource]:
        """Its frames."""
        from stmask_core.video.image_folder import ImageFolder
        from stmask_core.video.source import open_video

        with ImageFolder(self.path, self.files) if self.files else open_video(self.path) as source:
            yield source


@dataclass(frozen=True)
class Order:
    """What is to be done with every video."""

    out: Path
    model: Model
    settings: RunSettings
    weights: str
    span: tuple[int, int | None]
    again: bool
    overlay: bool
    beside: bool

    def project_of(self, clip: Clip) -> Path:
        """Where a video's project is."""
        return self.out / f"{clip.name}.stm"

    def state_of(self, clip: Clip) -> Path:
        """Where a run that is not finished keeps the tracker's state."""
        return self.out / f".{clip.name}.resume"


@click.command()
@click.argument("inputs", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder for results."
)
@click.option(
    "--dataset",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A YouTube-VIS JSON; the one INPUT is then the folder of its frames.",
)
@click.option("--frames", "span", metavar="A:B", help="Only frames A to B - 1 of each video.")
@click.option("--overlay", is_flag=True, help="Also render each video with its masks.")
@click.option("--no-evidence", is_flag=True, help="Do not keep what the model knew: smaller projects.")
@click.option("--again", is_flag=True, help="Run videos that are finished already, too.")
@click.option(
    "--beside",
    is_flag=True,
    help="Keep what earlier runs found and add this run's tracks beside them, to compare.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a summary as JSON.")
@model_options
def command(
    inputs: tuple[Path, ...],
    out: Path,
    dataset: Path | None,
    span: str | None,
    overlay: bool,
    no_evidence: bool,
    again: bool,
    beside: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Run the model over INPUTS: one project per video and results.json in --out.

    Interrupted, it goes on where it stopped; videos that are finished are left alone. With --beside,
    results.json holds this run alone.
    """
    from dataclasses import replace

    from stmask_core.document.records import RunId

    clips = _clips(inputs, dataset)
    wanted = _span(span)
    model = model_from(options)
    settings = replace(settings_from(options, model), evidence=not no_evidence)
    _make_folder(out)
    weights = str(options["weights"])
    order = Order(out, model, settings, weights, wanted, again, overlay, beside)
    summaries = []
    for clip in clips:
        summaries.append(_attempt(clip, order))
        _say(clip, summaries[-1], is_alone=len(clips) == 1, quiet=as_json)
    done = [
        (clip, RunId(summary["run"]) if beside else None)
        for clip, summary in zip(clips, summaries, strict=True)
        if "project" in summary
    ]
    if done:
        _write_results(out, done, model)
    if as_json:
        results = str(out / "results.json") if done else None
        print_json(
            {"videos": summaries, "results": results, "network": model.name, "precision": model.precision}
        )
    failed = sum("error" in summary for summary in summaries)
    if failed and len(clips) > 1:
        click.echo(f"stmask: {failed} of {len(clips)} videos failed.", err=True)
    click.get_current_context().exit(1 if failed else 0)


def _attempt(clip: Clip, order: Order) -> dict[str, Any]:
    """One video; what came out, or the error that stopped it: the others shall still be run."""
    summary: dict[str, Any] = {"video": str(clip.path), "video_id": clip.number}
    try:
        summary |= _run(clip, order)
        if order.overlay:
            _overlay(order.project_of(clip))
    except (StmaskError, OSError) as error:
        summary["error"] = " ".join(str(error).split()) or type(error).__name__
        if order.state_of(clip).exists():
            summary["error"] += " What was done is kept: the same line goes on from there."
    return summary


def _say(clip: Clip, summary: dict[str, Any], *, is_alone: bool, quiet: bool) -> None:
    """One line for a video, an error on standard error. quiet: errors only."""
    if "error" in summary:
        place = "" if is_alone else f"{clip.path}: "
        click.echo(f"stmask: {place}{summary['error']}", err=True)
    elif not quiet:
        found = f"{summary['tracks']} tracks, {summary['masks']} masks"
        click.echo(f"{summary['project']}, run {summary['run']}: {found}.")


def _clips(inputs: tuple[Path, ...], dataset: Path | None) -> list[Clip]:
    if not inputs:
        raise click.UsageError(
            "Say which videos: files, folders of images, or --dataset JSON and its folder."
        )
    if dataset is None:
        names = _unique_names(_name_of(path) for path in inputs)
        return [
            Clip(name, path, number) for number, (name, path) in enumerate(zip(names, inputs, strict=True), 1)
        ]
    if len(inputs) != 1:
        raise click.UsageError("With --dataset, give the one folder that holds its frames.")
    from stmask_core.video.dataset import open_dataset

    videos = open_dataset(dataset, inputs[0])
    names = _unique_names(video.name for video in videos)
    return [
        Clip(name, video.folder, video.id, video.files) for name, video in zip(names, videos, strict=True)
    ]


def _name_of(path: Path) -> str:
    return path.resolve().stem if path.is_file() else path.resolve().name


def _unique_names(wanted: Iterable[str]) -> list[str]:
    """A name per video for its project: its own, numbered where two are alike."""
    names: list[str] = []
    for name in wanted:
        unique, count = name or "video", 2
        while unique in names:
            unique, count = f"{name}-{count}", count + 1
        names.append(unique)
    return names


def _span(text: str | None) -> tuple[int, int | None]:
    """``A:B`` with either end left out -> (first, stop)."""
    if text is None:
        return 0, None
    first, colon, stop = text.partition(":")
    try:
        span = (int(first or 0), int(stop) if stop else None)
    except ValueError:
        span = (-1, None)
    if not colon or span[0] < 0 or (span[1] is not None and span[1] <= span[0]):
        raise click.BadParameter(f"{text!r} is not A:B with A before B.", param_hint="--frames")
    return span


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FormatError(f"{out} cannot be made ({error.strerror}).", "Choose another --out.") from error


def _run(clip: Clip, order: Order) -> dict[str, Any]:
    """One video into its project; what came out."""
    from stmask_core.engine.demo_weights import weights_path
    from stmask_core.pre_label import RunPlan, file_checksum, finished_run, pre_label

    place, state, span = order.project_of(clip), order.state_of(clip), order.span
    with clip.open() as source:
        for warning in source.info.warnings:
            click.echo(f"{clip.path}: {warning}", err=True)
        last = min(span[1] or len(source), len(source)) - 1
        if span[0] > last:
            raise VideoError(f"{clip.name} has only {len(source)} frames.", "Choose other --frames.")
        with _project(place, clip, state) as project:
            video = _record_of(project, clip, len(source))
            checksum = file_checksum(weights_path(order.weights))
            plan = RunPlan(video, span[0], last, order.weights, checksum, beside=order.beside)
            document, how = project.document, (order.model, order.settings)
            finished = finished_run(document, plan, *how) is not None and not state.exists()
            if order.again or not finished:
                results = pre_label(document, source, *how, plan, resume=state)
                for _ in with_progress(results, label=clip.name, unit="frame", total=last - span[0] + 1):
                    pass
            run = finished_run(document, plan, *how)
            assert run is not None
            tracks = set(document.tracks.of_video(video))
            if order.beside:
                tracks &= {track for _, track in run.tracks}
            masks = sum(project.document.annotations.count(track) for track in tracks)
            return {
                "project": str(place),
                "run": run.id,
                "frames": last - span[0] + 1,
                "tracks": len(tracks),
                "masks": masks,
                "warnings": list(source.info.warnings),
                "already_done": finished and not order.again,
            }


def _record_of(project: Project, clip: Clip, frame_count: int) -> VideoId:
    """The clip in its project. VideoError when the project belongs to something else."""
    from stmask_core.video.fingerprint import fingerprint

    record = next(iter(project.document.videos.values()), None)
    is_there = record is not None and record.path == project.stored_path(clip.path)
    if record is None or (not is_there and record.fingerprint != fingerprint(clip.path)):
        raise VideoError(
            f"{project.path} is the project of another video than {clip.path}.", "Choose another --out."
        )
    if record.frame_count != frame_count:
        raise VideoError(
            f"{clip.name}: the dataset lists {frame_count} frames, its folder holds others too.",
            "Keep only the listed frames in the folder.",
        )
    return record.id


@contextmanager
def _project(place: Path, clip: Clip, state: Path) -> Iterator[Project]:
    """The video's project: the one that is there, else a new one, which goes when nothing came into it."""
    from stmask_core.formats.project_file import remove_project
    from stmask_core.project import Project

    is_new = not place.exists()
    project = Project.create(place, video=clip.path) if is_new else Project.open(place)
    try:
        with project:
            yield project
            is_new = False
    finally:
        if is_new and not state.exists():
            remove_project(place)


def _write_results(out: Path, clips: list[tuple[Clip, RunId | None]], model: Model) -> None:
    """All projects as one YouTube-VIS results file, categories as the network numbers them.

    clips: with the one run whose tracks are meant; None for all that the project holds.
    A project as the run left it gives the authors' entries; one that a person changed, what it holds now.
    """
    from stmask_core.formats.category_lists import with_categories
    from stmask_core.formats.document_exchange import document_exchange, exchange_video
    from stmask_core.formats.exchange import Exchange, ExchangeCategory
    from stmask_core.formats.ytvis_results import write_ytvis_results
    from stmask_core.project import Project
    from stmask_core.run_results import is_untouched, untouched_run, video_of_run

    numbered = tuple(ExchangeCategory(n, name) for n, name in enumerate(model.categories, start=1))

    def videos() -> Iterator[Any]:
        for clip, alone in clips:
            with Project.open(out / f"{clip.name}.stm", read_only=True) as project:
                document = project.document
                record = next(iter(document.videos.values()))
                if alone is None:
                    chosen, run = set(document.tracks.of_video(record.id)), untouched_run(document, record)
                else:
                    found = document.runs[alone]
                    chosen = {track for _, track in found.tracks}
                    run = found if is_untouched(document, found) else None
                exact = None if run is None else video_of_run(document, record, run, clip.number)
                if exact is not None:
                    yield exact
                    continue
                video = exchange_video(document, record, clip.number, only=chosen)
                own = Exchange(document_exchange(document, []).categories, (video,))
                used = {track.category_id for track in video.tracks}
                yield from with_categories(own, numbered, {}, used=used, where="the network").videos

    write_ytvis_results(Exchange(numbered, videos()), out / "results.json", keep_empty=True)


def _overlay(project: Path) -> None:
    from stmask_core.cli import run_verb

    run_verb(
        "export", [str(project), "--format", "video", "--out", str(project.with_suffix(".mp4")), "--force"]
    )
