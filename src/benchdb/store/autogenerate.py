"""What ``alembic revision --autogenerate`` writes, so that digests made before still hold.

- A new column that `benchdb.store.frozen` names after an earlier one is that one, renamed.
- The values of a dropped column of ``test_run`` become measurements first.
- A change that digests can't survive is refused, with what to do instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from alembic.autogenerate import renderers
from alembic.operations import ops
from alembic.util import CommandError
from sqlalchemy.dialects import sqlite

from benchdb.store.columns import kind_of
from benchdb.store.digest import DROPPED, SESSION_TABLES
from benchdb.store.frozen import KINDS, frozen_kind, frozen_name
from benchdb.store.models import Base

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alembic.autogenerate.api import AutogenContext


class KeepValuesOp(ops.MigrateOperation):
    """Turns the values of a column that is about to be dropped into measurements."""

    def __init__(self, dropped: ops.DropColumnOp) -> None:
        self.dropped = dropped

    def to_diff_tuple(self) -> tuple[str, str, str]:
        """Return what ``alembic check`` calls it."""
        return "keep_values", self.dropped.table_name, self.dropped.column_name


@renderers.dispatch_for(KeepValuesOp)
def _render_keeping(_: AutogenContext, operation: KeepValuesOp) -> str:
    lines = [
        "# The values stay as measurements: digests made with them still hold.",
        "op.execute({",
    ]
    for dialect in _JSON_ARRAY:
        sql = keep_values_sql(operation.dropped, dialect).replace("\n", "\n        ")
        lines.append(f'    "{dialect}": """\n        {sql}\n    """,')
    return "\n".join([*lines, "}[op.get_context().dialect.name])"])


def render_item(kind: str, item: Any, _: AutogenContext) -> str | Literal[False]:
    """Render benchdb's own types as SQLAlchemy's: migrations must not import what may change."""
    if kind == "type" and type(item).__module__.startswith("benchdb."):
        return f"sa.{item.impl!r}"
    return False


def keep_digests(_: Any, __: Any, directives: list[Any]) -> None:
    """Rewrite a new migration so that digests hold: Alembic's ``process_revision_directives``.

    Raises
    ------
    CommandError
        For a change that would alter digests made before.
    """
    for script in directives:
        for group in script.upgrade_ops_list:
            group.ops = list(_upgrading(group.ops))
        for group in script.downgrade_ops_list:
            for operation in group.ops:
                if isinstance(operation, ops.ModifyTableOps):
                    _rename(operation, backwards=True)


def _upgrading(operations: list[Any]) -> Iterator[Any]:
    for operation in operations:
        if isinstance(operation, ops.ModifyTableOps) and operation.table_name in SESSION_TABLES:
            _rename(operation)
            for inner in operation.ops:
                _refuse(operation.table_name, inner)
                if isinstance(inner, ops.DropColumnOp):
                    yield KeepValuesOp(inner)
        yield operation


def _rename(table: ops.ModifyTableOps, *, backwards: bool = False) -> None:
    """Turn the adding of a column and the dropping of its former self into a renaming."""
    model = Base.metadata.tables[table.table_name].columns
    added = {op.column.name: op for op in table.ops if isinstance(op, ops.AddColumnOp)}
    dropped = {op.column_name: op for op in table.ops if isinstance(op, ops.DropColumnOp)}
    new, old = (dropped, added) if backwards else (added, dropped)
    for name in list(new):
        frozen = frozen_name(table.table_name, name)
        if frozen == name:
            continue
        if frozen in old:
            former = frozen
        elif len(old) == 1:  # renamed before
            (former,) = old
        else:
            raise CommandError(
                f"{table.table_name}.{name} has the frozen name {frozen!r}, but it is not clear "
                "which column it was: rename and drop columns in revisions of their own"
            )
        source, target = (name, former) if backwards else (former, name)
        place = table.ops.index(new[name])
        table.ops[place] = ops.AlterColumnOp(
            table.table_name,
            source,
            modify_name=target,
            existing_type=model[name].type,
            existing_nullable=model[name].nullable,
        )
        table.ops.remove(old.pop(former))


def _refuse(table: str, operation: Any) -> None:
    if isinstance(operation, ops.AddColumnOp) and not operation.column.nullable:
        raise CommandError(
            f"{table}.{operation.column.name} is new and not nullable, which would change the "
            f"digests of all sessions: make it `Mapped[… | None]`"
        )
    if isinstance(operation, ops.DropColumnOp) and table != "test_run":
        raise CommandError(
            f"the digests of sessions are made with {table}.{operation.column_name}: "
            "keep the column and leave it NULL from now on"
        )
    if isinstance(operation, ops.AlterColumnOp) and operation.modify_type is not None:
        before, after = _kind(operation.existing_type), _kind(operation.modify_type)
        column = f"{table}.{operation.column_name}"
        if before != after and column not in KINDS:
            raise CommandError(
                f"digests know {column} as {before}: "
                f'say so in store/frozen.py, where KINDS needs "{column}": "{before}"'
            )


#: By dialect and kind, where it isn't the same for all: a JSON array of a column's value, in the
#: form in which SQLite holds it.
_JSON_ARRAY: Final[dict[str, dict[str, str]]] = {
    "sqlite": {"": "json_array({})"},
    "postgresql": {
        "": "'[' || to_json({})::text || ']'",
        "boolean": "'[' || {}::int::text || ']'",
        "instant": "'[' || to_json(to_char({}, 'YYYY-MM-DD HH24:MI:SS.US'))::text || ']'",
    },
}


def keep_values_sql(dropped: ops.DropColumnOp, dialect: str) -> str:
    """Return the SQL that turns a dropped column's values into measurements."""
    name = dropped.column_name
    kind = frozen_kind(dropped.table_name, name, _kind(dropped.to_column().type))
    quoted = f'"{name}"'
    # SQLite's JSON has 15 digits of a float; a column of floats has them all.
    form = _JSON_ARRAY[dialect].get(kind) or _JSON_ARRAY[dialect][""]
    place, value = ("value", quoted) if kind == "float" else ("rounds", form.format(quoted))
    return (
        f"INSERT INTO measurement (session_id, ordinal, metric, unit, {place})\n"
        f"SELECT session_id, ordinal, '{frozen_name(dropped.table_name, name)}', "
        f"'{DROPPED}{kind}',\n    {value}\n"
        f"FROM test_run WHERE {quoted} IS NOT NULL"
    )


def _kind(sql_type: Any) -> str:
    return kind_of(sql_type.compile(dialect=sqlite.dialect()))
