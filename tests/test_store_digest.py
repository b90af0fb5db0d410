"""The digest: the same wherever a session is kept, and another for every other value."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from store_samples import EPOCH, execute, facts, fill, query, record

from benchdb.store.database import connect
from benchdb.store.digest import SESSION_TABLES, session_digest
from benchdb.store.merge import merge
from benchdb.store.models import Base
from benchdb.store.opening import make_writable
from benchdb.store.recorder import Recorder

pytestmark = pytest.mark.portable

DATA = Path(__file__).with_name("data")


def digests(path: Path) -> list[str]:
    with contextlib.closing(connect(path)) as connection:
        rows = connection.execute("select id from session order by uid").fetchall()
        return [session_digest(connection, row) for (row,) in rows]


@pytest.mark.parametrize("sql", sorted(DATA.glob("schema_*.sql")), ids=lambda path: path.stem)
def test_digests_of_files_of_every_schema_are_as_they_were(sql: Path, tmp_path: Path) -> None:
    path = tmp_path / "pinned.db"
    connection = sqlite3.connect(path)
    connection.executescript(sql.read_text("utf-8"))
    connection.close()
    expected = (DATA / f"{sql.stem}.digests").read_text("utf-8").split()
    make_writable(path)
    assert digests(path) == expected
    assert [
        digest for (digest,) in query(path, "select digest from session order by uid")
    ] == expected


def test_every_schema_has_its_pinned_file() -> None:
    from benchdb.store.revisions import lineage

    assert {path.stem.split("_")[1] for path in DATA.glob("schema_*.sql")} == set(lineage())


def test_row_ids_and_other_sessions_do_not_enter(tmp_path: Path) -> None:
    alone = record(tmp_path / "alone.db", "a")
    for number in range(3):
        record(tmp_path / "full.db", f"other-{number}", day=number + 1)
    assert record(tmp_path / "full.db", "a") == alone


def test_the_order_of_insertion_does_not_enter(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    record(path, runs=range(5))
    before = digests(path)
    for table in SESSION_TABLES[1:]:
        execute(
            path,
            f"create table kept as select * from {table} order by ordinal desc, rowid desc",
            f"delete from {table}",
            f"insert into {table} select * from kept",
            "drop table kept",
        )
    assert query(path, "select ordinal from test_run order by rowid limit 1") == [(5,)]
    assert digests(path) == before


def cells() -> list[tuple[str, str]]:
    return [
        (table, column.name)
        for table in SESSION_TABLES
        for column in Base.metadata.tables[table].columns
        if column.name not in ("id", "session_id", "digest", "ordinal")
    ]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sample") / "a.db"
    record(path, "a")
    record(path, "z", day=1)
    return path


@settings(
    max_examples=60,
    deadline=None,
    database=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(st.sampled_from(cells()), st.data())
def test_every_value_of_every_column_enters(
    sample: Path, cell: tuple[str, str], data: st.DataObject
) -> None:
    table, column = cell
    kinds = {one.name: one for one in Base.metadata.tables[table].columns}
    foreign = kinds[column].foreign_keys
    sql_type = str(kinds[column].type)
    if foreign and column == "environment":
        return  # one fingerprint in the sample
    if foreign:
        new: object = None
    elif sql_type == "TEXT":
        new = data.draw(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
    elif sql_type == "DATETIME":
        new = str(
            EPOCH.replace(tzinfo=None)
            + data.draw(
                st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=9))
            )
        )
        new = new if "." in new else f"{new}.000000"
    elif sql_type == "BOOLEAN":
        new = data.draw(st.booleans())
    elif sql_type == "FLOAT":
        new = data.draw(st.floats(allow_nan=False))
    else:
        new = data.draw(st.integers(-(2**63), 2**63 - 1))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(shutil.copy(sample, folder))
        before = digests(path)
        one = f"select rowid from {table} order by rowid limit 1"
        ((rowid, old),) = query(
            path, f'select rowid, "{column}" from {table} where rowid = ({one})'
        )
        connection = sqlite3.connect(path)
        with connection:
            connection.execute(
                f'update or ignore {table} set "{column}" = ? where rowid = ?', (new, rowid)
            )
            ((held,),) = connection.execute(
                f'select "{column}" from {table} where rowid = ?', (rowid,)
            ).fetchall()
        connection.close()
        after = digests(path)
        changed = held != old
        assert (sorted(after) != sorted(before)) == changed, (table, column, old, held)


def test_a_float_counts_to_its_last_bit(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    record(path, runs=[0])
    before = digests(path)
    execute(path, "update test_run set duration = 0.3")
    assert query(path, "select duration = 0.1 + 0.2 from test_run") == [(0,)]
    assert digests(path) != before


def test_recording_into_a_file_or_merging_into_it_gives_the_same_digest(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.db", facts())
    fill(recorder, range(3))
    digest = recorder.finish(EPOCH)
    merge(tmp_path / "b.db", [tmp_path / "a.db"])
    assert digests(tmp_path / "b.db") == [digest]
