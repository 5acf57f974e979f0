"""Lists of categories to map to: the three official ones, or a file of the user's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from stmask_core.errors import FormatError
from stmask_core.formats.exchange import (
    Exchange,
    ExchangeCategory,
    ExchangeVideo,
    map_categories,
    plain_name,
)
from stmask_core.formats.json_reading import (
    as_int,
    as_list,
    as_object,
    as_text,
    load_json,
    read_text,
    text_or,
)

OFFICIAL = ("ytvis2019", "ytvis2021", "ovis")
FOLDER = Path(__file__).resolve().parents[2] / "resources" / "categories"


def read_category_list(name: str) -> tuple[ExchangeCategory, ...]:
    """``ytvis2019``, ``ytvis2021``, ``ovis``; or a file: JSON with categories, or text, a name per line."""
    if name.casefold() in OFFICIAL:
        return _from_json(FOLDER / f"categories_{name.casefold()}.json")
    path = Path(name)
    if not path.is_file():
        raise FormatError(
            f"No list of categories is called {name!r}.", f"Say {', '.join(OFFICIAL)} or a file."
        )
    if path.suffix.lower() == ".json":
        return _from_json(path)
    lines = [line.strip() for line in read_text(path).splitlines()]
    found = tuple(ExchangeCategory(i, line) for i, line in enumerate((n for n in lines if n), start=1))
    return _checked(found, path.name)


def _from_json(path: Path) -> tuple[ExchangeCategory, ...]:
    content = load_json(path)
    entries = content.get("categories") if isinstance(content, dict) else content
    found = []
    for i, entry in enumerate(as_list(entries, f"{path.name} categories")):
        place = f"{path.name} categories[{i}]"
        fields = as_object(entry, place)
        found.append(
            ExchangeCategory(
                as_int(fields.get("id"), f"{place}.id"),
                as_text(fields.get("name"), f"{place}.name"),
                text_or(fields.get("supercategory"), "object", f"{place}.supercategory"),
            )
        )
    return _checked(tuple(found), path.name)


def _checked(found: tuple[ExchangeCategory, ...], name: str) -> tuple[ExchangeCategory, ...]:
    if not found:
        raise FormatError(f"{name}: holds no category.")
    if len({c.id for c in found}) != len(found):
        raise FormatError(f"{name}: a category id is used twice.")
    return found


def used_categories(videos: Iterable[ExchangeVideo]) -> set[int]:
    """Ids of the categories that tracks really have."""
    return {track.category_id for video in videos for track in video.tracks}


def unused_mappings(given: Mapping[str, str], names: Iterable[str]) -> list[str]:
    """A line for each name in a mapping that no category has, most likely misspelt. names: of the categories.

    Numbers and ``*`` are left out: they name what a file has no names for.
    """
    known = {plain_name(name) for name in names}
    return [
        f"no category is called {old!r}: {old}={new} changes nothing"
        for old, new in given.items()
        if old != "*" and not old.isdigit() and plain_name(old) not in known
    ]


def with_categories(
    exchange: Exchange,
    targets: Sequence[ExchangeCategory],
    given: Mapping[str, str],
    *,
    used: set[int],
    where: str,
) -> Exchange:
    """The same tracks under the categories of another list.

    used: ids that must find a partner (categories without a track need none). given: name -> target's name,
    from the user. Raises FormatError listing every name without a partner (see ``map_categories``).
    """
    wanted = [c for c in exchange.categories if c.id in used]
    found = map_categories(wanted, targets, given, where=where)
    return replace(exchange, categories=tuple(targets), videos=_mapped(exchange.videos, found))


def _mapped(
    videos: Iterable[ExchangeVideo], found: Mapping[int, ExchangeCategory]
) -> Iterator[ExchangeVideo]:
    for video in videos:
        tracks = tuple(replace(track, category_id=found[track.category_id].id) for track in video.tracks)
        yield replace(video, tracks=tracks)
