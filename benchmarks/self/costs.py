"""Measures what a history costs as it grows: ``python benchmarks/self/costs.py --rows 10000``.

Makes a history of so many rows (see `histories.py`) in a folder, and lets `benchdb` push, pull and
compact it, each as a process of its own; prints a line of JSON for each. With ``--moto`` the remote
is moto's server on this machine, which takes the test dependencies. ``--write`` puts the table of
all results in a file (``--results``, which grows from run to run) into ``docs/figures.md``. Ten
million rows take 8 GB of disk and an hour.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import histories

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE: Final = Path(__file__).resolve()
PAGE: Final = HERE.parents[2] / "docs" / "figures.md"
_BLOCK: Final = re.compile(r"(?<=<!-- costs:begin -->\n).*?(?=<!-- costs:end -->)", re.DOTALL)

#: Names a file that the counts of a process are written to.
_COUNTS: Final = "BENCHDB_COUNTS"

#: In the order of the table.
WHAT: Final = {
    "first push": "push of all of it, the first",
    "first pull": "pull of all of it into a new file",
    "recent": "pull of the last 90 days into a new file",
    "push": "push of a new session of 1000 test runs",
    "pull": "pull of that session",
    "nothing": "pull of nothing new",
    "first compact": "compaction of all of it, the first",
    "compact": "compaction after one late session",
    "info": "`db info` of the remote",
}


def measure(rows: int, remote: str, folder: Path) -> Iterator[dict[str, Any]]:
    """Give what each command took, for a history of so many rows in a remote that is empty."""
    sessions = max(1, round(rows / histories.ROWS))
    whole, other, recent = (folder / f"{name}.db" for name in ("whole", "other", "recent"))
    # The copy for who has nothing but SQLite is no part of sync.
    (folder / "pyproject.toml").write_text('[tool.benchdb]\npublish_every = "0"\n')
    now = datetime.now(UTC)
    histories.make(whole, sessions, last=now - histories.EVERY)

    def run(what: str, *arguments: str | Path) -> dict[str, Any]:
        return {"what": what, "rows": rows, "remote": remote[:2], **_run(folder, *arguments)}

    yield run("first push", "push", remote, "--db", whole)
    yield run("first compact", "compact", remote)
    yield run("first pull", "pull", remote, "--db", other)
    yield run("recent", "pull", remote, "--since", "90d", "--db", recent)
    recent.unlink()
    histories.make(whole, 1, last=now)
    yield run("push", "push", remote, "--db", whole)
    yield run("pull", "pull", remote, "--db", other)
    yield run("nothing", "pull", remote, "--db", other)
    _run(folder, "compact", remote)
    late = folder / "late.db"
    histories.make(late, 1, last=now - histories.EVERY * (sessions / 2) + timedelta(minutes=1))
    _run(folder, "push", remote, "--db", late)
    yield run("compact", "compact", remote)
    yield run("info", "db", "info", remote)


def _run(folder: Path, *arguments: str | Path) -> dict[str, Any]:
    """Run a command, and return its requests, bytes, seconds and memory."""
    counts = folder / "counts.json"
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, HERE, "--", *arguments],
        env=os.environ | {_COUNTS: str(counts)},
        stdout=subprocess.DEVNULL,
        cwd=folder,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"benchdb {' '.join(map(str, arguments))}: {process.returncode}")
    return {
        **json.loads(counts.read_text()),
        "cpu": used.ru_utime + used.ru_stime,
        "wall": time.perf_counter() - began,
    }


# -- within such a process


def counted(arguments: list[str]) -> int:
    """Run a command of benchdb, and count what it asks of a remote."""
    from benchdb.cli import main
    from benchdb.sync.folder import Folder

    counts = {"requests": 0, "bytes": 0}

    def count(size: int) -> None:
        counts["requests"] += 1
        counts["bytes"] += size

    for name in ("read", "fetch", "put_new", "replace", "list", "delete", "etag"):
        setattr(Folder, name, _counting(name, getattr(Folder, name), count))
    if any(one.startswith("s3://") for one in arguments):
        from botocore.httpsession import URLLib3Session

        send = URLLib3Session.send

        def sending(self: Any, request: Any) -> Any:
            answer = send(self, request)
            lengths = (request.headers.get("Content-Length"), answer.headers.get("Content-Length"))
            count(sum(int(one or 0) for one in lengths))
            return answer

        URLLib3Session.send = sending
    try:
        return main(arguments)
    finally:
        Path(os.environ[_COUNTS]).write_text(json.dumps({**counts, "memory": _peak_memory()}))


def _peak_memory() -> int:
    """Return the most bytes of memory that this process had; not the one that it was forked of."""
    with contextlib.suppress(OSError):
        said = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
        if said:
            return int(said[1]) * 1024
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024


def _counting(name: str, function: Any, count: Callable[[int], None]) -> Any:
    def called(self: Any, *arguments: Any) -> Any:
        answer = function(self, *arguments)
        size = 0
        if name == "list":
            answer = list(answer)
        elif name == "fetch":
            size = arguments[1].stat().st_size
        elif name == "read":
            size = len(answer.body) if answer else 0
        elif name in ("put_new", "replace"):
            body = arguments[1]
            size = len(body) if isinstance(body, bytes) else body.stat().st_size
        count(size)
        return answer

    return called


@contextlib.contextmanager
def moto() -> Iterator[str]:
    """Start moto's server with an empty bucket; gives a remote in it."""
    program = HERE.parents[2] / "tests" / "moto_server.py"
    os.environ.update(
        AWS_ACCESS_KEY_ID="key", AWS_SECRET_ACCESS_KEY="secret", AWS_DEFAULT_REGION="us-east-1"
    )
    with subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{int(server.stdout.readline())}"
            import botocore.session

            client = botocore.session.Session().create_client("s3")
            client.create_bucket(Bucket="history")
            yield "s3://history/all"
        finally:
            server.kill()


# -- the table


def table(results: list[dict[str, Any]]) -> str:
    """Return the newest of each result, as Markdown."""
    newest = {(one["remote"], one["what"], one["rows"]): one for one in results}
    said = []
    for remote, where in (("s3", "With moto's server on the same machine"), ("", "With a folder")):
        found = {
            key[1:]: one for key, one in newest.items() if (key[0] == "s3") == (remote == "s3")
        }
        sizes = sorted({rows for _, rows in found})
        if not sizes:
            continue
        said += [f"{where}:", "", "| rows | " + " | ".join(f"{rows:,}" for rows in sizes) + " |"]
        said.append("|---" * (len(sizes) + 1) + "|")
        for what, told in WHAT.items():
            cells = (_cell(found.get((what, rows))) for rows in sizes)
            said.append(f"| {told} | {' | '.join(cells)} |")
        said.append("")
    return "\n".join(said)


def _cell(one: dict[str, Any] | None) -> str:
    if one is None:
        return ""
    return (
        f"{one['requests']:,}; {_bytes(one['bytes'])}; {_seconds(one['cpu'])} "
        f"({_seconds(one['wall'])}); {_bytes(one['memory'])}"
    )


def _bytes(number: float) -> str:
    for unit in ("B", "kB", "MB"):
        if number < 999.5:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} GB"


def _seconds(number: float) -> str:
    return f"{number:.1f} s" if number < 100 else f"{number:.0f} s"


def main() -> int:
    """Measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--rows", type=int, nargs="*", default=[])
    parser.add_argument("--moto", action="store_true", help="not in a folder")
    parser.add_argument("--results", type=Path, default=Path("costs.jsonl"))
    parser.add_argument("--folder", type=Path, help="for the files; default: a temporary one")
    parser.add_argument("--write", action="store_true", help="put the table into docs/figures.md")
    arguments = parser.parse_args()
    for rows in arguments.rows:
        folder = Path(tempfile.mkdtemp(prefix="costs-", dir=arguments.folder)).resolve()
        place = moto() if arguments.moto else contextlib.nullcontext(str(folder / "history"))
        try:
            with place as remote, arguments.results.open("a") as results:
                for one in measure(rows, remote, folder):
                    line = json.dumps(one)
                    print(line, flush=True)
                    print(line, file=results, flush=True)
        finally:
            shutil.rmtree(folder)
    if arguments.write:
        found = [json.loads(line) for line in arguments.results.read_text().splitlines()]
        text = PAGE.read_text("utf-8")
        PAGE.write_text(_BLOCK.sub(lambda _: table(found), text), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(counted(sys.argv[2:]) if sys.argv[1:2] == ["--"] else main())
