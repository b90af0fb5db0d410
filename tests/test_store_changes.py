"""Changing the schema as a user does: the models, `alembic revision --autogenerate`, old files."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import forks
import pytest
from store_samples import contents, execute, query, record

from benchdb.store.revisions import head

if TYPE_CHECKING:
    import subprocess

CHECKOUT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(
    not (CHECKOUT / "alembic.ini").exists(), reason="needs a checkout of benchdb"
)

#: Reports, from inside of a copy of the project, on a file; upgrades it if it records or merges.
TOOL = """
import contextlib, json, sys
sys.path.insert(0, TESTS)
from pathlib import Path
from benchdb.store.database import connect, engine, inspect
from benchdb.store.digest import session_digest
from benchdb.store.merge import merge
from benchdb.store.recording import Recording
from store_samples import closed, facts, names, EPOCH


def do(verb, path, *rest):
    path = Path(path)
    if verb == "record":
        recording = Recording(path, facts(rest[0]), {})
        ordinal = recording.open(EPOCH, names("test_new"))
        recording.close(ordinal, closed(7, **json.loads(rest[1])))
        recording.finish(EPOCH)
        return [str(recording.location), recording.notes]
    if verb == "merge":
        merged = merge(path, [Path(one) for one in rest])
        return [[one.added, one.held, one.conflicts] for one in merged]
    with contextlib.closing(connect(path)) as connection:
        rows = connection.execute("select id, digest from session order by id").fetchall()
        return [session_digest(connection, row) == digest for row, digest in rows]


print(json.dumps([do(*call) for call in json.loads(sys.argv[1])]))
"""


class Project:
    """A copy of the checkout in which the schema is changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("src", "alembic"):
            # With what Python compiled: it is compiled anew only where it is changed.
            shutil.copytree(CHECKOUT / name, folder / name)
        for name in ("alembic.ini", "pyproject.toml"):
            shutil.copy(CHECKOUT / name, folder)
        (folder / "tool.py").write_text(TOOL.replace("TESTS", repr(str(CHECKOUT / "tests"))))

    def edit(self, old: str, new: str, file: str = "src/benchdb/store/models.py") -> None:
        path = self.folder / file
        text = path.read_text("utf-8")
        assert text.count(old) == 1
        self._write(path, text.replace(old, new))

    def freeze(self, what: str, content: dict[str, str]) -> None:
        """Say what columns were first, as the docs tell."""
        path = self.folder / "src/benchdb/store/frozen.py"
        line = re.compile(rf"^{what}(.*) = .*$", re.MULTILINE)
        self._write(path, line.sub(rf"{what}\1 = {content}", path.read_text("utf-8")))

    def _write(self, path: Path, text: str) -> None:
        path.write_text(text, "utf-8")
        # What was compiled in the same second from as many bytes would be taken for its own.
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
            compiled.unlink()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environ = {**os.environ, "PYTHONPATH": str(self.folder / "src")}
        environ.pop("PYTHONWARNINGS", None)
        return forks.run(arguments, forks.ALEMBIC, self.folder, environ)

    def alembic(self, *arguments: str) -> str:
        done = self.run("-m", "alembic", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def revision(self, message: str) -> str:
        """Make a migration as the docs say; returns its text."""
        before = set((self.folder / "alembic" / "versions").glob("*.py"))
        self.alembic("revision", "--autogenerate", "-m", message)
        (made,) = set((self.folder / "alembic" / "versions").glob("*.py")) - before
        return made.read_text("utf-8")

    def refused(self, message: str) -> str:
        done = self.run("-m", "alembic", "revision", "--autogenerate", "-m", message)
        assert done.returncode != 0
        return done.stdout + done.stderr

    def tool(self, *arguments: object) -> object:
        return self.tools(arguments)[0]

    def tools(self, *calls: tuple[object, ...]) -> list[object]:
        """Record, merge and check with the changed code, all in one process of its own."""
        said = json.dumps([[str(argument) for argument in call] for call in calls])
        done = self.run("tool.py", said)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(folder)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file that the released code recorded, with a value in the columns that will change."""
    path = tmp_path / "old.db"
    record(path, "old", runs=[0, 1])
    return path


def holds(project: Project, old: Path, tmp_path: Path, columns: dict[str, object]) -> None:
    """Check all that must hold after any change of the schema, with a file from before it."""
    project.alembic("check")
    children = {name: contents(old)[name] for name in ("artifact", "revision_package", "package")}
    measured = query(old, "select metric, value, rounds from measurement order by 1, 2")
    digest = query(old, "select uid, digest from session")
    untouched = Path(shutil.copy(old, tmp_path / "untouched.db"))

    fresh = tmp_path / "fresh.db"
    into_old = Path(shutil.copy(old, tmp_path / "into_old.db"))
    recorded, checked, _, old_merged, new_merged, *both = project.tools(
        ("record", old, "new", json.dumps(columns)),
        ("check", old),
        ("record", fresh, "fresh", json.dumps(columns)),
        ("merge", into_old, fresh),
        ("merge", fresh, untouched),
        ("check", fresh),
        ("check", into_old),
    )

    # Upgraded by itself when something is recorded, after a backup.
    path, notes = recorded
    assert path == str(old)
    (backup,) = tmp_path.glob("old.db.before-*")
    assert str(backup) in notes[0]
    assert contents(backup) == contents(untouched)
    assert checked == [True, True]
    kept = """select metric, value, rounds from measurement m join session s on s.id = session_id
        where s.uid = 'old' and unit not like 'column:%' order by 1, 2"""
    assert query(old, kept) == measured
    now = contents(old)
    assert set(children["artifact"]) <= set(now["artifact"])
    assert (now["package"], now["revision_package"]) == (
        children["package"],
        children["revision_package"],
    )
    assert digest[0] in query(old, "select uid, digest from session")
    assert query(old, "pragma integrity_check") == [("ok",)]
    assert query(old, "pragma foreign_key_check") == []

    # A new file into an old one, and an old one into a new one.
    assert old_merged == new_merged == [[1, 0, []]]
    assert both == [[True, True], [True, True]]
    assert contents(fresh) == contents(into_old)
    assert project.tool("merge", fresh, into_old, old) == [[0, 2, []], [1, 1, []]]
    assert query(untouched, "select version_num from alembic_version") == [(head(),)]


@pytest.mark.portable
def test_a_column_is_added(project: Project, old: Path, tmp_path: Path) -> None:
    project.edit(
        "    hang_class: Mapped[str | None]\n",
        "    hang_class: Mapped[str | None]\n    retries: Mapped[int | None]\n",
    )
    migration = project.revision("Add the number of retries")
    assert "add_column(sa.Column('retries', sa.BigInteger()" in migration
    holds(project, old, tmp_path, {"retries": 3})
    assert query(old, "select name, retries from test_run order by 1") == [
        ("test_0[1]", None),
        ("test_1[1]", None),
        ("test_new[1]", 3),
    ]


@pytest.mark.parametrize(
    ("column", "value", "kind"),
    [
        ("duration", None, "float"),
        ("hang_class", 'it\'s "stuck" …', "text"),
    ],
)
def test_a_column_is_removed_and_its_values_stay_as_measurements(
    column: str, value: object, kind: str, project: Project, tmp_path: Path
) -> None:
    old = tmp_path / "old.db"
    from store_samples import EPOCH, closed, facts, names

    from benchdb.store.recorder import Recorder

    recorder = Recorder(old, facts("old"))
    recorder.close(recorder.open(EPOCH, names()), closed(0, **({column: value} if value else {})))
    recorder.finish(EPOCH)
    ((before,),) = query(old, f"select {column} from test_run")
    text = (project.folder / "src/benchdb/store/models.py").read_text("utf-8")
    (found,) = re.findall(
        rf"^    {column}: Mapped\[.*?(?=^    \w+: Mapped|^    def )", text, re.DOTALL | re.MULTILINE
    )
    project.edit(found, "")
    migration = project.revision(f"Remove {column}")
    assert f"drop_column('{column}')" in migration
    assert "benchdb" not in migration.replace("benchdb's", "")
    assert max(len(line) for line in migration.splitlines()) <= 100
    holds(project, old, tmp_path, {})
    kept = query(
        old,
        "select coalesce(value, json_extract(rounds, '$[0]')) from measurement where unit = ?",
        f"column:{kind}",
    )
    assert kept == [(before,)]


def test_columns_of_every_kind_are_removed_without_a_trace_in_digests(
    project: Project, old: Path, tmp_path: Path
) -> None:
    added = (
        "    hang_class: Mapped[str | None]\n    retries: Mapped[int | None]\n"
        "    warmed: Mapped[datetime | None]\n    warm: Mapped[bool | None]\n"
    )
    project.edit("    hang_class: Mapped[str | None]\n", added)
    project.revision("Add three")
    values = {"retries": 2**60 + 1, "warmed": "2026-01-02T03:04:05.000006+00:00", "warm": True}
    project.tool("record", old, "before", json.dumps(values))
    assert project.tool("check", old) == [True, True]
    for backup in tmp_path.glob("old.db.before-*"):
        backup.unlink()
    project.edit(added, "    hang_class: Mapped[str | None]\n")
    migration = project.revision("Remove three")
    assert migration.count("INSERT INTO measurement") == 2 * 3  # in SQLite and in PostgreSQL
    project.tool("record", old, "after", "{}")
    assert project.tool("check", old) == [True, True, True]
    assert query(
        old, "select metric, unit, rounds from measurement where unit like 'column:%' order by 1"
    ) == [
        ("retries", "column:integer", f"[{2**60 + 1}]"),
        ("warm", "column:boolean", "[1]"),
        ("warmed", "column:instant", '["2026-01-02 03:04:05.000006"]'),
    ]


def test_a_column_is_renamed_by_its_frozen_name(
    project: Project, old: Path, tmp_path: Path
) -> None:
    project.edit(
        "average_memory: Mapped[float | None] = mapped_column("
        'comment="bytes, of the whole cluster")',
        "mean_memory: Mapped[float | None] = mapped_column()",
    )
    project.freeze("NAMES", {"test_run.mean_memory": "average_memory"})
    migration = project.revision("Call it mean memory")
    assert "alter_column('average_memory'" in migration
    assert "new_column_name='mean_memory'" in migration
    assert "drop_column" not in migration
    holds(project, old, tmp_path, {"mean_memory": 5.5})
    assert query(old, "select mean_memory from test_run where name = 'test_1[1]'") == [(4.0,)]
    project.edit("mean_memory: ", "typical_memory: ")
    project.freeze("NAMES", {"test_run.typical_memory": "average_memory"})
    migration = project.revision("Call it typical memory")
    assert "alter_column('mean_memory'" in migration
    project.tool("record", old, "newest", '{"typical_memory": 6.5}')
    assert project.tool("check", old) == [True, True, True]


def test_a_column_is_retyped_by_its_first_kind(project: Project, old: Path, tmp_path: Path) -> None:
    column = "xdist_workers: Mapped[int | None] = mapped_column("
    project.edit(column, column.replace("int", "float"))
    said = project.refused("Allow halves")
    assert 'store/frozen.py, where KINDS needs "session.xdist_workers": "integer"' in said
    project.freeze("KINDS", {"session.xdist_workers": "integer"})
    project.revision("Allow halves")
    holds(project, old, tmp_path, {})
    assert query(old, "select typeof(xdist_workers) from session") == [("real",), ("real",)]


@pytest.mark.parametrize("after", ["float", "str"])
def test_values_that_only_the_new_type_can_hold_are_digested_as_they_are(
    after: str, project: Project, tmp_path: Path
) -> None:
    project.edit(
        "    hang_class: Mapped[str | None]\n",
        "    hang_class: Mapped[str | None]\n    retries: Mapped[int | None]\n",
    )
    project.revision("Add the number of retries")
    path = tmp_path / "a.db"
    project.tool("record", path, "whole", '{"retries": 2}')
    project.edit("retries: Mapped[int | None]", f"retries: Mapped[{after} | None]")
    project.freeze("KINDS", {"test_run.retries": "integer"})
    project.revision("Retype the number of retries")
    project.tool("record", path, "half", '{"retries": 2.5}')
    assert project.tool("check", path) == [True, True]
    execute(path, "update test_run set retries = 2.25 where retries = 2.5")
    assert project.tool("check", path) == [True, False]


def test_changes_that_digests_cannot_survive_are_refused(project: Project) -> None:
    models = project.folder / "src/benchdb/store/models.py"
    text = models.read_text("utf-8")
    project.edit("    hang_class: Mapped[str | None]\n", "    needed: Mapped[int]\n")
    assert "make it `Mapped[… | None]`" in project.refused("Add a column that is not nullable")
    models.write_text(text, "utf-8")
    project.edit("    host: Mapped[str | None]\n", "")
    assert "leave it NULL" in project.refused("Remove a session's column")


def test_released_code_names_the_version_that_a_newer_file_needs_and_records_beside_it(
    project: Project, tmp_path: Path
) -> None:
    from store_samples import EPOCH, facts

    from benchdb.store.recording import Recording

    project.edit(
        "    hang_class: Mapped[str | None]\n",
        "    hang_class: Mapped[str | None]\n    retries: Mapped[int | None]\n",
    )
    version = project.folder / "src/benchdb/__init__.py"
    version.write_text(
        re.sub(r'__version__(.*)= ".*"', r'__version__\1= "7.8.9"', version.read_text("utf-8"))
    )
    project.revision("Add the number of retries")
    path = tmp_path / "newer.db"
    project.tool("record", path, "newer", "{}")
    before = path.read_bytes()
    recording = Recording(path, facts("older"), {})
    recording.finish(EPOCH)
    assert path.read_bytes() == before
    assert "install benchdb 7.8.9" in recording.notes[0]
    assert recording.notes[1].endswith(f"benchdb merge --db {path} {tmp_path / 'newer-older.db'}")
    assert project.tool("merge", path, tmp_path / "newer-older.db") == [[1, 0, []]]
