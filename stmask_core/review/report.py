"""The failure report: one HTML page that needs nothing else, to send to a colleague.

Every text is escaped and the page forbids scripts and anything from outside: names in a project are a
stranger's.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from stmask_core.opencv import cv2
from stmask_core.review.comparison import TruthEvent
from stmask_core.review.diagnostics.catalogue import DIAGNOSTICS
from stmask_core.review.events import ReviewEvent
from stmask_core.review.inspection import AgainstTruth, Inspection
from stmask_core.review.observations import Floats
from stmask_core.review.pixels import Picture
from stmask_core.review.plots import bars, strip
from stmask_core.structures.masks import Mask
from stmask_core.structures.overlay import draw_overlay
from stmask_core.structures.palette import track_colour

MOST_EVENTS = 16  # of each kind of list
PICTURE_WIDTH = 560  # pixels, at most
JPEG_QUALITY = 82
TRUE_COLOUR = (255, 255, 255)
SCORES = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10")
TRACKING = {
    "HOTA": "HOTA", "DetA": "DetA", "AssA": "AssA", "IDF1": "IDF1", "MOTA": "MOTA",
    "id_switches": "ID switches", "fragmentations": "fragmentations",
}  # fmt: skip


@dataclass(frozen=True)
class RunFacts:
    """What a report says about a model run. checksum: of the weights. settings: plain JSON values."""

    weights: str
    checksum: str
    started: str
    frames: str
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Source:
    """Where an inspection comes from. fingerprint: of the video. written: ISO 8601 in UTC."""

    project: str
    video: str
    fingerprint: str
    version: str
    written: str
    runs: tuple[RunFacts, ...]


def frames_to_show(inspection: Inspection) -> list[int]:
    """Frames whose pictures the report wants, ascending."""
    listed: list[ReviewEvent | TruthEvent] = [*inspection.events[:MOST_EVENTS], *_truth_events(inspection)]
    return sorted({event.frame for event in listed})


def report_page(inspection: Inspection, source: Source, pictures: Mapping[int, Picture]) -> str:
    """The page. pictures: frame -> (H, W, 3) RGB as far as they could be read."""
    scene = _Scene(inspection, pictures)
    parts = [f"<h1>Why did it fail: {escape(inspection.clip.name)}</h1>", _facts(inspection, source)]
    truth = inspection.truth
    if truth is not None:
        parts.append(_against_truth(truth, {track.id: track.name for track in inspection.clip.tracks}))
    parts.append(_plots(inspection))
    parts.append("<h2>Worst events</h2>")
    parts += [_event(scene, rank, e) for rank, e in enumerate(inspection.events[:MOST_EVENTS], 1)]
    if not inspection.events:
        parts.append("<p>Nothing is suspicious.</p>")
    if truth is not None:
        parts.append("<h2>Worst errors against the truth</h2>")
        parts += [_event(scene, rank, e) for rank, e in enumerate(_truth_events(inspection), 1)]
    parts += [_run(run) for run in source.runs]
    return _PAGE.format(title=escape(f"Review of {inspection.clip.name}"), body="\n".join(parts))


class _Scene:
    """Frames with their masks drawn in."""

    def __init__(self, inspection: Inspection, pictures: Mapping[int, Picture]) -> None:
        self._clip, self._pictures = inspection.clip, pictures
        self._names = {track.id: track.name for track in inspection.clip.tracks}
        self._truth = {} if inspection.truth is None else inspection.truth.masks

    def jpeg(self, event: ReviewEvent | TruthEvent) -> str | None:
        """The event's frame as a data address; None where there is no picture."""
        picture = self._pictures.get(event.frame)
        if picture is None:
            return None
        masks: list[Mask] = []
        colours, labels = [], []
        for id_, mask in self._clip.by_frame.get(event.frame, ()):
            masks.append(mask)
            colours.append(track_colour(id_))
            labels.append(f"{id_} {self._names[id_]}" if event.track in (None, id_) else str(id_))
        true = event.truth if isinstance(event, TruthEvent) else None
        true_mask = None if true is None else self._truth.get(true, {}).get(event.frame)
        if true_mask is not None and picture.shape[:2] == (true_mask.height, true_mask.width):
            masks.append(true_mask)
            colours.append(TRUE_COLOUR)
            labels.append(f"true {true}")
        drawn = draw_overlay(picture, masks, colours, [_ascii(label) for label in labels], opacity=0.35)
        return _data_address(drawn)


def _data_address(picture: Picture) -> str:
    height, width = picture.shape[:2]
    if width > PICTURE_WIDTH:
        size = (PICTURE_WIDTH, max(1, round(height * PICTURE_WIDTH / width)))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    _, packed = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(packed.tobytes()).decode("ascii")


def _ascii(text: str) -> str:
    """What OpenCV's letters can draw."""
    return text.encode("ascii", "replace").decode("ascii")[:24]


def _truth_events(inspection: Inspection) -> Sequence[TruthEvent]:
    return () if inspection.truth is None else inspection.truth.comparison.events[:MOST_EVENTS]


def _facts(inspection: Inspection, source: Source) -> str:
    clip = inspection.clip
    rows = [
        ("Project", source.project),
        ("Video", source.video),
        ("Video fingerprint", source.fingerprint or "unknown"),
        ("Size", f"{clip.size[1]} x {clip.size[0]}, {clip.length} frames"),
        ("Tracks", f"{len(clip.tracks)}, {len(inspection.table.frames)} masks"),
        ("Written", f"{source.written}, STMask Annotator {source.version}"),
    ]
    return _table((), rows)


def _against_truth(truth: AgainstTruth, names: Mapping[int, str]) -> str:
    """names: predicted track -> name."""
    precision, tracking = truth.evaluation.precision, truth.evaluation.tracking
    scores = [_table(SCORES, [[_number(getattr(precision, name)) for name in SCORES]])]
    if tracking is not None:
        scores.append(_table(TRACKING.values(), [[_number(getattr(tracking, name)) for name in TRACKING]]))
    counts = truth.comparison.matches.counts
    found = [counts[name] for name in ("CLR_TP", "CLR_FP", "CLR_FN")]
    scores.append(_table(("masks right (TP)", "wrong (FP)", "missed (FN)"), [found]))
    gains = [
        (kind, gain.count, _number(gain.AP), _number(gain.AP50))
        for kind, gain in truth.breakdown.gains.items()
    ]
    verdicts = [
        (
            _named(v.track, names),
            _named(v.truth, truth.categories),
            v.kind,
            _number(v.iou),
            _number(v.score),
            _number(v.AP_gain),
        )
        for v in truth.breakdown.verdicts
    ]
    frames = truth.comparison.frames
    return "\n".join(
        (
            "<h2>Against the truth</h2>",
            *scores,
            "<h3>What fixing one kind of error alone would add</h3>",
            _table(("error", "tracks", "AP", "AP50"), gains),
            "<h3>Tracks</h3>",
            _table(("track", "true track", "verdict", "IoU", "score", "AP gained"), verdicts),
            bars("Wrong masks per frame", np.array([f.wrong for f in frames], np.float64)),
            bars("Missed objects per frame", np.array([f.missed for f in frames], np.float64)),
            bars("Identity switches", np.array([f.identity_switches for f in frames], np.float64)),
        )
    )


def _plots(inspection: Inspection) -> str:
    table, length = inspection.table, inspection.clip.length
    drawn = [
        "<h2>Diagnostics</h2><p>The highest of all tracks in each frame, frames 0"
        f" to {length - 1} from left to right. AUROC: the chance that a wrong mask has a higher value"
        " than a right one, as measured on videos with known truth.</p>"
    ]
    drawn.append(strip("Risk", _highest(inspection.risk, table.frames, length), low=0, high=1))
    for diagnostic in sorted(DIAGNOSTICS, key=lambda d: -d.auroc):
        if diagnostic.shown:
            values = _highest(table.columns[diagnostic.name], table.frames, length)
            worth = f"AUROC {diagnostic.auroc:.2f}"
            drawn.append(strip(f"{diagnostic.title}: {diagnostic.words} ({worth})", values))
    return "\n".join(drawn)


def _highest(values: Floats, frames: np.ndarray, length: int) -> Floats:
    """(length,) highest value of each frame, NaN without one."""
    highest = np.full(length, np.nan)
    np.fmax.at(highest, frames, values)
    return highest


def _event(scene: _Scene, rank: int, event: ReviewEvent | TruthEvent) -> str:
    names = [f"frame {event.frame}"]
    if event.track is not None:
        names.append(f"track {event.track}")
    if isinstance(event, TruthEvent):
        names += [f"true track {event.truth}"] if event.truth is not None else []
        names.append(f"{event.frames} frames")
    else:
        names.append(f"severity {event.severity:.2f}")
    where = ", ".join(names)
    picture = scene.jpeg(event)
    image = "" if picture is None else f'<img src="{picture}" alt="{escape(f"{event.kind}, {where}")}">'
    text = f"<b>{rank}. {escape(event.kind)}</b>, {escape(where)}<br>{escape(event.cause)}"
    return f'<section class="event">{image}<p>{text}</p></section>'


def _run(run: RunFacts) -> str:
    settings = json.dumps(dict(run.settings), indent=2, ensure_ascii=False, default=str)
    rows = [
        ("Weights", run.weights),
        ("SHA-256 of the weights", run.checksum or "unknown"),
        ("Started", run.started),
        ("Frames", run.frames),
    ]
    return f"<h2>Model run</h2>{_table((), rows)}<pre>{escape(settings)}</pre>"


def _table(head: Iterable[str], rows: Iterable[Sequence[object]]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(c))}</td>" for c in row) + "</tr>" for row in rows)
    return f"<table>{f'<tr>{top}</tr>' if top else ''}{body}</table>"


def _named(track: int | None, names: Mapping[int, str]) -> str:
    return "-" if track is None else f"{track} {names.get(track, '')}".strip()


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}"


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.45 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; margin: .5rem 0 1rem; }}
th, td {{ border: 1px solid #8886; padding: .15rem .6rem; text-align: left; }}
td {{ overflow-wrap: break-word; max-width: 44rem; }}
figure {{ margin: .6rem 0; }}
svg {{ width: 100%; height: 60px; background: #8881; }}
polyline {{ fill: none; stroke: #2a78d0; stroke-width: 1.5; vector-effect: non-scaling-stroke; }}
rect, circle {{ fill: #d0502a; }}
.event {{ display: flex; gap: 1rem; align-items: flex-start; margin: 1rem 0; flex-wrap: wrap; }}
.event img {{ max-width: 100%; }}
.event p {{ margin: 0; flex: 1 1 16rem; }}
pre {{ overflow-x: auto; background: #8881; padding: .6rem; }}
</style></head><body>
{body}
</body></html>
"""
