"""What a test is called in its row, from its node id."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def names_of(nodeid: str, config: pytest.Config) -> tuple[str, str, str | None]:
    """Return the name, the original name and the path of a test.

    The name holds the class and the parameters (``TestIO::test_read[1-a]``), so that
    ``path::name`` is the node id; the original name is without the parameters.
    """
    path, separator, name = without_group(nodeid, config).partition("::")
    if not separator:
        return path, path, path
    return name, name.partition("[")[0], path


def without_group(nodeid: str, config: pytest.Config) -> str:
    """Return a node id without what pytest-xdist's ``--dist loadgroup`` appends to it."""
    if getattr(config.option, "loadgroup", False) or getattr(config.option, "dist", "") == (
        "loadgroup"
    ):
        # Folders may hold an @, and so may parameters; the name of a test doesn't.
        path, separator, rest = nodeid.partition("::")
        name, bracket, parameters = rest.partition("[")
        values, end, _ = parameters.rpartition("]")
        if "@" in name or not end:
            return path + separator + name.partition("@")[0]
        return path + separator + name + bracket + values + end
    return nodeid
