"""The newest schema as SQL, from the models.

A script of it is kept beside the migration that leads to it, because making it takes SQLAlchemy,
which takes longer to load than all else at the start of a session.
"""

from __future__ import annotations

from sqlalchemy.dialects.sqlite import dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from benchdb.store.models import Base

_VERSION = (
    "CREATE TABLE alembic_version (\n\tversion_num VARCHAR(32) NOT NULL, \n"
    "\tCONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)\n)"
)


def schema_sql() -> str:
    """Return the statements that make the newest schema in SQLite, a semicolon after each."""
    made = []
    for table in Base.metadata.sorted_tables:
        made.append(str(CreateTable(table).compile(dialect=dialect())).strip())
        indexes = sorted(table.indexes, key=lambda one: str(one.name))
        made += [str(CreateIndex(index).compile(dialect=dialect())) for index in indexes]
    return "".join(f"{statement};\n" for statement in [*made, _VERSION])
