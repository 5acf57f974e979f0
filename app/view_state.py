"""What the window shows right now: neither saved in the project nor undone.

Every property is one typed value with one signal, emitted only on a real change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import QObject, Signal


class ViewState(QObject):
    """Current video, frame, selection, tool and layers."""

    video_changed = Signal(object)  # VideoId | None
    frame_changed = Signal(int)
    selection_changed = Signal(tuple)  # of TrackId, the first is the primary one
    hover_changed = Signal(object)  # TrackId | None
    tool_changed = Signal(str)
    brush_changed = Signal(int)
    layers_changed = Signal()
    range_changed = Signal(object)  # (first, last) | None
    playing_changed = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self._video: object | None = None
        self._frame = 0
        self._selection: tuple[int, ...] = ()
        self._hover: int | None = None
        self._tool = "select"
        self._brush_px = 20
        self._range: tuple[int, int] | None = None
        self._playing = False
        self.frame_count = 0
        self.layers = Layers(self)
        self.is_track: Callable[[int], bool] = lambda _: True  # a row that is about to go can be clicked

    @property
    def video(self) -> object | None:
        """Id of the video on the canvas, None on the start page."""
        return self._video

    def show_video(self, video: object | None, frame_count: int) -> None:
        """Turn to another video, at its first frame, with nothing selected."""
        self._video, self.frame_count = video, frame_count
        self._range = None
        self.select(())
        self._frame = 0
        self.video_changed.emit(video)
        self.frame_changed.emit(0)
        self.range_changed.emit(None)

    @property
    def frame(self) -> int:
        """Frame on the canvas."""
        return self._frame

    def go_to(self, frame: int) -> None:
        """Show ``frame``, held within the video."""
        frame = max(0, min(int(frame), self.frame_count - 1))
        if frame != self._frame and self.frame_count:
            self._frame = frame
            self.frame_changed.emit(frame)

    @property
    def selection(self) -> tuple[int, ...]:
        """Selected tracks, the primary one first."""
        return self._selection

    @property
    def track(self) -> int | None:
        """The primary selected track."""
        return self._selection[0] if self._selection else None

    def select(self, tracks: tuple[int, ...]) -> None:
        """Select exactly these tracks; what is no track (any more) is passed over."""
        tracks = tuple(track for track in dict.fromkeys(tracks) if self.is_track(track))
        if tracks != self._selection:
            self._selection = tracks
            self.selection_changed.emit(tracks)

    @property
    def hover(self) -> int | None:
        """Track under the pointer, on the canvas or the timeline."""
        return self._hover

    def set_hover(self, track: int | None) -> None:
        """Note the track under the pointer."""
        if track != self._hover:
            self._hover = track
            self.hover_changed.emit(track)

    @property
    def tool(self) -> str:
        """Name of the active tool."""
        return self._tool

    def use_tool(self, name: str) -> None:
        """Make ``name`` the active tool."""
        if name != self._tool:
            self._tool = name
            self.tool_changed.emit(name)

    @property
    def brush_px(self) -> int:
        """Brush diameter in image pixels."""
        return self._brush_px

    def set_brush_px(self, diameter: int) -> None:
        """Set the brush diameter, 1 to 500 image pixels."""
        diameter = max(1, min(int(diameter), 500))
        if diameter != self._brush_px:
            self._brush_px = diameter
            self.brush_changed.emit(diameter)

    @property
    def range(self) -> tuple[int, int] | None:
        """Selected frames (first, last), both included."""
        return self._range

    def set_range(self, span: tuple[int, int] | None) -> None:
        """Select a run of frames on the timeline, or none."""
        if span is not None:
            first, last = sorted(max(0, min(f, self.frame_count - 1)) for f in span)
            span = (first, last)
        if span != self._range:
            self._range = span
            self.range_changed.emit(span)

    @property
    def playing(self) -> bool:
        """True while the video plays."""
        return self._playing

    def set_playing(self, playing: bool) -> None:
        """Start or stop playing."""
        if playing != self._playing:
            self._playing = playing
            self.playing_changed.emit(playing)


class Layers:
    """What is drawn over the frame. ``set(name, value)`` tells the canvas once per real change."""

    NORMAL: Mapping[str, float] = {"opacity": 0.45, "brightness": 0.0, "contrast": 1.0}

    def __init__(self, state: ViewState) -> None:
        self._state = state
        self.masks = True
        self.outlines = True
        self.labels = True
        self.onion = False
        self.trails = False
        self.raw = False  # held: the frame alone
        self.solo = False  # only the selected tracks
        self.follow = False  # camera keeps the selected track centred
        self.opacity = self.NORMAL["opacity"]
        self.brightness = self.NORMAL["brightness"]  # added, -1 to 1
        self.contrast = self.NORMAL["contrast"]  # factor, 0.2 to 3

    def set(self, name: str, value: float | bool) -> None:
        """Change one layer setting by name."""
        if getattr(self, name) != value:
            setattr(self, name, value)
            self._state.layers_changed.emit()
