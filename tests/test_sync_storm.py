"""Many clients at once, on servers that fail, killed at random: each session is there once.

The full size: ``python tests/storm.py``.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from storm import Size, storm

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")

#: Of the size that the design asks for, what fits into a run of all tests.
SMALL = Size(writers=3, sessions=6, readers=1, compactors=1, rate=0.02, kills=4)


@pytest.mark.long
@pytest.mark.parametrize("server", ["moto", "radosgw"])
def test_every_session_comes_through_a_storm_once(
    server: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    came = storm(request.getfixturevalue(server), tmp_path, SMALL, seed=1)
    assert came.problems == []
    assert came.sessions >= SMALL.writers * SMALL.sessions
    assert came.kills > 0
    assert came.requests.total() > came.requests["passed"]
