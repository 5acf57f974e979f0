"""The official category lists by name, as the networks number them."""

from __future__ import annotations

import json
from pathlib import Path

from stmask_core.errors import CheckpointError

FOLDER = Path(__file__).resolve().parents[2] / "resources" / "categories"
OFFICIAL = ("ytvis2019", "ytvis2021", "ovis")


def category_names(name: str) -> tuple[str, ...]:
    """Names of ids 1..K of ``ytvis2019``, ``ytvis2021`` or ``ovis``."""
    if name.casefold() not in OFFICIAL:
        raise CheckpointError(
            f"No list of categories is called {name!r}.", f"Say one of {', '.join(OFFICIAL)}."
        )
    entries = json.loads((FOLDER / f"categories_{name.casefold()}.json").read_text(encoding="utf-8"))
    listed = entries["categories"] if isinstance(entries, dict) else entries
    return tuple(entry["name"] for entry in sorted(listed, key=lambda entry: entry["id"]))
