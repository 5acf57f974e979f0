"""``stmask run``: pre-label videos, folders of images or a YouTube-VIS dataset, without a window."""

from __future__ import annotations

from collections.abc import Iterator
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
    as_json: bool,
    **options: Any,
) -> None:
    """Run the model over INPUTS: one project per video and results.json in --out.

    Interrupted, it goes on where it stopped; videos that are finished are left alone.
    """
    from dataclasses import replace

    clips = _clips(inputs, dataset)
    wanted = _span(span)
    model = model_from(options)
    settings = replace(settings_from(options), evidence=not no_evidence)
    _make_folder(out)
    weights = str(options["weights"])
    summaries = []
    for clip in clips:
        try:
            summaries.append(_run(clip, out, model, settings, weights, wanted, again))
            if overlay:
                _overlay(out / f"{clip.name}.stm")
        except (StmaskError, OSError) as error:
            message = str(error) or type(error).__name__
            click.echo(f"{clip.path}: {message}", err=True)
            summaries.append({"video": str(clip.path), "error": message})
    failed = [summary for summary in summaries if "error" in summary]
    done = [(clip, s) for clip, s in zip(clips, summaries, strict=True) if "error" not in s]
    if done:
        _write_results(out, [clip for clip, _ in done], model)
    if as_json:
        results = str(out / "results.json") if done else None
        print_json(
            {"videos": summaries, "results": results, "network": model.name, "precision": model.precision}
        )
    else:
        for summary in summaries:
            if "error" not in summary:
                click.echo(f"{summary['project']}: {summary['tracks']} tracks, {summary['masks']} masks.")
    if failed:
        raise VideoError(f"{len(failed)} of {len(summaries)} videos failed.")


def _clips(inputs: tuple[Path, ...], dataset: Path | None) -> list[Clip]:
    if not inputs:
        raise click.UsageError(
            "Say which videos: files, folders of images, or --dataset JSON and its folder."
        )
    if dataset is None:
        names = _unique_names(inputs)
        return [
            Clip(name, path, number) for number, (name, path) in enumerate(zip(names, inputs, strict=True), 1)
        ]
    if len(inputs) != 1:
        raise click.UsageError("With --dataset, give the one folder that holds its frames.")
    from stmask_core.video.dataset import open_dataset

    videos = open_dataset(dataset, inputs[0])
    return [Clip(video.name, video.folder, video.id, video.files) for video in videos]


def _unique_names(inputs: tuple[Path, ...]) -> list[str]:
    """A name per input for its project: the file's own, numbered where two are alike."""
    names: list[str] = []
    for path in inputs:
        name = path.resolve().stem if path.is_file() else path.resolve().name
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


def _run(
    clip: Clip,
    out: Path,
    model: Model,
    settings: Any,
    weights: str,
    span: tuple[int, int | None],
    again: bool,
) -> dict[str, Any]:
    """One video into its project; what came out."""
    from stmask_core.engine.demo_weights import weights_path
    from stmask_core.pre_label import RunPlan, file_checksum, pre_label

    place, state = out / f"{clip.name}.stm", out / f".{clip.name}.resume"
    with clip.open() as source:
        for warning in source.info.warnings:
            click.echo(f"{clip.path}: {warning}", err=True)
        last = min(span[1] or len(source), len(source)) - 1
        if span[0] > last:
            raise VideoError(f"{clip.name} has only {len(source)} frames.", "Choose other --frames.")
        with _project(place, clip) as project:
            video = next(iter(project.document.videos))
            if project.document.videos[video].frame_count != len(source):
                raise VideoError(
                    f"{clip.name}: the dataset lists {len(source)} frames, its folder holds others too.",
                    "Keep only the listed frames in the folder.",
                )
            plan = RunPlan(video, span[0], last, weights, file_checksum(weights_path(weights)))
            finished = _is_finished(project, plan) and not state.exists()
            if again or not finished:
                results = pre_label(project.document, source, model, settings, plan, resume=state)
                for _ in with_progress(results, label=clip.name, unit="frame", total=last - span[0] + 1):
                    pass
            tracks = project.document.tracks.of_video(video)
            masks = sum(project.document.annotations.count(track) for track in tracks)
            return {
                "video": str(clip.path),
                "project": str(place),
                "frames": last - span[0] + 1,
                "tracks": len(tracks),
                "masks": masks,
                "warnings": list(source.info.warnings),
                "already_done": finished and not again,
            }


@contextmanager
def _project(place: Path, clip: Clip) -> Iterator[Project]:
    """The video's project: the one that is there, else a new one, which goes when nothing came into it."""
    from stmask_core.project import Project

    is_new = not place.exists()
    project = Project.create(place, video=clip.path) if is_new else Project.open(place)
    try:
        with project:
            yield project
            is_new = False
    finally:
        if is_new and not place.with_name(f".{clip.name}.resume").exists():
            place.unlink(missing_ok=True)


def _is_finished(project: Project, plan: Any) -> bool:
    """True when a run of the same plan has gone over every frame."""
    for run in project.document.runs.of_video(plan.video).values():
        same = (run.first, run.last, run.checksum) == (plan.first, plan.last, plan.checksum)
        if same and run.done == ((plan.first, plan.last),):
            return True
    return False


def _write_results(out: Path, clips: list[Clip], model: Model) -> None:
    """All projects' predictions as one YouTube-VIS results file, categories as the network numbers them."""
    from stmask_core.formats.category_lists import with_categories
    from stmask_core.formats.document_exchange import document_exchange, exchange_video
    from stmask_core.formats.exchange import Exchange, ExchangeCategory
    from stmask_core.formats.ytvis_results import write_ytvis_results
    from stmask_core.project import Project

    numbered = tuple(ExchangeCategory(n, name) for n, name in enumerate(model.categories, start=1))

    def videos() -> Iterator[Any]:
        for clip in clips:
            with Project.open(out / f"{clip.name}.stm", read_only=True) as project:
                document = project.document
                record = next(iter(document.videos.values()))
                own = Exchange(
                    document_exchange(document, []).categories,
                    (exchange_video(document, record, clip.number),),
                )
                used = {int(t.category) for t in document.tracks.of_video(record.id).values()}
                yield from with_categories(own, numbered, {}, used=used, where="the network").videos

    write_ytvis_results(Exchange(numbered, videos()), out / "results.json")


def _overlay(project: Path) -> None:
    from stmask_core.cli import run_verb

    run_verb(
        "export", [str(project), "--format", "video", "--out", str(project.with_suffix(".mp4")), "--force"]
    )
