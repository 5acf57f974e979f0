"""The document to and from the neutral shape of exchange: the only place that knows both.

An import is one edit: one undo step, all of it or nothing. Ids of tracks and categories are kept where the
project has never used them; a track that had to take another remembers the file's id and exports it again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from stmask_core.document.annotation_table import Row
from stmask_core.document.changes import Focus, TableName
from stmask_core.document.document import Document
from stmask_core.document.queries import reviewed_frames
from stmask_core.document.records import (
    OCCLUSIONS,
    SOURCES,
    Category,
    CategoryId,
    FrameState,
    MaskAnnotation,
    Track,
    TrackId,
    Video,
    VideoId,
)
from stmask_core.errors import FormatError
from stmask_core.formats.exchange import (
    Exchange,
    ExchangeCategory,
    ExchangeTrack,
    ExchangeVideo,
    Observation,
    check_video,
    plain_name,
)

LARGEST_KEPT_ID = 1_000_000  # ids above are remembered beside the track, not used as its number
HUMAN_SOURCES = ("manual", "interpolated")
# Our names in ``extra``. The fields of the file itself lie with the first video that came with it.
FILE_ID, FRAME_NAMES, FILE_FIELDS, TRACK_FILE_ID = "file_id", "frame_names", "file_fields", "imported_id"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a video of the file is in the project.

    video: the record to annotate; its id is 0 while it is not in the project yet. frames: for each frame of
    the annotations, the frame of the real video (see ``match_frames``).
    """

    video: Video
    frames: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ImportCounts:
    """What an import added."""

    videos: int = 0
    categories: int = 0
    tracks: int = 0
    masks: int = 0


def import_exchange(
    document: Document,
    exchange: Exchange,
    places: Mapping[int, Place],
    *,
    name: str = "Import",
    category_map: Mapping[str, str] | None = None,
) -> ImportCounts:
    """Add what a file says to the document in one undo step.

    places: id of an exchange video -> where it is; videos without one are left out. category_map: the file's
    name -> the project's name. A category of equal name (but for case, blanks and underscores) is the same
    category; one without is added. Every mask gets the source ``imported``, which no model run changes; masks
    that the file calls made by a person are marked as accepted, too. Raises FormatError or DocumentError,
    with nothing changed.
    """
    with document.edit(name, focus=_focus(places)):
        writer = _Writer(document, category_map or {}, exchange.extra)
        writer.add_categories(exchange.categories)
        for video in exchange.videos:
            if video.id in places:
                check_video(video, video.name)
                writer.add_video(video, places[video.id])
    return writer.counts


def _focus(places: Mapping[int, Place]) -> Focus | None:
    known = [place.video.id for place in places.values() if place.video.id]
    return Focus(known[0]) if known else None


class _Writer:
    """Writes one exchange inside one edit."""

    def __init__(
        self, document: Document, category_map: Mapping[str, str], file_fields: Mapping[str, Any]
    ) -> None:
        self._document = document
        self._file_fields = dict(file_fields)
        self._map = {plain_name(old): new for old, new in category_map.items()}
        self._category_of: dict[int, CategoryId] = {}
        self.counts = ImportCounts()

    def add_categories(self, categories: Iterable[ExchangeCategory]) -> None:
        """Find or add every category."""
        known = {plain_name(c.name): c.id for c in self._document.categories.values()}
        for category in sorted(categories, key=lambda c: c.id):
            name = self._map.get(plain_name(category.name), category.name)
            found = known.get(plain_name(name))
            if found is None:
                found = CategoryId(self._id_for("categories", category.id, self._document.categories))
                record = Category(found, name, category.supercategory, extra=dict(category.extra))
                self._document.put(record)
                known[plain_name(name)] = found
                self.counts = replace(self.counts, categories=self.counts.categories + 1)
            self._category_of[category.id] = found

    def add_video(self, video: ExchangeVideo, place: Place) -> None:
        """Add a video, unless it is there already, and all its tracks."""
        record = place.video
        if (record.width, record.height) != (video.width, video.height):
            raise FormatError(
                f"{video.name} is annotated at {video.width} x {video.height},"
                f" the video has {record.width} x {record.height} pixels."
            )
        if not record.id:
            extra = {**record.extra, **video.extra, FILE_ID: video.id}
            if video.frame_names and place.frames == tuple(range(record.frame_count)):
                extra[FRAME_NAMES] = list(video.frame_names)
            if self._file_fields:
                extra[FILE_FIELDS], self._file_fields = self._file_fields, {}
            record = replace(record, id=VideoId(self._document.new_id("videos")), extra=extra)
            self._document.put(record)
            self.counts = replace(self.counts, videos=self.counts.videos + 1)
        for frame in video.reviewed:
            self._document.put(FrameState(record.id, place.frames[frame], reviewed=True))
        for track in sorted(video.tracks, key=lambda t: t.id):
            self._add_track(record.id, track, place.frames)

    def _add_track(self, video: VideoId, track: ExchangeTrack, frames: tuple[int, ...]) -> None:
        if track.category_id not in self._category_of:
            raise FormatError(f"Track {track.id}: no category has the id {track.category_id}.")
        id_ = TrackId(self._id_for("tracks", track.id, self._document.tracks))
        extra = dict(track.extra)
        if id_ != track.id:
            extra[TRACK_FILE_ID] = track.id
        if track.is_crowd:
            extra["iscrowd"] = 1
        category = self._category_of[track.category_id]
        self._document.put(Track(id_, video, category, name=track.name, score=track.score, extra=extra))
        for observation in track.observations:
            self._document.put(_annotation(id_, frames[observation.frame], observation))
        masks = len(track.observations)
        self.counts = replace(self.counts, tracks=self.counts.tracks + 1, masks=self.counts.masks + masks)

    def _id_for(self, table: TableName, wanted: int, taken: Collection[int]) -> int:
        """``wanted`` where the project never gave it out, else a fresh id."""
        number = self._document.new_id(table)
        if number < wanted <= LARGEST_KEPT_ID and wanted not in taken:
            while number < wanted:
                number = self._document.new_id(table)
        return number


def _annotation(track: TrackId, frame: int, observation: Observation) -> MaskAnnotation:
    return MaskAnnotation(
        track=track,
        frame=frame,
        mask=observation.mask,
        source="imported",
        score=observation.score,
        box=observation.box,
        locked=observation.locked,
        accepted=observation.source in HUMAN_SOURCES,
        occlusion=OCCLUSIONS[observation.occlusion],
        extra=observation.extra,
    )


def document_exchange(document: Document, videos: Iterable[VideoId] | None = None) -> Exchange:
    """The document as an exchange that streams: masks of one video at a time are read from the file.

    videos: which ones, in this order; None for all. Marks of a person that an object is outside the frame,
    and empty masks, are left out.
    """
    chosen = [document.videos[v] for v in (document.videos if videos is None else videos)]
    categories = tuple(
        ExchangeCategory(c.id, c.name, c.supercategory, c.extra)
        for c in sorted(document.categories.values(), key=lambda c: c.id)
    )
    return Exchange(categories, _videos(document, chosen), _file_fields(chosen))


def _file_fields(records: list[Video]) -> dict[str, Any]:
    """What the files that the videos came with said about themselves; of two that differ, the first's."""
    fields: dict[str, Any] = {}
    for record in records:
        said = record.extra.get(FILE_FIELDS)
        fields = {**said, **fields} if isinstance(said, dict) else fields
    return fields


def _videos(document: Document, records: list[Video]) -> Iterator[ExchangeVideo]:
    ids = _video_ids(records)
    for record in records:
        yield exchange_video(document, record, ids[record.id])


def exchange_video(
    document: Document, record: Video, id_: int | None = None, *, only: Collection[TrackId] | None = None
) -> ExchangeVideo:
    """One video of the document with its tracks.

    id_: its number in the file; the record's if None. only: these tracks; all if None.
    """
    found = document.tracks.of_video(record.id).values()
    tracks = sorted((t for t in found if only is None or t.id in only), key=lambda t: t.id)
    numbers = _track_numbers(tracks)
    names = record.extra.get(FRAME_NAMES, ())
    return ExchangeVideo(
        id=record.id if id_ is None else id_,
        name=record.name or record.path,
        width=record.width,
        height=record.height,
        length=record.frame_count,
        tracks=tuple(_exchange_track(document, track, numbers[track.id]) for track in tracks),
        frame_names=tuple(names) if len(names) == record.frame_count else (),
        fps=record.frame_rate or None,
        reviewed=tuple(int(frame) for frame in reviewed_frames(document, record.id)),
        extra=_without(record.extra, FILE_ID, FRAME_NAMES, FILE_FIELDS),
    )


def _video_ids(records: list[Video]) -> dict[VideoId, int]:
    """The number each video had in the file it came from where that is unambiguous, else the project's."""
    wanted = [record.extra.get(FILE_ID, record.id) for record in records]
    usable = all(isinstance(w, int) and w >= 1 for w in wanted) and len(set(wanted)) == len(wanted)
    return {record.id: w if usable else record.id for record, w in zip(records, wanted, strict=True)}


def _track_numbers(tracks: list[Track]) -> dict[TrackId, int]:
    """Like ``_video_ids``, track by track: the file's number unless another track of the video has it."""
    own = {track.id for track in tracks if TRACK_FILE_ID not in track.extra}
    numbers: dict[TrackId, int] = {}
    taken = set(own)
    for track in tracks:
        wanted = track.extra.get(TRACK_FILE_ID, track.id)
        if track.id not in own and (not isinstance(wanted, int) or wanted < 1 or wanted in taken):
            wanted = track.id
            while wanted in taken:
                wanted += 1
        numbers[track.id] = wanted
        taken.add(wanted)
    return numbers


def _exchange_track(document: Document, track: Track, number: int) -> ExchangeTrack:
    rows = document.annotations.rows(track.id)
    observations = tuple(
        _observation(document, track.id, frame, row) for frame, row in rows if row.area and not row.is_outside
    )
    return ExchangeTrack(
        id=number,
        category_id=track.category,
        observations=observations,
        score=track.score,
        name=track.name,
        is_crowd=track.extra.get("iscrowd") == 1,
        extra=_without(track.extra, TRACK_FILE_ID, "iscrowd"),
    )


def _observation(document: Document, track: TrackId, frame: int, row: Row) -> Observation:
    annotation = document.materialise(track, frame, row)
    return Observation(
        frame,
        annotation.mask,
        score=annotation.score,
        source=SOURCES[row.source],
        box=annotation.box,
        locked=annotation.locked,
        occlusion=OCCLUSIONS.index(annotation.occlusion),
        extra=_without(annotation.extra, "category") if annotation.run is not None else annotation.extra,
    )


def _without(extra: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in extra.items() if key not in names}
