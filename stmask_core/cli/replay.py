"""``stmask replay``: what other association constants would have made of a run, and making it so."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stmask_core.cli import print_json
from stmask_core.cli.model_options import SET, changed_constants
from stmask_core.cli.progress import with_progress
from stmask_core.cli.recordings import (
    RecordedRun,
    frames_unlike_the_run,
    make_recording,
    model_of_run,
    open_recording,
    replayed,
    run_of_video,
)
from stmask_core.errors import FormatError

if TYPE_CHECKING:
    from stmask_core.document.commands.predictions import PredictedFrame
    from stmask_core.document.document import Document
    from stmask_core.document.records import ModelRun, VideoId
    from stmask_core.engine.clip import FrameResult
    from stmask_core.engine.replay import Lane, ReplayedFrame, ReplayTally
    from stmask_core.engine.session import Model
    from stmask_core.project import Project
    from stmask_core.tracking.association import AssociationSettings

LANE_COLUMNS, MOST_LANES = 60, 20
CHUNK = 64  # frames written in one transaction


@click.command("replay")
@click.argument("path", metavar="PROJECT", type=click.Path(path_type=Path))
@click.option("--video", "name", help="Which video, by name, when the project has several.")
@SET
@click.option(
    "--start-from",
    type=click.Choice(["run", "released", "paper"]),
    default="run",
    show_default=True,
    help="The constants that --set changes.",
)
@click.option("--record", "records", is_flag=True, help="First run the model again and record it.")
@click.option("--without-features", is_flag=True, help="With --record: leave out the maps, a small file.")
@click.option("--estimate", is_flag=True, help="Do not compute what the run did not have: faster, not exact.")
@click.option("--weights", help="The run's weights, when they are not where they were.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, …")
@click.option("--apply", "applies", is_flag=True, help="Write the result into the project, as one undo step.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def command(
    path: Path,
    name: str | None,
    constants: tuple[str, ...],
    start_from: str,
    records: bool,
    without_features: bool,
    estimate: bool,
    weights: str | None,
    device: str,
    applies: bool,
    as_json: bool,
) -> None:
    """Decide the identities of PROJECT's newest model run again with other constants, without its backbone.

    Constants: new_score (the dummy score), similarity, mask_weight, box_weight, new_similarity, new_iou,
    wins (score or association), keep, min_area, min_score, decay, retire_after (frames, or none), doubt.
    """
    from stmask_core.project import Project
    from stmask_core.tracking.constants import constants_of_run

    with Project.open(path, read_only=not applies) as project:
        video = _video(project, name)
        runs = run_of_video(project.document, video)
        network = Once(lambda: model_of_run(runs.source, weights, device))
        before = constants_of_run(runs.latest.settings.get("association", {}))
        after = _changed(before, start_from, constants)
        if records:
            _record(project, runs.source, network(), features=not without_features)
        compared = _Comparison(project, runs, None if estimate else network)
        tallies = {"before": compared.tally("before", before), "after": compared.tally("after", after)}
        applied = None
        if applies:
            frames = compared.frames("apply", after, evidence=True)
            applied = int(apply_replay(project.document, runs, after, frames).id)
        if as_json:
            print_json(
                {
                    "project": str(path),
                    "video": project.document.videos[video].name,
                    "run": int(runs.latest.id),
                    "recording": compared.described(),
                    "constants": {"before": _constants(before), "after": _constants(after)},
                    **{label: _described(tally, runs.source) for label, tally in tallies.items()},
                    "applied": applied,
                }
            )
    if not as_json:
        _print(tallies, applied)


def _record(project: Project, run: ModelRun, model: Model, *, features: bool) -> None:
    made = make_recording(project.path, project.find_video(run.video), run, model, features=features)
    for _ in with_progress(made, label="record", unit="frame", total=run.last - run.first + 1):
        pass
    unlike = frames_unlike_the_run(project.document, run, open_recording(project.path, run))
    if unlike:
        click.echo(
            f"note: in {unlike} frames the recording decides otherwise than the run did (another device?).",
            err=True,
        )


class Once:
    """A network that is loaded when it is first needed."""

    def __init__(self, load: Callable[[], Model]) -> None:
        self._load = load
        self._model: Model | None = None

    def __call__(self) -> Model:
        if self._model is None:
            self._model = self._load()
        return self._model


class _Comparison:
    """Replays of one recording."""

    def __init__(self, project: Project, runs: RecordedRun, model: Callable[[], Model] | None) -> None:
        self.recording = open_recording(project.path, runs.source)
        self._run = runs.source
        self._model = model

    def frames(self, label: str, settings: AssociationSettings, *, evidence: bool) -> Iterator[ReplayedFrame]:
        frames = replayed(self.recording, self._run, settings, self._model, evidence=evidence)
        yield from with_progress(frames, label=label, unit="frame", total=len(self.recording.frames))

    def tally(self, label: str, settings: AssociationSettings) -> ReplayTally:
        from stmask_core.engine.replay import ReplayTally

        tally = ReplayTally()
        for frame in self.frames(label, settings, evidence=False):
            tally.add(frame)
        return tally

    def described(self) -> dict[str, Any]:
        path = self.recording.path
        return {
            "path": str(path),
            "bytes": path.stat().st_size,
            "features": self.recording.has_features,
        }


def apply_replay(
    document: Document, runs: RecordedRun, settings: AssociationSettings, frames: Iterable[ReplayedFrame]
) -> ModelRun:
    """Write a replay as a new model run in one undo step; what a person made or locked stays as it is.

    frames: with evidence. Returns the run's record.
    """
    writer, rest = ReplayWriter(document, runs, settings), iter(frames)
    while chunk := [writer.predicted(frame.result) for frame in itertools.islice(rest, CHUNK)]:
        writer.write(chunk)
    return writer.finish()


class ReplayWriter:
    """Writes a replay as a new model run, chunk by chunk; the chunks are one undo step.

    masks, kept: written so far, and left out because of what a person made.
    """

    def __init__(self, document: Document, runs: RecordedRun, settings: AssociationSettings) -> None:
        from stmask_core.document.commands.predictions import start_run
        from stmask_core.engine.results import ClipTally
        from stmask_core.pre_label import project_categories

        source = runs.source
        self._document, self._tally = document, ClipTally()
        self._categories = project_categories(document, source.settings["categories"])
        self.run = start_run(
            document,
            source.video,
            first=source.first,
            last=source.last,
            weights=source.weights,
            checksum=source.checksum,
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            settings={**source.settings, "association": asdict(settings), "replay_of": int(source.id)},
        ).id
        self.masks = self.kept = 0

    def predicted(self, result: FrameResult) -> PredictedFrame:
        """A frame as ``write`` takes it; may be called on another thread."""
        from stmask_core.pre_label import predicted_frame

        self._tally.add(result)
        return predicted_frame(result, self._categories)

    def write(self, frames: Sequence[PredictedFrame]) -> None:
        """Write a chunk in one transaction."""
        from stmask_core.document.commands.predictions import add_predictions

        counts = add_predictions(self._document, self.run, frames)
        self.masks += counts.added
        self.kept += counts.withheld

    def finish(self) -> ModelRun:
        """Tidy up behind the last chunk; the run's record."""
        from stmask_core.document.commands.predictions import finish_run

        final = {number: self._categories[track.category] for number, track in self._tally}
        finish_run(self._document, self.run, categories=final)
        return self._document.runs[self.run]

    def take_back(self) -> None:
        """Undo what was written, unless somebody has edited since: then it is an undo step of its own."""
        from stmask_core.document.commands.predictions import group_of

        step = self._document.history.undo_step()
        if step and step[0].group == group_of(self.run):
            self._document.undo()


def _video(project: Project, name: str | None) -> VideoId:
    videos = project.document.videos
    found = [video for video, record in videos.items() if name in (None, record.name)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(record.name for record in videos.values())
    if not found:
        raise FormatError(f"The project has no video {name or ''}.".replace(" .", "."), f"It has: {known}.")
    raise FormatError(f"The project has {len(found)} such videos.", f"Choose one with --video: {known}.")


def _changed(before: AssociationSettings, start_from: str, constants: tuple[str, ...]) -> AssociationSettings:
    from stmask_core.tracking.association import PAPER, AssociationSettings

    base = {"run": before, "released": AssociationSettings(), "paper": PAPER}[start_from]
    return changed_constants(base, constants)


def _constants(settings: AssociationSettings) -> dict[str, Any]:
    return {**asdict(settings), "new_score": settings.new_score}


def _described(tally: ReplayTally, run: ModelRun) -> dict[str, Any]:
    names = dict(enumerate(run.settings["categories"], start=1))
    lanes = [
        {
            "track": lane.track,
            "category": names.get(lane.category, str(lane.category)),
            "shown": [list(span) for span in lane.shown],
            "detected": [list(span) for span in lane.detected],
        }
        for lane in tally.lanes()
    ]
    return {**tally.counts(), "exact": tally.is_exact, "lanes": lanes}


def _print(tallies: dict[str, ReplayTally], applied: int | None) -> None:
    before, after = tallies["before"].counts(), tallies["after"].counts()
    click.echo(f"{'':12}{'before':>10}{'after':>10}")
    for name in before:
        click.echo(f"{name:12}{before[name]:>10,}{after[name]:>10,}")
    for label, tally in tallies.items():
        lanes = tally.lanes()
        click.echo(f"\n{label}: █ detected, ░ carried")
        for lane in lanes[:MOST_LANES]:
            click.echo(f"{lane.track:>5} {drawn(lane, tally.first, tally.frames)}")
        if len(lanes) > MOST_LANES:
            click.echo(f"      and {len(lanes) - MOST_LANES} more tracks")
    if not tallies["after"].is_exact:
        click.echo(
            f"\nNot exact: {after['estimated']:,} times a track was left where it was: the run did not"
            "\ncarry it, and its recording has no maps (stmask replay --record), or --estimate was given."
        )
    if applied is not None:
        click.echo(f"\nApplied as model run {applied}, one undo step.")


def drawn(lane: Lane, first: int, count: int, columns: int = LANE_COLUMNS) -> str:
    """A lane as text: in each of ``columns`` equal parts of the video the most that is there."""
    columns = min(columns, count)

    def covers(spans: tuple[tuple[int, int], ...], column: int) -> bool:
        start, stop = (first + count * at // columns for at in (column, column + 1))
        return any(a < stop and start < b for a, b in spans)

    signs = []
    for column in range(columns):
        shown = "░" if covers(lane.shown, column) else " "
        signs.append("█" if covers(lane.detected, column) else shown)
    return "".join(signs).rstrip()
