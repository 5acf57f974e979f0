"""Small pictures for the queue of failures, decoded on the file lane: those wished for last, no others."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Generator
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal

from app.document_bridge import DocumentBridge
from app.jobs.job import Job
from app.jobs.lane import JobLane
from app.panels.event_pictures import object_picture
from app.panels.event_rows import ObjectView
from app.playback.frame_loader import FrameLoader
from app.view_state import ViewState
from stmask_core.errors import StmaskError, VideoError

Picture = NDArray[np.uint8]
Size = tuple[int, int]
MOST_WISHES = 24  # about what a tall list shows; older ones have been scrolled away


class Wishes:
    """Pictures that are wished for, oldest first; taken on the lane, made on the GUI thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sizes: OrderedDict[ObjectView, Size] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._sizes)

    def add(self, view: ObjectView, size: Size) -> None:
        """Wish for a picture; the oldest wish goes when there are too many."""
        with self._lock:
            self._sizes[view] = size
            while len(self._sizes) > MOST_WISHES:
                self._sizes.popitem(last=False)

    def take(self) -> tuple[ObjectView, Size] | None:
        """The oldest wish, None without one."""
        with self._lock:
            return self._sizes.popitem(last=False) if self._sizes else None


class ThumbnailFlow(QObject):
    """``ready`` tells each picture of the video on the canvas that was asked for and is still wanted."""

    ready = Signal(object, object)  # ObjectView, (H, W, 3) uint8 RGB or None when it cannot be read

    def __init__(
        self, view_state: ViewState, bridge: DocumentBridge, loader: FrameLoader, lane: JobLane
    ) -> None:
        super().__init__()
        self.view_state, self.bridge = view_state, bridge
        self._loader, self._lane = loader, lane
        self._wishes = Wishes()
        self._job: Job | None = None
        self._place: Path | None = None  # of the video, once it was looked for
        self._timer = QTimer(self)  # a list asks while it is painted
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._begin)
        view_state.video_changed.connect(self._forget)

    def ask(self, view: ObjectView, size: Size) -> None:
        """Wish for a picture of ``size`` (width, height) pixels. Asking again changes nothing."""
        self._wishes.add(view, size)
        if self._job is None:
            self._timer.start()

    def _begin(self) -> None:
        if self._job is not None or not self._wishes or self.bridge.project is None:
            return
        if self._place is None:
            record = self.bridge.video(self.view_state.video)
            with suppress(VideoError):
                self._place = None if record is None else self.bridge.project.find_video(record.id)
        if self._place is None:
            self._refuse()
            return
        place, wishes, cached = self._place, self._wishes, self._loader.cached
        job = self._job = self._lane.start("small pictures", lambda: _steps(place, wishes, cached))
        job.yielded.connect(lambda made: self.ready.emit(*made))
        job.succeeded.connect(self._done)
        job.failed.connect(self._failed)

    def _done(self, _: object) -> None:
        self._job = None
        if self._wishes:  # came when the last picture was under way
            self._timer.start()

    def _failed(self, _: BaseException) -> None:
        """The video cannot be opened: the canvas says so already."""
        self._job = None
        self._refuse()

    def _refuse(self) -> None:
        while (wish := self._wishes.take()) is not None:
            self.ready.emit(wish[0], None)

    def _forget(self, _: object) -> None:
        self._wishes = Wishes()
        self._place = None
        self._timer.stop()
        if self._job is not None:
            self._job.cancel()
            self._job = None


def _steps(
    place: Path, wishes: Wishes, cached: Callable[[int], NDArray | None]
) -> Generator[tuple[ObjectView, Picture | None], None, None]:
    from stmask_core.video.source import VideoSource, open_video

    source: VideoSource | None = None
    with ExitStack() as stack:
        while (wish := wishes.take()) is not None:
            view, size = wish
            image = cached(view.frame)
            try:
                if image is None:
                    source = source or stack.enter_context(open_video(place))
                    image = source.frame(view.frame)
            except (StmaskError, IndexError):
                yield view, None
            else:
                yield view, object_picture(image, view, size)
