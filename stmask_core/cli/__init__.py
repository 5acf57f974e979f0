"""The command line ``stmask``: one file per verb, each imported only when it is called."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Sequence
from typing import Any

import click

from stmask_core.errors import StmaskError

# verb -> one line of help; the module stmask_core.cli.<verb> defines `command`.
VERBS: dict[str, str] = {
    "annotate": "open the window",
    "run": "find, mask and track every object in videos: one project per video and results",
    "replay": "decide a run's identities again with other constants, without its backbone",
    "demo": "the main job on the sample clip in the box",
    "export": "write a project's annotations as YouTube-VIS, COCO, DAVIS, MOTS, CSV or video",
    "import": "bring annotations of other tools into a project",
    "evaluate": "AP, HOTA, IDF1 and identity switches of predictions, given the truth",
    "validate": "what an exporter or a reviewer should know about a project",
    "inspect": "where a project is likely wrong and why, worst first; errors, given the truth",
    "synth": "draw annotated synthetic video with exact truth",
    "weights": "list the released checkpoints, or say what a weights file is",
    "train": "train a network as a recipe says, on one device or several",
    "bench": "measure this machine and this program",
    "doctor": "what is wrong with this machine, and what to do",
}


class LazyVerbs(click.Group):
    """A command group that imports a verb's module on first use, so ``--help`` stays instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Verbs in the order of the help page."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The verb's command object, or None for an unknown verb."""
        if name not in VERBS:
            return None
        module = importlib.import_module(f"stmask_core.cli.{VERB_MODULES.get(name, name)}")
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing their modules."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


VERB_MODULES = {"import": "import_"}  # `import` is a Python keyword


@click.group(cls=LazyVerbs, context_settings={"help_option_names": ["-h", "--help"]})
def stmask() -> None:
    """Find, mask and track every object in a video with STMask."""


def print_json(value: Any) -> None:
    """Write one JSON value to standard output (what every ``--json`` prints)."""
    click.echo(json.dumps(value, ensure_ascii=False, allow_nan=False))


def printable(text: str) -> str:
    """Words that came out of a file, without the characters that steer a terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def run_verb(name: str, arguments: Sequence[str]) -> None:
    """Run a verb inside another program; its errors rise as they are."""
    verb = stmask.get_command(click.Context(stmask), name)
    assert verb is not None, f"there is no verb {name}"
    verb.main(args=list(arguments), prog_name=name, standalone_mode=False)


def main(arguments: list[str] | None = None) -> int:
    """Run ``stmask``; returns 0 on success, 1 on failure with one clear line, 2 on wrong use."""
    try:
        code = stmask.main(args=arguments, prog_name="stmask", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.UsageError as error:
        error.show()
        return 2
    except click.Abort:
        click.echo("stmask: stopped.", err=True)
        return 1
    except KeyboardInterrupt:
        click.echo("stmask: stopped.", err=True)
        return 130
    except StmaskError as error:
        click.echo("stmask: " + printable(" ".join(str(error).split())), err=True)
        return 1
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        click.echo(f"stmask: {error.strerror or error}{where}.", err=True)
        return 1
    return code if isinstance(code, int) else 0


def run_as_program() -> None:
    """Entry point of the installed ``stmask`` script."""
    sys.exit(main())
