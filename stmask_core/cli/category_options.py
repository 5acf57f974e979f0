"""The options by which import and export are told about categories."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


def category_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--categories LIST`` and ``--map OLD=NEW`` (repeatable)."""
    function = click.option(
        "--map",
        "mapping",
        multiple=True,
        metavar="OLD=NEW",
        callback=_pairs,
        help="A category by another name; OLD may be a number where the format has no names, or *.",
    )(function)
    return click.option(
        "--categories",
        metavar="LIST",
        help="Categories to map to: ytvis2019, ytvis2021, ovis, or a file (JSON, or a name per line).",
    )(function)


def _pairs(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for value in values:
        old, equals, new = value.partition("=")
        if not equals or not old.strip() or not new.strip():
            raise click.BadParameter(f"{value!r} is not OLD=NEW.", context, parameter)
        pairs[old.strip()] = new.strip()
    return pairs
