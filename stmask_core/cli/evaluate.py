"""``stmask evaluate``: what predictions are worth, given the truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stmask_core.cli import print_json
from stmask_core.cli.progress import with_progress

if TYPE_CHECKING:
    from stmask_core.evaluation.average_precision import Precision
    from stmask_core.evaluation.evaluate import Evaluation

COLUMNS = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10")
WIDTH = 7


@click.command("evaluate")
@click.option(
    "--gt",
    "truth",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The truth: a YouTube-VIS annotation file or a project.",
)
@click.option(
    "--pred",
    "predicted",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Predictions: YouTube-VIS results (or a zip of them), an annotation file or a project.",
)
@click.option("--ignore-categories", is_flag=True, help="Judge masks and identities alone.")
@click.option("--no-tracking", is_flag=True, help="AP and AR alone, without HOTA, IDF1 and MOTA.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def command(truth: Path, predicted: Path, ignore_categories: bool, no_tracking: bool, as_json: bool) -> None:
    """YouTube-VIS AP and AR, equal to the official scorer's, and HOTA, IDF1, MOTA and identity switches.

    Numbers are fractions; undefined ones (no true object of that kind) are null.
    """
    from stmask_core.cli.scored_files import read_comparison
    from stmask_core.evaluation.evaluate import evaluate_ytvis

    compared = read_comparison(truth, predicted, ignore_categories=ignore_categories)
    for warning in compared.warnings:
        click.echo(f"warning: {warning}", err=True)
    clips = with_progress(compared.clips, label="evaluate", unit="videos", total=len(compared.clips))
    evaluation = evaluate_ytvis(
        clips, compared.categories, ignore_categories=ignore_categories, tracking=not no_tracking
    )
    if as_json:
        print_json(evaluation.as_json())
    else:
        _print_table(evaluation)


def _print_table(evaluation: Evaluation) -> None:
    """One line per category that has a number, then all together."""
    click.echo(f"{'':24}" + "".join(f"{name:>{WIDTH}}" for name in COLUMNS))
    for id_, name in evaluation.categories.items():
        precision = evaluation.per_category[id_]
        if precision.AP is not None and len(evaluation.categories) > 1:
            click.echo(_line(name, precision))
    click.echo(_line("all", evaluation.precision))
    tracking = evaluation.tracking
    if tracking is None:
        return
    names = ("HOTA", "DetA", "AssA", "IDF1", "MOTA")
    click.echo("  ".join(f"{name} {_number(getattr(tracking, name)).strip()}" for name in names))
    click.echo(
        f"{tracking.id_switches} identity switches, {tracking.fragmentations} fragmentations,"
        f" {tracking.true_positives} masks right, {tracking.false_positives} wrong,"
        f" {tracking.false_negatives} missed (IoU 0.5)"
    )


def _line(name: str, precision: Precision) -> str:
    return f"{name[:23]:24}" + "".join(_number(getattr(precision, column)) for column in COLUMNS)


def _number(value: float | None) -> str:
    return f"{'-':>{WIDTH}}" if value is None else f"{value:>{WIDTH}.3f}"
