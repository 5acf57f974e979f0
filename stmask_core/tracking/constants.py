"""The constants of identity as text, and as a run notes them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from stmask_core.errors import FormatError
from stmask_core.tracking.association import AssociationSettings


def with_new_score(settings: AssociationSettings, new_score: float) -> AssociationSettings:
    """Settings whose whole dummy score is ``new_score``: its similarity part makes up the difference."""
    rest = (settings.mask_weight + settings.box_weight) * settings.new_iou
    return replace(settings, new_similarity=round(new_score - rest, 9))


def with_constants(settings: AssociationSettings, values: Mapping[str, str]) -> AssociationSettings:
    """Settings with some constants changed, given as text. ValueError for an unknown name or value.

    ``new_score`` stands for the whole dummy score; it sets ``new_similarity`` so that the sum is right.
    retire_after: a number, or "none".
    """
    total = values.get("new_score")
    changed = replace(
        settings, **{name: _constant(name, text) for name, text in values.items() if name != "new_score"}
    )
    return changed if total is None else with_new_score(changed, _number(total, "new_score"))


def constants_of_json(values: object) -> AssociationSettings:
    """The released constants with what a JSON object says of them. ValueError when that makes no sense."""
    if not isinstance(values, Mapping):
        raise ValueError("they are no table")
    return with_constants(AssociationSettings(), {name: str(value) for name, value in values.items()})


def constants_of_run(values: Mapping[str, Any]) -> AssociationSettings:
    """The constants noted in a run's record. FormatError when they are none."""
    try:
        return constants_of_json(values)
    except ValueError as error:
        raise FormatError(f"The run's constants cannot be read: {error}", "Run the model again.") from error


def _constant(name: str, text: str) -> Any:
    default = {f.name: f.default for f in fields(AssociationSettings)}
    if name not in default:
        raise ValueError(f"there is no constant {name}; there are new_score, {', '.join(default)}")
    choices = {"similarity": ("half_cosine", "cosine"), "wins": ("score", "association")}.get(name)
    if choices is not None:
        if text not in choices:
            raise ValueError(f"{name} is {' or '.join(choices)}, not {text}")
        return text
    if name == "retire_after" and text.lower() == "none":
        return None
    value = _number(text, name)
    if name == "doubt" and value < 0:
        raise ValueError(f"doubt is 0 or more, not {text}")
    if isinstance(default[name], float):
        return value
    if value != int(value) or value < 0:
        raise ValueError(f"{name} is a whole number, not {text}")
    return int(value)


def _number(text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{name} is a number, not {text}")
    return value
