"""What digests know columns by: first names and first kinds, kept for ever.

A session's digest is made under the names and kinds that its columns had when they first came into
a release. Who renames or retypes a column of a session's own tables adds a line here; who drops one
needs none, as the migration keeps its values. ``alembic revision --autogenerate`` asks for it. A
plain module, so that recording a session needs no SQLAlchemy.
"""

from __future__ import annotations

from typing import Final

#: ``table.column`` to the name that it had first.
NAMES: Final[dict[str, str]] = {}

#: ``table.column`` to the kind that it had first: text, integer, float, boolean or instant.
KINDS: Final[dict[str, str]] = {}


def frozen_name(table: str, column: str) -> str:
    """Return the name that digests know a column by."""
    return NAMES.get(f"{table}.{column}", column)


def frozen_kind(table: str, column: str, kind: str) -> str:
    """Return the kind that digests know a column by, given what it is now."""
    return KINDS.get(f"{table}.{column}", kind)
