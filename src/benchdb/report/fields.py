"""Every field of every JSON document, for the manual: commands never read it."""

from __future__ import annotations

from typing import Final

from benchdb.report.dashboard_fields import DASHBOARD_FIELDS
from benchdb.report.database_fields import DATABASE_FIELDS
from benchdb.report.finding_fields import FINDING_FIELDS
from benchdb.report.release_fields import RELEASE_FIELDS
from benchdb.report.schemas import COMMANDS

_ALL: Final = DATABASE_FIELDS | FINDING_FIELDS | DASHBOARD_FIELDS | RELEASE_FIELDS

#: Path of a field to its meaning, by schema, in the order of the commands.
FIELDS: Final = {schema: _ALL[schema] for schema in COMMANDS}
