"""Looking into files before they are used: weights, and annotations of other tools. Runs on a lane."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication

from app.dialogs.exchange_facts import FileCategory, FileContents, Look
from stmask_core.cli.import_ import IMAGE_SUFFIXES, read_annotations
from stmask_core.errors import FormatError, MissingDependency

ANY_NAME = {"*": "?"}  # categories that a file only numbers are named by the user
NUMBERED = ("ytvis-results", "davis", "mots")
PEEK = 65_536  # characters


def _tr(text: str) -> str:
    return QCoreApplication.translate("looking", text)


def guess_format(path: Path) -> str:
    """The format that a file or folder seems to have; FormatError when it is none that is known."""
    if not path.exists():
        raise FormatError(f"There is nothing called {path}.", "Choose a file or a folder.")
    if path.is_dir():
        inside = next(
            (p for p in sorted(path.rglob("*")) if p.suffix.lower() in (*IMAGE_SUFFIXES, ".txt")), None
        )
        if inside is not None:
            return "mots" if inside.suffix == ".txt" or "instances" in inside.parts else "davis"
    elif path.suffix.lower() == ".csv":
        return "csv"
    elif path.suffix.lower() == ".txt":
        return "mots"
    elif path.suffix.lower() == ".zip":
        return "ytvis-results"
    elif path.is_file():
        with open(path, encoding="utf-8", errors="replace") as file:
            head = file.read(PEEK).lstrip("\ufeff \t\r\n")
        if head.startswith("["):
            return "ytvis-results"
        if head.startswith("{"):
            return "coco" if '"images"' in head and '"videos"' not in head else "ytvis"
    raise FormatError(f"{path.name} is of no format that can be imported.", "Say which format it is.")


def look_into(look: Look) -> FileContents:
    """Read annotations of a known format as an import would, and say what is in them.

    FormatError says what is wrong with them.
    """
    format_ = look.format
    named = True
    try:
        exchange = read_annotations(look.source, format_, {}, None, look.dataset, look.first_frame)
        videos = tuple(exchange.videos)
    except FormatError:
        if format_ not in NUMBERED:
            raise
        exchange = read_annotations(look.source, format_, ANY_NAME, None, look.dataset, look.first_frame)
        videos, named = tuple(exchange.videos), False
    used = {track.category_id for video in videos for track in video.tracks}
    if format_ == "davis" and not named:  # its colours are objects, not categories
        categories: tuple[FileCategory, ...] = (FileCategory("*", ""),) if used else ()
    else:
        categories = tuple(
            FileCategory(c.name, c.name) if named else FileCategory(str(c.id), "")
            for c in exchange.categories
            if c.id in used
        )
    names = tuple(video.name for video in videos)
    tracks = sum(len(video.tracks) for video in videos)
    return FileContents(format_, categories, names, tracks, tuple(exchange.warnings))


def describe_weights(weights: str) -> str:
    """What weights are, in words. CheckpointError, or MissingDependency without torch."""
    try:
        from stmask_core.cli.weights import describe
        from stmask_core.engine.demo_weights import weights_path
    except ImportError as error:
        raise missing_model(error) from error
    try:
        found = describe(weights_path(weights))
    except ImportError as error:
        raise missing_model(error) from error
    if found["kind"] == "initialisation":
        raise FormatError(_tr("These weights can start a training, but are no whole network."))
    alike = found["configuration"] or next(iter(found["same_architecture"]), "")
    text = {"own": _tr("STMask Annotator weights"), "released": _tr("Released STMask weights")}[found["kind"]]
    facts = [
        f"{text}: {alike}" if alike else text,
        _tr("{0} categories").format(found["num_categories"]),
        _tr("{0} million parameters").format(round(found["parameters"] / 1e6, 1)),
    ]
    return "\n".join((", ".join(facts), *found["notices"]))


def missing_model(error: ImportError) -> MissingDependency:
    """What to say when the part that runs networks is not installed."""
    return MissingDependency(
        f"Running the model needs {error.name}, which is not installed.",
        "Install it: pip install 'stmask-annotator[model]'.",
    )
