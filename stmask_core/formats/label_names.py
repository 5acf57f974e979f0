"""Category names for formats whose files hold numbers only."""

from __future__ import annotations

from collections.abc import Mapping

from stmask_core.errors import FormatError


def name_of_label(label: int, names: Mapping[str, str], *, where: str) -> str:
    """The category given for a number, or for ``*`` (every other number); asked for when there is none."""
    name = names.get(str(label), names.get("*"))
    if name is None:
        raise FormatError(
            f"{where} say {label} but not which category that is.",
            f"Name it: --map {label}=NAME, or --map '*=NAME' for all.",
        )
    return name
