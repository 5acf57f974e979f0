"""Weights files, which are untrusted: the authors' ``.pth`` and our ``.safetensors``.

Nothing in a file is executed; a file that is not plain tensors, or does not fit, is refused with its reason.
"""

from __future__ import annotations

import errno
import json
import pickle
import struct
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from stmask_core.errors import CheckpointError
from stmask_core.formats.atomic import atomic_path
from stmask_core.model.compact import compacted, expanded, require_parts
from stmask_core.model.config import ModelConfig
from stmask_core.model.recognise import recognise, released_names, require_fit, skeleton
from stmask_core.model.stmask import STMask

FORMAT = "stmask"
VERSION = "1"
BELIEVABLE_BYTES = 1 << 30  # above this, a file must be as large as the tensors it claims to hold
_UNREADABLE = (
    RuntimeError, EOFError, ValueError, TypeError, LookupError, AttributeError,
    AssertionError, ArithmeticError, MemoryError, struct.error,
    SafetensorError,  # it hands files of that suffix on
)  # fmt: skip
"""What ``torch.load`` was seen to raise on damaged or hostile files."""


@dataclass(frozen=True)
class State:
    """Entries of a weights file, without ``module.`` prefixes; metadata only of safetensors files."""

    tensors: dict[str, Tensor]
    metadata: dict[str, str] | None
    notices: tuple[str, ...]


@dataclass(frozen=True)
class Checkpoint:
    """Weights that fit their configuration, entry for entry."""

    config: ModelConfig
    state_dict: dict[str, Tensor]
    categories: tuple[str, ...] | None  # names of ids 1..K; None when the file does not say
    notices: tuple[str, ...]  # what the user should know: guesses and dropped entries
    name: str | None = None  # the released configuration, None for others
    dataset: str | None = None  # guessed category list: "ytvis2019", "ytvis2021", "ovis"
    ours: bool = False
    extra: dict[str, Any] = field(default_factory=dict)

    def network(self) -> STMask:
        """A network holding these weights, in eval mode."""
        network = skeleton(self.config)
        network.load_state_dict(self.state_dict, assign=True)
        return network.eval()


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read weights and the configuration they belong to.

    Raises CheckpointError: file missing, damaged, not plain tensors, of another network, of a wrong shape.
    """
    path = Path(path)
    state = read_state(path)
    if state.metadata is not None:
        return _own_checkpoint(path, state)
    config = recognise(state.tensors)
    require_fit(state.tensors, config, path.name)
    name, dataset, notice = _guess(path.name, config)
    return Checkpoint(
        config=config,
        state_dict=_complete(state.tensors, config),
        categories=None,
        notices=(*state.notices, notice),
        name=name,
        dataset=dataset,
    )


def require_categories(config: ModelConfig, categories: Sequence[str], source: str) -> None:
    """CheckpointError when a category list is of another length than the network's class output."""
    if len(categories) != config.num_classes - 1:
        raise CheckpointError(
            f"The weights know {config.num_classes - 1} categories, but {source} has {len(categories)}.",
            "Choose the category list the weights were trained on.",
        )


def read_state(path: str | Path) -> State:
    """Every tensor of a weights file of any network; CheckpointError when it is not plain tensors."""
    path = Path(path)
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            start = file.read(9)
    except OSError as error:
        raise CheckpointError(f"Cannot open the weights {path}: {error.strerror or error}.") from error
    metadata: dict[str, str] | None = None
    if len(start) == 9 and start[8:] == b"{" and 0 < int.from_bytes(start[:8], "little") <= size - 8:
        found, metadata = _read_safetensors(path)
    else:
        found = _read_pickle(path)
    plain = _plain_tensors(path, found)
    _require_believable(path, plain, size)
    return _cleaned(path, plain, metadata)


def _read_safetensors(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a mapping)
            return expanded(tensors), dict(file.metadata() or {})
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path.name} is damaged or cut off: {_first_line(error)}.") from error


def _read_pickle(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on odd pickle protocols, which fail below anyway
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "unsupported global" in str(error).lower():
            raise CheckpointError(
                f"{path.name} holds more than plain tensors, so it was not loaded: it could run code.",
                "Ask for a file with the state dict only.",
            ) from error
        raise CheckpointError(f"{path.name} is damaged, or holds more than plain tensors.") from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # which is how a zip without its end is answered
            raise CheckpointError(f"Cannot read {path.name}: {error.strerror or error}.") from error
        raise CheckpointError(f"{path.name} is damaged or cut off.", "Fetch it again.") from error
    except _UNREADABLE as error:
        raise CheckpointError(
            f"{path.name} is not a weights file, or is damaged or cut off ({_first_line(error)})."
        ) from error


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:160].rstrip(".: ")


def _plain_tensors(path: Path, found: Any) -> Mapping[str, Tensor]:
    """What was read, when it is names and ordinary tensors and nothing else."""
    if not isinstance(found, Mapping) or not found:
        raise CheckpointError(f"{path.name} holds no state dict, but {type(found).__name__}.")
    for key, value in found.items():
        if not isinstance(key, str) or not isinstance(value, Tensor) or value.layout != torch.strided:
            raise CheckpointError(
                f"{path.name} is not a plain state dict: {str(key)[:80]!r} is {type(value).__name__}."
            )
    return found


def _require_believable(path: Path, tensors: Mapping[str, Tensor], size: int) -> None:
    """A tensor may repeat one stored number any number of times: a small file can claim all memory."""
    claimed = sum(value.numel() * value.element_size() for value in tensors.values())
    if claimed > max(size, BELIEVABLE_BYTES):
        raise CheckpointError(
            f"{path.name} claims {claimed / 1e9:.0f} GB of weights in {size / 1e6:.1f} MB: not loaded."
        )


def _cleaned(path: Path, found: Mapping[str, Tensor], metadata: dict[str, str] | None) -> State:
    """Names without ``module.``, float32 values, and without the entries the released loader drops too."""
    tensors: dict[str, Tensor] = {}
    dropped, converted = 0, 0
    for key, value in found.items():
        name = key.removeprefix("module.")
        if _is_leftover(name):
            dropped += 1
        elif name.endswith("num_batches_tracked"):
            tensors[name] = value.long()
        elif not value.is_floating_point():
            raise CheckpointError(f"{path.name}: {name} holds {value.dtype}, not real numbers.")
        else:
            converted += value.dtype != torch.float32
            tensors[name] = value.float()
    notices = []
    if dropped:
        notices.append(f"{dropped} leftover entries ignored, as in the authors' loader.")
    if converted:
        notices.append(f"{converted} entries converted to 32-bit floats.")
    return State(tensors=tensors, metadata=metadata, notices=tuple(notices))


def _is_leftover(name: str) -> bool:
    """Entries the released loader removes: an old backbone alias, unused pyramid levels (spec section 2)."""
    if name.startswith("backbone.layer") and not name.startswith("backbone.layers"):
        return True
    level = name.removeprefix("fpn.downsample_layers.").split(".")[0]
    return name.startswith("fpn.downsample_layers.") and level.isdecimal() and int(level[:6]) >= 2


def _complete(tensors: Mapping[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """The entries in the network's order; batch counters, absent from old files, start at zero."""
    expected = skeleton(config).state_dict()
    return {key: tensors[key] if key in tensors else torch.zeros((), dtype=torch.int64) for key in expected}


def _guess(file_name: str, config: ModelConfig) -> tuple[str | None, str | None, str]:
    """Released name, category list and a notice, from the class count and the file name.

    The YouTube-VIS 2019 and 2021 networks are equal in every key and shape: only the file name can tell.
    """
    names = released_names(config)
    lowered = file_name.lower()
    if not names:
        return None, None, f"{config.num_classes - 1} categories: choose the category list yourself."
    if config.num_classes == 26:
        return names[0], "ovis", "Categories: OVIS, from the class count."
    if "2021" in lowered:
        name = next((name for name in names if name.endswith("_YTVIS2021")), names[0])
        return name, "ytvis2021", "Categories: YouTube-VIS 2021, guessed from the file name."
    how = "guessed from the file name" if "2019" in lowered else "guessed: the file name does not say 2021"
    return names[0], "ytvis2019", f"Categories: YouTube-VIS 2019, {how}."


def _own_checkpoint(path: Path, state: State) -> Checkpoint:
    """Configuration and categories from the metadata that ``save_checkpoint`` wrote."""
    metadata = state.metadata or {}
    if metadata.get("format") != FORMAT:
        raise CheckpointError(f"{path.name} is a safetensors file without an STMask configuration.")
    if metadata.get("version") != VERSION:
        raise CheckpointError(
            f"{path.name} is of format version {str(metadata.get('version'))[:20]!r}, known is {VERSION}.",
            "Update this program.",
        )
    try:
        config = ModelConfig.from_dict(json.loads(metadata["config"]))
        categories = json.loads(metadata["categories"])
        extra = json.loads(metadata["extra"])
        if sum(config.blocks) > len(state.tensors):
            raise ValueError("more blocks than entries")
        if not isinstance(extra, dict):
            raise TypeError("extra is no object")
        if categories is not None and not all(isinstance(name, str) for name in categories):
            raise TypeError("categories are no names")
        require_fit(state.tensors, config, path.name)
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError, RuntimeError) as error:
        raise CheckpointError(f"{path.name} has a damaged description: {_first_line(error)}.") from error
    names = None if categories is None else tuple(categories)
    if names is not None:
        require_categories(config, names, "its own list")
    known = released_names(config)
    return Checkpoint(
        config=config,
        state_dict=_complete(state.tensors, config),
        categories=names,
        notices=state.notices,
        name=known[0] if known else None,
        ours=True,
        extra=extra,
    )


@dataclass(frozen=True)
class Taken:
    """What ``initialise_from`` did, by entry name."""

    taken: tuple[str, ...]
    kept: tuple[str, ...]  # the network's own: absent from the file, or of another shape there
    unused: tuple[str, ...]  # the file's: unknown to the network, or of another shape there


@torch.no_grad()
def initialise_from(network: nn.Module, path: str | Path) -> Taken:
    """Take every entry of equal name and shape, as the released training does with YOLACT++ files.

    Raises CheckpointError when the file is unreadable or nothing in it fits.
    """
    found, own = read_state(path).tensors, network.state_dict()
    fits = {name: value for name, value in found.items() if name in own and own[name].shape == value.shape}
    if not any(value.dim() for value in fits.values()):
        raise CheckpointError(
            f"{Path(path).name} has no entry that fits this network ({len(found)} entries read).",
            "Give a checkpoint of the same backbone.",
        )
    network.load_state_dict(fits, strict=False)
    return Taken(
        taken=tuple(fits),
        kept=tuple(name for name in own if name not in fits),
        unused=tuple(name for name in found if name not in fits),
    )


def save_checkpoint(
    path: str | Path,
    network: nn.Module,
    categories: Sequence[str] | None,
    extra: Mapping[str, Any] | None = None,
    *,
    compact: bool = False,
    four_bit: Sequence[str] = (),
) -> None:
    """Write a network's weights with its configuration and category names inside; whole or not at all.

    categories: names of ids 1..K, or None. extra: JSON values, for example how it was trained. compact:
    kernels in 8 bits, a quarter of the size, rounded to 1/127 of the largest of each output channel.
    four_bit: how the names of entries begin that are then kept in 4 bits.
    """
    config = network.config
    assert isinstance(config, ModelConfig)
    if categories is not None:
        require_categories(config, categories, "the list given")
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "config": json.dumps(config.to_dict()),
        "categories": json.dumps(None if categories is None else list(categories)),
        "extra": json.dumps(dict(extra or {})),
    }
    tensors = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
    require_parts(tensors, four_bit)
    try:
        with atomic_path(path) as beside:
            save_file(compacted(tensors, four_bit) if compact else tensors, beside, metadata)
    except SafetensorError as error:
        raise CheckpointError(f"Cannot write {path}: {_first_line(error)}.") from error
