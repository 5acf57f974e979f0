"""``stmask bench WHAT``: measurements on this machine, one subject per file of ``stmask_core/bench``."""

from __future__ import annotations

import importlib

import click

# WHAT -> the module that defines `command`, imported when it is asked for.
WHAT: dict[str, str] = {
    "model": "stmask_core.bench.model",
    "train": "stmask_core.bench.train",
    "accuracy": "stmask_core.bench.accuracy",
    "precision": "stmask_core.bench.precision",
    "retire": "stmask_core.bench.retire",
    "formats": "stmask_core.bench.formats",
    "document": "stmask_core.bench.document",
    "video": "stmask_core.bench.video",
    "window": "stmask_core.bench.window",
    "replay": "stmask_core.bench.replay",
    "review": "stmask_core.bench.review",
}


class Subjects(click.Group):
    """A command group that imports a subject's module on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Subjects in the order of the help page."""
        return list(WHAT)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The subject's command object, or None for an unknown one."""
        if name not in WHAT:
            return None
        command = importlib.import_module(WHAT[name]).command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subjects without importing them."""
        with formatter.section("What"):
            formatter.write_dl([(name, f"see: stmask bench {name} --help") for name in WHAT])


@click.group("bench", cls=Subjects, subcommand_metavar="WHAT [ARGS]...")
def command() -> None:
    """Measure this machine and this program."""
