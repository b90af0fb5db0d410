"""What the tab of sources is given: `data/sources/NN.js`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SourceShard:
    """The tests' sources whose files' paths have one hash."""

    sources: list[Source]


@dataclass(frozen=True, slots=True)
class Source:
    """The source of a test, as it is in the repository now.

    Parameters
    ----------
    test
        ``path::originalname``.
    line
        Of the file, from 1.
    """

    test: str
    line: int
    text: str
