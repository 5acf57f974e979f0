"""The small network that ships with the product."""

from __future__ import annotations

from pathlib import Path

from stmask_core.errors import CheckpointError

DEMO_WEIGHTS = Path(__file__).resolve().parents[2] / "resources" / "weights" / "stmask_small.safetensors"


def weights_path(name: str | Path) -> Path:
    """``demo`` is the network in the box; anything else is a path. CheckpointError when it is not there."""
    path = DEMO_WEIGHTS if str(name) == "demo" else Path(name)
    if not path.is_file():
        hint = "Reinstall the product." if path == DEMO_WEIGHTS else "Check the path, or say demo."
        raise CheckpointError(f"There are no weights at {path}.", hint)
    return path
