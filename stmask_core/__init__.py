"""STMask without a window. The names below are loaded on first use, so importing this is instant."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stmask_core.engine.clip import FrameResult, RunSettings, track_clip
    from stmask_core.engine.session import Model, build_model, load_model
    from stmask_core.project import Project
    from stmask_core.video.source import open_video

__all__ = [
    "FrameResult",
    "Model",
    "Project",
    "RunSettings",
    "build_model",
    "load_model",
    "open_video",
    "track_clip",
]

_HOME = {
    "FrameResult": "engine.clip",
    "RunSettings": "engine.clip",
    "track_clip": "engine.clip",
    "Model": "engine.session",
    "build_model": "engine.session",
    "load_model": "engine.session",
    "Project": "project",
    "open_video": "video.source",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
