"""The fixed list of categories of the synthetic world: names and ids of YouTube-VIS 2019."""

from __future__ import annotations

from typing import NamedTuple


class Category(NamedTuple):
    """One category; ``element`` is where it moves: ground, water or air."""

    id: int
    name: str
    element: str


CATEGORIES: tuple[Category, ...] = (
    Category(1, "person", "ground"),
    Category(4, "parrot", "air"),
    Category(6, "sedan", "ground"),
    Category(8, "dog", "ground"),
    Category(9, "snake", "ground"),
    Category(12, "rabbit", "ground"),
    Category(13, "duck", "ground"),
    Category(16, "fish", "water"),
    Category(19, "turtle", "water"),
    Category(22, "giraffe", "ground"),
    Category(28, "airplane", "air"),
    Category(32, "elephant", "ground"),
)

BY_NAME = {category.name: category for category in CATEGORIES}
