"""The search line of the track table."""

import math

import pytest

from app.panels.track_rows import TrackRow, matches

DOG = TrackRow(
    track=71, number=3, name="Rex", category="dog", colour=(1, 2, 3), frames=12, first=0, last=14, gaps=1,
    score=0.42, human=2, locked=True, hidden=False, reviewed=False,
)  # fmt: skip
EMPTY = TrackRow(
    track=72, number=4, name="#4", category="giant_panda", colour=(1, 2, 3), frames=0, first=0, last=0,
    gaps=0, score=math.nan, human=0, locked=False, hidden=True, reviewed=True,
)  # fmt: skip


@pytest.mark.parametrize(
    ("query", "dog", "empty"),
    [
        ("", True, True),
        ("cat:dog", True, False),
        ("CAT:Dog score<0.5 frames>10", True, False),
        ("score<0.4", False, False),
        ("score>=0.42", True, False),
        ("rex", True, False),
        ("3", True, False),
        ("panda", False, True),
        ("is:locked", True, False),
        ("-is:locked", False, True),
        ("is:hidden is:reviewed", False, True),
        ("gaps=1", True, False),
        ("human>0", True, False),
        ("frames<1", False, True),
        ("score<oops", False, False),
        ("is:nonsense", False, False),
        ("bogus:1", False, False),
    ],
)
def test_queries(query, dog, empty):
    assert matches(DOG, query) == dog
    assert matches(EMPTY, query) == empty
