"""The schema: models and migrations agree, and the newest one costs no library."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from store_samples import query, record

from benchdb.errors import UserError
from benchdb.store.database import connect, create_schema
from benchdb.store.digest import SESSION_TABLES
from benchdb.store.frozen import KINDS, NAMES, frozen_name
from benchdb.store.migrate import migrated_schema
from benchdb.store.models import Base
from benchdb.store.revisions import head, lineage, migrations_folder

pytestmark = pytest.mark.portable

CHECKOUT = Path(__file__).parents[1]


def described(path: Path) -> dict[str, object]:
    """Return tables, columns, keys and indexes as SQLite tells them."""
    tables = [name for (name,) in query(path, "select name from sqlite_master where type='table'")]
    return {
        table: [
            sorted(
                query(
                    path,
                    f"""select name, upper(type), "notnull", pk, dflt_value
                    from pragma_table_info('{table}')""",
                )
            ),
            sorted(
                query(
                    path,
                    f"""select seq, "table", "from", "to", on_delete
                    from pragma_foreign_key_list('{table}')""",
                )
            ),
            sorted(
                (
                    unique,
                    origin,
                    tuple(query(path, f"select name from pragma_index_info('{name}')")),
                )
                for _, name, unique, origin, _ in query(
                    path, f"select * from pragma_index_list('{table}')"
                )
            ),
        ]
        for table in tables
    }


def test_models_and_migrations_make_the_same_schema(tmp_path: Path) -> None:
    with contextlib.closing(connect(tmp_path / "models.db", create=True)) as connection:
        create_schema(connection)
    migrated_schema(tmp_path / "migrations.db")
    assert described(tmp_path / "models.db") == described(tmp_path / "migrations.db")
    for pragma in ("application_id", "user_version"):
        made = [
            query(tmp_path / f"{way}.db", f"pragma {pragma}") for way in ("models", "migrations")
        ]
        assert made[0] == made[1] != [(0,)]


def test_alembic_check_finds_no_drift(tmp_path: Path) -> None:
    if not (CHECKOUT / "alembic.ini").exists():
        pytest.skip("needs a checkout of benchdb")
    for name in ("src", "alembic"):
        shutil.copytree(CHECKOUT / name, tmp_path / name)
    shutil.copy(CHECKOUT / "alembic.ini", tmp_path)
    models = tmp_path / "src/benchdb/store/models.py"

    def check() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "alembic", "check"],
            cwd=tmp_path,
            env={"PYTHONPATH": str(tmp_path / "src"), "PATH": ""},
            capture_output=True,
            text=True,
        )

    assert check().returncode == 0
    text = models.read_text("utf-8")
    models.write_text(text.replace("    hang_class: Mapped[str | None]\n", ""), "utf-8")
    assert "remove_column" in check().stderr + check().stdout


def test_files_at_the_newest_schema_cost_neither_library(tmp_path: Path) -> None:
    record(tmp_path / "a.db")
    script = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from pathlib import Path\n"
        "from benchdb.store.recording import Recording\n"
        "from benchdb.store.merge import merge\n"
        "from store_samples import EPOCH, facts\n"
        f"path = Path({str(tmp_path / 'a.db')!r})\n"
        "recording = Recording(path, facts('two'), {}); recording.finish(EPOCH)\n"
        "assert recording.location == path\n"
        "merge(path.with_name('b.db'), [path])\n"
        "print('alembic' in sys.modules, 'sqlalchemy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.split() == ["False", "False"], done.stderr


def test_the_newest_revision_is_found_as_alembic_finds_it() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()))
    script = ScriptDirectory.from_config(config)
    assert head() == script.get_current_head()
    assert list(lineage()) == [one.revision for one in script.walk_revisions()][::-1]


def test_two_migrations_on_one_parent_are_named(tmp_path: Path) -> None:
    (tmp_path / "versions").mkdir()
    for name, parent in (("a", "None"), ("b", "'a'"), ("c", "'a'")):
        (tmp_path / "versions" / f"{name}.py").write_text(
            f"revision: str = '{name}'\ndown_revision: str | None = {parent}\n"
        )
    with pytest.raises(UserError, match=r"b and c in .* both follow a: .*down_revision"):
        lineage(tmp_path)


def test_a_migration_without_its_parent_is_named(tmp_path: Path) -> None:
    (tmp_path / "versions").mkdir()
    (tmp_path / "versions" / "b.py").write_text("revision = 'b'\ndown_revision = 'a'\n")
    with pytest.raises(UserError, match=r"no single line \(b\)"):
        lineage(tmp_path)


def test_no_two_columns_of_a_table_have_the_same_frozen_name() -> None:
    for table in SESSION_TABLES:
        names = [frozen_name(table, column.name) for column in Base.metadata.tables[table].columns]
        assert len(names) == len(set(names))


def test_what_is_frozen_is_a_column_that_there_is() -> None:
    tables = Base.metadata.tables
    assert {*NAMES, *KINDS} <= {
        f"{name}.{column.name}" for name in SESSION_TABLES for column in tables[name].columns
    }


def test_what_a_column_holds_is_told_by_the_database_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    record(path)
    kinds = {str: "text", int: "integer", float: "float", bool: "boolean", datetime: "instant"}
    kinds[bytes] = "bytes"
    with contextlib.closing(connect(path)) as connection:
        for table in Base.metadata.sorted_tables:
            assert connection.column_kinds(table.name) == {
                column.name: kinds[getattr(column.type, "impl", column.type).python_type]
                for column in table.columns
            }
