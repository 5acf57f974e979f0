"""``stmask annotate``: the window."""

from __future__ import annotations

from pathlib import Path

import click

from stmask_core.errors import MissingDependency


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
def command(paths: tuple[Path, ...]) -> None:
    """Open the window, with PATHS: a project, or videos and folders of images."""
    raise SystemExit(open_window(paths))


def open_window(paths: tuple[Path, ...]) -> int:
    """Run the window until it is closed; MissingDependency when its libraries are not installed."""
    try:
        from app.run import main
    except ImportError as error:
        raise MissingDependency(
            f"The window needs {error.name}, which is not installed.",
            "Install it: pip install 'stmask-annotator[app]'.",
        ) from error
    return main([str(path) for path in paths])
