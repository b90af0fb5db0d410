"""What is found in a history on a PostgreSQL server: what is found in it as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from made_up import History, project, step

if TYPE_CHECKING:
    from pathlib import Path

    from recorded import Project

    from benchdb.config import Server

ANALYSES = (
    ("changes", "--all"),
    ("gate", "last:1"),
    ("compare", "last:10", "date:..2026-01-15"),
    ("backtest",),
    ("explain", "t.py::test_03", "last:1"),
    ("show", "t.py::test_03"),
)


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def told(of: Project, at: str, *arguments: str) -> tuple[int, Any]:
    ran = of.benchdb(*arguments, "--format", "json", "--db", at)
    assert ran.out, ran.err
    found = ran.json
    del found["database"]
    return ran.code, found


def test_analyses_of_a_server_are_those_of_the_file(tmp_path: Path, server: Server) -> None:
    of = project(tmp_path / "p", History(cases=6, effects={"t.py::test_03": step(30, 1.2)}))
    merged = of.benchdb("merge", of.database, "--db", server.url)
    assert merged.code == 0, merged.err
    for arguments in ANALYSES:
        file, from_server = (told(of, at, *arguments) for at in (str(of.database), server.url))
        assert file == from_server, arguments


def test_the_dashboard_of_a_server_is_that_of_the_file(tmp_path: Path, server: Server) -> None:
    of = project(tmp_path / "p", History(cases=6, effects={"t.py::test_03": step(30, 1.2)}))
    of.benchdb("merge", of.database, "--db", server.url)
    for folder, at in (("file", str(of.database)), ("server", server.url)):
        ran = of.benchdb("dashboard", "-o", folder, "--db", at)
        assert ran.code == 0, ran.err
    assert files(of.folder / "server") == files(of.folder / "file")
